"""A soft continuation of the picture: edge-like at the border, ever wider blurred with distance.

No texture and no shapes, only the right light and colour everywhere: a start for a sampler that makes the rest up, and
what the content fill fades to far away from the picture.
"""

from __future__ import annotations

from math import ceil

import torch
import torch.nn.functional as F
from torch import Tensor

from .canvas import Extents
from .membrane import membrane

# The blur is worked out on a picture of about this many pixels a side, then enlarged: it holds no finer detail.
_WORKING_SIDE = 512
# Width of the blur per pixel of distance from the border.
_BLUR_PER_DISTANCE = 0.25
# Distance in which the border's own pixel detail fades.
_DETAIL_REACH = 24


def fill_smooth(image: Tensor, extents: Extents, canvas: Tensor | None = None) -> Tensor:
    """Continue a picture softly.

    Every new pixel takes the picture's colour at the nearest border pixel, averaged over a window that grows with the
    distance (an image pyramid, interpolated between its levels).

    Args:
        image: ``[C, H, W]`` float.
        canvas: where to write the result, else it is made.

    Returns:
        ``[C, H + up + down, W + left + right]``; the picture's own area holds the picture.
    """
    height, width = image.shape[-2:]
    shrink = max(1.0, max(height, width) / _WORKING_SIDE)
    small = F.interpolate(image[None], size=(ceil(height / shrink), ceil(width / shrink)), mode="area")[0]
    rows = _Axis(height, small.shape[-2], extents.up, extents.down, image.device)
    columns = _Axis(width, small.shape[-1], extents.left, extents.right, image.device)

    size = (extents.up + height + extents.down, extents.left + width + extents.right)
    if canvas is None:
        canvas = image.new_empty(*size, image.shape[0]).movedim(-1, 0)
    soft = _blur_by_distance(small, rows, columns)
    for y, x in _strips(height, width, extents, image.device):
        rows_there, columns_there = _slices(y, x, extents)
        canvas[:, rows_there, columns_there] = sample(soft, rows.at(y), columns.at(x))
    canvas[:, extents.up : extents.up + height, extents.left : extents.left + width] = image
    _continue_detail(canvas, image, soft, rows, columns, extents)
    return canvas


def fill_holes_smooth(image: Tensor, known: Tensor, steps: int = 24) -> Tensor:
    """``image`` ``[C, H, W]``, spanned softly where it is not ``known`` ``[H, W]`` (bool), the smoother the more
    ``steps``."""
    return torch.where(known, image, membrane(image, known[None].to(image), steps))


class _Axis:
    """One axis of the canvas at working size: ``size`` cells of the picture with ``before`` and ``after`` new ones."""

    def __init__(self, full: int, small: int, before: int, after: int, device: torch.device):
        self.size, self.device = small, device
        self.scale = full / small
        self.before = ceil(before / self.scale) + 1 if before else 0
        self.after = ceil(after / self.scale) + 1 if after else 0

    def cells(self) -> Tensor:
        """Every working cell's position, in cells of the picture."""
        return torch.arange(-self.before, self.size + self.after, device=self.device, dtype=torch.float32)

    def at(self, pixel: Tensor) -> Tensor:
        """Index into the working cells for pixels counted from the picture's first one."""
        return (pixel + 0.5) / self.scale - 0.5 + self.before


def _blur_by_distance(small: Tensor, rows: _Axis, columns: _Axis) -> Tensor:
    y, x = rows.cells(), columns.cells()
    distance = torch.hypot(_beyond(y, rows.size)[:, None], _beyond(x, columns.size)[None])
    level = torch.log2(1 + _BLUR_PER_DISTANCE * distance)
    result = small.new_zeros(small.shape[0], len(y), len(x))
    smaller = small
    for depth in range(ceil(float(level.max())) + 1):
        if depth:
            size = [max(1, (side + 1) // 2) for side in smaller.shape[-2:]]
            smaller = F.interpolate(smaller[None], size=size, mode="area")[0]
        weight = (1 - (level - depth).abs()).clamp_min(0)
        at_y = (y + 0.5) * smaller.shape[-2] / rows.size - 0.5
        at_x = (x + 0.5) * smaller.shape[-1] / columns.size - 0.5
        result += weight * sample(smaller, at_y, at_x)
    return result


def _continue_detail(
    canvas: Tensor, image: Tensor, soft: Tensor, rows: _Axis, columns: _Axis, extents: Extents
) -> None:
    """Add what the blur misses of the border pixels, fading with distance, so that the fill meets them exactly."""
    height, width = image.shape[-2:]
    near = Extents(**{side: min(value, _DETAIL_REACH) for side, value in vars(extents).items()})
    for y, x in _strips(height, width, near, image.device):
        rim_y, rim_x = y.clamp(0, height - 1), x.clamp(0, width - 1)
        missed = image[:, rim_y[:, None], rim_x] - sample(soft, rows.at(rim_y), columns.at(rim_x))
        distance = torch.hypot(_beyond(y, height)[:, None], _beyond(x, width)[None])
        fade = (1 - distance / _DETAIL_REACH).clamp_min(0).square()
        rows_there, columns_there = _slices(y, x, extents)
        canvas[:, rows_there, columns_there] += fade * missed


def _strips(height: int, width: int, extents: Extents, device: torch.device) -> list[tuple[Tensor, Tensor]]:
    """The new area as at most four rectangles of rows and columns, counted from the picture's first pixel."""

    def span(first: int, last: int) -> Tensor:
        return torch.arange(first, last, device=device)

    across = span(-extents.left, width + extents.right)
    strips = [
        (span(-extents.up, 0), across),
        (span(height, height + extents.down), across),
        (span(0, height), span(-extents.left, 0)),
        (span(0, height), span(width, width + extents.right)),
    ]
    return [(y, x) for y, x in strips if len(y) and len(x)]


def _slices(y: Tensor, x: Tensor, extents: Extents) -> tuple[slice, slice]:
    top, left = int(y[0]) + extents.up, int(x[0]) + extents.left
    return slice(top, top + len(y)), slice(left, left + len(x))


def _beyond(position: Tensor, size: int) -> Tensor:
    """How far a position lies outside ``0 .. size - 1``."""
    return (position - position.clamp(0, size - 1)).float()


def sample(field: Tensor, y: Tensor, x: Tensor) -> Tensor:
    """Linear interpolation of ``[C, h, w]`` at rows ``y`` and columns ``x``, clamped at the edges."""

    def along(dim: int, position: Tensor, values: Tensor) -> Tensor:
        last = values.shape[dim] - 1
        position = position.clamp(0, last)
        low = position.floor().long()
        weight = (position - low).to(values)
        if dim == -2:
            weight = weight[:, None]
        return torch.lerp(values.index_select(dim, low), values.index_select(dim, (low + 1).clamp_max(last)), weight)

    # Columns first: rows of the enlarged field are then copied whole, which is many times faster.
    return along(-2, y, along(-1, x, field))
