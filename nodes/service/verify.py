"""Is the answer what was bought? Compares the kept area of the answer with the picture that was sent.

The service documents no way to tell that its moderation blurred a picture or that it moved or redrew the source, so
it is measured. All figures are of luminance in 0..255 unless said otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageStat

LONGEST = 640
"""Larger pictures are compared at this size: the faults looked for are coarse, and memory stays small."""

LONGEST_FOR_PLACE = 320
"""And the place of their content at this one, where grain and compression noise weigh less."""

FLAT = 1.0
SOURCE_HAS_DETAIL = 3.0


class BlankAnswer(ValueError):
    """The answer is one single colour although the source is not."""


@dataclass(frozen=True)
class Finding:
    """How the kept area compares with the source.

    Args:
        colour: largest mean difference of a channel, with sign.
        detail: energy of fine detail in the answer over that in the source; 1 = the same.
        likeness: correlation of fine and middle detail after the shift is undone, -1..1.
        shift: pixels by which the answer's content lies right of and below the source, as exact as a picture of
            ``LONGEST_FOR_PLACE`` pixels shows it.
    """

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


@dataclass(frozen=True, eq=False)
class Look:
    """What a comparison knows of a picture, by ``look``.

    Args:
        means, deviations: of its channels.
        fine: standard deviation of fine detail.
        detail: middle and fine detail of its coarse copy, ``[H, W]``.
        spectrum: Fourier transform of the coarse copy.
        scale: pixels of the picture for one of the coarse copy.
    """

    means: list[float]
    deviations: list[float]
    fine: float
    detail: np.ndarray
    spectrum: np.ndarray
    scale: float


def look(picture: Image.Image, box: tuple[int, int, int, int] | None = None) -> Look:
    """Look at an RGB picture, or at what lies in ``box`` (left, upper, right, lower) of it."""
    small = reduced(picture, box)
    tone, grey = ImageStat.Stat(small), mean_of_channels(small)
    rough = coarse(grey)
    width = box[2] - box[0] if box else picture.width
    return Look(
        tone.mean,
        tone.stddev,
        float(fine_detail(grey).std()),
        without_tone(rough),
        spectrum(rough),
        width / rough.shape[1],
    )


def compare(answer: Image.Image, source: Look, box: tuple[int, int, int, int]) -> Finding:
    """Compare the source with the place where it should be in the answer.

    Args:
        answer: RGB, of the expected size.
        box: where the source should lie in it, of the source's size.

    Raises:
        BlankAnswer: the whole answer is one colour although the source is not.
    """
    kept = look(answer, box)
    if max(kept.deviations) < FLAT <= max(source.deviations) and is_flat(answer):
        raise BlankAnswer
    dx, dy = find_shift(source.spectrum, kept.spectrum, source.detail.shape)
    return Finding(
        colour=max((new - old for new, old in zip(kept.means, source.means, strict=True)), key=abs),
        detail=kept.fine / source.fine if source.fine > FLAT else 1.0,
        likeness=likeness(source.detail, np.roll(kept.detail, (-dy, -dx), axis=(0, 1))),
        shift=(round(dx * source.scale), round(dy * source.scale)),
    )


def reduced(picture: Image.Image, box: tuple[int, int, int, int] | None = None) -> Image.Image:
    """The picture, or what lies in the box, with its longer side within ``LONGEST``."""
    left, upper, right, lower = box or (0, 0, *picture.size)
    factor = -(-max(right - left, lower - upper) // LONGEST)
    return picture.reduce(factor, box)


def is_flat(picture: Image.Image) -> bool:
    return max(ImageStat.Stat(reduced(picture)).stddev) < FLAT


def mean_of_channels(picture: Image.Image) -> np.ndarray:
    # A product: numpy's own mean over so short an axis takes ten times as long.
    return np.asarray(picture, np.float32) @ np.full(3, 1 / 3, np.float32)


def coarse(grey: np.ndarray) -> np.ndarray:
    """Means of 2×2, where the picture is larger than what its content's place is looked for at."""
    if max(grey.shape) <= LONGEST_FOR_PLACE:
        return grey
    even = grey[: grey.shape[0] // 2 * 2, : grey.shape[1] // 2 * 2]
    return (even[::2, ::2] + even[1::2, ::2] + even[::2, 1::2] + even[1::2, 1::2]) / 4


def fine_detail(grey: np.ndarray) -> np.ndarray:
    """What a 3×3 neighbourhood's mean does not explain (four-neighbour Laplacian)."""
    middle = grey[1:-1, 1:-1]
    return 4 * middle - grey[:-2, 1:-1] - grey[2:, 1:-1] - grey[1:-1, :-2] - grey[1:-1, 2:]


def likeness(before: np.ndarray, after: np.ndarray) -> float:
    """Correlation of two pictures' detail; 1 where the source has nothing to compare."""
    if before.std() < SOURCE_HAS_DETAIL:
        return 1.0
    return float((before * after).mean() / max(before.std() * after.std(), 1e-6))


def without_tone(grey: np.ndarray, radius: int = 8) -> np.ndarray:
    """The picture minus its box blur."""
    padded = np.pad(grey, radius, mode="edge").astype(np.float64)
    total = np.pad(padded.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    side = 2 * radius + 1
    means = (total[side:, side:] - total[:-side, side:] - total[side:, :-side] + total[:-side, :-side]) / side**2
    detail = grey - means
    return detail - detail.mean()


def spectrum(grey: np.ndarray) -> np.ndarray:
    """Fourier transform of a picture that fades out to its borders."""
    window = np.outer(np.hanning(grey.shape[0]), np.hanning(grey.shape[1])).astype(np.float32)
    return np.fft.rfft2((grey - grey.mean()) * window)


def find_shift(before: np.ndarray, after: np.ndarray, shape: tuple[int, int], furthest: int = 32) -> tuple[int, int]:
    """Whole-pixel shift of one picture against the other, from their spectra, by phase correlation; (0, 0) unless
    clearly better than none.

    Kuglin, Hines: The phase correlation image alignment method, 1975.
    """
    product = after * np.conj(before)
    strength = np.abs(product)
    surface = np.fft.irfft2(product / (strength + 1e-3 * strength.max() + 1e-9), s=shape)
    height, width = shape
    reach_y, reach_x = min(furthest, height // 4), min(furthest, width // 4)
    near = np.roll(surface, (reach_y, reach_x), axis=(0, 1))[: 2 * reach_y + 1, : 2 * reach_x + 1]
    y, x = np.unravel_index(near.argmax(), near.shape)
    if near[y, x] < 1.5 * near[reach_y, reach_x]:
        return 0, 0
    return int(x) - reach_x, int(y) - reach_y
