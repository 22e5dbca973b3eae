"""What the joining found and did, as figures and as text."""

from __future__ import annotations

from dataclasses import dataclass, field

from .seam import Seam


@dataclass
class Findings:
    """What was found on the way: figures, and what each step did, both by name."""

    figures: dict[str, float] = field(default_factory=dict)
    steps: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Joined:
    """Figures of one picture.

    Attributes:
        seam: how visible the border of the finished picture is.
        right, down: shift found between generated and original picture, in pixels.
        scale: scale found, of the width where the height has another.
        tone: mean change of colour by the tone transform, in levels of 255.
        remaining: usual distance of the colours in the overlap after it, in levels.
        drift: largest change by the smooth field, in levels.
        onset: mean change of colour that began at the border and was taken back, in levels.
        halo: largest change of the few pixels beyond the border besides, in levels.
        cast: largest smooth change farther out, in levels.
        gain: largest gain of the sharpness filter.
        pattern: deviation of the decoder's pattern that was taken back, in levels.
        grain: deviation of the noise added in flat places, in levels.
        steps: what each step did, or why it declined, by name.
    """

    seam: Seam
    right: float = 0.0
    down: float = 0.0
    scale: float = 1.0
    tone: float = 0.0
    remaining: float = 0.0
    drift: float = 0.0
    onset: float = 0.0
    halo: float = 0.0
    cast: float = 0.0
    gain: float = 1.0
    pattern: float = 0.0
    grain: float = 0.0
    steps: dict[str, str] = field(default_factory=dict)

    def lines(self) -> list[str]:
        seam = self.seam
        return [
            f"seam visibility: {seam.visibility:.1f} dB (a photograph has 0 to 5)",
            f"tone step: {seam.tone:+.2f} levels (0 or less: no more than elsewhere in the picture)",
            f"grain, new area to original: {seam.grain:.2f}",
            f"sharpness, new area to original: {seam.sharpness:.2f}",
            *(f"{name}: {said}" for name, said in self.steps.items()),
        ]


@dataclass(frozen=True)
class Report:
    """The pictures of a batch, in order."""

    pictures: tuple[Joined, ...]

    def text(self) -> str:
        """One figure or step a line; pictures are numbered when there are several."""
        lines = []
        for number, picture in enumerate(self.pictures, 1):
            if len(self.pictures) > 1:
                lines.append(f"picture {number}:")
            lines += picture.lines()
        return "\n".join(lines)


@dataclass(frozen=True)
class Sides:
    """The reports of a canvas joined side by side."""

    reports: tuple[tuple[str, Report | Sides], ...]

    def text(self) -> str:
        return "\n".join(f"{side}:\n{report.text()}" for side, report in self.reports)
