"""How far a long work is, told to whoever waits for it, who may cancel it by raising."""

from __future__ import annotations

from collections.abc import Callable

# Called with (steps done, steps in all).
Progress = Callable[[int, int], None]
# Called with the share done, 0..1.
Share = Callable[[float], None]


def untold(*done: float) -> None:
    """The progress, or share, that nobody waits for."""


def nth(progress: Progress, index: int, count: int) -> Progress:
    """The progress of part ``index`` of ``count`` equal ones."""
    return lambda done, total: progress(index * total + done, count * total)


def share(progress: Progress) -> Share:
    """``progress`` in percent."""
    return lambda done: progress(round(100 * done), 100)


def counted(progress: Share) -> Progress:
    """``progress``, for work that counts its steps."""
    return lambda done, total: progress(done / total)


def between(progress: Share, start: float, end: float) -> Share:
    """The share done of a part that goes from ``start`` to ``end`` of the whole."""
    return lambda done: progress(start + done * (end - start))
