"""The contract of joining: exactness, sizes, options, errors."""

from __future__ import annotations

import itertools

import pytest
import torch

from outpaint_nodes.nodes.errors import InputError
from outpaint_nodes.nodes.imaging.canvas import Extents
from outpaint_nodes.nodes.imaging.stitch import stitch

SIDES = [c for n in range(1, 5) for c in itertools.combinations(("left", "right", "up", "down"), n)]


def scene(height, width, seed=0, batch=1):
    """A smooth picture with some texture, ``[batch, height, width, 3]``."""
    g = torch.Generator().manual_seed(seed)
    coarse = torch.rand((batch, 3, 4, 5), generator=g)
    smooth = torch.nn.functional.interpolate(coarse, (height, width), mode="bicubic").clamp(0.1, 0.9)
    return (smooth + 0.02 * torch.randn((batch, 3, height, width), generator=g)).clamp(0, 1).permute(0, 2, 3, 1)


def cut(picture, extents):
    """The part of a canvas that is the original."""
    height, width = picture.shape[1:3]
    return picture[:, extents.up : height - extents.down, extents.left : width - extents.right].clone()


@pytest.mark.parametrize("match", ["full", "tone", "off"])
@pytest.mark.parametrize("sides", SIDES, ids="-".join)
def test_the_original_is_bit_identical_on_every_combination_of_sides(sides, match):
    extents = Extents(**{side: 37 + 11 * i for i, side in enumerate(sides)})
    truth = scene(190 + extents.up + extents.down, 203 + extents.left + extents.right)
    original = cut(truth, extents)
    done = stitch(original, (truth * 0.95 + 0.02).clamp(0, 1), extents, match)
    assert torch.equal(cut(done.image, extents), original)
    assert done.image.shape == truth.shape
    assert done.mask.sum() == truth[0, ..., 0].numel() - original[0, ..., 0].numel()
    assert 0 <= done.image.min() and done.image.max() <= 1


@pytest.mark.parametrize("sides", SIDES, ids="-".join)
def test_a_global_colour_error_is_undone_up_to_the_corners(sides):
    extents = Extents(**{side: 64 for side in sides})
    truth = scene(190 + extents.up + extents.down, 203 + extents.left + extents.right)
    error = (truth * 1.05 - 0.01).clamp(0, 1)
    done = stitch(cut(truth, extents), error, extents, "tone")
    before, after = (error - truth).abs(), (done.image - truth).abs()
    assert after.mean() < 0.1 * before.mean()
    assert after.max() < before.max()


@pytest.mark.parametrize(
    "height, width", [(1, 1), (2, 3), (3, 3), (3, 200), (4, 4), (4, 60), (60, 4), (5, 5), (21, 21)]
)
@pytest.mark.parametrize("extents", [Extents(right=9), Extents(5, 6, 7, 8), Extents(up=40)])
@pytest.mark.parametrize("drawn", [False, True])
def test_an_original_of_a_few_pixels_is_joined_like_any_other(height, width, extents, drawn):
    original = scene(height, width)
    if drawn:
        original = original.mul(0).add(0.4)
        original[:, ::3], original[:, :, ::4] = 1, 0
    around = (extents.left, extents.right, extents.up, extents.down)
    made = torch.nn.functional.pad(original.permute(0, 3, 1, 2), around, mode="replicate").permute(0, 2, 3, 1) * 0.95
    joined = stitch(original, made, extents, match="full").image
    assert torch.equal(cut(joined, extents), original)
    assert torch.isfinite(joined).all() and joined.min() >= 0 and joined.max() <= 1


def test_off_pastes_the_generated_picture_as_it_is():
    extents = Extents(right=40, down=8)
    original, generated = scene(60, 50), scene(68, 90, seed=1)
    done = stitch(original, generated, extents, "off")
    outside = done.mask.bool()
    assert torch.equal(done.image[outside], generated[outside])


@pytest.mark.parametrize("half", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("match", ["full", "tone", "off"])
def test_pictures_in_half_precision_give_what_their_values_in_full_precision_give(half, match):
    extents = Extents(right=64)
    truth = scene(160, 224)
    original, generated = cut(truth, extents).to(half), (truth * 0.95 + 0.02).to(half)
    done = stitch(original, generated, extents, match).image
    assert done.dtype == torch.float32
    assert torch.equal(cut(done, extents), original.float())
    assert torch.equal(done, stitch(original.float(), generated.float(), extents, match).image)


def test_only_the_rim_asked_for_changes_and_only_along_joined_sides():
    extents = Extents(left=40)
    original, generated = scene(80, 90), scene(80, 130, seed=1)
    done = stitch(original, generated, extents, rim=6)
    changed = (cut(done.image, extents) != original).any(-1)[0]
    assert changed[:, :6].all()
    assert not changed[:, 6:].any()
    assert torch.equal(changed, cut(done.mask[..., None], extents)[0, ..., 0] > 0)


def test_alpha_is_kept_and_the_new_area_is_opaque():
    extents = Extents(up=20)
    original = torch.cat([scene(50, 60), torch.rand(1, 50, 60, 1)], -1)
    done = stitch(original, scene(70, 60), extents)
    assert torch.equal(cut(done.image, extents), original)
    assert (done.image[:, :20, :, 3] == 1).all()


@pytest.mark.parametrize(
    ("original", "generated", "named"),
    [
        (scene(50, 60), scene(50, 90), "90×50"),
        (scene(50, 60, batch=2), scene(50, 80), "2 originals"),
        (scene(50, 60)[..., :1], scene(50, 80), "[1, 50, 60, 1]"),
        (scene(50, 60)[0], scene(50, 80), "[50, 60, 3]"),
        (scene(50, 60) * float("nan"), scene(50, 80), "NaN"),
        (scene(50, 60), scene(50, 80) / 0, "NaN"),
        (scene(50, 60)[:0], scene(50, 80)[:0], "[0, 50, 60, 3]"),
        ((scene(50, 60) * 255).to(torch.uint8), scene(50, 80), "uint8"),
    ],
)
def test_pictures_that_do_not_fit_are_named_in_the_error(original, generated, named):
    with pytest.raises(InputError) as error:
        stitch(original, generated, Extents(right=20))
    assert named in str(error.value)


def test_unknown_options_are_refused():
    original, generated = scene(50, 60), scene(50, 80)
    for options in ({"match": "best"}, {"jpeg": "yes"}, {"rim": -1}, {"valid": torch.ones(50, 61)}):
        with pytest.raises(InputError):
            stitch(original, generated, Extents(right=20), **options)
    with pytest.raises(InputError):
        stitch(original, original, Extents())


@pytest.mark.parametrize("match", ["full", "tone", "off"])
def test_progress_runs_to_the_end_and_never_back(match):
    extents, seen = Extents(right=40, up=30), []
    truth = scene(150, 180, batch=2)
    stitch(cut(truth, extents), truth, extents, match, progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (200, 200)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert len({done for done, _ in seen}) > 4


def test_progress_may_cancel_while_the_overlap_is_still_measured():
    class Cancelled(Exception):
        pass

    def cancel(done: int, total: int) -> None:
        assert done < 50
        raise Cancelled

    extents, truth = Extents(right=40), scene(150, 180)
    with pytest.raises(Cancelled):
        stitch(cut(truth, extents), truth, extents, progress=cancel)
