"""An outpainting in progress: the untouched original and what the windows gave so far.

Windows see the original wherever it is, then what earlier windows gave, corrected to the original's tone, then a
prefill. The correction is always measured on the original itself, never on an earlier pass, so it cannot drift.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import InputError
from . import masks
from .canvas import Rect
from .membrane import membrane
from .resample import scaled
from .tone import Tone, cells, fit_tone
from .windows import Window

# Length over which a later pass fades into an earlier one, where the sampler had kept the earlier one's content.
FADE = 64
# The slow difference between passes: measured this deep, in cells, and carried outward over this length, in pixels.
DRIFT_DEPTH, DRIFT_CELL, DRIFT_LENGTH = 64, 16, 300
DRIFT_CAP = 6 / 255


@dataclass(frozen=True)
class Pass:
    """What one window gave: ``[B, h, w, 3]`` in 0..1, of any size, and, once measured, the tone correction of each
    picture and the slow ``drift`` ``[B, 3, h, w]`` (in cells over the window) that meets an earlier pass half way."""

    window: Window
    pixels: Tensor
    tones: tuple[Tone | None, ...] | None = None
    drift: Tensor | None = None


@dataclass(frozen=True)
class Outpainting:
    """The original and the passes done.

    Attributes:
        original: ``[B, H, W, 3]``, or 4 channels with alpha.
        holes: ``[B, H, W]`` or ``[1, H, W]`` bool, what of the original is generated anew; ``None`` = nothing.
        passes: in the order they were sampled.
        pending: the window being sampled now.
        overlap: pixels of known area next to its fill that a window may repaint.
        cell: the multiple the windows were made for.
    """

    original: Tensor
    holes: Tensor | None = None
    passes: tuple[Pass, ...] = ()
    pending: Window | None = None
    overlap: int = 32
    cell: int = 8

    @property
    def rect(self) -> Rect:
        return Rect(0, 0, self.original.shape[2], self.original.shape[1])

    @property
    def frame(self) -> Rect:
        """The original and all that was filled."""
        frame = self.rect
        for done in self.passes:
            for fill in done.window.fills:
                frame = frame.joined(fill)
        return frame

    def received(self, generated: Tensor) -> Outpainting:
        """With the pending window's picture, as decoded.

        Args:
            generated: ``[B, h, w, 3]``; it may have been scaled, but not cropped.

        Raises:
            InputError: nothing is pending, the batch or the shape differs, or values are not finite.
        """
        if self.pending is None:
            raise InputError(
                "This canvas awaits no picture.", "Connect 'canvas' of the Outpaint Prepare that made the window."
            )
        size = self.pending.size
        batch = len(self.original)
        if generated.ndim != 4 or generated.shape[-1] not in (3, 4) or 0 in generated.shape:
            raise InputError(
                f"The generated picture has the shape {list(generated.shape)}, which is not [batch, height, width, 3].",
                "Connect the decoded picture of the window.",
            )
        if len(generated) != batch:
            raise InputError(
                f"There are {len(generated)} generated pictures for {batch} originals.", "Decode one for each original."
            )
        if abs(generated.shape[2] * size.height - generated.shape[1] * size.width) > 2 * max(generated.shape[1:3]):
            raise InputError(
                f"The generated picture is {generated.shape[2]}×{generated.shape[1]}, but the window is {size}.",
                "Decode the whole window; it may be scaled, but not cropped.",
            )
        generated = generated[..., :3].to(self.original.device)
        if not bool(torch.isfinite(generated.sum(dtype=torch.float32))):
            raise InputError(
                "The decoded picture holds values that are not numbers (NaN or infinite).",
                "A VAE in half precision is the usual cause: run it in float32 (--fp32-vae), or use another VAE.",
            )
        return replace(self, passes=(*self.passes, Pass(self.pending, generated)), pending=None)

    def toned(self) -> Outpainting:
        """With the tone corrections of all passes measured."""
        passes: list[Pass] = []
        before: tuple[Tone | None, ...] = (None,) * len(self.original)
        for done in self.passes:
            tones = done.tones
            if tones is None:
                measured = [self.tone(done.window, done.pixels, index) for index in range(len(self.original))]
                # A window that sees none of the original takes the correction of the latest one that does: the fault
                # is the decoder's, the same in every pass.
                tones = tuple(own or last for own, last in zip(measured, before, strict=True))
                done = replace(done, tones=tones)
                if passes and done.window.rect.common(self.rect) is None:
                    done = replace(done, drift=drift(replace(self, passes=tuple(passes)), done))
            passes.append(done)
            before = tones
        return replace(self, passes=tuple(passes))

    def tone(self, window: Window, generated: Tensor, index: int) -> Tone | None:
        """What turns a window's colours into the original's, measured where the sampler had to keep the original;
        ``None`` where it sees none of it."""
        seen = window.rect.common(self.rect)
        if seen is None:
            return None
        part = seen.moved(-window.rect.x, -window.rect.y)
        given = view(generated[index : index + 1], window, part)[0].movedim(-1, 0)
        rows, columns = seen.slices
        wanted = self.original[index, rows, columns, :3].to(given).movedim(-1, 0)
        trusted = (1 - touched(window, seen, self.overlap + self.cell)).to(given)[None]
        if self.holes is not None:
            trusted = trusted * ~self.holes[index % len(self.holes), rows, columns].to(given.device)
        size = max(1, min(8, seen.width // 8, seen.height // 8))
        wanted, weight = cells(wanted, trusted, size)
        given, _ = cells(given, trusted, size)
        return fit_tone(wanted.flatten(1).T, given.flatten(1).T, (weight > 0.99).float().flatten())

    def merged(self, other: Outpainting) -> Outpainting:
        """With the passes of another chain over the same original.

        Raises:
            InputError: the other one has another original.
        """
        if other.original.shape != self.original.shape:
            raise InputError("The two canvases belong to different pictures.", "Connect canvases of one picture.")
        own = {done.window.name for done in self.passes}
        return replace(self, passes=(*self.passes, *(done for done in other.passes if done.window.name not in own)))

    def known(self, rect: Rect) -> Tensor:
        """``[h, w]`` bool: what is not new any more."""
        return self.kept(rect) | inside(tuple(fill for done in self.passes for fill in done.window.fills), rect)

    def kept(self, rect: Rect) -> Tensor:
        """``[h, w]`` bool: the original without its holes."""
        kept = inside((self.rect,), rect)
        seen = rect.common(self.rect)
        if self.holes is not None and seen is not None:
            kept[seen.moved(-rect.x, -rect.y).slices] &= ~self.holes[(slice(None), *seen.slices)].any(0).cpu()
        return kept

    def draw(self, rect: Rect) -> Tensor:
        """What the passes gave within ``rect``, the original nowhere: ``[B, h, w, 3]``, 0 where no window looked.
        Corrected in tone where that was measured."""
        picture = self.original.new_zeros((len(self.original), rect.height, rect.width, 3), dtype=torch.float32)
        drawn = torch.zeros((rect.height, rect.width), dtype=torch.bool, device=picture.device)
        for done in self.passes:
            seen = done.window.rect.common(rect)
            if seen is None:
                continue
            at = seen.moved(-rect.x, -rect.y).slices
            pixels = view(done.pixels, done.window, seen.moved(-done.window.rect.x, -done.window.rect.y)).to(picture)
            if done.tones is not None:
                for item, tone in zip(pixels, done.tones, strict=True):
                    if tone is not None:
                        item.copy_(tone(item.movedim(-1, 0)).movedim(0, -1))
            if done.drift is not None:
                rows, columns = seen.moved(-done.window.rect.x, -done.window.rect.y).slices
                field = F.interpolate(done.drift, scale_factor=DRIFT_CELL, mode="bilinear")[:, :, rows, columns]
                pixels += field.movedim(1, -1).to(pixels)
            before = drawn[at].clone()
            if bool(before.any()):
                rows, columns = seen.moved(-done.window.rect.x, -done.window.rect.y).slices
                shows = faded(done.window, self.overlap)[rows, columns].to(pixels)
                show = torch.where(before, shows, 1.0)[..., None]
                picture[:, at[0], at[1]] = picture[:, at[0], at[1]].lerp_(pixels, show)
            else:
                picture[:, at[0], at[1]] = pixels
            drawn[at] = True
        return picture


def inside(rects: tuple[Rect, ...], view: Rect) -> Tensor:
    """``[h, w]`` bool over ``view``: what the rectangles cover."""
    covered = torch.zeros((view.height, view.width), dtype=torch.bool)
    for rect in rects:
        common = rect.common(view)
        if common is not None:
            covered[common.moved(-view.x, -view.y).slices] = True
    return covered


def touched(window: Window, area: Rect, reach: int) -> Tensor:
    """``[h, w]`` float over ``area``: 1 within ``reach`` pixels of what the window fills."""
    near = [Rect(f.x - reach, f.y - reach, f.width + 2 * reach, f.height + 2 * reach) for f in window.fills]
    return inside(tuple(near), area).float()


def drift(earlier: Outpainting, done: Pass) -> Tensor:
    """Half of the slow difference between what earlier passes drew and what a later one made of it, fading outward.

    Half, because neither is the original: the difference is as likely the earlier pass's fault as the later's, and
    taking all of it over would add up from pass to pass.

    Returns:
        ``[B, 3, h, w]`` in cells of ``DRIFT_CELL`` pixels over the window.
    """
    rect = done.window.rect
    before = earlier.draw(rect)
    after = replace(earlier, passes=(done,)).draw(rect)
    free = earlier.overlap + earlier.cell
    away = masks.distance(inside(done.window.fills, rect), free + DRIFT_DEPTH)
    kept = (earlier.known(rect) & (away > free) & (away < free + DRIFT_DEPTH)).float()[None]
    margins = (0, -rect.width % DRIFT_CELL, 0, -rect.height % DRIFT_CELL)
    field = slow(before - after, kept.to(before), DRIFT_CELL)
    near = F.max_pool2d(F.pad(earlier.known(rect)[None].float(), margins), DRIFT_CELL)[0] > 0
    outward = masks.distance(near, 4 * DRIFT_LENGTH // DRIFT_CELL) * DRIFT_CELL
    return field * 0.5 * torch.exp(-outward / DRIFT_LENGTH).to(field)


def slow(difference: Tensor, known: Tensor, cell: int) -> Tensor:
    """The membrane of a difference.

    Args:
        difference: ``[B, h, w, 3]``, read where ``known`` ``[1, h, w]`` is 1.

    Returns:
        ``[B, 3, h / cell, w / cell]``, rounded up.
    """
    margins = (0, -known.shape[2] % cell, 0, -known.shape[1] % cell)
    weight = F.avg_pool2d(F.pad(known, margins), cell)
    means = F.avg_pool2d(F.pad(difference.movedim(-1, 1) * known, margins), cell) / weight.clamp_min(1e-6)
    trusted = (weight > 0.3).float()
    return torch.stack([membrane(item.clamp(-DRIFT_CAP, DRIFT_CAP), trusted) for item in means])


def faded(window: Window, overlap: int) -> Tensor:
    """``[h, w]``, how much a window shows where an earlier one looked too: all of it on its fills and where its
    sampler was free, falling off where it kept the earlier one's content."""
    away = masks.distance(inside(window.fills, window.rect), overlap + FADE)
    return 1 - ((away - overlap) / FADE).clamp(0, 1)


def view(pixels: Tensor, window: Window, part: Rect) -> Tensor:
    """``part`` of a window (from its corner, in canvas pixels) out of its picture, at canvas scale."""
    if pixels.shape[1:3] == (window.rect.height, window.rect.width):
        rows, columns = part.slices
        return pixels[:, rows, columns].clone()
    rows, columns = part.slices
    return scaled(pixels, window.rect.size)[:, rows, columns]
