"""The content fill's first sketch: at the coarsest level the new area is laid out of a few large pieces of the picture.

A piece is all that has one offset from the picture. On offer are the offsets that continue some stretch of the border
best; which of them is taken where is decided for all places at once, so that pieces meet each other, and the picture,
where both show the same (Kwatra et al., "Graphcut textures", SIGGRAPH 2003), by belief propagation (Komodakis and
Tziritas, "Image completion using efficient belief propagation", IEEE Transactions on Image Processing, 2007). What the
border cuts off goes on as a whole, leaves stay leaves, and no pattern repeats within a piece.
"""

from __future__ import annotations

from math import ceil

import torch
import torch.nn.functional as F
from torch import Tensor

from .fill_guide import Pull
from .fill_level import RADIUS, SIDE, Level

# Stretches of the border whose continuation is looked for: so long, and so deep into the picture, in pixels.
_STRETCHES, _DEPTH = (8, 20), 4
# Of each, the best offset that can be followed outwards for so much of the extent.
_ROOM = (0.25, 0.5, 1.0)
# Offsets on offer, and how many of each of a corner's two sides are combined.
_OFFERS, _COMBINED = 80, 3
# An extent longer than this share of the picture takes several steps of at most that.
_LONGEST_STEP = 0.6
# Decided for cells of at least so many pixels a side; at most so many pairs of offsets for all of them.
_CELL, _PAIRS = 2, 3e7
_SWEEPS = 6

# Costs are per cell. A difference of looks counts so much when it is the picture's standard deviation, and never more
# than the second: in a smooth place a small one shows, and of two large ones the larger is hardly worse.
_DIFFERENT, _WORST = 0.33, 1.0
# How much it counts to meet the picture, beside meeting another piece, and from where in the picture a piece is.
_BORDER, _PLACE = 4.0, 0.15
_FARTHEST_PLACE = 4.0
# Cost of what would be copied from beyond the picture.
_OUTSIDE = 8.0
# Random cost up to this, by seed: which one of equally good pieces is taken.
_VARIETY = 0.03
# Width in pixels of the frame that shows what is background.
_FRAME = 2


def sketch(level: Level, bias: Tensor, lines: Tensor, seed: int) -> tuple[Tensor, Tensor]:
    """Lay out the canvas of one small level.

    Args:
        bias: cost ``[h, w]`` of copying what is around each pixel.
        lines: how the lines across the border go on (``fill_guide.guide``).

    Returns:
        the canvas ``[3, H, W]``, and the offset ``[2, H, W]`` from each of its pixels to the one it copies.
    """
    (height, width), device = level.size, level.source.device
    generator = torch.Generator().manual_seed(seed)
    offers = _offers(level, lines, generator).to(device)
    cells = _Cells(level, offers)
    variety = _VARIETY * torch.rand(offers.shape[1], generator=generator).to(device)
    chosen = offers[:, _decide(cells, cells.costs(bias, lines) + variety)]

    rows, columns = level.rows(), level.columns()
    offset = chosen[:, cells.row_of(rows)[:, None], cells.column_of(columns)]
    inside = ((rows >= 0) & (rows < height))[:, None] & ((columns >= 0) & (columns < width))
    y = torch.where(inside, rows[:, None], (rows[:, None] + offset[0]).clamp(0, height - 1))
    x = torch.where(inside, columns, (columns + offset[1]).clamp(0, width - 1))
    return level.source.flatten(1)[:, y * width + x], torch.stack([y - rows[:, None], x - columns])


def foreign(level: Level) -> Tensor:
    """How little the colours around each pixel are like any at the borders to be extended, ``[h, w]``; 1 = as different
    as a pixel is from the mean. What is seen at the border is the background (Wei et al., "Geodesic saliency using
    background priors", ECCV 2012): faces, cups and boats in the middle are not."""
    pixels = level.source.flatten(1).T
    height, width = level.size
    index = torch.arange(len(pixels), device=pixels.device)
    y, x = index // width, index % width
    e = level.extents
    frame = torch.zeros_like(y, dtype=torch.bool)
    for extent, beyond in ((e.up, y), (e.down, height - 1 - y), (e.left, x), (e.right, width - 1 - x)):
        frame |= (beyond < _FRAME) & bool(extent)
    least = [torch.cdist(part, pixels[frame]).square().amin(1) for part in pixels.split(4096)]
    apart = torch.cat(least).view(1, 1, height, width) / _variance(level) / len(level.source)
    return F.avg_pool2d(apart.clamp_max(4), SIDE, 1, RADIUS, count_include_pad=False)[0, 0]


def _variance(level: Level) -> Tensor:
    """The mean over the channels."""
    return level.source.flatten(1).var(1, correction=0).mean().clamp_min(1e-6)


