"""Photos on disk: which are meant, where their results go, and writing them."""

from __future__ import annotations

import glob
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from ..errors import InputError

READABLE = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"}
SUFFIX_OF = {"png": ".png", "jpeg": ".jpg", "webp": ".webp"}
FORMAT_OF = {".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", ".webp": "webp"}
MARK = "-outpaint"


@dataclass(frozen=True)
class Job:
    """One photo, and where its result and its mask go."""

    source: Path
    target: Path
    mask: Path | None = None

    @property
    def format(self) -> str:
        return FORMAT_OF[self.target.suffix.lower()]


def find(given: list[str]) -> list[Path]:
    """The photos meant: files as they are, folders by their readable files, patterns where the shell left them alone.

    Results of earlier runs beside their photos are not taken for photos. A path that does not exist is kept: it fails
    later, on its own and by name.
    """
    found: list[Path] = []
    for text in given:
        path = Path(text)
        if path.is_dir():
            found += sorted(f for f in path.iterdir() if f.suffix.lower() in READABLE and MARK not in f.stem)
        elif not path.exists() and glob.has_magic(text):
            found += [Path(match) for match in sorted(glob.glob(text))] or [path]
        else:
            found.append(path)
    return list({_key(path): path for path in found}.values())


def plan(sources: list[Path], several: bool, output: str | None, format: str | None, mask: str | None) -> list[Job]:
    """Where every result goes: ``NAME-outpaint.EXT`` beside the photo or in the folder given, or the one file given.

    Args:
        several: whether outputs must be folders.

    Raises:
        InputError: one output file for several photos, a format unlike the file's name, or a result that would
            overwrite a photo.
    """
    file = _output_file(output, several, format)
    if mask and several and Path(mask).suffix:
        raise InputError(f"{mask} is one file, but several photos are asked for.", "Give a folder with --mask.")
    taken = {_key(source) for source in sources}
    jobs = []
    for source in sources:
        folder = Path(output) if output else source.parent
        default = f"{source.stem}{MARK}{SUFFIX_OF[format or 'png']}"
        target = _claim(file, taken, "-o") if file else _number(folder / default, taken)
        mask_file = None
        if mask:
            in_folder = several or is_folder(mask)
            mask_file = (
                _number(Path(mask) / f"{source.stem}-mask.png", taken)
                if in_folder
                else _claim(Path(mask), taken, "--mask")
            )
        jobs.append(Job(source, target, mask_file))
    return jobs


def write(path: Path, data: bytes) -> None:
    """Write a file whole or not at all: what stood there before survives a full disk and an interruption.

    Raises:
        InputError: the folder cannot be made or written to.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=".outpaint-", suffix=path.suffix, dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
            _as_new_files_are(name)
            os.replace(name, path)
        except BaseException:
            os.unlink(name)
            raise
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}.", "Choose another place with -o.") from error


def _as_new_files_are(name: str) -> None:
    """Temporary files are private; results are as readable as any file this user makes."""
    if os.name == "posix":
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(name, 0o666 & ~mask)


def _output_file(output: str | None, several: bool, format: str | None) -> Path | None:
    if not output or is_folder(output):
        return None
    file = Path(output)
    if several:
        raise InputError(f"{output} is one file, but several photos are asked for.", "Give a folder with -o.")
    if file.suffix.lower() not in FORMAT_OF:
        raise InputError(f"{output} ends in no format that can be written.", "End it in .png, .jpg or .webp.")
    if format and FORMAT_OF[file.suffix.lower()] != format:
        raise InputError(f"{output} is not named as a {format} file.", f"End it in {SUFFIX_OF[format]}.")
    return file


def is_folder(text: str) -> bool:
    """Whether a path is a folder, or is named like one."""
    return Path(text).is_dir() or text.endswith(("/", os.sep)) or not Path(text).suffix


def _claim(path: Path, taken: set[str], option: str) -> Path:
    if _key(path) in taken:
        raise InputError(f"{path} would overwrite a photo or another result.", f"Choose another name with {option}.")
    taken.add(_key(path))
    return path


def _number(path: Path, taken: set[str]) -> Path:
    """``path``, numbered when another file of this run has that name already."""
    free, number = path, 2
    while _key(free) in taken:
        free, number = path.with_name(f"{path.stem}-{number}{path.suffix}"), number + 1
    taken.add(_key(free))
    return free


def _key(path: Path) -> str:
    """One spelling for every way to write the same path."""
    return os.path.normcase(os.path.realpath(path))
