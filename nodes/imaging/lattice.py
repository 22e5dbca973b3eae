"""Lattice: the faint pattern that repeats every 8 or 16 pixels in decoded pictures.

Decoders of latent pictures make each latent pixel into a square of 8 or 16 pixels, whose phases differ a little. In the
difference from the original content averages out block by block, and the pattern stays.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from .canvas import Rect
from .filters import RGB_TO_YCC, YCC_TO_RGB, mix

# A period of 16 pixels holds that of 8.
PERIOD = 16
HALF = PERIOD // 2
# Deviation within a block, in 0..1, below which it is even: one level.
EVEN = 1 / 255
# Times the power that chance leaves, below which nothing is believed.
CAUTION = 6.0
# Deviation, in 0..1, below which a pattern is not seen; it makes up for fine detail that the decoder lost.
VISIBLE = 0.3 / 255
# Blocks that are needed, at equal weight.
LEAST = 32


def blocks(planes: Tensor, rect: Rect) -> Tensor:
    """``planes`` ``[C, H, W]`` of ``rect`` (canvas coordinates) without what is coarser than ``PERIOD``, in blocks that
    begin at its multiples, ``[N, C, PERIOD, PERIOD]``."""
    # The mean over one period holds nothing of the pattern, and of a slope all but a constant.
    return cut(planes[:, HALF:-HALF, HALF:-HALF] - F.avg_pool2d(planes[None], PERIOD, 1)[0, :, :-1, :-1], rect)


def whole(trust: Tensor, rect: Rect) -> Tensor:
    """The least ``trust`` ``[1, H, W]`` in each of the ``blocks`` of ``rect``, ``[N]``."""
    return cut(trust[:, HALF:-HALF, HALF:-HALF], rect).amin((1, 2, 3))


def cut(inner: Tensor, rect: Rect) -> Tensor:
    """Blocks of what lies ``HALF`` within ``rect``."""
    aligned = inner[:, -(rect.y + HALF) % PERIOD :, -(rect.x + HALF) % PERIOD :]
    return aligned.unfold(1, PERIOD, PERIOD).unfold(2, PERIOD, PERIOD).permute(1, 2, 0, 3, 4).flatten(0, 1)


def fit_lattice(original: Tensor, difference: Tensor, trust: Tensor) -> Tensor | None:
    """The pattern ``[3, PERIOD, PERIOD]`` in RGB, or ``None`` if there is none that chance would not make.

    Each frequency is shrunk by its scatter over the blocks, and by what the original itself repeats there: the grid of
    a JPEG, or a texture that the generator lost.

    Args:
        original, difference: ``blocks`` of the original and of what is added to it, ``[N, 3, PERIOD, PERIOD]``.
        trust: ``[N]``, how far each counts.
    """
    difference, original = (mix(x.transpose(0, 1), RGB_TO_YCC).transpose(0, 1) for x in (difference, original))
    # Flat places tell most; there the pattern is seen, too.
    lively = sum(x[:, 0].square().mean((1, 2)) for x in (difference, original))
    weight = trust / (lively + EVEN**2)
    weight = weight / weight.sum().clamp_min(1e-12)
    if float(weight.square().sum() * LEAST) > 1:
        return None
    waves = torch.fft.fft2(difference)
    mean = torch.einsum("n,nchw->chw", weight.to(waves.dtype), waves)
    chance = torch.einsum("n,nchw->chw", weight.square(), (waves - mean).abs().square())
    own = torch.fft.fft2(torch.einsum("n,nchw->chw", weight, original)).abs().square()
    share = (1 - (CAUTION * chance + own) / mean.abs().square().clamp_min(1e-12)).clamp_min(0)
    share[:, 0, 0] = 0
    if not bool(share.any()):
        return None
    return mix(torch.fft.ifft2(mean * share).real, YCC_TO_RGB)


def tiled(pattern: Tensor, rect: Rect) -> Tensor:
    """``pattern`` under ``rect``, ``[3, height, width]``."""
    rows = torch.arange(rect.y, rect.bottom, device=pattern.device) % PERIOD
    columns = torch.arange(rect.x, rect.right, device=pattern.device) % PERIOD
    return pattern[:, rows[:, None], columns]
