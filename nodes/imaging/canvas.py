"""Geometry of the canvas: where the original lies, what is new, how large everything is. No pixels.

Coordinates are pixels, x to the right, y down, origin at the top left corner. Two spaces occur: *original* (the
picture that came in) and *canvas* (the finished picture); ``Canvas.rect`` maps the first into the second.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from math import ceil

from ..errors import InputError

ANCHORS = (
    "center",
    "left",
    "right",
    "top",
    "bottom",
    "top-left",
    "top-right",
    "bottom-left",
    "bottom-right",
)


@dataclass(frozen=True)
class Size:
    """Width and height in pixels."""

    width: int
    height: int

    @property
    def area(self) -> int:
        return self.width * self.height

    @property
    def transposed(self) -> Size:
        return Size(self.height, self.width)

    def round_up(self, multiple: int) -> Size:
        """The smallest size that holds this one and whose sides are multiples of ``multiple``."""
        return Size(ceil(self.width / multiple) * multiple, ceil(self.height / multiple) * multiple)

    def __str__(self) -> str:
        return f"{self.width}×{self.height}"


@dataclass(frozen=True)
class Rect:
    """A rectangle of whole pixels: ``x <= column < right``, ``y <= row < bottom``."""

    x: int
    y: int
    width: int
    height: int

    @property
    def right(self) -> int:
        return self.x + self.width

    @property
    def bottom(self) -> int:
        return self.y + self.height

    @property
    def size(self) -> Size:
        return Size(self.width, self.height)

    @property
    def slices(self) -> tuple[slice, slice]:
        """Row and column slices for indexing a ``[H, W]`` tensor."""
        return slice(self.y, self.bottom), slice(self.x, self.right)

    def contains(self, other: Rect) -> bool:
        return self.x <= other.x and self.y <= other.y and self.right >= other.right and self.bottom >= other.bottom

    def moved(self, dx: int, dy: int) -> Rect:
        return replace(self, x=self.x + dx, y=self.y + dy)

    def common(self, other: Rect) -> Rect | None:
        """What both cover, or ``None``."""
        x, y = max(self.x, other.x), max(self.y, other.y)
        width, height = min(self.right, other.right) - x, min(self.bottom, other.bottom) - y
        return Rect(x, y, width, height) if width > 0 and height > 0 else None

    def clipped(self, to: Rect) -> Rect:
        """What lies within ``to``, of a rectangle known to overlap it.

        Raises:
            ValueError: nothing does.
        """
        common = self.common(to)
        if common is None:
            raise ValueError(f"{self} lies outside {to}")
        return common

    def joined(self, other: Rect) -> Rect:
        """The smallest rectangle that holds both."""
        x, y = min(self.x, other.x), min(self.y, other.y)
        return Rect(x, y, max(self.right, other.right) - x, max(self.bottom, other.bottom) - y)


@dataclass(frozen=True)
class Extents:
    """Pixels added at each side of a picture.

    Raises:
        InputError: a side is negative, or not a whole number.
    """

    left: int = 0
    right: int = 0
    up: int = 0
    down: int = 0

    def __post_init__(self) -> None:
        for name in ("left", "right", "up", "down"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int):
                raise InputError(
                    f"{name} is {value!r}, which is not a whole number of pixels.", f"Give {name} as 0 or more pixels."
                )
            if value < 0:
                raise InputError(f"{name} is {value}, which is below 0.", f"Set {name} to 0 or more pixels.")

    def __bool__(self) -> bool:
        return any((self.left, self.right, self.up, self.down))

    def dumps(self) -> str:
        """As text, to travel through a workflow: left, right, up, down."""
        return f"{self.left},{self.right},{self.up},{self.down}"

    @classmethod
    def loads(cls, text: str) -> Extents:
        """The extents written by ``dumps``.

        Raises:
            InputError: the text is not one.
        """
        try:
            left, right, up, down = map(int, text.split(","))
        except ValueError:
            raise InputError(
                f"The extents {text[:80]!r} cannot be read.", "Give four numbers of pixels: left, right, up, down."
            ) from None
        return cls(left, right, up, down)

    def require_any(self) -> Extents:
        """These extents, if at least one side grows.

        Raises:
            InputError: all four are 0.
        """
        if not self:
            raise InputError(
                "left, right, up and down are all 0, so there is nothing to add.", "Set at least one of them above 0."
            )
        return self


@dataclass(frozen=True)
class Canvas:
    """The finished picture: the original's size and what is added around it."""

    original: Size
    extents: Extents

    @property
    def size(self) -> Size:
        e = self.extents
        return Size(self.original.width + e.left + e.right, self.original.height + e.up + e.down)

    @property
    def rect(self) -> Rect:
        """Where the original lies on the canvas."""
        return Rect(self.extents.left, self.extents.up, self.original.width, self.original.height)

    @property
    def new_area(self) -> int:
        """Pixels to be generated."""
        return self.size.area - self.original.area


