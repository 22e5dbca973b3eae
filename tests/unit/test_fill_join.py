"""The join of copied pieces: no glow, no stain, and the picture itself as it was."""

from __future__ import annotations

import torch

from outpaint_nodes.nodes.imaging.canvas import Extents
from outpaint_nodes.nodes.imaging.fill_join import join
from outpaint_nodes.nodes.imaging.fill_level import Level


def wall(gray: float) -> torch.Tensor:
    """``[3, 120, 200]`` of one grey, as even as a camera's picture can be."""
    return gray + 0.002 * torch.randn(3, 120, 200, generator=torch.Generator().manual_seed(1))


def rows_repeated(source: torch.Tensor) -> torch.Tensor:
    """``source`` ``[3, 120, 200]`` with its four uppermost rows ten times over above it, joined."""
    offset = torch.zeros(2, 160, 200, dtype=torch.long)
    offset[0, :40] = torch.arange(40)[:, None] % 4 + 40 - torch.arange(40)[:, None]
    return join(Level(source, Extents(up=40)), offset)


def test_an_object_that_the_border_cuts_does_not_glow_into_what_is_laid_beside_it():
    # A dark bar ends at the upper border of a grey wall; what is copied above it is wall.
    source = wall(0.6)
    source[:, :40, 80:120] = 0.1
    offset = torch.zeros(2, 160, 200, dtype=torch.long)
    offset[0, :40], offset[1, :40] = 100, 0
    joined = join(Level(source, Extents(up=40)), offset)
    assert torch.equal(joined[:, 40:], source)
    assert (joined[:, :10] - 0.6).abs().max() < 0.05


def test_the_noise_of_a_wall_repeated_does_not_add_up_to_a_stain():
    noise = torch.rand(3, 120, 200, generator=torch.Generator().manual_seed(0)) - 0.5
    source = 0.5 + 0.05 * noise
    # The last row of those repeated is brighter than the first by chance.
    source[:, :4] += torch.tensor([-0.03, -0.01, 0.01, 0.03])[:, None]
    joined = rows_repeated(source)
    assert torch.equal(joined[:, 40:], source)
    assert (joined[:, :20].mean((1, 2)) - 0.5).abs().max() < 0.03


def test_what_is_copied_from_beside_a_bright_line_is_not_lightened_by_it():
    # A line lies right below the rows that are repeated.
    source = wall(0.2)
    source[:, 5] = 0.9
    joined = rows_repeated(source)
    assert (joined[:, :40] - 0.2).abs().max() < 0.02


def test_the_flat_colours_of_a_drawing_stay_as_they_are():
    # A red bar ends at the upper border of white paper; above it lie paper and, beside it, red.
    source = torch.ones(3, 120, 200)
    source[1:, :40, 80:120] = 0.1
    offset = torch.zeros(2, 160, 200, dtype=torch.long)
    offset[0, :40] = 100
    offset[0, :40, 90:100] = 40
    joined = join(Level(source, Extents(up=40)), offset)
    assert torch.equal(joined[:, :38, :88], torch.ones(3, 38, 88))
    assert torch.equal(joined[:, :38, 92:98], source[:, :38, 92:98])
