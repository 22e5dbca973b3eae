"""Sharpness: the filter that turns the generator's version of the original into the original.

Measured on the overlap as the gain that best predicts the original from the generated picture at each spatial
frequency, ``H(f) = Re<O G*> / <|G|^2>`` (the Wiener solution, which noise in the original does not bias). Only what
both pictures share is amplified; what the generator lost altogether is left to the grain.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from .filters import luma

TILE = 32
RADIUS = 6
GAIN = (0.5, 2.5)
MIN_TILES = 8
# Camera pictures have been sharpened before: so much of the contrast may an edge go beyond it.
OVERSHOOT = 0.25
# Below this share of predicted power the two pictures do not show the same thing at that place.
SAME = 0.5


def tiles(plane: Tensor, size: int, step: int) -> Tensor:
    """Tiles ``[N, size, size]`` of ``plane`` ``[H, W]``, ``step`` pixels apart."""
    return plane.unfold(0, size, step).unfold(1, size, step).reshape(-1, size, size)


def spectra(plane: Tensor, step: int = TILE) -> Tensor:
    """Windowed Fourier transforms ``[N, 32, 17]`` of the tiles of ``plane`` without their means."""
    t = tiles(plane, TILE, step)
    window = torch.hann_window(TILE, periodic=False, dtype=plane.dtype, device=plane.device)
    return torch.fft.rfft2((t - t.mean((1, 2), keepdim=True)) * window[:, None] * window)


def radius(device: torch.device) -> Tensor:
    """Distance of each frequency of a tile from zero, ``[32, 17]``, in steps of the tile's spectrum."""
    y = torch.fft.fftfreq(TILE, 1 / TILE, device=device)[:, None]
    x = torch.fft.rfftfreq(TILE, 1 / TILE, device=device)[None]
    return torch.hypot(y, x)


def fit_gain(original: Tensor, generated: Tensor) -> Tensor | None:
    """Gain per radial frequency ``[17]`` from spectra ``[N, 32, 17]`` of the same places, bounded to ``GAIN``.

    Returns:
        ``None`` where fewer than ``MIN_TILES`` places correspond.
    """
    rings = radius(original.device)
    middle = (rings >= 2) & (rings <= 8)
    cross = (original * generated.conj()).real
    power = generated.abs().square()
    wanted = original.abs().square()
    both = cross[:, middle].sum(1) / (wanted[:, middle].sum(1) * power[:, middle].sum(1)).sqrt().clamp_min(1e-9)
    same = (both > SAME).to(power.dtype)
    if int(same.sum()) < MIN_TILES:
        return None
    # Strong edges would decide alone: each place counts by its amplitude, not by its power.
    same = same / power[:, middle].sum(1).sqrt().clamp_min(1e-6)
    ring = rings.round().long().clamp_max(TILE // 2).flatten()
    count = TILE // 2 + 1
    top = power.new_zeros(count).index_add_(0, ring, torch.einsum("n,nyx->yx", same, cross).flatten())
    bottom = power.new_zeros(count).index_add_(0, ring, torch.einsum("n,nyx->yx", same, power).flatten())
    gain = (top / bottom.clamp_min(1e-12)).clamp(*GAIN)
    gain[:2] = 1
    smooth = F.avg_pool1d(F.pad(gain[None, None], (1, 1), mode="replicate"), 3, 1)[0, 0]
    smooth[:2] = 1
    return smooth


def kernel(gain: Tensor) -> Tensor:
    """The filter ``[13, 13]`` of a radial gain, less the identity: what to add to the picture. Its sum is 0."""
    rings = radius(gain.device).clamp_max(TILE // 2)
    low = rings.floor().long().clamp_max(TILE // 2 - 1)
    part = rings - low
    response = gain[low] * (1 - part) + gain[low + 1] * part - 1
    full = torch.fft.fftshift(torch.fft.irfft2(response, s=(TILE, TILE)))
    middle, r = TILE // 2, RADIUS
    window = torch.hann_window(2 * r + 3, periodic=False, dtype=gain.dtype, device=gain.device)[1:-1]
    cut = full[middle - r : middle + r + 1, middle - r : middle + r + 1] * window[:, None] * window
    cut[r, r] -= cut.sum()
    return cut


def sharpen(image: Tensor, added: Tensor, overshoot: float = OVERSHOOT) -> Tensor:
    """``image`` ``[3, H, W]`` less ``RADIUS`` pixels on each side, its luma filtered.

    The change is bounded by the contrast around each pixel: no edge goes beyond the values around it by more than the
    share ``overshoot`` of their contrast (and of four levels). Chroma stays: filtering it would amplify compression
    noise.
    """
    y = luma(image)
    detail = F.conv2d(y[None], added[None, None])[0]
    r = RADIUS
    inner = y[:, r - 2 : -(r - 2) or None, r - 2 : -(r - 2) or None]
    centre = y[:, r:-r, r:-r]
    high, low = largest(inner) - centre, -largest(-inner) - centre
    room = overshoot * (high - low + 4 / 255)
    return image[:, r:-r, r:-r] + torch.minimum(torch.maximum(detail, low - room), high + room)


def largest(plane: Tensor) -> Tensor:
    """The maximum over 5 x 5 pixels, of the pixels that have all of them."""
    for axis in (1, 2):
        n = plane.shape[axis]
        two = torch.maximum(plane.narrow(axis, 0, n - 1), plane.narrow(axis, 1, n - 1))
        four = torch.maximum(two.narrow(axis, 0, n - 3), two.narrow(axis, 2, n - 3))
        plane = torch.maximum(four.narrow(axis, 0, n - 4), two.narrow(axis, 3, n - 4))
    return plane
