"""Cells of the new area: in an even texture each is given a part of the picture, elsewhere none."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from outpaint_nodes.nodes.imaging import codec
from outpaint_nodes.nodes.imaging.canvas import Extents
from outpaint_nodes.nodes.imaging.fill_cells import cells
from outpaint_nodes.nodes.imaging.fill_level import RADIUS, Level
from outpaint_nodes.nodes.imaging.prefill import prefill

PHOTOS = Path(__file__).parents[1] / "photos"
ALL_SIDES = Extents(40, 40, 30, 30)


def texture(seed: int = 0) -> torch.Tensor:
    return 0.5 + 0.2 * (torch.rand(3, 60, 80, generator=torch.Generator().manual_seed(seed)) - 0.5)


def places(level: Level, shift: torch.Tensor) -> torch.Tensor:
    """Rows and columns ``[2, n]`` that the pixels of the new area are wanted from."""
    new = level.new_pixels()
    rows_and_columns = []
    for position, size, moved in zip(new, level.size, shift.flatten(1)[:, level.index(*new)], strict=True):
        rows_and_columns.append(position.clamp(RADIUS, size - 1 - RADIUS) + moved * max(level.size))
    return torch.stack(rows_and_columns)


def test_in_an_even_texture_nearly_every_cell_is_given_a_part_of_the_picture():
    level = Level(texture(), ALL_SIDES)
    y, x = level.new_pixels()
    moved = cells(level, 0).abs().sum(0).flatten()[level.index(y, x)] > 0
    assert moved.float().mean() > 0.9


@pytest.mark.parametrize("extents", [ALL_SIDES, Extents(right=60), Extents(up=200), Extents(left=3, down=1)])
def test_what_is_wanted_always_lies_inside_the_picture(extents):
    level = Level(texture(), extents)
    y, x = places(level, cells(level, 0))
    assert RADIUS - 1e-3 < y.min() and y.max() < level.size[0] - RADIUS
    assert RADIUS - 1e-3 < x.min() and x.max() < level.size[1] - RADIUS


def test_beyond_a_corner_much_of_the_picture_is_wanted_instead_of_the_corner_s_own_pixels():
    level = Level(texture(), ALL_SIDES)
    y, x = level.new_pixels()
    corner = (y < 0) & (x < 0)
    wanted = places(level, cells(level, 0))[:, corner].round().long()
    assert len(wanted.unique(dim=1)[0]) > 0.3 * int(corner.sum())


def test_a_gradient_is_no_texture():
    rows = torch.linspace(0.2, 0.8, 60)[None, :, None]
    level = Level((rows + 0.02 * (texture() - 0.5)).expand(3, 60, 80).contiguous(), ALL_SIDES)
    assert torch.count_nonzero(cells(level, 0)) == 0


def test_what_stands_in_the_middle_of_a_texture_is_no_part_of_it():
    source = texture()
    source[:, 22:38, 30:50] = torch.tensor([0.9, 0.1, 0.1])[:, None, None]
    level = Level(source, ALL_SIDES)
    for seed in range(3):
        y, x = places(level, cells(level, seed))
        inside = (y > 23) & (y < 37) & (x > 31) & (x < 49)
        assert inside.float().mean() < 0.01


def test_another_texture_than_the_border_shows_is_not_taken():
    source = texture()
    source[:, 20:] -= 0.3
    level = Level(source, Extents(up=60))
    y, _ = places(level, cells(level, 0))
    assert (y < 22).all()


def test_the_seed_decides_on_the_cells():
    level = Level(texture(), ALL_SIDES)
    assert torch.equal(cells(level, 1), cells(level, 1))
    assert not torch.equal(cells(level, 1), cells(level, 2))


def test_a_field_of_stars_goes_on_beyond_its_corners_without_rows_of_equal_stars():
    image = torch.nn.functional.avg_pool2d(codec.decode(PHOTOS / "hubble.jpg").image.movedim(-1, 1), 4).movedim(1, -1)
    down, across = image.shape[1] // 2, image.shape[2] // 2
    new = prefill(image.contiguous(), Extents(across, across, down, down), "content")[0].mean(-1)
    alike = []
    for corner in (new[:down, :across], new[:down, -across:], new[-down:, :across], new[-down:, -across:]):
        detail = corner - torch.nn.functional.avg_pool2d(corner[None], 25, 1, 12, count_include_pad=False)[0]
        power = torch.fft.rfft2(detail, s=(2 * down, 2 * across)).abs().square()
        correlation = torch.fft.irfft2(power, s=(2 * down, 2 * across)) / detail.square().sum()
        # Shifts of 6 to 24 pixels: beyond a star's own size, within what is seen at one look.
        shift = torch.meshgrid(torch.arange(25), torch.arange(25), indexing="ij")
        alike.append(correlation[:25, :25][torch.maximum(*shift) >= 6].max())
        alike.append(correlation[:25, -24:].flip(1)[torch.maximum(shift[0][:, :24], shift[1][:, :24] + 1) >= 6].max())
    assert sum(alike) / len(alike) < 0.2
