"""JPEG texture: recover from pixels alone how a picture was once compressed, and give other pixels the same texture.

A decoded JPEG still shows its grid and tables: the DCT coefficients of its 8 x 8 blocks lie on multiples of the
quantisation steps, blurred only by the rounding to 8 bits. Grid offset, both tables and chroma subsampling are read
from there, so tables of any encoder are found. Format: ITU-T T.81; sample positions and conversion: JFIF 1.02;
upsampling: the triangle filter that libjpeg, and so nearly every decoder, uses.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from .filters import RGB_TO_YCC, YCC_TO_RGB, mix

SIDE = 8
LARGEST_STEP = 120
# Rounding three channels to 8 bits leaves this deviation in a DCT coefficient.
ROUNDING = 0.24
# Bins of the coefficient histograms per unit, and how far they reach.
FINE, REACH = 4, 400
MIN_COUNT = 20
MIN_KNOWN = 6
# Mean change in 0..1 up to which a second coding counts as none: half a level.
MOST_CHANGED = 0.5 / 255
LUMA_TABLE = (
    (16, 11, 10, 16, 24, 40, 51, 61),
    (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77),
    (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101),
    (72, 92, 95, 98, 112, 100, 103, 99),
)
CHROMA_TABLE = (
    (17, 18, 24, 47, 99, 99, 99, 99),
    (18, 21, 26, 66, 99, 99, 99, 99),
    (24, 26, 56, 99, 99, 99, 99, 99),
    (47, 66, 99, 99, 99, 99, 99, 99),
    *((99,) * 8,) * 4,
)


@dataclass(frozen=True)
class Texture:
    """How a picture was compressed.

    Attributes:
        x, y: a corner of the grid of coding units, in pixels of the picture.
        luma: quantisation steps ``[8, 8]``, row = vertical frequency.
        chroma: ``[8, 8]``, or ``None`` where chroma shows no steps (left as it is).
        sampling: pixels per chroma sample, (horizontal, vertical).
    """

    x: int
    y: int
    luma: Tensor
    chroma: Tensor | None
    sampling: tuple[int, int]

    @property
    def unit(self) -> tuple[int, int]:
        """Width and height of a coding unit in pixels."""
        return SIDE * self.sampling[0], SIDE * self.sampling[1]

    def __str__(self) -> str:
        ways = {(1, 1): "4:4:4", (2, 1): "4:2:2", (1, 2): "4:4:0", (2, 2): "4:2:0"}
        chroma = "luma only" if self.chroma is None else ways[self.sampling]
        return f"{chroma}, first steps {[int(s) for s in self.luma[0, :4]]}, grid at {self.x}, {self.y}"


def transform(like: Tensor) -> Tensor:
    """The orthonormal DCT-II of 8 samples, ``[8, 8]``."""
    k = torch.arange(SIDE, dtype=torch.float64, device="cpu")
    rows = torch.cos(math.pi / SIDE * (k[None] + 0.5) * k[:, None]) * math.sqrt(2 / SIDE)
    rows[0] /= math.sqrt(2)
    return rows.to(like)


def to_blocks(plane: Tensor) -> Tensor:
    """``[H, W]``, sides multiples of 8 -> ``[H/8, W/8, 8, 8]``."""
    return plane.unfold(0, SIDE, SIDE).unfold(1, SIDE, SIDE)


def from_blocks(blocks: Tensor) -> Tensor:
    rows, columns = blocks.shape[:2]
    return blocks.transpose(1, 2).reshape(rows * SIDE, columns * SIDE)


def coefficients(plane: Tensor, x: int = 0, y: int = 0) -> Tensor:
    """DCT of the whole blocks of ``plane`` ``[H, W]`` (0..255) on the grid through ``x``, ``y``: ``[N, 8, 8]``."""
    cut = plane[y:, x:]
    cut = cut[: cut.shape[0] // SIDE * SIDE, : cut.shape[1] // SIDE * SIDE]
    d = transform(plane)
    return (d @ to_blocks(cut - 128) @ d.T).flatten(0, 1)


def steps(blocks: Tensor) -> tuple[Tensor, Tensor]:
    """Quantisation steps seen in coefficients ``[N, 8, 8]``, 0 = not to be told, and how sharply they show (0..1).

    For a step q, coefficients beyond its zero bin have a mean of cos(2 pi c / q) near 1; other steps give about 0, and
    divisors of q fit a little less well because rounding weighs more in them.
    """
    bins = (blocks.flatten(1).T.abs() * FINE).round().long().clamp_max(REACH * FINE)
    empty = blocks.new_zeros((SIDE * SIDE, REACH * FINE + 1))
    histogram = empty.scatter_add_(1, bins, torch.ones_like(bins, dtype=blocks.dtype))
    value = torch.arange(REACH * FINE, dtype=blocks.dtype, device=blocks.device)[:, None] / FINE
    q = torch.arange(1, LARGEST_STEP + 1, dtype=blocks.dtype, device=blocks.device)
    beyond = (value >= (0.5 * q - 0.75).clamp_min(0.75)).to(blocks.dtype)
    inside = histogram[:, :-1]
    count = inside @ beyond
    score = inside @ (torch.cos(2 * math.pi * value / q) * beyond) / count.clamp_min(1)
    expected = torch.exp(-2 * (math.pi * ROUNDING / q) ** 2)
    fits = (count >= MIN_COUNT) & (score > 0.72 * expected) & (q > 1)
    top, place = torch.where(fits, score, torch.zeros_like(score)).max(1)
    best = torch.where(top > 0, q[place], torch.zeros_like(top))
    sharp = top / expected[place]
    return best.view(SIDE, SIDE), torch.where(best > 1, sharp, torch.zeros_like(sharp)).view(SIDE, SIDE)


def clearness(found: Tensor, sharp: Tensor) -> float:
    """Evidence for a grid: frequencies whose steps show, each by how sharply."""
    return float(sharp.flatten()[1:].sum())


def family(standard: Tensor) -> Tensor:
    """The ``standard`` table at libjpeg's qualities 1 to 100, ``[100, 8, 8]``."""
    quality = torch.arange(1, 101, dtype=standard.dtype, device=standard.device)
    percent = torch.where(quality < 50, (5000 / quality).floor(), 200 - 2 * quality)
    return ((standard * percent.view(-1, 1, 1) + 50) / 100).floor().clamp(1, 255)


