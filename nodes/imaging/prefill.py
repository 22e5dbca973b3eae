"""Fill of the new area without any model: before sampling, or instead of it."""

from __future__ import annotations

import torch
from torch import Tensor

from ..errors import InputError
from .canvas import Extents
from .device import working
from .fill_content import fill_content
from .fill_holes import fill_holes
from .fill_library import fill_library
from .fill_smooth import fill_holes_smooth, fill_smooth
from .picture import around
from .progress import Progress, between, nth, share, untold

KINDS = ("auto", "smooth", "content", "patchmatch")


def prefill(
    image: Tensor,
    extents: Extents,
    kind: str = "auto",
    seed: int = 0,
    progress: Progress = untold,
    known: Tensor | None = None,
) -> Tensor:
    """Extend a picture by what it shows itself, and fill its holes.

    Args:
        image: ``[B, H, W, 3]`` float in 0..1, on any device; every item is filled on its own.
        extents: pixels to add per side.
        kind: "smooth" = soft colours only, fast; "content" = texture and structure laid out of pieces of the picture;
            "patchmatch" = the same by the optional library pypatchmatch; "auto" = "content".
        seed: same seed, same result. "smooth" has no choice to make and ignores it.
        progress: called with (percent done, 100 per item); may raise to cancel.
        known: ``[H, W]`` bool, false in holes; nothing is taken from what the image holds there. ``None`` = no holes.

    Returns:
        ``[B, H + up + down, W + left + right, 3]`` on the same device; the original's known pixels are unchanged.

    Raises:
        InputError: the image is empty, not finite or not RGB, nothing of it is known, the kind is unknown, or its
            library is missing.
    """
    _check(image, kind, known)
    lies = image.device
    image = image.to(working(lies))
    batch, height, width, channels = image.shape
    everything = torch.ones(height, width, dtype=torch.bool, device=image.device)
    known = everything if known is None else known.to(image.device)
    # A hole along a whole side of the picture is filled as what lies beyond that side.
    box = around(known)
    rows, columns = box.slices
    beyond = Extents(
        extents.left + box.x, extents.right + width - box.right, extents.up + box.y, extents.down + height - box.bottom
    )
    there = known[rows, columns]
    holes = not bool(there.all())
    if not beyond and not holes:
        return image.clone().to(lies)
    size = (extents.up + height + extents.down, extents.left + width + extents.right)
    result = image.new_empty(batch, *size, channels)
    for index, item in enumerate(image):
        told = share(nth(progress, index, batch))
        planes = item[rows, columns].movedim(-1, 0).float()
        canvas = result[index].movedim(-1, 0)
        if kind == "smooth":
            fill_smooth(fill_holes_smooth(planes, there) if holes else planes, beyond, canvas)
        elif kind == "patchmatch":
            canvas[:] = fill_library(planes, beyond, seed, there)
        else:
            planes = planes.contiguous()
            if holes:
                planes = fill_holes(planes, there, seed, between(told, 0, 0.5))
            canvas[:] = fill_content(planes, beyond, seed, between(told, 0.5 * holes, 1)) if beyond else planes
        told(1)
    result.clamp_(0, 1)
    part = result[:, extents.up : extents.up + height, extents.left : extents.left + width]
    part[:] = torch.where(known[..., None], image, part) if holes or box.size.area < known.numel() else image
    return result.to(lies)


def _check(image: Tensor, kind: str, known: Tensor | None) -> None:
    if kind not in KINDS:
        raise InputError(f"The fill {kind!r} is unknown.", f"Use one of: {', '.join(KINDS)}.")
    if image.ndim != 4 or image.shape[-1] != 3 or 0 in image.shape:
        raise InputError(f"A tensor of shape {list(image.shape)} is no picture.", "Use [B, H, W, 3].")
    if not bool(torch.isfinite(image.sum(dtype=torch.float32))):
        raise InputError("The picture has values that are not numbers (NaN or infinite).", "Check the node before it.")
    if known is not None and not bool(known.any()):
        raise InputError("The mask marks the whole picture.", "Leave something of it to continue from (mask 0).")
