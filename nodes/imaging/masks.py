"""The three masks of a window. Each is made from the new area itself, never from another's blur.

``composite``  what is taken from the window: the new area, exactly.
``concat``     what a model with mask channels is told to be missing: the new area, grown to whole latent cells.
``denoise``    what the sampler may change: those cells, then falling off softly into the original.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def composite(new: Tensor) -> Tensor:
    """The new area itself.

    Args:
        new: ``[H, W]`` bool.

    Returns:
        ``[H, W]`` float32, 0 or 1.
    """
    return new.float()


def concat(new: Tensor, cell: int) -> Tensor:
    """The new area grown to whole cells of ``cell`` pixels and by at least half a cell.

    A cell that holds both new and original pixels cannot keep the original's, so all of it counts as missing.

    Args:
        new: ``[H, W]`` bool; sides are multiples of ``cell``.
        cell: pixels per latent cell (times the model's patch).

    Returns:
        ``[H, W]`` float32, 0 or 1.
    """
    margin = cell // 2
    size = cell + 2 * margin
    cells = F.max_pool2d(new.float()[None, None], (size, 1), (cell, 1), (margin, 0), ceil_mode=True)
    cells = F.max_pool2d(cells, (1, size), (1, cell), (0, margin), ceil_mode=True)
    height, width = new.shape
    return cells.repeat_interleave(cell, 2).repeat_interleave(cell, 3)[0, 0, :height, :width].contiguous()


def denoise(missing: Tensor, overlap: int) -> Tensor:
    """The missing cells, falling off linearly over ``overlap`` pixels of the original.

    Args:
        missing: ``[H, W]``, the ``concat`` mask.
        overlap: pixels of the original that the sampler may see noised.

    Returns:
        ``[H, W]`` float32, 0..1.
    """
    if not overlap:
        return missing.clone()
    return (1 - distance(missing > 0, overlap + 1) / (overlap + 1)).clamp(0, 1)


def distance(area: Tensor, limit: int) -> Tensor:
    """Euclidean distance in pixels to the nearest pixel of ``area``, cut at ``limit``.

    Args:
        area: ``[H, W]`` bool.

    Returns:
        ``[H, W]`` float32.
    """
    found = torch.where(area, 0.0, float(limit))
    near = neighbourhood(area, limit)
    if near is not None:
        found[near] = near_distance(area[near], limit)
    return found


def neighbourhood(area: Tensor, limit: int) -> tuple[slice, slice] | None:
    """The smallest box with all pixels nearer than ``limit`` to ``area`` and those of ``area`` that are nearest to
    them; ``None`` where there are none."""
    box = []
    for size, across in zip(area.shape, (1, 0), strict=True):
        inside, outside = area.any(across).nonzero().flatten(), (~area.all(across)).nonzero().flatten()
        if not len(inside) or not len(outside):
            return None
        first = max(int(inside[0]) - limit, int(outside[0]) - 1, 0)
        last = min(int(inside[-1]) + limit, int(outside[-1]) + 1, size - 1)
        box.append(slice(first, last + 1))
    return box[0], box[1]


def near_distance(area: Tensor, limit: int) -> Tensor:
    """``distance``, exact within the limit: squared distances along the rows, then their minimum over shifted rows
    (Felzenszwalb and Huttenlocher, "Distance transforms of sampled functions", 2012, section 3, with the parabolas cut
    at ``limit``)."""
    height, width = area.shape
    columns = torch.arange(width, dtype=torch.float32, device=area.device).expand(height, width)
    far = float(limit)
    before = torch.where(area, columns, -far - 1).cummax(1).values
    after = torch.where(area, columns, width + far).flip(1).cummin(1).values.flip(1)
    along = torch.minimum(columns - before, after - columns).clamp_max(far).square_()
    nearest = along.clone()
    for step in range(1, min(limit, height - 1) + 1):
        nearest[step:] = torch.minimum(nearest[step:], along[:-step] + step * step)
        nearest[:-step] = torch.minimum(nearest[:-step], along[step:] + step * step)
    return nearest.sqrt_().clamp_max_(far)
