"""Onset in a drawing: the change of colour that begins at the border, told by flat places that go on across it.

An edge of the drawing may lie on the border, even all along it. But from a colour on to the next such an edge steps
otherwise, and most colours just go on; a fault moves all of them alike. So there is one offset, and only where most of
what is flat on both sides agrees on it, several colours among that.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from .border import MAX_STEP
from .tone import KINDS, equal, kinds

# Pixels averaged on each side of a step, left out beyond the border where the change only sets in, and along it.
WIDTH, GAP, PIECE = 8, 4, 8
# What it needs: so many pixels of the new area and of the original.
NEEDS = (GAP + WIDTH, 2 * WIDTH)
# Largest contrast of a flat place; a gradient is one.
FLAT = 6 / 255
# Deviation up to which a place agrees. Nearer to black or white than four levels nobody knows what was clipped.
ALIKE, CLIPPED = 1 / 255, 4 / 255
# Places of a colour that tell half as much as any number of them.
FEW = 8.0
# Share of the places that must agree on the offset, and of how many colours they must be. Smaller ones are nothing.
MOST, COLORS, LEAST = 0.5, 2.2, 0.4 / 255
# Places that are tried for the offset of them all.
TRIED = 256


def samples(strip: Tensor, border: int) -> tuple[Tensor, Tensor, Tensor]:
    """Steps across the border and the colours before it, ``[N, 3]``, and whether the place is flat, ``[N]``.

    Args:
        strip: ``[3, L, X]``, original left of column ``border`` (at least ``2 * WIDTH``), corrected new area beyond.
    """
    parts = [strip[..., x : x + WIDTH].transpose(1, 2) for x in (border - 2 * WIDTH, border - WIDTH, border + GAP)]
    far, near, beyond = (F.avg_pool1d(part, PIECE).mean(1) for part in parts)
    high, low = (torch.stack([F.max_pool1d(sign * part, PIECE).amax(1) for part in parts]) for sign in (1, -1))
    step = beyond - near - (1 + GAP / WIDTH) * (near - far)
    clear = (torch.stack([near, beyond]) - 0.5).abs().amax((0, 1)) < 0.5 - CLIPPED
    return step.T, near.T, clear & ((high + low).amax((0, 1)) < FLAT)


def fit_step(steps: Tensor, colors: Tensor, weight: Tensor) -> Tensor | None:
    """The offset ``[3]`` that begins at the border, or ``None`` where there is none that can be told from content.

    Args:
        steps, colors: as of ``samples``, of all sides. weight: ``[N]``, how far each counts.
    """
    steps, colors, weight = (x[weight > 0] for x in (steps, colors, weight))
    if not len(steps):
        return None
    weight = equal(colors, weight, FEW)

    def agreeing(offset: Tensor) -> Tensor:
        return weight / (1 + (steps - offset).square().sum(-1) / (3 * ALIKE**2)).square()

    tried = steps[:: -(-len(steps) // TRIED)]
    offset = tried[int(agreeing(tried[:, None]).sum(1).argmax())]
    for _ in range(8):
        agree = agreeing(offset)
        offset = (agree[:, None] * steps).sum(0) / agree.sum()
    each = agree.new_zeros(KINDS).index_add_(0, kinds(colors), agree)
    several = each.sum().square() / each.square().sum() > COLORS
    told = bool(several & (agree.sum() > MOST * weight.sum()))
    return offset if told and LEAST < float(offset.abs().max()) < MAX_STEP else None
