"""What counts as a picture: one check for every node and command."""

from __future__ import annotations

import torch
from torch import Tensor

from ..errors import InputError
from .canvas import Extents

LEAST_SIDE = 8


def checked(image: Tensor) -> Tensor:
    """The picture as float RGB or RGBA, unchanged where it is that already.

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
    rows, columns = seen.any(1).nonzero().flatten().tolist(), seen.any(0).nonzero().flatten().tolist()
    return Extents(columns[0], width - 1 - columns[-1], rows[0], height - 1 - rows[-1])