def parse_ratio(text: str) -> Fraction:
    """Width over height from ``"16:9"``, ``"16/9"``, ``"16x9"`` or ``"1.85"``.

    Raises:
        InputError: not a positive ratio between 1:100 and 100:1.
    """
    parts = text.strip().lower().replace("/", ":").replace("x", ":").replace("×", ":").split(":")
    try:
        if len(parts) > 2:
            raise ValueError
        values = [Fraction(part.strip()) for part in parts]
        ratio = values[0] / values[1] if len(values) == 2 else values[0]
        if not Fraction(1, 100) <= ratio <= 100:
            raise ValueError
    except (ValueError, ZeroDivisionError):
        raise InputError(f"The ratio {text!r} cannot be used.", "Write it as width:height, for example 16:9.") from None
    return ratio


def split(extra: int, position: str, first: str, last: str) -> tuple[int, int]:
    """Share ``extra`` pixels between the two sides of an axis.

    ``position`` is the anchor's word for this axis: the original keeps to ``first`` (all is added behind it), to
    ``last``, or stays in the middle, where an odd pixel goes to the far side.
    """
    if first in position:
        return 0, extra
    if last in position:
        return extra, 0
    return extra // 2, extra - extra // 2


def place(original: Size, target: Size, anchor: str = "center") -> Extents:
    """The extents that put ``original`` on a canvas of size ``target``.

    Args:
        anchor: where the original lies on the canvas, one of ``ANCHORS``.

    Raises:
        InputError: the target is smaller than the original on an axis, or the anchor is unknown.
    """
    if anchor not in ANCHORS:
        raise InputError(f"The anchor {anchor!r} is unknown.", f"Use one of: {', '.join(ANCHORS)}.")
    if target.width < original.width or target.height < original.height:
        raise InputError(
            f"The target size {target} is smaller than the picture, {original}.",
            "Outpainting never crops: choose a target at least as large as the picture, or crop it first.",
        )
    left, right = split(target.width - original.width, anchor, "left", "right")
    up, down = split(target.height - original.height, anchor, "top", "bottom")
    return Extents(left, right, up, down)


def to_ratio(original: Size, ratio: Fraction, anchor: str = "center", multiple: int = 1) -> Extents:
    """The least extents that give the canvas ``ratio`` (width over height), sides rounded up to ``multiple``.

    The shorter axis grows, to the nearest whole pixel; nothing is cropped. All zero when the ratio already fits.
    """
    width = max(original.width, round_half_up(original.height * ratio))
    height = max(original.height, round_half_up(original.width / ratio))
    grows_wide = original.width < original.height * ratio
    target = Size(width, original.height) if grows_wide else Size(original.width, height)
    return place(original, target.round_up(multiple), anchor)


def round_half_up(value: Fraction) -> int:
    return (2 * value.numerator + value.denominator) // (2 * value.denominator)
