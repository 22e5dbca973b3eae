"""Holes within the picture, as a mask marks them, filled without a model: exact around them, like it within."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from outpaint_nodes.nodes.errors import InputError
from outpaint_nodes.nodes.imaging import codec
from outpaint_nodes.nodes.imaging.canvas import Extents, Rect, Size
from outpaint_nodes.nodes.imaging.fill_level import RADIUS, Level, nearest
from outpaint_nodes.nodes.imaging.finish import finish
from outpaint_nodes.nodes.imaging.passes import Outpainting
from outpaint_nodes.nodes.imaging.prefill import prefill
from outpaint_nodes.nodes.imaging.prepare import prepare
from outpaint_nodes.nodes.imaging.windows import Wants, plan, single, with_hole, within

PHOTOS = Path(__file__).parents[1] / "photos"
MARKED = torch.tensor([1.0, 0.0, 1.0])
NONE = Extents()


def photo(name: str, shrink: int = 4) -> torch.Tensor:
    image = codec.decode(PHOTOS / name).image
    return torch.nn.functional.avg_pool2d(image.movedim(-1, 1), shrink).movedim(1, -1).contiguous()


def noise(height: int, width: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(1, height, width, 3, generator=torch.Generator().manual_seed(seed))


def without(image: torch.Tensor, *holes: Rect) -> tuple[torch.Tensor, torch.Tensor]:
    """The picture with a colour of its own in the holes, and what is known of it."""
    known = torch.ones(image.shape[1:3], dtype=torch.bool)
    for hole in holes:
        known[hole.slices] = False
    return torch.where(known[..., None], image, MARKED), known


def within_hole(filled: torch.Tensor, hole: Rect) -> torch.Tensor:
    return filled[(slice(None), *hole.slices)]


def magenta(pixels: torch.Tensor) -> torch.Tensor:
    return torch.minimum(pixels[..., 0], pixels[..., 2]) - pixels[..., 1] > 0.4


SHAPES = {
    "head": [Rect(80, 50, 44, 56)],
    "post": [Rect(100, 0, 9, 170)],
    "logo in the corner": [Rect(150, 130, 60, 30)],
    "touching the border": [Rect(170, 60, 64, 60)],
    "scratch": [Rect(x, x // 2, 3, 2) for x in range(8, 200, 2)],
    "single pixels": [Rect(x, y, 1, 1) for x in range(5, 200, 17) for y in range(4, 150, 13)],
    "a side": [Rect(0, 0, 40, 999)],
    "nearly everything": [Rect(0, 0, 999, 60), Rect(0, 100, 999, 999), Rect(0, 0, 90, 999), Rect(140, 0, 999, 999)],
}


@pytest.mark.parametrize("extents", [NONE, Extents(right=30, up=20)], ids=["alone", "with extents"])
@pytest.mark.parametrize("shape", SHAPES)
def test_a_hole_is_filled_and_nothing_else_of_the_picture_changes(shape, extents):
    image, known = without(photo("stream.jpg"), *SHAPES[shape])
    height, width = known.shape
    filled = prefill(image, extents, "content", known=known)
    assert filled.shape == (1, height + extents.up, width + extents.right, 3)
    part = filled[:, extents.up :, :width]
    assert torch.equal(part[:, known], image[:, known])
    assert not magenta(filled).any()


@settings(max_examples=30, deadline=None)
@given(
    st.integers(1, 60), st.integers(1, 60), st.floats(0, 1), st.integers(0, 9), st.sampled_from(["smooth", "content"])
)
def test_any_picture_with_any_holes_stays_as_it_is_around_them(height, width, share, seed, kind):
    image = noise(height, width, seed)
    known = noise(height, width, seed + 1)[0, ..., 0] >= share
    known[0, 0] = True
    filled = prefill(image, Extents(right=seed), kind, known=known)
    assert torch.equal(filled[:, :, :width][:, known], image[:, known])
    assert torch.isfinite(filled).all() and 0 <= filled.min() and filled.max() <= 1


@pytest.mark.parametrize("name", ["mountain.jpg", "stream.jpg", "gravel.jpg"])
def test_a_hole_has_the_detail_and_the_colours_of_what_is_around_it(name):
    image, hole = photo(name), Rect(90, 80, 50, 40)
    around = Rect(hole.x - 20, hole.y, hole.width + 40, hole.height)
    masked, known = without(image, hole)
    filled = prefill(masked, NONE, "content", known=known)
    new, beside = within_hole(filled, hole), image[:, around.y : around.bottom, around.x : hole.x]
    beside = torch.cat([beside, image[:, around.y : around.bottom, hole.right : around.right]], 2)
    # Differences of neighbouring pixels: what a blur lacks.
    assert 0.6 < new.diff(dim=1).std() / beside.diff(dim=1).std() < 1.6
    assert (new.mean((1, 2)) - beside.mean((1, 2))).abs().max() < 0.12


def test_a_fill_from_both_sides_carries_a_horizon_through_the_hole():
    sky, ground = torch.tensor([0.5, 0.7, 0.9]), torch.tensor([0.2, 0.4, 0.1])
    image = torch.where(torch.arange(120)[:, None, None] < 60, sky, ground) + 0.02 * noise(120, 160)
    masked, known = without(image, Rect(60, 40, 40, 44))
    new = prefill(masked, NONE, "content", known=known)[:, :, 60:100]
    assert (new[:, :58, :, 2] > 0.7).all() and (new[:, 62:, :, 2] < 0.3).all()


def test_a_hole_in_flat_paper_is_flat_paper():
    masked, known = without(torch.full((1, 90, 120, 3), 0.93), Rect(30, 30, 40, 20))
    assert (prefill(masked, NONE, "content", known=known) - 0.93).abs().max() < 1e-6


def test_what_is_masked_up_to_a_side_is_filled_as_what_lies_beyond_it():
    image = photo("gravel.jpg")
    masked, known = without(image, Rect(0, 0, 40, image.shape[1]))
    beyond = prefill(image[:, :, 40:].contiguous(), Extents(left=40), "content")
    assert torch.equal(prefill(masked, NONE, "content", known=known), beyond)


def test_the_same_seed_fills_a_hole_the_same_and_another_one_otherwise():
    masked, known = without(photo("gravel.jpg"), Rect(60, 40, 70, 60))
    first, again, other = (prefill(masked, NONE, "content", seed, known=known) for seed in (1, 1, 2))
    assert torch.equal(first, again) and not torch.equal(first, other)


def test_a_distant_hole_leaves_the_whole_of_a_large_picture_as_it_is_and_is_filled_at_full_size():
    image = photo("gravel.jpg").repeat(1, 12, 16, 1)[:, :1100, :1500].contiguous()
    hole = Rect(1300, 900, 60, 50)
    masked, known = without(image, hole)
    filled = prefill(masked, NONE, "content", known=known)
    assert torch.equal(filled[:, known], image[:, known])
    assert 0.6 < within_hole(filled, hole).diff(dim=1).std() / image[:, 900:950, 1200:1300].diff(dim=1).std() < 1.6


def test_smooth_spans_a_hole_softly():
    masked, known = without(photo("gravel.jpg"), Rect(60, 40, 70, 60))
    new = within_hole(prefill(masked, NONE, "smooth", known=known), Rect(60, 40, 70, 60))
    assert new.diff(dim=1).std() < 0.3 * masked[:, :, :50].diff(dim=1).std()


def test_the_library_fills_holes_as_well():
    pytest.importorskip("patchmatch", reason="pypatchmatch is not installed")
    masked, known = without(photo("stream.jpg"), Rect(60, 40, 40, 40))
    filled = prefill(masked, Extents(right=20), "patchmatch", known=known)
    assert torch.equal(filled[:, :, : known.shape[1]][:, known], masked[:, known])
    assert not magenta(filled).any()


def test_a_picture_of_which_nothing_is_known_is_refused():
    with pytest.raises(InputError, match="marks the whole picture"):
        prefill(noise(30, 30), Extents(right=4), known=torch.zeros(30, 30, dtype=torch.bool))


def test_progress_runs_through_holes_and_extents_and_may_cancel():
    masked, known = without(photo("stream.jpg"), Rect(60, 40, 40, 40))
    seen = [0]
    prefill(masked, Extents(right=40), known=known, progress=lambda done, total: seen.append(done))
    assert seen == sorted(seen) and seen[-1] == 100
    assert max(after - before for before, after in itertools.pairwise(seen)) < 40

    def cancel(done: int, total: int) -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        prefill(masked, NONE, known=known, progress=cancel)


def test_the_nearest_source_is_one_and_about_as_near_as_the_nearest():
    there = noise(40, 60)[0, ..., 0] > 0.97
    y, x = nearest(there)
    assert there[y, x].all()
    pixels = torch.cartesian_prod(torch.arange(40), torch.arange(60)).float()
    true = torch.cdist(pixels, there.nonzero().float()).amin(1).view(40, 60)
    found = torch.hypot((y - torch.arange(40)[:, None]).float(), (x - torch.arange(60)).float())
    assert (found <= true + 1).all() and (found == true).float().mean() > 0.95


def test_a_source_is_known_in_every_pixel():
    known = torch.ones(40, 60, dtype=torch.bool)
    known[15:22, 30:41] = False
    level = Level(torch.zeros(3, 40, 60), NONE, known)
    y, x = level.nearest(torch.arange(40)[:, None].expand(40, 60), torch.arange(60).expand(40, 60))
    for row, column in zip(y.flatten().tolist(), x.flatten().tolist(), strict=True):
        assert known[row - RADIUS : row + RADIUS + 1, column - RADIUS : column + RADIUS + 1].all()


@pytest.mark.parametrize("together", [False, True], ids=["windows of their own", "one window"])
def test_without_a_model_what_a_mask_marks_is_filled_with_content_and_joined(together):
    image, hole, extents = photo("stream.jpg"), Rect(80, 50, 50, 40), Extents(right=40)
    masked, known = without(image, hole)
    size = Size(masked.shape[2], masked.shape[1])
    if together:
        windows = [with_hole(single(size, extents, 8, 0), hole)]
    else:
        wants = Wants(multiple=1, native=16_000_000, reach=float("inf"), aspect=float("inf"))
        windows = [*within(hole, size, wants), *plan(size, extents, wants).windows]
    work = Outpainting(masked, ~known[None], overlap=0, cell=8 if together else 1)
    for window in windows:
        ready = prepare(work, window, "content")
        work = ready.work.received(ready.pixels)
    done = finish(work)
    assert torch.equal(done.image[:, :, : size.width][:, known], masked[:, known])
    assert not magenta(done.image).any()
    new = within_hole(done.image, hole)
    assert 0.6 < new.diff(dim=1).std() / image[:, 50:90, 30:80].diff(dim=1).std() < 1.6


def test_a_window_that_lies_within_a_hole_larger_than_itself_starts_from_the_picture_s_mean_colour():
    image = torch.tensor([0.2, 0.5, 0.7]).expand(1, 120, 400, 3)
    masked, known = without(image, Rect(0, 0, 300, 120))
    window = within(Rect(0, 0, 300, 120), Size(400, 120), Wants(native=64 * 64))[0]
    assert not bool(known[window.rect.slices].any())
    pixels = prepare(Outpainting(masked, ~known[None]), window, "content").pixels
    assert torch.allclose(pixels, image[0, 0, 0].expand_as(pixels), atol=1e-6)
