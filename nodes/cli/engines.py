"""What fills the new area: engines with one interface, and the one that needs nothing."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from ..errors import InputError, OutpaintError
from ..imaging import codec
from ..imaging.canvas import Canvas, Extents, Size
from ..imaging.progress import Share, between, counted
from .files import Job
from .options import Growth


@dataclass(frozen=True)
class Task:
    """One photo on the way to its result."""

    job: Job
    growth: Growth

    @property
    def name(self) -> str:
        return self.job.source.name

    def open(self) -> tuple[codec.Picture, Extents]:
        """The picture, and the pixels to add around it (all 0: nothing to add, or as the workflow says).

        Raises:
            InputError: unreadable, or larger than the size asked for.
        """
        picture = codec.decode(self.job.source)
        size = size_of(picture.image)
        extents = self.growth.extents(size)
        if self.growth.sides and not extents:
            raise InputError(f"The share asked for is less than one pixel of {size}.", "Ask for more, or for pixels.")
        return picture, extents


@dataclass(frozen=True)
class Extended:
    """A finished picture.

    Attributes:
        image: ``[1, H', W', 3]`` float32 in 0..1.
        extents: pixels that were added; None where a workflow of the user's own gave another size.
        report: what there is to say about seam and cost, in lines.
    """

    image: Tensor
    extents: Extents | None
    report: str = ""


class Unavailable(Exception):
    """This worker can do no more (its server is gone); its picture may go to another."""


class Hopeless(OutpaintError):
    """This picture failed for a reason that all others share (no key, no credits left): they are not tried."""


class Worker(Protocol):
    """Extends one picture after the other. Several workers of an engine run side by side, each in its own thread."""

    def extend(self, task: Task, picture: codec.Picture, extents: Extents, progress: Share) -> Extended: ...


class Engine(Protocol):
    def announce(self, tasks: Sequence[Task]) -> str | None:
        """What must be said, or refused by raising, before the first picture: above all what it costs."""

    def workers(self) -> Sequence[Worker]: ...


class FillEngine:
    """Continues the picture from its own content: no model, no key, no network."""

    def __init__(self, options: argparse.Namespace):
        self.seed = options.seed or 0

    def announce(self, tasks: Sequence[Task]) -> None:
        return None

    def workers(self) -> list[Worker]:
        return [self]

    def extend(self, task: Task, picture: codec.Picture, extents: Extents, progress: Share) -> Extended:
        from ..imaging.prefill import prefill
        from ..imaging.stitch import stitch

        filling, joining = counted(between(progress, 0, 0.8)), counted(between(progress, 0.8, 1))
        generated = prefill(picture.image, extents, seed=self.seed, progress=filling)
        stitched = stitch(picture.image, generated, extents, seed=self.seed, progress=joining)
        return Extended(stitched.image, extents, stitched.report.text())


def size_of(image: Tensor) -> Size:
    return Size(image.shape[2], image.shape[1])


def canvas_size(picture: codec.Picture, extents: Extents) -> Size:
    return Canvas(size_of(picture.image), extents).size