def completed(found: Tensor, standard: tuple[tuple[int, ...], ...]) -> tuple[Tensor, int | None]:
    """The whole table, given the steps that show (0 = not to be told), and its index in the usual family.

    Where a table of the usual family (Annex K of the standard scaled by libjpeg's quality) explains nearly all steps
    found, it is that table; else what is missing is the standard's table at the strength of the steps found.
    """
    table = found.new_tensor(standard)
    # The mean of a plain picture has few values and fits many steps; tables begin with steps of like size.
    first = torch.maximum(found[0, 1], found[1, 0])
    found = found.clone()
    found[0, 0] = torch.where((first > 0) & (found[0, 0] <= 2 * first), found[0, 0], torch.zeros_like(first))
    known = found > 0
    if not bool(known.any()):
        return torch.ones_like(table), None
    usual = family(table)
    agree = ((usual - found).abs() < 0.5)[:, known].double().mean(1)
    if bool(agree.max() >= 0.8):
        best = int(agree.argmax())
        return usual[best], best
    ratio = (found / table)[known & (found >= 3) | (found == found.max())].median()
    return torch.where(known, found, (table * ratio).round().clamp(1, 255)), None


def unsampled(plane: Tensor, axis: int) -> Tensor:
    """Undo libjpeg's triangle upsampling along ``axis``: the chroma samples of which ``plane`` was made."""
    plane = plane.movedim(axis, -1)
    pairs = plane.unflatten(-1, (-1, 2)).mean(-1)
    samples = pairs
    for _ in range(10):
        p = torch.cat([samples[..., :1], samples, samples[..., -1:]], -1)
        samples = samples + pairs - (0.75 * samples + 0.125 * (p[..., :-2] + p[..., 2:]))
    return samples.movedim(-1, axis)


def upsampled(plane: Tensor, axis: int) -> Tensor:
    """Twice the samples along ``axis`` by the triangle filter."""
    plane = plane.movedim(axis, -1)
    p = torch.cat([plane[..., :1], plane, plane[..., -1:]], -1)
    pairs = torch.stack([0.75 * plane + 0.25 * p[..., :-2], 0.75 * plane + 0.25 * p[..., 2:]], -1)
    return pairs.flatten(-2).movedim(-1, axis)


def is_8_bit(image: Tensor) -> bool:
    """Whether all values are whole levels of 255."""
    levels = image * 255
    return bool((levels - levels.round()).abs().amax() < 0.01)


