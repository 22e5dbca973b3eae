"""Patches for the content fill: where they lie, how they are compared, searched and laid over each other.

All positions are pixels counted from the picture's first one, so the new area has negative positions or ones beyond the
picture. A *target* is a patch that reaches into the new area, a *source* one wholly inside the picture.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from .canvas import Extents

RADIUS = 3
SIDE = 2 * RADIUS + 1
# Lines of the target grid lie this far apart: neighbouring patches overlap by more than two thirds.
STEP = 2
# Lines of the grid that can cover one pixel.
_COVER = 4
# Principal components kept of a patch's 147 values.
_COMPONENTS = 16
_SAMPLES = 8192
# Values held at once by the exact search (64 MB).
_CHUNK = 1 << 24


class Targets:
    """The patches to be matched at one level of the pyramid.

    Attributes:
        y, x: centres ``[N]``.
        near_y, near_x: the centre of the source nearest to each of them.
        size: the picture's (height, width) at this level.
    """

    def __init__(self, size: tuple[int, int], extents: Extents, device: torch.device):
        height, width = self.size = size
        self.extents = extents
        self.rows = _lines(-extents.up, height + extents.down, device)
        self.columns = _lines(-extents.left, width + extents.right, device)
        inside_y = (self.rows >= RADIUS) & (self.rows < height - RADIUS)
        inside_x = (self.columns >= RADIUS) & (self.columns < width - RADIUS)
        self.index = (~(inside_y[:, None] & inside_x[None])).flatten().nonzero()[:, 0]
        self.y = self.rows[self.index // len(self.columns)]
        self.x = self.columns[self.index % len(self.columns)]
        self.near_y, self.near_x = self.clamp(self.y, self.x)
        self.number = torch.full((len(self.rows) * len(self.columns),), -1, device=device)
        self.number[self.index] = torch.arange(len(self.index), device=device)

    def clamp(self, y: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        """The nearest centre at which a source exists."""
        height, width = self.size
        return y.clamp(RADIUS, height - 1 - RADIUS), x.clamp(RADIUS, width - 1 - RADIUS)

    def distance(self) -> Tensor:
        """Of each target from the picture, in pixels."""
        return torch.hypot((self.y - self.near_y).float(), (self.x - self.near_x).float())

    def from_coarser(self, coarser: Targets, offset: Tensor) -> Tensor:
        """Offsets ``[2, N]`` of the level of half the size, for this level's targets."""
        row = _nearest_line(coarser.rows, self.y.div(2, rounding_mode="floor"))
        column = _nearest_line(coarser.columns, self.x.div(2, rounding_mode="floor"))
        return 2 * coarser.spread(offset)[:, row * len(coarser.columns) + column]

    def spread(self, offset: Tensor) -> Tensor:
        """Offsets on the whole grid, 0 where the patch lies inside the picture."""
        dense = offset.new_zeros(2, len(self.number))
        dense[:, self.index] = offset
        return dense

    def neighbours(self, offset: Tensor, jump: int = 1) -> Iterator[Tensor]:
        """The offsets of the targets to the left, right, above and below."""
        dense = self.spread(offset).view(2, len(self.rows), len(self.columns))
        for dim, by in ((2, jump), (2, -jump), (1, jump), (1, -jump)):
            yield torch.roll(dense, by, dim).flatten(1)[:, self.index]

    def covering(self, y: Tensor, x: Tensor) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """For pixels ``y``, ``x``: one patch after the other that covers them.

        Yields the target's number ``[n]`` (-1 = none) and where the pixel lies in it, -RADIUS .. RADIUS.
        """
        first_row = torch.searchsorted(self.rows, y - RADIUS)
        first_column = torch.searchsorted(self.columns, x - RADIUS)
        for i in range(_COVER):
            row = (first_row + i).clamp_max(len(self.rows) - 1)
            dy = y - self.rows[row]
            for j in range(_COVER):
                column = (first_column + j).clamp_max(len(self.columns) - 1)
                dx = x - self.columns[column]
                covers = (first_row + i < len(self.rows)) & (first_column + j < len(self.columns))
                covers &= (dy.abs() <= RADIUS) & (dx.abs() <= RADIUS)
                number = self.number[row * len(self.columns) + column]
                yield torch.where(covers, number, -1), dy, dx


