"""Focus: whether the generator blurred only what it made of the original.

A decoder loses fine detail of a photograph, which the filter fitted on the overlap brings back. What a generator draws
itself it can draw as crisp as its decoder allows. So the new area is compared with the overlap, in places alike: detail
that it holds more, in the proportions of what the filter adds, need not be added.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from .detail import Sample
from .grain import FLOOR, knots, nearness, table

# Bands of luma that tell: the finest ones.
FINEST = 2
# Share of the filter's gain below which nothing is left out: content differs by that much.
PART = 0.5
# Largest gain of a filter below which it does not matter.
GAIN = 1.1
# What is found must be so many times what two halves of the original differ by: else it may be the content's.
APART = 2.0


def crisp(given: Sample, filtered: Sample, outer: Sample, halves: Sequence[tuple[Sample, Sample]]) -> float:
    """How much of the filter to leave out beyond the border, 0 to 1.

    Args:
        given, filtered: the generator's version of the original, without and with the filter.
        outer: the new area without it.
        halves: of the original along each of its borders.
    """
    if min(len(given.activity), len(outer.activity)) < 64:
        return 0.0
    activity, brightness = knots(torch.cat([given.activity, outer.activity]))

    def held(sample: Sample) -> tuple[Tensor, Tensor]:
        near, tone, _, _ = nearness(sample, activity, brightness)
        return torch.log(table(sample, activity, brightness)[:FINEST, 0] + FLOOR), torch.einsum("nl,nt->lt", near, tone)

    (plain, count), (sharp, _) = held(given), held(filtered)
    gain = sharp - plain

    def share(one: tuple[Tensor, Tensor], other: tuple[Tensor, Tensor]) -> float:
        both = one[1] * other[1] / (one[1] + other[1]).clamp_min(1e-6)
        return float((both * (one[0] - other[0]) * gain).sum() / (both * gain.square()).sum().clamp_min(1e-9))

    found = share(held(outer), (plain, count))
    if found <= PART:
        return 0.0
    content = [share(held(one), held(other)) ** 2 for one, other in halves]
    sure = max(0.0, 1 - APART**2 * sum(content) / max(1, len(content)) / found**2)
    return sure * min(1.0, (found - PART) / PART)