def _offers(level: Level, lines: Tensor, generator: torch.Generator) -> Tensor:
    """The offsets ``[2, K]`` to choose from, no two of them next to each other."""
    e, (height, width) = level.extents, level.size
    found = {side: _continuing(level, lines, side, generator) for side, extent in vars(e).items() if extent}
    # From everywhere, some lead into the picture.
    offers = [(y, x) for y in _paces(e.up, e.down, height) for x in _paces(e.left, e.right, width) if y or x]
    enough = len(offers) + _OFFERS
    for along in ("up", "down"):
        for across in ("left", "right"):
            best_y, best_x = (found.get(side, [])[:_COMBINED] for side in (along, across))
            offers += [(y, x) for _, y, _ in best_y for _, _, x in best_x]
    offers += [(y, x) for _, y, x in sorted(offer for side in found.values() for offer in side)]
    kept: list[tuple[int, int]] = []
    for y, x in offers:
        if len(kept) < enough and all(abs(y - other_y) + abs(x - other_x) > 1 for other_y, other_x in kept):
            kept.append((y, x))
    return torch.tensor(kept).T


def _paces(before: int, after: int, size: int) -> list[int]:
    paces = [0]
    for extent, sign in ((before, 1), (after, -1)):
        steps = ceil(extent / (_LONGEST_STEP * size))
        paces += [sign * round(extent * step / steps) for step in range(1, steps + 1)]
    return paces


