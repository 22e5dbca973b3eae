"""Where the content fill wants its pieces from: along the lines that run into the picture's border.

A roof, a ridge or a wire that crosses the border goes on at its own slope. Every place of the border is looked at for
straight edges (means along all directions: a short, local Radon transform). Each new pixel follows the strongest one
that leads from it back into the picture, and the further out it lies, the surer the line must be; pixels beside a line
run along with it. Where nothing crosses the border, the nearest known pixel is the place to look at, or, in texture,
where its cell says (``fill_cells``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import radians

import torch
import torch.nn.functional as F
from torch import Tensor

from .fill_level import RADIUS, Level
from .filters import blur

# How far into the picture a line must run straight, in pixels, and the steepest slope against the border's normal.
_DEPTH = 24
_STEEPEST, _SLOPES = radians(66), 67
# Lines are measured after a blur of this many pixels.
_BLUR = 1.0
# Squared difference per pixel across a line below which it hardly shows; how much what varies along it counts against
# it; and how much of a line mere texture shows by chance.
_VISIBLE, _STRAIGHT, _TEXTURE = 1e-4, 0.5, 0.52
# A line flattens out this far from the picture, and leads what lies this far beside it; as shares of the longer side.
_FARTHEST, _LEADS = 0.5, 0.04
# Votes for lines that are half sure, and that count as much as the border's normal.
_CERTAIN, _DOUBT = 0.1, 0.003
# How far a source may lie from where it is wanted before that costs 1, as share of the longer side, and how much more
# per distance from the picture: up or down, across, and aside of a line. Across, much of the picture is wanted far out:
# a strip of it would repeat.
_REACH_Y, _GROWTH_Y = 0.05, 0.3
_REACH_X, _GROWTH_X = 0.6, 2.0
_ASIDE, _ASIDE_GROWTH = 0.02, 0.1
# The same up or down from a hole, whose every side shows what belongs there.
_REACH_HOLE = 0.25


@dataclass(frozen=True)
class Pull:
    """The cost ``[N]`` of how far a source lies from where the targets want it: a quadratic form about a place.

    Attributes:
        y, x: the place wanted.
        yy, yx, xx: cost per squared pixel away from it.
    """

    y: Tensor
    x: Tensor
    yy: Tensor
    yx: Tensor
    xx: Tensor

    @classmethod
    def along(cls, places: Tensor, level: Level, y: Tensor, x: Tensor) -> Pull:
        """For targets at ``y``, ``x``, by what ``guide`` and then ``cells`` say about this level's canvas."""
        climb_y, climb_x, sure, shift_y, shift_x = places.flatten(1)[:, level.index(y, x)]
        (height, width), longer = level.size, max(level.size)
        near_y, near_x = y.clamp(RADIUS, height - 1 - RADIUS), x.clamp(RADIUS, width - 1 - RADIUS)
        away_y, away_x = y - near_y, x - near_x
        loose = (1 - sure) * longer
        wanted_y = (near_y - climb_y * away_x + loose * shift_y).clamp(RADIUS, height - 1 - RADIUS)
        wanted_x = (near_x - climb_x * away_y + loose * shift_x).clamp(RADIUS, width - 1 - RADIUS)
        along_y, along_x = y - wanted_y, x - wanted_x
        distance = torch.hypot(along_y, along_x).clamp_min(1e-3)
        along_y, along_x = along_y / distance, along_x / distance
        reach_y = _REACH_Y if level.known is None else _REACH_HOLE
        free_y = (reach_y * longer + _GROWTH_Y * away_y.abs()) ** -2
        free_x = (_REACH_X * longer + _GROWTH_X * away_x.abs()) ** -2
        aside = (_ASIDE * longer + _ASIDE_GROWTH * distance) ** -2
        ahead = free_y * along_y**2 + free_x * along_x**2
        return cls(
            wanted_y,
            wanted_x,
            torch.lerp(free_y, ahead * along_y**2 + aside * along_x**2, sure),
            (ahead - aside) * along_y * along_x * sure,
            torch.lerp(free_x, ahead * along_x**2 + aside * along_y**2, sure),
        )

    def of(self, y: Tensor, x: Tensor) -> Tensor:
        """The cost of the sources at ``y``, ``x``, one for each target."""
        y, x = y - self.y, x - self.x
        return self.yy * y * y + 2 * self.yx * y * x + self.xx * x * x

    def of_target(self) -> Tensor:
        """``[N, 5]``, whose product with ``of_source`` is the cost less ``fixed``."""
        y, x = self.yy * self.y + self.yx * self.x, self.yx * self.y + self.xx * self.x
        return torch.stack([self.yy, 2 * self.yx, self.xx, -2 * y, -2 * x], 1)

    @staticmethod
    def of_source(y: Tensor, x: Tensor) -> Tensor:
        """``[M, 5]`` for sources at ``y``, ``x``."""
        return torch.stack([y * y, y * x, x * x, y, x], 1).float()

    def fixed(self) -> Tensor:
        """The part ``[N]`` of the cost that no source changes."""
        return self.of(torch.zeros_like(self.y), torch.zeros_like(self.x))


