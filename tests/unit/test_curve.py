"""The curve that a parabola leaves of a tone curve."""

from __future__ import annotations

import pytest
import torch

from outpaint_nodes.nodes.imaging.canvas import Extents, Rect
from outpaint_nodes.nodes.imaging.curve import BENDS, bent, fit_curve, hats
from outpaint_nodes.nodes.imaging.match import measure
from outpaint_nodes.nodes.imaging.tone import MAX_SHIFT, fit_tone
from unit.pictures import blurred, overlap, texture

RIGHT = Extents(right=120)


def to_linear(image):
    """sRGB without its transfer function (IEC 61966-2-1)."""
    return torch.where(image <= 0.04045, image / 12.92, ((image + 0.055) / 1.055) ** 2.4)


CURVES = {
    "another gamma": lambda image: image**1.25,
    "a plain power in place of sRGB's curve": lambda image: to_linear(image) ** (1 / 2.2),
    "contrast": lambda image: image - 0.03 * torch.sin(2 * torch.pi * image),
}


def off(tone, wanted, given):
    """Mean distance in levels."""
    return 255 * float((tone(given.T[..., None])[..., 0].T - wanted).abs().mean())


@pytest.mark.parametrize("name", CURVES)
def test_a_curve_is_undone_much_better_than_by_a_parabola(name):
    colors = texture(120, 160, noise=0).sub(0.5).mul(1.6).add(0.45).clamp(0, 1).flatten(1).T
    place = torch.arange(len(colors)) // 300
    given = CURVES[name](colors)
    parabola, curve = (
        off(fit_tone(colors, given, torch.ones(len(colors)), place, curved=curved), colors, given)
        for curved in (False, True)
    )
    assert curve < 0.35 * parabola


def test_the_dark_colours_are_undone_although_bright_ones_are_many_times_as_common():
    g = torch.Generator().manual_seed(0)
    bright, dark = 0.9 + 0.05 * torch.rand((6000, 1), generator=g), 0.1 * torch.rand((300, 1), generator=g)
    colors = torch.cat([bright, dark])[torch.randperm(6300, generator=g)].expand(-1, 3)
    given = colors**1.1
    tone = fit_tone(colors, given, torch.ones(6300), torch.arange(6300) // 200, curved=True)
    shadows = colors[:, 0] < 0.1
    assert off(tone, colors[shadows], given[shadows]) < 0.35 * 255 * float((given - colors)[shadows].abs().mean())


def test_what_a_single_place_shows_bends_little():
    values = torch.linspace(0, 1, 4000, dtype=torch.double)
    # Brightnesses that lie in one place only are off by twenty levels, as where an object was drawn anew.
    place = torch.where((values > 0.3) & (values < 0.4), 40, torch.arange(4000) % 40)
    left = torch.where(place == 40, 20 / 255, 0.0)
    curve = fit_curve(left.double(), hats(values), place, 41)
    everywhere = fit_curve(left.double(), hats(values), torch.arange(4000) % 40, 40)
    at = torch.tensor([[0.35]], dtype=torch.double)
    assert bent(curve, at) < 0.6 * bent(everywhere, at)


def test_where_nothing_is_left_there_is_no_curve():
    colors = torch.rand((3000, 3), generator=torch.Generator().manual_seed(0))
    assert fit_tone(colors, 0.97 * colors + 0.01, torch.ones(3000), torch.arange(3000) // 60, curved=True).curve is None


def test_a_curve_moves_no_colour_by_more_than_the_bound():
    g = torch.Generator().manual_seed(0)
    wanted, given = torch.rand((2000, 3), generator=g), torch.rand((2000, 3), generator=g)
    tone = fit_tone(wanted, given, torch.ones(2000), torch.arange(2000) // 50, curved=True)
    image = torch.rand((3, 32, 32), generator=g)
    assert (tone(image) - image).abs().max() <= MAX_SHIFT + 1e-6


def test_hats_count_one_in_all_and_a_curve_through_them_is_linear_between_its_bends():
    values = torch.rand((1, 500), generator=torch.Generator().manual_seed(0))
    curve = torch.rand(BENDS, generator=torch.Generator().manual_seed(1))
    near = hats(values[0])
    assert torch.allclose(near.sum(1), torch.ones(500))
    assert torch.allclose(bent(curve, values)[0], near @ curve, atol=1e-5)


def test_colours_that_were_only_computed_otherwise_give_no_reason_to_look_for_a_cast():
    """Video levels in place of full ones: the overlap tells all, and far out the picture comes back as well."""
    truth = 0.8 + 0.4 * (blurred(texture(672, 896, seed=1, noise=0), 6.0) - 0.5) + 0.004 * texture(672, 896, seed=2)
    made, found = measure(overlap(truth, Extents(right=240)), truth * 219 / 255 + 16 / 255, "tone", 0, "off")
    assert found.figures["tone"] > 10 and found.figures["remaining"] < 0.2
    far = Rect(756, 0, 140, 672)
    assert 255 * (made(far) - truth[:, :, 756:]).mean((1, 2)).abs().max() < 0.7
