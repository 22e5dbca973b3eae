"""Matching one picture: measure what the generator did to the part we know, and undo it in the part we do not.

A ``Correction`` is measured once on the overlap and can then be applied to any rectangle of the canvas by itself, so
large canvases are worked off block by block and blocks agree where they meet.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from . import grain as grains
from . import border, jpeg, register, sharpness
from .canvas import Canvas, Rect
from .filters import blur_known, luma, pad
from .membrane import membrane
from .regions import Band, bands, grown, shared
from .tone import Tone, Toning, cells, drift_weight, fit_tone, fit_toning

TONE_DEPTH = 96
DRIFT_DEPTH = 48
DETAIL_DEPTH = 192
JPEG_WINDOW = 768
CELL = 8
# Widths in pixels at which the step across a border is looked at, and the low-pass along the border.
STEPS = ((16, 48.0), (4, 24.0))
# What the membrane may add to the mean difference, in 0..1: six levels of 255.
DRIFT_CAP = 6 / 255


@dataclass(frozen=True)
class Correction:
    """What is done to the generated picture ``source`` ``[3, H, W]``, in this order; ``None`` = left out."""

    source: Tensor
    warp: register.Warp | None = None
    tone: Tone | None = None
    sharp: Tensor | None = None
    field: Tensor | None = None
    toning: Toning | None = None
    grain: grains.Grain | None = None
    seed: int = 0
    rings: tuple[tuple[Rect, Tensor], ...] = ()
    texture: jpeg.Texture | None = None

    def __call__(self, rect: Rect) -> Tensor:
        """The corrected pixels ``[3, height, width]`` of ``rect`` (canvas coordinates), not yet clamped."""
        margin = 0 if self.grain is None else grains.MARGIN
        whole = Rect(0, 0, self.source.shape[-1], self.source.shape[-2])
        area = grown(rect, margin, whole)
        if margin:
            x, y = area.x // grains.CELL * grains.CELL, area.y // grains.CELL * grains.CELL
            area = Rect(x, y, area.right - x, area.bottom - y)
        pixels = self.toned(area)
        if self.field is not None:
            pixels = pixels + sample(self.field, area)
        if self.toning is not None:
            pixels = self.toning(pixels)
        if self.grain is not None:
            pixels = grains.add_grain(pixels, self.grain, self.seed, area.x, area.y)
        rows, columns = rect.moved(-area.x, -area.y).slices
        pixels = pixels[:, rows, columns]
        for place, added in self.rings:
            common = shared(place, rect)
            if common is not None:
                rows, columns = common.moved(-rect.x, -rect.y).slices
                ys, xs = common.moved(-place.x, -place.y).slices
                pixels[:, rows, columns] += added[:, ys, xs]
        return pixels

    def toned(self, rect: Rect) -> Tensor:
        """Tone and sharpness only."""
        whole = Rect(0, 0, self.source.shape[-1], self.source.shape[-2])
        margin = 0 if self.sharp is None else sharpness.RADIUS
        area = grown(rect, margin, whole)
        rows, columns = area.slices
        pixels = self.source[:, rows, columns].float() if self.warp is None else self.warp(self.source, area)
        if self.tone is not None:
            pixels = self.tone(pixels)
        if self.sharp is not None:
            missing = (margin - rect.x + area.x, margin - area.right + rect.right)
            missing += (margin - rect.y + area.y, margin - area.bottom + rect.bottom)
            pixels = sharpness.sharpen(pad(pixels, *missing), self.sharp)
        return pixels


def textured(made: Correction, overlap: Overlap, rect: Rect) -> Tensor:
    """The corrected pixels of ``rect`` after the coding of the original, whose pixels take part where blocks hold both."""
    texture = made.texture
    if texture is None:
        return made(rect)
    kept, (across, down) = overlap.canvas.rect, texture.unit
    x0, y0 = (kept.x + texture.x) % across, (kept.y + texture.y) % down
    # One unit more on each side: chroma is interpolated over the border of its block.
    left, top = (rect.x - x0) // across * across + x0 - across, (rect.y - y0) // down * down + y0 - down
    right, bottom = -(-(rect.right - x0) // across) * across + x0 + across, -(-(rect.bottom - y0) // down) * down + y0 + down
    whole = Rect(0, 0, made.source.shape[-1], made.source.shape[-2])
    area = shared(Rect(left, top, right - left, bottom - top), whole)
    pixels = made(area).clamp(0, 1)
    inside = shared(area, kept)
    if inside is not None:
        rows, columns = inside.moved(-area.x, -area.y).slices
        pixels[:, rows, columns] = overlap.pixels(inside)
    margins = (area.x - left, right - area.right, area.y - top, bottom - area.bottom)
    coded = jpeg.compress(F.pad(pixels[None], margins, mode="replicate")[0], texture)
    rows, columns = rect.moved(-left, -top).slices
    return coded[:, rows, columns]


@dataclass(frozen=True)
class Overlap:
    """The original on its canvas.

    Attributes:
        target: ``[3, H, W]``, the canvas with the original in place; read only where the original lies.
        valid: ``[h, w]`` on the original, 1 where the generated picture corresponds to it; ``None`` = everywhere.
    """

    target: Tensor
    canvas: Canvas
    valid: Tensor | None

    def pixels(self, rect: Rect) -> Tensor:
        rows, columns = rect.slices
        return self.target[:, rows, columns].float()

    def trust(self, rect: Rect) -> Tensor:
        """``valid`` under ``rect``, ``[1, h, w]``."""
        if self.valid is None:
            return self.target.new_ones((1, rect.height, rect.width))
        rows, columns = rect.moved(-self.canvas.rect.x, -self.canvas.rect.y).slices
        return self.valid[rows, columns].to(self.target)[None]


def measure(overlap: Overlap, source: Tensor, match: str, seed: int, compression: str) -> tuple[Correction, dict[str, str]]:
    """The correction for one picture, and what was found, by step."""
    plain = Correction(source, seed=seed)
    if match == "off":
        return plain, {}
    said = {}
    if match == "full":
        warp, said["shift"] = registration(overlap, source)
        plain = replace(plain, warp=warp)
    tone = fit(overlap, plain)
    said["tone"] = "declined: too little overlap" if tone is None else "matched on the overlap"
    done = replace(plain, tone=tone)
    if toning := fit_toning(colors(overlap)):
        said["tone"] += "; the original is monochrome, so is the new area"
        done = replace(done, toning=toning)
    if match == "full":
        sharp = fit_sharpness(overlap, done)
        said["sharpness"] = "declined: too little in common" if sharp is None else "matched on the overlap"
        done = replace(done, sharp=sharp)
    done = replace(done, field=drift(overlap, done))
    for width, sigma in STEPS:
        done = replace(done, field=done.field + steps(overlap, done, width, sigma))
    if match == "full":
        if texture := (detect_jpeg(overlap) if compression == "auto" else None):
            said["compression"] = f"the original's JPEG texture: {texture}"
            done = replace(done, texture=texture)
        grain = fit_grain(overlap, done)
        said["grain"] = "declined: too little to measure" if grain is None else "matched"
        done = replace(done, grain=grain)
    if match == "full":
        done = replace(done, rings=rings(overlap, done))
    return done, said


def registration(overlap: Overlap, source: Tensor) -> tuple[register.Warp | None, str]:
    """The warp that lays the generated picture on the original, if it is worth a resampling."""

    def looked_up(rect: Rect, warp: register.Warp) -> Tensor:
        if warp == register.Warp():
            rows, columns = rect.slices
            return source[:, rows, columns].float()
        return warp(source, rect)

    kept = overlap.canvas.rect
    trusted = None if overlap.valid is None else lambda rect: float(overlap.trust(rect).mean())
    warp = register.find(overlap.pixels, looked_up, kept, trusted)
    if warp is None:
        return None, "declined: the pictures do not correspond closely enough to tell"
    right, down = register.moved(warp, kept)
    said = f"{right:+.2f} px right, {down:+.2f} px down, scale {warp.scale:.4f}"
    if warp.largest(kept) < register.LEAST:
        return None, f"{said}: nothing to move"
    return warp, f"{said}: undone"


def colors(overlap: Overlap) -> Tensor:
    """Colours ``[N, 3]`` of the original along the joined sides, one pixel in nine."""
    strips = [overlap.pixels(band.rect)[:, ::3, ::3] for band in bands(overlap.canvas, TONE_DEPTH)]
    return torch.cat([strip.flatten(1).T for strip in strips])


def fit(overlap: Overlap, made: Correction) -> Tone | None:
    """The tone transform from the overlap, sampled in cells of 4 x 4 pixels."""
    wanted, given, weight = [], [], []
    for band in bands(overlap.canvas, TONE_DEPTH):
        trusted = overlap.trust(band.rect)
        size = min(4, band.rect.width, band.rect.height)
        o, w = cells(overlap.pixels(band.rect), trusted, size)
        g, _ = cells(made(band.rect), trusted, size)
        wanted.append(o.flatten(1).T), given.append(g.flatten(1).T), weight.append((w > 0.99).float().flatten())
    return fit_tone(torch.cat(wanted), torch.cat(given), torch.cat(weight))


def fit_sharpness(overlap: Overlap, made: Correction) -> Tensor | None:
    """The filter fitted on the overlap."""
    o, g = [], []
    for band in bands(overlap.canvas, DETAIL_DEPTH):
        if min(band.rect.width, band.rect.height) < sharpness.TILE:
            continue
        trusted = sharpness.tiles(overlap.trust(band.rect)[0], sharpness.TILE, sharpness.TILE).amin((1, 2)) > 0.99
        o.append(sharpness.spectra(luma(overlap.pixels(band.rect))[0])[trusted])
        g.append(sharpness.spectra(luma(made(band.rect))[0])[trusted])
    gain = sharpness.fit_gain(torch.cat(o), torch.cat(g)) if o else None
    return None if gain is None else sharpness.kernel(gain)


def drift(overlap: Overlap, made: Correction) -> Tensor:
    """The membrane of what the tone transform left, in cells of ``CELL`` pixels over the whole canvas."""
    size = overlap.canvas.size.round_up(CELL)
    grid = (size.height // CELL, size.width // CELL)
    total, weight = overlap.target.new_zeros((3, *grid)), overlap.target.new_zeros((1, *grid))
    for band in bands(overlap.canvas, DRIFT_DEPTH):
        area = band.rect
        difference = overlap.pixels(area) - made(area)
        trusted = drift_weight(difference, overlap.trust(area), DRIFT_CAP)
        add_cells(total, weight, difference, trusted, area)
    values, support = blur_known(total / weight.clamp_min(1e-6), weight.clamp_max(1), 1.25)
    known = ((weight > 0.02) & (support > 0.02)).float()
    return membrane(values.clamp(-DRIFT_CAP, DRIFT_CAP), known)


def turned(pixels: Tensor, side: str) -> Tensor:
    """``pixels`` ``[C, H, W]`` turned so that ``side`` is on the right. Turning twice gives the picture back."""
    if side in ("up", "down"):
        pixels = pixels.transpose(1, 2)
    return pixels.flip(2) if side in ("left", "up") else pixels


def turned_back(pixels: Tensor, side: str) -> Tensor:
    """Undo ``turned``."""
    pixels = pixels.flip(2) if side in ("left", "up") else pixels
    return pixels.transpose(1, 2) if side in ("up", "down") else pixels


def steps(overlap: Overlap, made: Correction, width: int, sigma: float) -> Tensor:
    """The membrane of the steps across the borders, on the grid of ``drift``."""
    values, weight = torch.zeros_like(made.field), torch.zeros_like(made.field[:1])
    outer = {band.side: band.rect for band in beside_bands(overlap.canvas, 2 * width)}
    for band in bands(overlap.canvas, DETAIL_DEPTH):
        out, side = outer[band.side], band.side
        depth = out.width if side in ("left", "right") else out.height
        inside = turned(overlap.pixels(band.rect), side)
        if depth < 2 * width or inside.shape[2] < 6 * width:
            continue
        strip = torch.cat([inside, turned(made(out), side)], 2)
        fault = border.excess_step(strip, inside.shape[2], width, sigma)
        edge = turned_back(torch.nn.functional.pad(-fault[..., None], (CELL - 1, 0)), side)
        here = turned_back(torch.nn.functional.pad(torch.ones_like(fault[:1])[..., None], (CELL - 1, 0)), side)
        add_cells(values, weight, edge, here, edge_rect(band.rect, side, CELL))
    known = (weight > 0).float()
    return membrane(values / weight.clamp_min(1e-6), known)


def edge_rect(rect: Rect, side: str, depth: int) -> Rect:
    """The outermost ``depth`` pixels of ``rect`` at ``side``."""
    return {
        "left": Rect(rect.x, rect.y, depth, rect.height),
        "right": Rect(rect.right - depth, rect.y, depth, rect.height),
        "up": Rect(rect.x, rect.y, rect.width, depth),
        "down": Rect(rect.x, rect.bottom - depth, rect.width, depth),
    }[side]


def add_cells(total: Tensor, weight: Tensor, values: Tensor, trusted: Tensor, area: Rect) -> None:
    """Add ``values`` ``[C, H, W]`` under ``area``, each pixel by ``trusted`` ``[1, H, W]``, to sums over cells."""
    x, y = area.x // CELL * CELL, area.y // CELL * CELL
    right, bottom = -(-area.right // CELL) * CELL, -(-area.bottom // CELL) * CELL
    margins = (area.x - x, right - area.right, area.y - y, bottom - area.bottom)
    ys, xs = slice(y // CELL, bottom // CELL), slice(x // CELL, right // CELL)
    total[:, ys, xs] += F.avg_pool2d(F.pad(values * trusted, margins)[None], CELL)[0]
    weight[:, ys, xs] += F.avg_pool2d(F.pad(trusted, margins)[None], CELL)[0]


def rings(overlap: Overlap, made: Correction) -> tuple[tuple[Rect, Tensor], ...]:
    """The last correction of the few pixels next to the original: rectangles that do not overlap, and what to add."""
    canvas, reach = overlap.canvas, border.REACH
    whole, kept = Rect(0, 0, canvas.size.width, canvas.size.height), canvas.rect
    out = []
    for band in beside_bands(canvas, reach):
        place = band.rect
        if band.side in ("up", "down"):
            place = shared(Rect(place.x - reach, place.y, place.width + 2 * reach, place.height), whole)
        area = grown(place, reach, whole)
        inside = shared(area, kept)
        known = made.source.new_zeros((1, area.height, area.width), dtype=torch.float32)
        rows, columns = inside.moved(-area.x, -area.y).slices
        known[:, rows, columns] = overlap.trust(inside)
        difference = known.new_zeros((3, area.height, area.width))
        difference[:, rows, columns] = overlap.pixels(inside) - made(inside)
        added = border.ring(difference, (known > 0.99).float())
        rows, columns = place.moved(-area.x, -area.y).slices
        out.append((place, added[:, rows, columns]))
    return tuple(out)


def fit_grain(overlap: Overlap, made: Correction) -> grains.Grain | None:
    """What fine detail the new area near the original lacks."""
    areas = [band.rect for band in beside_bands(overlap.canvas, DETAIL_DEPTH)]
    areas = [area for area in areas if min(area.width, area.height) >= 16]
    if not areas:
        return None

    strips = [overlap.pixels(band.rect) for band in bands(overlap.canvas, DETAIL_DEPTH)]
    # An original of whole levels will be saved as whole levels: that rounding is grain as well.
    whole_levels = all(jpeg.is_8_bit(strip) for strip in strips)

    def result(correction: Correction) -> grains.Sample:
        made = [textured(correction, overlap, area).clamp(0, 1) for area in areas]
        return grains.merge([grains.measure((m * 255).round() / 255 if whole_levels else m) for m in made])

    wants = grains.merge([grains.measure(strip) for strip in strips])
    grain = grains.fit_grain(wants, result(made))
    if grain is None:
        return None
    bare = result(replace(made, grain=replace(grain, variance=torch.zeros_like(grain.variance))))
    for _ in range(2):
        grain = grains.refined(grain, wants, bare, result(replace(made, grain=grain)))
    return grain


def detect_jpeg(overlap: Overlap) -> jpeg.Texture | None:
    """The original's compression, read from the middle of each band."""
    windows = []
    for band in bands(overlap.canvas, DETAIL_DEPTH):
        area = band.rect
        x = area.x + max(0, area.width - JPEG_WINDOW) // 2
        y = area.y + max(0, area.height - JPEG_WINDOW) // 2
        area = Rect(x, y, min(area.width, JPEG_WINDOW), min(area.height, JPEG_WINDOW))
        windows.append((overlap.pixels(area), x - overlap.canvas.rect.x, y - overlap.canvas.rect.y))
    return jpeg.detect(windows)


