"""Locks that end with their holder: between threads and processes, and also when a process is killed."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable
from pathlib import Path

try:
    import fcntl

    def _take(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _give_back(descriptor: int) -> None:
        # Closing the file alone keeps the lock while a forked process has the file open, too.
        fcntl.flock(descriptor, fcntl.LOCK_UN)

except ImportError:  # Windows
    import msvcrt

    def _take(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]

    def _give_back(descriptor: int) -> None:
        # Closing the file alone releases the lock at some later time.
        msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)  # type: ignore[attr-defined,unused-ignore]


POLL = 0.05


class FileLock:
    """One holder at a time of a file, among all threads and processes of this computer. Not reentrant.

    The operating system releases it when the holder's process ends, however it ends.
    """

    def __init__(self, path: Path):
        self.path = path
        self.descriptor: int | None = None

    def take(self) -> bool:
        """Try once; whether it is held now."""
        while True:
            try:
                descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
            except PermissionError:
                if os.name != "nt":
                    raise
                return False  # Its holder is just deleting it.
            try:
                _take(descriptor)
            except OSError:
                os.close(descriptor)
                return False
            # The holder before may have removed the file between our open and our lock: then it guards nothing.
            with contextlib.suppress(OSError):
                if os.name == "nt" or os.path.samestat(os.fstat(descriptor), os.stat(self.path)):
                    self.descriptor = descriptor
                    return True
            os.close(descriptor)

    def release(self) -> None:
        descriptor, self.descriptor = self.descriptor, None
        if descriptor is None:
            return
        # An open file cannot be deleted on Windows; elsewhere it must be, while the lock still keeps others away.
        if os.name != "nt":
            with contextlib.suppress(OSError):
                os.unlink(self.path)
        with contextlib.suppress(OSError):
            _give_back(descriptor)
        os.close(descriptor)
        if os.name == "nt":
            with contextlib.suppress(OSError):
                os.unlink(self.path)

    def __enter__(self) -> FileLock:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def wait_for_any(locks: list[FileLock], give_up: Callable[[], bool]) -> FileLock | None:
    """The first of the locks that could be taken; None when ``give_up`` became true before."""
    while True:
        for lock in locks:
            if lock.take():
                return lock
        if give_up():
            return None
        time.sleep(POLL)
