"""What the sampler sees: windows over the canvas, planned as data. No pixels.

Coordinates are those of the *original* picture (its top left corner is 0, 0; the new area above and to the left is
negative), so a window does not move when another side grows, and its result can stay cached.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from math import ceil, floor, sqrt

from ..errors import InputError
from .canvas import Canvas, Extents, Rect, Size

# Below this scale detail is lost that matching cannot bring back.
LEAST_SCALE = 0.7
# Scale of a strip too long for one window: half the cost, and each window sees nearly twice the context.
TILE_SCALE = 0.75
# How far a window reaches into the one before it along a strip.
LAP = 128
LEAST_CONTEXT = 256
# The last pass may be this much wider than the others, rather than a sliver being a pass of its own.
LAST_PASS = 1.25


@dataclass(frozen=True)
class Wants:
    """What a model wants to see.

    Attributes:
        multiple: sides are multiples of this many pixels.
        native: largest area it was trained on, in pixels.
        least: area below which it draws poorly, in pixels; smaller windows are scaled up to it.
        reach: longest extent of one pass, as a share of the original's longer side.
        aspect: most elongated window it copes with, long side over short.
    """

    multiple: int = 8
    native: int = 1024 * 1024
    least: int = 0
    reach: float = 0.5
    aspect: float = 4.0

    def pass_length(self, original: Size) -> int:
        """Longest extent of one pass in pixels."""
        longest = max(original.width, original.height)
        length = min(self.reach * longest, 4 / 3 * sqrt(self.native))
        return max(self.multiple, 64, round(length / self.multiple) * self.multiple)


@dataclass(frozen=True)
class Window:
    """One area that is sampled at once.

    Attributes:
        name: stable within a plan, and across plans as long as the window itself does not change.
        rect: what the sampler sees. May overhang the canvas by the slack up to the model's multiple.
        size: the size at which ``rect`` is sampled.
        fills: the new areas that are taken from this window; they do not overlap those of other windows.
        refine: the area has been filled already and only regains detail.
    """

    name: str
    rect: Rect
    size: Size
    fills: tuple[Rect, ...]
    refine: bool = False

    @property
    def scale(self) -> float:
        """Sampled pixels per canvas pixel along a side."""
        return sqrt(self.size.area / self.rect.size.area)

    def dumps(self) -> str:
        """As text, to travel through a workflow."""
        rows = [[r.x, r.y, r.width, r.height] for r in (self.rect, *self.fills)]
        return json.dumps([self.name, [self.size.width, self.size.height], rows, self.refine], separators=(",", ":"))

    @classmethod
    def loads(cls, text: str) -> Window:
        """The window written by ``dumps``.

        Raises:
            InputError: the text is not one.
        """
        try:
            name, (width, height), (rect, *fills), refine = json.loads(text)
            window = cls(
                str(name), Rect(*map(int, rect)), Size(int(width), int(height)),
                tuple(Rect(*map(int, fill)) for fill in fills), bool(refine),
            )
            if not fills or min(window.rect.width, window.rect.height, width, height) < 1:
                raise ValueError
        except (ValueError, TypeError):
            raise InputError(
                f"The window {text[:80]!r} cannot be read.", "Leave window empty: Outpaint (Local) fills it in."
            ) from None
        return window


@dataclass(frozen=True)
class Plan:
    """Windows to be sampled, in chains: a window sees the results of its own chain's earlier ones.

    Attributes:
        canvas: the finished picture.
        sides: chains that do not see each other (left, right), or the one chain of a job that is not split by side.
        across: chains that see all of ``sides`` (up, down).
    """

    canvas: Canvas
    sides: tuple[tuple[Window, ...], ...]
    across: tuple[tuple[Window, ...], ...] = ()

    @property
    def windows(self) -> tuple[Window, ...]:
        return tuple(window for chain in (*self.sides, *self.across) for window in chain)

    @property
    def sampled(self) -> int:
        """Pixels put through the sampler, all windows together."""
        return sum(window.size.area for window in self.windows)

    @property
    def cost(self) -> float:
        """Sampled pixels per new pixel."""
        return self.sampled / self.canvas.new_area


def plan(original: Size, extents: Extents, wants: Wants, least_scale: float = LEAST_SCALE) -> Plan:
    """The windows for a job.

    One window where everything fits at ``least_scale`` or more. Else one chain per side: passes outward of at most
    ``wants.reach``, each cut along the border into overlapping windows as long as it does not fit. Left and right
    come first, over the height of the original; up and down follow over the full width.
    """
    canvas = Canvas(original, extents)
    frame = frame_of(canvas)
    furthest = LAST_PASS * wants.pass_length(original)
    near = max(extents.left, extents.right, extents.up, extents.down) <= furthest
    sides = [side for side in ("left", "right", "up", "down") if getattr(extents, side)]
    if near and (fits(frame.size, wants, least_scale) and (len(sides) > 1 or frame.size.area <= wants.native)):
        return Plan(canvas, ((whole(canvas, wants, least_scale),),))
    core = Rect(0, 0, original.width, original.height)
    wide = Rect(-extents.left, 0, canvas.size.width, original.height)
    chains = {
        side: tuple(strip(side, core if side in ("left", "right") else wide, canvas, wants, least_scale))
        for side in sides
    }
    horizontal = tuple(chains[side] for side in ("left", "right") if side in chains)
    vertical = tuple(chains[side] for side in ("up", "down") if side in chains)
    return Plan(canvas, horizontal, vertical)


def single(original: Size, extents: Extents, multiple: int, megapixels: float) -> Window:
    """The one window of a job that is not split: the whole canvas, or, where ``megapixels`` sets a limit and only one
    side grows, the new strip with as much of the original as the limit allows.

    Args:
        megapixels: largest size of the window in millions of pixels; 0 = the whole canvas at its own size.
    """
    canvas = Canvas(original, extents)
    if not megapixels:
        return whole(canvas, Wants(multiple, canvas.size.round_up(multiple).area), 0)
    wants = Wants(multiple, int(megapixels * 1e6), reach=float("inf"), aspect=float("inf"))
    sides = [side for side in ("left", "right", "up", "down") if getattr(extents, side)]
    if len(sides) > 1 or canvas.size.area <= wants.native:
        return whole(canvas, wants, 0)
    known = Rect(0, 0, original.width, original.height)
    return next(strip(sides[0], known, canvas, wants, 0, getattr(extents, sides[0])))


def refined(window: Window, wants: Wants) -> tuple[Window, ...]:
    """Windows at full scale over what ``window`` filled, for a second pass that restores detail."""
    side = floor(sqrt(wants.native) / wants.multiple) * wants.multiple
    width, height = (
        max(wants.multiple, min(side, length // wants.multiple * wants.multiple))
        for length in (window.rect.width, window.rect.height)
    )
    result: list[Window] = []
    for fill in window.fills:
        for box in boxes(fill, max(wants.multiple, min(width, height) - LAP)):
            rect = centred(box, Size(width, height), window.rect)
            result.append(Window(f"{window.name}.detail{len(result) + 1}", rect, rect.size, (box,), True))
    return tuple(result)


def within(hole: Rect, original: Size, wants: Wants) -> tuple[Window, ...]:
    """Windows at full scale over ``hole``, a part of the original that is generated anew, with what surrounds it."""
    side = max(wants.multiple, floor(sqrt(wants.native) / wants.multiple) * wants.multiple)
    space = original.round_up(wants.multiple)
    size = Size(min(side, space.width), min(side, space.height))
    whole = Rect(0, 0, space.width, space.height)
    return tuple(
        Window(f"inside{number}", centred(box, size, whole), size, (box,))
        for number, box in enumerate(boxes(hole, max(wants.multiple, min(side // 2, side - LAP))), 1)
    )


def with_hole(window: Window, hole: Rect) -> Window:
    """``window``, which fills ``hole`` as well.

    Raises:
        InputError: it does not see all of it.
    """
    if not window.rect.contains(hole):
        raise InputError(
            f"The mask reaches beyond the window: it marks {hole.size} at {hole.x}, {hole.y}, and the window shows "
            f"{window.rect.size} at {window.rect.x}, {window.rect.y}.",
            "Set megapixels to 0, so that the window is the whole canvas.",
        )
    return replace(window, fills=(*window.fills, hole))


def frame_of(canvas: Canvas) -> Rect:
    """The whole canvas in the coordinates of the original."""
    return Rect(-canvas.extents.left, -canvas.extents.up, canvas.size.width, canvas.size.height)


def margins(canvas: Canvas) -> tuple[Rect, ...]:
    """The new area as rectangles that do not overlap: left and right beside the original, up and down in full width."""
    e, w, h = canvas.extents, canvas.original.width, canvas.original.height
    parts = (
        Rect(-e.left, 0, e.left, h),
        Rect(w, 0, e.right, h),
        Rect(-e.left, -e.up, canvas.size.width, e.up),
        Rect(-e.left, h, canvas.size.width, e.down),
    )
    return tuple(part for part in parts if part.size.area)


def fits(size: Size, wants: Wants, least_scale: float) -> bool:
    """Whether an area of this size can be one window."""
    return shrink(size, wants) >= least_scale and not elongated(size, wants)


def elongated(size: Size, wants: Wants) -> bool:
    """Whether an area is longer than the model copes with: past its aspect and past what it was trained on."""
    long, short = max(size.width, size.height), min(size.width, size.height)
    return long > max(wants.aspect * short, 1.5 * sqrt(wants.native))


def shrink(size: Size, wants: Wants) -> float:
    """The scale at which an area of this size has the model's native area; never above 1."""
    return min(1.0, sqrt(wants.native / size.area))


