"""A picture that came back from a service, joined to the original it was made from, whatever its size."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from .canvas import Canvas, Extents, Size
from .stitch import stitch

SAME_SHAPE = 0.02
"""Largest relative difference of the aspect ratios at which a returned picture is taken for the canvas, scaled."""


@dataclass(frozen=True)
class Joined:
    """Finished picture ``[1, H, W, C]``, mask ``[1, H, W]`` (1 = generated), and what there is to say about it."""

    image: Tensor
    mask: Tensor
    text: str
    warnings: tuple[str, ...] = ()


def join(original: Tensor, returned: Tensor, extents: Extents, seed: int = 0) -> Joined:
    """Put the untouched original back into what came for it.

    A picture of the wrong size but the canvas's shape is resampled to the canvas. One of another shape cannot be laid
    under the original: it is handed back as it came, all of it marked as generated.

    Args:
        original: ``[1, H, W, C]`` with 3 or 4 channels, 0..1.
        returned: ``[1, h, w, 3]``, 0..1.

    Raises:
        InputError: values that are not finite.
    """
    canvas = Canvas(Size(original.shape[2], original.shape[1]), extents)
    came = Size(returned.shape[2], returned.shape[1])
    warnings = []
    if came != canvas.size:
        if abs(came.width * canvas.size.height / (came.height * canvas.size.width) - 1) > SAME_SHAPE:
            warning = f"the picture of {came} does not fit the canvas of {canvas.size}: returned as it came"
            return Joined(with_alpha(returned, original), torch.ones(returned.shape[:3]), "", (warning,))
        warnings.append(f"resampled from {came} to {canvas.size} to join it to the original")
        returned = resample(returned, canvas.size)
    stitched = stitch(original, returned, extents, seed=seed)
    return Joined(stitched.image, stitched.mask, stitched.report.text(), tuple(warnings))


def with_alpha(image: Tensor, like: Tensor) -> Tensor:
    """``image`` with an opaque alpha channel if ``like`` has one."""
    return torch.cat((image, torch.ones_like(image[..., :1])), -1) if like.shape[-1] == 4 else image


def resample(image: Tensor, size: Size) -> Tensor:
    """``[1, H, W, C]`` at another size, bicubic, clipped to 0..1."""
    moved = F.interpolate(
        image.movedim(-1, 1), (size.height, size.width), mode="bicubic", align_corners=False, antialias=True
    )
    return moved.movedim(1, -1).clamp(0, 1)


def as_batch(images: list[Tensor]) -> tuple[Tensor, tuple[str, ...]]:
    """Pictures or masks ``[1, H, W, ...]`` as one batch; those of different size are padded right and down with 0."""
    height, width = (max(image.shape[axis] for image in images) for axis in (1, 2))
    sizes = {f"{image.shape[2]}×{image.shape[1]}" for image in images}
    if len(sizes) == 1:
        return torch.cat(images), ()
    padded = []
    for image in images:
        room = image.new_zeros((1, height, width, *image.shape[3:]))
        room[:, : image.shape[1], : image.shape[2]] = image
        padded.append(room)
    return torch.cat(padded), (f"pictures of {', '.join(sorted(sizes))} were padded to {width}×{height} for the batch",)
