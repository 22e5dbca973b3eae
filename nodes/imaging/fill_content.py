"""Content-aware fill without a model: the new area is laid out of patches of the picture itself.

Coarse to fine over an image pyramid. At the coarsest level the picture grows outwards ring by ring, so that structure
that runs into the border goes on; then patches are matched and laid over each other in turn until they agree (Wexler,
Shechtman and Irani, "Space-time video completion", CVPR 2004; Kwatra et al., "Texture optimization for example-based
synthesis", SIGGRAPH 2005). While a level is small every match is the exact nearest of all patches, by one matrix
product; at finer levels it is looked for around the coarser match. No random search: same input and seed, same result.

What makes it work for the outside of pictures, where nothing is known on the far side:

* a source is wanted at the height and, less so, at the column of the nearest known pixel, so that sky stays sky;
* a source that looks like nothing else in the picture (a head, a boat) costs more, as does one already used often;
* the last step copies fine detail from the best patch but averages coarse colour over all, so that grain stays grain
  and skies show no cuts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil

import torch
import torch.nn.functional as F
from torch import Tensor

from .canvas import Extents
from .fill_patches import RADIUS, SIDE, Costs, Features, Targets
from .fill_join import join
from .fill_smooth import fill_smooth, sample

# Patches are matched on a canvas of at most this many pixels a side; the offsets found carry over to the full size.
WORKING_SIDE = 1280
# The coarsest level's shorter side of the picture.
_COARSEST_SIDE = 40
# A picture with a shorter side than this has no patches to copy from.
SMALLEST_SIDE = 3 * SIDE
# Largest level (sources times targets) matched exactly.
_EXACT_PAIRS = 1 << 27
# Rounds of matching and laying, coarsest level first; the last number holds for all finer levels.
_EXACT_ROUNDS = (6, 5, 4)
_REFINE_ROUNDS = (3, 2, 1)
# How far, as a share of the picture's longer side, a source may lie from the nearest place before that costs as much
# as looking entirely different; and how much this grows per pixel of distance from the picture.
_REACH_Y, _REACH_X, _REACH_GROWTH = 0.05, 0.6, 0.3
_RARITY = 0.5
_REUSE = 0.03
_VARIETY = 0.03
_GAMMA = 0.2
_SWEEPS = 10
_WINDOW = 1
_MEAN = False


@dataclass(frozen=True)
class _Level:
    """The picture ``[3, h, w]`` at one size of the pyramid and the extents there."""

    source: Tensor
    extents: Extents

    @property
    def size(self) -> tuple[int, int]:
        return self.source.shape[-2], self.source.shape[-1]

    @property
    def canvas_side(self) -> int:
        e = self.extents
        return max(self.size[0] + e.up + e.down, self.size[1] + e.left + e.right)

    def halved(self) -> _Level:
        e = self.extents
        smaller = F.avg_pool2d(self.source[None], 2, ceil_mode=True, count_include_pad=False)[0]
        return _Level(smaller, Extents(*(ceil(side / 2) for side in (e.left, e.right, e.up, e.down))))

    def pixels(self) -> tuple[Tensor, Tensor]:
        """Rows and columns ``[n]`` of all new pixels, counted from the picture's first."""
        (height, width), e = self.size, self.extents
        y = torch.arange(-e.up, height + e.down, device=self.source.device)
        x = torch.arange(-e.left, width + e.right, device=self.source.device)
        new = ~(((y >= 0) & (y < height))[:, None] & ((x >= 0) & (x < width)))
        rows, columns = new.nonzero(as_tuple=True)
        return y[rows], x[columns]

    def put(self, canvas: Tensor, y: Tensor, x: Tensor, values: Tensor) -> Tensor:
        """A copy of the canvas with ``values`` ``[3, n]`` at the pixels given."""
        canvas = canvas.clone()
        canvas[:, y + self.extents.up, x + self.extents.left] = values
        return canvas


