"""Patches for the content fill: where they lie, how they are compared and searched.

A *target* is a patch that reaches into the new area, a *source* one of which everything is known. A match is an offset:
whole pixels (y, x) from the target to its source. Neighbouring targets with the same offset copy one piece.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from .fill_guide import Pull
from .fill_level import RADIUS, SIDE, Level

# Lines of the target grid lie this far apart: neighbouring patches overlap by more than two thirds.
_STEP = 2
# So many lines of the grid, at most, cover one pixel.
_COVER = 4
# Principal components kept of a patch's 147 values, and how many patches they are worked out from.
_COMPONENTS = 16
_SAMPLES = 8192
# Values held at once by the exact search (64 MB).
_CHUNK = 1 << 24


class Targets:
    """The patches to be matched at one level.

    Attributes:
        y, x: centres ``[N]``.
        near_y, near_x: centre of the source nearest to each.
    """

    def __init__(self, level: Level):
        self.level, self.width, device = level, level.size[1], level.source.device
        self.rows, self.columns = _lines(level.rows()), _lines(level.columns())
        grid_y, grid_x = torch.meshgrid(self.rows, self.columns, indexing="ij")
        near_y, near_x = level.nearest(grid_y, grid_x)
        self.index = ((near_y != grid_y) | (near_x != grid_x)).flatten().nonzero()[:, 0]
        self.y, self.x = grid_y.flatten()[self.index], grid_x.flatten()[self.index]
        self.near_y, self.near_x = near_y.flatten()[self.index], near_x.flatten()[self.index]
        self._number = torch.full((grid_y.numel(),), -1, device=device)
        self._number[self.index] = torch.arange(len(self.index), device=device)

    def __len__(self) -> int:
        return len(self.index)

    def within(self, offset: Tensor) -> Tensor:
        """The offsets ``[2, N]``, moved where they would lead to no source."""
        y, x = self.level.nearest(self.y + offset[0], self.x + offset[1])
        return torch.stack([y - self.y, x - self.x])

    def distance(self) -> Tensor:
        """Of each target from the picture, in pixels."""
        return torch.hypot((self.y - self.near_y).float(), (self.x - self.near_x).float())

    def even(self) -> Tensor:
        """The black fields of the grid seen as a chessboard."""
        return (self.index // len(self.columns) + self.index % len(self.columns)) % 2 == 0

    def from_coarser(self, coarser: Targets, offset: Tensor) -> Tensor:
        """This level's offsets, from those of the level of half the size."""
        row = _nearest_line(coarser.rows, self.y.div(2, rounding_mode="floor"))
        column = _nearest_line(coarser.columns, self.x.div(2, rounding_mode="floor"))
        return self.within(2 * coarser._on_grid(offset).flatten(1)[:, row * len(coarser.columns) + column])

    def neighbours(self, offset: Tensor, jump: int = 1) -> Iterator[Tensor]:
        """The offsets ``jump`` targets to the left, right, above and below."""
        grid = self._on_grid(offset)
        for dim, by in ((2, jump), (2, -jump), (1, jump), (1, -jump)):
            yield torch.roll(grid, by, dim).flatten(1)[:, self.index]

    def _on_grid(self, offset: Tensor) -> Tensor:
        grid = offset.new_zeros(2, len(self._number))
        grid[:, self.index] = offset
        return grid.view(2, len(self.rows), len(self.columns))

    def covering(self, y: Tensor, x: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        """One after the other, the patches that cover the pixels ``y``, ``x``.

        Yields the target's number ``[n]``, -1 = none, and the squared distance of the pixel from its centre.
        """
        first_row = torch.searchsorted(self.rows, y - RADIUS)
        first_column = torch.searchsorted(self.columns, x - RADIUS)
        for i in range(_COVER):
            row = (first_row + i).clamp_max(len(self.rows) - 1)
            dy = y - self.rows[row]
            for j in range(_COVER):
                column = (first_column + j).clamp_max(len(self.columns) - 1)
                dx = x - self.columns[column]
                number = self._number[row * len(self.columns) + column]
                covers = (dy.abs() <= RADIUS) & (dx.abs() <= RADIUS)
                yield torch.where(covers, number, -1), dy * dy + dx * dx


@dataclass(frozen=True)
class Features:
    """A linear description of patches in which squared distance is how different they look.

    The principal components of the picture's own patches, weighted towards the patch's centre; 1 is the mean squared
    distance of a patch from the mean patch.
    """

    kernel: Tensor

    @classmethod
    def of(cls, level: Level) -> Features:
        source = level.source
        place = level.whole(SIDE).nonzero()
        y, x = place[:: max(1, len(place) // _SAMPLES)].T
        axis = torch.arange(SIDE, device=source.device)
        patches = source[:, (axis[:, None] + y)[:, None], axis[:, None] + x].flatten(0, 2).T
        axis = torch.arange(-RADIUS, RADIUS + 1, device=source.device, dtype=source.dtype)
        weight = torch.exp(-(axis[:, None] ** 2 + axis**2) / (2 * RADIUS) ** 2).flatten().repeat(source.shape[0])
        centred = (patches - patches.mean(0)) * weight
        variances, directions = torch.linalg.eigh(centred.T @ centred / len(centred))
        kernel = (directions[:, -_COMPONENTS:] * weight[:, None]).T
        return cls(kernel / variances.sum().clamp_min(1e-6).sqrt())

    def of_sources(self, source: Tensor) -> Tensor:
        """``[M, D]`` for every source of the picture, row by row."""
        kernel = self.kernel.view(len(self.kernel), source.shape[0], SIDE, SIDE)
        return F.conv2d(source[None], kernel)[0].flatten(1).T.contiguous()

    def of_targets(self, canvas: Tensor, level: Level, targets: Targets) -> Tensor:
        """``[N, D]`` of what the canvas shows at the targets."""
        axis = torch.arange(-RADIUS, RADIUS + 1, device=canvas.device)
        shifts = (axis[:, None] * canvas.shape[-1] + axis).flatten()
        pixels, centre = canvas.flatten(1), level.index(targets.y, targets.x)
        parts = [pixels[:, part[:, None] + shifts].transpose(0, 1).flatten(1) for part in centre.split(1 << 15)]
        return torch.cat([part @ self.kernel.T for part in parts])


@dataclass(frozen=True)
class Costs:
    """What it costs to use a source for a target.

    Attributes:
        targets: the N patches to be matched.
        wanted: their features ``[N, D]``.
        sources: features ``[M, D]`` of the sources.
        weight: how much ``[N]`` it counts what a target looks like.
        strange: cost ``[M, 4]`` of each source beyond each border.
        beyond: how much ``[N, 4]`` each target lies beyond it.
        reuse: cost ``[M]`` of each source, whatever the target.
        pull: cost of how far a source lies from where one is wanted.
        split: cost of differing from all four neighbours.
    """

    targets: Targets
    wanted: Tensor
    sources: Tensor
    weight: Tensor
    strange: Tensor
    beyond: Tensor
    reuse: Tensor
    pull: Pull
    split: float

    def with_reuse(self, reuse: Tensor) -> Costs:
        return replace(self, reuse=reuse)

    def place(self, offset: Tensor) -> Tensor:
        """Which source ``[N]`` the offsets lead to."""
        t = self.targets
        return (t.y + offset[0] - RADIUS) * (t.width - 2 * RADIUS) + t.x + offset[1] - RADIUS

    def of(self, offset: Tensor) -> Tensor:
        """Cost ``[N]`` of offsets that lead to sources."""
        t, place = self.targets, self.place(offset)
        looks = self.weight * (self.wanted - self.sources[place]).square().sum(1)
        source = (self.beyond * self.strange[place]).sum(1) + self.reuse[place]
        return looks + source + self.pull.of(t.y + offset[0], t.x + offset[1])

    def nearest(self) -> Tensor:
        """The offsets ``[2, N]`` to the cheapest of all sources, neighbours not regarded.

        One matrix product: |t - s|^2 and the pull are sums of products of something that depends on the target only
        with something that depends on the source only.
        """
        t = self.targets
        height, width = (side - 2 * RADIUS for side in t.level.size)
        y = torch.arange(RADIUS, RADIUS + height, device=t.y.device).repeat_interleave(width)
        x = torch.arange(RADIUS, RADIUS + width, device=t.x.device).repeat(height)
        looks, reuse = self.sources.square().sum(1, keepdim=True), self.reuse[:, None]
        of_source = torch.cat([self.sources, looks, reuse, self.strange, Pull.of_source(y, x)], 1).T
        weight = self.weight[:, None]
        of_target = torch.cat(
            [-2 * weight * self.wanted, weight, torch.ones_like(weight), self.beyond, self.pull.of_target()], 1
        )
        parts = of_target.split(max(1, _CHUNK // of_source.shape[1]))
        best = torch.cat([(part @ of_source).argmin(1) for part in parts])
        return torch.stack([y[best] - t.y, x[best] - t.x])

    def around(self, offset: Tensor, reach: int) -> Tensor:
        """The cheapest offsets within ``reach`` pixels of the ones given, neighbours not regarded."""
        best, cost = offset, self.of(offset)
        shifts = torch.arange(-reach, reach + 1, device=offset.device)
        for shift in torch.cartesian_prod(shifts, shifts):
            other = self.targets.within(offset + shift[:, None])
            price = self.of(other)
            better = price < cost
            best, cost = torch.where(better, other, best), torch.where(better, price, cost)
        return best

    def agreed(self, offset: Tensor, proposals: Sequence[Tensor], sweeps: int, jumps: Sequence[int]) -> Tensor:
        """Offsets that are cheap and mostly those of their neighbours, so that large pieces are copied whole.

        In turn the black and the white fields of the grid take the cheapest of their own offset, the proposals, and the
        neighbours' (iterated conditional modes: Besag, "On the statistical analysis of dirty pictures", 1986; that
        neighbours' offsets are good guesses: Ashikhmin, "Synthesizing natural textures", 2001).

        Args:
            proposals: other offsets ``[2, N]`` to try.
            jumps: how many targets away the neighbours asked are; those next door always are.
        """
        t, price = self.targets, self.of(offset)
        even = t.even()
        prices = [self.of(proposal) for proposal in proposals]
        for sweep in range(sweeps):
            around = list(t.neighbours(offset))

            def alone(candidate: Tensor, around: list[Tensor] = around) -> Tensor:
                differs = sum(((candidate != other).any(0).float() for other in around), torch.zeros_like(self.weight))
                return differs * (self.split / len(around))

            best, best_price, best_total = offset, price, price + alone(offset)
            candidates: list[tuple[Tensor, Tensor | None]] = list(zip(proposals, prices, strict=True))
            candidates += [(other, None) for jump in jumps for other in t.neighbours(offset, jump)]
            candidates += [(other, None) for other in around]
            for candidate, known_price in candidates:
                exists: Tensor | bool = True
                if known_price is None:
                    moved = t.within(candidate)
                    exists = (moved == candidate).all(0)
                    candidate, known_price = moved, self.of(moved)
                better = (known_price + alone(candidate) < best_total) & exists
                best = torch.where(better, candidate, best)
                best_price = torch.where(better, known_price, best_price)
                best_total = torch.where(better, known_price + alone(candidate), best_total)
            moves = even if sweep % 2 == 0 else ~even
            offset, price = torch.where(moves, best, offset), torch.where(moves, best_price, price)
        return offset


def _lines(positions: Tensor) -> Tensor:
    """Centres of patches that cover all of ``positions`` and lie wholly in them."""
    centres = positions[RADIUS : len(positions) - RADIUS]
    return torch.cat([centres[:-1:_STEP], centres[-1:]])


def _nearest_line(lines: Tensor, position: Tensor) -> Tensor:
    after = torch.searchsorted(lines, position).clamp_max(len(lines) - 1)
    before = (after - 1).clamp_min(0)
    return torch.where(position - lines[before] <= lines[after] - position, before, after)
