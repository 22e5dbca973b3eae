"""Matching one picture: measure what the generator did to the part we know, and undo it in the part we do not.

The generator also returned its own version of the original. Each step of the correction is estimated there, from
pixels corrected by the steps before it; each may decline, and says why.
"""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from . import across, agreement, detail, edges, focus, jpeg, lattice, palette, register, sharpness
from . import cast as casts
from . import grain as grains
from .canvas import Rect
from .correction import Correction, Overlap, textured
from .fields import CELL, add_cells, no_cells, outside
from .filters import blur_known, luma
from .membrane import membrane
from .progress import Share, between, untold
from .regions import DETAIL_DEPTH, bands, beside
from .report import Findings
from .tone import Tone, cells, drift_weight, equal, fit_drawn_tone, fit_tone, fit_toning

TONE_DEPTH = 96
# Cells on a side of a place that may be off as a whole, as a tile of a decoder is.
PLACE = 16
DRIFT_DEPTH = 48
NEAR_DEPTH = 128
# Usual distance left in the overlap after matching, above which it may be another picture: 6 levels.
MOST_LEFT = 6 / 255
# Variance within a cell below which it is even: two levels.
EVEN = (2 / 255) ** 2
# How much the colours of the most uneven places count against those of even ones.
UNEVEN = 0.1
# Cells of about the same colour that tell half as much as any number of them: more than in a drawing, a colour varies.
FEW = 64.0
# Cells in which the colours of a scene drawn anew are compared, in pixels.
WIDE = 16
JPEG_WINDOW = 512
# What departs in one place only does not go on for ever: length in pixels over which the membrane fades.
FADE = 200.0
# What the membrane may add to the mean difference, in 0..1: six levels of 255.
DRIFT_CAP = 6 / 255


def measure(
    overlap: Overlap, source: Tensor, match: str, seed: int, compression: str, progress: Share = untold
) -> tuple[Correction, Findings]:
    """The correction for one picture, and what was found."""
    made, found = Correction(source, seed=seed), Findings()
    if match == "off":
        return made, found
    if match == "full":
        made = replace(made, warp=registration(overlap, source, found))
    progress(0.1)
    same = compare(overlap, made, found)
    overlap, another = replace(overlap, same=same), not bool(same.any())
    drawing = is_drawing(overlap)
    made = replace(made, tone=fit(overlap, made, found, another, drawing))
    if toning := fit_toning(colors(overlap)):
        found.steps["tone"] += "; the original is monochrome, so is the new area"
        made = replace(made, toning=toning)
    if match == "full":
        made = replace(made, sharp=None if another else fit_sharpness(overlap, made, found))
        made = replace(made, overshoot=0.0) if drawing else replace(made, crisp=fit_crisp(overlap, made, found))
        made = replace(made, pattern=fit_lattice(overlap, made, found))
    progress(0.2)
    smooth = drift(overlap, made)
    made = replace(made, drift=smooth)
    if another:
        steps = ("sharpness", "drift", "border", "cast")
        found.steps.update(dict.fromkeys(steps, "declined: the overlap shows another picture"))
    elif drawing:
        made = replace(made, departure=across.drawn_departure(overlap, made, found))
        found.steps["cast"] = "declined: the colours of a drawing do not run into each other"
    else:
        made = replace(made, departure=across.departure(overlap, made, found))
        smooth = smooth + across.steps(overlap, made)
        smooth = smooth + cast(overlap, replace(made, drift=smooth), found)
        made = replace(made, drift=smooth)
    found.figures["drift"] = 255 * float(smooth.abs().max())
    progress(0.4)
    if match == "full":
        if drawing and not another:
            made = restored(overlap, made, found)
        if compression == "auto" and (texture := detect_jpeg(overlap)):
            found.steps["compression"] = f"the original is a JPEG, its texture goes on: {texture}"
            made = replace(made, texture=texture)
        if drawing and made.texture is None:
            found.steps["grain"] = "declined: flat places beside strong detail, as drawings and screenshots have"
        else:
            made = replace(made, grain=fit_grain(overlap, made, found, between(progress, 0.4, 1)))
        if not drawing:
            made = replace(made, rings=across.rings(overlap, made))
            if made.texture is not None:
                coded = made
                made = replace(made, divided=across.rings(overlap, lambda rect: textured(coded, overlap, rect)))
    return made, found


