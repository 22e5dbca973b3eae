"""The change of colour that begins at the border, all along it: told from content, and shrunk by its uncertainty."""

from __future__ import annotations

import pytest
import torch

from outpaint_nodes.nodes.imaging import onset
from outpaint_nodes.nodes.imaging.border import jump
from outpaint_nodes.nodes.imaging.canvas import Extents, Rect
from outpaint_nodes.nodes.imaging.match import measure
from unit.pictures import blurred, overlap, texture

BORDER = 192


def scene(seed: int, strength: float = 1.0):
    """A strip ``[3, 800, 256]`` of a quiet picture, its colours spread over the whole range."""
    g = torch.Generator().manual_seed(seed)
    hues = torch.nn.functional.interpolate(torch.rand((1, 3, 9, 4), generator=g), (800, 256), mode="bicubic")[0]
    return 0.1 + 0.8 * hues + strength * 0.02 * torch.randn((3, 800, 256), generator=g)


def fitted(strip):
    steps, colors = onset.samples(strip, BORDER)
    return onset.fit_onset(steps, colors, torch.ones(steps.shape[2]))


def test_an_offset_and_a_curve_that_begin_at_the_border_are_taken_back():
    truth = scene(0)
    strip = truth.clone()
    outside = truth[..., BORDER:].clamp(0, 1) ** 1.06 + torch.tensor([0.012, -0.008, 0.004]).view(3, 1, 1)
    strip[..., BORDER:] = outside
    done = fitted(strip)(outside)
    assert (done - truth[..., BORDER:]).mean((1, 2)).abs().max() < 0.3 * (outside - truth[..., BORDER:]).mean(
        (1, 2)
    ).abs().max()


@pytest.mark.parametrize("seed", range(6))
def test_content_is_no_change(seed):
    picture = texture(400, 256, seed=seed)
    assert (fitted(picture)(picture) - picture).abs().mean() < 1.5 / 255


@pytest.mark.parametrize("seed", range(6))
def test_edges_that_lie_along_the_border_bend_nothing(seed):
    # Rims of cups that the border runs along: what is bright beyond it was dark before.
    picture = 0.25 + 0.25 * scene(seed, strength=0.2)
    rims = picture.clone()
    for start in (60, 340, 620):
        rims[:, start : start + 110, BORDER:] += 0.5
    with_rims, without = fitted(rims), fitted(picture)
    assert (with_rims(rims) - rims - without(rims) + rims).abs().max() < 0.5 / 255


def test_a_halo_of_a_few_pixels_is_no_change():
    strip = scene(1)
    halo = 8 / 255 * torch.exp(-((torch.arange(256 - BORDER) / 4) ** 2))
    haloed = strip.clone()
    haloed[..., BORDER:] += halo
    assert (fitted(haloed)(strip) - fitted(strip)(strip)).abs().mean() < 0.4 / 255


def test_the_less_certain_a_change_is_the_less_of_it_is_taken_back():
    found, gram = torch.full((5,), 2 / 255, dtype=torch.float64), torch.eye(5, dtype=torch.float64)
    g = torch.Generator().manual_seed(0)
    scatter = torch.randn((14, 5), generator=g, dtype=torch.float64)
    sizes = [onset.shrunk(found, scatter * deviation / 255, gram).norm() for deviation in (0.1, 0.5, 1.0, 3.0)]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] > 0.9 * found.norm()
    assert sizes[-1] < 0.2 * found.norm()


def test_a_step_is_measured_beyond_the_gap_and_a_slope_is_none():
    ramp = torch.arange(64.0).expand(1, 2, 64).clone()
    sums = torch.nn.functional.pad(ramp.cumsum(2), (1, 0))
    assert jump(sums, 32, 8, 8).abs().max() < 1e-4
    ramp[..., 32:] += 3
    ramp[..., 32:40] -= 50
    sums = torch.nn.functional.pad(ramp.cumsum(2), (1, 0))
    assert torch.allclose(jump(sums, 32, 8, 8), torch.full((1, 2), 3.0), atol=1e-3)


def test_the_whole_border_shows_what_no_single_place_does():
    g = torch.Generator().manual_seed(0)
    truth = blurred(texture(320, 480, seed=3, noise=0), 2.0) * 0.08 + 0.45
    truth = truth + 0.01 * torch.randn(truth.shape, generator=g)
    generated = truth.clone()
    generated[:, :, 384:] += torch.tensor([6.0, -5.0, 4.0]).view(3, 1, 1) / 255
    made, _ = measure(overlap(truth, Extents(right=96)), generated, "tone", 0, "off")
    far = Rect(448, 0, 32, 320)
    off = (made(far) - truth[(slice(None), *far.slices)]).mean((1, 2)).abs()
    assert off.max() < 2 / 255


def test_the_report_names_the_change_that_began_at_the_border():
    truth = scene(0)
    changed = truth.clone()
    changed[:, :, BORDER:] += 4 / 255
    extents = Extents(right=truth.shape[2] - BORDER)
    clean, found = (measure(overlap(truth, extents), made, "full", 0, "off")[1] for made in (truth, changed))
    assert clean.figures["onset"] < 1 and 3 < found.figures["onset"] < 5
    assert f"{found.figures['onset']:.1f} levels that begins there is taken back" in found.steps["border"]
