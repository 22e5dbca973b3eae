"""One size of the picture in the content fill's pyramid, and the place of the new area around it.

Positions are pixels counted from the picture's first one, so the new area has negative ones, or ones beyond
the picture. Halving keeps that origin: position p of a level is position p // 2 of the next coarser one.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

import torch
import torch.nn.functional as F
from torch import Tensor

from .canvas import Extents

# Of a patch, in pixels: from its centre, and whole.
RADIUS = 3
SIDE = 2 * RADIUS + 1


@dataclass(frozen=True)
class Level:
    """The picture ``[3, h, w]`` at one size, and the extents there."""

    source: Tensor
    extents: Extents

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
        return Level(smaller, Extents(*(ceil(side / 2) for side in (e.left, e.right, e.up, e.down))))

    def rows(self) -> Tensor:
        return torch.arange(-self.extents.up, self.size[0] + self.extents.down, device=self.source.device)

    def columns(self) -> Tensor:
        return torch.arange(-self.extents.left, self.size[1] + self.extents.right, device=self.source.device)

    def new_pixels(self) -> tuple[Tensor, Tensor]:
        """Rows and columns ``[n]`` of the new area."""
        y, x = self.rows(), self.columns()
        inside = ((y >= 0) & (y < self.size[0]))[:, None] & ((x >= 0) & (x < self.size[1]))
        row, column = (~inside).nonzero(as_tuple=True)
        return y[row], x[column]

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
