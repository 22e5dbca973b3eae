"""The membrane: a smooth field that takes given values on known cells and is harmonic elsewhere.

Solved coarse to fine (a cascade of Jacobi relaxations over a pull-push pyramid), with free (Neumann) canvas edges.
Bornemann and Deuflhard, "The cascadic multigrid method", Numer. Math. 75 (1996); the pyramid start is Gortler et al.,
"The Lumigraph" (1996), section 3.4.2.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor


def halve(values: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
    """Mean of the known cells in each 2x2 block; a block is known where at least one of its cells is."""
    height, width = values.shape[-2:]
    grow = (0, width % 2, 0, height % 2)
    values, known = F.pad(values * known, grow), F.pad(known, grow)
    weight = F.avg_pool2d(known[None], 2)[0]
    return F.avg_pool2d(values[None], 2)[0] / weight.clamp_min(0.25), (weight > 0).to(values.dtype)


def enlarge(values: Tensor, size: Sequence[int]) -> Tensor:
    """Bilinear, to ``size`` (height, width), of twice the resolution."""
    doubled = F.interpolate(values[None], scale_factor=2, mode="bilinear", align_corners=False)[0]
    return doubled[..., : size[0], : size[1]]


def relax(field: Tensor, values: Tensor, known: Tensor, steps: int, screen: float = 0.0) -> Tensor:
    """``steps`` Jacobi sweeps of the (screened) Laplace equation; known cells keep their values.

    ``screen`` is 1 / length^2 in cells: the field decays to 0 over that length.
    """
    keep = known > 0
    for _ in range(steps):
        p = F.pad(field[None], (1, 1, 1, 1), mode="replicate")[0]
        mean = (p[:, :-2, 1:-1] + p[:, 2:, 1:-1] + p[:, 1:-1, :-2] + p[:, 1:-1, 2:]).div_(4 + screen)
        field = torch.where(keep, values, mean)
    return field


def membrane(values: Tensor, known: Tensor, steps: int = 24) -> Tensor:
    """The harmonic field through the known cells.

    Args:
        values: ``[C, H, W]``, read where ``known`` is 1.
        known: ``[1, H, W]``, 0 or 1. With no known cell the field is 0.
    """
    levels = [(values * known, known)]
    while max(levels[-1][0].shape[-2:]) > 1 and not bool((levels[-1][1] > 0).all()):
        levels.append(halve(*levels[-1]))
    field = levels[-1][0]
    for values, known in reversed(levels[:-1]):
        start = torch.where(known > 0, values, enlarge(field, values.shape[-2:]))
        field = relax(start, values, known, steps)
    return field
