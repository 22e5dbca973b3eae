"""Across the border: what only the picture over it shows, once all that the overlap tells is undone.

The change that begins there, the halo beside it, the steps left along it, how lively it is, and the last few pixels, in
this order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor

from . import border, halo, lively, onset, onset_drawn
from .canvas import Rect
from .correction import Correction, Overlap
from .fields import CELL, add_cells, no_cells, outside
from .grain import TONES, Grain
from .halo import Departure
from .membrane import membrane
from .regions import DETAIL_DEPTH, Band, bands, beside, edge_rect, grown, turned, turned_back
from .report import Findings
from .tone import Tone

# The step that is left at each place of a border: width in pixels, low-pass along the border, length over which its
# correction fades.
STEP, ALONG, STEP_FADE = 16, 48.0, 64.0
# What is lively at the border need not be so far from it: length in pixels over which that fades.
LIVELY_FADE = 200.0


def departure(overlap: Overlap, made: Correction, found: Findings) -> Departure | None:
    """How the new area departs from the border on, all along it."""
    kept = overlap.canvas.rect
    begins = [
        (*onset.samples(strip, column), trusted_pieces(overlap, band))
        for band, strip, column in strips(overlap, made, onset.OUTSIDE, onset.INSIDE)
    ]
    if not begins:
        found.steps["border"] = "declined: too little on one side of it to tell"
        return None
    jumps, colors, trust = joined(begins)
    tone = onset.fit_onset(jumps, colors, trust)
    found.figures["onset"] = 255 * float((tone(colors[0][:, None])[:, 0] - colors[0]).abs().mean())
    found.steps["border"] = f"a change of {found.figures['onset']:.1f} levels that begins there is taken back"
    nothing = tone.weights.new_zeros(3, halo.REACH)
    begun = Departure(kept, tone, torch.ones_like(nothing[0]), nothing)
    seen = [
        (*halo.samples(strip, column), trusted_pieces(overlap, band))
        for band, strip, column in strips(overlap, replace(made, departure=begun), halo.OUTSIDE, halo.INSIDE)
    ]
    if not seen:
        return begun
    departures, colors, trust = joined(seen)
    # Places that are clipped are quiet and show nothing of a halo.
    trust = trust * ((colors - 0.5).abs().amax(0) < 0.5 - halo.CLIPPED)
    shares, fault = halo.fit_halo(departures, tone(colors[:, None])[:, 0] - colors, trust)
    found.figures["halo"] = 255 * float(fault.abs().max())
    found.steps["border"] += f", and a halo of {found.figures['halo']:.1f}"
    return Departure(kept, tone, shares, fault)


def drawn_departure(overlap: Overlap, made: Correction, found: Findings) -> Departure | None:
    """The same of a drawing."""
    seen = [
        (*onset_drawn.samples(strip, column), trusted_pieces(overlap, band, onset_drawn.PIECE))
        for band, strip, column in strips(overlap, made, *onset_drawn.NEEDS)
    ]
    step = None
    if seen:
        steps, colors, flat, trust = (torch.cat(kind) for kind in zip(*seen, strict=True))
        step = onset_drawn.fit_step(steps, colors, flat * trust)
    if step is None:
        found.steps["border"] = "declined: in a drawing or screenshot an edge may lie on the border"
        return None
    found.figures["onset"] = 255 * float(step.abs().mean())
    found.steps["border"] = f"a change of {found.figures['onset']:.1f} levels that begins there is taken back"
    nothing = step.new_zeros(3, halo.REACH)
    sets_in = ((torch.arange(halo.REACH) + 0.5) / onset_drawn.GAP).clamp_max(1).to(nothing)
    weights = F.pad(-step[None], (0, 0, 0, 6))
    return Departure(overlap.canvas.rect, Tone(weights, nothing[:, 0], nothing[:, 0] + 1), sets_in, nothing)


def strips(
    overlap: Overlap, made: Callable[[Rect], Tensor], out: int, inside: int, least: int | None = None
) -> Iterator[tuple[Band, Tensor, int]]:
    """The picture across each border that has ``out`` (or at ``least`` so many) pixels outside and ``inside`` pixels
    inside: the band inside, the strip ``[3, L, X]`` turned so that the new area is on the right, and the column where
    it begins."""
    outer = {band.side: band.rect for band in beside(overlap.canvas, out)}
    for band in bands(overlap.canvas, DETAIL_DEPTH):
        within = turned(overlap.pixels(band.rect), band.side)
        beyond = turned(made(outer[band.side]), band.side)
        if beyond.shape[2] >= (least or out) and within.shape[2] >= inside and within.shape[1] >= onset.PIECE:
            yield band, torch.cat([within, beyond], 2), within.shape[2]


def joined(parts: list[tuple[Tensor, Tensor, Tensor]]) -> list[Tensor]:
    """Samples of all sides as one; the first of each side with as many lines as every side has."""
    lines = min(len(part[0]) for part in parts)
    return [torch.cat([x[:lines] if x.ndim > 2 else x for x in kind], -1) for kind in zip(*parts, strict=True)]


def trusted_pieces(overlap: Overlap, band: Band, piece: int = onset.PIECE) -> Tensor:
    """How far both show the same along the border of ``band``, in pieces of ``piece`` pixels."""
    edge = overlap.agreed(edge_rect(band.rect, band.side, CELL))
    return F.avg_pool1d(turned(edge, band.side).mean(2), piece)[0]


def steps(overlap: Overlap, made: Correction) -> Tensor:
    """The membrane of the steps that are left across the borders, on the grid of ``drift``, fading outward."""
    values, weight = no_cells(overlap.canvas, overlap.target)
    for band, strip, column in strips(overlap, made, 2 * STEP, 6 * STEP, 2 * border.NARROW):
        side, width = band.side, min(STEP, (strip.shape[2] - column) // 2)
        fault = border.excess_step(strip, column, width, ALONG)
        # Where the overlap shows something else, so may the new area: a step there is a cut in the content.
        agreed = turned(overlap.agreed(edge_rect(band.rect, side, CELL)), side)
        add_edge(values, weight, -fault * border.along(agreed.mean(2), ALONG), band)
    return continued(overlap, values, weight, STEP_FADE)


def add_edge(values: Tensor, weight: Tensor, profile: Tensor, band: Band) -> None:
    """Add ``profile`` ``[C, L]`` along the border of ``band`` to sums over cells."""
    moved, here = (
        turned_back(F.pad(x[..., None], (CELL - 1, 0)), band.side) for x in (profile, torch.ones_like(profile[:1]))
    )
    add_cells(values, weight, moved, here, edge_rect(band.rect, band.side, CELL))


def continued(overlap: Overlap, values: Tensor, weight: Tensor, length: float) -> Tensor:
    """The membrane of what is known along the borders, fading outward over ``length`` pixels."""
    known = (weight > 0).float()
    faded = torch.exp(-outside(overlap.canvas, overlap.target) / length)
    return membrane(values / weight.clamp_min(1e-6), known) * faded


def livelier(overlap: Overlap, shown: Callable[[Rect], Tensor], grain: Grain, depth: int) -> Grain:
    """``grain`` with more or less noise where the picture across the border lacks some or has too much.

    Args:
        shown: the finished new area, of which strips of ``depth`` pixels are looked at.
    """
    values, weight = no_cells(overlap.canvas, overlap.target, TONES)
    for band, strip, column in strips(overlap, shown, depth, lively.DEPTH, lively.DEPTH // 4):
        add_edge(values, weight, lively.lacking(strip, column, grain), band)
    local = continued(overlap, values, weight, LIVELY_FADE)
    return replace(
        grain, local=local if grain.local is None else (grain.local + local).clamp(-lively.MOST, lively.MOST)
    )


def rings(overlap: Overlap, made: Callable[[Rect], Tensor]) -> tuple[tuple[Rect, Tensor], ...]:
    """The last correction of the few pixels next to the original: rectangles that do not overlap, and what to add."""
    canvas, reach = overlap.canvas, border.REACH
    whole, kept = Rect(0, 0, canvas.size.width, canvas.size.height), canvas.rect
    out = []
    for band in beside(canvas, reach):
        place = band.rect
        if band.side in ("up", "down"):
            place = Rect(place.x - reach, place.y, place.width + 2 * reach, place.height).clipped(whole)
        area = grown(place, reach, whole)
        inside = area.clipped(kept)
        known = torch.zeros((1, area.height, area.width), device=overlap.target.device)
        rows, columns = inside.moved(-area.x, -area.y).slices
        known[:, rows, columns] = overlap.agreed(inside)
        difference = known.new_zeros((3, area.height, area.width))
        difference[:, rows, columns] = overlap.pixels(inside) - made(inside)
        added = border.ring(difference, (known > 0.5).float())
        rows, columns = place.moved(-area.x, -area.y).slices
        out.append((place, added[:, rows, columns]))
    return tuple(out)