def _continuing(level: Level, lines: Tensor, side: str, generator: torch.Generator) -> list[tuple[float, int, int]]:
    """Offsets (y, x) that continue stretches of one border, each with its cost, the cheapest first."""
    source, (height, width), extent = level.source, level.size, vars(level.extents)[side]
    # The border is the last column.
    view = {"left": source.flip(2), "right": source}.get(side)
    if view is None:
        view = (source.flip(1) if side == "up" else source).transpose(1, 2)
    length, depth = view.shape[1:]
    last = depth - _DEPTH
    offers = []
    for stretch in _STRETCHES:
        stretch = min(stretch, length)
        weight = (8 / stretch) ** 0.5
        first = torch.arange(0, length - stretch + 1, max(1, stretch // 2), device=source.device)
        wanted = view[:, :, last:].unfold(1, stretch, max(1, stretch // 2)).permute(1, 0, 3, 2)
        energy = F.avg_pool2d(view.square().sum(0)[None, None], (stretch, _DEPTH), 1)[0, 0] * stretch * _DEPTH
        alike = F.conv2d(view[None], wanted.contiguous())[0].permute(1, 2, 0)
        looks = energy[..., None] - 2 * alike + wanted.square().sum((1, 2, 3))
        along = torch.arange(looks.shape[0], device=source.device)[:, None, None] - first
        out = torch.arange(looks.shape[1], device=source.device)[:, None] - last

        middle, half = first + stretch // 2, max(1, extent // 2)
        across = side in ("left", "right")
        end = -half if side in ("left", "up") else half + (width if across else height) - 1
        beyond = torch.full_like(middle, end)
        y, x = (middle, beyond) if across else (beyond, middle)
        outward = out if side in ("right", "down") else -out
        by_y, by_x = (along, outward) if across else (outward, along)
        cost = looks / (wanted[0].numel() * _variance(level)) + Pull.along(lines, level, y, x).of(y + by_y, x + by_x)
        cost += _VARIETY * torch.rand(cost.shape, generator=generator).to(cost.device)
        for room in _ROOM:
            columns = last + 1 - max(2, min(round(room * extent), last - 1))
            least, place = cost[:, :columns].flatten(0, 1).min(0)
            shift, outward = place // columns - first, place % columns - last
            outward = outward if side in ("right", "down") else -outward
            found = [least * weight, *((shift, outward) if across else (outward, shift))]
            offers += list(zip(*(values.tolist() for values in found), strict=True))
    return sorted(offers)


class _Cells:
    """The canvas in square cells, to each of which one of K offsets is to be given.

    Attributes:
        rows, columns: the R and C positions of the cells' first pixels.
        new: which cells are not wholly inside the picture ``[R, C]``.
        differ: how much the pixels differ that two offsets lead a cell to ``[R, C, K, K]``, 0 .. 1.
    """

    def __init__(self, level: Level, offers: Tensor):
        self.level, self.offers = level, offers
        side = _CELL
        while level.canvas_size[0] * level.canvas_size[1] * offers.shape[1] ** 2 > _PAIRS * side**2:
            side += 1
        self.side, e, (height, width) = side, level.extents, level.size
        device = level.source.device
        self.rows = torch.arange(-ceil(e.up / side), ceil((height + e.down) / side), device=device) * side
        self.columns = torch.arange(-ceil(e.left / side), ceil((width + e.right) / side), device=device) * side
        known_y = (self.rows >= 0) & (self.rows + side <= height)
        known_x = (self.columns >= 0) & (self.columns + side <= width)
        self.new = ~(known_y[:, None] & known_x)
        self._variance = _variance(level)
        pixels = [self._read(row) for row in self.rows]
        self.differ = torch.stack([self._share(torch.cdist(row, row).square() / row.shape[-1]) for row in pixels])
        kept = [row - self._read_own(y)[:, None] for row, y in zip(pixels, self.rows, strict=True)]
        self._off = torch.stack([self._share(row.square().mean(-1)) for row in kept])

    def row_of(self, y: Tensor) -> Tensor:
        return (y - self.rows[0]).div(self.side, rounding_mode="floor")

    def column_of(self, x: Tensor) -> Tensor:
        return (x - self.columns[0]).div(self.side, rounding_mode="floor")

    def costs(self, bias: Tensor, lines: Tensor) -> Tensor:
        """What each offset costs for each cell ``[R, C, K]``, whatever the neighbours have."""
        (height, width), e, half = self.level.size, self.level.extents, self.side // 2
        y = (self.rows + half).clamp_max(height + e.down - 1).clamp_min(-e.up)
        x = (self.columns + half).clamp_max(width + e.right - 1).clamp_min(-e.left)
        shape = (len(self.rows), len(self.columns), -1)
        y, x = (part.flatten() for part in torch.meshgrid(y, x, indexing="ij"))
        from_y, from_x = y + self.offers[0][:, None], x + self.offers[1][:, None]
        place = Pull.along(lines, self.level, y, x).of(from_y, from_x).clamp_max(_FARTHEST_PLACE)
        place = _PLACE * (place + bias[from_y.clamp(0, height - 1), from_x.clamp(0, width - 1)])
        valid = self._inside(self.rows, 0, height)[:, None] & self._inside(self.columns, 1, width)
        cost = place.T.view(shape) + _OUTSIDE * ~valid
        # What would meet the picture is compared where the picture goes on: one and two cells further in.
        meets = torch.where(valid, self._off, _WORST) * ~self.new[..., None]
        meets = _BORDER * F.pad(meets, (0, 0, 2, 2, 2, 2))
        for by in (0, 1, 3, 4):
            share = 1.0 if by in (1, 3) else 0.5
            cost += share * (meets[by : by + shape[0], 2 : 2 + shape[1]] + meets[2 : 2 + shape[0], by : by + shape[1]])
        return cost * self.new[..., None]

    def _inside(self, first: Tensor, axis: int, size: int) -> Tensor:
        first = first[:, None] + self.offers[axis]
        return (first >= 0) & (first + self.side <= size)

    def _read(self, row: Tensor) -> Tensor:
        """What the offsets lead a row of cells to ``[C, K, 3 * side * side]``."""
        (height, width), axis = self.level.size, torch.arange(self.side, device=self.rows.device)
        y = (row + self.offers[0][:, None] + axis).clamp(0, height - 1)
        x = (self.columns[:, None, None] + self.offers[1][:, None] + axis).clamp(0, width - 1)
        return self.level.source.flatten(1)[:, y[..., None] * width + x[..., None, :]].movedim(0, 2).flatten(2)

    def _read_own(self, row: Tensor) -> Tensor:
        (height, width), axis = self.level.size, torch.arange(self.side, device=self.rows.device)
        y, x = (row + axis).clamp(0, height - 1), (self.columns[:, None] + axis).clamp(0, width - 1)
        return self.level.source.flatten(1)[:, y[:, None] * width + x[:, None]].movedim(0, 1).flatten(1)

    def _share(self, squared: Tensor) -> Tensor:
        """What a mean squared difference counts."""
        apart = (squared / self._variance).sqrt()
        return _WORST * apart / (apart + _WORST / _DIFFERENT - 1)


def _decide(cells: _Cells, costs: Tensor) -> Tensor:
    """The number of the offset each cell takes ``[R, C]``: min-sum belief propagation, swept in turn from all sides
    (Tappen and Freeman, "Comparison of graph cuts with belief propagation for stereo", ICCV 2003)."""
    # The message each cell got, along both axes from before and from after it.
    heard = [[torch.zeros_like(costs) for _ in range(2)] for _ in range(2)]
    for _ in range(_SWEEPS):
        for axis in (1, 0):
            length = costs.shape[axis]
            for end, step in ((0, 1), (1, -1)):
                others = costs + heard[1 - axis][0] + heard[1 - axis][1]
                message = heard[axis][end]
                for here in range(length - 1) if step > 0 else range(length - 1, 0, -1):
                    there = here + step
                    said = (others.select(axis, here) + message.select(axis, here))[..., None]
                    said = said + cells.differ.select(axis, here) + cells.differ.select(axis, there)
                    said = said.amin(-2)
                    both = cells.new.select(axis, here) & cells.new.select(axis, there)
                    message.select(axis, there).copy_((said - said.amin(-1, keepdim=True)) * both[:, None])
    return (costs + sum(sum(pair) for pair in heard)).argmin(-1)
