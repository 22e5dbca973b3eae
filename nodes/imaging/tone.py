"""Tone: the colour transform that turns the generator's version of the original into the original.

Two parts. A transform of the colours, the same everywhere (``fit_tone``), takes out what the decoder does to the whole
picture. What is left varies over the picture and is carried by the membrane (``drift``).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from .curve import BENDS, UNSEEN, bent, fit_curve, hats
from .filters import RGB_TO_YCC, YCC_TO_RGB, luma, mix

# A generator is off by a few levels. More than this is another picture, not a fault to be undone.
MAX_SHIFT = 0.12
MIN_SAMPLES = 64
# Usual distance left, below which all is taken to be that close: what is farther off may be another thing.
CLOSE, CURVED_CLOSE = 0.25 / 255, 1.4 / 255
# How hard offset, gain and curvature are pulled to 0, as shares of the weight of all samples.
STIFF = (1e-5, 2e-4, 1e-3)
# The same as the weight of a colour of a drawing: each is off by a level for itself, as against offsets of 4, gains of
# 8 and curvatures of 5 levels that generators are expected to have.
DRAWN = (0.05, 0.017, 0.04)
# Cells of about the same colour that tell half as much as any number of them.
FEW = 8.0
KINDS = 16**3
# What is nearer to black or white than half of this is clipped: nobody knows how far it should have gone.
CLIPPED = 1 / 255


@dataclass(frozen=True)
class Tone:
    """A colour transform ``x + basis(x) @ weights + curve(x)``, its displacement bounded to ``MAX_SHIFT``.

    Attributes:
        weights: ``[7, 3]``.
        low, high: ``[3]``, range of the colours it was fitted on. Beyond it the displacement stays constant, so
            nothing is extrapolated.
        ends: ``[2, 3]``, what to add besides to what is clipped to black and to white, bounded likewise; ``None`` =
            nothing.
        curve: ``[3, BENDS]``, of each channel; ``None`` = none.
    """

    weights: Tensor
    low: Tensor
    high: Tensor
    ends: Tensor | None = None
    curve: Tensor | None = None

    def __call__(self, image: Tensor) -> Tensor:
        """``image`` ``[3, H, W]`` with its colours corrected."""
        shape = (3, 1, 1)
        known = torch.minimum(torch.maximum(image, self.low.view(shape)), self.high.view(shape))
        constant, linear, square = self.weights[0], self.weights[1:4], self.weights[4:7]
        shift = torch.tensordot(linear.T, known, dims=1)
        if self.curve is not None:
            for added, curve, values in zip(shift, self.curve, known, strict=True):
                added += bent(curve, values)
        shift += torch.tensordot(square.T, known.square_(), dims=1)
        shift = shift.add_(constant.view(shape)).clamp_(-MAX_SHIFT, MAX_SHIFT)
        if self.ends is not None:
            for end, added in zip((0, 1), self.ends, strict=True):
                shift += added.view(shape) * (1 - (image - end).abs() / CLIPPED).clamp_min(0)
        return shift.add_(image)


def basis(colors: Tensor) -> Tensor:
    """``[N, 3]`` -> ``[N, 7]``: one, the channels, their squares."""
    return torch.cat([torch.ones_like(colors[:, :1]), colors, colors.square()], dim=1)


def fit_tone(
    original: Tensor,
    generated: Tensor,
    weight: Tensor,
    place: Tensor | None = None,
    rounds: int = 6,
    stiff: tuple[float, float, float] | None = None,
    clear: Tensor | None = None,
    curved: bool = False,
) -> Tone | None:
    """Robust ridge fit of a ``Tone`` from colours ``generated`` to ``original``, both ``[N, 3]``.

    Iteratively reweighted least squares with Geman-McClure weights, so places that the generator redrew do not count.
    Cross terms between the channels and curvature are pulled to 0 harder than gain and offset. As far as whole places
    depart from the fit (tiles, a shadow), theirs is not the colours' doing: samples are compared within their place
    (random effects: Laird and Ware, "Random-effects models for longitudinal data", Biometrics 1982).

    Args:
        weight: ``[N]``, how far each sample is to be trusted beforehand.
        place: ``[N]``, number of the place each sample lies in; ``None`` = all in one.
        stiff: how hard offset, gain and curvature are pulled to 0, as so much weight of samples; ``None`` = ``STIFF``.
        clear: ``[N, 3]``, 0 where a channel of ``generated`` tells nothing; ``None`` = nowhere.
        curved: whether a curve is fitted besides; the few colours of a drawing tell none.

    Returns:
        ``None`` where there are too few samples.
    """
    if int((weight > 0).sum()) < MIN_SAMPLES:
        return None
    x, y = generated.double(), (original - generated).double()
    features, prior = basis(x), weight.double()
    trust = prior
    offset, gain, curvature = stiff or (float(prior.sum()) * s for s in STIFF)
    stiffness = x.new_tensor([offset, *[gain] * 3, *[curvature] * 3])
    clear = torch.ones_like(x) if clear is None else clear.to(x)
    own = torch.eye(3, dtype=x.dtype, device=x.device)
    extra = torch.where(own > 0, x.new_tensor(1.0), x.new_tensor(20.0))
    weights = x.new_zeros(7, 3)
    place = torch.zeros_like(weight, dtype=torch.long) if place is None else place
    places = int(place.max()) + 1
    held, curve, added = x.new_zeros(places), x.new_zeros(3, BENDS), torch.zeros_like(y)
    near = [hats(values) for values in x.T] if curved else []
    for _ in range(rounds):
        both = torch.cat([features, y - added], 1)
        count = x.new_zeros(places).index_add_(0, place, trust)
        mean = x.new_zeros(places, 10).index_add_(0, place, both * trust[:, None]) / count.clamp_min(1e-9)[:, None]
        less = both - (held[:, None] * mean)[place]
        own_features, own_y = less[:, :7], less[:, 7:]
        for channel in range(3):
            ridge = stiffness.clone()
            ridge[1:4] *= extra[channel]
            ridge[4:7] *= extra[channel]
            weighted = (own_features * (trust * clear[:, channel])[:, None]).T
            right = weighted @ own_y[:, channel]
            weights[:, channel] = torch.linalg.solve(weighted @ own_features + torch.diag(ridge), right)
        left = y - features @ weights
        if curved:
            curve = torch.stack([fit_curve(left[:, c], near[c] * trust[:, None], place, places) for c in range(3)])
            added = torch.stack([n @ one for n, one in zip(near, curve, strict=True)], 1)
        off = (left - added) * clear
        shared = mean[:, 7:] - mean[:, :7] @ weights
        within = ((off - shared[place]).square().mean(1) * trust).sum() / trust.sum()
        between = (shared.square().mean(1) * count).sum() / trust.sum() - within / count.mean()
        held = 1 - (1 + count * between.clamp_min(0) / within.clamp_min(1e-9)).rsqrt()
        residual = off.square().mean(1)
        scale = residual[prior > 0].median().clamp_min((CURVED_CLOSE if curved else CLOSE) ** 2) * 4
        trust = prior / (1 + residual / scale).square()
    spread = generated[weight > 0]
    low, high = spread.amin(0), spread.amax(0)
    tone = Tone(weights.to(generated.dtype), low, high)
    return replace(tone, curve=curve.to(generated.dtype)) if bool(curve.abs().max() >= UNSEEN) else tone


def equal(colors: Tensor, weight: Tensor, few: float) -> Tensor:
    """``weight`` ``[N]`` as if there was about as much of each of the ``colors`` ``[N, 3]`` of which there are more
    than ``few``: how large a sky or the paper is says nothing about the others."""
    which = kinds(colors)
    return weight / (weight.new_zeros(KINDS).index_add_(0, which, weight)[which] + few)


def kinds(colors: Tensor) -> Tensor:
    """Which of ``KINDS`` kinds each of the ``colors`` ``[N, 3]`` is of; one holds 16 levels of each channel."""
    whole = (colors * 15.999).long().clamp(0, 15)
    return (whole[:, 0] * 16 + whole[:, 1]) * 16 + whole[:, 2]


def fit_drawn_tone(original: Tensor, generated: Tensor, weight: Tensor, place: Tensor) -> Tone | None:
    """As ``fit_tone``, of a drawing: it has few flat colours, and how large the paper is says nothing about the others.
    What is clipped is moved to what it usually is in the original."""
    tone = fit_tone(original, generated, equal(generated, weight, FEW), place, stiff=DRAWN, clear=is_clear(generated))
    if tone is None:
        return None
    left = original - tone(generated.T[..., None])[..., 0].T
    there = torch.stack([generated <= CLIPPED / 2, generated >= 1 - CLIPPED / 2]) * weight[:, None]
    ends = (left * there).sum(1) / (there.sum(1) + FEW)
    return replace(tone, ends=ends.clamp(-MAX_SHIFT, MAX_SHIFT))


def is_clear(pixels: Tensor) -> Tensor:
    """Which channels of ``pixels`` are not clipped."""
    return (pixels > CLIPPED / 2) & (pixels < 1 - CLIPPED / 2)


def drift_weight(difference: Tensor, prior: Tensor, scale: float) -> Tensor:
    """How far each pixel's difference is drift (1) and not another content (0): redescending in its size.

    Args:
        difference: ``[3, H, W]``, original minus corrected generated.
        prior: ``[1, H, W]``.
        scale: usual size of the difference in this picture.
    """
    return prior / (1 + (difference.abs().mean(0, keepdim=True) / scale) ** 4)


def cells(values: Tensor, weight: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Weighted means of ``values`` ``[C, H, W]`` over cells of ``size`` pixels, and the mean weight of each cell."""
    total = F.avg_pool2d(weight[None], size)[0]
    return F.avg_pool2d((values * weight)[None], size)[0] / total.clamp_min(1e-6), total


