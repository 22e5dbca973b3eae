"""Halo: what the generator does to the few pixels beyond the border, all along it.

A decoder blurs its change of colour over some pixels, a sampler leaves a bright or dark line where its mask ends. The
mean profile across the border shows it, content averages out; the same profile across parallel lines inside the
original tells how far it does.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from .border import MAX_STEP
from .canvas import Rect
from .onset import APART, CAUTION, LEAST, LINES, PIECE, SIZES
from .tone import Tone

# How far a halo reaches, and the pixels on both sides of it that it is compared with.
REACH, LEVEL = 16, 8
# What a profile needs: this many pixels of the original and of the new area.
INSIDE, OUTSIDE = 3 * (REACH + LEVEL), REACH + LEVEL
# Below this deviation, in 0..1, a place is not quieter.
EVEN = 0.5 / 255
# So many independent values tell how strong a profile is.
FREE = 4
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
    """Departures from the line between the levels on both sides, ``[1 + lines, 3, REACH, pieces]``: at the border, then
    at lines inside; and the colours beyond the border, ``[3, pieces]``.

    Args:
        strip: ``[3, L, X]``, original left of column ``border`` (at least ``INSIDE``), corrected new area beyond.
    """
    rows = F.avg_pool1d(strip.transpose(1, 2), PIECE)
    lines = [border, *range(border - REACH - LEVEL, LEVEL - 1, -APART)][: 1 + LINES]
    part = (torch.arange(REACH, dtype=strip.dtype, device=strip.device) + 0.5 + LEVEL / 2) / (REACH + LEVEL)
    found = []
    for x in lines:
        before, after = rows[:, x - LEVEL : x].mean(1), rows[:, x + REACH : x + REACH + LEVEL].mean(1)
        found.append(rows[:, x : x + REACH] - torch.lerp(before[:, None], after[:, None], part[:, None]))
    return torch.stack(found), rows[:, border + REACH : border + REACH + LEVEL].mean(1)


def fit_halo(departures: Tensor, shift: Tensor, trust: Tensor) -> tuple[Tensor, Tensor]:
    """How much of the change beyond the border is there by distance, ``[REACH]``, and what to add besides,
    ``[3, REACH]``.

    The latter is shrunk by the power of the same profiles at the lines inside, as James and Stein shrink towards zero.

    Args:
        departures: as of ``samples``, of all sides.
        shift: ``[3, pieces]``, what was added to take the change back; where it is not there yet, that shows.
        trust: ``[pieces]``, how far each counts.
    """
    usual = departures[1:].square().mean((0, 1, 2)) + EVEN**2
    prior = trust / usual
    known = (shift.square() * prior).sum() + CERTAIN * len(shift)
    early = ((departures[0] * shift[:, None] * prior).sum((0, 2)) / known).clamp(0, 1)
    departures = torch.cat([(departures[0] - early[:, None] * shift[:, None])[None], departures[1:]])
    weight = prior.expand(len(departures), 1, 1, -1)
    for _ in range(4):
        profile = (departures * weight).sum(3) / weight.sum(3).clamp_min(1e-12)
        off = (departures - profile[..., None]).square().mean((1, 2), keepdim=True)
        weight = prior / (1 + off / (4 * usual)).square()
    power, chance = (
        F.avg_pool1d(p, 5, 1, 2, count_include_pad=False) for p in (profile[0].square(), profile[1:].square().mean(0))
    )
    fault = profile[0] * (1 - 2 * chance / power.clamp_min(1e-12)).clamp_min(0)
    fault = fault * belief(profile[0].square().mean(), profile[1:].square().mean())
    return 1 - early, -fault.clamp(-MAX_STEP, MAX_STEP)


def belief(power: Tensor, chance: Tensor) -> Tensor:
    """The share of a profile that is fault and not chance, 0..1, as ``onset.shrunk`` sees it.

    Args:
        power: of the profile. chance: of those without a fault.
    """
    sizes = power.new_tensor([[size] for size in SIZES]).div(255).square()
    noise = chance * power.new_tensor(CAUTION) + LEAST**2
    likely = -0.5 * FREE * (torch.log(sizes + noise) + power / (sizes + noise)) - 0.5 * torch.log(sizes)
    return (torch.softmax(likely.flatten(), 0) * (sizes / (sizes + noise)).flatten()).sum()
