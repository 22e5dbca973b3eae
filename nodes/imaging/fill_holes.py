"""Holes within a picture: what a mask marks, filled by what surrounds it."""

from __future__ import annotations

import torch
from torch import Tensor

from .canvas import Extents, Rect
from .fill_content import fill_content
from .fill_smooth import fill_holes_smooth
from .picture import around
from .progress import Share

# What is looked at around the holes, as multiple of the longer side of the rectangle that holds them all, and at least.
_AROUND, _AROUND_LEAST = 1.5, 256
# What a hole holds before it is filled need not be smoother than this.
_SOFT_STEPS = 4


def fill_holes(image: Tensor, known: Tensor, seed: int, progress: Share) -> Tensor:
    """Fill the holes of a picture by its own content.

    Args:
        image: ``[3, H, W]`` float in 0..1.
        known: ``[H, W]`` bool, false in the holes, not everywhere.
        progress: called with the share done, 0..1.

    Returns:
        ``[3, H, W]``, unchanged where it is known.
    """
    box = around(~known)
    margin = max(_AROUND_LEAST, round(_AROUND * max(box.width, box.height)))
    seen = Rect(box.x - margin, box.y - margin, box.width + 2 * margin, box.height + 2 * margin)
    rows, columns = seen.clipped(Rect(0, 0, image.shape[2], image.shape[1])).slices
    part, there = image[:, rows, columns], known[rows, columns]
    soft = fill_holes_smooth(part, there, _SOFT_STEPS)
    filled = fill_content(soft, Extents(), seed, progress, there)
    result = image.clone()
    result[:, rows, columns] = torch.where(there, part, filled)
    return result