def detect(windows: list[tuple[Tensor, int, int]]) -> Texture | None:
    """The compression of a picture, from windows ``[3, H, W]`` (0..1) of it and their positions ``x``, ``y``.

    Returns:
        ``None`` where the pixels do not come from 8 bits or no grid shows clearly.
    """
    windows = [w for w in windows if min(w[0].shape[1:]) >= 4 * SIDE]
    if not windows or not all(is_8_bit(image) for image, _, _ in windows):
        return None
    planes = [(mix((image * 255).round(), RGB_TO_YCC), x, y) for image, x, y in windows]

    def blocks(channel: int, dx: int, dy: int, limit: int | None = None) -> Tensor:
        parts = []
        for ycc, x, y in planes:
            plane = ycc[channel] if limit is None else ycc[channel, :limit, :limit]
            parts.append(coefficients(plane + (128 if channel else 0), (dx - x) % SIDE, (dy - y) % SIDE))
        return torch.cat(parts)

    zeros = []
    for dy in range(SIDE):
        for dx in range(SIDE):
            c = blocks(0, dx, dy, limit=192).flatten(1)[:, 1:]
            zeros.append(torch.exp(-0.5 * (c / 0.35).square()).mean())
    order = torch.stack(zeros).argsort(descending=True)[:3].tolist()
    tries = []
    for place in order:
        dy, dx = divmod(place, SIDE)
        found, sharp = steps(blocks(0, dx, dy))
        tries.append((clearness(found, sharp), dx, dy, found))
    clear, dx, dy, found = max(tries, key=lambda t: t[0])
    if clear < MIN_KNOWN:
        return None
    x, y, chroma, sampling = detect_chroma(planes, dx, dy)
    luma, quality = completed(found, LUMA_TABLE)
    if chroma is None and quality is not None:
        # So little colour that no step shows: what goes with this luma table leaves none either.
        chroma = family(found.new_tensor(CHROMA_TABLE))[quality]
    whole = Texture(x, y, luma, chroma, sampling)
    plain = Texture(dx, dy, luma, None, (1, 1))
    return next((texture for texture in (whole, plain) if keeps(texture, windows)), None)


def keeps(texture: Texture, windows: list[tuple[Tensor, int, int]]) -> bool:
    """Whether coding the picture again leaves it as it is: the proof of what was read."""
    image, x, y = max(windows, key=lambda window: window[0].shape[1] * window[0].shape[2])
    across, down = texture.unit
    cut = image[:, (texture.y - y) % down :, (texture.x - x) % across :]
    cut = cut[:, : cut.shape[1] // down * down, : cut.shape[2] // across * across]
    return bool(cut.numel()) and bool((compress(cut, texture) - cut).abs().mean() < MOST_CHANGED)


def detect_chroma(
    planes: list[tuple[Tensor, int, int]], dx: int, dy: int
) -> tuple[int, int, Tensor | None, tuple[int, int]]:
    """Grid corner, table (or ``None``) and subsampling of the two chroma channels, given the luma grid."""
    best: tuple[float, int, int, Tensor | None, tuple[int, int]] = (MIN_KNOWN / 2, dx, dy, None, (1, 1))
    for across, down in ((1, 1), (2, 1), (2, 2), (1, 2)):
        for ox in range(dx, dx + SIDE * across, SIDE):
            for oy in range(dy, dy + SIDE * down, SIDE):
                parts = []
                for ycc, x, y in planes:
                    left, top = (ox - x) % (SIDE * across), (oy - y) % (SIDE * down)
                    cut = ycc[1:, top:, left:]
                    cut = cut[:, : cut.shape[1] // down * down, : cut.shape[2] // across * across]
                    cut = unsampled(cut, 2) if across == 2 else cut
                    cut = unsampled(cut, 1) if down == 2 else cut
                    parts += [coefficients(plane + 128) for plane in cut if min(plane.shape) >= SIDE]
                if not parts:
                    continue
                found, sharp = steps(torch.cat(parts))
                clear = clearness(found, sharp)
                if clear > best[0]:
                    best = (clear, ox, oy, completed(found, CHROMA_TABLE)[0], (across, down))
    return best[1:]


def compress(image: Tensor, texture: Texture) -> Tensor:
    """``image`` ``[3, H, W]`` (0..1, sides multiples of the coding unit, corner on the grid) coded and decoded.

    Rounded where decoders round, to whole levels of YCbCr and then of RGB; else coding it again would tell.
    """
    ycc = mix(image * 255, RGB_TO_YCC)
    ycc[0] = quantised(ycc[0] - 128, texture.luma) + 128
    if texture.chroma is not None:
        across, down = texture.sampling
        for channel in (1, 2):
            plane = F.avg_pool2d(ycc[channel][None], (down, across))[0]
            plane = quantised(plane, texture.chroma)
            plane = upsampled(plane, 1) if across == 2 else plane
            ycc[channel] = upsampled(plane, 0) if down == 2 else plane
    ycc[0] = ycc[0].round().clamp(0, 255)
    ycc[1:] = ycc[1:].round().clamp(-128, 127)
    return mix(ycc, YCC_TO_RGB).round().clamp(0, 255) / 255


def quantised(plane: Tensor, table: Tensor) -> Tensor:
    """``plane`` ``[H, W]`` with its coefficients rounded to multiples of ``table``."""
    d, t = transform(plane), table.to(plane)
    c = d @ to_blocks(plane) @ d.T
    return from_blocks(d.T @ ((c / t).round() * t) @ d)
