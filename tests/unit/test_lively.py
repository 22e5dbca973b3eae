"""How lively a stretch of the border is goes on in the new area, as far as the original itself says so."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from outpaint_nodes.nodes.imaging import detail, grain, lively
from outpaint_nodes.nodes.imaging.canvas import Extents, Rect
from outpaint_nodes.nodes.imaging.match import measure
from unit.pictures import blurred, overlap

HEIGHT, WIDTH, NEW = 512, 384, 96
BEYOND = Rect(WIDTH - NEW, 0, NEW, HEIGHT)
HALVES = slice(0, 192), slice(320, HEIGHT)


def noisy(upper: float, lower: float):
    """A grey picture ``[3, HEIGHT, WIDTH]`` with noise of so many levels in its two halves."""
    noise = torch.randn((3, HEIGHT, WIDTH), generator=torch.Generator().manual_seed(1)) / 255
    return 0.5 + noise * torch.where(torch.arange(HEIGHT) < HEIGHT // 2, upper, lower)[:, None]


def fine(pixels, rows):
    """Deviation of the finest detail in levels."""
    return 255 * float(detail.split(pixels.mean(0, keepdim=True))[0][:, rows].std())


def table(picture):
    """A ``Grain`` that adds nothing and knows what ``picture`` usually holds."""
    sample = detail.measure(picture)
    return grain.fit_grain(sample, sample)


def test_a_noisy_and_a_quiet_stretch_of_like_brightness_both_go_on():
    truth = noisy(3.0, 1.0)
    correction, _ = measure(overlap(truth, Extents(right=NEW)), blurred(truth, 2.0), "full", 0, "off")
    done = correction(BEYOND)
    for rows in HALVES:
        assert fine(done, rows) == pytest.approx(fine(truth, rows), rel=0.35)


def test_nothing_is_lacking_where_both_sides_are_as_lively():
    truth = noisy(3.0, 1.0)
    assert lively.lacking(truth, WIDTH - NEW, table(truth)).abs().max() < 0.3


@pytest.mark.parametrize("times", [0.7, 1.4])
def test_what_lacks_is_the_power_of_the_original_against_that_of_the_new_area(times):
    truth = noisy(3.0, 3.0)
    strip = truth.clone()
    strip[:, :, WIDTH - NEW :] = 0.5 + (strip[:, :, WIDTH - NEW :] - 0.5) * times
    lack = lively.lacking(strip, WIDTH - NEW, table(truth))[grain.TONES // 2]
    assert float(lack.mean()) == pytest.approx(-2 * math.log(times), abs=0.2)


def test_a_few_places_without_any_noise_do_not_decide():
    truth = noisy(3.0, 3.0)
    strip = truth.clone()
    strip[:, 200:230, WIDTH - NEW :] = 0.5
    assert lively.lacking(strip, WIDTH - NEW, table(truth))[grain.TONES // 2].max() < 1


def test_black_and_white_say_nothing():
    truth = noisy(3.0, 1.0)
    for level in (0.0, 1.0):
        strip = torch.full_like(truth, level)
        assert lively.lacking(strip, WIDTH - NEW, table(truth)).abs().max() < 1e-6


def test_no_noise_is_added_beyond_the_most_however_much_lacks():
    truth = noisy(3.0, 1.0)
    tried = table(truth)
    tried = replace(tried, whole=torch.ones_like(tried.whole), most=torch.full_like(tried.most, (0.5 / 255) ** 2))
    flat = torch.full((3, 64, 64), 0.5)
    more = replace(tried, local=torch.full((grain.TONES, 8, 8), 9.0))
    assert 0.3 < 255 * float(grain.add_grain(flat, more, 0, 0, 0).std()) < 2
    assert torch.equal(grain.add_grain(flat, tried, 0, 0, 0), flat)
