"""Fill of the new area without any model: before sampling, or instead of it."""

from __future__ import annotations

import torch
from torch import Tensor

from ..errors import InputError
from .canvas import Extents
from .device import working
from .fill_content import fill_content
from .fill_library import fill_library
from .fill_smooth import fill_smooth
from .progress import Progress, nth, share, untold

KINDS = ("auto", "smooth", "content", "patchmatch")


def prefill(
    image: Tensor,
    extents: Extents,
    kind: str = "auto",
    seed: int = 0,
    progress: Progress = untold,
    real: Tensor | None = None,
) -> Tensor:
    """Extend a picture by what it shows itself.

    Args:
        image: ``[B, H, W, 3]`` float in 0..1, on any device; every item is filled on its own.
        extents: pixels to add per side.
        kind: "smooth" = soft colours only, fast; "content" = texture and structure laid out of pieces of the picture;
            "patchmatch" = the same by the optional library pypatchmatch; "auto" = "content".
        seed: same seed, same result. "smooth" has no choice to make and ignores it.
        progress: called with (percent done, 100 per item); may raise to cancel.
        real: ``[H, W]`` bool, false where "content" copies nothing because it was made up itself; ``None`` = nowhere.

    Returns:
        ``[B, H + up + down, W + left + right, 3]`` on the same device; the original's pixels are unchanged.

    Raises:
        InputError: the image is empty, not finite or not RGB, the kind is unknown, or its library is missing.
    """
    _check(image, kind)
    if not extents:
        return image.clone()
    lies = image.device
    image = image.to(working(lies))
    batch, height, width, channels = image.shape
    size = (extents.up + height + extents.down, extents.left + width + extents.right)
    result = image.new_empty(batch, *size, channels)
    for index, item in enumerate(image):
        told = share(nth(progress, index, batch))
        planes = item.movedim(-1, 0).float()
        canvas = result[index].movedim(-1, 0)
        if kind == "smooth":
            fill_smooth(planes, extents, canvas)
        elif kind == "patchmatch":
            canvas[:] = fill_library(planes, extents, seed)
        else:
            canvas[:] = fill_content(planes.contiguous(), extents, seed, told, real)
        told(1)
    result.clamp_(0, 1)
    result[:, extents.up : extents.up + height, extents.left : extents.left + width] = image
    return result.to(lies)


def _check(image: Tensor, kind: str) -> None:
    if kind not in KINDS:
        raise InputError(f"The fill {kind!r} is unknown.", f"Use one of: {', '.join(KINDS)}.")
    if image.ndim != 4 or image.shape[-1] != 3 or 0 in image.shape:
        raise InputError(f"A tensor of shape {list(image.shape)} is no picture.", "Use [B, H, W, 3].")
    if not bool(torch.isfinite(image.sum(dtype=torch.float32))):
        raise InputError("The picture has values that are not numbers (NaN or infinite).", "Check the node before it.")
