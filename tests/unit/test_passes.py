"""Passes: what a window sees, and how what it gave is joined. The generator here knows the whole picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from outpaint_nodes.nodes.errors import InputError
from outpaint_nodes.nodes.imaging.canvas import Extents, Rect, Size
from outpaint_nodes.nodes.imaging.finish import finish
from outpaint_nodes.nodes.imaging.passes import Outpainting
from outpaint_nodes.nodes.imaging.picture import holes
from outpaint_nodes.nodes.imaging.prepare import prepare
from outpaint_nodes.nodes.imaging.resample import scaled
from outpaint_nodes.nodes.imaging.windows import Plan, Wants, Window, plan, single, with_hole, within

PHOTOS = Path(__file__).resolve().parents[1] / "photos"


def photo(name: str, width: int, height: int) -> torch.Tensor:
    picture = Image.open(PHOTOS / name).convert("RGB").resize((width, height), Image.Resampling.LANCZOS)
    return torch.from_numpy(np.array(picture, np.float32) / 255)[None]


def true_window(truth: torch.Tensor, window: Window, extents: Extents) -> torch.Tensor:
    """The truth as the window would be sampled; mirrored where it overhangs."""
    rect = window.rect.moved(extents.left, extents.up)
    height, width = truth.shape[1:3]
    margins = [max(0, -rect.x), max(0, rect.right - width), max(0, -rect.y), max(0, rect.bottom - height)]
    padded = F.pad(truth.movedim(-1, 1), margins, mode="reflect").movedim(1, -1)
    rows, columns = rect.moved(margins[0], margins[2]).slices
    return scaled(padded[:, rows, columns], window.size)


def outpainted(truth, extents: Extents, made: Plan, fault=lambda picture: picture, overlap=16, cell=8):
    """Run a plan with a generator that keeps what the denoise mask keeps and knows the rest."""
    height, width = truth.shape[1:3]
    original = truth[:, extents.up : height - extents.down, extents.left : width - extents.right].clone()

    def chain(windows, works):
        work = works[0] if works else Outpainting(original, overlap=overlap, cell=cell)
        for other in works[1:]:
            work = work.merged(other)
        for window in windows:
            ready = prepare(work, window, "smooth")
            free = ready.denoise[..., None]
            given = ready.pixels * (1 - free) + true_window(truth, window, extents) * free
            work = ready.work.received(fault(given))
        return work

    ends = [chain(windows, []) for windows in made.sides]
    ends = [chain(windows, ends) for windows in made.across] or ends
    work = ends[0]
    for other in ends[1:]:
        work = work.merged(other)
    return original, work


def tinted(picture: torch.Tensor) -> torch.Tensor:
    return (picture * 1.05 - 0.02 + picture.new_tensor([0.02, 0.0, -0.01])).clamp(0, 1)


SIDES = [
    Extents(right=200),
    Extents(left=201, right=77),
    Extents(up=111),
    Extents(left=60, right=61, up=62, down=63),
    Extents(right=200, down=131),
]


@pytest.mark.parametrize("extents", SIDES, ids=str)
@pytest.mark.parametrize("native", [2_000_000, 80_000])
def test_the_truth_comes_back_in_one_window_and_in_many(extents, native):
    truth = photo("coffee.jpg", 601, 403)
    size = Size(601 - extents.left - extents.right, 403 - extents.up - extents.down)
    made = plan(size, extents, Wants(8, native))
    original, work = outpainted(truth, extents, made)
    joined = finish(work, "off")
    assert joined.image.shape == truth.shape
    rows, columns = Rect(extents.left, extents.up, size.width, size.height).slices
    assert torch.equal(joined.image[:, rows, columns], original)
    assert (joined.mask[:, rows, columns] == 0).all()
    assert int(joined.mask.sum()) == made.canvas.new_area
    blurred = F.avg_pool2d((joined.image - truth).abs().movedim(-1, 1), 4)
    assert blurred.mean() < 0.012


@pytest.mark.parametrize("native", [2_000_000, 80_000])
def test_a_decoders_tint_is_taken_out_of_every_pass(native):
    truth, extents = photo("coffee.jpg", 900, 300), Extents(right=600)
    original, work = outpainted(truth, extents, plan(Size(300, 300), extents, Wants(8, native)), tinted)
    matched, pasted = (
        F.avg_pool2d((finish(work, match).image - truth).movedim(-1, 1), 16)[..., 19:].abs().mean()
        for match in ("tone", "off")
    )
    assert matched < 0.35 * pasted


def test_tone_does_not_drift_over_six_passes():
    truth, extents = photo("mountain.jpg", 1792, 256), Extents(right=1536)
    made = plan(Size(256, 256), extents, Wants(8, 200_000, reach=1.0))
    assert len(made.windows) == 6
    original, work = outpainted(truth, extents, made, tinted)
    off = (finish(work, "tone").image - truth).movedim(-1, 1)
    drift = [F.avg_pool2d(off[..., 256 * i : 256 * i + 256], 32).abs().mean() for i in range(1, 7)]
    assert drift[-1] <= 1.2 * drift[0] + 0.5 / 255


def test_large_canvases_are_joined_side_by_side_with_the_same_result(monkeypatch):
    truth, extents = photo("coffee.jpg", 1200, 900), Extents(80, 90, 70, 60)
    made = plan(Size(1030, 770), extents, Wants(8, 200_000))
    original, work = outpainted(truth, extents, made)
    at_once = finish(work, "off")
    monkeypatch.setattr("outpaint_nodes.nodes.imaging.finish.WHOLE_JOIN", 0)
    apart = finish(work, "off")
    assert torch.equal(apart.mask, at_once.mask)
    assert torch.equal(apart.image, at_once.image)


@pytest.mark.parametrize(
    "extents, sides",
    [(Extents(right=40), []), (Extents(left=40), []), (Extents(30, 20, up=40), ["left", "right", "up"])],
)
def test_the_report_names_sides_only_where_several_were_joined_one_after_another(monkeypatch, extents, sides):
    if sides:
        monkeypatch.setattr("outpaint_nodes.nodes.imaging.finish.WHOLE_JOIN", 0)
    size = Size(640 - extents.left - extents.right, 400 - extents.up - extents.down)
    _, work = outpainted(torch.rand(1, 400, 640, 3), extents, plan(size, extents, Wants(8, 2_000_000)))
    headings = [line for line in finish(work, "off").report.text().splitlines() if line.endswith(":")]
    assert headings == [f"{side}:" for side in sides]


def test_progress_goes_on_from_side_to_side(monkeypatch):
    monkeypatch.setattr("outpaint_nodes.nodes.imaging.finish.WHOLE_JOIN", 0)
    extents, seen = Extents(30, 20, up=40), []
    _, work = outpainted(torch.rand(1, 400, 640, 3), extents, plan(Size(590, 360), extents, Wants(8, 2_000_000)))
    finish(work, "tone", progress=lambda done, total: seen.append(done / total))
    assert seen == sorted(seen)
    assert seen[-1] == 1 and any(0.3 < share < 0.4 for share in seen)


def test_alpha_is_kept_and_the_new_area_is_opaque():
    original = torch.rand((1, 64, 64, 4))
    window = single(Size(64, 64), Extents(right=32), 8, 0)
    ready = prepare(Outpainting(original), window, "smooth")
    assert ready.pixels.shape == (1, 64, 96, 3)
    joined = finish(ready.work.received(ready.pixels), "tone")
    assert torch.equal(joined.image[:, :, :64], original)
    assert (joined.image[:, :, 64:, 3] == 1).all()


@settings(max_examples=40, deadline=None)
@given(
    st.tuples(st.integers(8, 90), st.integers(8, 90)),
    st.tuples(*[st.integers(0, 40)] * 4).filter(any),
    st.sampled_from([1, 8, 16, 64]),
)
def test_any_size_and_extents_give_the_exact_canvas(size, extents, multiple):
    width, height = size
    extents = Extents(*extents)
    original = torch.rand((1, height, width, 3), generator=torch.Generator().manual_seed(width))
    window = single(Size(width, height), extents, multiple, 0)
    ready = prepare(Outpainting(original, overlap=4, cell=multiple), window, "smooth")
    assert ready.pixels.shape[1] % multiple == ready.pixels.shape[2] % multiple == 0
    assert ready.pixels.shape[1:3] == ready.denoise.shape == ready.concat.shape == ready.composite.shape
    joined = finish(ready.work.received(ready.pixels), "off")
    assert joined.image.shape[1:3] == (height + extents.up + extents.down, width + extents.left + extents.right)
    assert torch.isfinite(joined.image).all()


def test_slack_at_a_side_that_does_not_grow_is_mirrored_and_kept():
    original = photo("coffee.jpg", 101, 67)
    window = single(Size(101, 67), Extents(right=27), 8, 0)
    ready = prepare(Outpainting(original, overlap=0, cell=8), window, "smooth")
    assert ready.pixels.shape[1:3] == (72, 128)
    assert torch.equal(ready.pixels[0, 67:, :60], original[0, 61:66, :60].flip(0))
    assert (ready.denoise[67:, :80] == 0).all()


def test_a_picture_of_another_shape_than_the_window_is_refused():
    work = prepare(Outpainting(torch.rand(1, 64, 64, 3)), single(Size(64, 64), Extents(right=64), 8, 0), "smooth").work
    with pytest.raises(InputError, match="64×64, but the window is 128×64"):
        work.received(torch.rand(1, 64, 64, 3))
    with pytest.raises(InputError, match="2 generated pictures for 1 original"):
        work.received(torch.rand(2, 64, 128, 3))
    with pytest.raises(InputError, match="not numbers"):
        work.received(torch.full((1, 64, 128, 3), float("nan")))
    with pytest.raises(InputError, match="awaits no picture"):
        work.received(torch.rand(1, 64, 128, 3)).received(torch.rand(1, 64, 128, 3))


def test_an_upscaled_picture_of_the_window_is_taken():
    work = prepare(Outpainting(torch.rand(1, 64, 64, 3)), single(Size(64, 64), Extents(right=64), 8, 0), "smooth").work
    assert finish(work.received(torch.rand(1, 256, 512, 3)), "off").image.shape == (1, 64, 128, 3)


def replaced(work: Outpainting, truth: torch.Tensor, made: list[Window], fault=lambda picture: picture) -> Outpainting:
    """Run windows with a generator that knows the truth wherever the denoise mask lets it."""
    for window in made:
        ready = prepare(work, window, "smooth")
        free = ready.denoise[..., None]
        given = ready.pixels * (1 - free) + true_window(truth, window, Extents()) * free
        work = ready.work.received(fault(given))
    return work


@pytest.mark.parametrize("fault", [lambda picture: picture, tinted], ids=["exact", "tinted"])
def test_what_a_mask_marks_is_generated_anew_and_nothing_else_of_the_original_changes(fault):
    truth = photo("coffee.jpg", 480, 320)
    hole = torch.zeros((1, 320, 400), dtype=torch.bool)
    hole[:, 100:180, 150:260] = True
    original = truth[:, :, :400].clone()
    original[hole] = torch.rand((int(hole.sum()), 3))
    wants = Wants(native=90_000)
    made = plan(Size(400, 320), Extents(right=80), wants).windows
    inside = within(Rect(150, 100, 110, 80), Size(400, 320), wants)
    done = finish(replaced(Outpainting(original, hole, overlap=16), truth, [*inside, *made], fault), "tone")
    assert torch.equal(done.image[:, :, :400][~hole], original[~hole])
    assert (done.image[:, :, :400][hole] - truth[:, :, :400][hole]).abs().mean() < 2 / 255
    assert (done.image[:, :, 400:] - truth[:, :, 400:]).abs().mean() < 2 / 255
    assert torch.equal(done.mask[:, :, :400] == 1, hole) and (done.mask[:, :, 400:] == 1).all()


def test_the_sampler_sees_nothing_of_what_is_to_be_removed():
    original = torch.full((1, 96, 128, 3), 0.25)
    hole = torch.zeros((1, 96, 128), dtype=torch.bool)
    hole[:, 30:60, 90:128] = True
    original[hole] = 1.0
    window = with_hole(single(Size(128, 96), Extents(right=64, up=32), 8, 0), Rect(90, 30, 38, 30))
    ready = prepare(Outpainting(original, hole, overlap=8), window, "smooth")
    assert float(ready.pixels.max()) < 0.26
    taken = ready.composite[32:128, :128]
    assert torch.equal(taken > 0, hole[0])


def test_each_picture_of_a_batch_loses_only_what_its_own_mask_marks():
    truth = torch.cat([photo(name, 160, 96) for name in ("coffee.jpg", "gravel.jpg")])
    hole = torch.zeros((2, 96, 128), dtype=torch.bool)
    hole[0, 20:40, 30:60] = True
    hole[1, 50:80, 70:100] = True
    original = truth[:, :, :128].clone()
    window = with_hole(single(Size(128, 96), Extents(right=32), 8, 0), Rect(30, 20, 70, 60))
    done = finish(replaced(Outpainting(original, hole, overlap=8), truth, [window]), "tone")
    assert torch.equal(done.image[:, :, :128][~hole], original[~hole])
    assert torch.equal(done.mask[:, :, :128] == 1, hole)


def test_a_mask_outside_the_window_is_named():
    with pytest.raises(InputError, match="mask reaches beyond the window"):
        with_hole(single(Size(800, 100), Extents(right=50), 8, 0.03), Rect(0, 0, 10, 10))


def test_an_empty_mask_of_any_size_marks_nothing():
    assert holes(None, 1, Size(30, 20)) is None
    assert holes(torch.zeros((1, 64, 64)), 1, Size(30, 20)) is None


@pytest.mark.parametrize(
    ("mask", "said"),
    [
        (torch.eye(64)[None], "The mask is 64×64, but the picture is 30×20"),
        (torch.eye(20, 30).expand(3, 20, 30), "There are 3 masks for 2 pictures"),
        (torch.ones((1, 20, 30)), "marks the whole picture"),
    ],
)
def test_a_mask_that_does_not_fit_is_named(mask, said):
    with pytest.raises(InputError, match=said):
        holes(mask, 2, Size(30, 20))
