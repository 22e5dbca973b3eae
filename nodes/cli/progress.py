"""A line of progress on a terminal, plain lines elsewhere. Everything goes to stderr; results go to stdout."""

from __future__ import annotations

import sys
import threading
from typing import TextIO

WIDTH = 24


class Progress:
    """Progress of ``total`` pictures, several of which may be under way at once. Safe to call from threads."""

    def __init__(self, total: int, stream: TextIO | None = None):
        self.total, self.done = total, 0
        self.stream = stream or sys.stderr
        self.live = self.stream.isatty()
        self.parts: dict[str, float] = {}
        self.lock = threading.Lock()

    def update(self, name: str, part: float) -> None:
        """``name`` is under way, ``part`` of it (0..1) done."""
        with self.lock:
            self.parts[name] = min(max(part, 0.0), 1.0)
            self._draw()

    def finish(self, name: str, line: str, stream: TextIO | None = None) -> None:
        """``name`` is done, well or badly; ``line`` says how and stays on the screen."""
        with self.lock:
            self.parts.pop(name, None)
            self.done += 1
            self._say(line, stream or self.stream)

    def say(self, line: str) -> None:
        with self.lock:
            self._say(line, self.stream)

    def close(self) -> None:
        with self.lock:
            self._clear()

    def _say(self, line: str, stream: TextIO) -> None:
        self._clear()
        print(line, file=stream, flush=True)
        self._draw()

    def _clear(self) -> None:
        if self.live:
            self.stream.write("\r\x1b[K")
            self.stream.flush()

    def _draw(self) -> None:
        if not self.live or self.done == self.total:
            return
        share = (self.done + sum(self.parts.values())) / self.total
        bar = "\N{FULL BLOCK}" * round(share * WIDTH)
        names = ", ".join(f"{name} {part:.0%}" for name, part in self.parts.items())
        self.stream.write(f"\r\x1b[K{bar:·<{WIDTH}} {self.done}/{self.total} {names}"[:120])
        self.stream.flush()
