"""Windows as data: what a plan promises for every size, extent and model."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outpaint_nodes.nodes.errors import InputError
from outpaint_nodes.nodes.families import FAMILIES, FLUX, SD15, SDXL
from outpaint_nodes.nodes.imaging.canvas import Canvas, Extents, Rect, Size
from outpaint_nodes.nodes.imaging.windows import LEAST_SCALE, Wants, Window, frame_of, plan, refined, single, within

sides = st.integers(8, 6000)
extent = st.one_of(st.just(0), st.integers(0, 3000))
wants = st.builds(
    Wants,
    multiple=st.sampled_from([1, 8, 16, 32, 64]),
    native=st.integers(200_000, 4_000_000),
    least=st.sampled_from([0, 100_000]),
    reach=st.sampled_from([0.5, 1.0]),
)
jobs = st.tuples(
    st.builds(Size, sides, sides),
    st.tuples(extent, extent, extent, extent).filter(any).map(lambda four: Extents(*four)),
    wants,
)


def coverage(canvas: Canvas, rects: list[Rect]) -> int:
    return sum(rect.size.area for rect in rects)


@settings(max_examples=300, deadline=None)
@given(jobs)
def test_fills_tile_the_new_area_exactly(job):
    original, extents, want = job
    made = plan(original, extents, want)
    fills = [fill for window in made.windows for fill in window.fills]
    core, frame = Rect(0, 0, original.width, original.height), frame_of(made.canvas)
    assert sum(fill.size.area for fill in fills) == made.canvas.new_area
    for index, fill in enumerate(fills):
        assert frame.contains(fill)
        assert fill.common(core) is None
        assert all(fill.common(other) is None for other in fills[:index])


@settings(max_examples=300, deadline=None)
@given(jobs)
def test_every_window_holds_its_fills_and_has_a_size_the_model_takes(job):
    original, extents, want = job
    for window in plan(original, extents, want).windows:
        assert window.size.width % want.multiple == 0
        assert window.size.height % want.multiple == 0
        assert all(window.rect.contains(fill) for fill in window.fills)
        stretch = (window.size.width / window.rect.width) / (window.size.height / window.rect.height)
        slack = want.multiple / min(window.size.width, window.size.height)
        assert abs(stretch - 1) <= 2 * slack + 0.02


@settings(max_examples=300, deadline=None)
@given(jobs)
def test_every_window_sees_something_known(job):
    original, extents, want = job
    made = plan(original, extents, want)
    core = Rect(0, 0, original.width, original.height)
    for chain in (*made.sides, *made.across):
        seen = [core] + [f for side in made.sides for w in side for f in w.fills if side is not chain]
        for window in chain:
            assert any(window.rect.common(area) for area in seen), window
            seen += window.fills


@settings(max_examples=200, deadline=None)
@given(jobs)
def test_no_window_is_larger_than_native_or_smaller_than_the_least_scale(job):
    original, extents, want = job
    for window in plan(original, extents, want).windows:
        if window.scale < 1:
            # Two latent cells of rounding on each side.
            slack = 1 - 2 * want.multiple / min(window.size.width, window.size.height)
            assert window.scale >= LEAST_SCALE * slack
        if min(window.rect.width, window.rect.height) > 256:
            within = Size(window.size.width - want.multiple, window.size.height - want.multiple)
            assert within.area <= want.native


@settings(max_examples=200, deadline=None)
@given(jobs)
def test_names_are_unique_and_windows_survive_as_text(job):
    windows = plan(*job).windows
    assert len({window.name for window in windows}) == len(windows)
    assert all(Window.loads(window.dumps()) == window for window in windows)


@settings(max_examples=200, deadline=None)
@given(jobs, st.integers(1, 2000))
def test_a_side_does_not_move_when_another_grows(job, more):
    original, extents, want = job
    one = plan(original, Extents(right=extents.right or 300), want)
    two = plan(original, Extents(right=extents.right or 300, left=more), want)
    if len(two.sides) == 2 and one.windows[0].name != "whole":
        assert two.sides[1] == one.sides[0]


def test_a_farther_extent_keeps_the_passes_before_it():
    want = SD15.wants(8)
    near, far = (plan(Size(1024, 1024), Extents(right=right), want).windows for right in (1024, 2048))
    assert far[:2] == near


def test_a_job_within_native_size_is_one_window_over_the_whole_canvas():
    (window,) = plan(Size(700, 500), Extents(right=200, up=100), SDXL.wants(8)).windows
    assert window.rect == Rect(0, -100, 900, 600) or window.rect.contains(Rect(0, -100, 900, 600))
    assert window.scale == pytest.approx(1, abs=0.2)


def test_a_strip_beside_a_large_picture_is_sampled_without_the_rest_of_it():
    made = plan(Size(4096, 4096), Extents(right=256), SDXL.wants(8))
    assert made.sampled <= 4096 * 4352 / 10
    assert all(window.scale >= LEAST_SCALE for window in made.windows)


def test_left_and_right_do_not_wait_for_each_other_but_up_and_down_wait_for_both():
    made = plan(Size(4000, 3000), Extents(500, 500, 500, 500), FLUX.wants(16))
    assert [chain[0].name for chain in made.sides] == ["left1", "right1"]
    assert [chain[0].name for chain in made.across] == ["up1", "down1"]
    assert made.across[0][0].fills[0].x == -500


def test_slack_goes_to_a_new_side_and_never_crops():
    (window,) = plan(Size(101, 67), Extents(left=50), Wants(multiple=64)).windows
    assert window.rect.right >= 101 and window.rect.x <= -50
    assert window.rect.width % 64 == 0 and window.rect.height == 128


@given(jobs, st.sampled_from([0.0, 0.3, 1.0]))
@settings(max_examples=200, deadline=None)
def test_a_single_window_fills_everything(job, megapixels):
    original, extents, want = job
    window = single(original, extents, want.multiple, megapixels)
    assert sum(fill.size.area for fill in window.fills) == Canvas(original, extents).new_area
    assert all(window.rect.contains(fill) for fill in window.fills)
    if not megapixels:
        assert window.size == window.rect.size
    assert window.size.width % want.multiple == window.size.height % want.multiple == 0


@settings(max_examples=100, deadline=None)
@given(jobs)
def test_the_second_pass_covers_what_the_first_filled_at_full_scale(job):
    want = job[2]
    for window in plan(*job, least_scale=0.25).windows:
        details = refined(window, want)
        assert sum(d.fills[0].size.area for d in details) == sum(f.size.area for f in window.fills)
        assert all(d.rect.contains(d.fills[0]) and d.size == d.rect.size and d.refine for d in details)


NO_FILL, NO_WIDTH = '["a",[8,8],[[0,0,8,8]],false]', '["a",[0,8],[[0,0,8,8],[0,0,1,1]],0]'


@pytest.mark.parametrize("text", ["", "{}", "[1]", NO_FILL, NO_WIDTH])
def test_a_text_that_is_no_window_is_refused(text):
    with pytest.raises(InputError, match="cannot be read"):
        Window.loads(text)


def test_every_family_has_sensible_wants():
    for family in FAMILIES:
        want = family.wants(16)
        assert 0 <= want.least <= want.native
        assert 0.25e6 <= want.native <= 4.2e6


@given(st.tuples(extent, extent, extent, extent))
def test_extents_travel_as_text(four):
    assert Extents.loads(Extents(*four).dumps()) == Extents(*four)


@pytest.mark.parametrize("text", ["", "1,2,3", "1,2,3,x", "1,2,3,4,5"])
def test_extents_that_cannot_be_read_are_named(text):
    with pytest.raises(InputError, match="cannot be read"):
        Extents.loads(text)


@settings(deadline=None)
@given(st.builds(Size, sides, sides), wants, st.data())
def test_windows_within_the_picture_hold_what_they_fill_and_fill_all_that_is_marked(size, want, data):
    x, y = data.draw(st.integers(0, size.width - 1)), data.draw(st.integers(0, size.height - 1))
    hole = Rect(x, y, data.draw(st.integers(1, size.width - x)), data.draw(st.integers(1, size.height - y)))
    found = within(hole, size, want)
    assert sum(window.fills[0].size.area for window in found) == hole.size.area
    for window in found:
        assert hole.contains(window.fills[0]) and window.rect.contains(window.fills[0])
        assert window.rect.width % want.multiple == 0 and window.rect.height % want.multiple == 0
        assert window.scale == 1 and window.size.area <= want.native