def beside_bands(canvas: Canvas, depth: int) -> list[Band]:
    """The new area within ``depth`` of the original, along each joined side."""
    kept, e = canvas.rect, canvas.extents
    left, right, up, down = (min(depth, side) for side in (e.left, e.right, e.up, e.down))
    found = [
        Band("left", Rect(kept.x - left, kept.y, left, kept.height)),
        Band("right", Rect(kept.right, kept.y, right, kept.height)),
        Band("up", Rect(kept.x, kept.y - up, kept.width, up)),
        Band("down", Rect(kept.x, kept.bottom, kept.width, down)),
    ]
    return [band for band in found if band.rect.size.area]


def sample(field: Tensor, rect: Rect) -> Tensor:
    """A field given in cells, bilinear at the pixels of ``rect``."""
    y = (torch.arange(rect.y, rect.bottom, device=field.device) + 0.5) / CELL
    x = (torch.arange(rect.x, rect.right, device=field.device) + 0.5) / CELL
    return bilinear(bilinear(field, y).transpose(1, 2), x).transpose(1, 2)


def bilinear(field: Tensor, at: Tensor) -> Tensor:
    """Linear interpolation along the rows of ``field`` ``[C, H, W]``; cell i has its middle at i + .5."""
    at = (at - 0.5).clamp(0, field.shape[1] - 1)
    low = at.floor().long().clamp_max(max(field.shape[1] - 2, 0))
    part = (at - low).to(field.dtype)[None, :, None]
    upper = (low + 1).clamp_max(field.shape[1] - 1)
    return field[:, low] * (1 - part) + field[:, upper] * part
