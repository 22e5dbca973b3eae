"""Tone, membrane, sharpness and grain, and all of them together: what each undoes, its bounds, when it declines."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils._python_dispatch import TorchDispatchMode

from outpaint_nodes.nodes.imaging import detail, grain, sharpness
from outpaint_nodes.nodes.imaging.canvas import Extents, Rect
from outpaint_nodes.nodes.imaging.correction import textured
from outpaint_nodes.nodes.imaging.detail import measure as measure_grain
from outpaint_nodes.nodes.imaging.detail import split
from outpaint_nodes.nodes.imaging.filters import luma
from outpaint_nodes.nodes.imaging.grain import white
from outpaint_nodes.nodes.imaging.match import measure
from outpaint_nodes.nodes.imaging.membrane import membrane
from outpaint_nodes.nodes.imaging.tone import MAX_SHIFT, fit_tone, fit_toning
from unit.pictures import blurred, jpeg, overlap, texture

RIGHT = Extents(right=96)


def matched(truth, generated, extents=RIGHT, match="full", **options):
    """The corrected canvas and what was found."""
    made, found = measure(overlap(truth, extents, **options), generated, match, 0, "off")
    return made(Rect(0, 0, truth.shape[2], truth.shape[1])), found


def fine(image):
    """Mean strength of the finest luma detail."""
    return float(split(luma(image))[0].abs().mean())


# --- tone


def test_a_colour_change_is_undone_although_a_fifth_of_the_overlap_is_redrawn():
    colors = torch.rand(4000, 3)
    wrong = colors * torch.tensor([1.05, 0.97, 1.0]) + torch.tensor([0.02, -0.01, 0.015])
    seen = wrong.clone()
    seen[:800] = torch.rand(800, 3)
    tone = fit_tone(colors, seen, torch.ones(4000))
    back = tone(wrong.T[..., None])[..., 0].T
    assert (back - colors).abs().mean() < 0.004


@given(st.integers(0, 1000))
@settings(max_examples=15, deadline=None)
def test_no_colour_moves_by_more_than_the_bound(seed):
    g = torch.Generator().manual_seed(seed)
    tone = fit_tone(torch.rand(300, 3, generator=g), torch.rand(300, 3, generator=g), torch.ones(300))
    image = torch.rand(3, 8, 8, generator=g)
    assert (tone(image) - image).abs().max() <= MAX_SHIFT + 1e-6


def test_places_that_are_off_as_a_whole_do_not_bend_the_colours():
    g = torch.Generator().manual_seed(0)
    place = torch.arange(12).repeat_interleave(300)
    # Each place has colours of its own, and an offset of its own.
    colors = (torch.rand((12, 3), generator=g)[place] + 0.1 * torch.randn((3600, 3), generator=g)).clamp(0, 1)
    off = 0.02 * torch.randn((12, 3), generator=g)[place]
    every = torch.rand((2000, 3), generator=g)
    moved = [
        (tone(every.T[..., None])[..., 0].T - every).abs().mean()
        for tone in (fit_tone(colors + off, colors, torch.ones(3600), by) for by in (place, None))
    ]
    assert moved[0] < 0.6 * moved[1]


def test_how_large_the_sky_is_says_nothing_about_the_colours_of_the_trees():
    sky = 0.8 + 0.12 * blurred(texture(300, 480, noise=0), 8.0)
    trees = 0.25 + 0.3 * (texture(300, 480, noise=0.05) - 0.5)
    truth = torch.where((torch.arange(300) < 270)[:, None], sky, trees)
    curved = truth - 0.03 * torch.sin(2 * torch.pi * truth)
    done, _ = matched(truth, curved, match="tone")
    left, was = ((x - truth)[:, 270:, 384:].mean().abs() for x in (done, curved))
    assert left < 0.3 * was


def test_too_few_samples_give_no_tone():
    assert fit_tone(torch.rand(20, 3), torch.rand(20, 3), torch.ones(20)) is None


def test_a_sepia_picture_is_known_and_a_coloured_one_is_not():
    grey = torch.rand(5000, 1)
    sepia = grey * torch.tensor([1.0, 0.9, 0.75])
    toning = fit_toning(sepia)
    cast = (sepia + torch.tensor([0.03, 0.0, -0.03])).T[..., None]
    assert (toning(cast)[..., 0].T - sepia).abs().mean() < 0.02
    assert fit_toning(torch.rand(5000, 3)) is None


def test_another_picture_in_the_overlap_declines_and_says_so():
    truth, other = texture(240, 320, seed=1), texture(240, 320, seed=2)
    _, found = matched(truth, other)
    assert found.steps["shift"].startswith("declined")
    assert found.steps["tone"].startswith("declined: the overlap shows another picture")
    assert found.steps["sharpness"].startswith("declined")


def test_estimates_come_from_behind_a_repainted_edge():
    truth = texture(240, 320)
    generated = (truth * 0.95 + 0.03).clone()
    generated[:, :, 224 - 24 : 224] = 0.9
    valid = torch.ones(240, 224)
    valid[:, -24:] = 0
    done, _ = matched(truth, generated, match="tone", valid=valid)
    assert (done - truth)[:, :, 224:].abs().mean() < 0.004


# --- membrane


def test_the_membrane_takes_the_known_values_and_stays_between_them():
    known = torch.zeros(1, 40, 50)
    known[:, 10:30, 10:30] = 1
    values = torch.rand(3, 40, 50)
    field = membrane(values, known)
    inside = known[0].bool()
    assert torch.equal(field[:, inside], values[:, inside])
    assert field.min() >= values[:, inside].min() - 1e-6
    assert field.max() <= values[:, inside].max() + 1e-6


def test_a_linear_field_is_continued_smoothly_between_two_sides():
    known = torch.zeros(1, 32, 64)
    known[..., :8] = known[..., -8:] = 1
    ramp = torch.linspace(0, 1, 64).expand(1, 32, 64)
    assert (membrane(ramp, known, steps=200) - ramp).abs().max() < 0.02


def test_nothing_known_gives_no_field():
    assert membrane(torch.rand(3, 16, 16), torch.zeros(1, 16, 16)).abs().max() == 0


def test_an_object_changed_at_the_border_does_not_stain_the_new_area():
    truth = texture(240, 320)
    stained = truth.clone()
    stained[:, 100:130, 205:224] -= 45 / 255
    clean, _ = matched(truth, truth.clone(), match="tone")
    done, _ = matched(truth, stained, match="tone")
    assert 255 * (done - clean)[:, 60:180, 224:288].abs().mean() < 0.3


# --- sharpness


def test_a_blur_is_undone_where_the_truth_is_not_known():
    truth = texture(240, 320, noise=0)
    soft = blurred(truth, 0.8)
    made, found = measure(overlap(truth, RIGHT), soft, "full", 0, "off")
    done = made.smooth(Rect(0, 0, 320, 240))
    assert found.figures["gain"] <= sharpness.GAIN[1]
    assert (done - truth)[:, 20:-20, 240:-20].abs().mean() < 0.6 * (soft - truth)[:, 20:-20, 240:-20].abs().mean()


def test_the_filter_leaves_flat_places_and_makes_no_halo_on_an_edge():
    added = sharpness.kernel(torch.linspace(1, 2.5, 17))
    edge = torch.zeros(3, 40, 40)
    edge[:, :, 20:] = 0.5
    r = sharpness.RADIUS
    done = sharpness.sharpen(edge, added)
    assert torch.allclose(done[:, :, : 12 - r], edge[:, r:-r, r:12], atol=0.02)
    assert done.max() <= 0.5 * 1.26 + 1 / 255
    assert done.min() >= -0.5 * 0.26 - 1 / 255


# --- grain


def test_the_originals_grain_goes_on_in_the_new_area():
    g = torch.Generator().manual_seed(0)
    smooth = texture(260, 380, noise=0)
    smooth = blurred(smooth, 4.0)
    truth = smooth + 0.015 * torch.randn(smooth.shape, generator=g)
    done, _ = matched(truth, smooth.clone(), Extents(right=128))
    new, old = measure_grain(done[:, :, 256:]), measure_grain(truth[:, :, :252])
    ratio = (new.energy[:, :2].mean(0) / old.energy[:, :2].mean(0)).sqrt()
    assert ((ratio > 0.8) & (ratio < 1.25)).all()


def noisy(truth: torch.Tensor, levels: float, seed: int = 0) -> torch.Tensor:
    return truth + levels / 255 * torch.randn(truth.shape, generator=torch.Generator().manual_seed(seed))


def test_noise_that_the_generator_has_and_the_original_has_not_is_taken_out_of_luma_and_chroma():
    truth = noisy(blurred(texture(260, 380, noise=0), 4.0), 1.0)
    done, _ = matched(truth, noisy(truth, 4.0, seed=1), Extents(right=128))
    new, old = measure_grain(done[:, :, 256:]), measure_grain(truth[:, :, :252])
    ratio = (new.energy[:, :2].mean(0) / old.energy[:, :2].mean(0)).sqrt()
    assert (ratio < 1.3).all()


def cells(times: torch.Tensor) -> detail.Sample:
    """Cells whose fine detail has so many ``times`` the usual power for how much goes on there, ``[N]``."""
    activity = torch.linspace(-8, -4, len(times))
    energy = (2.0**activity).square() * times
    every = energy.view(-1, 1, 1).expand(-1, grain.BANDS, 3)
    return detail.Sample(torch.full_like(times, 0.5), activity, every, torch.zeros_like(every))


@pytest.mark.parametrize(("differs", "kept"), [(1.0, 0.0), (4.0, 1.0)])
def test_detail_is_missed_in_the_new_area_as_far_as_the_original_is_the_same_all_over(differs, kept):
    one, less = torch.ones(2000), torch.full((2000,), 0.25)
    halves = [(cells(one * differs**0.5), cells(one / differs**0.5))]
    fitted = grain.fit_grain(cells(one), cells(less), cells(one), halves)
    ratio = torch.log(fitted.wanted / fitted.usual)[:, 0, 2:, grain.TONES // 2].mean() / math.log(0.25)
    assert float(ratio) == pytest.approx(kept * grain.APART, abs=0.1)


def test_what_the_overlap_does_not_show_to_be_too_much_is_lowered_little():
    quiet, loud = torch.ones(2000), torch.full((2000,), 36.0)
    halves = [(cells(quiet), cells(quiet))]
    gains = [grain.fit_grain(cells(quiet), cells(loud), again, halves).gain for again in (cells(quiet), cells(loud))]
    assert gains[0].shape[1] == 1 and float(gains[0].min()) == pytest.approx(grain.GAIN)
    assert gains[1].shape[1] == 3 and float(gains[1][..., grain.TONES // 2].max()) < 0.3


def test_noise_that_comes_out_much_stronger_than_the_quiet_places_is_weakened_also_where_content_is_lively():
    def both(quiet: float, lively: float) -> detail.Sample:
        half = torch.ones(500)
        energy = torch.cat([half * quiet**2, half * lively**2]) / 255**2
        activity = torch.cat([half * -8, half * -4])
        every = energy.view(-1, 1, 1).expand(-1, grain.BANDS, 3)
        return detail.Sample(torch.full((1000,), 0.5), activity, every, torch.zeros_like(every))

    wants, bare = both(1, 8), both(0.2, 0.2)
    fitted = grain.fit_grain(wants, bare)
    tried = replace(fitted, variance=torch.full_like(fitted.variance, (0.1 / 255) ** 2))
    weak, strong = (grain.refined(tried, wants, bare, both(out, out)).variance for out in (0.5, 6))
    lively = (..., grain.LEVELS - 1, grain.TONES // 2)
    assert (weak[lively] > tried.variance[lively]).all()
    assert (strong[lively] < 0.3 * tried.variance[lively]).all()


def test_an_edge_is_changed_less_than_the_weak_detail_beside_it():
    wants = cells(torch.full((2000,), 0.01))
    fitted = grain.fit_grain(wants, cells(torch.full((2000,), 0.0025)))
    raised = replace(fitted, gain=torch.full_like(fitted.gain, 1.6))

    def gained(height: float) -> float:
        """By how many times ``height`` a step of it grows."""
        picture = torch.full((3, 96, 96), 0.5)
        picture[:, :, 48:] += height
        added = (grain.add_grain(picture, raised, 0, 0, 0) - picture)[:, 24:-24, 24:-24]
        return float(added.amax() - added.amin()) / height

    assert gained(0.001) > 0.3
    assert gained(0.3) < 0.1 * gained(0.001)


@pytest.mark.parametrize("quietest", [0.0, 0.1, 4.0])
def test_a_picture_with_places_without_any_detail_gets_noise_that_is_not_seen_where_it_has_some(quietest):
    def both(quiet: float, lively: float) -> detail.Sample:
        energy = torch.cat([torch.full((100,), quiet**2), torch.full((900,), lively**2)]) / 255**2
        activity = torch.linspace(-7, -6.5, 1000)[torch.randperm(1000, generator=torch.Generator().manual_seed(0))]
        every = energy.view(-1, 1, 1).expand(-1, grain.BANDS, 3)
        return detail.Sample(torch.full((1000,), 0.5), activity, every, torch.zeros_like(every))

    wants, bare = both(quietest, 4), both(0, 0)
    fitted = grain.with_noise(grain.fit_grain(wants, bare), bare)
    most = 255 * grain.refined(fitted, wants, bare, bare).most[0, 0].sqrt()
    unseen = 255 * grain.UNSEEN**0.5
    assert float(most.min()) >= unseen
    assert float(most.max()) < 4 * unseen or quietest > 1


def test_grain_depends_on_the_seed_and_on_nothing_else():
    truth = texture(240, 320, noise=0.02)
    soft = blurred(truth, 1.0)
    make = lambda seed: measure(overlap(truth, RIGHT), soft, "full", seed, "off")[0](Rect(224, 0, 96, 240))  # noqa: E731
    assert torch.equal(make(1), make(1))
    assert not torch.equal(make(1), make(2))


def test_noise_is_normal_and_the_same_wherever_a_block_begins():
    whole = white(7, 0, 0, 300, 200, torch.device("cpu"))
    assert torch.equal(white(7, 40, 60, 100, 80, torch.device("cpu")), whole[:, 60:140, 40:140])
    assert abs(float(whole.mean())) < 0.02
    assert abs(float(whole.std()) - 1) < 0.02
    assert abs(float((whole[0] * whole[1]).mean())) < 0.02


def test_bands_add_up_to_less_than_the_picture_by_its_low_pass():
    picture = texture(40, 50)
    rest = picture - sum(split(picture))
    assert fine(rest) < 0.2 * fine(picture)


def test_a_drawing_gets_no_grain():
    drawing = torch.ones(3, 240, 320)
    drawing[:, ::24] = 0
    drawing[:, :, ::31] = 0.2
    _, found = matched(drawing, blurred(drawing, 0.8) + 0.01 * torch.randn(3, 240, 320))
    assert found.steps["grain"].startswith("declined")


# --- at the border


def test_a_halo_at_the_border_moves_little_further_out():
    truth = blurred(texture(240, 320, noise=0), 3.0)
    beyond = torch.arange(96) / 6
    haloed = truth.clone()
    haloed[:, :, 224:] += 8 / 255 * torch.exp(-(beyond**2))
    done, _ = matched(truth, haloed, match="tone")
    clean, _ = matched(truth, truth.clone(), match="tone")
    assert 255 * (done - clean)[:, :, 224 + 48 :].abs().mean() < 1.5


def test_a_coding_block_that_the_border_divides_makes_no_step():
    g = torch.Generator().manual_seed(0)
    hues = torch.nn.functional.interpolate(torch.rand((1, 3, 4, 6), generator=g), (272, 352), mode="bicubic")[0]
    detail = 0.3 * (texture(272, 352, noise=0.03) - 0.5)
    truth = jpeg((0.25 + 0.5 * hues + detail).clamp(0, 1), 75)[:, 11:251, 5:325]
    # Colours that depart from the border on, over four pixels, now to one side and now to the other.
    wave = torch.sin(torch.arange(240) / 12)[:, None] * ((torch.arange(320) - 223) / 4).clamp(0, 1)
    generated = truth + wave * torch.tensor([5.0, -5.0, 0.0]).view(3, 1, 1) / 255
    known = overlap(truth, RIGHT)
    found = measure(known, generated, "full", 0, "auto")[0]
    assert found.texture.sampling == (2, 2)

    def step(correction):
        off = textured(correction, known, Rect(224, 0, 96, 240))[:, :, 0] - truth[:, :, 224]
        return float(torch.nn.functional.avg_pool1d(off, 12).square().mean())

    assert step(found) < 0.6 * step(replace(found, divided=()))


# --- any block by itself


@pytest.mark.parametrize("place", [Rect(224, 0, 40, 30), Rect(250, 101, 70, 77), Rect(300, 200, 20, 40)])
def test_a_block_by_itself_equals_its_part_of_the_whole(place):
    truth = texture(240, 320, noise=0.02)
    made, _ = measure(overlap(truth, RIGHT), blurred(truth * 0.96, 0.7), "full", 3, "off")
    whole = made(Rect(0, 0, 320, 240))
    assert torch.allclose(made(place), whole[(slice(None), *place.slices)], atol=2e-4)


class HostReads(TorchDispatchMode):
    """Counts the operations that fetch a value from the device."""

    def __init__(self):
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.count += func._schema.name in ("aten::_local_scalar_dense", "aten::nonzero", "aten::equal")
        return func(*args, **(kwargs or {}))


def test_no_value_is_fetched_from_the_device_while_a_correction_is_applied():
    truth = jpeg(texture(240, 320, noise=0.03), 75)
    known = overlap(truth, RIGHT)
    made, _ = measure(known, blurred(truth * 0.96 + 0.01, 0.7), "full", 0, "auto")
    assert made.texture and made.grain and made.sharp is not None
    with HostReads() as reads:
        textured(made, known, Rect(224, 0, 96, 240))
    assert reads.count == 0
    with HostReads() as reads:
        float(truth.mean())
    assert reads.count == 1