def guide(levels: Sequence[Level]) -> Tensor:
    """How the lines across the border go on.

    Args:
        levels: the picture at some sizes, the coarsest last. At each a line is followed about as far outwards as it was
            seen to run straight.

    Returns:
        ``[3, H, W]`` for every pixel of the coarsest canvas: how many rows the line through it climbs per column beyond
        the picture, how many columns per row, and how sure that is, 0..1.
    """
    level = levels[-1]
    votes = level.source.new_zeros(4, *level.canvas_size)
    for measured in levels:
        votes += _votes(level, measured)
    near = max(1.0, _LEADS * max(level.size))
    votes = blur(votes, near) + 0.3 * blur(votes, 3 * near) + 0.1 * blur(votes, 9 * near)
    total = votes[1] + votes[3]
    return torch.cat([votes[::2] / (votes[1::2] + _DOUBT), (1 / (1 + (_CERTAIN / total.clamp_min(1e-6)) ** 2))[None]])


def _votes(level: Level, measured: Level) -> Tensor:
    """For every canvas pixel ``[4, H, W]``: rows per column times how sure, how sure; the same of columns per row."""
    light = blur(measured.source, _BLUR)
    factor = measured.size[0] / level.size[0], measured.size[1] / level.size[1]
    y, x = ((line + 0.5) * by - 0.5 for line, by in zip((level.rows(), level.columns()), factor, strict=True))
    y, x = y[:, None].expand(-1, len(x)), x.expand(len(y), -1)
    (height, width), e = measured.size, level.extents
    votes = light.new_zeros(4, *level.canvas_size)
    farthest = _FARTHEST * max(measured.size)
    for new, view, beyond, along, sign, first in (
        (e.left, light.transpose(1, 2), -x, y, -1, 0),
        (e.right, light.flip(2).transpose(1, 2), x - (width - 1), y, 1, 0),
        (e.up, light, -y, x, -1, 2),
        (e.down, light.flip(1), y - (height - 1), x, 1, 2),
    ):
        if new and min(view.shape[1:]) >= _DEPTH:
            led = farthest * torch.tanh(beyond.clamp_min(0) / farthest)
            slope, sure = _follow(_lines(view), led, along)
            sure = sure ** (1 + beyond.clamp_min(0) / _DEPTH)
            # Beyond the picture's corner the nearest pixel lies aslant already.
            aslant = along - along.clamp(0, view.shape[2] - 1)
            votes[first] += sign * (slope * led - aslant) / beyond.clamp_min(1) * sure
            votes[first + 1] += sure
    return votes


def _slopes(like: Tensor) -> Tensor:
    """In pixels along the border per pixel away from it."""
    return torch.linspace(-_STEEPEST, _STEEPEST, _SLOPES, dtype=like.dtype, device=like.device).tan()


def _lines(view: Tensor) -> Tensor:
    """How much of a line ``[n, slopes]``, 0..1, runs into every pixel of the border, the first row of ``view``
    ``[C, h, n]``: there the mean along the line's direction has an edge, and little varies along it."""
    depth, length = torch.arange(_DEPTH, device=view.device), view.shape[2]
    column = torch.arange(length, device=view.device)[:, None, None] - _slopes(view)[:, None] * depth
    low = column.floor().clamp(0, length - 2)
    place = depth * length + low.long()
    flat = view.flatten(1)
    colour = torch.lerp(flat[:, place], flat[:, place + 1], (column - low).clamp(0, 1))
    weight = 1 - depth / (1.5 * _DEPTH)
    weight /= weight.sum()
    mean = (colour * weight).sum(-1)
    varies = ((colour - mean[..., None]).square() * weight).sum((-1, 0))
    edge = F.pad((mean[:, 2:] - mean[:, :-2]) / 2, (0, 0, 1, 1)).square().sum(0)
    sure = edge / (edge + _STRAIGHT * varies + _VISIBLE)
    # One line runs in one direction: what else shows at the same place is the same line seen askew.
    strongest = F.max_pool1d(sure.amax(1)[None], 5, 1, 2)[0, :, None]
    beyond_chance = (sure - _TEXTURE).clamp_min(0) / (1 - _TEXTURE)
    return beyond_chance**3 * (sure / strongest.clamp_min(1e-6)) ** 8


def _follow(lines: Tensor, beyond: Tensor, along: Tensor) -> tuple[Tensor, Tensor]:
    """The slope ``[H, W]`` of the strongest line that leads to each canvas pixel, and how strong it is."""
    length, slopes = len(lines), _slopes(lines)
    start = along[..., None] - beyond[..., None] * slopes
    place = start.round().long()
    there = (place >= 0) & (place < length) & (beyond > 0)[..., None]
    found = lines.flatten()[place.clamp(0, length - 1) * len(slopes) + torch.arange(len(slopes), device=lines.device)]
    sure, best = (found * there).max(-1)
    return slopes[best], sure
