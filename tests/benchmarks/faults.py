"""What generators do wrong, on purpose: from the true picture, the whole canvas as a generator would return it.

Inside the original lies a decoder's version of it, outside the same with faults of its own on top.
"""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from outpaint_nodes.nodes.imaging.canvas import Rect
from outpaint_nodes.nodes.imaging.filters import blur
from outpaint_nodes.nodes.imaging.register import Warp


@dataclass(frozen=True)
class Level:
    """Strength of the usual faults, in levels of 255 where nothing else is said.

    Attributes:
        bias: offset of the whole picture per channel.
        gain: contrast error, as a share.
        step: offset that begins at the border.
        far: smooth colour drift far from the border.
        gamma: error of the exponent outside.
        soft: blur of the decoder, sigma in pixels.
        smoothed: amplitude below which fine detail is lost.
        shift: largest shift per axis in pixels.
        grid: amplitude of the decoder's texture, which repeats every 8 pixels.
    """

    bias: float
    gain: float
    step: float
    far: float
    gamma: float
    soft: float
    smoothed: float
    shift: float
    grid: float


LEVELS = {
    "mild": Level(1.2, 0.01, 0.8, 1.5, 0.015, 0.55, 0.9, 0.0, 0.15),
    "medium": Level(3.0, 0.025, 2.0, 4.0, 0.04, 0.8, 1.75, 0.5, 0.3),
    "severe": Level(6.0, 0.05, 5.0, 9.0, 0.09, 1.2, 2.5, 1.0, 0.6),
}
RETURNS = ("shift", "jpeg", "scale", "stretch", "hue", "tiles", "halo", "curve", "noise")


def distance(shape: tuple[int, int], box: tuple[int, int, int, int]) -> Tensor:
    """Distance of each pixel from the original, ``[1, H, W]``; 0 inside."""
    top, left, h, w = box
    y, x = torch.arange(shape[0], dtype=torch.float32), torch.arange(shape[1], dtype=torch.float32)
    dy = torch.maximum(top - y, y - (top + h - 1)).clamp_min(0)[:, None]
    dx = torch.maximum(left - x, x - (left + w - 1)).clamp_min(0)[None]
    return torch.hypot(dy.expand(shape), dx.expand(shape))[None]


def generated(truth: Tensor, box: tuple[int, int, int, int], kind: str, seed: int) -> Tensor:
    """``truth`` ``[3, H, W]`` (0..1) as returned by a generator with the faults ``kind``."""
    g = torch.Generator().manual_seed(seed)

    def random(*shape: int) -> Tensor:
        return torch.rand(shape, generator=g) * 2 - 1

    def field(channels: int, rows: int, columns: int, mode: str = "bicubic") -> Tensor:
        return F.interpolate(random(1, channels, rows, columns), truth.shape[1:], mode=mode)[0]

    size = truth.shape[1:]
    whole = Rect(0, 0, size[1], size[0])
    level = LEVELS.get(kind, LEVELS["mild"])
    away = distance(size, box)
    moved = level.shift * random(2).sign() * (0.85 + 0.15 * random(2))
    x = Warp(1.0, *moved.tolist())(truth, whole) if level.shift else truth
    low = blur(x, 1.0)
    detail = x - low
    amplitude = blur(detail.abs().mean(0, keepdim=True), 2.0) * 255
    kept = amplitude / (amplitude + level.smoothed)
    x = blur(low + detail * torch.where(away > 0, kept * kept, kept), level.soft)
    down, across = (torch.cos(2 * torch.pi / 8 * torch.arange(side)) for side in size)
    x = x + level.grid / 255 * down[:, None] * across
    x = x * (1 + level.gain * random(3, 1, 1)) + level.bias / 255 * random(3, 1, 1)
    drift = level.step * random(3, 1, 1) * (1 + 0.5 * field(1, 4, 4))
    drift = drift + level.far * field(3, 3, 4) * (away / (0.25 * min(size))).clamp(0, 1)
    outside = (x + drift / 255).clamp(0, 1) ** (1 + level.gamma * float(random(1)))
    x = torch.lerp(x, outside, (away / 4).clamp(0, 1))
    if kind == "shift":
        x = Warp(1.0, 0.7, -0.7)(x, whole)
    elif kind == "scale":
        x = Warp(1.02, -0.01 * size[1], -0.01 * size[0])(x, whole)
    elif kind == "stretch":
        x = Warp(1.0, 0.0, -0.003 * size[0], stretch=1.006)(x, whole)
    elif kind == "hue":
        grey = x.mean(0, keepdim=True)
        turned = torch.eye(3) + 0.1 * random(3, 3)
        x = grey + torch.tensordot(turned, x - grey, dims=1)
        x = torch.lerp(x, blur(x, 1.6), (0.5 + 0.5 * field(1, 3, 3)).clamp(0, 1))
    elif kind == "tiles":
        x = x + 4 / 255 * blur(field(3, size[0] // 256 + 2, size[1] // 256 + 2, "nearest"), 10.0)
    elif kind == "halo":
        x = x + 6 / 255 * random(3, 1, 1) * torch.exp(-((away / 6) ** 2)) * (away > 0)
    elif kind == "curve":
        x = x - 0.03 * torch.sin(2 * torch.pi * x)
        x = torch.lerp(x.mean(0, keepdim=True), x, 1.15)
    elif kind == "noise":
        x = x + 6 / 255 * blur(torch.randn(x.shape, generator=g), 0.5)
    x = x.clamp(0, 1)
    if kind == "jpeg":
        data = io.BytesIO()
        Image.fromarray((x.permute(1, 2, 0) * 255).round().to(torch.uint8).numpy()).save(data, "JPEG", quality=85)
        x = torch.from_numpy(np.asarray(Image.open(data)).copy()).permute(2, 0, 1) / 255
    return x
