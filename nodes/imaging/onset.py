"""Onset: the change of colour that begins at the border, all along it.

The overlap cannot tell how the generator's colours depart outside, and a single place of the border not whether a step
there is fault or content. All places together can: content steps up here and down there, a fault goes on. A transform
of few parameters is fitted to the steps across the whole border, and just so to those across parallel lines inside the
original, where every step is content. What the fits inside scatter by is the uncertainty of the one at the border,
which is shrunk accordingly (empirical Bayes: Efron and Morris, "Data analysis using Stein's estimator", JASA 1975).
"""

from __future__ import annotations

import math
from itertools import product

import torch
import torch.nn.functional as F
from torch import Tensor

from .border import CLIP, jump
from .tone import Tone

# Pixels averaged on each side of a step, and left out beyond the border: a decoder blurs its change over one latent
# pixel, and halos end there.
WIDTH, GAP = 8, 8
# Pixels along the border that make one sample.
PIECE = 16
# Parallel lines inside the original, at most, and how far they lie apart.
LINES, APART = 14, 8
# What a fit needs: this many pixels of the original and of the new area.
INSIDE, OUTSIDE = 6 * WIDTH + GAP + 4 * APART, 2 * WIDTH + GAP
# Deviations of the offsets in levels that are thought possible, the less likely the larger (as 1 / size).
SIZES = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
# Deviations of slope and curvature against those of the offsets.
CURVED = 0.5
# The fits inside are few and not independent: the true power of their scatter may be so many times what is seen.
CAUTION = (1.0, 2.0, 4.0, 8.0)
# Below these levels a step, a departure from the fit and an uncertainty do not count.
EVEN, CLOSE, LEAST = 0.5 / 255, 1 / 255, 0.1 / 255


def samples(strip: Tensor, border: int) -> tuple[Tensor, Tensor]:
    """Steps and the colours just beyond them, both ``[1 + lines, 3, pieces]``: at the border, then at lines inside.

    Args:
        strip: ``[3, L, X]``, original left of column ``border`` (at least ``INSIDE``), corrected new area beyond.
    """
    sums = F.pad(strip.cumsum(2), (1, 0))
    lines = [border, *range(border - 3 * WIDTH - GAP, 2 * WIDTH - 1, -APART)][: 1 + LINES]
    steps = torch.stack([jump(sums, x, WIDTH, GAP).clamp(-CLIP, CLIP) for x in lines])
    colors = torch.stack([(sums[..., x + GAP + WIDTH] - sums[..., x + GAP]) / WIDTH for x in lines])
    return F.avg_pool1d(steps, PIECE), F.avg_pool1d(colors, PIECE)


def fit_onset(steps: Tensor, colors: Tensor, trust: Tensor) -> Tone:
    """The transform that takes the change at the border back: an offset for each channel, slope and curvature common
    to the three.

    Args:
        steps, colors: as of ``samples``, of all sides.
        trust: ``[pieces]``, how far each counts.
    """
    y, x = steps.double(), colors.double()
    usual = y[1:].square().mean((0, 1))
    prior = trust.double() / (usual + EVEN**2)
    prior = prior / prior.sum().clamp_min(1e-12)
    slope = 2 * x - 1
    offsets = torch.eye(3, dtype=x.dtype, device=x.device)[:, None].expand(*x.shape, 3)
    features = torch.cat([offsets, torch.stack([slope, 1.5 * slope.square() - 0.5], -1)], -1)
    own = torch.eye(5, dtype=x.dtype, device=x.device)
    fits = x.new_zeros(len(x), 5)
    for _ in range(4):
        # Begun without a fault: a first fit to all places bends to edges that lie along the border and keeps them.
        off = (y - torch.einsum("kcni,ki->kcn", features, fits)).square().mean(1, keepdim=True)
        weight = (prior / (1 + off / (4 * usual + CLOSE**2)).square()).expand_as(x)
        gram = torch.einsum("kcni,kcn,kcnj->kij", features, weight, features) + 1e-3 * own
        fits = torch.linalg.solve(gram, torch.einsum("kcni,kcn,kcn->ki", features, weight, y))
    fault = shrunk(fits[0], fits[1:], gram[0])
    a, b, c = -fault[:3], -fault[3], -fault[4]
    line = torch.eye(3, dtype=x.dtype, device=x.device)
    weights = torch.cat([(a - b + c)[None], (2 * b - 6 * c) * line, 6 * c * line])
    return Tone(weights.to(steps), colors[0].amin(1), colors[0].amax(1))


def shrunk(found: Tensor, inside: Tensor, gram: Tensor) -> Tensor:
    """``found`` ``[5]`` less what chance explains, given the same fits where there is no fault, ``inside`` ``[K, 5]``.

    Their few outer products alone would leave directions that look certain, so half of the covariance is what
    independent samples with the ``gram`` matrix ``[5, 5]`` scatter by.
    """
    own = torch.eye(5, dtype=found.dtype, device=found.device)
    spread = torch.einsum("ki,ij,kj->k", inside, gram, inside).mean() / 5
    covariance = torch.lerp(inside.T @ inside / len(inside), spread * torch.linalg.inv(gram), 0.5) + LEAST**2 * own
    unit = found.new_tensor([1, 1, 1, CURVED, CURVED])
    likely, means = [], []
    for size, times in product(SIZES, CAUTION):
        power = torch.diag((size / 255 * unit).square())
        whole = power + times * covariance
        solved = torch.linalg.solve(whole, found)
        likely.append(-0.5 * (torch.logdet(whole) + found @ solved) - math.log(size))
        means.append(power @ solved)
    return torch.softmax(torch.stack(likely), 0) @ torch.stack(means)