@dataclass(frozen=True)
class Features:
    """A linear description of patches in which the squared distance is how different they look.

    The principal components of the picture's own patches, weighted towards the patch's centre, scaled so that the mean
    patch lies at distance 1 from the mean.
    """

    kernel: Tensor

    @classmethod
    def of(cls, source: Tensor) -> Features:
        channels = source.shape[0]
        patches = F.unfold(source[None], SIDE)[0]
        stride = max(1, patches.shape[1] // _SAMPLES)
        patches = patches[:, ::stride].T
        axis = torch.arange(-RADIUS, RADIUS + 1, device=source.device, dtype=source.dtype)
        weight = torch.exp(-(axis[:, None] ** 2 + axis**2) / (4 * (0.9 * RADIUS) ** 2)).flatten().repeat(channels)
        centred = (patches - patches.mean(0)) * weight
        variances, directions = torch.linalg.eigh(centred.T @ centred / len(centred))
        kernel = (directions[:, -_COMPONENTS:] * weight[:, None]).T
        return cls(kernel / variances.sum().clamp_min(1e-6).sqrt())

    def of_sources(self, source: Tensor) -> Tensor:
        """``[M, D]`` for every source of the picture, row by row."""
        kernel = self.kernel.view(len(self.kernel), source.shape[0], SIDE, SIDE)
        return F.conv2d(source[None], kernel)[0].flatten(1).T.contiguous()

    def of_targets(self, canvas: Tensor, targets: Targets) -> Tensor:
        """``[N, D]`` of what the canvas shows at the targets."""
        width = canvas.shape[-1]
        centre = (targets.y + targets.extents.up) * width + targets.x + targets.extents.left
        axis = torch.arange(-RADIUS, RADIUS + 1, device=canvas.device)
        shifts = (axis[:, None] * width + axis).flatten()
        pixels = canvas.flatten(1)
        patches = [pixels[:, part[:, None] + shifts].transpose(0, 1).flatten(1) for part in centre.split(1 << 15)]
        return torch.cat([part @ self.kernel.T for part in patches])


@dataclass(frozen=True)
class Costs:
    """What it costs to use a source for a target.

    Attributes:
        sources: features ``[M, D]``.
        size: (height, width) of the picture.
        bias: cost ``[M]`` of each source whatever the target.
        pull_y, pull_x: how strongly ``[N]`` a target holds to the rows and columns nearest to it, per squared pixel.
    """

    sources: Tensor
    size: tuple[int, int]
    bias: Tensor
    pull_y: Tensor
    pull_x: Tensor

    def place(self, y: Tensor, x: Tensor) -> Tensor:
        """Index of the source centred at ``y``, ``x``."""
        return (y - RADIUS) * (self.size[1] - 2 * RADIUS) + x - RADIUS

    def exact(self, targets: Targets, wanted: Tensor, chosen: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """The cheapest source of all for each target, by matrix product.

        Every part of the cost is bilinear: |t - s|^2 and pull * (y_s - y_t)^2 expand into products of a column that
        depends on the target with one that depends on the source.

        Args:
            wanted: features ``[N, D]`` of the targets.

        Returns:
            offsets ``[2, N]`` and costs ``[N]``.
        """
        height, width = (side - 2 * RADIUS for side in self.size)
        y = torch.arange(RADIUS, RADIUS + height, device=wanted.device).repeat_interleave(width).to(wanted)
        x = torch.arange(RADIUS, RADIUS + width, device=wanted.device).repeat(height).to(wanted)
        fixed = self.sources.square().sum(1) + self.bias
        right = torch.stack([fixed, y * y, y, x * x, x], 1)
        right = torch.cat([self.sources, right], 1).T
        offsets, costs = [], []
        near_y, near_x = targets.near_y.to(wanted), targets.near_x.to(wanted)
        one = torch.ones_like(near_y)
        left = torch.stack(
            [one, self.pull_y, -2 * self.pull_y * near_y, self.pull_x, -2 * self.pull_x * near_x], 1
        )
        left = torch.cat([-2 * wanted, left], 1)
        own = wanted.square().sum(1) + self.pull_y * near_y**2 + self.pull_x * near_x**2
        for rows in torch.arange(len(wanted), device=wanted.device).split(max(1, _CHUNK // right.shape[1])):
            cost, best = (left[rows] @ right).min(1)
            source_y, source_x = best // width + RADIUS, best % width + RADIUS
            offsets.append(torch.stack([source_y - targets.y[rows], source_x - targets.x[rows]]))
            costs.append(cost + own[rows])
        return torch.cat(offsets, 1), torch.cat(costs).clamp_min(0)

    def of(self, targets: Targets, wanted: Tensor, y: Tensor, x: Tensor) -> Tensor:
        """Cost ``[N]`` of using the sources at ``y``, ``x``, which exist."""
        place = self.place(y, x)
        looks = (wanted - self.sources[place]).square().sum(1) + self.bias[place]
        return looks + self.pull_y * (y - targets.near_y) ** 2 + self.pull_x * (x - targets.near_x) ** 2

    def agree(self, targets: Targets, wanted: Tensor, offset: Tensor, gamma: float, sweeps: int, extra=()):
        y, x = targets.clamp(targets.y + offset[0], targets.x + offset[1])
        own = torch.stack([y - targets.y, x - targets.x])
        looks = self.of(targets, wanted, y, x)
        for sweep in range(sweeps):
            around = list(targets.neighbours(own))
            far = list(targets.neighbours(own, 2)) + list(targets.neighbours(own, 5)) if sweep < 3 else []
            def total(candidate, looks):
                return looks + gamma * sum((candidate != other).any(0).float() for other in around)
            best = total(own, looks)
            new, new_looks = own, looks
            for other in around + far + list(extra):
                y, x = targets.y + other[0], targets.x + other[1]
                cy, cx = targets.clamp(y, x)
                ok = (cy == y) & (cx == x)
                l = self.of(targets, wanted, cy, cx)
                cost = torch.where(ok, total(other, l), torch.full_like(l, 1e9))
                better = cost < best
                best = torch.where(better, cost, best)
                new, new_looks = torch.where(better, other, new), torch.where(better, l, new_looks)
            # checkerboard: only half the patches move at a time, so that neighbours do not swap forever
            colour = (targets.index // len(targets.columns) + targets.index % len(targets.columns)) % 2 == sweep % 2
            own, looks = torch.where(colour, new, own), torch.where(colour, new_looks, looks)
        return own, looks

    def refine(self, targets: Targets, wanted: Tensor, offset: Tensor, reach: int) -> tuple[Tensor, Tensor]:
        """The cheapest source around the ones given and around those of the neighbours.

        Args:
            offset: ``[2, N]`` to start from.
            reach: half the side of the window looked through, in pixels.

        Returns:
            offsets ``[2, N]`` and costs ``[N]``.
        """
        best_y, best_x = targets.clamp(targets.y + offset[0], targets.x + offset[1])
        best = self.of(targets, wanted, best_y, best_x)

        def consider(y: Tensor, x: Tensor) -> None:
            nonlocal best, best_y, best_x
            y, x = targets.clamp(y, x)
            cost = self.of(targets, wanted, y, x)
            better = cost < best
            best = torch.where(better, cost, best)
            best_y, best_x = torch.where(better, y, best_y), torch.where(better, x, best_x)

        for other in targets.neighbours(torch.stack([best_y - targets.y, best_x - targets.x])):
            consider(targets.y + other[0], targets.x + other[1])
        centre_y, centre_x = best_y, best_x
        for dy in range(-reach, reach + 1):
            for dx in range(-reach, reach + 1):
                if dy or dx:
                    consider(centre_y + dy, centre_x + dx)
        return torch.stack([best_y - targets.y, best_x - targets.x]), best


def _lines(first: int, end: int, device: torch.device) -> Tensor:
    """Centres of patches that cover ``first .. end - 1`` and lie wholly in it."""
    lines = torch.arange(first + RADIUS, end - RADIUS, STEP, device=device)
    last = torch.tensor([end - 1 - RADIUS], device=device)
    return lines if int(lines[-1]) == int(last) else torch.cat([lines, last])


def _nearest_line(lines: Tensor, position: Tensor) -> Tensor:
    after = torch.searchsorted(lines, position).clamp(1, len(lines) - 1) if len(lines) > 1 else torch.zeros_like(position)
    if len(lines) == 1:
        return after
    before = after - 1
    return torch.where(position - lines[before] <= lines[after] - position, before, after)
