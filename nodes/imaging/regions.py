"""Which rectangles of a canvas the joining steps work on: the new area, and the overlap just inside the original.

Only these are ever processed, so cost and memory follow the new area and not the size of the original.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from torch import Tensor

from .canvas import Canvas, Rect

# Pixels of the overlap in which fine detail is looked at.
DETAIL_DEPTH = 192


@dataclass(frozen=True)
class Band:
    """A strip inside the original along one joined side, in canvas coordinates."""

    side: str
    rect: Rect


def joined_sides(canvas: Canvas) -> tuple[str, ...]:
    """Names of the sides that grow, in the order left, right, up, down."""
    return tuple(side for side in ("left", "right", "up", "down") if getattr(canvas.extents, side))


def new_areas(canvas: Canvas) -> tuple[Rect, ...]:
    """The new area as at most four rectangles that do not overlap: above and below in full width, left, right."""
    e, size, kept = canvas.extents, canvas.size, canvas.rect
    parts = (
        Rect(0, 0, size.width, e.up),
        Rect(0, kept.bottom, size.width, e.down),
        Rect(0, kept.y, e.left, kept.height),
        Rect(kept.right, kept.y, e.right, kept.height),
    )
    return tuple(part for part in parts if part.size.area)


def bands(canvas: Canvas, depth: int) -> tuple[Band, ...]:
    """The outermost ``depth`` pixels of the original along each joined side.

    Strips of sides that meet share their corner.
    """
    kept = canvas.rect
    wide, high = min(depth, kept.width), min(depth, kept.height)
    rects = {
        "left": Rect(kept.x, kept.y, wide, kept.height),
        "right": Rect(kept.right - wide, kept.y, wide, kept.height),
        "up": Rect(kept.x, kept.y, kept.width, high),
        "down": Rect(kept.x, kept.bottom - high, kept.width, high),
    }
    return tuple(Band(side, rects[side]) for side in joined_sides(canvas))


def grown(rect: Rect, margin: int, within: Rect) -> Rect:
    """``rect`` with ``margin`` more pixels on every side, cut at ``within``."""
    x, y = max(rect.x - margin, within.x), max(rect.y - margin, within.y)
    return Rect(x, y, min(rect.right + margin, within.right) - x, min(rect.bottom + margin, within.bottom) - y)


def blocks(rect: Rect, side: int) -> Iterator[Rect]:
    """``rect`` cut into blocks of at most ``side`` x ``side`` pixels, row by row."""
    for y in range(rect.y, rect.bottom, side):
        for x in range(rect.x, rect.right, side):
            yield Rect(x, y, min(side, rect.right - x), min(side, rect.bottom - y))


def beside(canvas: Canvas, depth: int) -> list[Band]:
    """The new area within ``depth`` of the original, along each joined side."""
    kept, e = canvas.rect, canvas.extents
    left, right, up, down = (min(depth, side) for side in (e.left, e.right, e.up, e.down))
    found = [
        Band("left", Rect(kept.x - left, kept.y, left, kept.height)),
        Band("right", Rect(kept.right, kept.y, right, kept.height)),
        Band("up", Rect(kept.x, kept.y - up, kept.width, up)),
        Band("down", Rect(kept.x, kept.bottom, kept.width, down)),
    ]
    return [band for band in found if band.rect.size.area]


def turned(pixels: Tensor, side: str) -> Tensor:
    """``pixels`` ``[C, H, W]`` turned so that ``side`` is on the right."""
    if side in ("up", "down"):
        pixels = pixels.transpose(1, 2)
    return pixels.flip(2) if side in ("left", "up") else pixels


def turned_back(pixels: Tensor, side: str) -> Tensor:
    """Undo ``turned``."""
    pixels = pixels.flip(2) if side in ("left", "up") else pixels
    return pixels.transpose(1, 2) if side in ("up", "down") else pixels


def edge_rect(rect: Rect, side: str, depth: int) -> Rect:
    """The outermost ``depth`` pixels of ``rect`` at ``side``."""
    return {
        "left": Rect(rect.x, rect.y, depth, rect.height),
        "right": Rect(rect.right - depth, rect.y, depth, rect.height),
        "up": Rect(rect.x, rect.y, rect.width, depth),
        "down": Rect(rect.x, rect.bottom - depth, rect.width, depth),
    }[side]
