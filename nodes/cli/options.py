"""What may be written on the command line, and what it means for one picture."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from ..errors import InputError
from ..imaging.canvas import ANCHORS, Extents, Size, parse_ratio, place, to_ratio

ENGINES = ("fill", "api", "comfyui")
FORMATS = ("png", "jpeg", "webp")
MAX_SEED = 4294967294
DEFAULT_SERVER = "http://127.0.0.1:8188"
# Most that may be asked for at one side, in pixels and in percent.
MOST, MOST_PERCENT = 65536, 1000

EXAMPLES = """\
examples:
  outpaint photo.jpg --right 25%                        content-aware fill: no model, no key, no network
  outpaint photos/ --ratio 16:9 -o wide/                every photo of a folder
  outpaint photo.jpg --left 300 --engine api --dry-run  what it would cost
  outpaint photos/ --ratio 1:1 --engine comfyui --server http://gpu1:8188 --server http://gpu2:8188
  outpaint ledger                                       what was paid for, and what it gave
"""


@dataclass(frozen=True)
class Amount:
    """Pixels to add at one side: a number of pixels, or a share of the picture's own side."""

    value: float
    percent: bool = False

    def pixels(self, side: int) -> int:
        return int(side * self.value / 100 + 0.5) if self.percent else int(self.value)


@dataclass(frozen=True)
class Growth:
    """How far a picture grows: amounts for the sides, or a ratio, or a size. All empty = not said."""

    left: Amount = Amount(0)
    right: Amount = Amount(0)
    up: Amount = Amount(0)
    down: Amount = Amount(0)
    ratio: str | None = None
    size: Size | None = None
    anchor: str = "center"

    @property
    def sides(self) -> bool:
        """Whether it was said by sides."""
        return any(side.value for side in (self.left, self.right, self.up, self.down))

    @property
    def said(self) -> bool:
        return bool(self.ratio or self.size or self.sides)

    def extents(self, picture: Size) -> Extents:
        """The pixels to add around a picture of this size; all 0 where it already has the ratio or size asked for.

        Raises:
            InputError: the target is smaller than the picture.
        """
        if self.size:
            return place(picture, self.size, self.anchor)
        if self.ratio:
            return to_ratio(picture, parse_ratio(self.ratio), self.anchor)
        return Extents(
            self.left.pixels(picture.width),
            self.right.pixels(picture.width),
            self.up.pixels(picture.height),
            self.down.pixels(picture.height),
        )


def amount(text: str) -> Amount:
    number = text.strip().removesuffix("%")
    percent = number != text.strip()
    try:
        value = float(number) if percent else int(number)
    except ValueError:
        value = -1
    if not value >= 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not an amount: write pixels (300) or a share of the side (25%)")
    most = MOST_PERCENT if percent else MOST
    if value > most:
        raise argparse.ArgumentTypeError(f"{text!r} is more than {most}{'%' * percent}, the most at one side")
    return Amount(value, percent)


def size(text: str) -> Size:
    width, _, height = text.lower().replace("×", "x").partition("x")
    if not (width.isdecimal() and height.isdecimal() and 0 < int(width) <= MOST and 0 < int(height) <= MOST):
        raise argparse.ArgumentTypeError(f"{text!r} is not a size: write WIDTHxHEIGHT, for example 1920x1080")
    return Size(int(width), int(height))


def ratio(text: str) -> str:
    try:
        parse_ratio(text)
    except InputError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return text


def creativity(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not between 0 and 1")
    return value


def seed(text: str) -> int:
    if not text.isdecimal() or int(text) > MAX_SEED:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0 to {MAX_SEED}")
    return int(text)


class Parser(argparse.ArgumentParser):
    """Tells what is wrong in a line of its own, not below ten others on how everything else is used."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: error: {message}\n{self.prog} --help shows what can be written.\n")


def parser() -> argparse.ArgumentParser:
    p = Parser(
        prog="outpaint",
        description="Extend pictures beyond their borders. The pixels of the original are never changed.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    p.add_argument("photos", nargs="+", metavar="PHOTO", help="pictures, or folders of pictures")

    how_far = p.add_argument_group("how far (sides, or --ratio, or --size)")
    for side, name in (("left", "left side"), ("right", "right side"), ("up", "top"), ("down", "bottom")):
        how_far.add_argument(
            f"--{side}", type=amount, default=Amount(0), metavar="N|N%", help=f"add at the {name}: pixels, or %% of it"
        )
    how_far.add_argument("--ratio", type=ratio, metavar="W:H", help="grow to this ratio, for example 16:9")
    how_far.add_argument("--size", type=size, metavar="WxH", help="grow to this size in pixels")
    how_far.add_argument("--anchor", choices=ANCHORS, help="where the picture lies with --ratio or --size (center)")

    what = p.add_argument_group("what fills the new area")
    what.add_argument(
        "--engine",
        choices=ENGINES,
        default="fill",
        help="fill: from the picture itself (default); api: the paid service, 8 credits a picture; "
        "comfyui: a running ComfyUI server",
    )
    what.add_argument("--creativity", type=creativity, metavar="0..1", help="how freely the new area may depart (0.5)")
    what.add_argument("--prompt", metavar="TEXT", help="what the finished picture shows")
    what.add_argument("--seed", type=seed, metavar="N", help="another number gives another continuation (0)")
    what.add_argument("--max-credits", type=int, default=80, metavar="N", help="api: refuse to cost more (80)")
    what.add_argument(
        "--server", action="append", metavar="URL", help=f"comfyui: where it runs ({DEFAULT_SERVER}); repeatable"
    )
    what.add_argument("--workflow", type=Path, metavar="FILE", help="comfyui: your own workflow, exported as API JSON")

    result = p.add_argument_group("result")
    result.add_argument("-o", "--output", metavar="OUT|DIR", help="file, or folder (default: beside each photo)")
    result.add_argument("--format", choices=FORMATS, help="format of the results (the one of -o, else png)")
    result.add_argument("--mask", metavar="FILE|DIR", help="also write the mask, white = new")
    result.add_argument("--report", action="store_true", help="print the figures of each seam")
    result.add_argument("--dry-run", action="store_true", help="show sizes and cost, make nothing, send nothing")
    return p


def parse(arguments: list[str]) -> tuple[argparse.Namespace, Growth]:
    """The options, checked against each other. Exits with code 2 and a message when they do not fit."""
    p = parser()
    options = p.parse_args(arguments)
    growth = Growth(
        options.left, options.right, options.up, options.down, options.ratio, options.size, options.anchor or "center"
    )
    if sum((growth.sides, bool(options.ratio), bool(options.size))) > 1:
        p.error("say how far in one way only: sides (--left, --right, --up, --down), or --ratio, or --size")
    if not (growth.said or options.workflow):
        p.error("say how far: for example --right 25%, --ratio 16:9 or --size 1920x1080")
    if options.anchor and growth.sides:
        p.error("--anchor goes with --ratio or --size; sides already say where the picture lies")
    if options.engine != "comfyui" and (options.server or options.workflow):
        p.error("--server and --workflow go with --engine comfyui")
    if options.engine == "fill" and (options.prompt or options.creativity is not None):
        p.error("--prompt and --creativity go with --engine api or comfyui; what fills from the picture takes neither")
    return options, growth
