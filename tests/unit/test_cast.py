"""The smooth colour error far from the original: told from content by how the original's own colours vary."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from outpaint_nodes.nodes.imaging.canvas import Extents, Size
from outpaint_nodes.nodes.imaging.cast import GRID, fit_cast, places
from outpaint_nodes.nodes.imaging.fields import CELL
from outpaint_nodes.nodes.imaging.match import measure
from unit.pictures import overlap, texture

SIZE = Size(896, 672)
EXTENTS = Extents(right=240)


def backdrop(seed: int, strength: float = 2.0):
    """Colours ``[3, h, w]`` in cells of a quiet backdrop: small differences that soon forget each other."""
    g = torch.Generator().manual_seed(seed)
    hue = torch.rand((3, 1, 1), generator=g) * 0.6 + 0.2
    coarse = torch.randn((1, 3, 24, 32), generator=g) * strength / 255
    return hue + torch.nn.functional.interpolate(coarse, (SIZE.height // CELL, SIZE.width // CELL), mode="bicubic")[0]


def away(extents: Extents = EXTENTS):
    """How far the cells of the canvas lie beyond the original's borders, in pixels; 0 inside."""
    x = torch.arange(SIZE.width // CELL) * CELL + CELL / 2
    y = torch.arange(SIZE.height // CELL) * CELL + CELL / 2
    across = torch.maximum(extents.left - x, x - (SIZE.width - extents.right)).clamp_min(0)
    down = torch.maximum(extents.up - y, y - (SIZE.height - extents.down)).clamp_min(0)
    return torch.hypot(down[:, None], across[None])


def drift(extents: Extents = EXTENTS, strength: float = 5.0):
    """A cast ``[3, h, w]`` of some levels that grows with the distance from the original."""
    hue = torch.tensor([1.0, -0.6, 0.4]).view(3, 1, 1)
    return hue * strength / 255 * (away(extents) / 200).clamp_max(1)


def taken(colors, extents: Extents = EXTENTS, error: float = 2.0):
    """What is taken back of the generated ``colors``, in levels, ``[3, h, w]`` in cells."""
    far = away(extents)
    area = overlap(torch.zeros(3, SIZE.height, SIZE.width), extents).canvas.rect
    inside, outside = (places(colors, chosen.float(), CELL, SIZE) for chosen in (far == 0, far > 0))
    field = fit_cast(inside, outside, area, SIZE, error)
    fine = torch.nn.functional.interpolate(-255 * field[None].float(), scale_factor=GRID // CELL, mode="bilinear")
    return fine[0, :, : far.shape[0], : far.shape[1]]


def level(field) -> float:
    return float(field.square().mean().sqrt())


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("extents", [EXTENTS, Extents(left=160, up=120), Extents(200, 200, 150, 150)])
def test_a_cast_over_a_backdrop_is_taken_back(seed, extents):
    fault, far = 255 * drift(extents), away(extents) > 64
    left = fault - taken(backdrop(seed) + fault / 255, extents)
    assert level(left[:, far]) < 0.4 * level(fault[:, far])


@pytest.mark.parametrize("seed", range(4))
def test_a_generator_without_fault_loses_next_to_nothing(seed):
    assert taken(backdrop(seed), error=0.0).abs().max() < 0.2
    assert taken(backdrop(seed), error=2.0).abs().mean() < 0.5


@pytest.mark.parametrize("seed", range(4))
def test_colours_that_vary_widely_tell_nothing(seed):
    wide = torch.nn.functional.avg_pool2d(texture(SIZE.height, SIZE.width, seed), CELL)
    assert (taken(wide + drift()) - taken(wide)).abs().mean() < 0.3 * 255 * drift()[:, away() > 0].abs().mean()
    assert taken(wide).abs().max() < 4


@pytest.mark.parametrize("seed", range(4))
def test_something_new_is_no_cast(seed):
    picture = backdrop(seed)
    with_object = picture.clone()
    with_object[:, 30:60, 100:112] = torch.tensor([0.7, 0.2, 0.1]).view(3, 1, 1)
    assert (taken(with_object) - taken(picture)).abs().mean() < 0.5


def test_where_the_original_changes_from_side_to_side_so_may_the_new_area():
    sky = backdrop(0)
    sky[:, 60:] = backdrop(5)[:, 60:]
    above = Extents(up=180)
    cloudy = sky.clone()
    cloudy[:, :22] += 12 / 255
    assert (taken(cloudy, above) - taken(sky, above))[:, :22].mean() < 6


@pytest.mark.parametrize("seed", range(4))
def test_a_picture_that_darkens_towards_its_sides_goes_on_darkening(seed):
    extents = Extents(160, 160, 120, 120)
    y, x = torch.linspace(-1, 1, SIZE.height // CELL)[:, None], torch.linspace(-1, 1, SIZE.width // CELL)
    vignetted = backdrop(seed) * (1 - 0.3 * ((y.square() + x.square()) / 2) ** 1.5)
    assert taken(vignetted, extents, error=0.7).abs().max() < 3


def test_the_original_and_its_border_stay_as_they_are():
    field = taken(backdrop(1) + drift())
    assert field[:, away() == 0].abs().max() < 0.15
    assert field.abs().max() > 3


def test_a_cast_is_believed_the_more_the_larger_the_error_of_the_overlap():
    colors = backdrop(2, strength=4.0) + drift(strength=3.0)
    found = [level(taken(colors, error=error)) for error in (0.0, 0.5, 2.0, 8.0)]
    assert found == sorted(found)


@settings(deadline=None, max_examples=25)
@given(
    seed=st.integers(0, 1000),
    extents=st.builds(Extents, *(st.sampled_from([0, 40, 120, 240]) for _ in range(4))).filter(bool),
    strength=st.sampled_from([0.0, 0.01, 1.0, 30.0]),
)
def test_no_picture_is_too_odd(seed, extents, strength):
    assert torch.isfinite(taken(backdrop(seed, strength) + drift(extents), extents)).all()


def test_a_mirrored_picture_is_treated_as_its_mirror_image():
    colors = backdrop(3) + drift()
    mirrored = taken(colors.flip(2), Extents(left=240)).flip(2)
    assert torch.allclose(mirrored, taken(colors), atol=0.05)


@pytest.mark.parametrize("size", [Size(24, 24), Size(8, 400), Size(1, 1)])
def test_too_few_places_tell_nothing(size):
    colors = torch.full((3, -(-size.height // CELL), -(-(size.width + 8) // CELL)), 0.5)
    inside = torch.zeros_like(colors[0])
    inside[:, : size.width // CELL] = 1
    canvas = Size(size.width + 8, size.height)
    area = overlap(torch.zeros(3, *reversed((canvas.width, canvas.height))), Extents(right=8)).canvas.rect
    found = fit_cast(places(colors, inside, CELL, canvas), places(colors, 1 - inside, CELL, canvas), area, canvas, 2.0)
    assert found is None or found.abs().max() < 0.01 / 255


def test_the_report_says_what_was_taken_back():
    truth = texture(SIZE.height, SIZE.width, noise=0.004)
    quiet = 0.5 + 0.02 * (truth - 0.5) + 0.004 * torch.randn(truth.shape, generator=torch.Generator().manual_seed(0))
    fault = torch.nn.functional.interpolate(drift()[None], scale_factor=CELL, mode="nearest")[0]
    fault += 0.004 * torch.randn(truth.shape, generator=torch.Generator().manual_seed(1))
    _, found = measure(overlap(quiet, EXTENTS), quiet * 0.98 + fault, "tone", 0, "off")
    assert found.figures["cast"] > 2
    assert f"{found.figures['cast']:.1f} levels" in found.steps["cast"]


def test_the_report_does_not_say_that_nothing_was_taken_back():
    plain = 0.5 + 0.004 * torch.randn((3, SIZE.height, SIZE.width), generator=torch.Generator().manual_seed(0))
    _, found = measure(overlap(plain, EXTENTS), plain, "tone", 0, "off")
    assert found.figures["cast"] < 0.05 and found.steps["cast"] == "nothing to undo"
