"""Cost and stability of the local path, beside its peers.

    python tests/benchmarks/families.py [--sizes 1024,2048,4096] [--no-host]

Prints: megapixels sampled for 4096² + 256 px right (ours, core's pad-and-sample, CropAndStitch at equal context); wall
time of Prepare + Stitch beside CropAndStitch's crop + stitch for 25 % to the right; tone drift over a six-pass
panorama sampled by the oracle in a real host; and what each kind of model costs there.

CropAndStitch is measured when CROPANDSTITCH_PATH names a checkout, with ComfyUI from COMFYUI_PATH (or ~/ComfyUI) and
its interpreter from COMFYUI_PYTHON: both are imported in one process, so that the two are timed alike. What the
sampler does in between is left out: the window goes back as it was cut.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PEER = os.environ.get("CROPANDSTITCH_PATH")
THREADS = 2
NEW_SHARE = 4  # a quarter of the width to the right
STRIP = (4096, 256)
# Decoders whose uneven fault is drawn anew.
FIELDS = 4


def pack():
    """The pack as a package, wherever it is checked out."""
    if "outpaint_nodes" not in sys.modules:
        spec = importlib.util.spec_from_file_location(
            "outpaint_nodes", ROOT / "__init__.py", submodule_search_locations=[str(ROOT)]
        )
        sys.modules["outpaint_nodes"] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules["outpaint_nodes"])
    from outpaint_nodes.nodes import families
    from outpaint_nodes.nodes.imaging import canvas, windows

    return families, canvas, windows


def photo(side: int, scene: int = 0):
    """A natural picture of ``side`` x ``side``: a sample photo tiled by reflection, after ``scene`` columns (0 = its
    width)."""
    import numpy as np
    import torch
    from PIL import Image

    picture = np.asarray(Image.open(ROOT / "tests" / "photos" / "mountain.jpg").convert("RGB"), np.float32) / 255
    picture = picture[:, : scene or None]
    height, width = picture.shape[:2]
    rows, columns = (
        np.minimum(index, 2 * length - 1 - index)
        for index, length in ((np.arange(side) % (2 * height), height), (np.arange(side) % (2 * width), width))
    )
    return torch.from_numpy(picture[rows][:, columns])[None]


def ours(image, right: int, match: str):
    families, canvas, windows = pack()
    from outpaint_nodes.nodes.imaging import finish, passes, prepare

    size = canvas.Size(image.shape[2], image.shape[1])
    made = windows.plan(size, canvas.Extents(right=right), families.SDXL.wants(8))
    work = passes.Outpainting(image, overlap=32, cell=8)
    for window in made.windows:
        ready = prepare.prepare(work, window, "smooth")
        work = ready.work.received(ready.pixels)
    return made, finish.finish(work, match).image


def theirs(image, right: int, context: int):
    """Crop and stitch with as much context beside the new strip as ``context`` pixels."""
    import comfy.options

    comfy.options.enable_args_parsing()
    sys.path.insert(0, PEER)
    import inpaint_cropandstitch as peer
    import torch

    height, width = image.shape[1:3]
    settings = {
        "downscale_algorithm": "bilinear", "upscale_algorithm": "bicubic", "preresize": False,
        "preresize_mode": "ensure minimum resolution", "preresize_min_width": 1024, "preresize_min_height": 1024,
        "preresize_max_width": 16384, "preresize_max_height": 16384, "extend_for_outpainting": True,
        "extend_up_factor": 1.0, "extend_down_factor": 1.0, "extend_left_factor": 1.0,
        "extend_right_factor": 1 + right / width, "mask_hipass_filter": 0.1, "mask_fill_holes": True,
        "mask_expand_pixels": 0, "mask_invert": False, "mask_blend_pixels": 32,
        # It grows the mask evenly; what falls beyond the new edge is cut away again.
        "context_from_mask_extend_factor": 1 + 2 * context / right, "output_resize_to_target_size": False,
        "output_target_width": 1024, "output_target_height": 1024, "output_padding": "8",
        "device_mode": "cpu (compatible)",
    }
    stitcher, cropped, _ = peer.InpaintCropImproved().inpaint_crop(
        image=image, mask=torch.zeros((1, height, width)), **settings
    )
    return cropped, peer.InpaintStitchImproved().inpaint_stitch(stitcher, cropped)[0]


def timed(job, repeats: int = 3):
    best, result = float("inf"), None
    for _ in range(repeats):
        begun = time.perf_counter()
        result = job()
        best = min(best, time.perf_counter() - begun)
    return best, result


def joining(sizes: list[int]) -> None:
    """Printed in the process that has both packs."""
    import torch

    torch.set_num_threads(THREADS)
    with torch.inference_mode():
        side, strip = STRIP
        families, canvas, windows = pack()
        made = windows.plan(canvas.Size(side, side), canvas.Extents(right=strip), families.SDXL.wants(8))
        core = canvas.Size(side + strip, side).round_up(8).area
        context = made.windows[0].rect.width - strip
        print(f"sampled for {side}² + {strip} right, megapixels: ours {made.sampled / 1e6:.2f}, "
              f"core pad-and-sample {core / 1e6:.2f} ({made.sampled / core:.3f} of it)")
        if PEER:
            cropped, _ = theirs(photo(side), strip, context)
            area = cropped.shape[1] * cropped.shape[2]
            print(f"  CropAndStitch at equal context ({context} px): {area / 1e6:.2f} "
                  f"(window {cropped.shape[2]}×{cropped.shape[1]})")
        for side in sizes:
            image, right = photo(side), side // NEW_SHARE
            repeats = 1 if side > 2048 else 3
            row = {}
            for match in ("tone", "full"):
                row[match], (made, joined) = timed(lambda m=match, i=image, r=right: ours(i, r, m), repeats)
                assert torch.equal(joined[:, :, :side], image)
            line = f"{side}²: prepare + stitch, match tone {row['tone']:.2f} s, full {row['full']:.2f} s"
            if PEER:
                context = made.windows[0].rect.width - right
                peer, (_, result) = timed(lambda i=image, r=right, c=context: theirs(i, r, c), repeats)
                changed = int((result[:, :, :side] != image).any(-1).any(1).sum())
                line += (
                    f"; CropAndStitch {peer:.2f} s, changes {changed} columns of the original; "
                    f"ratio tone {row['tone'] / peer:.2f}, full {row['full'] / peer:.2f}"
                )
            print(line, flush=True)
        print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.1f} GiB")


def host_python() -> tuple[Path, str]:
    path = Path(os.environ.get("COMFYUI_PATH", "~/ComfyUI").split(os.pathsep)[0]).expanduser()
    return path, os.environ.get("COMFYUI_PYTHON", sys.executable)


def panorama() -> None:
    """Six passes outward in every host found, sampled by the oracle behind a decoder with faults."""
    sys.path.insert(0, str(ROOT / "tests"))
    import numpy as np

    from host import graphs
    from host.server import ComfyServer, find_checkouts

    families, canvas, windows = pack()
    # The same scene, mirrored, in every pass: what differs between passes is drift, not content.
    truth = photo(4096, scene=512)[:, :1024].numpy()
    original = truth[:, :, :1024].copy()
    made = windows.plan(canvas.Size(1024, 1024), canvas.Extents(right=3072), families.UNKNOWN.wants(8))
    rects = [[w.rect.x, w.rect.y, w.rect.width, w.rect.height] for w in made.windows]
    faults = {"gain": 1.05, "offset": 0.015, "field": 0.01, "blur": 0.6}
    for checkout in find_checkouts():
        found = []
        with ComfyServer(checkout) as comfy:
            for seed in range(FIELDS):
                done = comfy.run({
                    "image": graphs.load(graphs.put(comfy, original)),
                    "truth": graphs.load(graphs.put(comfy, truth)),
                    "oracle": graphs.node(
                        "TestOracle", truth=["truth", 0], windows=json.dumps(rects),
                        **graphs.ORACLE | faults | {"seed": seed},
                    ),
                    "local": graphs.local(["image", 0], "oracle", right=3072, match="tone"),
                    **graphs.outputs("local", "panorama"),
                }, timeout=600)
                assert done.status == "success", done.message
                picture = graphs.get(comfy, "panorama_image")
                assert np.array_equal(picture[:, :, :1024], original)
                passes = (picture - truth)[:, :, 1024:].reshape(1024, 6, 512, 3)
                found.append(np.abs(passes.mean((0, 2))).mean(1) * 255)
            drift = np.mean(found, 0)
            print(f"panorama 1024² -> 4096×1024, {len(rects)} passes, ComfyUI {checkout.version}: tone off by "
                  f"{', '.join(f'{d:.2f}' for d in drift)} levels (mean of {FIELDS} decoders); "
                  f"last / first {drift[-1] / drift[0]:.2f}")
            print("  " + graphs.text(comfy, "panorama_report").splitlines()[4], flush=True)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--sizes", default="1024,2048,4096")
    options.add_argument("--no-host", action="store_true")
    options.add_argument("--joining", action="store_true", help=argparse.SUPPRESS)
    chosen = options.parse_args()
    if chosen.joining:
        # ComfyUI reads the command line itself.
        sys.argv = [sys.argv[0], "--cpu"]
        joining([int(side) for side in chosen.sizes.split(",")])
        return
    command = [str(Path(__file__).resolve()), "--joining", "--sizes", chosen.sizes]
    if PEER:
        path, python = host_python()
        environment = os.environ | {"PYTHONPATH": str(path)}
        subprocess.run([python, *command], cwd=path, env=environment, check=True)
    else:
        print("CropAndStitch: NOT MEASURED (set CROPANDSTITCH_PATH)")
        subprocess.run([sys.executable, *command], check=True)
    if not chosen.no_host:
        panorama()


if __name__ == "__main__":
    main()
