"""Content-aware fill without a model: the new area is laid out of pieces of the picture itself.

Coarse to fine over an image pyramid. At the coarsest level the picture grows outwards, or a hole in it closes, ring by
ring; then patches are matched and laid over each other in turn until they agree (Wexler, Shechtman and Irani,
"Space-time video completion", CVPR 2004; Kwatra et al., "Texture optimization for example-based synthesis", SIGGRAPH
2005). While a level is small, the match is the exact nearest of all patches; at finer levels it is looked for around
the coarser match. Nothing is searched at random: the same input and seed give the same result.

What makes it work around a picture, where nothing is known on the far side:

* a source is wanted at the height and, less so, at the column of the nearest known pixel: sky stays sky; lines that
  cross the border shift that place along with them (``fill_guide``): roofs and ridges go on straight;
* in texture each irregular cell wants a part of the picture of its own (``fill_cells``): corners are no lattices;
* a source that looks like nothing at the border costs more, as does one used often: no second head, no tiling;
* neighbours that copy from different pieces cost more: large pieces are copied whole;
* the pieces are joined by their gradients (``fill_join``): no cuts in skies, and grain stays grain;
* a border of one flat colour goes on in it (``fill_flat``): paper stays paper.
"""

from __future__ import annotations

from math import prod

import torch
import torch.nn.functional as F
from torch import Tensor

from .canvas import Extents
from .fill_cells import cells
from .fill_flat import fill_flat
from .fill_grow import WIDE, foreign, grow
from .fill_guide import Pull, guide
from .fill_join import join
from .fill_level import RADIUS, SIDE, UNKNOWN, Level
from .fill_patches import Costs, Features, Targets
from .fill_smooth import fill_smooth, sample
from .progress import Share, between

# Patches are matched on a canvas of at most this many pixels a side; the offsets found carry over to the full size.
_WORKING_SIDE = 1280
# The coarsest level: its shorter side is under twice this, its area at most that.
_COARSEST_SIDE = 40
_COARSEST_AREA = 16000
# Where much is to be filled from little, it is coarser: at most so many pairs of a canvas pixel and a source.
_COARSEST_PAIRS = 4e8
# A level with a shorter side than this has too few patches to copy from.
_SMALLEST_SIDE = 3 * SIDE
# Of the sources, at least so many, and about the same share at every level.
_FEWEST, _LEFT = 100, 0.5
# The largest level (pixels times canvas pixels) that is sketched: where holes lie close, the coarsest one is not small.
_SKETCH_PAIRS = 1e9
# Lines that run into the border are looked for at so many of the coarsest levels.
_LINE_LEVELS = 3
# Further out than so many times the picture's longer side, or the side itself, the fill is continued softly.
_FARTHEST, _FARTHEST_ALONG = 1.5, 4
# The largest level (sources times targets) matched exactly.
_EXACT_PAIRS = 1 << 27
# Rounds of matching and laying from the coarsest level on; the last number holds for all finer levels.
_EXACT_ROUNDS = (6, 5, 4)
_REFINE_ROUNDS = (3, 2, 1)
_EXACT_SWEEPS, _EXACT_JUMPS = 10, (2, 5)
_REFINE_SWEEPS, _REFINE_REACH = 6, 1

# Costs are in units of the mean squared difference of a patch from the mean patch.
# Cost of a source whose colours are as far from any at the border as a pixel is from the mean.
_FOREIGN = 8.0
# Cost of a source per time it is used more often than the mean one, where it has this much detail (rms).
_REUSE, _DETAIL = 0.06, 12 / 255
# In a hole, how many targets there are per source before that counts as often: it is small beside what is around it.
_OFTEN = 0.08
# How much more it counts what a patch looks like where it reaches into the picture.
_BORDER = 1.0
# Cost of an offset that none of the four neighbours has; in holes, which are closed from all sides.
_SPLIT, _SPLIT_HOLE = 0.3, 0.1
# The weight of a patch falls by this factor per pixel of distance from the picture, and to 1/e^.5 in this many pixels
# from its centre.
_FALL, _PATCH_SIGMA = 1.1, 0.7 * RADIUS


