"""Photos x faults x ways of joining: how well each hides the seam.

    python tests/benchmarks/seam.py [FOLDER] [--only kde,lom] [--layouts "right 25, left up 40"]
        [--faults medium,jpeg] [--methods hard,full] [--photos N] [--sheet FILE] [--each]

Without a folder it takes the sample photos of the repository at half size. Prints one table (mean and spread over the
photos; how well a linear classifier and one of boosted trees tell the seam from other lines, as AUC of pieces of 48
pixels and of four in a row) and writes one sheet of pictures: each photo's seam at 200 %, a column for each method.
With the folder of a checkout in CROPANDSTITCH_PATH or ACLY_PATH, what the blending of these nodes gives is measured
beside ours; they run inside ComfyUI's interpreter, with COMFYUI_PATH pointing to ComfyUI.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import astuple
from pathlib import Path

import numpy as np
import torch
from faults import LEVELS, RETURNS, generated
from peers import peers
from PIL import Image
from scorecard import Score, detectability, features, linear, score, summary, trees

from outpaint_nodes.nodes.imaging.canvas import Extents
from outpaint_nodes.nodes.imaging.stitch import stitch

SAMPLES = Path(__file__).parent.parent / "photos"
# Sides that grow and by what share of the original, one after the other over the photos.
LAYOUTS = "up right 25, right 25, left up 40, right down 25"
LONGEST = 2560


def photos(folder: Path, only: str, count: int | None, size: tuple[int, int]) -> list[tuple[str, np.ndarray]]:
    """Names and pixels, the middle of each photo at its own scale, cut on multiples of 8."""
    found, starts = [], tuple(only.split(","))
    paths = sorted(p for p in folder.iterdir() if p.suffix in (".jpg", ".png") and p.name.startswith(starts))
    for path in paths[:count]:
        picture = Image.open(path).convert("RGB")
        scale = min(1.0, LONGEST / max(picture.size))
        if scale < 1:
            picture = picture.resize([round(side * scale) for side in picture.size], Image.Resampling.LANCZOS)
        width, height = min(size[0], picture.width), min(size[1], picture.height)
        left, top = (picture.width - width) // 16 * 8, (picture.height - height) // 16 * 8
        found.append((path.stem, np.asarray(picture.crop((left, top, left + width, top + height)))))
    return found


def place(shape: tuple[int, ...], layout: str) -> tuple[tuple[int, int, int, int], Extents]:
    """Where the original lies on a canvas of ``shape`` that grew as ``layout`` says: sides, then percent."""
    *sides, percent = layout.split()
    height, width = shape[:2]
    h = int(height / (1 + int(percent) / 100 * (("up" in sides) + ("down" in sides))))
    w = int(width / (1 + int(percent) / 100 * (("left" in sides) + ("right" in sides))))
    up, left = (height - h if "up" in sides else 0), (width - w if "left" in sides else 0)
    up, left = (up // 2 if "down" in sides else up), (left // 2 if "right" in sides else left)
    return (up, left, h, w), Extents(left, width - left - w, up, height - up - h)


def hard(original, made, extents):
    return stitch(original, made, extents, "off").image


def feather(original, made, extents):
    """The usual default: 32 pixels of the original faded into the generated picture."""
    return stitch(original, made, extents, "off", rim=32).image


def mean_std(original, made, extents):
    """Mean and deviation of each channel matched on the overlap."""
    e = extents
    over = made[:, e.up : made.shape[1] - e.down, e.left : made.shape[2] - e.right]
    mean, wanted = over.mean((1, 2), keepdim=True), original.mean((1, 2), keepdim=True)
    ratio = original.std((1, 2), keepdim=True) / over.std((1, 2), keepdim=True).clamp_min(1e-6)
    return hard(original, ((made - mean) * ratio.clamp(0.8, 1.25) + wanted).clamp(0, 1), extents)


METHODS = {
    "hard": hard,
    "feather": feather,
    "mean/std": mean_std,
    "tone": lambda o, g, e: stitch(o, g, e, "tone").image,
    "full": lambda o, g, e: stitch(o, g, e, "full").image,
    **peers(),
}


def tensor(picture: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(picture.copy()).float()[None] / 255


def crop_at_seam(picture: np.ndarray, box: tuple[int, int, int, int], side: int = 96) -> Image.Image:
    """A square around the right seam at 200 %."""
    top, left, h, w = box
    y, x = top + h // 2 - side // 2, min(left + w - side // 2, picture.shape[1] - side)
    return Image.fromarray(picture[max(0, y) : max(0, y) + side, x : x + side]).resize((2 * side, 2 * side), 0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--only", default="", help="photos whose names begin with one of these")
    parser.add_argument("--layouts", default=LAYOUTS, help="sides and percent, one after the other over the photos")
    parser.add_argument("--each", action="store_true", help="print the figures of each photo, too")
    parser.add_argument("--faults", default="medium", help=f"of {', '.join((*LEVELS, *RETURNS))}, or all")
    parser.add_argument("--methods", default=",".join(METHODS))
    parser.add_argument("--photos", type=int)
    parser.add_argument("--sheet", type=Path, default=Path("seam.png"))
    args = parser.parse_args()
    size = (1280, 960) if args.folder else (640, 480)
    pictures = photos(args.folder or SAMPLES, args.only, args.photos, size)
    layouts = args.layouts.split(",")
    kinds = [*LEVELS, *RETURNS] if args.faults == "all" else args.faults.split(",")
    rows: list[list[Image.Image]] = []
    names = tuple(dict.fromkeys(("truth", *args.methods.split(","))))
    print(f"{len(pictures)} photos; mean ± spread; s = seconds a picture")
    header = ("changed", "seam_db", "tone", "grain", "sharp", "far")
    print(
        f"{'faults':8s}{'method':12s}"
        + "".join(f"{h:>14s}" for h in header)
        + f"{'linear':>13s}{'trees':>13s}{'s':>7s}"
    )
    for kind in kinds:
        columns: list[list[Image.Image]] = []
        for name in names:
            scores: list[Score] = []
            data, seconds, cuts = [], 0.0, []
            for index, (photo, truth) in enumerate(pictures):
                box, extents = place(truth.shape, layouts[index % len(layouts)])
                top, left, h, w = box
                out = truth
                if name != "truth":
                    made = generated(tensor(truth)[0].permute(2, 0, 1), box, kind, index).permute(1, 2, 0)[None]
                    original = tensor(truth[top : top + h, left : left + w])
                    start = time.perf_counter()
                    image = METHODS[name](original, made, extents)
                    seconds += time.perf_counter() - start
                    out = (image[0] * 255).round().clamp(0, 255).to(torch.uint8).numpy()
                scores.append(score(out, truth, box))
                data.append(features(out, box, index))
                cuts.append(crop_at_seam(out, box))
                if args.each:
                    cells = "".join(f"{v:14.2f}" for v in astuple(scores[-1]))
                    print(f"{kind:8s}{name:12s}{cells}  {photo}", flush=True)
            columns.append(cuts)
            cells = "".join(f"{m:8.3f} ±{s:4.1f}" for m, s in summary(scores).values())
            for fit in (linear, trees):
                pieces, lines = detectability(data, fit)
                cells += f"{pieces:7.3f} {lines:.3f}"
            print(f"{kind:8s}{name:12s}{cells}{seconds / len(pictures):7.2f}", flush=True)
        rows += [list(row) for row in zip(*columns, strict=True)]
    side = rows[0][0].width
    sheet = Image.new("RGB", ((side + 4) * len(names), (side + 4) * len(rows)))
    for y, row in enumerate(rows):
        for x, cut in enumerate(row):
            sheet.paste(cut, (x * (side + 4), y * (side + 4)))
    sheet.save(args.sheet)
    print(f"columns of {args.sheet}: {', '.join(names)}")


if __name__ == "__main__":
    main()
