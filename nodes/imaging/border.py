"""What only the finished border shows: steps that begin outside the original, and the last few pixels.

The overlap cannot tell how the generator departs beyond the border. The picture across the border can, but there
content and fault are mixed; so only what stands out against the same measurement along parallel lines inside the
original is corrected.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .filters import blur_known, gaussian_kernel
from .membrane import relax

# Steps beyond 14 levels are content.
MAX_STEP = 14 / 255
CLIP = 40 / 255
# Width of the narrow look, and how many of its usual deviations a wider one may differ from it.
NARROW, SURE = 4, 1.0
# Times the power of content's steps that is taken off: what all of the border has in common is undone before, so what
# still stands out at one place is content more often than not.
DOUBT = 4.0
# How far the ring's correction reaches, its decay length, differences beyond which it is not believed (24 levels), and
# the deviation in pixels of the surroundings that these are means of.
REACH = 12
LENGTH = 3.0
BELIEVED = 24 / 255
AROUND = 3.0


def jump(sums: Tensor, at: int, width: int, gap: int = 0) -> Tensor:
    """Step at column ``at`` beyond the trend on both sides, ``[C, L]``.

    Args:
        sums: ``[C, L, X + 1]``, running sums of the picture along its rows, starting with 0.
        width: pixels averaged on each side.
        gap: pixels left out beyond ``at``.
    """
    w = width
    a, b, c = (sums[..., at + k * w] for k in (-2, -1, 0))
    d, e, f = (sums[..., at + gap + k * w] for k in (0, 1, 2))
    far_in, near_in, near_out, far_out = (b - a) / w, (c - b) / w, (e - d) / w, (f - e) / w
    return (near_out - near_in) - 0.5 * (1 + gap / w) * ((near_in - far_in) + (far_out - near_out))


def along(profile: Tensor, sigma: float) -> Tensor:
    """Low-pass of ``profile`` ``[C, L]`` along its length, ends repeated."""
    kernel = gaussian_kernel(sigma, profile)
    radius = len(kernel) // 2
    padded = torch.nn.functional.pad(profile[None], (radius, radius), mode="replicate")[0]
    return torch.nn.functional.conv1d(padded[:, None], kernel.view(1, 1, -1))[:, 0]


def look(strip: Tensor, border: int, width: int, sigma: float) -> tuple[Tensor, Tensor]:
    """The step across the border and the power such steps have along parallel lines inside, both ``[C, L]``."""
    sums = torch.nn.functional.pad(strip.cumsum(2), (1, 0))
    step = along(jump(sums, border, width).clamp(-CLIP, CLIP), sigma)
    lines = range(max(2 * width, border - 160), border - 3 * width + 1, 7)
    content = torch.stack([along(jump(sums, x, width).clamp(-CLIP, CLIP), sigma) for x in lines])
    return step, along(content.square().mean(0), sigma)


def excess_step(strip: Tensor, border: int, width: int, sigma: float) -> Tensor:
    """The part of the step across the border that is fault and not content, ``[C, L]``.

    Shrunk by the power of the same steps along parallel lines inside, much as James and Stein shrink towards zero; and
    no more of it than a narrow look confirms: a fault begins at the border, content that only lies around it does not.

    Args:
        strip: ``[C, L, X]``, original left of column ``border``, corrected new area from there on.
        width: pixels averaged on each side; ``border`` must be at least 5 of them in.
        sigma: low-pass along the border in pixels.
    """
    step, usual = look(strip, border, width, sigma)
    fault = step * (1 - DOUBT * usual / step.square().clamp_min(1e-12)).clamp_min(0)
    if width > NARROW:
        seen, spread = look(strip, border, NARROW, sigma)
        most = (seen * fault.sign() + SURE * spread.sqrt()).clamp_min(0)
        fault = fault.sign() * torch.minimum(fault.abs(), most)
    return fault.clamp(-MAX_STEP, MAX_STEP)


def ring(difference: Tensor, known: Tensor) -> Tensor:
    """Continue ``difference`` ``[C, H, W]``, given where ``known`` ``[1, H, W]`` is 1, outward for a few pixels.

    A screened membrane: it starts at the difference itself, so the border pixel's error and its grain run out instead
    of ending, and dies away within ``REACH`` pixels. Differences too large to be a fault of the generator count less:
    those that are large as a mean over the surroundings, for at an edge a decoder is off by much, to both sides.
    """
    size = blur_known(difference, known, AROUND)[0].abs().amax(0, keepdim=True)
    difference = difference / (1 + (size / BELIEVED) ** 4)
    return relax(difference * known, difference, known, REACH, screen=1 / LENGTH**2)
