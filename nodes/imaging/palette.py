"""Palette: the flat colours of a drawing or screenshot, and what the generator made of them.

What is flat in the original has one colour exactly. Where the generator's version is flat and near to what became of
such a colour, it is that colour.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from .filters import largest

COLORS = 32
# A flat place is so many pixels square; a colour with fewer of them is none of the palette.
PLACE, LEAST = 5, 64
# Contrast below which a place of the generated picture is flat.
FLAT = 6 / 255
# How near to a colour's place in the generated picture another one is moved along with it.
NEAR = 4 / 255
# Farthest from which a flat place is put onto a colour; no farther than the generator errs, which is thought to be so
# many times what the overlap's colours were off by on average, and so many deviations of what is left of that.
FAR, USUAL, LEFT = 14 / 255, 2.5, 3.0
# Of the way to the nearest flat place that shows something else, so much is safe.
SAFE = 1 / 3
# Share of flat places that may be another thing by chance: a decoder errs.
STRAY = 0.0005
SAMPLES = 40_000
# A strong edge. Beside so large a share of them drawings are exactly flat; more of it where that may be clipping.
EDGE, BESIDE, CLIPPED_BESIDE, CLIPPED = 24 / 255, 0.3, 0.4, 1 / 255
# Where some of a picture is drawn, more than the share ``PARTLY`` of its pixels are strong edges ``NEXT`` to a place
# that is flat over more than a block of a JPEG, ``WHOLE`` pixels square; what may be clipping counts less.
PARTLY, NEXT, WHOLE, UNSURE = 0.004, 3, 9, 0.4


def contrast(image: Tensor, size: int = PLACE) -> Tensor:
    """Largest less smallest value over ``size`` x ``size`` pixels, of those that have all of them: ``[C, h, w]``."""
    return largest(image, size) + largest(-image, size)


def is_flat_beside_edges(strips: list[Tensor]) -> bool:
    """Whether strips ``[3, H, W]`` are exactly flat beside many of their strong edges: there photographs never are,
    unless they are clipped."""
    edges = beside = clipped = 0.0
    for strip in strips:
        if min(strip.shape[1:]) < 3:
            continue
        size = contrast(strip, 3).amax(0)
        flat = (size == 0).to(strip)
        colored = flat * ((strip > CLIPPED) & (strip < 1 - CLIPPED)).any(0)[1:-1, 1:-1]
        near, unclipped = F.max_pool2d(torch.stack([flat, colored])[None], 7, 1, 3)[0]
        edge = (size > EDGE).to(strip)
        edges += float(edge.sum())
        beside += float((edge * unclipped).sum())
        clipped += float((edge * near).sum())
    return edges > 0 and (beside > BESIDE * edges or clipped > CLIPPED_BESIDE * edges)


def is_partly_drawn(strips: list[Tensor]) -> bool:
    """Whether strips ``[3, H, W]`` are exactly flat beside strong edges all over, however much of them is a photograph:
    a screenshot with pictures in it, a caption, a frame."""
    drawn = pixels = 0.0
    for strip in strips:
        if min(strip.shape[1:]) < WHOLE:
            continue
        within = slice(WHOLE // 2, -(WHOLE // 2))
        sure = torch.where(((strip > CLIPPED) & (strip < 1 - CLIPPED)).any(0)[within, within], 1, UNSURE)
        flat = (contrast(strip, WHOLE).amax(0, keepdim=True) == 0) * sure
        # In and around a flat place, on the pixels that lie 1 inside.
        near = largest(F.pad(flat, (WHOLE + NEXT - 2,) * 4), WHOLE + 2 * NEXT)[0]
        drawn += float(((contrast(strip, 3).amax(0) > EDGE) * near).sum())
        pixels += strip[0].numel()
    return drawn > PARTLY * pixels


@dataclass(frozen=True)
class Palette:
    """Flat colours ``[N, 3]``, what the generator made of them ``[N, 3]``, and from how far they are snapped to
    ``[N]``."""

    colors: Tensor
    made: Tensor
    reach: Tensor

    def toned(self, image: Tensor) -> Tensor:
        """``image`` ``[3, H, W]`` with the palette's colours in place, and what is near to them moved along."""
        pixels = image.flatten(1).T
        near = torch.exp(-(distances(pixels, self.made) / NEAR).square() / 2)
        moves = near @ (self.colors - self.made) / (near.sum(1, keepdim=True) + 0.05)
        return (pixels + moves).T.reshape(image.shape)

    def snapped(self, image: Tensor, usual: Tensor, flat: Tensor) -> Tensor:
        """``image`` ``[3, H, W]`` with what is ``flat`` ``[H, W]`` on that colour of the palette which the ``usual``
        one around it, ``[3, H, W]``, is near to. From two thirds of the reach on it fades, so that no contour shows.
        """
        distance, nearest = distances(usual.flatten(1).T, self.colors).min(1)
        share = (3 * (1 - distance / self.reach[nearest].clamp_min(1e-6))).clamp(0, 1) * flat.flatten()
        return torch.lerp(image.flatten(1), self.colors[nearest].T, share).view_as(image)


def distances(pixels: Tensor, colors: Tensor) -> Tensor:
    """``[N, 3]`` and ``[M, 3]`` -> ``[N, M]``."""
    return torch.cdist(pixels, colors, compute_mode="donot_use_mm_for_euclid_dist")


def fit_palette(pairs: list[tuple[Tensor, Tensor, Tensor]], error: float) -> Palette | None:
    """The palette of strips of the original.

    Args:
        pairs: original and generated pixels ``[3, H, W]`` of the same strip, and where they correspond ``[1, H, W]``.
        error: mean error of the generator's colours in the overlap, before they were corrected.

    Returns:
        ``None`` where nothing is flat.
    """
    edge = PLACE // 2
    wanted, given, sure = [], [], []
    for original, generated, trusted in pairs:
        inner = (slice(None), slice(edge, -edge), slice(edge, -edge))
        known = (largest(-trusted, PLACE)[0] < -0.99) & (contrast(generated).amax(0) < FLAT)
        wanted.append(original[inner][:, known].T)
        given.append(generated[inner][:, known].T)
        sure.append((contrast(original).amax(0) == 0)[known])
    x, y, exact = torch.cat(wanted), torch.cat(given), torch.cat(sure)
    whole = (x * 255).round().long()
    keys, which, count = ((whole[:, 0] * 256 + whole[:, 1]) * 256 + whole[:, 2])[exact].unique(
        return_inverse=True, return_counts=True
    )
    if not len(keys) or int(count.max()) < LEAST:
        return None
    most = count.argsort(descending=True, stable=True)[:COLORS]
    most = most[count[most] >= LEAST]
    colors, made = (
        (x.new_zeros(len(keys), 3).double().index_add_(0, which, part[exact].double()) / count[:, None])[most].to(x)
        for part in (x, y)
    )
    palette = Palette(colors, made, x.new_zeros(len(colors)))
    step = max(1, len(x) // SAMPLES)
    x, y = x[::step], palette.toned(y[::step].T[:, None])[:, 0].T
    other = (x[:, None] - colors).abs().amax(2) > 0.5 / 255
    apart = distances(y, colors)
    gaps = torch.where(other, apart, torch.full_like(apart[:1, :1], 3.0)).sort(0).values
    left = ((apart.square() * ~other).sum(0) / (~other).sum(0).clamp_min(1)).sqrt()
    most = (USUAL * error + LEFT * left).clamp_max(FAR)
    return Palette(colors, made, torch.minimum(SAFE * gaps[int(STRAY * len(gaps))], most))
