"""The pattern that decoders repeat every few pixels: seen in the overlap, taken back in the new area, never made up."""

from __future__ import annotations

import math

import pytest
import torch

from outpaint_nodes.nodes.imaging import lattice
from outpaint_nodes.nodes.imaging.canvas import Extents, Rect
from outpaint_nodes.nodes.imaging.match import measure
from unit.pictures import blurred, jpeg, overlap, texture

HEIGHT, WIDTH, NEW = 320, 544, 128
BEYOND = Rect(WIDTH - NEW, 0, NEW, HEIGHT)


@pytest.fixture(autouse=True)
def every_pattern_counts(monkeypatch):
    monkeypatch.setattr(lattice, "VISIBLE", 0.0)


def grid(period: int, levels: float = 1.0, x: int = 0, y: int = 0):
    """A pattern ``[3, HEIGHT, WIDTH]`` of one wave and its octave, not the same in each channel."""
    down = 2 * math.pi * (torch.arange(HEIGHT) + y)[:, None] / period
    across = 2 * math.pi * (torch.arange(WIDTH) + x)[None] / period
    wave = down.cos() * across.cos() + 0.5 * (2 * across).sin()
    return torch.tensor([1.0, 0.8, 0.5]).view(3, 1, 1) * wave * levels / 255


def scene(seed: int = 5):
    return texture(HEIGHT, WIDTH, seed=seed) * 0.4 + 0.3


def found(truth, generated):
    """The pattern seen ``[3, 16, 16]`` and where it is taken back."""
    made, _ = measure(overlap(truth, Extents(right=NEW)), generated, "full", 0, "off")
    return made.pattern


def rms(pixels):
    return 255 * float(pixels.square().mean().sqrt())


def test_a_perfect_generator_has_no_pattern():
    truth = scene()
    assert found(truth, truth) is None


@pytest.mark.parametrize("seed", range(3))
def test_what_a_generator_blurs_or_makes_up_is_no_pattern(seed):
    truth = scene(seed)
    noise = 0.02 * torch.randn(truth.shape, generator=torch.Generator().manual_seed(seed))
    pattern = found(truth, (blurred(truth, 0.8) + noise).clamp(0, 1))
    assert pattern is None or rms(pattern) < 0.05


@pytest.mark.parametrize("period", [8, 16])
def test_a_pattern_is_taken_back_all_over_the_new_area(period):
    truth = scene()
    generated = blurred(truth, 0.7)
    with_grid, _ = measure(overlap(truth, Extents(right=NEW)), generated + grid(period), "full", 0, "off")
    assert with_grid.pattern is not None
    rows, columns = BEYOND.slices
    shown = with_grid.toned(BEYOND) - lattice.tiled(with_grid.pattern, BEYOND)
    left = lattice.blocks(shown - truth[:, rows, columns], BEYOND).mean(0)
    was = lattice.blocks(with_grid.toned(BEYOND) - truth[:, rows, columns], BEYOND).mean(0)
    assert rms(left) < 0.2 * rms(was)


def test_a_pattern_too_faint_to_be_seen_stays_and_the_report_says_so(monkeypatch):
    monkeypatch.undo()
    truth = scene()
    for levels, taken in ((0.2, False), (1.0, True)):
        generated = blurred(truth, 0.7) + grid(8, levels)
        made, told = measure(overlap(truth, Extents(right=NEW)), generated, "full", 0, "off")
        assert (made.pattern is not None) == taken
        assert told.steps["pattern"].startswith("declined") != taken


def test_the_grid_of_a_jpeg_original_is_no_pattern_of_the_generator():
    slope = torch.linspace(0.3, 0.7, WIDTH).expand(3, HEIGHT, WIDTH)
    truth = slope + 0.004 * torch.randn(slope.shape, generator=torch.Generator().manual_seed(2))
    pattern = found(jpeg(truth, 50), blurred(truth, 0.8))
    assert pattern is None or rms(pattern) < 0.05


def test_a_texture_of_the_same_period_that_the_generator_lost_is_not_put_everywhere():
    cloth = scene()
    cloth[:, : HEIGHT // 2] += 6 * grid(16)[:, : HEIGHT // 2]
    pattern = found(cloth, blurred(cloth, 4.0))
    assert pattern is None or rms(pattern) < 0.2


@pytest.mark.parametrize("place", [Rect(0, 0, 40, 24), Rect(37, 11, 50, 33)])
def test_any_block_of_a_pattern_equals_its_part_of_the_whole(place):
    pattern = torch.randn((3, 16, 16), generator=torch.Generator().manual_seed(0))
    rows, columns = place.slices
    assert torch.equal(lattice.tiled(pattern, place), lattice.tiled(pattern, Rect(0, 0, 100, 100))[:, rows, columns])


def test_blocks_begin_at_the_period_of_the_canvas_wherever_they_are_cut():
    pattern = grid(16)[:, :160, :160]
    rect = Rect(5, 19, 120, 100)
    rows, columns = rect.slices
    one = lattice.blocks(pattern[:, rows, columns], rect)
    assert len(one) == 24 and (one - pattern[:, :16, :16]).abs().max() < 1e-6
