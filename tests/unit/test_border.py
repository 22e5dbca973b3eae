"""Steps and pixels at the border: told from content, and how far their correction reaches."""

from __future__ import annotations

import torch

from outpaint_nodes.nodes.imaging import border
from unit.pictures import texture


def test_a_step_that_begins_at_the_border_is_told_from_content():
    g = torch.Generator().manual_seed(0)
    strip = 0.5 + 0.01 * torch.randn((3, 400, 256), generator=g)
    strip[..., 192:] += 0.03
    fault = border.excess_step(strip, 192, 16, 48.0)
    assert torch.allclose(fault, torch.full_like(fault, 0.03), atol=0.008)
    assert border.excess_step(strip - 0.0, 160, 4, 24.0).abs().max() < 0.02


def test_no_step_is_corrected_in_a_picture_as_lively_as_the_step():
    strip = texture(300, 256, noise=0.1)
    assert border.excess_step(strip, 192, 4, 24.0).abs().mean() < 0.01


def test_the_ring_starts_at_the_difference_and_dies_away():
    known = torch.zeros(1, 30, 40)
    known[..., :20] = 1
    difference = torch.full((3, 30, 40), 0.02) * known
    done = border.ring(difference, known)
    assert done[:, 15, 20].min() > 0.01
    assert done[:, 15, 32:].abs().max() < 0.001


def test_the_ring_believes_an_edge_that_a_decoder_is_off_at_but_no_stain():
    known = torch.zeros(1, 60, 40)
    known[:, :, :20] = 1
    stain = (known * 60 / 255).expand(3, -1, -1).clone()
    edge = stain * torch.where(torch.arange(40) % 4 < 2, -1.0, 1.0)
    assert border.ring(edge, known)[:, 30, 20].abs().min() > 25 / 255
    assert border.ring(stain, known)[:, 30, 20].abs().max() < 3 / 255


def test_the_ring_does_not_believe_large_differences():
    known = torch.zeros(1, 30, 40)
    known[..., :20] = 1
    assert border.ring(known.expand(3, -1, -1) * 0.8, known).max() < 0.01
