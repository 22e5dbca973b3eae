"""The content fill's first sketch: at the coarsest level the picture grows outwards, and its holes close, ring by ring.

Whatever runs into the border, a horizon or a stem, goes on, because each ring's patches are matched by the part of them
that is known already, and by exact comparison with every patch of the picture.
"""

from __future__ import annotations

from dataclasses import astuple

import torch
import torch.nn.functional as F
from torch import Tensor

from .fill_guide import Pull
from .fill_level import SIDE, UNKNOWN, Level

# Of a patch here, in pixels: from its centre, and whole. Wider than elsewhere: the patches of a ring are matched by the
# few pixels known of them, and by too few they follow nothing and repeat.
_RADIUS = 4
WIDE = 2 * _RADIUS + 1
# Pixels a ring is wide.
_RING = 2
# Known pixels a patch needs to be matched by; in holes, which may be a dense pattern.
_KNOWN_LEAST, _KNOWN_LEAST_HOLE = 6, 1
# Cost of a source per time its surroundings have been used.
_REUSE = 0.015
# Width in pixels of the frame that shows what is background.
_FRAME = 2
# Random cost up to this, by seed: which one of equally good sources is taken.
_VARIETY = 0.03


def grow(level: Level, strange: Tensor, places: Tensor, seed: int) -> Tensor:
    """Fill the canvas of one small level.

    Args:
        strange: cost ``[4, h - 6, w - 6]`` of every source beyond the left, right, upper and lower border.
        places: where sources are wanted: ``[5, H, W]`` of ``fill_guide.guide`` and ``fill_cells.cells``.

    Returns:
        the canvas ``[3, H, W]``.
    """
    (height, width), device = level.size, level.source.device
    canvas_height, canvas_width = level.canvas_size
    rows, columns = level.rows(), level.columns()
    ring = _rings(level.kept())
    patches = F.unfold(level.source[None], WIDE)[0].T
    whole = level.whole(WIDE).flatten()
    scale = patches[whole].var(0, correction=0).mean().clamp_min(1e-6)
    energy = patches.square().view(len(patches), -1, WIDE * WIDE).sum(1)
    source_y = torch.arange(_RADIUS, height - _RADIUS, device=device).repeat_interleave(width - 2 * _RADIUS)
    source_x = torch.arange(_RADIUS, width - _RADIUS, device=device).repeat(height - 2 * _RADIUS)
    variety = torch.rand(len(patches), generator=torch.Generator().manual_seed(seed)).to(device)
    # The cost is one matrix product, of what depends on the source only with what depends on the target only.
    strange = F.avg_pool2d(strange, WIDE - SIDE + 1, 1).flatten(1)
    whatever = _VARIETY * variety + UNKNOWN * ~whole
    of_source = torch.cat([energy.T, patches.T, Pull.of_source(source_y, source_x).T, strange, whatever[None]])
    used = torch.zeros_like(variety)
    axis = torch.arange(-_RADIUS, _RADIUS + 1, device=device)
    around = (axis[:, None] * canvas_width + axis).flatten()

    holes = level.known is not None
    canvas = level.empty_canvas()
    for first in range(1, int(ring.max()) + 1, _RING):
        row, column = ((ring >= first) & (ring < first + _RING)).nonzero(as_tuple=True)
        # Around the picture every other patch covers all of a ring; a hole may be a single pixel.
        chosen = ((row + column) % 2 == 0) | holes
        centre = torch.unique(
            row[chosen].clamp(_RADIUS, canvas_height - 1 - _RADIUS) * canvas_width
            + column[chosen].clamp(_RADIUS, canvas_width - 1 - _RADIUS)
        )
        known = (ring < first).to(canvas).flatten()[centre[:, None] + around]
        enough = known.sum(1) >= (_KNOWN_LEAST_HOLE if holes else _KNOWN_LEAST)
        centre, known = centre[enough], known[enough]
        shown = canvas.flatten(1)[:, centre[:, None] + around].transpose(0, 1) * known[:, None]
        share = 1 / (known.sum(1, keepdim=True) * canvas.shape[0] * scale)

        y, x = rows[centre // canvas_width], columns[centre % canvas_width]
        pull = Pull.along(places, level, y, x)
        where = [pull.of_target(), level.beyond(y, x)]
        of_target = [share * known, -2 * share * shown.flatten(1), *where, torch.ones_like(share)]
        of_source[-1] = whatever + _REUSE * used.clamp_max(20)
        cost, best = (torch.cat(of_target, 1) @ of_source).min(1)
        cost += share[:, 0] * shown.square().sum((1, 2)) + pull.fixed()
        used += _spread(torch.bincount(best, minlength=len(patches)), height - 2 * _RADIUS)

        colours = _lay(patches[best], torch.exp(-10 * cost).clamp_min(1e-3), centre, row, column, canvas_width, around)
        canvas[:, row, column] = colours
    return canvas


def foreign(level: Level, finest: Level) -> Tensor:
    """How little the colours of each source are like any at a border, ``[4, h - 6, w - 6]``: left, right, up, down; 1 =
    as different as a pixel is from the mean, 0 for a border that is not extended. What is seen at a border is the
    background beyond it (Wei et al., "Geodesic saliency using background priors", ECCV 2012): faces, cups and boats in
    the middle are not, nor are beside a portrait the shoulders that only the lower border shows.

    Args:
        finest: the picture at the size at which its borders are looked at: smaller ones mix in what lies before them.
    """
    pixels = level.source.flatten(1).T
    views = (finest.source.transpose(1, 2), finest.source.flip(2).transpose(1, 2), finest.source, finest.source.flip(1))
    apart = pixels.new_zeros(4, len(pixels))
    for side, (view, extent) in enumerate(zip(views, astuple(finest.extents), strict=True)):
        if extent:
            shown = view[:, :_FRAME].flatten(1).T
            apart[side] = torch.cat([torch.cdist(part, shown).amin(1).square() for part in pixels.split(4096)])
    apart /= pixels.var(0, correction=0).sum().clamp_min(1e-6)
    return F.avg_pool2d(apart.view(1, 4, *level.size).clamp_max(4), SIDE, 1)[0]


def _rings(kept: Tensor) -> Tensor:
    """How many pixels each of ``[H, W]`` lies away from what is kept, straight or diagonally."""
    grown = kept[None, None].float()
    ring = 1 - grown
    while not bool(grown.all()):
        grown = F.max_pool2d(grown, 3, 1, 1)
        ring += 1 - grown
    return ring[0, 0].long()


def _spread(count: Tensor, rows: int) -> Tensor:
    """Uses of each source, counted over the patch around it; a row of nine counts once."""
    grid = count.float().view(1, 1, rows, -1)
    return F.avg_pool2d(grid, WIDE, 1, _RADIUS, count_include_pad=False).flatten() * WIDE


def _lay(
    found: Tensor, weight: Tensor, centre: Tensor, row: Tensor, column: Tensor, width: int, around: Tensor
) -> Tensor:
    """The mean ``[3, n]`` of what the patches ``found`` say about the pixels ``row``, ``column``."""
    pixel = row * width + column
    number = torch.full((int(centre.max()) + 1 + 2 * int(around.max()),), -1, device=centre.device)
    number[centre] = torch.arange(len(centre), device=centre.device)
    found = found.view(len(found), -1, WIDE * WIDE)
    total = found.new_zeros(len(pixel), found.shape[1])
    weights = found.new_zeros(len(pixel), 1)
    for cell, shift in enumerate(around):
        near = number[(pixel - shift).clamp(0, len(number) - 1)]
        off = max(abs(cell // WIDE - _RADIUS), abs(cell % WIDE - _RADIUS))
        share = torch.where(near >= 0, weight[near], 0)[:, None] / (1 + off)
        total += share * found[near, :, cell]
        weights += share
    return (total / weights.clamp_min(1e-9)).T
