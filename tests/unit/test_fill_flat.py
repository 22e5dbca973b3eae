"""Where the border is flat, the fill goes on in its colour: exactly, and nowhere else."""

from __future__ import annotations

import pytest
import torch

from outpaint_nodes.nodes.imaging.canvas import Extents
from outpaint_nodes.nodes.imaging.fill_flat import fill_flat
from outpaint_nodes.nodes.imaging.prefill import prefill

WHITE, BLUE = torch.ones(3), torch.tensor([0.1, 0.4, 0.8])
UNTOUCHED = 0.5


def page(color: torch.Tensor = WHITE) -> torch.Tensor:
    """``[3, 120, 160]``: writing on paper of one ``color``, which leaves a margin of six pixels."""
    picture = color[:, None, None].repeat(1, 120, 160)
    ink = torch.rand(108, 148, generator=torch.Generator().manual_seed(0)) < 0.2
    picture[:, 6:-6, 6:-6] *= 1 - ink.float()
    return picture


def filled(picture: torch.Tensor, extents: Extents) -> torch.Tensor:
    """The canvas with all that the fill leaves alone ``UNTOUCHED``."""
    height, width = picture.shape[1:]
    size = (height + extents.up + extents.down, width + extents.left + extents.right)
    canvas = torch.full((3, *size), UNTOUCHED)
    fill_flat(picture, extents, canvas)
    return canvas


def changed(picture: torch.Tensor, extents: Extents) -> torch.Tensor:
    return (filled(picture, extents) != UNTOUCHED).any(0)


@pytest.mark.parametrize("extents", [Extents(25, 25, 25, 25), Extents(up=30, right=40)])
def test_paper_goes_on_without_a_spot(extents):
    picture = page()
    fill = prefill(picture.movedim(0, -1)[None], extents, "content")[0].movedim(-1, 0)
    outside = torch.ones(fill.shape[1:], dtype=torch.bool)
    outside[extents.up : extents.up + 120, extents.left : extents.left + 160] = False
    assert torch.equal(fill[:, outside], torch.ones(3, int(outside.sum())))


def test_the_picture_itself_is_left_alone():
    assert not changed(page(), Extents(9, 9, 9, 9))[9:-9, 9:-9].any()


def test_beside_a_thing_that_the_border_cuts_it_is_left_to_the_fill_ever_wider_with_the_distance():
    picture = page()
    picture[:, 60, -20:] = 0
    new = ~changed(picture, Extents(right=40))[:, 160:]
    assert new.any(0).all() and (new.sum(0).diff() >= 0).all()
    assert new[60].all() and not new[:30].any() and not new[90:].any()


def test_a_colour_that_less_than_half_of_a_side_has_stands_before_it_and_does_not_go_on():
    picture = page()
    picture[:, 70:, :] = BLUE[:, None, None]
    canvas = filled(picture, Extents(right=30))
    assert not (canvas == BLUE[:, None, None]).all(0).any()
    assert (canvas[:, :40, 160:] == 1).all()


def test_a_border_of_many_colours_has_none():
    picture = torch.rand(3, 120, 160, generator=torch.Generator().manual_seed(2))
    assert not changed(picture, Extents(30, 30, 30, 30)).any()


def test_a_thin_frame_is_a_line_and_no_colour_to_go_on_in():
    picture = page()
    picture[:, :2], picture[:, -2:], picture[:, :, :2], picture[:, :, -2:] = 0, 0, 0, 0
    assert not changed(picture, Extents(30, 30, 30, 30)).any()


def test_each_side_goes_on_in_its_own_colour_and_a_corner_between_two_in_neither():
    picture = page()
    picture[:, :, -10:] = BLUE[:, None, None]
    canvas = filled(picture, Extents(right=30, down=30))
    assert torch.equal(canvas[:, 60, 160:], BLUE[:, None].expand(3, 30))
    assert torch.equal(canvas[:, 120:, 60], WHITE[:, None].expand(3, 30))
    assert (canvas[:, -1, -1] == UNTOUCHED).all()


@pytest.mark.parametrize("size", [(1, 1), (2, 9), (9, 2), (3, 3)])
def test_tiny_pictures_of_one_colour_go_on_in_it(size):
    picture = BLUE[:, None, None].repeat(1, *size)
    canvas = filled(picture, Extents(5, 6, 7, 8))
    assert (canvas[:, :7] == BLUE[:, None, None]).all()
