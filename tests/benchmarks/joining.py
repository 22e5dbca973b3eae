"""Seconds and peak memory of prepare + stitch, 25 % to the right, at 1024, 2048 and 4096 squared.

    python tests/benchmarks/joining.py [--sides 1024,2048,4096] [--match full]

Each size runs in a process of its own, so that peaks are its own. With a ComfyUI checkout in COMFYUI_PATH, core's
ImagePadForOutpaint is timed beside it (which only pads).
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import time

import torch

from outpaint_nodes.nodes.imaging.canvas import Extents
from outpaint_nodes.nodes.imaging.prefill import prefill
from outpaint_nodes.nodes.imaging.stitch import stitch


def picture(side: int) -> torch.Tensor:
    """A noisy picture with structure, ``[1, side, side, 3]``."""
    g = torch.Generator().manual_seed(0)
    coarse = torch.rand((1, 3, side // 64, side // 64), generator=g)
    image = torch.nn.functional.interpolate(coarse, (side, side), mode="bicubic")[0].permute(1, 2, 0)
    return image.add_(torch.randn((side, side, 1), generator=g), alpha=0.02).clamp_(0, 1)[None].contiguous()


def peak() -> float:
    """Largest resident size of this process so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


CORE = """
import sys, time
side, right = map(int, sys.argv[1:])
sys.argv[1:] = ["--cpu"]
import comfy.options
comfy.options.enable_args_parsing()
import torch
from nodes import ImagePadForOutpaint
image = torch.rand(1, side, side, 3)
start = time.perf_counter()
ImagePadForOutpaint().expand_image(image, 0, 0, right, 0, 40)
print(time.perf_counter() - start)
"""


def core_padding(side: int, right: int) -> float | None:
    """Seconds of core's node, in the host's own interpreter; ``None`` without a host."""
    host = os.environ.get("COMFYUI_PATH")
    if not host:
        return None
    command = [os.environ.get("COMFYUI_PYTHON", sys.executable), "-c", CORE, str(side), str(right)]
    done = subprocess.run(command, cwd=host, capture_output=True, text=True, check=True)
    return float(done.stdout.split()[-1])


def measure(side: int, match: str) -> None:
    right = side // 4
    image = picture(side)
    begin = peak()
    start = time.perf_counter()
    canvas = prefill(image, Extents(right=right), "smooth")
    prepared = time.perf_counter() - start
    made = canvas.mul_(0.97).add_(0.01)
    start = time.perf_counter()
    stitch(image, made, Extents(right=right), match)
    joined = time.perf_counter() - start
    size = image.numel() * 4 / 2**20
    core = core_padding(side, right)
    print(
        f"{side:5d}² prepare {prepared:6.2f} s  stitch {joined:6.2f} s  peak {peak():6.0f} MB "
        f"(+{(peak() - begin) / size:.1f} x the picture's {size:.0f} MB)"
        + ("" if core is None else f"  core padding {core:.2f} s"),
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--sides", default="1024,2048,4096")
    parser.add_argument("--match", default="full")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        measure(args.one, args.match)
        return
    print(f"match {args.match}, {torch.get_num_threads()} threads")
    for side in args.sides.split(","):
        subprocess.run([sys.executable, __file__, "--one", side, "--match", args.match], check=True)


if __name__ == "__main__":
    main()
