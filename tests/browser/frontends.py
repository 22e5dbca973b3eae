"""The real frontends that the browser tests drive: unpacked wheels of ``comfyui-frontend-package``."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

# Oldest that the pack supports, two in between, and the newest.
VERSIONS = ["1.27.10", "1.39.19", "1.45.21", "1.58.1"]
OLDEST_WITH_NODES_2 = "1.39.19"
PACKAGE = "comfyui-frontend-package"


def cache() -> Path:
    """Folder of unpacked wheels, one folder a version: ``FRONTEND_WHEELS``, or the user's cache."""
    default = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "outpaint-tests" / "frontends"
    return Path(os.environ.get("FRONTEND_WHEELS") or default)


def find(version: str) -> Path | None:
    """The ``static`` folder of a frontend, downloaded on first use; None where there is no registry to get it from."""
    static = cache() / version / "comfyui_frontend_package" / "static"
    if not static.is_dir():
        download(version)
    return static if static.is_dir() else None


def download(version: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder]
        if subprocess.run([*command, f"{PACKAGE}=={version}"], check=False, capture_output=True).returncode:
            return
        (wheel,) = Path(folder).glob("*.whl")
        # Unpacked beside its place and moved: another test run never sees half a frontend.
        cache().mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache()) as unpacked:
            zipfile.ZipFile(wheel).extractall(unpacked)
            try:
                Path(unpacked).rename(cache() / version)
            except OSError:
                return
            Path(unpacked).mkdir()
