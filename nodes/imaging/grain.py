"""Grain: the fine detail the generator does not make, measured on the original and put into the new area.

How strong each band of it usually is, given how bright a place is and how much goes on there at a coarser scale, is
learned from the original, from the generator's version of it and from the new area. Where the new area has less than
it should, seeded noise with the original's correlations between the channels makes up for the difference.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from .detail import BANDS, CELL, Sample, context, split
from .fields import sample_cells
from .filters import RGB_TO_YCC, YCC_TO_RGB, luma, mix

# What a call needs around the pixels it returns: bands need 15, the context 40.
MARGIN = 48
FLOOR = (0.05 / 255) ** 2
LEVELS = 7
TONES = 7
# Least gain, and the largest for each band: coarser detail is right already, raising it would be contrast.
GAIN = 0.6
RAISED = (1.6, 1.4, 1.25, 1.0)
# Detail of so many usual deviations is half an edge, which the filter on the overlap has made as sharp as it was.
STRONG = 2.5
# Least gain where the overlap shows that the generator makes more, and what it may be lowered by once more; and the
# gain of chroma from which on it is left.
QUIETED, AGAIN, SAME = 0.2, 0.7, 0.8
# How far two halves of the original's border differ more than the original and what lies beside it.
APART = 0.2
# Most noise of Y, Cb and Cr, against the detail in the quietest twentieth of the original, in power; and how many
# deviations below the mean of places alike their quietest hundredth lies.
EDGES, HUNDREDTH = (2.5, 1.5, 1.5), 2.33
# A generator may lose so many times more of its own than of the original it was given, in power.
MORE = 4.0
# A quarter of a level is not seen; a picture with quiet places of nothing at all may hold it, too.
UNSEEN = (0.25 / 255) ** 2
# The bands of noise reach into each other: what comes out in one may be so many times that.
MIXED = 1.6
# What is darker or brighter is clipped and has lost its noise.
CLIPPED = 0.02
# So many cells of any brightness count besides those of a place's own.
FEW = 30.0
# Most density of the coarser bands, against the finest, in power.
COARSER = 14.0
# Noise of more than 14 levels is not grain.
MAX_VARIANCE = (14 / 255) ** 2


@dataclass(frozen=True)
class Grain:
    """What to add: variances by context, and how the channels go together.

    Attributes:
        activity, brightness: knots ``[LEVELS]`` and ``[TONES]`` of the context.
        variance: ``[BANDS, 3, LEVELS, TONES]`` of the noise bands to be added.
        gain: ``[BANDS, 1 or 3, LEVELS, TONES]`` of the bands that are there: of luma, or of chroma as well.
        factor: ``[BANDS, 3, 3]``, turns white noise into noise with the original's correlations.
        usual: ``[BANDS, 3, LEVELS, TONES]``, what the original usually holds.
        wanted: as ``usual``, what the new area should hold.
        whole, most: as ``variance``, of noise that holds that much by itself, and the most that is added.
        lost: as ``usual``, what the overlap shows to be lost at most; ``None`` = not known.
        local: ``[TONES, h, w]``, logarithm of how many times the usual power a place holds, by brightness, in cells of
            the canvas as ``fields`` has them; ``None`` = everywhere the usual.
    """

    activity: Tensor
    brightness: Tensor
    variance: Tensor
    gain: Tensor
    factor: Tensor
    usual: Tensor
    wanted: Tensor
    whole: Tensor
    most: Tensor
    lost: Tensor | None = None
    local: Tensor | None = None


def table(sample: Sample, activity: Tensor, brightness: Tensor) -> Tensor:
    """Usual energy (mean of the logarithm) at each knot, ``[BANDS, 3, LEVELS, TONES]``.

    Local linear regression over activity, so that quieter places than any seen are expected to hold less, as far as the
    quietest ones seen say so; over brightness as far as there are cells, else that of all brightnesses.
    """
    logs, (near, tone, off, width) = torch.log(sample.energy + FLOOR).flatten(1), nearness(sample, activity, brightness)
    total = near.sum(0)[:, None]
    mean, at = near.T @ logs / total, (near * off).sum(0)[:, None] / total
    spread = (near * off.square()).sum(0)[:, None] / total - at.square()
    slope = ((near * off).T @ logs / total - at * mean) / (spread + (0.3 * width) ** 2)
    # Detail grows with activity, at most in proportion to it (power: twice the logarithm, activity in octaves).
    slope = slope.clamp(0, 2 * math.log(2))
    alone = mean - slope * at
    both = torch.einsum("nl,nt,nf->ltf", near, tone, logs)
    shift = torch.einsum("nl,nt->lt", near * off, tone)[..., None] * slope[:, None]
    weight = torch.einsum("nl,nt->lt", near, tone)[..., None]
    result = (both - shift + FEW * alone[:, None]) / (weight + FEW)
    return torch.exp(result).view(LEVELS, TONES, BANDS, 3).permute(2, 3, 0, 1)


def knots(every: Tensor) -> tuple[Tensor, Tensor]:
    """Knots ``[LEVELS]`` and ``[TONES]`` of the context of cells of the activity ``every`` ``[N]``."""
    low, high = torch.quantile(every[:: max(1, len(every) // 20000)], every.new_tensor([0.03, 0.97]))
    activity = torch.lerp(low, high, torch.linspace(0, 1, LEVELS, dtype=every.dtype, device=every.device))
    return activity, torch.linspace(0.03, 0.97, TONES, dtype=every.dtype, device=every.device)


def nearness(sample: Sample, activity: Tensor, brightness: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """How far each cell counts at each knot of activity, ``[N, LEVELS]``, and of brightness, ``[N, TONES]``; how far
    its activity is off, ``[N, LEVELS]``; and the distance of those knots."""
    width = (activity[-1] - activity[0]).clamp_min(0.5) / (LEVELS - 1)
    off = sample.activity[:, None] - activity
    near = torch.exp(-0.5 * (off / (0.6 * width)) ** 2) + 1e-4 / (1 + (off / width) ** 4)
    tone = torch.exp(-0.5 * ((sample.brightness[:, None] - brightness) / 0.08) ** 2)
    return near, tone, off, width


def deviation(sample: Sample, activity: Tensor, brightness: Tensor) -> Tensor:
    """By how much the logarithm of the energy varies at each knot, ``[BANDS, 3, LEVELS, TONES]``."""
    logs = torch.log(sample.energy + FLOOR).flatten(1)
    near, tone, _, _ = nearness(sample, activity, brightness)

    def varies(count: Tensor, first: Tensor, second: Tensor) -> Tensor:
        count = count.clamp_min(1e-6)
        return (second / count - (first / count).square()).clamp_min(0)

    alone = varies(near.sum(0)[:, None], near.T @ logs, near.T @ logs.square())
    weight = torch.einsum("nl,nt->lt", near, tone)[..., None]
    first, second = (torch.einsum("nl,nt,nf->ltf", near, tone, x) for x in (logs, logs.square()))
    both = (varies(weight, first, second) * weight + FEW * alone[:, None]) / (weight + FEW)
    return both.sqrt().view(LEVELS, TONES, BANDS, 3).permute(2, 3, 0, 1)


def leakage(like: Tensor) -> Tensor:
    """``[BANDS, BANDS]``: energy that noise of unit variance in band j shows in band i."""
    impulse = torch.zeros((1, 65, 65), dtype=like.dtype, device=like.device)
    impulse[0, 32, 32] = 1
    columns = []
    for band in split(impulse):
        columns.append(torch.stack([again.square().sum() for again in split(band)]))
    return torch.stack(columns, 1)


def fit_grain(
    original: Sample,
    generated: Sample,
    again: Sample | None = None,
    halves: Sequence[tuple[Sample, Sample]] = (),
    lost: Sample | None = None,
) -> Grain | None:
    """What ``generated`` lacks against ``original`` in like contexts; ``None`` when there are too few cells.

    Detail that is there but weak is raised, and too much of it lowered, within bounds; the noise is left to
    ``with_noise``.

    Args:
        again: the generator's version of the original; ``None`` where it gave none.
        halves: of the original along each of its borders.
        lost: what that version differs by.
    """
    if min(len(original.activity), len(generated.activity)) < 64:
        return None
    activity, brightness = knots(torch.cat([original.activity, generated.activity]))
    has, usual = table(generated, activity, brightness), table(original, activity, brightness)
    # Of colour only what the overlap shows to be too much is lowered; it has less detail to lose than noise to have.
    most, least = usual.new_tensor([[*RAISED], [1] * BANDS, [1] * BANDS]).T, usual.new_tensor([GAIN, 1, 1])
    wants, least = usual, least.view(-1, 1, 1).expand_as(usual)
    if again is not None:
        wants = wants * surprise(generated, again, halves, activity, brightness)
        shown = ((usual + FLOOR) / (table(again, activity, brightness) + FLOOR)).sqrt()
        least = torch.minimum(least, shown.clamp_min(QUIETED))
    gain = torch.maximum((wants / has.clamp_min(FLOOR)).sqrt(), least)
    gain = torch.minimum(gain, most[..., None, None])
    gain = gain if float(gain[:, 1:].min()) < SAME else gain[:, :1]
    none = torch.zeros_like(wants)
    at_most = None if lost is None else MORE * table(lost, activity, brightness)
    return Grain(activity, brightness, none, gain, correlated(original), usual, wants, none, none, at_most)


def correlated(original: Sample) -> Tensor:
    """``[BANDS, 3, 3]``, turns white noise into noise whose channels go together as in the quiet half of
    ``original``."""
    flat = original.activity <= original.activity.median()
    energy, cross = original.energy[flat].mean(0), original.cross[flat].mean(0)
    factor = []
    for k in range(BANDS):
        e, c = energy[k].clamp_min(FLOOR), cross[k]
        rho = torch.stack([c[0] / (e[0] * e[1]).sqrt(), c[1] / (e[0] * e[2]).sqrt(), c[2] / (e[1] * e[2]).sqrt()])
        a, b, d = rho.clamp(-0.9, 0.9) * 0.98
        one = torch.ones_like(a)
        matrix = torch.stack([torch.stack([one, a, b]), torch.stack([a, one, d]), torch.stack([b, d, one])])
        values, vectors = torch.linalg.eigh(matrix)
        half = vectors * values.clamp_min(0).sqrt()
        factor.append(half / half.square().sum(1, keepdim=True).sqrt().clamp_min(1e-6))
    return torch.stack(factor)


def surprise(
    generated: Sample,
    again: Sample,
    halves: Sequence[tuple[Sample, Sample]],
    activity: Tensor,
    brightness: Tensor,
) -> Tensor:
    """How many times the usual power the new area should hold, ``[BANDS, 3, LEVELS, TONES]``.

    That the generator made less there than in like places of the overlap is its fault as far as it is more than what
    two halves of the original differ by; else it shows something else (James and Stein's shrinkage, of each band and
    channel).
    """

    def apart(one: Sample, other: Sample) -> tuple[Tensor, Tensor]:
        logs, counts = [], []
        for sample in (one, other):
            near, tone, _, _ = nearness(sample, activity, brightness)
            counts.append(torch.einsum("nl,nt->lt", near, tone))
            logs.append(torch.log(table(sample, activity, brightness) + FLOOR))
        return logs[0] - logs[1], counts[0] * counts[1] / (counts[0] + counts[1]).clamp_min(1e-6)

    def power(pairs: Sequence[tuple[Tensor, Tensor]]) -> Tensor:
        total = torch.stack([(off.square() * count).sum((2, 3)) for off, count in pairs]).sum(0)
        return total / torch.stack([count.sum() for _, count in pairs]).sum().clamp_min(1e-6)

    found = apart(generated, again)
    content = APART * power([apart(*pair) for pair in halves])
    fault = (1 - content / power([found]).clamp_min(1e-9)).clamp_min(0)
    return torch.exp((1 - fault[..., None, None]) * found[0])


def lowered(grain: Grain, bare: Sample) -> Grain:
    """``grain`` with what it lowers by much lowered once more where ``bare``, the new area with it, still has too
    much: bands reach into each other."""
    again = (grain.wanted / table(bare, grain.activity, grain.brightness).clamp_min(FLOOR)).sqrt()
    again = again[:, : grain.gain.shape[1]].clamp(AGAIN, 1)
    return replace(grain, gain=torch.where(grain.gain < GAIN, grain.gain * again, grain.gain))


def with_noise(grain: Grain, bare: Sample) -> Grain:
    """``grain`` with noise for what ``bare``, the new area with its detail raised, still lacks."""
    wants, has = grain.wanted, table(bare, grain.activity, grain.brightness)
    missing = (wants - has).clamp(0, MAX_VARIANCE)
    variance = solve_positive(leakage(missing), missing.flatten(1), wants.flatten(1) + FLOOR)
    return replace(grain, variance=variance.view_as(missing))


def refined(grain: Grain, original: Sample, bare: Sample, made: Sample) -> Grain:
    """``grain`` with its noise scaled by what it did: ``bare`` is the new area without the noise, ``made`` with it.

    Codings and clamping take some of the noise away, and contexts mix; so what came out is measured, not assumed. The
    noise alone never holds much more than the original's whole detail.
    """
    wants = grain.wanted
    was, now = (table(sample, grain.activity, grain.brightness) for sample in (bare, made))
    ratio = (wants - was).clamp_min(0) / (now - was).clamp_min(FLOOR)
    ratio = torch.where(wants > was, ratio.clamp(0.25, 4), torch.zeros_like(ratio))
    own = leakage(ratio).diagonal().view(-1, 1, 1, 1)
    # What lies next to edges is content, and noise in its place is seen; more so in colour. So there is no more of it
    # than in the quietest places, or in those alike where the picture across the border shows that more is lacking.
    edges = wants.new_tensor(EDGES)
    live = original.energy[(original.brightness - 0.5).abs() < 0.5 - CLIPPED]
    live = live if len(live) >= 64 else original.energy
    quiet = (torch.quantile(live[:: max(1, len(live) // 20_000)], 0.05, dim=0) * edges)[..., None, None]
    quiet = quiet.clamp_min(UNSEEN)
    alike = torch.exp(-HUNDREDTH * deviation(original, grain.activity, grain.brightness)) * wants
    alike = alike * edges[:, None, None]
    # Noise is no edge: where the overlap shows that next to nothing is lost, something else lacks detail.
    alike = alike if grain.lost is None else torch.minimum(alike, grain.lost)
    ratio = torch.minimum(ratio, MIXED * quiet / (now - was).clamp_min(FLOOR))
    most, more = (bounded(torch.minimum(1.3 * wants, bound) / own) for bound in (quiet, alike))
    whole = solve_positive(leakage(wants), wants.flatten(1), wants.flatten(1) + FLOOR).view_as(wants)
    variance = torch.minimum(grain.variance * ratio, most)
    return replace(grain, variance=variance, whole=whole, most=torch.maximum(most, more))


def bounded(variance: Tensor) -> Tensor:
    """``variance`` of noise that is fine: in coarser bands it is not much denser than in the finest, else it would be
    texture."""
    return torch.minimum(variance, COARSER * variance[:1, :1])


def solve_positive(mixing: Tensor, wanted: Tensor, scale: Tensor) -> Tensor:
    """Non-negative ``x`` with ``mixing @ x`` near ``wanted`` ``[BANDS, N]``, errors counted relative to ``scale``.

    Multiplicative updates (Lee and Seung, "Algorithms for non-negative matrix factorization", 2001).
    """
    counts = 1 / scale.clamp_min(1e-12).square()
    x = wanted / mixing.diagonal()[:, None]
    for _ in range(60):
        x = x * (mixing.T @ (counts * wanted) + 1e-12) / (mixing.T @ (counts * (mixing @ x)) + 1e-12)
    return x


def lookup(grain: Grain, tables: Tensor, brightness: Tensor, activity: Tensor) -> Tensor:
    """``tables`` ``[N, LEVELS, TONES]`` at contexts ``[h, w]``, bilinear between the knots: ``[N, h, w]``."""
    span = (grain.activity[-1] - grain.activity[0]).clamp_min(1e-6)
    x = ((activity - grain.activity[0]) / span * (LEVELS - 1)).clamp(0, LEVELS - 1)
    width = grain.brightness[-1] - grain.brightness[0]
    t = ((brightness - grain.brightness[0]) / width * (TONES - 1)).clamp(0, TONES - 1)
    grid = torch.stack([t / (TONES - 1) * 2 - 1, x / (LEVELS - 1) * 2 - 1], -1)[None]
    return F.grid_sample(tables[None], grid, align_corners=True)[0]


def at_tone(grain: Grain, fields: Tensor, brightness: Tensor) -> Tensor:
    """``fields`` ``[TONES, h, w]`` at ``brightness`` ``[h, w]``, linear between the knots: ``[h, w]``."""
    span = grain.brightness[-1] - grain.brightness[0]
    at = ((brightness - grain.brightness[0]) / span * (TONES - 1)).clamp(0, TONES - 1)[None]
    low = at.long().clamp_max(TONES - 2)
    return torch.lerp(fields.gather(0, low), fields.gather(0, low + 1), at - low)[0]


def white(seed: int, x: int, y: int, width: int, height: int, device: torch.device) -> Tensor:
    """Standard normal noise ``[3, height, width]`` that depends on seed and canvas position only.

    So blocks of a picture agree where they overlap, on every device. The integers are mixed by Wellons' "lowbias32"
    (public domain), the normal values made by Box and Muller (1958).
    """

    def scramble(v: Tensor) -> Tensor:
        v = v ^ (v >> 16 & 0xFFFF)
        v = v * 0x7FEB352D
        v = v ^ (v >> 15 & 0x1FFFF)
        v = v * (0x846CA68B - (1 << 32))
        return v ^ (v >> 16 & 0xFFFF)

    rows = torch.arange(y, y + height, dtype=torch.int32, device=device)
    columns = torch.arange(x, x + width, dtype=torch.int32, device=device)
    start = scramble(rows + (seed * 0x9E3779B1 & 0x7FFFFFFF))
    planes = scramble(columns[None] + scramble(start)[:, None])
    two = []
    for salt in (0x3C6EF372, 0x1B873593, 0x2545F491, 0x5BD1E995):
        two.append((scramble(planes + salt) >> 8 & 0xFFFFFF).float().add_(0.5).mul_(2**-24))
    length, angle = (two[0].log_().mul_(-2).sqrt_(), two[1].mul_(2 * torch.pi))
    length2, angle2 = (two[2].log_().mul_(-2).sqrt_(), two[3].mul_(2 * torch.pi))
    return torch.stack([length * angle.cos(), length * angle.sin(), length2 * angle2.cos()])


def add_grain(image: Tensor, grain: Grain, seed: int, x: int, y: int) -> Tensor:
    """``image`` ``[3, H, W]``, whose top left pixel lies at ``x``, ``y`` (multiples of 4) of the canvas, with grain."""
    height, width = image.shape[1:]
    planes = luma(image) if grain.gain.shape[1] == 1 else mix(image, RGB_TO_YCC)
    grow = (0, -width % CELL, 0, -height % CELL)
    brightness, activity = context(F.pad(planes[None, :1], grow, mode="replicate")[0])
    changed = len(planes)
    # Noise of the generator's own that is to be lowered is stronger than what is wanted, and no edge.
    strong = STRONG * grain.wanted[:, :changed].sqrt() / grain.gain.clamp_max(1).square()
    tables = [grain.variance.flatten(0, 1), grain.whole[:, 0], grain.most[:, 0], *(grain.gain - 1), *strong]
    maps = lookup(grain, torch.cat(tables), brightness, activity)
    power, whole, most, bounds = maps.split([3 * BANDS, BANDS, BANDS, 2 * BANDS * changed])
    if grain.local is not None:
        # That luma lacks detail says nothing of noise in colour.
        more = at_tone(grain, sample_cells(grain.local, x, y, CELL, brightness.shape), brightness)
        power[::3] = torch.minimum((power[::3] + torch.expm1(more) * whole).clamp_min(0), most)
    maps = torch.cat([power.sqrt(), bounds])
    maps = F.interpolate(maps[None], scale_factor=CELL, mode="bilinear", align_corners=False)[0, :, :height, :width]
    noise = torch.zeros_like(image)
    for k, band in enumerate(split(white(seed, x - 16, y - 16, width + 32, height + 32, image.device))):
        band = torch.tensordot(grain.factor[k], band[:, 16:-16, 16:-16], dims=1)
        noise += band.mul_(maps[3 * k : 3 * k + 3])
    changes, strongs = maps[3 * BANDS :].view(2, BANDS, changed, height, width)
    for band, change, strong in zip(split(planes), changes, strongs, strict=True):
        noise[:changed] += change.mul_(band) / strong.reciprocal_().mul_(band).square_().square_().add_(1)
    return image + mix(noise, YCC_TO_RGB)
