"""Drawings: the change of colour that begins at the border, told from an edge that lies on it."""

from __future__ import annotations

import pytest
import torch

from outpaint_nodes.nodes.imaging.onset_drawn import GAP, PIECE, WIDTH, fit_step, samples

BORDER = 3 * WIDTH
COLORS = torch.tensor([[200.0, 60, 60], [60, 120, 200], [40, 42, 48], [238, 238, 242]]) / 255
STEP = torch.tensor([3.0, -2.0, 4.0]) / 255


def strip(inside, outside):
    """Rows ``PIECE`` pixels high of the colours ``inside`` and, beyond column ``BORDER``, ``outside``, ``[N, 3]``."""
    rows = [x.T[..., None].expand(-1, -1, width) for x, width in ((inside, BORDER), (outside, GAP + WIDTH))]
    return torch.cat(rows, 2).repeat_interleave(PIECE, 1)


def found(picture):
    steps, colors, flat = samples(picture, BORDER)
    return fit_step(steps, colors, flat.float())


def test_what_all_colours_step_by_is_the_change():
    assert torch.allclose(found(strip(COLORS, COLORS + STEP)), STEP, atol=1e-4)


def test_a_colour_that_ends_at_the_border_does_not_count():
    other = COLORS + STEP
    other[0] = 0.5
    assert torch.allclose(found(strip(COLORS, other)), STEP, atol=1e-4)


def test_how_large_the_paper_is_says_nothing():
    many = torch.cat([COLORS[:3].repeat(12, 1), COLORS[3:].expand(200, -1)])
    other = many + STEP
    other[36:] -= 2 * STEP
    assert torch.allclose(found(strip(many, other)), STEP, atol=0.2 / 255)


def test_a_single_colour_does_not_tell_a_change_from_an_edge():
    page = COLORS[3:].expand(20, -1)
    assert found(strip(page, page + STEP)) is None


@pytest.mark.parametrize("size", [0.2, 40.0])
def test_neither_next_to_nothing_nor_more_than_a_fault_is_a_change(size):
    assert found(strip(COLORS, COLORS * 0.8 + size / 255)) is None


def test_colours_that_step_each_by_itself_are_content():
    steps = torch.tensor([[3.0, 0, 0], [0, -5, 2], [6, 6, 6], [-4, 1, 9]]) / 255
    assert found(strip(COLORS, COLORS + steps)) is None


def test_a_gradient_that_goes_on_is_no_change():
    slope = torch.linspace(0, 9, BORDER + GAP + WIDTH) / 255
    assert found(strip(COLORS, COLORS) * 0.9 + slope) is None


def test_clipped_colours_and_uneven_places_tell_nothing():
    assert found(strip(COLORS, COLORS + STEP) + 0.2 * torch.rand(3, 4 * PIECE, BORDER + GAP + WIDTH)) is None
    ends = torch.tensor([[1.0, 1.0, 1.0], [0.0, 0.0, 0.0]])
    assert found(strip(ends, (ends + STEP).clamp(0, 1))) is None
