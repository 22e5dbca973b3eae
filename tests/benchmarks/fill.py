"""How fast the fills are, and how they look: kinds x photos x extents, one table and one picture sheet.

    python tests/benchmarks/fill.py [--photos DIR] [--kinds smooth content patchmatch] [--extents 12 25 50 100]
                                    [--sides rudl] [--side 1280] [--sheet results/fill.png]

Figures, the mean over all photos (0 = as inside the picture):
  seam   dB     steps across the border against those across parallel lines inside the picture, worst of five widths
  grain  log2   fine detail just outside the border against just inside, in the flatter half of the segments
  repeat 0..1   how alike the new area is to itself when shifted, 1 = wallpaper
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from PIL import Image, ImageDraw
from torch import Tensor

from outpaint_nodes.nodes.imaging import codec
from outpaint_nodes.nodes.imaging.canvas import Extents
from outpaint_nodes.nodes.imaging.filters import blur, luma
from outpaint_nodes.nodes.imaging.prefill import prefill

PHOTOS = Path(__file__).parents[1] / "photos"
SEGMENT = 32
FLOOR = (0.5 / 255) ** 2


def load(path: Path, side: int) -> Tensor:
    image = codec.decode(path).image
    shrink = side / max(image.shape[1:3])
    if shrink >= 1:
        return image
    size = [round(length * shrink) for length in image.shape[1:3]]
    small = F.interpolate(image.movedim(-1, 1), size=size, mode="bicubic", antialias=True)
    return small.movedim(1, -1).clamp(0, 1).contiguous()


def extents_of(image: Tensor, percent: int, sides: str) -> Extents:
    height, width = image.shape[1:3]
    across, along = width * percent // 100, height * percent // 100
    return Extents(across * ("l" in sides), across * ("r" in sides), along * ("u" in sides), along * ("d" in sides))


def borders(canvas: Tensor, extents: Extents, size: tuple[int, int]) -> list[tuple[Tensor, int]]:
    """The canvas ``[3, H, W]`` turned so that each border is a column with the picture to its left."""
    (height, width), e = size, extents
    rows = slice(e.up, e.up + height)
    columns = slice(e.left, e.left + width)
    turned = [
        (canvas[:, rows], e.left + width, e.right),
        (canvas[:, rows].flip(2), e.right + width, e.left),
        (canvas[:, :, columns].transpose(1, 2), e.up + height, e.down),
        (canvas[:, :, columns].transpose(1, 2).flip(2), e.down + height, e.up),
    ]
    return [(view, column) for view, column, new in turned if new >= 32 and view.shape[1] >= SEGMENT]


def step(view: Tensor, column: int, width: int) -> float:
    """Energy of the jump beyond the linear trend at a column, per segment along it."""
    parts = [view[:, :, column + i * width : column + (i + 1) * width].mean(2) for i in (-2, -1, 0, 1)]
    jump = (parts[2] - parts[1]) - 0.5 * ((parts[1] - parts[0]) + (parts[3] - parts[2]))
    return float(F.avg_pool1d(jump, SEGMENT).square().sum(0).mean())


def seam(canvas: Tensor, extents: Extents, size: tuple[int, int]) -> float:
    figures = []
    for view, column in borders(canvas, extents, size):
        worst = -99.0
        for width in (1, 2, 4, 8, 16):
            lines = range(max(64, column - 300), column - 2 * width - 16, 13)
            inside = sum(step(view, line, width) for line in lines) / len(lines)
            here = torch.tensor((step(view, column, width) + FLOOR) / (inside + FLOOR))
            worst = max(worst, float(10 * here.log10()))
        figures.append(worst)
    return sum(figures) / len(figures)


def grain(canvas: Tensor, extents: Extents, size: tuple[int, int]) -> float:
    light = luma(canvas)
    fine = light - blur(light, 1.0)
    ratios = []
    for view, column in borders(fine, extents, size):
        sides = [view[0, :, column - 35 : column - 3], view[0, :, column + 3 : column + 35]]
        level = [F.avg_pool1d(side.abs().mean(1)[None], SEGMENT)[0] + 0.1 / 255 for side in sides]
        flat = level[0] <= level[0].median()
        ratios.append((level[1] / level[0]).log2()[flat])
    return float(torch.cat(ratios).median())


def repeat(canvas: Tensor, extents: Extents, size: tuple[int, int]) -> float:
    """The highest autocorrelation of the new area's detail, shifts under an eighth of it left out."""
    light = luma(canvas)
    detail = light - blur(light, 4.0)
    peaks = []
    for view, column in borders(detail, extents, size):
        new = view[0, :, column:]
        spectrum = torch.fft.rfft2(new - new.mean(), s=[2 * n for n in new.shape])
        correlation = torch.fft.irfft2(spectrum.abs().square())
        overlap = torch.fft.rfft2(torch.ones_like(new), s=[2 * n for n in new.shape])
        overlap = torch.fft.irfft2(overlap.abs().square()).clamp_min(1)
        share = correlation / overlap / (correlation[0, 0] / overlap[0, 0]).clamp_min(1e-9)
        height, width = (n // 2 for n in new.shape)
        share = torch.fft.fftshift(share)
        middle_y, middle_x = (n // 2 for n in share.shape)
        share = share[middle_y - height : middle_y + height, middle_x - width : middle_x + width].clone()
        share[height - height // 4 : height + height // 4, width - width // 4 : width + width // 4] = 0
        peaks.append(float(share.max()))
    return sum(peaks) / len(peaks)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, default=PHOTOS)
    parser.add_argument("--kinds", nargs="+", default=["smooth", "content"])
    parser.add_argument("--extents", nargs="+", type=int, default=[12, 25, 50, 100], help="percent of the side")
    parser.add_argument("--sides", default="lrud")
    parser.add_argument("--side", type=int, default=1280, help="the photo's longer side in pixels")
    parser.add_argument("--sheet", type=Path, default=Path("results/fill.png"))
    options = parser.parse_args()
    photos = sorted(path for path in options.photos.iterdir() if path.suffix in (".jpg", ".png"))
    rows: list[list[Image.Image]] = []
    print(f"{'kind':<12}{'extent':>7}{'seconds':>9}{'seam':>8}{'grain':>8}{'repeat':>8}")
    for kind in options.kinds:
        for percent in options.extents:
            figures = []
            row = []
            for path in photos:
                image = load(path, options.side)
                extents = extents_of(image, percent, options.sides)
                start = time.perf_counter()
                filled = prefill(image, extents, kind)
                seconds = time.perf_counter() - start
                canvas, size = filled[0].movedim(-1, 0), image.shape[1:3]
                measured = [figure(canvas, extents, size) for figure in (seam, grain, repeat)]
                figures.append([seconds, *measured])
                thumbnail = codec.to_pil(filled)
                thumbnail.thumbnail((480, 360), Image.Resampling.LANCZOS)
                ImageDraw.Draw(thumbnail).text((4, 4), f"{kind} {percent} % {path.stem}", fill="white", stroke_width=1)
                row.append(thumbnail)
            rows.append(row)
            means = torch.tensor(figures).mean(0).tolist()
            print(
                f"{kind:<12}{percent:>6}%{means[0]:>9.2f}{means[1]:>8.2f}{means[2]:>8.2f}{means[3]:>8.2f}", flush=True
            )
    sheet = Image.new("RGB", (480 * len(photos), 360 * len(rows)))
    for y, row in enumerate(rows):
        for x, thumbnail in enumerate(row):
            sheet.paste(thumbnail, (480 * x, 360 * y))
    options.sheet.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(options.sheet)
    print(options.sheet)


if __name__ == "__main__":
    main()
