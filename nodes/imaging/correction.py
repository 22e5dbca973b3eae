"""A correction: everything that is done to a generated picture, applicable to any rectangle of the canvas by itself.

So large canvases are worked off block by block, and blocks agree where they meet.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor

from . import grain as grains
from . import jpeg, lattice, register, sharpness
from .canvas import Canvas, Rect
from .detail import CELL
from .edges import MARGIN, Edges
from .fields import sample
from .filters import pad
from .halo import Departure
from .regions import grown
from .tone import Tone, Toning


@dataclass(frozen=True)
class Correction:
    """What is done to the generated picture ``source`` ``[3, H, W]``, in this order; ``None`` = left out."""

    source: Tensor
    warp: register.Warp | None = None
    tone: Tone | None = None
    sharp: Tensor | None = None
    overshoot: float = sharpness.OVERSHOOT
    # Where the original lies, and how much of the filter is left out beyond it.
    crisp: tuple[Rect, float] | None = None
    pattern: Tensor | None = None
    drift: Tensor | None = None
    departure: Departure | None = None
    toning: Toning | None = None
    edges: Edges | None = None
    grain: grains.Grain | None = None
    seed: int = 0
    rings: tuple[tuple[Rect, Tensor], ...] = ()
    texture: jpeg.Texture | None = None
    # As ``rings``, added after the coding: for blocks that the border divides, which blur it.
    divided: tuple[tuple[Rect, Tensor], ...] = ()
    # Pixels before the grain, by rectangle, while several grains are tried on them.
    memory: dict[Rect, Tensor] | None = field(default=None, compare=False, repr=False)

    def __call__(self, rect: Rect) -> Tensor:
        """The corrected pixels ``[3, height, width]`` of ``rect`` (canvas coordinates), not yet clamped."""
        margin = 0 if self.grain is None else grains.MARGIN
        whole = Rect(0, 0, self.source.shape[-1], self.source.shape[-2])
        area = grown(rect, margin, whole)
        if margin:
            x, y = area.x // CELL * CELL, area.y // CELL * CELL
            area = Rect(x, y, area.right - x, area.bottom - y)
        pixels = self.smooth(area)
        if self.grain is not None:
            pixels = grains.add_grain(pixels, self.grain, self.seed, area.x, area.y)
        rows, columns = rect.moved(-area.x, -area.y).slices
        pixels = pixels[:, rows, columns]
        return with_rings(pixels, rect, self.rings)

    def smooth(self, rect: Rect) -> Tensor:
        """All but grain and rings."""
        if self.memory is not None and rect in self.memory:
            return self.memory[rect].clone()
        if self.edges is None:
            pixels = self.level(rect)
        else:
            area, margins = self.around(rect, MARGIN)
            pixels = self.edges(F.pad(self.level(area)[None], margins, mode="replicate")[0])
        if self.memory is not None:
            self.memory[rect] = pixels.clone()
        return pixels

    def level(self, rect: Rect) -> Tensor:
        """All that is done before the edges."""
        pixels = self.toned(rect)
        if self.pattern is not None:
            pixels = pixels - lattice.tiled(self.pattern, rect)
        if self.drift is not None:
            pixels = pixels + sample(self.drift, rect)
        if self.departure is not None:
            pixels = self.departure(pixels, rect)
        return pixels if self.toning is None else self.toning(pixels)

    def colors(self, means: Tensor) -> Tensor:
        """What ``level`` makes of the mean colours ``[3, h, w]`` of the cells of ``fields``; those do not change by a
        shift, a sharpening, a pattern or a halo."""
        if self.tone is not None:
            means = self.tone(means)
        if self.drift is not None:
            means = means + self.drift
        if self.departure is not None:
            means = self.departure.onset(means)
        return means if self.toning is None else self.toning(means)

    def toned(self, rect: Rect) -> Tensor:
        """Tone and sharpness only."""
        area, margins = self.around(rect, 0 if self.sharp is None else sharpness.RADIUS)
        rows, columns = area.slices
        pixels = self.source[:, rows, columns].float() if self.warp is None else self.warp(self.source, area)
        if self.tone is not None:
            pixels = self.tone(pixels)
        if self.sharp is not None:
            rows, columns = rect.moved(-area.x, -area.y).slices
            plain = pixels[:, rows, columns]
            pixels = sharpness.sharpen(pad(pixels, *margins), self.sharp, self.overshoot)
            if self.crisp is not None:
                kept, share = self.crisp
                outside = torch.lerp(pixels, plain, share)
                inside = kept.common(rect)
                if inside is not None:
                    rows, columns = inside.moved(-rect.x, -rect.y).slices
                    outside[:, rows, columns] = pixels[:, rows, columns]
                pixels = outside
        return pixels

    def around(self, rect: Rect, margin: int) -> tuple[Rect, tuple[int, int, int, int]]:
        """``rect`` with ``margin`` more pixels on every side as far as there are any, and how many are missing: left,
        right, above, below."""
        area = grown(rect, margin, Rect(0, 0, self.source.shape[-1], self.source.shape[-2]))
        left, right = margin - rect.x + area.x, margin - area.right + rect.right
        return area, (left, right, margin - rect.y + area.y, margin - area.bottom + rect.bottom)


def textured(made: Correction, overlap: Overlap, rect: Rect, joined: bool = True) -> Tensor:
    """The corrected pixels of ``rect`` in the original's coding. Where they are ``joined``, blocks at the border hold
    original pixels as well."""
    texture = made.texture
    if texture is None:
        return made(rect)
    kept, (across, down) = overlap.canvas.rect, texture.unit
    x0, y0 = (kept.x + texture.x) % across, (kept.y + texture.y) % down
    # One unit more on each side: chroma is interpolated over the border of its block.
    left, top = ((rect.x - x0) // across - 1) * across + x0, ((rect.y - y0) // down - 1) * down + y0
    right = (-(-(rect.right - x0) // across) + 1) * across + x0
    bottom = (-(-(rect.bottom - y0) // down) + 1) * down + y0
    whole = Rect(0, 0, made.source.shape[-1], made.source.shape[-2])
    area = Rect(left, top, right - left, bottom - top).clipped(whole)
    pixels = made(area).clamp(0, 1)
    inside = area.common(kept)
    if joined and inside is not None:
        rows, columns = inside.moved(-area.x, -area.y).slices
        pixels[:, rows, columns] = overlap.pixels(inside)
    margins = (area.x - left, right - area.right, area.y - top, bottom - area.bottom)
    coded = jpeg.compress(F.pad(pixels[None], margins, mode="replicate")[0], texture)
    rows, columns = rect.moved(-left, -top).slices
    return with_rings(coded[:, rows, columns], rect, made.divided)


def with_rings(pixels: Tensor, rect: Rect, rings: tuple[tuple[Rect, Tensor], ...]) -> Tensor:
    """``pixels`` of ``rect``, changed in place by what the ``rings`` add there."""
    for place, added in rings:
        common = place.common(rect)
        if common is not None:
            rows, columns = common.moved(-rect.x, -rect.y).slices
            ys, xs = common.moved(-place.x, -place.y).slices
            pixels[:, rows, columns] += added[:, ys, xs]
    return pixels


@dataclass(frozen=True)
class Overlap:
    """The original on its canvas.

    Attributes:
        target: ``[3, H, W]``, the canvas with the original in place; read only where the original lies.
        valid: ``[h, w]`` on the original, 1 where the generated picture corresponds to it; ``None`` = everywhere.
        same: ``[h, w]``, 0..1, where it was found to show the same things; ``None`` = not looked at.
    """

    target: Tensor
    canvas: Canvas
    valid: Tensor | None
    same: Tensor | None = None

    def pixels(self, rect: Rect) -> Tensor:
        rows, columns = rect.slices
        return self.target[:, rows, columns].float()

    def trust(self, rect: Rect) -> Tensor:
        """``valid`` under ``rect``, ``[1, h, w]``."""
        if self.valid is None:
            return self.target.new_ones((1, rect.height, rect.width))
        rows, columns = rect.moved(-self.canvas.rect.x, -self.canvas.rect.y).slices
        return self.valid[rows, columns].to(self.target)[None]

    def agreed(self, rect: Rect) -> Tensor:
        """``valid`` where both show the same, ``[1, h, w]``."""
        if self.same is None:
            return self.trust(rect)
        rows, columns = rect.moved(-self.canvas.rect.x, -self.canvas.rect.y).slices
        return self.trust(rect) * self.same[rows, columns]