def registration(overlap: Overlap, source: Tensor, found: Findings) -> register.Warp | None:
    """The warp that lays the generated picture on the original, if it is worth a resampling."""

    def looked_up(rect: Rect, warp: register.Warp) -> Tensor:
        return Correction(source, warp=None if warp == register.Warp() else warp)(rect)

    kept = overlap.canvas.rect
    trusted = None if overlap.valid is None else lambda rect: float(overlap.trust(rect).mean())
    warp = register.find(overlap.pixels, looked_up, kept, trusted)
    if warp is None:
        found.steps["shift"] = "declined: too little in common with the original to tell"
        return None
    right, down = register.moved(warp, kept)
    found.figures.update(right=right, down=down, scale=warp.scale)
    still = warp.largest(kept) < register.LEAST
    both = "" if warp.stretch == 1 else f" x {warp.scale * warp.stretch:.4f}"
    said = f"{right:+.2f} px right, {down:+.2f} px down, scale {warp.scale:.4f}{both}"
    found.steps["shift"] = f"{said}: {'nothing to undo' if still else 'undone'}"
    return None if still else warp


def compare(overlap: Overlap, made: Correction, found: Findings) -> Tensor:
    """Where the generated picture shows the same as the original, ``[h, w]``: 0 everywhere if it hardly does."""
    kept = overlap.canvas.rect
    same = overlap.target.new_ones((kept.height, kept.width))
    trusts, structures = [], []
    for band in bands(overlap.canvas, TONE_DEPTH):
        area = band.rect
        trust, structured = agreement.agreement(overlap.pixels(area), made(area))
        wide = trust.repeat_interleave(agreement.CELL, 0).repeat_interleave(agreement.CELL, 1)
        place = same[area.moved(-kept.x, -kept.y).slices]
        torch.minimum(place, wide[: area.height, : area.width], out=place)
        valid = F.avg_pool2d(overlap.trust(area)[None], agreement.CELL, ceil_mode=True)[0, 0] > 0.99
        trusts.append(trust[valid])
        structures.append(structured[valid])
    agree = agreement.share(torch.cat(trusts), torch.cat(structures))
    if agree is None:
        found.steps["overlap"] = "too little structure to compare"
    elif agree < agreement.LEAST:
        found.steps["overlap"] = f"shows another picture: {100 * agree:.0f} % of its structure is the original's"
        same.zero_()
    else:
        found.steps["overlap"] = f"{100 * agree:.0f} % of its structure is the original's"
    return same


def colors(overlap: Overlap) -> Tensor:
    """Colours ``[N, 3]`` all over the original, about a hundred thousand."""
    kept = overlap.canvas.rect
    step = max(1, int((kept.size.area / 100_000) ** 0.5))
    return overlap.pixels(kept)[:, ::step, ::step].flatten(1).T


