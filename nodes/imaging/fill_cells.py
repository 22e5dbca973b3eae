"""Which part of the picture each piece of the new area is to be laid out of.

The nearest known pixel alone is no good answer: it is the same for all of a corner and for all of a column above the
picture, which would then repeat the few pixels there. So the new area is divided into irregular cells, and each is
given a part of the picture as large as itself, somewhere behind the border beside it: drawn by seed, and taken only
where both it and the border show an even texture, and the same. Leaves are taken for leaves and stars for stars, but
nothing for the next shade of an evening sky, and no boat for the water around it.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .fill_level import RADIUS, Level
from .filters import blur

# Width of a cell, as share of the picture's longer side and, at most, of its shorter one.
_WIDTH, _WIDEST = 0.12, 0.25
# How far behind the border a part may lie, and how far aside of the nearest one, up or down and across, per distance.
_DEEP, _ASIDE_Y, _ASIDE_X = 0.5, 0.1, 0.6
# Parts drawn for each cell, of which the most alike is taken.
_DRAWS = 32
# Pixels along the border that show what lies there: deeper ones show what lies before it.
_FRAME = 2
# Finer than this share of a cell's width is texture. What is coarser, and how much the parts differ, may be at most
# this multiple of its variance; a difference of the means counts as this multiple. And a variance that does not show.
_FINE, _ALIKE, _MEAN, _UNSEEN = 0.25, 1.3, 2.0, 1e-5


def cells(level: Level, seed: int) -> Tensor:
    """For every canvas pixel, how far from the nearest known one its cell wants it to be copied from.

    Returns:
        ``[2, H, W]`` rows and columns, as shares of the picture's longer side; 0 in cells that no part is like enough.
    """
    longer, device = max(level.size), level.source.device
    width = min(_WIDTH * longer, _WIDEST * min(level.size))
    pixels = torch.stack(torch.meshgrid(level.rows(), level.columns(), indexing="ij")).flatten(1).float()
    generator = torch.Generator().manual_seed(seed)
    centre = _centres(level, width, generator).to(device)
    shift = _parts(level, centre, width, generator) - centre
    number = torch.cat([torch.cdist(part.T, centre.T).argmin(1) for part in pixels.split(1 << 14, 1)])
    last = pixels.new_tensor(level.size)[:, None] - 1 - RADIUS
    nearest = torch.minimum(pixels.clamp_min(RADIUS), last)
    wanted = torch.minimum((pixels + shift[:, number]).clamp_min(RADIUS), last)
    moved = torch.where(shift[:, number].isfinite().all(0), wanted - nearest, 0)
    return (moved / longer).view(2, *level.canvas_size)


def _centres(level: Level, width: float, generator: torch.Generator) -> Tensor:
    """Of the cells, ``[2, n]``: a grid over the canvas, each moved by up to half a cell."""
    lines = [torch.arange(float(line[0]), float(line[-1]) + width, width) for line in (level.rows(), level.columns())]
    grid = torch.stack(torch.meshgrid(*lines, indexing="ij")).flatten(1)
    return grid + width * (torch.rand(grid.shape, generator=generator) - 0.5)


def _parts(level: Level, centre: Tensor, width: float, generator: torch.Generator) -> Tensor:
    """The centre ``[2, n]`` of each cell's part of the picture; infinite where none is like what its border shows."""
    e, number = level.extents, centre.shape[1]
    last = centre.new_tensor(level.size)[:, None, None] - 1
    centre = centre[:, None]
    nearest = torch.minimum(centre.clamp_min(0), last)
    away = centre - nearest
    deep, aside = torch.rand(2, 2, _DRAWS, number, generator=generator).to(centre)
    reach = centre.new_tensor([_ASIDE_Y, _ASIDE_X])[:, None, None] * away.abs().flip(0)
    part = nearest - away.sign() * (width / 2 + _DEEP * away.abs() * deep) + reach * (2 * aside - 1)
    # Wholly inside the picture, except beside a border that is not extended.
    low = width * centre.new_tensor([e.up > 0, e.left > 0])[:, None, None]
    high = width * centre.new_tensor([e.down > 0, e.right > 0])[:, None, None]
    part = torch.minimum(torch.maximum(part, low), last - high)

    (y, x), (part_y, part_x) = nearest.round().long(), part.round().long().clamp_min(0)
    everywhere, frame = torch.ones_like(level.source[:1]), torch.zeros_like(level.source[:1])
    sides = frame[..., :_FRAME], frame[..., -_FRAME:], frame[:, :_FRAME], frame[:, -_FRAME:]
    for side, extent in zip(sides, (e.left, e.right, e.up, e.down), strict=True):
        side[:] = side.clamp_min(float(extent > 0))
    here = _texture(level.source, frame, width)[:, y * level.size[1] + x]
    there = _texture(level.source, everywhere, width)[:, part_y * level.size[1] + part_x]
    apart = (there[:-1] - here[:-1]).square().sum(0) + there[-1] + here[-1]
    allowed = _ALIKE * (here[-2].square() + _UNSEEN)
    least, best = apart.min(0)
    taken = part[:, best, torch.arange(number, device=centre.device)]
    return torch.where(least < allowed[0], taken, torch.inf)


def _texture(source: Tensor, where: Tensor, width: float) -> Tensor:
    """What ``source`` looks like within a cell of ``width`` around each pixel, as far as ``where`` ``[1, h, w]`` is 1.

    Returns:
        ``[5, h * w]``: the mean's three channels, the rms of what is fine, and the variance of what is coarse. An edge,
        a thing of the scene and a gradient have much that is coarse, a texture has little.
    """
    coarse = blur(source, _FINE * width)
    fine = (source - coarse).square().mean(0, keepdim=True)
    values = torch.cat([source, coarse, coarse.square().mean(0, keepdim=True), fine])
    means = blur(values * where, width / 2) / blur(where, width / 2).clamp_min(1e-9)
    mean, coarse, power, fine = means.split((3, 3, 1, 1))
    uneven = (power - coarse.square().mean(0, keepdim=True)).clamp_min(0)
    return torch.cat([_MEAN * mean / 3**0.5, fine.clamp_min(0).sqrt(), uneven]).flatten(1)
