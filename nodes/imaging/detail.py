"""Fine detail: how strong it is, by how bright a place is and how much goes on there.

Detail is split into bands (the undecimated wavelet transform with the cubic B-spline: Starck, Murtagh and Fadili,
"Sparse Image and Signal Processing", section 3.5; before it a finer one, with the binomial 1, 2, 1) of luma and chroma.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from .filters import RGB_TO_YCC, blur, mix

BANDS = 4
# Energies and contexts are taken in cells of this many pixels.
CELL = 4
# Mean root of the absolute value of standard normal noise.
NORMAL_ROOT = 0.8222


def smooth(planes: Tensor, level: int) -> Tensor:
    """One step of the transform: the low-pass with holes, ``[C, H, W]`` -> ``[C, H, W]`` (edges repeated).

    The filters (1, 2, 1) / 4 of level 0 and (1, 4, 6, 4, 1) / 16 of the others are two and four running means of two,
    which on a CPU is several times faster than a convolution with so few taps.
    """
    means, step = (4, 2 ** (level - 1)) if level else (2, 1)
    x = F.pad(planes[None], (means * step // 2,) * 4, mode="replicate")[0]
    for _ in range(means):
        x = x[:, :, step:] + x[:, :, :-step]
    x = x.mul_(4.0**-means)
    for _ in range(means):
        x = x[:, step:] + x[:, :-step]
    return x


def split(planes: Tensor) -> list[Tensor]:
    """The ``BANDS`` finest bands of ``planes`` ``[C, H, W]``, finest first."""
    out = []
    for level in range(BANDS):
        lower = smooth(planes, level)
        out.append(planes - lower)
        planes = lower
    return out


def context(y: Tensor) -> tuple[Tensor, Tensor]:
    """Brightness (0..1) and log2 of coarse activity of luma ``[1, H, W]``, per cell of 4 pixels, ``[H/4, W/4]``."""
    small = F.avg_pool2d(y[None], CELL)[0]
    coarse = small - smooth(small, 1)
    activity = blur(coarse.square(), 2.0).clamp_min(0).sqrt()
    return blur(small, 1.0)[0], torch.log2(activity[0] + 0.1 / 255)


@dataclass(frozen=True)
class Sample:
    """Cells of one population: their contexts and what their fine bands hold.

    Attributes:
        brightness, activity: ``[N]``.
        energy: ``[N, BANDS, 3]``, power of each band of Y, Cb and Cr.
        cross: ``[N, BANDS, 3]``, mean products Y*Cb, Y*Cr, Cb*Cr.
    """

    brightness: Tensor
    activity: Tensor
    energy: Tensor
    cross: Tensor


def measure(image: Tensor, held: Tensor | None = None) -> Sample:
    """The cells of ``image`` ``[3, H, W]``: what they hold, or what is ``held`` ``[3, H, W]`` in their places."""
    ycc = cut(mix(image, RGB_TO_YCC))
    brightness, activity = context(ycc[:1])
    ycc = ycc if held is None else cut(mix(held, RGB_TO_YCC))
    energy, cross = [], []
    for band in split(ycc):
        luminance, blue, red = band
        products = pooled(torch.stack([luminance * blue, luminance * red, blue * red]))
        cells = torch.cat([root_energy(band), products])
        cells = cells[:, : brightness.shape[0], : brightness.shape[1]]
        energy.append(cells[:3].flatten(1).T)
        cross.append(cells[3:].flatten(1).T)
    return Sample(brightness.flatten(), activity.flatten(), torch.stack(energy, 1), torch.stack(cross, 1))


def cut(planes: Tensor) -> Tensor:
    """``planes`` ``[C, H, W]`` without the pixels that do not make a whole cell."""
    return planes[:, : planes.shape[1] // CELL * CELL, : planes.shape[2] // CELL * CELL]


def pooled(planes: Tensor) -> Tensor:
    """Means of ``planes`` ``[C, H, W]`` around each cell (and one more row and column)."""
    return F.avg_pool2d(planes[None], 2 * CELL, CELL, CELL // 2, count_include_pad=False)[0]


def root_energy(band: Tensor) -> Tensor:
    """Power of ``band`` ``[C, H, W]`` around each cell, as ``pooled``: by the mean root of the deviation, which a few
    strong pixels do not decide, as if it were of normal noise."""
    return (pooled(band.abs().sqrt()) / NORMAL_ROOT) ** 4


def is_drawn(strips: list[Tensor], sample: Sample) -> bool:
    """Whether the strips ``[3, H, W]``, of which ``sample`` was taken, come from a drawing or screenshot.

    These have many pixels exactly like their neighbours next to strong detail; photographs have one or the other.
    """
    same = [
        ((strip[:, 1:, 1:] == strip[:, :-1, 1:]) & (strip[:, 1:, 1:] == strip[:, 1:, :-1])).all(0).float().mean()
        for strip in strips
    ]
    energy = sample.energy[:, 0, 0]
    lively = energy > (0.5 / 255) ** 2
    strong = energy[lively].median() > (7 / 255) ** 2 if bool(lively.any()) else True
    return bool(torch.stack(same).mean() > 0.3) and bool(strong)


def halved(strip: Tensor) -> tuple[Tensor, Tensor]:
    """The two halves of ``strip`` ``[3, H, W]`` along its longer side, in whole cells."""
    along = 1 if strip.shape[1] > strip.shape[2] else 2
    half = strip.shape[along] // (2 * CELL) * CELL
    return strip.narrow(along, 0, half), strip.narrow(along, half, strip.shape[along] - half)


def merge(samples: list[Sample]) -> Sample:
    """All cells of several measurements."""
    return Sample(*(torch.cat([getattr(s, name) for s in samples]) for name in Sample.__dataclass_fields__))
