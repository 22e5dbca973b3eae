"""Made-up pictures for tests of the joining steps."""

from __future__ import annotations

import io

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from outpaint_nodes.nodes.imaging.canvas import Canvas, Extents, Size
from outpaint_nodes.nodes.imaging.correction import Overlap
from outpaint_nodes.nodes.imaging.filters import blur


def texture(height: int, width: int, seed: int = 0, noise: float = 0.01) -> Tensor:
    """A picture ``[3, height, width]`` with structure at every scale and some noise."""
    g = torch.Generator().manual_seed(seed)
    out = torch.full((3, height, width), 0.5)
    for cells, strength in ((3, 0.25), (12, 0.12), (48, 0.08), (130, 0.05)):
        coarse = torch.randn((1, 3, cells, cells), generator=g) * strength
        coarse = 0.7 * coarse.mean(1, keepdim=True) + 0.3 * coarse
        out = out + torch.nn.functional.interpolate(coarse, (height, width), mode="bicubic")[0]
    return (out + noise * torch.randn((3, height, width), generator=g)).clamp(0, 1)


def blurred(image: Tensor, sigma: float) -> Tensor:
    """Gaussian low-pass."""
    return blur(image, sigma)


def jpeg(image: Tensor, quality: int = 75, subsampling: int = 2, tables: dict | None = None) -> Tensor:
    """``image`` through Pillow's encoder and decoder."""
    pixels = (image.permute(1, 2, 0) * 255).round().to(torch.uint8).numpy()
    data = io.BytesIO()
    options = {"qtables": tables} if tables else {"quality": quality}
    Image.fromarray(pixels).save(data, "JPEG", subsampling=subsampling, **options)
    return torch.from_numpy(np.asarray(Image.open(data).convert("RGB")).copy()).permute(2, 0, 1).float() / 255


def overlap(truth: Tensor, extents: Extents, valid: Tensor | None = None) -> Overlap:
    """The part of ``truth`` that is the original, on its canvas."""
    size = Size(truth.shape[2] - extents.left - extents.right, truth.shape[1] - extents.up - extents.down)
    return Overlap(truth, Canvas(size, extents), valid)
