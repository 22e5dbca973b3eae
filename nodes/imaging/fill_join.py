"""Joining the pieces of a content fill: copied gradients instead of copied colours.

Each piece is right in itself; only where two meet, or one meets the picture, do they step. The correction is the
smoothest field that takes those steps out and is 0 on the picture (Perez, Gangnet and Blake, "Poisson image editing",
SIGGRAPH 2003), held near 0 far away, solved coarse to fine.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from .fill_level import Level
from .filters import blur
from .membrane import enlarge, halve
from .palette import contrast

# Steps larger than this are edges of the scene, not mismatches of tone: they stay. In picture values; the first where
# there is no detail, the second where its rms is at least the third.
_EDGE_SMOOTH, _EDGE_BUSY, _BUSY = 0.25, 0.06, 0.05
# The same along the picture: nearly every step is taken out.
_EDGE_BORDER = 1.0
# The correction fades over this share of the canvas' longer side; in holes, which the picture holds on all sides.
_LENGTH, _LENGTH_HOLE = 0.08, 0.4
# A step along the picture that is larger than the first is no mismatch of tone; it fades within so many pixels.
_TONE, _SHORT = 0.1, 8
# Pixels by which the picture is softened to see the steps between pieces, where it varies by less than this (rms). The
# slope of mere noise, in a piece that is repeated, would add up to a stain.
_SOFT, _NOISE = 3.0, 0.04
_SWEEPS = 24


def join(level: Level, offset: Tensor) -> Tensor:
    """Copy the picture by offsets and take the steps between the pieces out.

    Args:
        offset: whole pixels (y, x) ``[2, H, W]`` from each canvas pixel to the one it copies; 0 on the picture.

    Returns:
        the canvas ``[3, H, W]``.
    """
    y, x = level.rows()[:, None], level.columns()
    known = level.kept().to(level.source)[None]
    copied = _read(level, level.source, y + offset[0], x + offset[1])[0]
    # Along the picture every step shows, whatever goes on beside it: a straight line is never a coincidence.
    rim = F.max_pool2d(known[None], 3, 1, 1)[0] > 0
    edge = torch.where(rim, _EDGE_BORDER, _edge(copied))
    soft = _without_noise(level.source)
    across, along = (_mismatch(level, soft, offset, edge, known, dim) for dim in (-1, -2))
    across, along, border, pinned = _pin(across, along, known)
    # What is exactly flat has a colour of its own: paper, a clipped sky.
    flat = _read(level, _flat(level.source), y + offset[0], x + offset[1])[0] * (1 - known)
    border, pinned = border * (1 - flat), torch.maximum(pinned, flat)
    length = _LENGTH if level.known is None else _LENGTH_HOLE
    screen = 1 / (length * max(level.canvas_size)) ** 2
    # What is too much for a mismatch of tone is an object that the border cuts: it ends there, and must not glow.
    tone = border / (1 + border.square().mean(0, keepdim=True) / _TONE**2)
    near = _correction(torch.zeros_like(across), torch.zeros_like(along), border - tone, pinned, 1 / _SHORT**2)
    return (copied + (_correction(across, along, tone, pinned, screen) + near) * (1 - known)).clamp(0, 1)


def _read(level: Level, picture: Tensor, y: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
    """What ``picture``, the level's source or one like it, shows at positions, and whether that is known."""
    height, width = level.size
    near_y, near_x = y.clamp(0, height - 1), x.clamp(0, width - 1)
    there, place = (near_y == y) & (near_x == x), near_y * width + near_x
    if level.known is not None:
        there &= level.known.flatten()[place]
    return picture.flatten(1)[:, place], there


def _flat(source: Tensor) -> Tensor:
    """1 where a picture is exactly flat, ``[1, h, w]``."""
    padded = F.pad(source[None], (2, 2, 2, 2), mode="replicate")[0]
    return (contrast(padded).amax(0, keepdim=True) == 0).to(source)


def _without_noise(source: Tensor) -> Tensor:
    """The picture softened where it shows nothing but faint noise, else as it is: next to a line a blur would slope."""
    fine = source - blur(source, _SOFT)
    strength = blur(fine.square().mean(0, keepdim=True), _SOFT).sqrt()
    return source - fine / (1 + (strength / _NOISE) ** 4)


def _mismatch(level: Level, soft: Tensor, offset: Tensor, edge: Tensor, known: Tensor, dim: int) -> Tensor:
    """The steps along ``dim`` that are no edges: the picture's own next to it, those of ``soft`` between pieces."""
    last = offset.shape[dim] - 1
    sharp, smooth = (_steps(level, picture, offset, dim) for picture in (level.source, soft))
    size = torch.maximum(sharp.square().mean(0, keepdim=True), smooth.square().mean(0, keepdim=True))
    between = (known.narrow(dim, 0, last) == 0) & (known.narrow(dim, 1, last) == 0)
    return torch.where(between, smooth, sharp) / (1 + (size / edge.narrow(dim, 0, last) ** 2) ** 2)


