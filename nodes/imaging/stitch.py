"""Joining: the generated side is moved to meet the original, and the original is put back untouched.

The generator also returns its own version of the area we already have. What differs there is the generator's doing;
each step measures it in that overlap and undoes it in the new area; ``match.measure`` has their order.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..errors import InputError
from .canvas import Canvas, Extents, Rect, Size
from .correction import Overlap, textured
from .device import working
from .match import measure
from .progress import Progress, Share, between, nth, share, untold
from .regions import bands, blocks, new_areas
from .report import Joined, Report, Sides
from .seam import look

MATCHES = ("full", "tone", "off")
BLOCK = 1024
# The share of the work that measuring is.
MEASURED = 0.6


@dataclass(frozen=True)
class Stitched:
    """The finished picture ``[B, H, W, C]``, its mask ``[B, H, W]`` (1 = new or changed) and the report."""

    image: Tensor
    mask: Tensor
    report: Report | Sides


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
    progress: Progress = untold,
) -> Stitched:
    """Join ``generated`` to ``original`` so that the border cannot be seen.

    Every picture of a batch is matched by itself. Work and memory follow the new area; all of it runs on the device
    of ``generated``, where that knows float64.

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
        progress: called with (percent done, 100 per picture); may raise to cancel.

    Raises:
        InputError: shapes that do not fit, values that are not finite, unknown options.
    """
    canvas = check(original, generated, extents, match, rim, jpeg, valid)
    extents.require_any()
    kept, lies = canvas.rect, generated.device
    generated = generated.to(working(lies))
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
    pictures = []
    for index in range(len(original)):
        trusted = None if valid is None else valid if valid.ndim == 2 else valid[index % len(valid)]
        told = share(nth(progress, index, len(original)))
        pictures.append(join(image[index], generated[index], canvas, match, rim, trusted, seed + index, jpeg, told))
    if rim:
        mask = torch.maximum(mask, rim_weight(canvas, rim, mask))
    return Stitched(image.to(lies), mask.to(lies), Report(tuple(pictures)))


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
    image: Tensor,
    generated: Tensor,
    canvas: Canvas,
    match: str,
    rim: int,
    valid: Tensor | None,
    seed: int,
    jpeg: str,
    progress: Share,
) -> Joined:
    """Fill the new area of ``image`` ``[H, W, C]`` from ``generated``; returns the figures of the finished picture."""
    overlap = Overlap(image[..., :3].permute(2, 0, 1), canvas, valid)
    measuring, filling = between(progress, 0, MEASURED), between(progress, MEASURED, 1)
    correction, found = measure(overlap, generated[..., :3].permute(2, 0, 1), match, seed, jpeg, measuring)

    def corrected(rect: Rect) -> Tensor:
        return textured(correction, overlap, rect).clamp(0, 1).permute(1, 2, 0)

    if rim:
        show = rim_weight(canvas, rim, image[None, ..., 0])[..., None]
        untouched = [(band.rect, image[(*band.rect.slices, slice(3))].clone()) for band in bands(canvas, rim)]
        for rect, pixels in untouched:
            image[(*rect.slices, slice(3))] = torch.lerp(pixels, corrected(rect), show[rect.slices])
    parts = [block for part in new_areas(canvas) for block in blocks(part, BLOCK)]
    for index, block in enumerate(parts):
        filling(index / len(parts))
        image[(*block.slices, slice(3))] = corrected(block)
    finished = Joined(look(overlap.target, canvas), steps=found.steps, **found.figures)
    progress(1)
    return finished
