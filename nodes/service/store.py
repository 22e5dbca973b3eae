"""The files of the paid service: answers as they arrive, and the pictures they held.

Layout of the folder (mode 0700): ``ledger.sqlite``, ``key.txt``, ``pending/`` answers not yet settled or not usable,
``results/`` pictures named by the SHA-256 of their bytes, ``locks/``.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import Executor, Future
from pathlib import Path

from ..errors import OutpaintError
from .contract import NOTHING_SPENT


class StoreError(OutpaintError):
    """A result could not be kept, so nothing is sent."""

    def __init__(self, what: str, do: str):
        super().__init__(what, do, credits=NOTHING_SPENT)


def user_folder() -> Path:
    """Where the ledger lives on a computer without ComfyUI: the user's own folder for application data."""
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Application Support"
    else:
        base = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    return base / "outpaint"


class Spool:
    """The body of one answer, on disk as it arrives. Never raises while a paid answer may be coming in.

    Should the disk fail after all, what came is kept in memory.
    """

    def __init__(self, path: Path):
        self.path = path
        self.failed: OSError | None = None
        self.memory = bytearray()
        self.syncing: Future[None] | None = None
        self.file = path.open("wb")

    def reserve(self, size: int) -> None:
        """Take the room now, so that a full disk is known before money is spent. Raises OSError."""
        if hasattr(os, "posix_fallocate") and size:
            os.posix_fallocate(self.file.fileno(), 0, size)

    def write(self, block: bytes) -> None:
        if self.failed is None:
            try:
                self.file.write(block)
                return
            except OSError as error:
                self.fall_back(error)
        self.memory += block

    def fall_back(self, error: OSError) -> None:
        self.failed = error
        with contextlib.suppress(OSError):
            self.memory += self.path.read_bytes()[: self.file.tell()]

    def close(self, scrub: Callable[[bytes], bytes], aside: Executor) -> bytes:
        """All that came, in the file too, both without what ``scrub`` takes out.

        A thread of ``aside`` brings the file to disk; ``wait_for_disk`` waits for it.
        """
        data = b""
        if self.failed is None:
            try:
                self.file.truncate()
                self.file.close()
                self.syncing = aside.submit(sync_file, self.path)
                data = self.path.read_bytes()
                if (clean := scrub(data)) != data:
                    self.syncing.result()
                    write_whole(self.path, clean)
                return clean
            except OSError as error:
                self.failed = error
        with contextlib.suppress(OSError):
            self.file.close()
        return scrub(bytes(self.memory) or data)

    def wait_for_disk(self) -> None:
        if self.failed is None and self.syncing is not None:
            try:
                self.syncing.result()
            except OSError as error:
                self.failed = error

    def discard(self) -> None:
        with contextlib.suppress(OSError):
            self.file.close()
        with contextlib.suppress(OSError):
            self.path.unlink()


class Store:
    """Folders of one ledger.

    Args:
        home: the folder described above.
        keep_in: folder in which the user finds the paid pictures, or None for ``results/`` only.
    """

    def __init__(self, home: Path, keep_in: Path | None = None):
        self.home = home
        self.keep_in = keep_in
        self.pending, self.results, self.locks = home / "pending", home / "results", home / "locks"

    def prepare(self, room: int) -> None:
        """Make the folders and see that ``room`` bytes fit.

        Raises:
            StoreError: not writable, not enough room, or the users' folder leads elsewhere.
        """
        try:
            self.home.mkdir(parents=True, exist_ok=True)
            if os.name == "posix":
                self.home.chmod(0o700)
            for folder in filter(None, (self.pending, self.results, self.locks, self.keep_in)):
                folder.mkdir(parents=True, exist_ok=True)
                if folder.is_symlink():
                    raise StoreError(
                        f"The folder {folder} is a link to another place.", "Replace the link by a folder."
                    )
                with tempfile.TemporaryFile(dir=folder) as probe:
                    probe.write(b"\0")
                if (free := shutil.disk_usage(folder).free) < room:
                    raise StoreError(
                        f"The disk of {folder} has {free / 1e6:.0f} MB left; the answer may need {room / 1e6:.0f} MB.",
                        "Free some space and run again.",
                    )
        except OSError as error:
            raise cannot_write(error.filename or self.home, error) from None

    def spool(self, name: str, room: int) -> Spool:
        """A place for the answer of one attempt, with its room taken.

        Raises:
            StoreError: there is none.
        """
        path = self.pending / f"{name}.body"
        try:
            spool = Spool(path)
            try:
                spool.reserve(room)
            except OSError:
                spool.discard()
                raise
            return spool
        except OSError as error:
            raise cannot_write(path, error) from None

    def save(self, picture: bytes, name: str, kind: str) -> tuple[str, Path]:
        """Keep a paid picture; its SHA-256 and where the user finds it. Raises OSError."""
        digest = hashlib.sha256(picture).hexdigest()
        kept = self.results / f"{digest}.{kind}"
        if digest_of(kept) != digest:
            write_whole(kept, picture)
        if self.keep_in is None:
            return digest, kept
        shown = self.keep_in / f"{name}.{kind}"
        if digest_of(shown) != digest:
            # Not waiting for the disk a second time: what a power cut may take from here is kept above.
            write_whole(shown, picture, durable=False)
        return digest, shown

    def load(self, digest: str, kind: str, shown: Path | None) -> bytes | None:
        """The picture with this hash; from the user's copy when our own is gone or damaged; None when both are."""
        kept = self.results / f"{digest}.{kind}"
        for path in filter(None, (kept, shown)):
            with contextlib.suppress(OSError):
                picture = path.read_bytes()
                if hashlib.sha256(picture).hexdigest() == digest:
                    return picture
        return None


def cannot_write(path: object, error: OSError) -> StoreError:
    return StoreError(
        f"The result could not be kept: {path} cannot be written ({error.strerror or type(error).__name__}).",
        "Make the folder writable or free some space, and run again.",
    )


def digest_of(path: Path) -> str | None:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return None


def write_whole(path: Path, data: bytes, durable: bool = True) -> None:
    """Write a file so that it is there completely or not at all; if ``durable``, also after a power cut."""
    part = path.with_name(f".{path.name}.{os.getpid()}.{os.urandom(4).hex()}.part")
    try:
        with part.open("xb") as file:
            file.write(data)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        replace(part, path)
    finally:
        with contextlib.suppress(OSError):
            part.unlink()
    if durable:
        sync_folder(path.parent)


def replace(part: Path, path: Path) -> None:
    """Give a new file its name. On Windows a virus scanner or a viewer may hold either of both for a moment."""
    for pause in (0.05, 0.2, 0.5):
        try:
            os.replace(part, path)
            return
        except PermissionError:
            time.sleep(pause)
    os.replace(part, path)


def sync_file(path: Path) -> None:
    """Wait until a closed file is on disk. Raises OSError."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    if os.name != "posix":
        return
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
