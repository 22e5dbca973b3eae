"""Lively: how much more or less fine detail one stretch of the border has than such places usually have.

Places alike in brightness and activity need not hold the same detail: water and a wall, a noisy wall and a smooth one.
What they hold beyond the usual goes on across the border. So it is measured on both sides of it, by brightness (as a
bilateral grid keeps what lies side by side apart: Chen, Paris and Durand, "Real-time edge-aware image processing with
the bilateral grid", SIGGRAPH 2007), and the new area follows the original's.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from .border import along
from .detail import CELL, context, cut, root_energy, split
from .filters import luma
from .grain import CLIPPED, FLOOR, Grain, lookup

# Pixels on each side of the border that are looked at, and deviation along it, in cells.
DEPTH, STRETCH = 64, 12.0
# Bands of luma that tell: the finest ones.
FINEST = 2
# Deviation of the brightness of places that are alike.
ALIKE = 0.1
# So many cells without a difference are taken to be there, of every brightness and of each one.
ANY, EACH = 6.0, 3.0
# A single cell's difference counts up to here: places without any noise are drawn or were smoothed.
TELLS = 1.0
# The most that is made up for, in the logarithm of the power.
MOST = 1.4


def unusual(image: Tensor, grain: Grain) -> tuple[Tensor, Tensor]:
    """How much more fine detail than usual the cells of ``image`` ``[3, H, W]`` hold, ``[h, w]`` in the logarithm of
    the power, and how far each counts at each brightness, ``[TONES, h, w]``."""
    y = cut(luma(image))
    brightness, activity = context(y)
    usual = lookup(grain, torch.log(grain.usual[:FINEST, 0] + FLOOR), brightness, activity)
    energy = torch.cat([root_energy(band) for band in split(y)[:FINEST]])[:, : usual.shape[1], : usual.shape[2]]
    apart = (brightness - grain.brightness.view(-1, 1, 1)) / ALIKE
    clear = ((brightness - 0.5).abs() < 0.5 - CLIPPED).to(energy)
    off = (torch.log(energy + FLOOR) - usual).mean(0).clamp(-TELLS, TELLS)
    return off, torch.exp(-0.5 * apart.square()) * clear


def lacking(strip: Tensor, border: int, grain: Grain) -> Tensor:
    """How much more detail the new area needs along the border, ``[TONES, L]`` in the logarithm of the power.

    Args:
        strip: ``[3, L, X]``, original left of column ``border``, the finished new area beyond.
    """
    first = max(0, border - DEPTH)
    begin = (border - first) // CELL
    off, weight = unusual(strip[:, :, border - begin * CELL : border + DEPTH], grain)

    def usually(columns: slice) -> tuple[Tensor, Tensor]:
        count = along(weight[:, :, columns].sum(2), STRETCH)
        total = along((off * weight)[:, :, columns].sum(2), STRETCH)
        every = total.sum(0) / (count.sum(0) + ANY)
        return (total + EACH * every) / (count + EACH), count

    # The cells at the border itself hold some of both sides.
    (far, n), (near, m), (out, there) = (
        usually(part) for part in (slice(0, begin // 2), slice(begin // 2, begin - 1), slice(begin + 1, None))
    )
    inside, both = (n * far + m * near) / (n + m).clamp_min(1e-3), (n * m).sqrt()
    # What differs between two halves of the original's side will do so farther on.
    power = (both * inside.square()).sum().clamp_min(1e-9)
    kept = (1 - 0.25 * (both * (far - near).square()).sum() / power).clamp(0, 1)
    known = torch.minimum(there, n + m)
    lack = (kept * inside - out).clamp(-MOST, MOST) * known / (known + EACH)
    lack = lack.repeat_interleave(CELL, 1)
    return F.pad(lack[None], (0, strip.shape[1] - lack.shape[1]), mode="replicate")[0]
