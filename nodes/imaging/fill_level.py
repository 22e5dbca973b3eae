"""One size of the picture in the content fill's pyramid, and the place of the new area around and within it.

Positions are pixels counted from the picture's first one, so the new area has negative ones, or ones beyond
the picture. Halving keeps that origin: position p of a level is position p // 2 of the next coarser one.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import ceil

import torch
import torch.nn.functional as F
from torch import Tensor

from .canvas import Extents
from .filters import largest

# Of a patch, in pixels: from its centre, and whole.
RADIUS = 3
SIDE = 2 * RADIUS + 1
# Cost of a source that is not wholly known: more than any other.
UNKNOWN = 100.0


@dataclass(frozen=True)
class Level:
    """The picture ``[3, h, w]`` at one size, the extents there, and what of it is ``known`` ``[h, w]`` (``None`` =
    everything): the rest is filled anew. It holds soft colours there, and nothing is copied from it."""

    source: Tensor
    extents: Extents
    known: Tensor | None = None

    @property
    def size(self) -> tuple[int, int]:
        return self.source.shape[-2], self.source.shape[-1]

    @property
    def canvas_size(self) -> tuple[int, int]:
        (height, width), e = self.size, self.extents
        return e.up + height + e.down, e.left + width + e.right

    def halved(self) -> Level:
        e = self.extents
        smaller = F.avg_pool2d(self.source[None], 2, ceil_mode=True, count_include_pad=False)[0]
        # What ends just inside a border that is extended must not reach it at any size, or it would go on beyond.
        for side, extent in ((0, e.left), (-1, e.right)):
            if extent:
                smaller[..., side] = F.avg_pool1d(self.source[..., side], 2, ceil_mode=True, count_include_pad=False)
        for side, extent in ((0, e.up), (-1, e.down)):
            if extent:
                smaller[:, side] = F.avg_pool1d(self.source[:, side], 2, ceil_mode=True, count_include_pad=False)
        extents = Extents(*(ceil(side / 2) for side in (e.left, e.right, e.up, e.down)))
        if self.known is None:
            return Level(smaller, extents)
        # A hole holds at every size what it holds at the next finer one.
        unknown = F.max_pool2d((~self.known)[None].to(smaller), 2, ceil_mode=True)[0]
        return Level(smaller, extents, unknown == 0)

    def rows(self) -> Tensor:
        return torch.arange(-self.extents.up, self.size[0] + self.extents.down, device=self.source.device)

    def columns(self) -> Tensor:
        return torch.arange(-self.extents.left, self.size[1] + self.extents.right, device=self.source.device)

    def new_pixels(self) -> tuple[Tensor, Tensor]:
        """Rows and columns ``[n]`` of the new area."""
        y, x = self.rows(), self.columns()
        row, column = (~self.kept()).nonzero(as_tuple=True)
        return y[row], x[column]

    def kept(self) -> Tensor:
        """``[H, W]`` bool over the canvas: what is not new."""
        e = self.extents
        known = torch.ones_like(self.source[0], dtype=torch.bool) if self.known is None else self.known
        return F.pad(known, (e.left, e.right, e.up, e.down))

    def whole(self, side: int) -> Tensor:
        """``[h - side + 1, w - side + 1]`` bool: the patches of ``side`` pixels of which everything is known."""
        if self.known is None:
            return self.source.new_ones(self.size[0] - side + 1, self.size[1] - side + 1, dtype=torch.bool)
        return largest((~self.known)[None].to(self.source), side)[0] == 0

    def nearest(self, y: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        """The centres nearest to positions at which a patch is wholly known."""
        (height, width), table = self.size, self._nearest
        y, x = y.clamp(RADIUS, height - 1 - RADIUS), x.clamp(RADIUS, width - 1 - RADIUS)
        if table is None:
            return y, x
        y, x = table[:, y - RADIUS, x - RADIUS] + RADIUS
        return y, x

    @cached_property
    def _nearest(self) -> Tensor | None:
        return None if self.known is None else nearest(self.whole(SIDE))

    def beyond(self, y: Tensor, x: Tensor) -> Tensor:
        """How much ``[n, 4]`` positions lie beyond the left, right, upper and lower border, as shares of 1."""
        height, width = self.size
        pixels = torch.stack([-x, x - (width - 1), -y, y - (height - 1)], 1).clamp_min(0).to(self.source)
        return pixels / pixels.sum(1, keepdim=True).clamp_min(1)

    def empty_canvas(self) -> Tensor:
        """The picture on the canvas, with nothing (0) around it."""
        e = self.extents
        return F.pad(self.source, (e.left, e.right, e.up, e.down))

    def index(self, y: Tensor, x: Tensor) -> Tensor:
        """Of positions in the flattened canvas."""
        return (y + self.extents.up) * self.canvas_size[1] + x + self.extents.left


def nearest(there: Tensor) -> Tensor:
    """The row and column ``[2, h, w]`` of about the nearest true value of ``there`` ``[h, w]``, which are not all
    false: exact along the rows, then over rows ever nearer (Rong and Tan, "Jump flooding in GPU", I3D 2006)."""
    height, width = there.shape
    far = 2 * (height + width)
    column = torch.arange(width, device=there.device).expand(height, width)
    before = torch.where(there, column, -far).cummax(1).values
    after = torch.where(there, column, far).flip(1).cummin(1).values.flip(1)
    row = torch.arange(height, device=there.device)[:, None].expand(height, width)
    y, x = row, torch.where(column - before <= after - column, before, after)
    steps = [1 << power for power in reversed(range(max(height - 1, 1).bit_length()))]
    for step in (*steps, 1):
        for shift in (step, -step):
            other_y, other_x = y.roll(shift, 0), x.roll(shift, 0)
            closer = (other_y - row) ** 2 + (other_x - column) ** 2 < (y - row) ** 2 + (x - column) ** 2
            y, x = torch.where(closer, other_y, y), torch.where(closer, other_x, x)
    return torch.stack([y, x])