def fill_content(image: Tensor, extents: Extents, seed: int, progress: Callable[[int, int], None]) -> Tensor:
    """Continue a picture by its own content.

    Args:
        image: ``[3, H, W]`` float in 0..1.
        progress: called with (steps done, steps in all).

    Returns:
        ``[3, H + up + down, W + left + right]``. A picture with a side under 21 pixels is continued softly instead.
    """
    if min(image.shape[-2:]) < SMALLEST_SIDE:
        return fill_smooth(image, extents)
    levels = [_Level(image, extents)]
    while min(levels[-1].size) >= 2 * _COARSEST_SIDE:
        levels.append(levels[-1].halved())
    finest = next((depth for depth, level in enumerate(levels) if level.canvas_side <= WORKING_SIDE), len(levels) - 1)
    canvas, targets, offset = grow(levels[-1], seed), None, None
    matched = levels[finest:]
    for depth, level in enumerate(reversed(matched)):
        canvas, targets, offset, dense = _match(level, canvas, targets, offset, depth, seed)
        progress(depth, len(levels))
    level = levels[finest]
    joined = join(level.source, level.extents, dense)
    return joined if finest == 0 else carry(image, extents, level, joined, dense, 2**finest)


def carry(image: Tensor, extents: Extents, level: _Level, joined: Tensor, offset: Tensor, factor: int) -> Tensor:
    """The fill at full size: enlarged, with the fine detail of the places its pieces were copied from."""
    (height, width), e = image.shape[-2:], level.extents

    def enlarge(field: Tensor, before: tuple[int, int], rows: Tensor, columns: Tensor) -> Tensor:
        at_y = (rows + 0.5) / factor - 0.5 + before[0]
        at_x = (columns + 0.5) / factor - 0.5 + before[1]
        return sample(field, at_y, at_x)

    y = torch.arange(-extents.up, height + extents.down, device=image.device)
    x = torch.arange(-extents.left, width + extents.right, device=image.device)
    detail = image - enlarge(level.source, (0, 0), y[extents.up : extents.up + height], x[extents.left : extents.left + width])
    canvas = image.new_empty(len(y), len(x), 3).movedim(-1, 0)
    column = x.div(factor, rounding_mode="floor") + e.left
    for rows in torch.arange(len(y), device=image.device).split(256):
        row = y[rows].div(factor, rounding_mode="floor") + e.up
        shift = factor * offset[:, row[:, None], column]
        from_y = (y[rows][:, None] + shift[0]).clamp(0, height - 1)
        from_x = (x + shift[1]).clamp(0, width - 1)
        block = enlarge(joined, (e.up, e.left), y[rows], x)
        canvas[:, rows] = block.add_(detail.flatten(1)[:, from_y * width + from_x])
    canvas[:, extents.up : extents.up + height, extents.left : extents.left + width] = image
    return canvas