KNOTS = 9
# Deviation of the chroma from the toning curve, in 0..1, below which a picture is one of a single hue.
MONOCHROME = 0.8 / 255


@dataclass(frozen=True)
class Toning:
    """The chroma of a monochrome picture (grey, sepia, cyanotype) as a function of its luma.

    Attributes:
        chroma: ``[2, KNOTS]``, Cb and Cr at lumas evenly spread over 0..1.
        slack: how far the picture's own chroma strays from it.
    """

    chroma: Tensor
    slack: float

    def __call__(self, image: Tensor) -> Tensor:
        """``image`` ``[3, H, W]`` with the picture's own chroma in place of the generator's."""
        y = luma(image)[0]
        at = (y * (KNOTS - 1)).clamp(0, KNOTS - 1)
        low = at.floor().long().clamp_max(KNOTS - 2)
        chroma = torch.lerp(self.chroma[:, low], self.chroma[:, low + 1], at - low)
        chroma += (mix(image, RGB_TO_YCC)[1:] - chroma).clamp_(-self.slack, self.slack)
        return mix(torch.stack([y, chroma[0], chroma[1]]), YCC_TO_RGB)


def fit_toning(colors: Tensor) -> Toning | None:
    """The toning of a picture with ``colors`` ``[N, 3]``; ``None`` for a picture in colour."""
    ycc = mix(colors.T[..., None], RGB_TO_YCC)[..., 0]
    at = (ycc[0] * (KNOTS - 1)).clamp(0, KNOTS - 1)
    hat = (1 - (at[:, None] - torch.arange(KNOTS, dtype=at.dtype, device=at.device)).abs()).clamp_min(0)
    # Knots without samples take the mean of their neighbours.
    rough = (torch.arange(KNOTS, device=at.device)[:, None] - torch.arange(KNOTS, device=at.device)).abs() == 1
    laplace = torch.diag(rough.sum(1)).to(hat) - rough.to(hat)
    gram = hat.T @ hat + 1e-3 * len(at) / KNOTS * laplace + 1e-6 * torch.eye(KNOTS, dtype=hat.dtype, device=at.device)
    knots = torch.linalg.solve(gram, hat.T @ ycc[1:].T).T
    off = ycc[1:] - knots @ hat.T
    off = off.abs().flatten()[:: max(1, off.numel() // 100_000)]
    slack = float(off.quantile(0.98))
    return Toning(knots, slack) if slack < 2 * MONOCHROME else None
