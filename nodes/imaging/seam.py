"""How visible the seam of one finished picture is. Looks at the finished pixels only, as a viewer would.

Steps across the border are compared with steps across parallel lines inside the original and inside the new area, fine
detail near the border on one side with that on the other.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from .border import jump
from .canvas import Canvas
from .detail import split
from .filters import RGB_TO_YCC, mix
from .regions import bands, beside, turned

DEPTH = 128
DETAIL = 48
SEGMENT = 48
WIDTHS = (1, 2, 4, 8, 16)
# Below a quarter of a level nothing can be seen or told.
FLOOR = (0.25 / 255) ** 2


@dataclass(frozen=True)
class Seam:
    """Figures of a finished picture.

    Attributes:
        visibility: energy of the steps across the border against that across other lines, worst scale, in dB. Real
            photographs have 0 to 5.
        tone: step of colour across the border beyond what other lines have, in levels of 255.
        grain, sharpness: finest and next finer detail of the new area against the original's, as a ratio; 1 is best.
    """

    visibility: float
    tone: float
    grain: float
    sharpness: float


def look(image: Tensor, canvas: Canvas) -> Seam:
    """The figures of ``image`` ``[3, H, W]``, a finished canvas. Sides narrower than 8 pixels are not looked at."""
    visible, tone, grain, sharpness, lengths = [], [], [], [], []
    outer = {band.side: band.rect for band in beside(canvas, DEPTH)}
    for band in bands(canvas, DEPTH):
        strips = [turned(image[(slice(None), *rect.slices)], band.side) for rect in (band.rect, outer[band.side])]
        inside, outside = strips
        if min(inside.shape[2], outside.shape[2]) < 8:
            continue
        strip = mix(torch.cat(strips, 2).float(), RGB_TO_YCC)
        energies = {w: energy(strip, inside.shape[2], w) for w in WIDTHS if 2 * w <= min(s.shape[2] for s in strips)}
        visible.append(max(10 * math.log10((at + FLOOR) / (usual + FLOOR)) for at, usual in energies.values()))
        at, usual = energies[max(energies)]
        tone.append(255 * (math.sqrt(at) - math.sqrt(usual)))
        fine = [detail(bands_, inside.shape[2]) for bands_ in split(strip[:1])[:2]]
        grain.append(fine[0])
        sharpness.append(fine[1])
        lengths.append(strip.shape[1])
    if not lengths:
        return Seam(0.0, 0.0, 1.0, 1.0)

    def mean(values: list[float]) -> float:
        return sum(v * n for v, n in zip(values, lengths, strict=True)) / sum(lengths)

    ratios = (2 ** mean([math.log2(v) for v in values]) for values in (grain, sharpness))
    return Seam(mean(visible), mean(tone), *ratios)


def energy(strip: Tensor, border: int, width: int) -> tuple[float, float]:
    """Mean energy of the step across column ``border`` of ``strip`` ``[3, L, X]``, and across the lines beside it."""
    count = max(1, strip.shape[1] // SEGMENT)
    profile = torch.stack([part.mean(1) for part in strip.tensor_split(count, 1)], 1)
    sums = torch.nn.functional.pad(profile.cumsum(2, dtype=torch.float64), (1, 0))
    reach = 2 * width
    lines = [x for x in range(reach, strip.shape[2] - reach + 1, 8) if abs(x - border) >= reach + width]
    energies = torch.stack([jump(sums, x, width).square().sum(0).mean() for x in (border, *lines)])
    return float(energies[0]), float(energies[1:].mean()) if lines else 0.0


def detail(band: Tensor, border: int) -> float:
    """Ratio of the median detail just outside to just inside, over the flatter half of the border."""
    depth = min(DETAIL, border, band.shape[2] - border)
    inner, outer = (band[0, :, side].abs() for side in (slice(border - depth, border), slice(border, border + depth)))
    count = max(1, band.shape[1] // SEGMENT)
    pairs = torch.stack(
        [
            torch.stack([part.median() for part in (a, b)])
            for a, b in zip(inner.tensor_split(count), outer.tensor_split(count), strict=True)
        ]
    )
    flat = pairs[pairs.sum(1) <= pairs.sum(1).median()] + 0.02 / 255
    return float(2 ** torch.log2(flat[:, 1] / flat[:, 0]).median())
