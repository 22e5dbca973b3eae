"""Joining: the generated side is moved to meet the original, and the original is put back untouched.

The generator also returns its own version of the area we already have. What differs there is the generator's doing;
each step measures it in that overlap and undoes it in the new area. Steps, in order: tone, membrane, composite.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import InputError
from .canvas import Canvas, Extents, Rect, Size
from .filters import blur_known
from .membrane import membrane
from .regions import bands, blocks, grown, new_areas
from .tone import Tone, cells, drift_weight, fit_tone

MATCHES = ("full", "tone", "off")
TONE_DEPTH = 96
DRIFT_DEPTH = 48
CELL = 8
# What the membrane may add to the mean difference, in 0..1: six levels of 255.
DRIFT_CAP = 6 / 255
BLOCK = 1024


@dataclass(frozen=True)
class Report:
    """What the joining found and did, one entry per picture of the batch."""

    steps: tuple[dict[str, str], ...]

    def text(self) -> str:
        """One line per step, pictures numbered when there are several."""
        lines = []
        for number, steps in enumerate(self.steps, 1):
            if len(self.steps) > 1:
                lines.append(f"picture {number}:")
            lines += [f"{name}: {said}" for name, said in steps.items()]
        return "\n".join(lines)


@dataclass(frozen=True)
class Stitched:
    """The finished picture ``[B, H, W, C]``, its mask ``[B, H, W]`` (1 = new or changed) and the report."""

    image: Tensor
    mask: Tensor
    report: Report


def stitch(
    original: Tensor,
    generated: Tensor,
    extents: Extents,
    match: str = "full",
    rim: int = 0,
    *,
    seed: int = 0,
    jpeg: str = "auto",
    valid: Tensor | None = None,
) -> Stitched:
    """Join ``generated`` to ``original`` so that the border cannot be seen.

    Every picture of a batch is matched by itself. Work and memory follow the new area; all of it runs on the device
    of ``generated``.

    Args:
        original: ``[B, h, w, 3]`` (or 4: alpha is kept and the new area is opaque), 0..1. Never changed, bit for bit,
            except in the rim asked for.
        generated: ``[B, h + up + down, w + left + right, 3]``, 0..1: the whole canvas as the generator returned it.
        extents: pixels added at each side.
        match: ``full`` fits tone, sharpness, grain and compression texture; ``tone`` fits tone only; ``off`` pastes.
        rim: pixels of the original along the joined borders that may change, feathered.
        seed: of the grain.
        jpeg: ``auto`` gives the new area the original's JPEG texture where it clearly has one; ``off`` never.
        valid: ``[B, h, w]`` or ``[h, w]``, 1 where ``generated`` really corresponds to ``original`` (0 for example
            where the sampler was allowed to repaint). Default: everywhere.

    Raises:
        InputError: shapes that do not fit, values that are not finite, unknown options.
    """
    canvas = check(original, generated, extents, match, rim, jpeg, valid)
    extents.require_any()
    kept = canvas.rect
    image = torch.empty(
        (len(original), canvas.size.height, canvas.size.width, original.shape[-1]),
        dtype=torch.float32,
        device=generated.device,
    )
    mask = torch.ones(image.shape[:3], dtype=torch.float32, device=generated.device)
    rows, columns = kept.slices
    mask[:, rows, columns] = 0
    image[:, rows, columns] = original.to(image)
    if image.shape[-1] == 4:
        image[..., 3] = 1
        image[:, rows, columns, 3] = original[..., 3].to(image)
    said = []
    for index in range(len(original)):
        trusted = None if valid is None else valid if valid.ndim == 2 else valid[index % len(valid)]
        said.append(join(image[index], generated[index], canvas, match, rim, trusted))
    if rim:
        mask = torch.maximum(mask, rim_weight(canvas, rim, mask))
    return Stitched(image, mask, Report(tuple(said)))


def check(
    original: Tensor,
    generated: Tensor,
    extents: Extents,
    match: str,
    rim: int,
    jpeg: str,
    valid: Tensor | None,
) -> Canvas:
    """The canvas of a request that makes sense.

    Raises:
        InputError: as ``stitch``.
    """
    for name, picture in (("original", original), ("generated", generated)):
        if picture.ndim != 4 or picture.shape[-1] not in (3, 4) or 0 in picture.shape:
            raise InputError(
                f"The {name} picture has the shape {list(picture.shape)}, which is not [batch, height, width, 3].",
                "Give at least one RGB picture.",
            )
        if not picture.is_floating_point():
            raise InputError(f"The {name} picture holds {picture.dtype}, not floats.", "Convert it to float 0..1.")
        if not bool(torch.isfinite(picture.sum(dtype=torch.float32))):
            raise InputError(
                f"The {name} picture holds values that are not numbers (NaN or infinite).",
                "Look at the step that made it: a VAE in half precision is the usual cause.",
            )
    batch, height, width, _ = original.shape
    canvas = Canvas(Size(width, height), extents)
    found = Size(generated.shape[2], generated.shape[1])
    if found != canvas.size:
        raise InputError(
            f"The generated picture is {found}, but {canvas.original} with these extents makes {canvas.size}.",
            "Scale the generated picture to that size first, or correct the extents.",
        )
    if len(generated) != batch:
        raise InputError(
            f"There are {batch} originals but {len(generated)} generated pictures.", "Give one for each original."
        )
    if match not in MATCHES:
        raise InputError(f"match is {match!r}.", f"Use one of: {', '.join(MATCHES)}.")
    if jpeg not in ("auto", "off"):
        raise InputError(f"jpeg is {jpeg!r}.", "Use auto or off.")
    if rim < 0:
        raise InputError(f"rim is {rim}, which is below 0.", "Set rim to 0 or more pixels.")
    if valid is not None and (valid.shape[-2:] != (height, width) or valid.ndim not in (2, 3)):
        raise InputError(
            f"The valid mask has the shape {list(valid.shape)}, but the original is {canvas.original}.",
            "Give a mask of the original's size.",
        )
    return canvas


def rim_weight(canvas: Canvas, rim: int, like: Tensor) -> Tensor:
    """How much of the generated side shows: 1 in the new area, falling to 0 over the outermost ``rim`` pixels of the
    original along its joined sides. ``[H, W]``."""
    y = torch.arange(canvas.size.height, dtype=like.dtype, device=like.device)
    x = torch.arange(canvas.size.width, dtype=like.dtype, device=like.device)
    kept, e = canvas.rect, canvas.extents
    far = torch.full_like(like[0, :1, :1], float(rim))
    depth = far
    if e.left:
        depth = torch.minimum(depth, (x - kept.x + 0.5)[None])
    if e.right:
        depth = torch.minimum(depth, (kept.right - 0.5 - x)[None])
    if e.up:
        depth = torch.minimum(depth, (y - kept.y + 0.5)[:, None])
    if e.down:
        depth = torch.minimum(depth, (kept.bottom - 0.5 - y)[:, None])
    part = (1 - depth / rim).clamp(0, 1)
    return part * part * (3 - 2 * part)


def join(
    image: Tensor, generated: Tensor, canvas: Canvas, match: str, rim: int, valid: Tensor | None
) -> dict[str, str]:
    """Fill the new area of ``image`` ``[H, W, C]`` from ``generated``; returns what each step did."""
    source = generated[..., :3].permute(2, 0, 1)
    tone, field, said = None, None, {}
    if match != "off":
        target = image[..., :3].permute(2, 0, 1)
        tone = fit(target, source, canvas, valid)
        said["tone"] = "declined: too little overlap" if tone is None else "matched on the overlap"
        field = drift(target, source, tone, canvas, valid)


    def corrected(rect: Rect) -> Tensor:
        rows, columns = rect.slices
        pixels = source[:, rows, columns].float()
        if tone is not None:
            pixels = tone(pixels)
        if field is not None:
            pixels = pixels + sample(field, rect)
        return pixels.clamp(0, 1).permute(1, 2, 0)

    if rim:
        show = rim_weight(canvas, rim, image[None, ..., 0])[..., None]
        untouched = [(band.rect, image[(*band.rect.slices, slice(3))].clone()) for band in bands(canvas, rim)]
        for rect, pixels in untouched:
            image[(*rect.slices, slice(3))] = torch.lerp(pixels, corrected(rect), show[rect.slices])
    for part in new_areas(canvas):
        for block in blocks(part, BLOCK):
            image[(*block.slices, slice(3))] = corrected(block)
    return said


def trust(valid: Tensor | None, rect: Rect, canvas: Canvas, like: Tensor) -> Tensor:
    """The part of ``valid`` under ``rect`` (canvas coordinates), ``[1, h, w]``."""
    if valid is None:
        return like.new_ones((1, rect.height, rect.width))
    rows, columns = rect.moved(-canvas.rect.x, -canvas.rect.y).slices
    return valid[rows, columns].to(like)[None]


def fit(target: Tensor, source: Tensor, canvas: Canvas, valid: Tensor | None) -> Tone | None:
    """The tone transform from the overlap, sampled in cells of 4 x 4 pixels."""
    wanted, given, weight = [], [], []
    for band in bands(canvas, TONE_DEPTH):
        rows, columns = band.rect.slices
        trusted = trust(valid, band.rect, canvas, source.new_empty(0, dtype=torch.float32))
        size = min(4, band.rect.width, band.rect.height)
        o, w = cells(target[:, rows, columns].float(), trusted, size)
        g, _ = cells(source[:, rows, columns].float(), trusted, size)
        wanted.append(o.flatten(1).T), given.append(g.flatten(1).T), weight.append((w > 0.99).float().flatten())
    return fit_tone(torch.cat(wanted), torch.cat(given), torch.cat(weight))


def drift(target: Tensor, source: Tensor, tone: Tone | None, canvas: Canvas, valid: Tensor | None) -> Tensor:
    """The membrane of what the tone transform left, in cells of ``CELL`` pixels over the whole canvas."""
    size = canvas.size.round_up(CELL)
    grid = (size.height // CELL, size.width // CELL)
    like = source.new_empty(0, dtype=torch.float32)
    total, weight = like.new_zeros((3, *grid)), like.new_zeros((1, *grid))
    for band in bands(canvas, DRIFT_DEPTH):
        rows, columns = band.rect.slices
        pixels = source[:, rows, columns].float()
        difference = target[:, rows, columns].float() - (pixels if tone is None else tone(pixels))
        trusted = drift_weight(difference, trust(valid, band.rect, canvas, like), DRIFT_CAP)
        outer = grown(band.rect, CELL, Rect(0, 0, size.width, size.height))
        outer = Rect(outer.x // CELL * CELL, outer.y // CELL * CELL, 0, 0)
        right, bottom = -(-band.rect.right // CELL) * CELL, -(-band.rect.bottom // CELL) * CELL
        margins = (band.rect.x - outer.x, right - band.rect.right, band.rect.y - outer.y, bottom - band.rect.bottom)
        d, w = F.pad(difference, margins), F.pad(trusted, margins)
        ys, xs = slice(outer.y // CELL, bottom // CELL), slice(outer.x // CELL, right // CELL)
        total[:, ys, xs] += F.avg_pool2d((d * w)[None], CELL)[0]
        weight[:, ys, xs] += F.avg_pool2d(w[None], CELL)[0]
    values, support = blur_known(total / weight.clamp_min(1e-6), weight.clamp_max(1), 1.25)
    known = ((weight > 0.02) & (support > 0.02)).float()
    return membrane(values.clamp(-DRIFT_CAP, DRIFT_CAP), known)


def sample(field: Tensor, rect: Rect) -> Tensor:
    """A field given in cells, bilinear at the pixels of ``rect``."""
    device = field.device
    y = (torch.arange(rect.y, rect.bottom, device=device) + 0.5) / CELL
    x = (torch.arange(rect.x, rect.right, device=device) + 0.5) / CELL
    return bilinear(bilinear(field, y).transpose(1, 2), x).transpose(1, 2)


def bilinear(field: Tensor, at: Tensor) -> Tensor:
    """Linear interpolation along the rows of ``field`` ``[C, H, W]``; cell i has its middle at i + .5."""
    at = (at - 0.5).clamp(0, field.shape[1] - 1)
    low = at.floor().long().clamp_max(max(field.shape[1] - 2, 0))
    part = (at - low).to(field.dtype)[None, :, None]
    upper = (low + 1).clamp_max(field.shape[1] - 1)
    return field[:, low] * (1 - part) + field[:, upper] * part
