"""Families: recognised by facts, and creativity as one signal-to-noise on all of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outpaint_nodes.nodes import families
from outpaint_nodes.nodes.errors import InputError
from outpaint_nodes.nodes.families import BY_CONFIG, FAMILIES, Facts, between, of_three, recognise, start

MASKED = ("mask", "masked_image")


def facts(*configs: str, prediction: str = "EPS", channels: int = 4, inputs: int = 4, **more) -> Facts:
    return Facts((*configs, "BASE"), prediction, channels, inputs, **more)


@pytest.mark.parametrize(
    ("found", "name"),
    [
        (facts("SD15"), "SD 1.5"),
        (facts("SD15", inputs=9, concat=MASKED), "SD 1.5 inpaint"),
        (facts("SD20", prediction="V_PREDICTION"), "SD 2"),
        (facts("SDXL", inputs=9, concat=MASKED), "SDXL inpaint"),
        (facts("SSD1B", "SDXL"), "SDXL"),
        (facts("SD3", prediction="FLOW", channels=16, inputs=16), "SD 3"),
        (facts("Flux", prediction="FLUX", channels=16, inputs=16, patch=2), "Flux"),
        (facts("FluxInpaint", "Flux", prediction="FLUX", channels=16, inputs=96, patch=2), "Flux Fill"),
        (facts("FluxSchnell", "Flux", prediction="FLOW", channels=16, inputs=16, patch=2), "Flux Schnell"),
        (facts("Flux2", "Flux", prediction="FLUX", channels=128, inputs=128, compression=16), "Flux.2"),
        (facts("QwenImage", prediction="FLUX", channels=16, inputs=64, patch=2, dimensions=3), "Qwen-Image"),
        (facts("ZImage", "Lumina2", prediction="FLOW", channels=16, inputs=16, patch=2), "Z-Image"),
        (facts("Lumina2", prediction="FLOW", channels=16, inputs=16, patch=2), "Lumina 2"),
        (facts("Tomorrow"), "unknown"),
        (facts("Tomorrow", prediction="FLOW"), "unknown flow model"),
        (facts("Tomorrow", inputs=9, concat=MASKED), "unknown inpaint model"),
    ],
)
def test_a_model_is_recognised_by_what_the_host_says(found, name):
    assert recognise(found).name == name


def test_a_model_that_makes_sound_is_refused():
    with pytest.raises(InputError, match="StableAudio.*sound"):
        recognise(facts("StableAudio", dimensions=1))


def test_windows_are_multiples_of_the_latent_cell_times_the_patch():
    assert facts("Flux", patch=2).multiple == 16
    assert facts("Flux2", compression=16).multiple == 16
    assert facts("SD15").multiple == 8


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_more_creativity_never_shows_the_sampler_more_of_the_prefill(family):
    points = [between(family.snr, step / 20) for step in range(21)]
    assert points == sorted(points, reverse=True)
    assert points[0] <= 0.2 and points[-1] == 0
    assert family.cfg == tuple(sorted(family.cfg))


@given(st.floats(0, 1))
def test_three_values_are_met_at_the_ends_and_the_middle(creativity):
    assert [of_three((1.0, 2.0, 5.0), at) for at in (0, 0.5, 1)] == [1.0, 2.0, 5.0]
    assert 1.0 <= of_three((1.0, 2.0, 5.0), creativity) <= 5.0


def karras(steps: int) -> list[float]:
    ramp = [14.6 ** (1 / 7) + i / (steps - 1) * (0.03 ** (1 / 7) - 14.6 ** (1 / 7)) for i in range(steps)]
    return [*(root**7 for root in ramp), 0.0]


def flow(steps: int) -> list[float]:
    return [3 * t / (1 + 2 * t) for t in ((steps - i) / steps for i in range(steps))] + [0.0]


def kept(steps: int, denoise: float, schedule) -> float:
    """The first sigma of the host's KSampler: the last ``steps`` of a schedule of int(steps / denoise)."""
    return schedule(steps if denoise > 0.9999 else int(steps / denoise))[-(steps + 1)]


@pytest.mark.parametrize(("schedule", "snr"), [(karras, lambda s: 1 / s), (flow, lambda s: (1 - s) / s)])
@given(target=st.floats(0.0, 0.6), steps=st.integers(4, 60))
def test_the_denoise_given_to_the_sampler_starts_where_the_plan_says(schedule, snr, target, steps):
    found = start(target, steps, schedule, snr)
    assert kept(steps, found.denoise, schedule) == pytest.approx(found.sigma)
    assert 0 < found.denoise <= 1
    if target == 0:
        assert found.denoise == 1


@pytest.mark.parametrize(("schedule", "snr"), [(karras, lambda s: 1 / s), (flow, lambda s: (1 - s) / s)])
def test_a_start_comes_as_near_as_the_schedule_allows(schedule, snr):
    for target in (0.08, 0.1, 0.15, 0.2):
        found = start(target, 40, schedule, snr)
        assert found.snr == pytest.approx(target, rel=0.25)


def test_every_configuration_in_the_table_leads_to_a_family_that_can_be_chosen():
    for plain, told in BY_CONFIG.values():
        assert plain in FAMILIES
        assert told in FAMILIES or told is families.UNKNOWN_INPAINT
