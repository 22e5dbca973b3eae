"""Sizes: the same picture at another one, and with mirrored margins."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from .canvas import Extents, Size


def scaled(pixels: Tensor, size: Size) -> Tensor:
    """``[B, h, w, C]`` at another size: bicubic, low-passed first where it shrinks."""
    if pixels.shape[1:3] == (size.height, size.width):
        return pixels.clone()
    planes = F.interpolate(
        pixels.float().movedim(-1, 1), (size.height, size.width), mode="bicubic", align_corners=False, antialias=True
    )
    return planes.movedim(1, -1)


def mirrored(pixels: Tensor, margins: Extents) -> Tensor:
    """``[B, h, w, C]`` with mirrored margins; edge pixels repeated where the picture is too small to mirror."""
    if not margins:
        return pixels
    height, width = pixels.shape[1:3]
    small = max(margins.left, margins.right) >= width or max(margins.up, margins.down) >= height
    planes = F.pad(
        pixels.movedim(-1, 1), (margins.left, margins.right, margins.up, margins.down),
        mode="replicate" if small else "reflect",
    )
    return planes.movedim(1, -1)
