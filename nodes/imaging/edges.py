"""Edges: those of a drawing or screenshot as crisp as the original's.

A linear filter cannot bring back an outline that a decoder blurred. What the surroundings of a pixel were before is
learned from the overlap, where both versions are known: surroundings are sorted by their shape, their contrast and
their brightness, and each kind has a filter of its own (Timofte, De Smet and Van Gool, "A+: Adjusted anchored
neighborhood regression", ACCV 2014). A filter counts as far as it holds at places that it was not fitted on; where it
brings back too little of what was lost, as of dithering after a JPEG, the places stay as they came.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from .filters import largest, luma
from .palette import FLAT, PLACE, Palette, contrast

RADIUS = 3
# What a call needs around the pixels it returns.
MARGIN = 10
SHAPES = 64
# Contrasts for which there is a filter of its own: of a decoder's traces, faint and strong edges. Between them it is
# one between theirs.
CONTRASTS = (12 / 255, 36 / 255, 108 / 255)
# Brightnesses likewise: dots on white are dots on white, the same on grey may be all that is left of a finer pattern.
BRIGHTNESSES = (0.0, 0.25, 0.5, 0.75, 1.0)
# Surroundings learned from: at most so many, and too few to learn anything.
MOST, FEWEST = 120_000, 2_000
# A contrast's filter is pulled to nothing by so many samples, that of each of its shapes to it by so many, and that of
# each brightness to its shape's by so many: what lies outside is seldom of the very brightness that it has inside.
STILL, HELD, PULLED = 100.0, 5.0, 600.0
# Of the power of what was lost, a filter that brings back less than the one share does not count, from the other on it
# does in full: guesses that are right on the whole only make single places worse.
NOTHING, ENOUGH = 0.1, 0.3
# Share of the contrast below which a difference between the channels is an accident.
GREY = 0.1
# Side of the tiles that are fitted and tested on in turn, in pixels.
TILE = 32
CHUNK = 1 << 15


@dataclass(frozen=True)
class Edges:
    """The restoration.

    Attributes:
        shapes: ``[SHAPES, N]``, surroundings of length 1; each stands for its negative as well.
        filters: ``[len(CONTRASTS) * len(BRIGHTNESSES) * SHAPES, N]``, what is added to the pixel in their middle.
    """

    shapes: Tensor
    filters: Tensor
    palette: Palette | None

    def __call__(self, image: Tensor) -> Tensor:
        """``image`` ``[3, H, W]`` less ``MARGIN`` pixels on each side, with its edges restored."""
        image = image if self.palette is None else self.palette.toned(image)
        darkest, brightest = bounds(image)
        image = inner(image, MARGIN - RADIUS)
        planes, strength = divided(image)
        flat, bright = planes.flatten(), brightness(planes)
        change = torch.zeros_like(strength)
        for at, where in zip(*(x.split(CHUNK) for x in lively(planes, strength > FLAT)), strict=True):
            around, light = surroundings(flat, at, image.shape[2]), bright[where % len(bright)]
            kinds = kinds_of(around, light, strength.flatten()[where], self.shapes)
            change.view(-1)[where] = sum((around * self.filters[kind]).sum(1) * part for kind, part in kinds)
        out = (inner(image, RADIUS) + change[:1] + change[1:]).clamp(darkest, brightest)
        if self.palette is None:
            return out
        usual = F.avg_pool2d(inner(image, RADIUS - PLACE // 2), PLACE, 1)
        return self.palette.snapped(out, usual, strength.amax(0) < FLAT)


def inner(image: Tensor, margin: int) -> Tensor:
    """``image`` without ``margin`` pixels on each side."""
    return image[:, margin : image.shape[1] - margin, margin : image.shape[2] - margin]


def bounds(image: Tensor) -> tuple[Tensor, Tensor]:
    """Between which values the pixels of ``image`` ``[3, H, W]`` that lie ``MARGIN`` inside stay, twice ``[3, h, w]``.

    What nothing around exceeds and lies in a flat place is the colour beside an edge, beyond which only ringing goes.
    """
    pixels = inner(image, PLACE // 2)
    rough = (contrast(image).amax(0) > FLAT) * 2.0
    size = 2 * (MARGIN - PLACE // 2) + 1
    high, high_flat, low, low_flat = (largest(x, size) for x in (pixels, pixels - rough, -pixels, -pixels - rough))
    free = torch.full_like(high, torch.inf)
    # All channels alike: a bound for one of them alone would give grey edges a colour.
    ends, flat = torch.stack([-low, high]), torch.stack([low > low_flat, high > high_flat]).any(1, keepdim=True)
    darkest, brightest = torch.where(flat, torch.stack([-free, free]), ends)
    return darkest, brightest


def divided(image: Tensor) -> tuple[Tensor, Tensor]:
    """Luma and channels of ``image`` ``[3, H, W]`` as ``[4, H, W]``, and the contrast ``[4, h, w]`` around the pixels
    that lie ``RADIUS`` inside.

    Where the channels go together only luma has a contrast: restored one by one they would disagree, which is colour
    that was not there.
    """
    planes = torch.cat([luma(image), image])
    strength = contrast(inner(planes, RADIUS - PLACE // 2))
    color = contrast(inner(image - planes[:1], RADIUS - PLACE // 2)).amax(0)
    grey = (color < FLAT + GREY * strength[0]).to(image)
    return planes, torch.cat([strength[:1] * grey, strength[1:] * (1 - grey)])


def lively(planes: Tensor, there: Tensor) -> tuple[Tensor, Tensor]:
    """The pixels that are ``there`` ``[C, h, w]``: their numbers in ``planes`` ``[C, H, W]``, ``RADIUS`` pixels larger
    on each side, and in ``there``."""
    plane, row, column = torch.nonzero(there, as_tuple=True)
    (_, height, width), (_, rows, columns) = planes.shape, there.shape
    at = (plane * height + row + RADIUS) * width + column + RADIUS
    return at, (plane * rows + row) * columns + column


def brightness(planes: Tensor) -> Tensor:
    """How bright it is around the pixels of ``planes`` ``[4, H, W]`` that lie ``RADIUS`` inside, ``[h * w]``: the same
    for all channels, lest they disagree."""
    return F.avg_pool2d(planes[:1], 2 * RADIUS + 1, 1).flatten()


def surroundings(flat: Tensor, at: Tensor, width: int) -> Tensor:
    """The surroundings ``[M, N]`` of the pixels ``at`` ``[M]``, less their means, over a disc."""
    reach = torch.arange(-RADIUS, RADIUS + 1, device=at.device)
    disc = reach[:, None].square() + reach.square() <= RADIUS**2 + 1
    around = flat[at[:, None] + (reach[:, None] * width + reach)[disc]]
    return around - around.mean(1, keepdim=True)


def kinds_of(around: Tensor, light: Tensor, strength: Tensor, shapes: Tensor) -> list[tuple[Tensor, Tensor]]:
    """Of which kinds the surroundings ``[M, N]`` are, by the one of the ``shapes`` that they are most like, their
    contrast and their brightness: four times the number of a kind ``[M]`` and how far they are of it, 0..1."""
    alike = around @ shapes.T
    shape = alike.abs().argmax(1)
    # The negative of a shape on white is the shape on black.
    positive = alike.gather(1, shape[:, None])[:, 0] > 0
    bright = between(torch.where(positive, light, 1 - light), light.new_tensor(BRIGHTNESSES))
    contrasts = between(strength.log(), strength.new_tensor(CONTRASTS).log())
    return [
        ((one * len(BRIGHTNESSES) + other) * SHAPES + shape, part * share)
        for one, part in contrasts
        for other, share in bright
    ]


def between(values: Tensor, knots: Tensor) -> list[tuple[Tensor, Tensor]]:
    """The two of the ``knots`` that each of the ``values`` ``[M]`` lies between, and how near it is to each, 0..1."""
    low = torch.bucketize(values, knots[1:-1])
    part = ((values - knots[low]) / (knots[low + 1] - knots[low])).clamp(0, 1)
    return [(low, 1 - part), (low + 1, part)]


def fit_edges(pairs: list[tuple[Tensor, Tensor, Tensor]], palette: Palette | None) -> Edges | None:
    """The restoration learned from strips of the overlap.

    Args:
        pairs: original and generated pixels ``[3, H, W]`` of the same strip, and where they correspond ``[1, H, W]``.

    Returns:
        ``None`` where there is too little to learn from.
    """
    parts = [samples(*pair, palette) for pair in pairs if min(pair[0].shape[1:]) > 2 * RADIUS]
    if not parts:
        return None
    around, light, change, strength, half = (torch.cat(part) for part in zip(*parts, strict=True))
    if len(change) < FEWEST:
        return None
    step = -(-len(change) // MOST)
    around, light, change, strength, half = (x[::step].contiguous() for x in (around, light, change, strength, half))
    size = around.norm(dim=1, keepdim=True).clamp_min(FLAT)
    shapes = clustered((around / size)[:: max(1, len(around) // 20_000)])
    many = len(CONTRASTS) * len(BRIGHTNESSES) * SHAPES
    kinds = [(half * many + kind, part) for kind, part in kinds_of(around, light, strength, shapes)]
    # Between an edge's contrast and its power: neither the strongest nor the faintest shall decide alone.
    root = size.sqrt()
    return Edges(shapes, filters(*sums(around / root, change / root[:, 0], kinds)), palette)


def samples(original: Tensor, generated: Tensor, trusted: Tensor, palette: Palette | None) -> tuple[Tensor, ...]:
    """What one strip teaches: surroundings ``[M, N]``, brightness ``[M]``, change of their middles, contrast,
    half of the tiles."""
    planes, strength = divided(generated if palette is None else palette.toned(generated))
    wanted = torch.cat([luma(original), original])
    # What the generator lost altogether is to come back as well, as far as anything of it is left.
    both = torch.maximum(strength, contrast(inner(wanted, RADIUS - PLACE // 2)) * (strength > 0))
    at, where = lively(planes, (both > FLAT) & (inner(trusted, RADIUS) > 0.99))
    step = max(1, -(-len(at) // MOST))
    at, where = at[::step], where[::step]
    place = where % both[0].numel()
    half = (place // both.shape[2] // TILE + place % both.shape[2] // TILE) % 2
    flat = planes.flatten()
    around, light = surroundings(flat, at, planes.shape[2]), brightness(planes)[place]
    return around, light, wanted.flatten()[at] - flat[at], strength.flatten()[where], half


def clustered(points: Tensor) -> Tensor:
    """``SHAPES`` directions ``[SHAPES, N]`` around which ``points`` ``[M, N]`` of length 1, or their negatives, gather:
    spherical k-means (Dhillon and Modha, 2001)."""
    middles = points[torch.linspace(0, len(points) - 1, SHAPES, device=points.device).long()]
    for _ in range(5):
        alike = points @ middles.T
        nearest = alike.abs().argmax(1)
        sign = alike.gather(1, nearest[:, None]).sign()
        total = torch.zeros_like(middles).index_add_(0, nearest, points * sign)
        length = total.norm(dim=1, keepdim=True)
        middles = torch.where(length > 1e-6, total / length.clamp_min(1e-6), middles)
    return middles


def sums(around: Tensor, change: Tensor, kinds: list[tuple[Tensor, Tensor]]) -> tuple[Tensor, ...]:
    """Products of the surroundings with each other, of them with the change, and of the change with itself, added up by
    half, contrast, brightness and shape as far as they are of the ``kinds``; and how many they were."""
    n, places = around.shape[1], (2, len(CONTRASTS), len(BRIGHTNESSES), SHAPES)
    total = around.new_zeros((math.prod(places), n * (n + 1)))
    lost, count = torch.zeros_like(total[:, 0]), torch.zeros_like(total[:, 0])
    for kind, part in kinds:
        lost.index_add_(0, kind, part * change.square())
        count.index_add_(0, kind, part)
    for some in torch.arange(len(around), device=around.device).split(4096):
        a, c = around[some], change[some]
        products = (a[:, :, None] * torch.cat([a, c[:, None]], 1)[:, None]).flatten(1)
        for kind, part in kinds:
            total.index_add_(0, kind[some], products * part[some, None])
    both = total.view(*places, n, n + 1)
    return both[..., :n], both[..., n], lost.view(places), count.view(places)


def filters(gram: Tensor, cross: Tensor, lost: Tensor, count: Tensor) -> Tensor:
    """Ridge regression for each kind, ``[len(CONTRASTS) * len(BRIGHTNESSES) * SHAPES, N]``, from ``sums``.

    Fitted on all; shrunk to what the fit on either half of the tiles explains of the other one, and left out where that
    is next to nothing.
    """
    halves = [fitted(gram[i], cross[i], count[i]) for i in (0, 1)]
    explained = (cross[1] * halves[0] + cross[0] * halves[1]).sum(-1)
    power = (times(gram[1], halves[0]) * halves[0] + times(gram[0], halves[1]) * halves[1]).sum(-1)
    holds = (explained / power.clamp_min(1e-12)).clamp(0, 1)
    back = holds * (2 * explained - holds * power) / lost.sum(0).clamp_min(1e-12)
    holds = holds * ((back - NOTHING) / (ENOUGH - NOTHING)).clamp(0, 1)
    return (fitted(gram.sum(0), cross.sum(0), count.sum(0)) * holds[..., None]).flatten(0, 2)


def fitted(gram: Tensor, cross: Tensor, count: Tensor) -> Tensor:
    """The filters of one half, or of both: of each contrast, of each of its shapes, of each of their brightnesses."""
    usual = gram.diagonal(dim1=-2, dim2=-1).mean(-1).sum((1, 2)) / count.sum((1, 2)).clamp_min(1)
    stiff = usual.clamp_min(1e-9)[:, None, None] * torch.eye(gram.shape[-1], dtype=gram.dtype, device=gram.device)
    found = torch.zeros_like(cross[:, :1, :1])
    for pull, alike in ((STILL, (1, 2)), (HELD, (1,)), (PULLED, ())):
        g, c = (x.sum(alike, keepdim=True) if alike else x for x in (gram, cross))
        found = found + solved(g + pull * stiff[:, None, None], c - times(g, found))
    return found


def times(matrix: Tensor, vector: Tensor) -> Tensor:
    return (matrix @ vector[..., None])[..., 0]


def solved(matrix: Tensor, vector: Tensor) -> Tensor:
    return torch.linalg.solve(matrix, vector[..., None])[..., 0]
