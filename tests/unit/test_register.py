"""Registration: what shift and scales are found, what is refused, how pixels are looked up."""

from __future__ import annotations

import pytest
import torch

from outpaint_nodes.nodes.imaging.canvas import Rect
from outpaint_nodes.nodes.imaging.register import Warp, find
from unit.pictures import texture

KEPT = Rect(30, 20, 400, 300)


def looked_for(truth, source):
    """What ``find`` finds for a generated picture ``source`` whose original is part of ``truth``."""
    return find(lambda r: truth[(slice(None), *r.slices)], lambda r, warp: warp(source, r), KEPT)


MOVES = [
    Warp(1, 0.7, -0.35),
    Warp(1, -6.25, 3.5),
    Warp(1.02, 1.0, 0.5),
    Warp(0.985, -2.0, 4.0),
    Warp(1, 0.5, -1.0, stretch=1.006),
    Warp(1.01, 0.0, 2.0, stretch=0.99),
]


@pytest.mark.parametrize("warp", MOVES)
def test_shift_and_scales_are_found_to_a_twentieth_of_a_pixel(warp):
    truth = texture(360, 500)
    whole = Rect(0, 0, 500, 360)
    back = Warp(1 / warp.scale, -warp.right / warp.scale, -warp.down / warp.scale / warp.stretch, 1 / warp.stretch)
    found = looked_for(truth, back(truth, whole))
    at = (KEPT.x + KEPT.width / 2, KEPT.y + KEPT.height / 2)
    assert found.scale == pytest.approx(warp.scale, abs=2e-4)
    assert found.scale * at[0] + found.right == pytest.approx(warp.scale * at[0] + warp.right, abs=0.05)
    down, wanted = (w.scale * w.stretch * at[1] + w.down for w in (found, warp))
    assert found.stretch == pytest.approx(warp.stretch, abs=2e-4)
    assert down == pytest.approx(wanted, abs=0.05)


@pytest.mark.parametrize("warp", MOVES[:4])
def test_both_axes_have_one_scale_unless_they_clearly_differ(warp):
    truth = texture(360, 500)
    found = looked_for(truth, warp(truth, Rect(0, 0, 500, 360)))
    assert found.stretch == 1


def test_of_two_warps_one_after_the_other_one_is_made():
    truth, place = texture(90, 80), Rect(20, 20, 40, 40)
    first, then = Warp(1.01, 0.4, -0.7, stretch=0.98), Warp(0.99, -1.2, 0.3, stretch=1.03)
    at = lambda warp, x, y: (warp.scale * x + warp.right, warp.scale * warp.stretch * y + warp.down)  # noqa: E731
    both = then.after(first)
    assert at(both, 33.0, 41.0) == pytest.approx(at(first, *at(then, 33.0, 41.0)))
    assert both(truth, place).shape == (3, 40, 40)


def test_identical_pictures_need_no_move():
    truth = texture(360, 500)
    assert looked_for(truth, truth).largest(KEPT) < 0.01


def test_another_picture_is_refused():
    assert looked_for(texture(360, 500, seed=1), texture(360, 500, seed=2)) is None


def test_a_plain_picture_is_refused():
    assert looked_for(torch.full((3, 360, 500), 0.5), torch.full((3, 360, 500), 0.5)) is None


def test_looking_up_by_a_whole_pixel_copies():
    truth = texture(60, 70)
    shifted = Warp(1, 3, -2)(truth, Rect(10, 10, 20, 20))
    assert torch.allclose(shifted, truth[:, 8:28, 13:33], atol=1e-6)


def test_blocks_agree_with_the_whole():
    truth, warp = texture(90, 80), Warp(1.013, 0.4, -0.7)
    whole = warp(truth, Rect(0, 0, 80, 90))
    assert torch.allclose(warp(truth, Rect(40, 50, 40, 40)), whole[:, 50:, 40:], atol=1e-5)
