"""Halo: what the generator does to the few pixels beyond the border, all along it.

A decoder blurs its change of colour over some pixels, a sampler leaves a bright or dark line where its mask ends. The
mean profile across the border shows it, content averages out; the same profile across parallel lines inside the
original tells how far it does, and which forms it takes: content goes on across the line, a halo begins there. What is
expected of both is weighed as in Rasmussen and Williams, "Gaussian Processes for Machine Learning" (2006), section 2.2.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import product

import torch
import torch.nn.functional as F
from torch import Tensor

from .border import MAX_STEP
from .canvas import Rect
from .filters import RGB_TO_YCC, YCC_TO_RGB, mix
from .onset import APART, CAUTION, LEAST, LINES, PIECE, SIZES
from .tone import Tone

# How far a halo reaches, and the pixels on both sides of it that it is compared with.
REACH, LEVEL = 16, 8
# What a profile needs: this many pixels of the original and of the new area.
INSIDE, OUTSIDE = 3 * (REACH + LEVEL), REACH + LEVEL
# Colours so near to black or white are clipped.
CLIPPED = 4 / 255
# Below this deviation, in 0..1, a place is not quieter.
EVEN = 0.5 / 255
# Pixels over which halos fade: a line that a sampler leaves, a decoder's blur, its surroundings.
LENGTHS = (1.5, 3.0, 6.0)
# Deviation of a halo's chroma against that of its luma.
COLORED = 0.5
# Power of the change against that of the content, up to which nothing is known of how it sets in.
CERTAIN = 4.0


@dataclass(frozen=True)
class Departure:
    """How the new area departs from what the overlap shows.

    Attributes:
        kept: where the original lies.
        onset: takes back the change of colour that begins at the border.
        share: ``[REACH]``, how much of it is there by distance from the border.
        halo: ``[3, REACH]``, what to add besides.
    """

    kept: Rect
    onset: Tone
    share: Tensor
    halo: Tensor

    def __call__(self, pixels: Tensor, rect: Rect) -> Tensor:
        """``pixels`` ``[3, H, W]`` of ``rect`` (canvas coordinates) without the departure; the original's place stays
        as it is."""
        added, kept = self.onset(pixels) - pixels, self.kept
        near = Rect(kept.x - REACH, kept.y - REACH, kept.width + 2 * REACH, kept.height + 2 * REACH).common(rect)
        if near is not None:
            y = torch.arange(near.y, near.bottom, device=pixels.device, dtype=pixels.dtype)
            x = torch.arange(near.x, near.right, device=pixels.device, dtype=pixels.dtype)
            down = torch.maximum(kept.y - y, y - kept.bottom + 1).clamp_min(0)
            right = torch.maximum(kept.x - x, x - kept.right + 1).clamp_min(0)
            at = torch.hypot(down[:, None], right[None]).clamp_max(REACH + 1)
            low = at.long()
            # By distance 0, 1, ..: nothing inside, then the profile, beyond it the onset alone.
            tables = torch.cat([F.pad(F.pad(self.share[None], (1, 0)), (0, 2), value=1.0), F.pad(self.halo, (1, 2))])
            tables = torch.lerp(tables[:, low], tables[:, low + 1], at - low)
            rows, columns = near.moved(-rect.x, -rect.y).slices
            added[:, rows, columns] = added[:, rows, columns] * tables[:1] + tables[1:]
        return pixels + added


def samples(strip: Tensor, border: int) -> tuple[Tensor, Tensor]:
    """Departures from the line between the levels on both sides, ``[1 + lines, 3, LEVEL + REACH, pieces]``: across the
    border, then across lines inside; and the colours beyond the border, ``[3, pieces]``.

    Args:
        strip: ``[3, L, X]``, original left of column ``border`` (at least ``INSIDE``), corrected new area beyond.
    """
    rows = F.avg_pool1d(strip.transpose(1, 2), PIECE)
    lines = [border, *range(border - REACH - LEVEL, LEVEL - 1, -APART)][: 1 + LINES]
    at = torch.arange(-LEVEL, REACH, dtype=strip.dtype, device=strip.device)
    part = (at + 0.5 + LEVEL / 2) / (REACH + LEVEL)
    found = []
    for x in lines:
        before, after = rows[:, x - LEVEL : x].mean(1), rows[:, x + REACH : x + REACH + LEVEL].mean(1)
        found.append(rows[:, x - LEVEL : x + REACH] - torch.lerp(before[:, None], after[:, None], part[:, None]))
    return torch.stack(found), rows[:, border + REACH : border + REACH + LEVEL].mean(1)


def fit_halo(departures: Tensor, shift: Tensor, trust: Tensor) -> tuple[Tensor, Tensor]:
    """How much of the change beyond the border is there by distance, ``[REACH]``, and what to add besides,
    ``[3, REACH]``.

    Args:
        departures: as of ``samples``, of all sides.
        shift: ``[3, pieces]``, what was added to take the change back; where it is not there yet, that shows.
        trust: ``[pieces]``, how far each counts.
    """
    y, shift = departures.double(), shift.double()
    usual = y[1:].square().mean((0, 1, 2)) + EVEN**2
    prior = trust.double() / usual
    known = (shift.square() * prior).sum() + CERTAIN * len(shift)
    early = ((y[0, :, LEVEL:] * shift[:, None] * prior).sum((0, 2)) / known).clamp(0, 1)
    y = torch.cat([(y[0] - F.pad(early, (LEVEL, 0))[:, None] * shift[:, None])[None], y[1:]])
    weight = prior.expand(len(y), 1, 1, -1)
    for _ in range(4):
        profile = (y * weight).sum(3) / weight.sum(3).clamp_min(1e-12)
        off = (y - profile[..., None]).square().mean((1, 2), keepdim=True)
        weight = prior / (1 + off / (4 * usual)).square()
    # Content departs less in colour than in brightness, so a coloured halo is seen the better there.
    profile = mix(profile.transpose(0, 1), RGB_TO_YCC)
    content = scatter(profile[:, 1:], mix((y[1:] * weight[1:].sqrt()).transpose(0, 1), RGB_TO_YCC))
    fault = mix(expected(profile[:, 0], content)[:, None, LEVEL:], YCC_TO_RGB)[:, 0]
    return (1 - early).to(departures), -fault.clamp(-MAX_STEP, MAX_STEP).to(departures)


def scatter(profiles: Tensor, pieces: Tensor) -> Tensor:
    """Covariance ``[3, D, D]`` of the mean profiles of content, ``profiles`` ``[3, lines, D]``.

    These are few; so half of it is the covariance of single ``pieces`` ``[3, lines, D, N]``, as strong as the profiles.
    """
    own = torch.eye(profiles.shape[2], dtype=profiles.dtype, device=profiles.device)
    form = torch.einsum("ckdn,cken->cde", pieces, pieces)
    form = form / form.diagonal(dim1=1, dim2=2).mean(1).clamp_min(1e-12)[:, None, None] + 1e-3 * own
    power = torch.einsum("ckd,cde,cke->c", profiles, torch.linalg.inv(form), profiles) / profiles[0].numel()
    seen = profiles.transpose(1, 2) @ profiles / profiles.shape[1]
    return torch.lerp(seen, power[:, None, None] * form, 0.5)


def expected(profile: Tensor, content: Tensor) -> Tensor:
    """The part of ``profile`` ``[3, LEVEL + REACH]`` (Y, Cb, Cr) that is a halo, given the covariance of ``content``.

    How strong halos are is not known beforehand, nor how far the covariance can be relied on: every ``SIZES`` and
    ``CAUTION`` counts by its likelihood.
    """
    at = torch.arange(1, REACH + 1, dtype=profile.dtype, device=profile.device)
    forms = F.pad(torch.stack([torch.exp(-at / length) for length in LENGTHS]), (LEVEL, 0))
    own = torch.eye(len(profile[0]), dtype=profile.dtype, device=profile.device)
    unit = profile.new_tensor([1, COLORED, COLORED]).square()[:, None, None] * (forms.T @ forms / len(forms))
    likely, means = [], []
    for size, times in product(SIZES, CAUTION):
        power = (size / 255) ** 2 * unit
        whole = power + times * content + LEAST**2 * own
        solved = torch.linalg.solve(whole, profile)
        likely.append(-0.5 * (torch.logdet(whole).sum() + (profile * solved).sum()) - math.log(size))
        means.append((power @ solved[..., None])[..., 0])
    return torch.einsum("s,scd->cd", torch.softmax(torch.stack(likely), 0), torch.stack(means))
