"""Curve: what a parabola leaves of a tone curve.

Another gamma, a contrast curve or a wrong transfer function bend colours as no parabola does. The mean difference at
each brightness shows it, and how far these means vary from place to place tells how far to believe them. A smooth
curve of unknown strength is weighed against that: Rasmussen and Williams, "Gaussian Processes for Machine Learning"
(2006), section 2.2.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

BENDS = 17
# Brightness over which a curve varies.
LENGTH = 0.15
# Strengths of a curve in levels.
SIZES = (0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
# Deviation in levels of what a single place shows, and of the mean of any number of them.
PLACE, LEAST = 6.0, 0.02
# Below this, in 0..1, no curve is seen.
UNSEEN = 0.25 / 255
# Share of the weight below which a bend is not seen.
SEEN = 1e-3


def hats(values: Tensor) -> Tensor:
    """How far each bend of the curve counts for ``values`` ``[N]``, 0..1: ``[N, BENDS]``."""
    at = torch.arange(BENDS, dtype=values.dtype, device=values.device)
    return (1 - (values.clamp(0, 1)[:, None] * (BENDS - 1) - at).abs()).clamp_min(0)


def fit_curve(left: Tensor, near: Tensor, place: Tensor, places: int) -> Tensor:
    """The curve ``[BENDS]`` through the differences ``left`` ``[N]``, beyond the values that are seen falling to 0.

    Args:
        near: ``[N, BENDS]``, ``hats`` of the values they belong to, times how far each is to be trusted.
        place: ``[N]``, number of the place each lies in, below ``places``.
    """
    count, total = (
        left.new_zeros(places, BENDS).index_add_(0, place, weight) for weight in (near, near * left[:, None])
    )
    every = count.sum(0)
    seen = every > SEEN * every.max()
    count, total, every = count[:, seen], total[:, seen], every[seen]
    mean, many = total.sum(0) / every, every.square() / count.square().sum(0)
    scatter = (total - count * mean).square().sum(0) / every.square() * many / (many - 1).clamp_min(0.3)
    scatter = scatter + (PLACE / 255 / many).square() + (LEAST / 255) ** 2
    at = torch.linspace(0, 1, BENDS, dtype=left.dtype, device=left.device)
    form = torch.exp(-((at[:, None] - at) / LENGTH).square() / 2)[:, seen]
    likely, curves = [], []
    for size in SIZES:
        power = (size / 255) ** 2 * form
        whole = power[seen] + torch.diag(scatter)
        solved = torch.linalg.solve(whole, mean)
        likely.append(-0.5 * (torch.logdet(whole) + mean @ solved))
        curves.append(power @ solved)
    return torch.softmax(torch.stack(likely), 0) @ torch.stack(curves)


def bent(curve: Tensor, values: Tensor) -> Tensor:
    """``curve`` ``[BENDS]`` at ``values`` ``[H, W]``, 0..1, linear between its bends."""
    grid = torch.stack([values * 2 - 1, torch.zeros_like(values)], -1)[None]
    return F.grid_sample(curve.view(1, 1, 1, -1), grid, align_corners=True)[0, 0]
