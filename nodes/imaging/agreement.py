"""Agreement: where the generated picture shows the same things as the original.

What the joining measures in the overlap holds only where both show the same. A service that drew the scene anew,
blurred its answer or painted over the edge of the original is recognised by structure, whatever its colours are.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from .filters import blur, luma

# Structure is compared in cells of this many pixels: what a decoder does to grain and sharpness is gone there.
CELL = 4
# Structure is what differs from the mean of the surroundings; it agrees or not as a neighbourhood (sigmas in cells).
AROUND, NEIGHBOURS = 4.0, 2.0
# Structure weaker than this does not tell.
FAINT = (4 / 255) ** 2
# Power of the difference of two unrelated pictures is the sum of their powers; beyond this share of it they differ.
UNLIKE = 0.3
# Where less than half of the structure agrees, the rest does so by chance.
LEAST = 0.5
# Fewer structured cells than this share say nothing about the whole.
FEW = 0.02


def agreement(original: Tensor, generated: Tensor) -> tuple[Tensor, Tensor]:
    """How far two pictures ``[3, H, W]`` of the same place show the same, and how much there is to tell it by.

    Returns:
        per cell of ``CELL`` pixels: trust 0..1 (1 where there is no structure in either), and whether there is some.
    """
    details = []
    for image in (original, generated):
        coarse = F.avg_pool2d(luma(image)[None], CELL, ceil_mode=True)[0]
        details.append(coarse - blur(coarse, AROUND))
    o, g = details
    power = blur(o.square() + g.square(), NEIGHBOURS)
    unlike = blur((o - g).square(), NEIGHBOURS) / (power + FAINT)
    trust = 1 / (1 + (unlike / UNLIKE) ** 4)
    return trust[0], (power[0] > 4 * FAINT).to(trust)


def share(trust: Tensor, structured: Tensor) -> float | None:
    """The share of the structure that agrees, or ``None`` where there is too little to tell.

    Args:
        trust, structured: ``[N]``, of all cells.
    """
    if float(structured.mean()) < FEW:
        return None
    return float((trust * structured).sum() / structured.sum())
