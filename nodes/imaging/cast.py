"""Cast: the smooth colour error far from the original, where neither overlap nor border shows it.

What a generator draws there is unknown, but not how far its colours may stray: a backdrop, a night sky or a meadow
varies over a distance as it does inside the original. Colours are taken for a Gaussian process with the original's own
covariance (kriging: Cressie, "Statistics for Spatial Data", 1993, chapter 3), the cast for a smoother one on top that
grows with the distance; its mean given all colours is what to take back. Where the original's colours vary widely they
tell nothing, and nothing happens.

New content is no cast. About as far as the original's own sides depart from what its rest predicts is counted as
content; and a cast is thought to be about as strong as the error that overlap and border show (half-t: Gelman, "Prior
distributions for variance parameters in hierarchical models", 2006).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from .canvas import Rect, Size

# Places on the whole canvas in which colours are compared, and how many of them the original must have.
PLACES, FEWEST = 200, 24
# Correlation lengths of the content as shares of the canvas's length, and shares that are not correlated at all.
LENGTHS, NUGGETS = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2), (0.02, 0.1, 0.3)
# A cast varies over this share of the canvas's length, and reaches its strength over that from the border on.
SMOOTH, GROWS = 0.3, 0.15
# Strengths of a cast in levels, and of departures of the content that are as smooth.
CASTS = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0)
DEPARTURES = (*CASTS, 16.0, 32.0)
# A strength at which places that differ from all around them are told, how many of their variances off, and how much
# less they count.
TOLD, UNLIKE, LESS = 4.0, 8.0, 1.5
# Share of the original's width or height that each of its sides is.
SIDE = 0.25
# Variance in square levels that the mean colour of a place has anyway.
EVEN = 0.01
# The usual strength of a cast against the error that is seen, and in levels where that is next to nothing.
USUAL, LEAST = 2.5, 0.15
# An error of the overlap counts up to so many times what is left of it: colours that one transform brings back to
# within a fraction of a level were computed, as for another colour space, and say nothing of how a generator strays.
COMPUTED = 10.0
# Pixels between the points at which the cast is worked out.
GRID = 16


@dataclass(frozen=True)
class Places:
    """Mean colours ``[N, 3]`` in levels of 255, and where they are, ``[N, 2]`` as y, x in pixels."""

    colors: Tensor
    at: Tensor


def places(colors: Tensor, weight: Tensor, cell: int, canvas: Size) -> Places:
    """Means over square blocks, of those that count by a quarter or more.

    Args:
        colors: ``[3, h, w]`` (0..1) in cells of ``cell`` pixels. weight: ``[h, w]``, 0..1.
    """
    side = max(1, round((canvas.area / PLACES) ** 0.5 / cell))
    y, x = (cell * (torch.arange(n, device=weight.device) + 0.5) for n in weight.shape)
    y, x = y[:, None].expand_as(weight), x.expand_as(weight)
    values = torch.where(weight > 0, torch.cat([255 * colors, torch.stack([y, x])]), 0)
    share = F.avg_pool2d(weight[None], side, ceil_mode=True)[0]
    means = F.avg_pool2d(values * weight, side, ceil_mode=True) / share.clamp_min(1e-6)
    # Two hundred places: a GPU would take longer for the small systems of equations.
    found = means[:, share >= 0.25].T.cpu().double()
    return Places(found[:, :3], found[:, 3:])


def fit_cast(inside: Places, outside: Places, kept: Rect, canvas: Size, error: float) -> Tensor | None:
    """What to add, ``[3, h, w]`` in 0..1 at points ``GRID`` pixels apart all over the canvas, nothing in the original;
    ``None`` where there are too few places to tell.

    Args:
        inside: places of the original. outside: of the corrected new area.
        kept: where the original lies.
        error: of the generator's colours in the overlap and where the border begins, in levels.
    """
    if len(inside.at) < FEWEST or not len(outside.at):
        return None
    length, middle = canvas.area**0.5, inside.colors.mean(0)
    axes = torch.linalg.eigh((inside.colors - middle).T @ (inside.colors - middle))[1]
    known, seen = (inside.colors - middle) @ axes, (outside.colors - middle) @ axes
    contents = fit_contents(inside.at, known, length)
    sides = [(distance(inside.at, rest) > 0, rest) for rest in rests(kept)]
    sides = [(side, rest) for side, rest in sides if bool(side.any()) and not bool(side.all())]
    if not sides:
        return None
    casts = torch.tensor(CASTS, dtype=torch.double)[:, None]
    departures = torch.tensor(DEPARTURES, dtype=torch.double)
    smooth = spread(outside.at, outside.at, kept, length)
    chances, weights = [], []
    for content, here, there in zip(contents, known.T, seen.T, strict=True):
        # How a side of the original departs is one and the same for all colours, which side is like the new area open.
        own = []
        for side, rest in sides:
            departed = content.predict(inside.at[~side], here[~side], inside.at[side], here[side])
            found = Departed(*departed, spread(inside.at[side], inside.at[side], rest, length))
            own.append((alike(departures) @ torch.softmax(found.chance(departures), 0)).log())
        found = Departed(*content.predict(inside.at, here, outside.at, there), smooth)
        total = torch.hypot(casts, departures)
        chance = found.chance(total) + believed(error)[:, None] + torch.stack(own)[:, None]
        chances.append(torch.logsumexp(chance, (1, 2)))
        pulls = casts[..., None].square() * found.pull(total)
        share = torch.softmax(chance.flatten(1), 1).view_as(chance)
        weights.append(torch.einsum("kab,abn->kn", share, pulls))
    weight = torch.einsum("k,ckn->nc", torch.softmax(torch.stack(chances).sum(0), 0), torch.stack(weights)) @ axes.T
    y, x = (GRID * (torch.arange(-(-n // GRID), dtype=torch.double) + 0.5) for n in (canvas.height, canvas.width))
    field: Tensor = spread(torch.cartesian_prod(y, x), outside.at, kept, length) @ weight
    return -field.T.reshape(3, len(y), len(x)) / 255


@dataclass(frozen=True)
class Content:
    """How a component of the colours varies inside the original: correlation length in pixels, the share that is not
    correlated, variance in square levels."""

    length: float
    nugget: float
    variance: float

    def correlation(self, a: Tensor, b: Tensor) -> Tensor:
        return (1 - self.nugget) * torch.exp(-torch.cdist(a, b) / self.length)

    def predict(self, at: Tensor, values: Tensor, there: Tensor, seen: Tensor) -> tuple[Tensor, Tensor]:
        """How far the values ``seen`` at places ``there`` are from what those at ``at`` predict, and the covariance
        that this has (ordinary kriging: the mean is unknown)."""
        root = torch.linalg.cholesky(self.correlation(at, at) + self.nugget * identity(at))
        right = torch.cat([torch.stack([values, torch.ones_like(values)], 1), self.correlation(at, there)], 1)
        white = torch.linalg.solve_triangular(root, right, upper=False)
        given, ones, across = white[:, 0], white[:, 1], white[:, 2:]
        mean = given @ ones / (ones @ ones)
        rest = 1 - ones @ across
        off = seen - mean - (given - mean * ones) @ across
        covariance = self.correlation(there, there) - across.T @ across + torch.outer(rest, rest) / (ones @ ones)
        own = identity(there)
        return off, self.variance * (covariance + self.nugget * own) + EVEN * own


def fit_contents(at: Tensor, values: Tensor, length: float) -> list[Content]:
    """The most likely ``Content`` for each column of ``values`` ``[N, C]``, its mean and variance taken out."""
    apart, own = torch.cdist(at, at), identity(at)
    tried = [(share * length, nugget) for share in LENGTHS for nugget in NUGGETS]
    correlation = torch.stack([(1 - nugget) * torch.exp(-apart / reach) + nugget * own for reach, nugget in tried])
    root = torch.linalg.cholesky(correlation)
    ones = torch.ones_like(values[:, :1])
    white = torch.linalg.solve_triangular(root, torch.cat([values, ones], 1).expand(len(tried), -1, -1), upper=False)
    values, ones = white[..., :-1], white[..., -1:]
    left = values - ones * (values * ones).sum(1, keepdim=True) / ones.square().sum(1, keepdim=True)
    variance = left.square().mean(1).clamp_min(1e-9)
    likely = -0.5 * len(at) * variance.log() - root.diagonal(dim1=1, dim2=2).log().sum(1)[:, None]
    chosen = enumerate(likely.argmax(0).tolist())
    return [Content(tried[k][0], tried[k][1], float(variance[k, c])) for c, k in chosen]


class Departed:
    """Departures ``off`` from a prediction with ``covariance``, in which something smooth with covariance ``smooth``
    times an unknown strength squared may be."""

    def __init__(self, off: Tensor, covariance: Tensor, smooth: Tensor) -> None:
        covariance = covariance + torch.diag(extra(off, covariance, smooth))
        root = torch.linalg.cholesky(covariance)
        half = torch.linalg.solve_triangular(root, smooth, upper=False)
        power, turn = torch.linalg.eigh(torch.linalg.solve_triangular(root, half.T, upper=False))
        self.power = power.clamp_min(0)
        self.turn = torch.linalg.solve_triangular(root.T, turn, upper=True)
        self.parts = off @ self.turn

    def chance(self, strength: Tensor) -> Tensor:
        """Log-likelihood of each ``strength``, but for a constant."""
        times = 1 + strength[..., None].square() * self.power
        chance: Tensor = -0.5 * (self.parts.square() / times + times.log()).sum(-1)
        return chance

    def pull(self, strength: Tensor) -> Tensor:
        """The departures, divided by their whole covariance at each ``strength``: ``[..., N]``."""
        pulled: Tensor = (self.parts / (1 + strength[..., None].square() * self.power)) @ self.turn.T
        return pulled


def extra(off: Tensor, covariance: Tensor, smooth: Tensor) -> Tensor:
    """Variance ``[N]`` to add at places that are far off, as something small and new is."""
    variance = covariance.diagonal()
    added = torch.zeros_like(variance)
    for _ in range(3):
        whole = covariance + torch.diag(added) + TOLD**2 * smooth
        left = off - TOLD**2 * smooth @ torch.linalg.solve(whole, off)
        added = LESS * variance * (left.square() / variance / UNLIKE - 1).clamp_min(0)
    return added


def believed(error: float) -> Tensor:
    """Log of how likely each of ``CASTS`` is before anything is seen outside: half-t with three degrees of freedom."""
    sizes = torch.tensor(CASTS, dtype=torch.double)
    edges = torch.cat([sizes[:1], sizes[1:2] / 2**0.5, (sizes[1:-1] * sizes[2:]).sqrt(), sizes[-1:] * 2**0.5])
    at = edges / max(USUAL * error, LEAST) / 3**0.5
    return (torch.atan(at) + at / (1 + at.square())).diff().clamp_min(1e-12).log()


def alike(strengths: Tensor) -> Tensor:
    """How likely a side departs with each of the ``strengths`` ``[N]`` where another one does with each, ``[N, N]``:
    half as likely with each octave between them."""
    octaves = strengths.clamp_min(CASTS[1] / 2).log2()
    likely = 0.5 ** (octaves[:, None] - octaves).abs()
    return likely / likely.sum(0)


def identity(at: Tensor) -> Tensor:
    """As many rows and columns as there are places."""
    return torch.eye(len(at), dtype=at.dtype)


def distance(at: Tensor, rect: Rect) -> Tensor:
    """Distance in pixels of the places ``at`` ``[N, 2]`` from ``rect``; 0 inside."""
    y, x = at.unbind(1)
    down = torch.maximum(rect.y - y, y - rect.bottom).clamp_min(0)
    right = torch.maximum(rect.x - x, x - rect.right).clamp_min(0)
    return torch.hypot(down, right)


def spread(a: Tensor, b: Tensor, rect: Rect, length: float) -> Tensor:
    """Covariance ``[A, B]`` of something smooth of strength 1 that grows from the borders of ``rect`` on."""
    grown = [1 - torch.exp(-distance(at, rect) / (GROWS * length)) for at in (a, b)]
    return torch.outer(*grown) * torch.exp(-(torch.cdist(a, b) / (SMOOTH * length)).square() / 2)


def rests(rect: Rect) -> tuple[Rect, Rect, Rect, Rect]:
    """``rect`` without its left, right, upper and lower side."""
    w, h = round(SIDE * rect.width), round(SIDE * rect.height)
    return (
        Rect(rect.x + w, rect.y, rect.width - w, rect.height),
        Rect(rect.x, rect.y, rect.width - w, rect.height),
        Rect(rect.x, rect.y + h, rect.width, rect.height - h),
        Rect(rect.x, rect.y, rect.width, rect.height - h),
    )