def whole(canvas: Canvas, wants: Wants, least_scale: float) -> Window:
    """One window over the whole canvas. Slack goes to the right and bottom, or to the left and top where only those
    sides grow."""
    frame, e = frame_of(canvas), canvas.extents
    scale = max(shrink(frame.size, wants), least_scale)
    if frame.size.area < wants.least:
        scale = sqrt(wants.least / frame.size.area)
    width, sampled_width = snap(frame.width, scale, wants)
    height, sampled_height = snap(frame.height, scale, wants)
    x = frame.x - (width - frame.width if e.left and not e.right else 0)
    y = frame.y - (height - frame.height if e.up and not e.down else 0)
    return Window("whole", Rect(x, y, width, height), Size(sampled_width, sampled_height), margins(canvas))


def snap(length: int, scale: float, wants: Wants) -> tuple[int, int]:
    """The canvas length a window covers to see ``length``, and its sampled length, a multiple.

    At full scale and above, slack is added. Below, the scale gives way a little instead: no pixel is sampled in vain.
    """
    if scale < 1:
        return length, max(1, floor(length * scale / wants.multiple + 1e-6)) * wants.multiple
    sampled = ceil(length * scale / wants.multiple - 1e-6) * wants.multiple
    return max(length, round(sampled / scale)), sampled


