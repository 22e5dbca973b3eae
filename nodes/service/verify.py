"""Is the answer what was bought? Compares the kept area of the answer with the picture that was sent.

The service documents no way to tell that its moderation blurred a picture or that it moved or redrew the source, so
it is measured. All figures are of luminance in 0..255 unless said otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

LONGEST = 640
"""Larger pictures are compared at this size: the faults looked for are coarse, and memory stays small."""

GREY = np.full(3, 1 / 3, np.float32)
FLAT = 1.0
SOURCE_HAS_DETAIL = 3.0


class BlankAnswer(ValueError):
    """The answer is one single colour although the source is not."""


@dataclass(frozen=True)
class Finding:
    """How the kept area compares with the source.

    Args:
        difference: mean absolute difference.
        colour: largest mean difference of a channel, with sign.
        detail: energy of fine detail in the answer over that in the source; 1 = the same.
        likeness: correlation of fine and middle detail after the shift is undone, -1..1.
        shift: pixels by which the answer's content lies right of and below the source.
    """

    difference: float
    colour: float
    detail: float
    likeness: float
    shift: tuple[int, int]

    def warnings(self) -> list[str]:
        found = []
        if self.detail < 0.35:
            found.append(
                f"the answer looks blurred (moderation?): detail in the kept area is {self.detail:.0%} of the source's"
            )
        elif self.likeness < 0.5:
            found.append(f"the kept area was redrawn: its likeness to the source is {self.likeness:.2f} (1 = the same)")
        if self.shift != (0, 0) and self.likeness >= 0.5:
            found.append(f"the answer is shifted against the source by {self.shift[0]}, {self.shift[1]} px")
        if abs(self.colour) > 8:
            found.append(f"the answer's colour differs from the source by {self.colour:+.0f} of 255")
        return found


def compare(answer: Image.Image, source: Image.Image, left: int, up: int) -> Finding:
    """Compare the source with the place where it should be in the answer.

    Args:
        answer: RGB, of the expected size.
        left, up: where the source should lie in it.

    Raises:
        BlankAnswer: the whole answer is one colour although the source is not.
    """
    before = np.asarray(reduced(source), np.float32)
    after = np.asarray(reduced(answer.crop((left, up, left + source.width, up + source.height))), np.float32)
    if deviation(after) < FLAT <= deviation(before) and is_flat(answer):
        raise BlankAnswer
    scale = source.width / before.shape[1]
    channels = channel_means(after) - channel_means(before)
    grey_before, grey_after = before @ GREY, after @ GREY
    fine_before, fine_after = fine_detail(grey_before), fine_detail(grey_after)
    dx, dy = find_shift(grey_before, grey_after)
    return Finding(
        difference=float(np.abs(after - before).mean()),
        colour=float(channels[np.abs(channels).argmax()]),
        detail=float(fine_after.std() / fine_before.std()) if fine_before.std() > FLAT else 1.0,
        likeness=likeness(grey_before, np.roll(grey_after, (-dy, -dx), axis=(0, 1))),
        shift=(round(dx * scale), round(dy * scale)),
    )


def reduced(picture: Image.Image) -> Image.Image:
    factor = -(-max(picture.size) // LONGEST)
    return picture.reduce(factor) if factor > 1 else picture


def is_flat(picture: Image.Image) -> bool:
    return deviation(np.asarray(reduced(picture), np.float32)) < FLAT


def channel_means(values: np.ndarray) -> np.ndarray:
    # Products of matrices: numpy's own means over so short an axis take ten times as long.
    return np.full(values.shape[0], 1 / values.shape[0], np.float32) @ (
        np.full(values.shape[1], 1 / values.shape[1], np.float32) @ values
    )


def deviation(values: np.ndarray) -> float:
    """The largest standard deviation of a channel."""
    centred = (values - channel_means(values)).reshape(-1, values.shape[2])
    return float(np.sqrt(np.einsum("ij,ij->j", centred, centred) / len(centred)).max())


def fine_detail(grey: np.ndarray) -> np.ndarray:
    """What a 3×3 neighbourhood's mean does not explain (four-neighbour Laplacian)."""
    middle = grey[1:-1, 1:-1]
    return 4 * middle - grey[:-2, 1:-1] - grey[2:, 1:-1] - grey[1:-1, :-2] - grey[1:-1, 2:]


def likeness(before: np.ndarray, after: np.ndarray) -> float:
    """Correlation of both pictures without their coarse tone; 1 where the source has nothing to compare."""
    first, second = (without_tone(shrunk(grey)) for grey in (before, after))
    if first.std() < SOURCE_HAS_DETAIL:
        return 1.0
    return float((first * second).mean() / max(first.std() * second.std(), 1e-6))


def shrunk(grey: np.ndarray) -> np.ndarray:
    """Half size by means of 2×2, where grain and compression noise weigh less."""
    even = grey[: grey.shape[0] // 2 * 2, : grey.shape[1] // 2 * 2]
    return (even[::2, ::2] + even[1::2, ::2] + even[::2, 1::2] + even[1::2, 1::2]) / 4


def without_tone(grey: np.ndarray, radius: int = 8) -> np.ndarray:
    """The picture minus its box blur."""
    padded = np.pad(grey, radius, mode="edge").astype(np.float64)
    total = np.pad(padded.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    side = 2 * radius + 1
    means = (total[side:, side:] - total[:-side, side:] - total[side:, :-side] + total[:-side, :-side]) / side**2
    detail = grey - means
    return detail - detail.mean()


def find_shift(before: np.ndarray, after: np.ndarray, furthest: int = 32) -> tuple[int, int]:
    """Whole-pixel shift of ``after`` against ``before``, by phase correlation; (0, 0) unless clearly better than none.

    Kuglin, Hines: The phase correlation image alignment method, 1975.
    """
    window = np.outer(np.hanning(before.shape[0]), np.hanning(before.shape[1])).astype(np.float32)
    spectrum = np.fft.rfft2((after - after.mean()) * window) * np.conj(np.fft.rfft2((before - before.mean()) * window))
    strength = np.abs(spectrum)
    surface = np.fft.irfft2(spectrum / (strength + 1e-3 * strength.max() + 1e-9), s=before.shape)
    height, width = before.shape
    reach_y, reach_x = min(furthest, height // 4), min(furthest, width // 4)
    near = np.roll(surface, (reach_y, reach_x), axis=(0, 1))[: 2 * reach_y + 1, : 2 * reach_x + 1]
    y, x = np.unravel_index(near.argmax(), near.shape)
    if near[y, x] < 1.5 * near[reach_y, reach_x]:
        return 0, 0
    return int(x) - reach_x, int(y) - reach_y
