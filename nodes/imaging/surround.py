"""What surrounds the known part of a window: slack, and the prefill that the sampler starts from."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from .canvas import Extents, Rect
from .prefill import prefill
from .progress import Progress


def overhang(rect: Rect, inner: Rect, known: Tensor) -> Extents:
    """The slack at sides where only new area ends, which is generated as well. At other sides it is mirrored."""
    return Extents(
        left=0 if bool(known[:, 0].any()) else inner.x - rect.x,
        right=0 if bool(known[:, -1].any()) else rect.right - inner.right,
        up=0 if bool(known[0].any()) else inner.y - rect.y,
        down=0 if bool(known[-1].any()) else rect.bottom - inner.bottom,
    )


def filled(
    pixels: Tensor, area: Tensor, known: Tensor, kind: str, seed: int, creativity: float,
    progress: Progress,
) -> Tensor:
    """``pixels`` with the unknown part prefilled.

    Args:
        area: ``[H, W]`` bool, rectangles to continue from, the nearer one counting more.
        known: ``[H, W]`` bool, what of them is known: the rest is holes.
    """
    sources = rectangles(area)
    total = prefilled(pixels, known, sources, kind, seed, progress)
    freedom = max(0.0, 2 * creativity - 1)
    if freedom:
        mean = pixels[:, known].mean(1)[:, None, None]
        generator = torch.Generator().manual_seed(seed)
        noise = torch.randn(total.shape, generator=generator).to(total)
        free = torch.lerp(total, mean.expand_as(total), freedom) + 0.1 * freedom * noise
        total = torch.where(area[..., None].to(pixels.device), total, free)
    elif sources[0].size.area == int(area.sum()):
        return total
    return torch.where(known[..., None].to(pixels.device), pixels, total.clamp_(0, 1))


def prefilled(
    pixels: Tensor, known: Tensor, sources: list[Rect], kind: str, seed: int, progress: Progress
) -> Tensor:
    """Prefills from several rectangles, each weighted by its distance; from one, its pixels are those it had."""
    height, width = known.shape
    total = weights = torch.zeros((), device=pixels.device)
    for source in sources:
        rows, columns = source.slices
        extents = Extents(source.x, width - source.right, source.y, height - source.bottom)
        picture = prefill(pixels[:, rows, columns], extents, kind, seed, progress, known[rows, columns])
        if len(sources) == 1:
            return picture
        weight = 1 / away(source, height, width, pixels.device).square()
        total = total + picture * weight[..., None]
        weights = weights + weight
    return total / weights[..., None]


def rectangles(known: Tensor) -> list[Rect]:
    """The largest wholly known rectangles that touch the window's edges: full rows and full columns, or, when there
    are none, the one known rectangle."""
    height, width = known.shape
    if bool(known.all()):
        return [Rect(0, 0, width, height)]
    found = []
    for full, along in ((known.all(1), True), (known.all(0), False)):
        for start, stop in runs(full):
            found.append(Rect(0, start, width, stop - start) if along else Rect(start, 0, stop - start, height))
    if found:
        return found
    rows, columns = runs(known.any(1)), runs(known.any(0))
    (top, bottom), (left, right) = max(rows, key=length), max(columns, key=length)
    return [Rect(left, top, right - left, bottom - top)]


def runs(flags: Tensor) -> list[tuple[int, int]]:
    """Start and end of every run of true values."""
    edges = torch.diff(F.pad(flags.int(), (1, 1))).nonzero().flatten().tolist()
    return list(zip(edges[::2], edges[1::2], strict=True))


def length(run: tuple[int, int]) -> int:
    return run[1] - run[0]


def away(rect: Rect, height: int, width: int, device: torch.device) -> Tensor:
    """``[H, W]``, distance to a rectangle in pixels, at least 1."""
    y, x = torch.arange(height, device=device).float(), torch.arange(width, device=device).float()
    dy = torch.maximum(rect.y - y, y - rect.bottom + 1).clamp_min(0)
    dx = torch.maximum(rect.x - x, x - rect.right + 1).clamp_min(0)
    return torch.hypot(dy[:, None], dx[None]).clamp_min(1)