def fill_content(
    image: Tensor, extents: Extents, seed: int, progress: Share, known: Tensor | None = None
) -> Tensor:
    """Continue a picture by its own content.

    Args:
        image: ``[3, H, W]`` float in 0..1.
        progress: called with the share done, 0..1.
        known: ``[H, W]`` bool, false in holes that are filled as well; ``None`` = there are none. In them, ``image``
            holds soft colours.

    Returns:
        ``[3, H + up + down, W + left + right]``. A picture that is too small (21 pixels) or too narrow (about 1 : 35)
        to take patches from is continued softly instead, as are holes with too little between them.
    """
    (height, width), farthest = image.shape[-2:], int(_FARTHEST * max(image.shape[-2:]))
    limit_y, limit_x = (min(farthest, _FARTHEST_ALONG * side) for side in (height, width))
    limits = Extents(left=limit_x, right=limit_x, up=limit_y, down=limit_y)
    near = Extents(**{side: min(value, getattr(limits, side)) for side, value in vars(extents).items()})
    levels = [Level(image, near, known)]
    share = _share(levels[0])
    while _too_large(levels[-1]) and _share(smaller := levels[-1].halved()) > _LEFT * share:
        levels.append(smaller)
    finest = next((i for i, level in enumerate(levels) if max(level.canvas_size) <= _WORKING_SIDE), None)
    if finest is None or min(levels[-1].size) < _SMALLEST_SIDE or not share:
        return fill_smooth(image, extents)

    # The sketch, each level, the joining and the carrying take about as long as each other.
    parts = len(levels) - finest + 3
    offset = _match(levels[finest:], seed, between(progress, 0, 1 - 2 / parts))
    level = levels[finest]
    canvas = join(level, offset)
    progress(1 - 1 / parts)
    if finest:
        canvas = _carry(levels[0], level, canvas, offset, 2**finest, between(progress, 1 - 1 / parts, 1))
    far = Extents(**{side: value - getattr(near, side) for side, value in vars(extents).items()})
    if far:
        canvas = fill_smooth(canvas, far)
    if extents:
        fill_flat(image, extents, canvas)
    return canvas


def _too_large(level: Level) -> bool:
    """Whether the sketch is better made at half this size."""
    area = prod(level.size)
    if min(level.size) >= 2 * _COARSEST_SIDE or area > _COARSEST_AREA:
        return True
    return min(level.size) >= 2 * _SMALLEST_SIDE - 1 and area * prod(level.canvas_size) > _COARSEST_PAIRS


def _share(level: Level) -> float:
    """The share of a level that can be copied from: between dense holes a smaller picture shows nothing."""
    if level.known is None:
        return 1.0
    if min(level.size) < _SMALLEST_SIDE:
        return 0.0
    whole = level.whole(WIDE)
    return float(whole.float().mean()) if int(whole.sum()) >= _FEWEST else 0.0


def _match(levels: list[Level], seed: int, progress: Share) -> Tensor:
    """The offset ``[2, H, W]`` from each pixel of the finest level's canvas to the one it copies."""
    coarsest, parts = levels[-1], len(levels) + 1
    strange = _FOREIGN * foreign(coarsest, levels[0])
    shift = cells(coarsest, seed) if coarsest.known is None else strange.new_zeros(2, *coarsest.canvas_size)
    places = torch.cat([guide(levels[-_LINE_LEVELS:]), shift])
    progress(0.5 / parts)
    targets = Targets(coarsest)
    if prod(coarsest.size) * prod(coarsest.canvas_size) > _SKETCH_PAIRS:
        offset, canvas = targets.within(torch.zeros_like(torch.stack([targets.y, targets.x]))), coarsest.empty_canvas()
    else:
        offset, canvas = None, grow(coarsest, strange, places, seed)
    told = between(progress, 1 / parts, 2 / parts)
    offset, copied = _agree(coarsest, targets, canvas, offset, strange, places, 0, told)
    for depth, level in enumerate(reversed(levels[:-1]), 1):
        coarser, targets = targets, Targets(level)
        # Start from the picture's own pixels, not from the enlarged canvas: a blurred start finds blurred patches.
        offset = targets.from_coarser(coarser, offset)
        canvas = _copy(level, _lay(level, targets, offset, torch.ones_like(targets.distance())))
        told = between(progress, (depth + 1) / parts, (depth + 2) / parts)
        offset, copied = _agree(level, targets, canvas, offset, strange, places, depth, told)
    return copied


