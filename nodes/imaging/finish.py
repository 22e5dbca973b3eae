"""The finished picture of an outpainting: every side joined to the untouched original."""

from __future__ import annotations

from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor

from .canvas import Extents, Rect
from .passes import Outpainting, inside, slow, touched
from .picture import around
from .progress import Progress, nth, untold
from .report import Report, Sides
from .stitch import Stitched, stitch

# Canvases up to this size are joined in one go, larger ones side by side.
WHOLE_JOIN = 16_000_000
# What the joining of one side sees of the picture beside it.
JOIN_CONTEXT = 256
# What is looked at around a hole, and the cells in which its filling is moved to meet the edges, in pixels.
RING, MEND_CELL = 32, 4


def finish(
    work: Outpainting, match: str = "full", rim: int = 0, seed: int = 0, progress: Progress = untold
) -> Stitched:
    """The finished picture: every side joined to the untouched original, and its holes filled.

    Args:
        match, rim, seed, progress: as for ``stitch``.

    Returns:
        image ``[B, H', W', C]``, mask ``[B, H', W']`` and the report.
    """
    frame = work.frame
    # One window is matched by the joining itself; several have to agree with each other first.
    if match == "off":
        drawn = replace(work, passes=tuple(replace(done, tones=None, drift=None) for done in work.passes))
    else:
        drawn = work.toned() if len(work.passes) > 1 else work
    if work.holes is not None:
        done = finish(replace(work, original=mended(work, work.holes, match), holes=None), match, rim, seed, progress)
        rows, columns = work.rect.moved(-frame.x, -frame.y).slices
        done.mask[:, rows, columns] = torch.maximum(done.mask[:, rows, columns], work.holes.to(done.mask))
        return done
    steps = sides(work.rect, frame)
    if frame.size.area <= WHOLE_JOIN or not steps:
        steps = [("", work.rect, frame)]
    # What is joined so far, and where it lies.
    image, place = work.original, work.rect
    texts: list[tuple[str, Report | Sides]] = []
    for index, (side, known, grown) in enumerate(steps):
        region = beside(known, grown)
        held = region.clipped(known)
        extents = Extents(held.x - region.x, region.right - held.right, held.y - region.y, region.bottom - held.bottom)
        rows, columns = held.moved(-place.x, -place.y).slices
        joined = stitch(
            image[:, rows, columns],
            drawn.draw(region),
            extents,
            match,
            rim,
            seed=seed,
            valid=valid(work, held, region),
            progress=nth(progress, index, len(steps)),
        )
        texts.append((side, joined.report))
        if region == frame:
            return joined
        if place != frame:
            (image, mask), place = started(work.original, frame), frame
        rows, columns = region.moved(-frame.x, -frame.y).slices
        image[:, rows, columns] = joined.image.to(image)
        mask[:, rows, columns] = torch.maximum(mask[:, rows, columns], joined.mask.to(mask))
    return Stitched(image, mask, Sides(tuple(texts)) if len(texts) > 1 else texts[0][1])


def mended(work: Outpainting, holes: Tensor, match: str) -> Tensor:
    """The original with its holes filled by what the passes gave there, toned and moved to meet their edges."""
    box = around(holes.any(0))
    box = Rect(box.x - RING, box.y - RING, box.width + 2 * RING, box.height + 2 * RING).clipped(work.rect)
    work = work.toned() if match != "off" else work
    drawn = work.draw(box)
    here = holes[(slice(None), *box.slices)].to(drawn.device)
    result = work.original.clone()
    part = result[(slice(None), *box.slices)]
    if match != "off":
        seen = inside(tuple(done.window.rect for done in work.passes), box).to(drawn)
        known = (seen * ~here.any(0))[None]
        field = F.interpolate(slow(part[..., :3] - drawn, known, MEND_CELL), scale_factor=MEND_CELL, mode="bilinear")
        drawn = drawn + field[..., : box.height, : box.width].movedim(1, -1)
    part[..., :3] = torch.where(here[..., None], drawn.clamp(0, 1).to(part), part[..., :3])
    if part.shape[-1] == 4:
        part[..., 3].masked_fill_(here, 1)
    return result


def started(original: Tensor, frame: Rect) -> tuple[Tensor, Tensor]:
    """A canvas that holds the original, and its mask, 0 on the original and on all that no step has joined yet."""
    batch, height, width, channels = original.shape
    image = torch.empty((batch, frame.height, frame.width, channels), dtype=torch.float32, device=original.device)
    rows, columns = slice(-frame.y, height - frame.y), slice(-frame.x, width - frame.x)
    image[:, rows, columns] = original
    return image, torch.zeros((batch, frame.height, frame.width), device=original.device)


def sides(known: Rect, frame: Rect) -> list[tuple[str, Rect, Rect]]:
    """The steps in which a large canvas is joined, side by side: name, known area and grown area of each."""
    wide = Rect(frame.x, known.y, frame.width, known.height)
    left = Rect(frame.x, known.y, known.right - frame.x, known.height)
    above = Rect(frame.x, frame.y, frame.width, known.bottom - frame.y)
    steps = [("left", known, left), ("right", left, wide), ("up", wide, above), ("down", above, frame)]
    return [step for step in steps if step[1] != step[2]]


def beside(known: Rect, grown: Rect) -> Rect:
    """What has to be looked at to grow ``known`` to ``grown``: the new area and, where only one axis grows, no more of
    the known area than its context."""
    x, y, right, bottom = grown.x, grown.y, grown.right, grown.bottom
    if grown.height == known.height:
        x = x if x < known.x else max(x, known.right - JOIN_CONTEXT)
        right = right if right > known.right else min(right, known.x + JOIN_CONTEXT)
    elif grown.width == known.width:
        y = y if y < known.y else max(y, known.bottom - JOIN_CONTEXT)
        bottom = bottom if bottom > known.bottom else min(bottom, known.y + JOIN_CONTEXT)
    return Rect(x, y, right - x, bottom - y)


def valid(work: Outpainting, held: Rect, region: Rect) -> Tensor:
    """``[h, w]``, 1 where ``held`` was shown to a window whose sampler had to keep it."""
    result = torch.zeros((held.height, held.width), device=work.original.device)
    for done in work.passes:
        seen = done.window.rect.common(held)
        if seen is not None:
            rows, columns = seen.moved(-held.x, -held.y).slices
            free = touched(done.window, seen, work.overlap + work.cell).to(result)
            result[rows, columns] = torch.maximum(result[rows, columns], 1 - free)
    return result
