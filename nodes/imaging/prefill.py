"""Fill of the new area without any model: before sampling, or instead of it."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ..errors import InputError
from .canvas import Extents
from .fill_content import fill_content
from .fill_library import fill_library
from .fill_smooth import fill_smooth

KINDS = ("auto", "smooth", "content", "patchmatch")


def prefill(
    image: Tensor,
    extents: Extents,
    kind: str = "auto",
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> Tensor:
    """Extend a picture by what it shows itself.

    Args:
        image: ``[B, H, W, 3]`` float in 0..1, on any device; every item is filled on its own.
        extents: pixels to add per side.
        kind: "smooth" = soft colours only, fast; "content" = texture and structure copied from the picture;
            "patchmatch" = the same by the optional library pypatchmatch; "auto" = "content".
        seed: same seed, same result.
        progress: called with (steps done, steps in all); may raise to cancel.

    Returns:
        ``[B, H + up + down, W + left + right, 3]`` on the same device; the original's pixels are unchanged.

    Raises:
        InputError: the image is empty, not finite or not RGB, the kind is unknown, or its library is missing.
    """
    _check(image, kind)
    fill = _FILLS[kind]
    report = progress or (lambda done, total: None)
    batch, height, width, channels = image.shape
    size = (extents.up + height + extents.down, extents.left + width + extents.right)
    result = image.new_empty(batch, *size, channels)
    for index, item in enumerate(image):
        result[index] = fill(item.movedim(-1, 0).float(), extents, seed, report).movedim(0, -1)
        report(index + 1, batch)
    result.clamp_(0, 1)
    result[:, extents.up : extents.up + height, extents.left : extents.left + width] = image
    return result


def _check(image: Tensor, kind: str) -> None:
    if kind not in KINDS:
        raise InputError(f"The fill {kind!r} is unknown.", f"Use one of: {', '.join(KINDS)}.")
    if image.ndim != 4 or image.shape[-1] != 3 or 0 in image.shape:
        raise InputError(f"A tensor of shape {list(image.shape)} is no picture.", "Use [B, H, W, 3].")
    if not bool(torch.isfinite(image).all()):
        raise InputError("The picture has values that are not numbers (NaN or infinite).", "Check the node before it.")


_Progress = Callable[[int, int], None]


def _smooth(image: Tensor, extents: Extents, seed: int, progress: _Progress) -> Tensor:
    return fill_smooth(image, extents)


def _content(image: Tensor, extents: Extents, seed: int, progress: _Progress) -> Tensor:
    return fill_content(image.contiguous(), extents, seed, progress)


def _library(image: Tensor, extents: Extents, seed: int, progress: _Progress) -> Tensor:
    return fill_library(image, extents, seed)


_FILLS = {"auto": _content, "smooth": _smooth, "content": _content, "patchmatch": _library}
