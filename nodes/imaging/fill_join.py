"""Joining the pieces of a content fill: copied gradients instead of copied colours.

Each piece is right in itself; only where two meet, or one meets the picture, do they step. The correction is the
smoothest field that takes those steps out and is 0 on the picture (Perez, Gangnet and Blake, "Poisson image editing",
SIGGRAPH 2003), held near 0 far away, solved coarse to fine.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from .canvas import Extents
from .membrane import enlarge

# Steps larger than this are edges of the scene, not mismatches of tone: they stay. In picture values; the first where
# there is no detail, the second where its rms is at least the third.
_EDGE_SMOOTH, _EDGE_BUSY, _BUSY = 0.25, 0.06, 0.05
# The correction fades over this share of the canvas' longer side.
_LENGTH = 0.08
_SWEEPS = 24


def join(source: Tensor, extents: Extents, offset: Tensor) -> Tensor:
    """Copy the picture by offsets and take the steps between the pieces out.

    Args:
        source: the picture ``[3, h, w]``.
        offset: whole pixels (y, x) ``[2, H, W]`` from each canvas pixel to the one it copies; 0 on the picture.

    Returns:
        the canvas ``[3, H, W]``.
    """
    size = offset.shape[-2:]
    y = torch.arange(size[0], device=source.device)[:, None] - extents.up
    x = torch.arange(size[1], device=source.device) - extents.left
    known = ((y >= 0) & (y < source.shape[-2]) & (x >= 0) & (x < source.shape[-1])).to(source)[None]
    copied = _read(source, y + offset[0], x + offset[1])[0]
    edge = _edge(copied)
    steps = [_steps(source, copied, offset, edge, y, x, dim) for dim in (-1, -2)]
    screen = 1 / (_LENGTH * max(size)) ** 2
    return (copied + _correction(steps, known, screen)).clamp(0, 1)


def _read(source: Tensor, y: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
    height, width = source.shape[-2:]
    near_y, near_x = y.clamp(0, height - 1), x.clamp(0, width - 1)
    return source.flatten(1)[:, near_y * width + near_x], (near_y == y) & (near_x == x)


def _steps(source: Tensor, copied: Tensor, offset: Tensor, edge: Tensor, y: Tensor, x: Tensor, dim: int) -> Tensor:
    """How much each pixel and the next along ``dim`` differ more than in the picture the pieces are from."""
    last = offset.shape[dim] - 1
    here, there = offset.narrow(dim, 0, last), offset.narrow(dim, 1, last)
    down, right = (1, 0) if dim == -2 else (0, 1)
    y_here = y[: y.shape[0] - down]
    x_here = x[: x.shape[0] - right]
    next_of_here, valid_here = _read(source, y_here + down + here[0], x_here + right + here[1])
    here_of_next, valid_next = _read(source, y_here + there[0], x_here + there[1])
    value, following = copied.narrow(dim, 0, last), copied.narrow(dim, 1, last)
    count = valid_here.to(source) + valid_next.to(source)
    # As piece "here" goes on, and as piece "next" came from; the mean of both where both are inside the picture.
    wanted = ((next_of_here - value) * valid_here + (following - here_of_next) * valid_next) / count.clamp_min(1)
    step = (wanted - (following - value)) * (count > 0)
    size = step.square().mean(0, keepdim=True)
    return step / (1 + (size / edge.narrow(dim, 0, last) ** 2) ** 2)


def _edge(copied: Tensor) -> Tensor:
    """The size above which a step is an edge of the scene: where nothing else goes on, any step shows; among leaves
    only small ones are mismatches."""
    fine = copied - F.avg_pool2d(F.pad(copied[None], (3, 3, 3, 3), mode="replicate"), 7, 1)[0]
    busy = F.avg_pool2d(fine.square().mean(0)[None, None], 7, 1, 3)[0].sqrt()
    return _EDGE_SMOOTH + (_EDGE_BUSY - _EDGE_SMOOTH) * (busy / _BUSY).clamp_max(1)


def _correction(steps: list[Tensor], known: Tensor, screen: float) -> Tensor:
    levels = [(*steps, known)]
    while max(levels[-1][2].shape[-2:]) > 8:
        levels.append(_halved(*levels[-1]))
    field = torch.zeros_like(steps[0][:, :1, :1])
    for depth in range(len(levels) - 1, -1, -1):
        across, along, fixed = levels[depth]
        size = fixed.shape[-2:]
        field = enlarge(field, size) if depth < len(levels) - 1 else field.expand(-1, *size)
        flow = F.pad(across, (1, 1)).diff(dim=-1) + F.pad(along, (0, 0, 1, 1)).diff(dim=-2)
        free = 1 - fixed
        for _ in range(_SWEEPS):
            p = F.pad(field[None], (1, 1, 1, 1), mode="replicate")[0]
            total = p[:, :-2, 1:-1] + p[:, 2:, 1:-1] + p[:, 1:-1, :-2] + p[:, 1:-1, 2:]
            field = (total - flow).div_(4 + screen * 4**depth).mul_(free)
    return field


def _halved(across: Tensor, along: Tensor, known: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The same steps between cells of twice the size: summed along the way, averaged across it."""
    height, width = known.shape[-2:]
    even = (0, width % 2, 0, height % 2)
    known = F.max_pool2d(F.pad(known, even, value=0.0)[None], 2)[0]
    rows, columns = known.shape[-2:]
    kernel = across.new_tensor([0.5, 1.0, 0.5])
    wide = F.pad(across, (0, 2 * columns - width, 0, 2 * rows - height))
    wide = F.avg_pool2d(wide[:, None], (2, 1))
    wide = F.conv2d(wide, kernel.view(1, 1, 1, 3), stride=(1, 2))[:, 0] if columns > 1 else known.new_zeros(3, rows, 0)
    tall = F.pad(along, (0, 2 * columns - width, 0, 2 * rows - height))
    tall = F.avg_pool2d(tall[:, None], (1, 2))
    tall = F.conv2d(tall, kernel.view(1, 1, 3, 1), stride=(2, 1))[:, 0] if rows > 1 else known.new_zeros(3, 0, columns)
    return wide, tall, known
