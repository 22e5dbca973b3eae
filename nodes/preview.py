"""Small preview files for the handle widget: the picture that goes in and the one that comes out."""

from __future__ import annotations

import hashlib

import torch.nn.functional as F
from torch import Tensor

from . import host
from .imaging.codec import to_pil

LONGEST = 1024


def source(image: Tensor, batch: int | None = None) -> dict:
    """UI data with a preview of the first picture of ``[B, H, W, C]``, its size in pixels and how many there are."""
    return {"outpaint_source": [saved(image) | {"batch": batch or len(image)}]}


def result(image: Tensor) -> dict:
    """The same for a finished picture."""
    return {"outpaint_result": [saved(image)]}


def saved(image: Tensor) -> dict:
    """Write a preview into the host's temporary folder; the same picture gives the same file."""
    first = image[:1, ..., :3]
    height, width = first.shape[1:3]
    scale = min(1.0, LONGEST / max(height, width))
    size = (max(1, round(height * scale)), max(1, round(width * scale)))
    small = F.interpolate(first.movedim(-1, 1).float(), size, mode="area").movedim(1, -1)
    picture = to_pil(small.clamp(0, 1))
    name = f"outpaint_{hashlib.sha256(picture.tobytes()).hexdigest()[:16]}.jpg"
    folder = host.temp_folder()
    folder.mkdir(parents=True, exist_ok=True)
    picture.save(folder / name, quality=85)
    return {"filename": name, "subfolder": "", "type": "temp", "width": width, "height": height}
