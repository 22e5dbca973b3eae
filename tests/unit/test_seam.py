"""The figures of a finished picture."""

from __future__ import annotations

import pytest

from outpaint_nodes.nodes.imaging.canvas import Canvas, Extents, Size
from outpaint_nodes.nodes.imaging.seam import look
from unit.pictures import blurred, texture

CANVAS = Canvas(Size(224, 240), Extents(right=96))


@pytest.fixture
def picture():
    return texture(240, 320, noise=0.02)


def test_a_picture_without_a_seam_shows_none(picture):
    seam = look(picture, CANVAS)
    assert -5 < seam.visibility < 5
    assert seam.tone < 2
    assert seam.grain == pytest.approx(1, abs=0.1)
    assert seam.sharpness == pytest.approx(1, abs=0.1)


def test_a_step_of_colour_shows(picture):
    picture[:, :, 224:] += 0.06
    seam = look(picture, CANVAS)
    assert seam.visibility > 8
    assert seam.tone > 4


def test_lost_grain_and_sharpness_show(picture):
    picture[:, :, 224:] = blurred(picture[:, :, 224:], 1.2)
    seam = look(picture, CANVAS)
    assert seam.grain < 0.5
    assert seam.sharpness < 0.8


@pytest.mark.parametrize("extents", [Extents(right=4), Extents(up=2, left=3)])
def test_sides_too_narrow_to_look_at_count_as_seamless(extents):
    seam = look(texture(100 + extents.up, 100 + extents.left + extents.right), Canvas(Size(100, 100), extents))
    assert (seam.visibility, seam.tone, seam.grain, seam.sharpness) == (0, 0, 1, 1)