def _match(level, canvas, coarser, offset, depth, seed):
    targets = Targets(level.size, level.extents, level.source.device)
    features = Features.of(level.source)
    sources = features.of_sources(level.source)
    longer = max(level.size)
    pull_y, pull_x = _pulls(targets, longer)
    y, x = level.pixels()
    exact = len(sources) * len(targets.index) <= _EXACT_PAIRS
    costs = Costs(sources, level.size, torch.zeros_like(sources[:, 0]), pull_y, pull_x)
    distance = targets.distance()
    if offset is not None:
        offset = targets.from_coarser(coarser, offset)
        sy, sx = targets.clamp(targets.y + offset[0], targets.x + offset[1])
        offset = torch.stack([sy - targets.y, sx - targets.x])
        layed = lay(level, targets, offset, torch.ones_like(distance), y, x)
        canvas = level.put(framed(level), y, x, layed.copy)
    rounds = _EXACT_ROUNDS if exact else _REFINE_ROUNDS
    usage = torch.zeros_like(sources[:, 0])
    grid = [side - 2 * RADIUS for side in level.size]
    from . import fill_content as me
    for turn in range(rounds[min(depth, len(rounds) - 1)]):
        wanted = features.of_targets(canvas, targets)
        if offset is not None:
            used = torch.bincount(costs.place(targets.y + offset[0], targets.x + offset[1]), minlength=len(sources)).float()
            r = 2 * RADIUS
            used = F.avg_pool2d(used.view(1, 1, *grid), 2 * r + 1, 1, r, count_include_pad=False).flatten()
            fair = len(targets.index) / len(sources)
            usage = 0.5 * usage + 0.5 * used / max(fair, .02) if turn else used / max(fair, .02)
            costs = Costs(sources, level.size, me._REUSE * (usage - 1).clamp(0, 20), pull_y, pull_x)
        before = [] if offset is None else [offset]
        offset, cost = costs.exact(targets, wanted) if exact else costs.refine(targets, wanted, offset, me._WINDOW)
        offset, cost = costs.agree(targets, wanted, offset, me._GAMMA, me._SWEEPS, before)
        weight = torch.exp(-cost / (2 * cost.quantile(0.75) if len(cost) < 1 << 24 else cost.mean()).clamp_min(1e-4)).clamp_min(1e-4)
        weight = weight * 1.1 ** (-distance.clamp_max(60))
        layed = lay(level, targets, offset, weight, y, x)
        canvas = level.put(canvas, y, x, layed.mean if me._MEAN else layed.copy)
    own = layed.best
    dense = torch.zeros_like(framed(level)[:2])
    dense = level.put(dense, y, x, torch.stack([own // level.size[1] - y, own % level.size[1] - x]).to(canvas)).long()
    return canvas, targets, offset, dense


def framed(level):
    e = level.extents
    return F.pad(level.source, (e.left, e.right, e.up, e.down))


def _pulls(targets, longer):
    dy = (targets.y - targets.near_y).abs() / longer
    dx = (targets.x - targets.near_x).abs() / longer
    return ((_REACH_Y + _REACH_GROWTH * dy) * longer) ** -2.0, ((_REACH_X + _REACH_GROWTH * dx) * longer) ** -2.0


@dataclass
class Laid:
    mean: Tensor
    copy: Tensor
    best: Tensor


def lay(level, targets, offset, weight, y, x):
    source = level.source.flatten(1)
    width = level.size[1]
    total = source.new_zeros(3, len(y))
    sum_weight = source.new_zeros(len(y))
    best_weight = source.new_full((len(y),), -1.0)
    best = torch.zeros_like(y)
    for number, dy, dx in targets.covering(y, x):
        w = weight[number] * torch.exp(-(dy * dy + dx * dx).float() / (2 * (0.7 * RADIUS) ** 2)) * (number >= 0)
        n = number.clamp_min(0)
        place = (y + offset[0, n]) * width + x + offset[1, n]
        place = torch.where(number >= 0, place, 0)
        total += w * source[:, place]
        sum_weight += w
        better = w > best_weight
        best_weight = torch.where(better, w, best_weight)
        best = torch.where(better, place, best)
    return Laid(total / sum_weight.clamp_min(1e-20), source[:, best], best)


def grow(level: _Level, seed: int) -> Tensor:
    """The picture grown outwards ring by ring; every ring's patches are matched by what is known of them."""
    (height, width), e = level.size, level.extents
    source, device = level.source, level.source.device
    canvas = framed(level)
    rows = torch.arange(-e.up, height + e.down, device=device)
    columns = torch.arange(-e.left, width + e.right, device=device)
    ring_y = (rows - rows.clamp(0, height - 1)).abs()
    ring_x = (columns - columns.clamp(0, width - 1)).abs()
    ring = torch.maximum(ring_y[:, None], ring_x[None])
    patches = F.unfold(source[None], SIDE)[0].T
    scale = (patches - patches.mean(0)).square().mean().clamp_min(1e-6)
    sy = torch.arange(RADIUS, height - RADIUS, device=device).repeat_interleave(width - 2 * RADIUS)
    sx = torch.arange(RADIUS, width - RADIUS, device=device).repeat(height - 2 * RADIUS)
    longer = max(level.size)
    usage = torch.zeros(len(patches), device=device)
    generator = torch.Generator().manual_seed(seed)
    noise = torch.rand(len(patches), generator=generator).to(device) * _VARIETY
    axis = torch.arange(-RADIUS, RADIUS + 1, device=device)
    total_w, total_h = len(columns), len(rows)
    for first in range(1, int(ring.max()) + 1, 2):
        known = (ring < first).float()
        # patch centres on the ring's outer pixel
        centre = (ring == min(first + 1, int(ring.max())))
        iy, ix = centre.nonzero(as_tuple=True)
        # keep inside canvas: clamp to inset
        iy, ix = iy.clamp(RADIUS, total_h - 1 - RADIUS), ix.clamp(RADIUS, total_w - 1 - RADIUS)
        both = torch.unique(iy * total_w + ix)
        iy, ix = both // total_w, both % total_w
        shifts = (axis[:, None] * total_w + axis).flatten()
        place = (iy * total_w + ix)[:, None] + shifts
        mask = known.flatten()[place]
        keep = mask.sum(1) >= 6
        iy, ix, place, mask = iy[keep], ix[keep], place[keep], mask[keep]
        mask3 = mask.repeat(1, 3)
        wanted = canvas.flatten(1)[:, place].transpose(0, 1).flatten(1)
        y, x = rows[iy], columns[ix]
        near_y, near_x = y.clamp(RADIUS, height - 1 - RADIUS), x.clamp(RADIUS, width - 1 - RADIUS)
        ty = _REACH_Y + _REACH_GROWTH * (y - near_y).abs() / longer
        tx = _REACH_X + _REACH_GROWTH * (x - near_x).abs() / longer
        looks = mask3 @ patches.square().T - 2 * (mask3 * wanted) @ patches.T + (mask3 * wanted.square()).sum(1, True)
        looks = looks / mask3.sum(1, True) / scale
        pull = ((sy - near_y[:, None]) / longer / ty[:, None]) ** 2 + ((sx - near_x[:, None]) / longer / tx[:, None]) ** 2
        cost = looks + pull + noise + _REUSE * usage.clamp_max(20)
        best = cost.argmin(1)
        used = torch.bincount(best, minlength=len(patches)).float().view(1, 1, height - 2 * RADIUS, width - 2 * RADIUS)
        usage += F.avg_pool2d(used, 7, 1, 3, count_include_pad=False).flatten() * 7
        # lay: every unknown pixel up to first+1 from patches covering, mean
        chosen = torch.full((total_h * total_w,), -1, device=device)
        chosen[iy * total_w + ix] = torch.arange(len(best), device=device)
        hy, hx = ((ring >= first) & (ring <= first + 1)).nonzero(as_tuple=True)
        acc = canvas.new_zeros(3, len(hy)); ws = canvas.new_zeros(len(hy))
        quality = torch.exp(-cost.gather(1, best[:, None])[:, 0] / 0.1).clamp_min(1e-3)
        for dy in range(-RADIUS, RADIUS + 1):
            for dx in range(-RADIUS, RADIUS + 1):
                cy, cx = hy + dy, hx + dx
                ok = (cy >= 0) & (cy < total_h) & (cx >= 0) & (cx < total_w)
                n = chosen[cy.clamp(0, total_h - 1) * total_w + cx.clamp(0, total_w - 1)]
                ok &= n >= 0
                n = n.clamp_min(0)
                w = quality[n] * ok * torch.exp(torch.tensor(-(dy * dy + dx * dx) / 8.0))
                py, px = (sy[best[n]] - dy).clamp(0, height - 1), (sx[best[n]] - dx).clamp(0, width - 1)
                acc += w * source[:, py, px]; ws += w
        canvas = canvas.clone()
        canvas[:, hy, hx] = acc / ws.clamp_min(1e-20)
    return canvas