def fit(overlap: Overlap, made: Correction, found: Findings, another: bool, drawing: bool) -> Tone | None:
    """The tone transform from the overlap, sampled in cells of 4 x 4 pixels where both show the same things.

    Of ``another`` picture, the scene drawn anew, the colours may still correspond as a whole: then wide cells are
    compared, more strictly.
    """
    samples, count = [], 0
    for band in bands(overlap.canvas, TONE_DEPTH):
        trusted = overlap.trust(band.rect) if another else overlap.agreed(band.rect)
        size = min(WIDE if another else 4, band.rect.width, band.rect.height)
        pair = torch.cat([overlap.pixels(band.rect), made(band.rect)])
        mean, w = cells(pair, trusted, size)
        uneven = (cells(pair.square(), trusted, size)[0] - mean.square()).clamp_min(0).mean(0)
        rows, columns = (torch.arange(n, device=w.device) // PLACE for n in w.shape[1:])
        places = (rows[:, None] * len(columns) + columns).flatten()
        colors = (mean[:3].flatten(1).T, mean[3:].flatten(1).T)
        samples.append((*colors, torch.where(w > 0.5, w, 0).flatten(), uneven.flatten(), count + places))
        count += w.numel()
    wanted, given, weight, uneven, place = (torch.cat(parts) for parts in zip(*samples, strict=True))
    if drawing:
        tone = fit_drawn_tone(wanted, given, weight if another else weight * even(uneven), place)
    else:
        # Trees may be uneven everywhere, and still their colours are not told by the sky's.
        weight = weight if another else equal(given, weight * even(uneven).clamp_min(UNEVEN), FEW)
        tone = fit_tone(wanted, given, weight, place, curved=True)
    if tone is None:
        found.steps["tone"] = "declined: too little overlap"
        return None
    matched = tone(given.T[..., None])[..., 0].T
    known = weight > 0
    left = float((wanted - matched)[known].abs().mean(1).median())
    spread = float((wanted - wanted[known].median(0).values)[known].abs().mean(1).median())
    most = max(MOST_LEFT / 2, 0.2 * spread) if another else max(MOST_LEFT, 0.5 * spread)
    if left > most:
        found.steps["tone"] = f"declined: the overlap shows another picture ({255 * left:.0f} levels apart)"
        return None
    found.figures["tone"] = 255 * float((matched - given).abs().mean())
    found.figures["remaining"] = 255 * left
    found.steps["tone"] = f"moved by {found.figures['tone']:.1f} levels, {255 * left:.1f} left in the overlap"
    return tone


def even(variance: Tensor) -> Tensor:
    """How much each place counts by the ``variance`` around it: beside an edge the colours differ by what a blur mixes
    into them, even places know better."""
    usual = variance.flatten()[:: max(1, variance.numel() // 100_000)].quantile(0.2)
    return 1 / (1 + variance / usual.clamp_min(EVEN)).square()


def fit_sharpness(overlap: Overlap, made: Correction, found: Findings) -> Tensor | None:
    """The filter fitted on the overlap."""
    o, g = [], []
    for band in bands(overlap.canvas, DETAIL_DEPTH):
        if min(band.rect.width, band.rect.height) < sharpness.TILE:
            continue
        trusted = sharpness.tiles(overlap.trust(band.rect)[0], sharpness.TILE, sharpness.TILE).amin((1, 2)) > 0.99
        o.append(sharpness.spectra(luma(overlap.pixels(band.rect))[0])[trusted])
        g.append(sharpness.spectra(luma(made(band.rect))[0])[trusted])
    gain = sharpness.fit_gain(torch.cat(o), torch.cat(g)) if o else None
    if gain is None:
        found.steps["sharpness"] = "declined: too little in common with the original"
        return None
    found.figures["gain"] = float(gain.max())
    found.steps["sharpness"] = f"gain {float(gain.min()):.2f} to {float(gain.max()):.2f}"
    return sharpness.kernel(gain)


def fit_crisp(overlap: Overlap, made: Correction, found: Findings) -> tuple[Rect, float] | None:
    """How much of the filter is left out in the new area, because that is crisp already."""
    inner = [band.rect for band in bands(overlap.canvas, DETAIL_DEPTH)]
    inner = [area for area in inner if float(overlap.agreed(area).mean()) > 0.5]
    outer = [band.rect for band in beside(overlap.canvas, DETAIL_DEPTH)]
    outer = [area for area in outer if min(area.width, area.height) >= 16]
    if made.sharp is None or found.figures["gain"] < focus.GAIN or not inner or not outer:
        return None

    def measured(correction: Correction, areas: list[Rect]) -> detail.Sample:
        return detail.merge([detail.measure(correction(area).clamp(0, 1)) for area in areas])

    bare = replace(made, sharp=None)
    halves = [(detail.measure(one), detail.measure(other)) for one, other in map(detail.halved, detailed(overlap))]
    share = focus.crisp(measured(bare, inner), measured(made, inner), measured(bare, outer), halves)
    if share == 0:
        return None
    found.steps["sharpness"] += f", {100 * share:.0f} % of it left out in the new area, which is crisp already"
    return overlap.canvas.rect, share


def fit_lattice(overlap: Overlap, made: Correction, found: Findings) -> Tensor | None:
    """The pattern of the decoder that shows in the overlap."""
    seen = []
    for area in (band.rect for band in bands(overlap.canvas, TONE_DEPTH)):
        if min(area.width, area.height) >= 4 * lattice.PERIOD:
            original = overlap.pixels(area)
            pairs = lattice.blocks(torch.cat([original, made(area) - original]), area)
            seen.append((pairs[:, :3], pairs[:, 3:], lattice.whole(overlap.agreed(area), area)))
    pattern = lattice.fit_lattice(*(torch.cat(x) for x in zip(*seen, strict=True))) if seen else None
    if pattern is None:
        return None
    strength = float(pattern.square().mean().sqrt())
    if strength < lattice.VISIBLE:
        found.steps["pattern"] = f"declined: the decoder's, of {255 * strength:.2f} levels, is too faint to be seen"
        return None
    found.figures["pattern"] = 255 * strength
    found.steps["pattern"] = f"the decoder's, of {255 * strength:.2f} levels, taken back"
    return pattern


def is_drawing(overlap: Overlap) -> bool:
    """Whether the original is a drawing or a screenshot, or has drawn parts."""
    strips = detailed(overlap)
    if not strips or palette.is_flat_beside_edges(strips):
        return bool(strips)
    # A JPEG of low quality has flat places of its own.
    if palette.is_partly_drawn(strips) and detect_jpeg(overlap) is None:
        return True
    return detail.is_drawn(strips, detail.merge([detail.measure(strip) for strip in strips]))


def detailed(overlap: Overlap) -> list[Tensor]:
    """The strips of the original along its borders, if they are wide enough to hold detail."""
    strips = [overlap.pixels(band.rect) for band in bands(overlap.canvas, DETAIL_DEPTH)]
    return [strip for strip in strips if min(strip.shape[1:]) >= detail.CELL]


def restored(overlap: Overlap, made: Correction, found: Findings) -> Correction:
    """``made`` with its edges restored and its flat places flat, instead of sharpened, if there are enough of them."""
    bare = replace(made, sharp=None)
    areas = [band.rect for band in bands(overlap.canvas, DETAIL_DEPTH)]
    areas = [area for area in areas if min(area.width, area.height) > 2 * edges.RADIUS]
    pairs = [(overlap.pixels(area), bare(area), overlap.agreed(area)) for area in areas]
    colors = palette.fit_palette(pairs, found.figures.get("tone", 0.0) / 255) if pairs else None
    fitted = edges.fit_edges(pairs, colors) if pairs else None
    if fitted is None:
        return made
    known = 0 if colors is None else len(colors.colors)
    found.figures["gain"] = 1.0
    found.steps["sharpness"] = f"edges as crisp as the original's, flat places in its own colours: {known}"
    return replace(bare, edges=fitted)


def drift(overlap: Overlap, made: Correction) -> Tensor:
    """The membrane of what the tone transform left, in cells of ``CELL`` pixels over the whole canvas."""
    total, weight = no_cells(overlap.canvas, overlap.target)
    for band in bands(overlap.canvas, DRIFT_DEPTH):
        area = band.rect
        pair = torch.cat([overlap.pixels(area), made(area)])
        mean, square = (F.avg_pool2d(x[None], 9, 1, 4, count_include_pad=False)[0] for x in (pair, pair.square()))
        uneven = (square - mean.square()).clamp_min(0).mean(0)
        difference = pair[:3] - pair[3:]
        # A blur moves colours about; only as a mean over the surroundings is a difference another colour.
        trusted = drift_weight(mean[:3] - mean[3:], overlap.agreed(area), DRIFT_CAP) * even(uneven).sqrt()
        add_cells(total, weight, difference, trusted, area)
    values, support = blur_known(total / weight.clamp_min(1e-6), weight.clamp_max(1), 1.25)
    known = ((weight > 0.02) & (support > 0.02)).float()
    field = membrane(values.clamp(-DRIFT_CAP, DRIFT_CAP), known)
    return field * torch.exp(-outside(overlap.canvas, overlap.target) / FADE)


def cast(overlap: Overlap, made: Correction, found: Findings) -> Tensor:
    """What takes the smooth colour error far from the original back, on the grid of ``drift``."""
    canvas, kept, e = overlap.canvas, overlap.canvas.rect, overlap.canvas.extents
    given, wanted = (F.avg_pool2d(x[None].float(), CELL, ceil_mode=True)[0] for x in (made.source, overlap.target))
    away = outside(canvas, given)
    known = F.avg_pool2d(F.pad(overlap.trust(kept), (e.left, e.right, e.up, e.down))[None], CELL, ceil_mode=True)[0, 0]
    inner = casts.places(wanted, (known > 0.99).to(given), CELL, canvas.size)
    outer = casts.places(made.colors(given), (away >= CELL / 2).to(given), CELL, canvas.size)
    moved, remaining, began = (found.figures.get(name, 0.0) for name in ("tone", "remaining", "onset"))
    error = math.hypot(min(moved, casts.COMPUTED * remaining), began)
    field = casts.fit_cast(inner, outer, kept, canvas.size, error)
    if field is None:
        found.steps["cast"] = "declined: too small to tell"
        return torch.zeros_like(given)
    found.figures["cast"] = 255 * float(field.abs().max())
    said = f"a smooth change of up to {found.figures['cast']:.1f} levels farther out is taken back"
    found.steps["cast"] = said if found.figures["cast"] >= 0.05 else "nothing to undo"
    fine = F.interpolate(field[None].to(given), scale_factor=casts.GRID // CELL, mode="bilinear")[0]
    return fine[:, : given.shape[1], : given.shape[2]]


def fit_grain(overlap: Overlap, made: Correction, found: Findings, progress: Share) -> grains.Grain | None:
    """What fine detail the new area near the original lacks."""
    areas = [band.rect for band in beside(overlap.canvas, NEAR_DEPTH)]
    areas = [area for area in areas if min(area.width, area.height) >= 16]
    strips = detailed(overlap)
    if not areas or not strips:
        found.steps["grain"] = "declined: too little to measure"
        return None
    halves = [(detail.measure(one), detail.measure(other)) for one, other in map(detail.halved, strips)]
    wants = detail.merge([half for pair in halves for half in pair])
    # An original of whole levels will be saved as whole levels: that rounding is grain as well.
    whole_levels = all(jpeg.is_8_bit(strip) for strip in strips)

    def shown(correction: Correction, area: Rect, joined: bool = True) -> Tensor:
        made = textured(correction, overlap, area, joined).clamp(0, 1)
        return (made * 255).round() / 255 if whole_levels else made

    def result(correction: Correction) -> detail.Sample:
        return detail.merge([detail.measure(shown(correction, area)) for area in areas])

    held = replace(made, memory={})
    inner = [band.rect for band in bands(overlap.canvas, DETAIL_DEPTH)]
    inner = [area for area in inner if float(overlap.agreed(area).mean()) > 0.5]
    version = [(shown(made, area, joined=False), overlap.pixels(area)) for area in inner]
    again = detail.merge([detail.measure(one) for one, _ in version]) if version else None
    lost = detail.merge([detail.measure(one, other - one) for one, other in version]) if version else None
    grain = grains.fit_grain(wants, result(held), again, halves, lost)
    if grain is None:
        found.steps["grain"] = "declined: too little to measure"
        return None
    bare = result(replace(held, grain=grain))
    if grain.gain.shape[1] > 1:
        grain = grains.lowered(grain, bare)
        bare = result(replace(held, grain=grain))
    grain = grains.with_noise(grain, bare)
    for step in range(2):
        progress((2 + step) / 6)
        grain = grains.refined(grain, wants, bare, result(replace(held, grain=grain)))
    for step in range(2):
        progress((4 + step) / 6)
        grain = across.livelier(overlap, partial(shown, replace(held, grain=grain)), grain, NEAR_DEPTH)
    found.figures["grain"] = 255 * float(grain.variance[0, 0, : grains.LEVELS // 2].median().sqrt())
    found.steps["grain"] = f"noise of {found.figures['grain']:.1f} levels where the picture is flat"
    return grain


def detect_jpeg(overlap: Overlap) -> jpeg.Texture | None:
    """The original's compression, read from the middle of each band and of the picture."""
    windows = []
    for area in (*(band.rect for band in bands(overlap.canvas, DETAIL_DEPTH)), overlap.canvas.rect):
        x = area.x + max(0, area.width - JPEG_WINDOW) // 2
        y = area.y + max(0, area.height - JPEG_WINDOW) // 2
        area = Rect(x, y, min(area.width, JPEG_WINDOW), min(area.height, JPEG_WINDOW))
        windows.append((overlap.pixels(area), x - overlap.canvas.rect.x, y - overlap.canvas.rect.y))
    return jpeg.detect(windows)
