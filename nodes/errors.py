"""The errors a user may see. Every one says what is wrong, and what to do."""

from __future__ import annotations


class OutpaintError(Exception):
    """Base of all errors raised by the pack.

    Args:
        what: one sentence: what is wrong, with the offending value named.
        do: one sentence: what to do about it.
        credits: one sentence on whether credits were spent; only where a paid service is involved.
    """

    def __init__(self, what: str, do: str, credits: str | None = None):
        self.what, self.do, self.credits = what, do, credits
        super().__init__(" ".join(part for part in (what, credits, do) if part))


class InputError(OutpaintError, ValueError):
    """An input is out of range or does not fit the others. Nothing was done and nothing was spent."""
