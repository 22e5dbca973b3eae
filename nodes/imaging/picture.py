"""What counts as a picture: one check for every node and command."""

from __future__ import annotations

import torch
from torch import Tensor

from ..errors import InputError
from .canvas import Extents, Rect, Size
from .device import working

LEAST_SIDE = 8


def checked(image: Tensor) -> Tensor:
    """The picture as float RGB or RGBA where it can be worked on, unchanged where it is that already.

    Args:
        image: ``[B, H, W, C]`` with 1 (grey), 3 (RGB) or 4 (RGBA) channels, 0..1.

    Raises:
        InputError: another shape, no picture in the batch, sides below ``LEAST_SIDE``, or values that are not finite.
    """
    if not isinstance(image, Tensor) or image.ndim != 4:
        shape = list(image.shape) if isinstance(image, Tensor) else type(image).__name__
        raise InputError(f"The image is {shape}, not [batch, height, width, channels].", "Connect an IMAGE.")
    batch, height, width, channels = image.shape
    if batch == 0:
        raise InputError("The image batch is empty (0 pictures).", "Connect at least one picture.")
    if channels not in (1, 3, 4):
        raise InputError(f"The image has {channels} channels.", "Give a grey (1), RGB (3) or RGBA (4) picture.")
    if min(height, width) < LEAST_SIDE:
        raise InputError(
            f"The image is {width}×{height}, too small to be continued.",
            f"Give a picture of at least {LEAST_SIDE}×{LEAST_SIDE} pixels.",
        )
    if not image.is_floating_point():
        raise InputError(f"The image holds {image.dtype}, not floats.", "Convert it to float 0..1.")
    image = image.to(working(image.device))
    if not bool(torch.isfinite(image.sum(dtype=torch.float64))):
        raise InputError(
            "The image holds values that are not numbers (NaN or infinite).",
            "Look at the node that made it: a VAE in half precision is the usual cause.",
        )
    return image.expand(-1, -1, -1, 3) if channels == 1 else image


def transparent_border(images: list[Tensor]) -> Extents:
    """Rows and columns at the edges that are wholly transparent in every picture.

    Args:
        images: each ``[B, H, W, C]``, all of one size; without an alpha channel nothing is transparent.

    Raises:
        InputError: nothing is left.
    """
    if images[0].shape[-1] != 4:
        return Extents()
    seen = torch.stack([(image[..., 3] > 0).any(0) for image in images]).any(0)
    if not bool(seen.any()):
        raise InputError("The picture is wholly transparent.", "Give one with opaque pixels.")
    height, width = seen.shape
    box = around(seen)
    return Extents(box.x, width - box.right, box.y, height - box.bottom)


def around(marked: Tensor) -> Rect:
    """The smallest rectangle that holds all that is true in ``marked`` ``[H, W]``, which is not all false."""
    rows, columns = marked.any(1).nonzero().flatten().tolist(), marked.any(0).nonzero().flatten().tolist()
    return Rect(columns[0], rows[0], columns[-1] + 1 - columns[0], rows[-1] + 1 - rows[0])


def holes(mask: Tensor | None, count: int, size: Size) -> Tensor | None:
    """What a mask marks in ``count`` pictures of ``size``, as bool ``[1, H, W]`` or ``[count, H, W]``.

    Args:
        mask: ``[H, W]`` or ``[B, H, W]``, .5 and above = marked.

    Returns:
        ``None`` where nothing is marked. That mask may have any size: the host's loader gives a small empty one for a
        picture without alpha.

    Raises:
        InputError: the mask has another size or number than the pictures, or marks all of one.
    """
    if mask is None:
        return None
    marked = batched(mask) >= 0.5
    if not bool(marked.any()):
        return None
    found = Size(marked.shape[2], marked.shape[1])
    if found != size:
        raise InputError(f"The mask is {found}, but the picture is {size}.", "Give a mask of the picture's size.")
    if len(marked) not in (1, count):
        raise InputError(
            f"There are {len(marked)} masks for {count} pictures.", "Give one for all of them, or one for each."
        )
    if bool(marked.flatten(1).all(1).any()):
        raise InputError("The mask marks the whole picture.", "Leave something of it to continue from (mask 0).")
    return marked


def batched(mask: Tensor) -> Tensor:
    """``[H, W]`` or ``[B, H, W]`` as the latter."""
    return mask if mask.ndim == 3 else mask[None]


def cut(picture: Tensor, border: Extents) -> Tensor:
    """``[B, H, W, ...]`` without its border."""
    height, width = picture.shape[1:3]
    return picture[:, border.up : height - border.down, border.left : width - border.right]
