"""Small filters and colour transforms on ``[C, H, W]`` tensors, shared by the matching steps."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

# ITU-R BT.601 luma and chroma differences, full range: the colour space of JPEG (JFIF 1.02, section 7).
RGB_TO_YCC = (
    (0.299, 0.587, 0.114),
    (-0.168735892, -0.331264108, 0.5),
    (0.5, -0.418687589, -0.081312411),
)
YCC_TO_RGB = (
    (1.0, 0.0, 1.402),
    (1.0, -0.344136286, -0.714136286),
    (1.0, 1.772, 0.0),
)


def mix(image: Tensor, matrix: tuple[tuple[float, ...], ...]) -> Tensor:
    """Apply a channel matrix to ``image`` ``[C, H, W]``."""
    return torch.tensordot(image.new_tensor(matrix), image, dims=1)


def luma(image: Tensor) -> Tensor:
    """BT.601 luma ``[1, H, W]`` of ``image`` ``[3, H, W]``."""
    r, g, b = RGB_TO_YCC[0]
    return (image[0] * r).add_(image[1], alpha=g).add_(image[2], alpha=b)[None]


def pad(image: Tensor, left: int, right: int, top: int, bottom: int) -> Tensor:
    """Mirror without repeating the border pixel; edge pixels where the picture is too small to mirror."""
    if not (left or right or top or bottom):
        return image
    height, width = image.shape[-2:]
    mode = "reflect" if max(left, right) < width and max(top, bottom) < height else "replicate"
    return F.pad(image[None], (left, right, top, bottom), mode=mode)[0]


def largest(image: Tensor, size: int) -> Tensor:
    """Largest value over ``size`` x ``size`` pixels, of those that have all of them: ``[C, H, W]`` -> ``[C, h, w]``."""
    # One direction after the other: a maximum of maxima, in far fewer comparisons.
    return F.max_pool2d(F.max_pool2d(image[None], (1, size), 1), (size, 1), 1)[0]


def gaussian_kernel(sigma: float, like: Tensor) -> Tensor:
    """Normalised samples of a Gaussian out to three sigma."""
    radius = max(1, math.ceil(3 * sigma))
    x = torch.arange(-radius, radius + 1, dtype=like.dtype, device=like.device)
    kernel = torch.exp(-(x**2) / (2 * sigma**2))
    return kernel / kernel.sum()


def blur(image: Tensor, sigma: float) -> Tensor:
    """Gaussian low-pass of ``image`` ``[C, H, W]``, ``sigma`` in pixels, mirrored at the borders."""
    kernel = gaussian_kernel(sigma, image)
    radius = len(kernel) // 2
    planes = pad(image, radius, radius, radius, radius)[:, None]
    planes = F.conv2d(planes, kernel.view(1, 1, 1, -1))
    return F.conv2d(planes, kernel.view(1, 1, -1, 1))[:, 0]


def blur_known(values: Tensor, weight: Tensor, sigma: float) -> tuple[Tensor, Tensor]:
    """Normalised convolution: the low-pass of ``values`` ``[C, H, W]`` counting each pixel by ``weight`` ``[1, H, W]``.

    Returns the low-passed values (0 where nothing is near) and the low-passed weight.
    Source: Knutsson and Westin, "Normalized and differential convolution", CVPR 1993.
    """
    support = blur_zero(weight, sigma)
    return blur_zero(values * weight, sigma) / support.clamp_min(1e-6), support


def blur_zero(image: Tensor, sigma: float) -> Tensor:
    """As ``blur``, with nothing (0) beyond the borders."""
    kernel = gaussian_kernel(sigma, image)
    radius = len(kernel) // 2
    planes = F.conv2d(image[:, None], kernel.view(1, 1, 1, -1), padding=(0, radius))
    return F.conv2d(planes, kernel.view(1, 1, -1, 1), padding=(radius, 0))[:, 0]
