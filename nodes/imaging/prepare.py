"""One window made ready for the sampler: its pixels and its masks."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from . import masks
from .canvas import Extents, Rect
from .passes import Outpainting, inside
from .progress import Progress, untold
from .resample import mirrored, scaled
from .surround import filled, overhang
from .windows import Window


@dataclass(frozen=True)
class Prepared:
    """A window for the sampler: ``pixels`` ``[B, h, w, 3]`` and the three masks ``[h, w]``, all at its size."""

    pixels: Tensor
    denoise: Tensor
    concat: Tensor
    composite: Tensor
    work: Outpainting


def prepare(
    work: Outpainting,
    window: Window,
    fill: str = "auto",
    creativity: float = 0.5,
    progress: Progress = untold,
) -> Prepared:
    """The pixels and masks of a window.

    Args:
        fill: kind of the prefill.
        creativity: above .5 the prefill gives way to its own mean colour and noise, so that it leads the sampler less.
        progress: called with (steps done, steps in all); may raise to cancel.
    """
    work = work.toned()
    rect = window.rect
    inner = rect.clipped(bounds(work, window))
    known = work.known(inner)
    if window.refine:
        known &= ~inside(window.fills, inner)
    margins = overhang(rect, inner, known)
    body = Rect(inner.x - margins.left, inner.y - margins.up, inner.width + margins.left + margins.right,
                inner.height + margins.up + margins.down)
    pixels = work.draw(body)
    own = body.common(work.rect)
    if own is not None:
        rows, columns = own.moved(-body.x, -body.y).slices
        pasted = work.original[(slice(None), *own.slices, slice(3))].to(pixels).clamp(0, 1)
        if work.holes is not None:
            pasted = torch.where(work.kept(own)[..., None].to(pixels.device), pasted, pixels[:, rows, columns])
        pixels[:, rows, columns] = pasted
    known = F.pad(known, (margins.left, margins.right, margins.up, margins.down))
    if not window.refine and not bool(known.any()):
        # The window lies wholly within a hole larger than itself.
        pixels[:] = work.original[:, work.kept(work.rect), :3].mean(1)[:, None, None].to(pixels)
    elif not window.refine and not bool(known.all()):
        area = known
        if work.holes is not None and own is not None:
            area = known.clone()
            area[rows, columns] = True
        pixels = filled(pixels, area, known, fill, seed_of(window), creativity, progress)
    rest = Extents(body.x - rect.x, rect.right - body.right, body.y - rect.y, rect.bottom - body.bottom)
    pixels = mirrored(pixels, rest)
    new = mirrored((~known)[None, ..., None].float(), rest)[0, ..., 0]
    take = (inside(window.fills, rect) & ~work.kept(rect)).float()
    height, width = window.size.height, window.size.width
    if rect.size != window.size:
        new, take = F.interpolate(torch.stack([new, take])[:, None], (height, width), mode="area")[:, 0]
    missing = masks.concat(new > 0, work.cell)
    return Prepared(
        scaled(pixels, window.size).clamp_(0, 1),
        masks.denoise(missing, round(work.overlap * window.scale)),
        missing,
        masks.composite(take >= 0.5),
        replace(work, pending=window),
    )


def bounds(work: Outpainting, window: Window) -> Rect:
    """The known area and the window's fills: what lies beyond is slack."""
    area = work.frame
    for fill in window.fills:
        area = area.joined(fill)
    return area


def seed_of(window: Window) -> int:
    """A number that stays with the window."""
    return zlib.crc32(window.name.encode()) & 0xFFFF