def _steps(level: Level, picture: Tensor, offset: Tensor, dim: int) -> Tensor:
    """How much each pixel and the next along ``dim`` differ more than in the picture the pieces are from."""
    last = offset.shape[dim] - 1
    here, there = offset.narrow(dim, 0, last), offset.narrow(dim, 1, last)
    down, right = (1, 0) if dim == -2 else (0, 1)
    y, x = level.rows()[:, None], level.columns()
    y_here = y[: y.shape[0] - down]
    x_here = x[: x.shape[0] - right]
    next_of_here, valid_here = _read(level, picture, y_here + down + here[0], x_here + right + here[1])
    here_of_next, valid_next = _read(level, picture, y_here + there[0], x_here + there[1])
    copied, _ = _read(level, picture, y + offset[0], x + offset[1])
    value, following = copied.narrow(dim, 0, last), copied.narrow(dim, 1, last)
    count = valid_here.to(picture) + valid_next.to(picture)
    # As piece "here" goes on, and as piece "next" came from; the mean of both where both are inside the picture.
    wanted = ((next_of_here - value) * valid_here + (following - here_of_next) * valid_next) / count.clamp_min(1)
    return (wanted - (following - value)) * (count > 0)


def _edge(copied: Tensor) -> Tensor:
    """The size above which a step is an edge of the scene: where nothing else goes on, any step shows; among leaves
    only small ones are mismatches."""
    fine = copied - F.avg_pool2d(F.pad(copied[None], (3, 3, 3, 3), mode="replicate"), 7, 1)[0]
    busy = F.avg_pool2d(fine.square().mean(0)[None, None], 7, 1, 3)[0].sqrt()
    return _EDGE_SMOOTH + (_EDGE_BUSY - _EDGE_SMOOTH) * (busy / _BUSY).clamp_max(1)


def _pin(across: Tensor, along: Tensor, known: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Split the steps: between new pixels they stay; from the picture to the first new pixels they are what those must
    be corrected by. Returns the steps ``across`` and ``along``, the border's correction, and where it is given."""
    border, pinned = torch.zeros_like(known.expand(3, -1, -1)), torch.zeros_like(known)
    steps = []
    for step, dim in ((across, -1), (along, -2)):
        last = known.shape[dim] - 1
        here, there = known.narrow(dim, 0, last), known.narrow(dim, 1, last)
        into, out = here * (1 - there), there * (1 - here)
        border.narrow(dim, 1, last).add_(step * into)
        border.narrow(dim, 0, last).sub_(step * out)
        pinned.narrow(dim, 1, last).add_(into)
        pinned.narrow(dim, 0, last).add_(out)
        steps.append(step * (1 - here) * (1 - there))
    return steps[0], steps[1], border / pinned.clamp_min(1), (pinned > 0).to(known)


def _correction(across: Tensor, along: Tensor, border: Tensor, pinned: Tensor, screen: float) -> Tensor:
    """The smoothest field that has the steps given and the border's values where pinned."""
    levels = [(across, along, border, pinned)]
    while max(levels[-1][3].shape[-2:]) > 8:
        across, along, border, pinned = levels[-1]
        levels.append((*_halved(across, along), *halve(border, pinned)))
    field = torch.zeros_like(levels[-1][2])
    for depth, (across, along, border, pinned) in reversed(list(enumerate(levels))):
        field = enlarge(field, border.shape[-2:]) if depth < len(levels) - 1 else field
        flow = F.pad(across, (1, 1)).diff(dim=-1) + F.pad(along, (0, 0, 1, 1)).diff(dim=-2)
        keep = pinned > 0
        field = torch.where(keep, border, field)
        for _ in range(_SWEEPS):
            p = F.pad(field[None], (1, 1, 1, 1), mode="replicate")[0]
            total = p[:, :-2, 1:-1] + p[:, 2:, 1:-1] + p[:, 1:-1, :-2] + p[:, 1:-1, 2:]
            field = torch.where(keep, border, (total - flow).div_(4 + screen * 4**depth))
    return field


def _halved(across: Tensor, along: Tensor) -> tuple[Tensor, Tensor]:
    """The same steps between cells of twice the size: summed along the way, averaged across it."""

    def wide(steps: Tensor) -> Tensor:
        rows, columns = steps.shape[-2], steps.shape[-1] + 1
        after = (columns + 1) // 2
        steps = F.avg_pool2d(F.pad(steps, (0, 2 * after - columns, 0, rows % 2))[:, None], (2, 1))
        if after == 1:
            return steps[:, 0, :, :0]
        return F.conv2d(steps, steps.new_tensor([0.5, 1.0, 0.5]).view(1, 1, 1, 3), stride=(1, 2))[:, 0]

    return wide(across), wide(along.transpose(-1, -2)).transpose(-1, -2)
