"""What the generator draws itself may be crisp, although it blurs what it is given."""

from __future__ import annotations

import pytest
import torch

from outpaint_nodes.nodes.imaging.canvas import Extents, Rect
from outpaint_nodes.nodes.imaging.detail import split
from outpaint_nodes.nodes.imaging.filters import luma
from outpaint_nodes.nodes.imaging.match import measure
from unit.pictures import blurred, overlap, texture

OUTSIDE = Rect(360, 0, 120, 360)


def scene(seed: int):
    """Fine structure, more of it in some places than in others."""
    rough = texture(360, 480, seed=seed, noise=0)
    noise = torch.randn((1, 360, 480), generator=torch.Generator().manual_seed(seed))
    return (rough + 0.12 * rough[:1] * blurred(noise, 0.6)).clamp(0, 1)


def joined(truth, generated):
    """The correction, what was found, and how much fine detail the new area holds against the truth."""
    made, found = measure(overlap(truth, Extents(right=120)), generated, "full", 0, "off")
    fine = [split(luma(image))[0].abs().mean() for image in (made(OUTSIDE), truth[:, :, 360:])]
    return made, found, float(fine[0] / fine[1])


@pytest.mark.parametrize("seed", range(3))
def test_a_new_area_that_is_crisp_already_is_not_sharpened(seed):
    truth = scene(seed)
    generated = blurred(truth, 0.9)
    generated[:, :, 360:] = truth[:, :, 360:]
    made, found, detail = joined(truth, generated)
    assert made.crisp is not None and "left out in the new area" in found.steps["sharpness"]
    assert 0.85 < detail < 1.15


@pytest.mark.parametrize("seed", range(3))
def test_a_picture_that_is_blurred_all_over_is_sharpened_all_over(seed):
    truth = scene(seed)
    made, _, detail = joined(truth, blurred(truth, 0.9))
    assert made.crisp is None
    assert 0.85 < detail < 1.15


def test_the_original_side_of_the_border_is_still_compared_with_the_filter_on_it():
    truth = scene(0)
    generated = blurred(truth, 0.9)
    generated[:, :, 360:] = truth[:, :, 360:]
    made, _, _ = joined(truth, generated)
    inside, across = Rect(200, 0, 100, 360), Rect(300, 0, 100, 360)
    plain = (generated - truth)[:, :, 200:300].abs().mean()
    assert (made.toned(inside) - truth[:, :, 200:300]).abs().mean() < 0.8 * plain
    assert torch.allclose(made.toned(across)[:, :, :60], made.toned(Rect(300, 0, 60, 360)), atol=1e-5)


@pytest.mark.parametrize("right", [1, 3, 5, 17])
def test_of_a_few_pixels_nobody_can_tell_whether_they_are_crisp_and_they_are_joined_all_the_same(right):
    truth = scene(0)
    generated = blurred(truth, 0.9)
    generated[:, :, -right:] = truth[:, :, -right:]
    made, _ = measure(overlap(truth, Extents(right=right)), generated, "full", 0, "off")
    assert made.sharp is not None
    if right < 16:
        assert made.crisp is None