def _agree(
    level: Level,
    targets: Targets,
    canvas: Tensor,
    offset: Tensor | None,
    strange: Tensor,
    places: Tensor,
    depth: int,
    progress: Share,
) -> tuple[Tensor, Tensor]:
    """Match and lay in turn. Returns the targets' offsets ``[2, N]`` and the canvas pixels' ``[2, H, W]``."""
    features = Features.of(level)
    sources = features.of_sources(level.source)
    grid = [side - 2 * RADIUS for side in level.size]
    strange = F.interpolate(strange[None], size=grid, mode="bilinear")[0].flatten(1).T.contiguous()
    beyond, whole = level.beyond(targets.y, targets.x), level.whole(SIDE).flatten()
    unknown = UNKNOWN * (~whole).to(strange)
    reuse = unknown
    fair = max(len(targets) / int(whole.sum()), _OFTEN if level.known is not None else 0)
    split = _SPLIT if level.known is None else _SPLIT_HOLE
    exact = len(sources) * len(targets) <= _EXACT_PAIRS
    rounds = (_EXACT_ROUNDS if exact else _REFINE_ROUNDS)[min(depth, 2)]
    detail = (_detail(level.source) / _DETAIL).clamp_max(1)
    distance = targets.distance()
    weight = 1 + _BORDER * (1 - distance / SIDE).clamp_min(0)
    pull = Pull.along(
        F.interpolate(places[None], size=level.canvas_size, mode="bilinear")[0], level, targets.y, targets.x
    )
    use = None
    for turn in range(rounds):
        progress(turn / rounds)
        wanted = features.of_targets(canvas, level, targets)
        costs = Costs(targets, wanted, sources, weight, strange, beyond, reuse, pull, split)
        if offset is not None:
            now = _use(costs.place(offset), fair, grid)
            use = now if use is None else (use + now) / 2
            costs = costs.with_reuse(_REUSE * detail * (use - 1).clamp(0, 20) + unknown)
        if exact or offset is None:
            nearest = costs.nearest()
            start = nearest if offset is None else offset
            agreed = costs.agreed(start, [nearest], _EXACT_SWEEPS, _EXACT_JUMPS)
        else:
            agreed = costs.agreed(costs.around(offset, _REFINE_REACH), [offset], _REFINE_SWEEPS, ())
        offset, cost = agreed, costs.of(agreed)
        trust = torch.exp(-cost / (2 * cost.quantile(0.75)).clamp_min(1e-4)).clamp_min(1e-4)
        copied = _lay(level, targets, agreed, trust * _FALL ** -distance.clamp_max(60))
        canvas = _copy(level, copied)
    return agreed, copied


def _detail(source: Tensor) -> Tensor:
    """Rms ``[M]`` of what is finer than a patch, over each source."""
    blurred = F.avg_pool2d(source[None], SIDE, 1, RADIUS, count_include_pad=False)[0]
    return F.avg_pool2d((source - blurred).square().mean(0)[None, None], SIDE, 1).flatten().sqrt()


def _use(place: Tensor, fair: float, grid: list[int]) -> Tensor:
    """How often each source is used, counted over its surroundings, as multiple of the mean."""
    count = torch.bincount(place, minlength=grid[0] * grid[1]).float().view(1, 1, *grid)
    mean = F.avg_pool2d(count, 2 * SIDE - 1, 1, SIDE - 1, count_include_pad=False)
    return mean.flatten() / max(fair, 0.02)


def _lay(level: Level, targets: Targets, offset: Tensor, weight: Tensor) -> Tensor:
    """Each new pixel takes the offset of the patch that has most weight there. Returns ``[2, H, W]``."""
    y, x = level.new_pixels()
    best_weight = weight.new_full((len(y),), -1)
    best = torch.zeros_like(y)
    for number, squared in targets.covering(y, x):
        here = torch.where(number >= 0, weight[number] * torch.exp(-squared / (2 * _PATCH_SIGMA**2)), -1)
        better = here > best_weight
        best_weight, best = torch.where(better, here, best_weight), torch.where(better, number, best)
    copied = offset.new_zeros(2, *level.canvas_size)
    copied.flatten(1)[:, level.index(y, x)] = offset[:, best]
    return copied


def _copy(level: Level, offset: Tensor) -> Tensor:
    y = level.rows()[:, None] + offset[0]
    x = level.columns() + offset[1]
    return level.source.flatten(1)[:, y * level.size[1] + x]


def _carry(full: Level, level: Level, joined: Tensor, offset: Tensor, factor: int, progress: Share) -> Tensor:
    """The full-size fill: ``joined`` enlarged, with the fine detail of the places its pieces were copied from."""
    height, width = full.size

    def enlarged(field: Tensor, y: Tensor, x: Tensor, before: tuple[int, int] = (0, 0)) -> Tensor:
        return sample(field, (y + 0.5) / factor - 0.5 + before[0], (x + 0.5) / factor - 0.5 + before[1])

    rows, columns = full.rows(), full.columns()
    inside = (columns >= 0) & (columns < width)
    detail = full.source - enlarged(level.source, rows[(rows >= 0) & (rows < height)], columns[inside])
    before = (level.extents.up, level.extents.left)
    cell_x = columns.div(factor, rounding_mode="floor") + before[1]
    canvas = joined.new_empty(len(rows), len(columns), 3).movedim(-1, 0)
    # Row by row in blocks: the index tables of a whole large canvas would be larger than the canvas.
    for part in torch.arange(len(rows), device=rows.device).split(256):
        progress(int(part[0]) / len(rows))
        cell_y = rows[part].div(factor, rounding_mode="floor") + before[0]
        shift = factor * offset[:, cell_y[:, None], cell_x]
        y = (rows[part][:, None] + shift[0]).clamp(0, height - 1)
        x = (columns + shift[1]).clamp(0, width - 1)
        canvas[:, part] = enlarged(joined, rows[part], columns, before) + detail.flatten(1)[:, y * width + x]
    return canvas
