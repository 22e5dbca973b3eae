"""Registration: by how much a returned picture is shifted and scaled against the original.

Windows all over the original are compared by phase correlation (Kuglin and Hines, 1975), refined below a pixel by the
slope of the phase; one shift and one scale, or one for each axis, are fitted to them robustly. The generated side is
resampled, once.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from .canvas import Rect
from .filters import luma

WINDOW = 256
SMALLEST = 64
ACROSS = 3
# Less than this is not worth a resampling; more is another picture.
LEAST, MOST_SCALE, MOST_SHIFT = 0.05, 0.04, 0.03
# Pixels over the longer side below which there is no scale, or the same for both axes.
SCALED = 0.3
# Share of the spectrum that must agree in phase for a window to count.
SAME = 0.5
TAPS = 8


@dataclass(frozen=True)
class Warp:
    """Where a canvas pixel is found in the generated picture: ``scale * x + right``, ``scale * stretch * y + down``
    (pixel middles at whole numbers)."""

    scale: float = 1.0
    right: float = 0.0
    down: float = 0.0
    stretch: float = 1.0

    def after(self, first: Warp) -> Warp:
        """The warp that looks up ``first`` and then, in what that gave, ``self``."""
        return Warp(
            first.scale * self.scale,
            first.scale * self.right + first.right,
            first.scale * first.stretch * self.down + first.down,
            first.stretch * self.stretch,
        )

    def largest(self, rect: Rect) -> float:
        """The longest move of a corner of ``rect``, in pixels."""
        moves = [
            math.hypot((self.scale - 1) * x + self.right, (self.scale * self.stretch - 1) * y + self.down)
            for x in (rect.x, rect.right)
            for y in (rect.y, rect.bottom)
        ]
        return max(moves)

    def __call__(self, source: Tensor, rect: Rect) -> Tensor:
        """The pixels of ``rect`` (canvas coordinates) resampled from ``source`` ``[C, H, W]``; edges are repeated."""
        rows, row_taps = places(rect.y, rect.height, self.scale * self.stretch, self.down, source)
        columns, column_taps = places(rect.x, rect.width, self.scale, self.right, source)
        y0, y1 = span(rows, source.shape[1])
        x0, x1 = span(columns, source.shape[2])
        crop = source[:, y0:y1, x0:x1].float()
        crop = gathered(crop, rows - y0, row_taps, 1)
        return gathered(crop, columns - x0, column_taps, 2)


def span(first: Tensor, size: int) -> tuple[int, int]:
    low, high = (int(v) for v in (first[0], first[-1]))
    return min(max(low, 0), size - 1), max(min(high + TAPS, size), 1)


def places(start: int, count: int, scale: float, shift: float, like: Tensor) -> tuple[Tensor, Tensor]:
    """First tap ``[count]`` and weights ``[TAPS, count]`` of a Kaiser-windowed sinc for each pixel of a row."""
    at = torch.arange(start, start + count, dtype=torch.float64) * scale + shift
    first = at.floor() - (TAPS // 2 - 1)
    distance = at[None] - (first[None] + torch.arange(TAPS, dtype=torch.float64)[:, None])
    reach = (1 - (distance / (TAPS / 2)) ** 2).clamp_min(0).sqrt()
    weights = torch.sinc(distance) * torch.special.i0(5.0 * reach)
    weights = weights / weights.sum(0)
    return first.long(), weights.to(device=like.device, dtype=torch.float32)


def gathered(image: Tensor, first: Tensor, weights: Tensor, axis: int) -> Tensor:
    """The weighted sum of ``TAPS`` neighbours along ``axis``, for each output pixel; edges are repeated."""
    size, count = image.shape[axis], len(first)
    shape = (1, -1, 1) if axis == 1 else (1, 1, -1)
    start = int(first[0])
    steady = int(first[-1]) - start == count - 1
    if steady:
        before, after = max(0, -start), max(0, start + count - 1 + TAPS - size)
        margins = (0, 0, before, after) if axis == 1 else (before, after, 0, 0)
        image = F.pad(image[None], margins, mode="replicate")[0] if before or after else image

    def tap(k: int) -> Tensor:
        if steady:
            return image.narrow(axis, start + k + before, count) * weights[k].view(shape)
        index = (first + k).clamp(0, size - 1).to(image.device)
        return image.index_select(axis, index).mul_(weights[k].view(shape))

    out = tap(0)
    for k in range(1, TAPS):
        out.add_(tap(k))
    return out


def windows(kept: Rect, side: int) -> list[Rect]:
    """Squares of ``side`` spread over ``kept``, flush with its borders."""
    columns = min(ACROSS, max(1, math.ceil(kept.width / side)))
    rows = min(ACROSS, max(1, math.ceil(kept.height / side)))

    def starts(free: int, count: int) -> list[int]:
        return [free // 2] if count == 1 else [round(free * i / (count - 1)) for i in range(count)]

    return [
        Rect(kept.x + x, kept.y + y, side, side)
        for y in starts(kept.height - side, rows)
        for x in starts(kept.width - side, columns)
    ]


def shifts(original: Tensor, generated: Tensor) -> tuple[Tensor, Tensor]:
    """Shift (right, down) in pixels of ``generated`` against ``original``, ``[N, S, S]`` each, and trust 0..1.

    Returns:
        ``[N, 2]`` and ``[N]``.
    """
    n, side = original.shape[0], original.shape[-1]
    window = torch.hann_window(side, periodic=False, dtype=original.dtype, device=original.device)
    window = window[:, None] * window
    a = torch.fft.rfft2((original - original.mean((1, 2), keepdim=True)) * window)
    b = torch.fft.rfft2((generated - generated.mean((1, 2), keepdim=True)) * window)
    cross = b * a.conj()
    fy = torch.fft.fftfreq(side, device=a.device)[:, None]
    fx = torch.fft.rfftfreq(side, device=a.device)[None]
    radius = torch.hypot(fx, fy)
    power = cross.abs()
    white = cross / power.clamp_min(1e-9) * (radius < 0.35) * (radius > 1.5 / side)
    peak = torch.fft.irfft2(white, s=(side, side)).flatten(1).argmax(1)
    down, right = peak // side, peak % side
    down = torch.where(down > side // 2, down - side, down).to(a.real.dtype)
    right = torch.where(right > side // 2, right - side, right).to(a.real.dtype)
    band = ((radius > 0.01) & (radius < 0.2)).to(power.dtype)
    # The amplitude, not the power, weighs the phase: else a single edge decides.
    weight = power.sqrt() * band
    for _ in range(2):
        turn = torch.exp(2j * torch.pi * (fx * right.view(n, 1, 1) + fy * down.view(n, 1, 1)))
        rest = cross * turn
        phase = torch.angle(rest)
        sure = weight * (rest.real / power.clamp_min(1e-9)).clamp_min(0).square()
        xx, xy, yy = ((sure * p).sum((1, 2)) for p in (fx * fx, fx * fy, fy * fy))
        bx, by = ((sure * p * phase).sum((1, 2)) for p in (fx, fy))
        det = (xx * yy - xy * xy).clamp_min(1e-12)
        right = right - (yy * bx - xy * by) / det / (2 * torch.pi)
        down = down - (xx * by - xy * bx) / det / (2 * torch.pi)
    turn = torch.exp(2j * torch.pi * (fx * right.view(n, 1, 1) + fy * down.view(n, 1, 1)))
    trust = (weight * (cross * turn).real / power.clamp_min(1e-9)).sum((1, 2)) / weight.sum((1, 2)).clamp_min(1e-9)
    lively = original.std((1, 2)) > 1.5 / 255
    return torch.stack([right, down], 1), torch.where((trust > SAME) & lively, trust, torch.zeros_like(trust))


def fit_warp(middles: Tensor, moves: Tensor, trust: Tensor, freedom: int) -> Warp | None:
    """The shift (``freedom`` 0), with one scale (1) or one for each axis (2), that best explains ``moves`` ``[N, 2]``
    at ``middles`` ``[N, 2]``."""
    if int((trust > 0).sum()) < (1, 3, 4)[freedom]:
        return None
    x, m, prior = middles.double(), moves.double(), trust.double()
    weight, growth = prior, x.new_zeros(2)
    for _ in range(8):
        total = weight.sum()
        cx, cm = (weight[:, None] * x).sum(0) / total, (weight[:, None] * m).sum(0) / total
        dx, dm = x - cx, m - cm
        if freedom:
            both, own = ((weight[:, None] * dx * other).sum(0) for other in (dm, dx))
            both, own = (both, own) if freedom == 2 else (both.sum(), own.sum())
            growth = (both / own.clamp_min(1e-9)).expand(2)
        shift = cm - growth * cx
        off = (m - shift - growth * x).norm(dim=1)
        scale = off[prior > 0].median().clamp_min(0.05)
        weight = prior / (1 + (off / (2 * scale)) ** 2) ** 2
    agree = float((weight > 0.25 * prior).double()[prior > 0].mean())
    if agree < 0.5:
        return None
    across, down = (1 + growth).tolist()
    return Warp(across, float(shift[0]), float(shift[1]), down / across)


def find(
    original: Callable[[Rect], Tensor],
    generated: Callable[[Rect, Warp], Tensor],
    kept: Rect,
    trusted: Callable[[Rect], float] | None = None,
) -> Warp | None:
    """Shift and scales of the generated picture against the original.

    Args:
        original, generated: functions from a ``Rect`` (canvas coordinates) and a ``Warp`` to pixels ``[3, h, w]``.
        kept: where the original lies.
        trusted: function from a ``Rect`` to the share of it (0..1) that corresponds.

    Returns:
        ``None`` where too little corresponds or the move found is implausible.
    """
    side = min(WINDOW, kept.width, kept.height)
    if side < SMALLEST:
        return None
    found = Warp()
    rects = windows(kept, side)
    if trusted is not None:
        rects = [rect for rect in rects if trusted(rect) > 0.9]
    if not rects:
        return None
    o = torch.stack([luma(original(rect))[0] for rect in rects])
    middles = torch.tensor([[r.x + (side - 1) / 2, r.y + (side - 1) / 2] for r in rects], device=o.device)
    lattice = all(len({at[axis] for at in middles.tolist()}) > 1 for axis in (0, 1))
    freedom = 2 if lattice and len(rects) >= 4 else 1 if len(rects) >= 3 else 0
    longest = max(kept.width, kept.height)
    for _ in range(4):
        g = torch.stack([luma(generated(rect, found))[0] for rect in rects])
        moves, trust = shifts(o, g)
        step = fit_warp(middles, moves, trust, freedom)
        if step is None:
            return None
        found = step.after(found)
        if step.largest(kept) < LEAST:
            break
        # No more than is needed: what is fitted less freely is known better.
        if freedom == 2 and abs(found.stretch - 1) * longest < SCALED:
            found, freedom = fixed(found.scale, found, kept), 1
        if freedom == 1 and abs(found.scale - 1) * longest < SCALED:
            found, freedom = fixed(1.0, found, kept), 0
    most = max(abs(found.scale - 1), abs(found.scale * found.stretch - 1))
    return None if most > MOST_SCALE or found.largest(kept) > (MOST_SHIFT + MOST_SCALE) * longest else found


def fixed(scale: float, warp: Warp, kept: Rect) -> Warp:
    """The warp of that ``scale`` that moves the middle of ``kept`` as ``warp`` does."""
    x, y = kept.x + (kept.width - 1) / 2, kept.y + (kept.height - 1) / 2
    right, down = moved(warp, kept)
    return Warp(scale, right - (scale - 1) * x, down - (scale - 1) * y)


def moved(warp: Warp, kept: Rect) -> tuple[float, float]:
    """The move of the middle of ``kept``."""
    x, y = kept.x + (kept.width - 1) / 2, kept.y + (kept.height - 1) / 2
    return (warp.scale - 1) * x + warp.right, (warp.scale * warp.stretch - 1) * y + warp.down