def strip(
    side: str, known: Rect, canvas: Canvas, wants: Wants, least_scale: float, step: int = 0
) -> Iterator[Window]:
    """The windows that grow ``known`` at one side, outward, ``step`` pixels a pass (0 = what the model copes with)."""
    turn = TURNS[side]
    size = known.size if side in ("left", "right") else known.size.transposed
    extent = getattr(canvas.extents, side)
    step = step or wants.pass_length(canvas.original)
    start, number = size.width, 0
    end = size.width + extent
    while start < end:
        number += 1
        length = step if end - start > LAST_PASS * step else end - start
        for index, (rect, sampled, fill) in enumerate(row(start, length, size.height, canvas, wants, least_scale)):
            name = f"{side}{number}" + (f".{index + 1}" if index else "")
            seen, filled = (turn(area, size).moved(known.x, known.y) for area in (rect, fill))
            yield Window(name, seen, sampled if side in ("left", "right") else sampled.transposed, (filled,))
        start += length


def row(
    start: int, length: int, span: int, canvas: Canvas, wants: Wants, least_scale: float
) -> Iterator[tuple[Rect, Size, Rect]]:
    """One pass of a strip that grows to the right of ``start``: its windows from top to bottom.

    Returns rect, sampled size and filled rect of each, in a frame where the known area is x < start, 0 <= y < span.
    """
    longest = max(canvas.original.width, canvas.original.height)
    context = min(start, max(longest // 16, length // 2, LEAST_CONTEXT))
    count, tile = 1, Size(context + length, span)
    while shrink(tile, wants) < least_scale or (tile.height > tile.width and elongated(tile, wants)):
        if tile.height <= 2 * LAP:
            break
        count += 1
        tile = Size(context + length, min(span, ceil((span + (count - 1) * LAP) / count)))
    if count == 1 and tile.area < wants.native:
        context = min(start, max(context, wants.native // span - length))
        tile = Size(context + length, span)
    scale = max(shrink(tile, wants), least_scale)
    if count == 1 and tile.area < wants.least:
        scale = sqrt(wants.least / tile.area)
    if count > 1 and count * tile.area > wants.native:
        scale = max(least_scale, min(TILE_SCALE, scale))
    width, sampled_width = snap(tile.width, scale, wants)
    high, sampled_height = snap(tile.height, scale, wants)
    x = max(0, start + length - width)
    done = 0
    for index in range(count):
        y = 0 if count == 1 else max(0, round(index * (span - high) / (count - 1)))
        bottom = span if index == count - 1 else y + high
        yield Rect(x, y, width, high), Size(sampled_width, sampled_height), Rect(start, done, length, bottom - done)
        done = bottom


# From the frame in which a strip grows to the right into that of each side. ``size`` is the known area's in the former.
TURNS: dict[str, Callable[[Rect, Size], Rect]] = {
    "right": lambda r, size: r,
    "left": lambda r, size: Rect(size.width - r.right, r.y, r.width, r.height),
    "down": lambda r, size: Rect(r.y, r.x, r.height, r.width),
    "up": lambda r, size: Rect(r.y, size.width - r.right, r.height, r.width),
}


def boxes(rect: Rect, side: int) -> Iterator[Rect]:
    """``rect`` cut into equal boxes no side of which exceeds ``side``."""
    columns, rows = ceil(rect.width / side), ceil(rect.height / side)
    for i in range(rows):
        y, bottom = rect.height * i // rows, rect.height * (i + 1) // rows
        for j in range(columns):
            x, right = rect.width * j // columns, rect.width * (j + 1) // columns
            yield Rect(rect.x + x, rect.y + y, right - x, bottom - y)


def centred(box: Rect, size: Size, within: Rect) -> Rect:
    """A rectangle of ``size`` about ``box``, moved inside ``within`` as far as it goes."""
    x = box.x + box.width // 2 - size.width // 2
    y = box.y + box.height // 2 - size.height // 2
    x = max(within.x, min(x, within.right - size.width))
    y = max(within.y, min(y, within.bottom - size.height))
    return Rect(x, y, size.width, size.height)
