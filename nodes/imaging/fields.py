"""Smooth fields over the canvas, held in cells of ``CELL`` pixels.

Their values are gathered from the pixels of some areas, continued by the membrane, and read at the pixels of any
rectangle.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from .canvas import Canvas, Rect

# Side of the cells in pixels.
CELL = 8


def no_cells(canvas: Canvas, like: Tensor, channels: int = 3) -> tuple[Tensor, Tensor]:
    """Sums ``[channels, h, w]`` over the cells of the whole canvas and their weights ``[1, h, w]``, all 0 yet."""
    size = canvas.size.round_up(CELL)
    grid = (size.height // CELL, size.width // CELL)
    return like.new_zeros((channels, *grid)), like.new_zeros((1, *grid))


def add_cells(total: Tensor, weight: Tensor, values: Tensor, trusted: Tensor, area: Rect) -> None:
    """Add ``values`` ``[C, H, W]`` under ``area``, each pixel by ``trusted`` ``[1, H, W]``, to sums over cells."""
    x, y = area.x // CELL * CELL, area.y // CELL * CELL
    right, bottom = -(-area.right // CELL) * CELL, -(-area.bottom // CELL) * CELL
    margins = (area.x - x, right - area.right, area.y - y, bottom - area.bottom)
    ys, xs = slice(y // CELL, bottom // CELL), slice(x // CELL, right // CELL)
    total[:, ys, xs] += F.avg_pool2d(F.pad(values * trusted, margins)[None], CELL)[0]
    weight[:, ys, xs] += F.avg_pool2d(F.pad(trusted, margins)[None], CELL)[0]


def outside(canvas: Canvas, like: Tensor) -> Tensor:
    """Distance of the cells of the canvas from the original, ``[h, w]`` in pixels."""
    kept, size = canvas.rect, canvas.size.round_up(CELL)
    y = torch.arange(size.height // CELL, device=like.device) * CELL + (CELL - 1) / 2
    x = torch.arange(size.width // CELL, device=like.device) * CELL + (CELL - 1) / 2
    down = torch.maximum(kept.y - y, y - kept.bottom).clamp_min(0)
    right = torch.maximum(kept.x - x, x - kept.right).clamp_min(0)
    return torch.hypot(down[:, None], right[None])


def sample(field: Tensor, rect: Rect) -> Tensor:
    """A field given in cells, bilinear at the pixels of ``rect``."""
    return sample_cells(field, rect.x, rect.y, 1, (rect.height, rect.width))


def sample_cells(field: Tensor, x: int, y: int, side: int, size: tuple[int, ...]) -> Tensor:
    """A field given in cells, bilinear in the middle of ``size`` (rows, columns) smaller ones of ``side`` pixels, the
    first of which begins at ``x``, ``y``."""
    rows, columns = (
        (start + (torch.arange(count, device=field.device) + 0.5) * side) / CELL
        for start, count in zip((y, x), size, strict=True)
    )
    return bilinear(bilinear(field, rows).transpose(1, 2), columns).transpose(1, 2)


def bilinear(field: Tensor, at: Tensor) -> Tensor:
    """Linear interpolation along the rows of ``field`` ``[C, H, W]``; cell i has its middle at i + .5."""
    at = (at - 0.5).clamp(0, field.shape[1] - 1)
    low = at.floor().long().clamp_max(max(field.shape[1] - 2, 0))
    part = (at - low).to(field.dtype)[None, :, None]
    upper = (low + 1).clamp_max(field.shape[1] - 1)
    return field[:, low] * (1 - part) + field[:, upper] * part
