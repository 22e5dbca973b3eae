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
    grown = F.max_pool2d(new.float()[None, None], (2 * margin + 1, 1), stride=1, padding=(margin, 0))
    grown = F.max_pool2d(grown, (1, 2 * margin + 1), stride=1, padding=(0, margin))
    cells = F.max_pool2d(grown, cell, ceil_mode=True)
    height, width = new.shape
    return cells.repeat_interleave(cell, 2).repeat_interleave(cell, 3)[0, 0, :height, :width].contiguous()


def denoise(new: Tensor, cell: int, overlap: int) -> Tensor:
    """Whole cells of the new area, falling off linearly over ``overlap`` pixels of the original.

    Args:
        new: ``[H, W]`` bool.
        cell: as for ``concat``.
        overlap: pixels of the original that the sampler may see noised.

    Returns:
        ``[H, W]`` float32, 0..1.
    """
    cells = concat(new, cell)
    if not overlap:
        return cells
    return (1 - distance(cells > 0, overlap + 1) / (overlap + 1)).clamp(0, 1)


def distance(area: Tensor, limit: int) -> Tensor:
    """Euclidean distance in pixels to the nearest pixel of ``area``, cut at ``limit``.

    Exact within the limit: squared distances along the rows, then their minimum over shifted rows (Felzenszwalb and
    Huttenlocher, "Distance transforms of sampled functions", 2012, section 3, with the parabolas cut at ``limit``).

    Args:
        area: ``[H, W]`` bool.

    Returns:
        ``[H, W]`` float32.
    """
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
