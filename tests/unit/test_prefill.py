"""The fill of the new area: exact where the picture is, taken from the picture everywhere else."""

from __future__ import annotations

import builtins
import itertools
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from outpaint_nodes.nodes.errors import InputError
from outpaint_nodes.nodes.imaging import codec
from outpaint_nodes.nodes.imaging.canvas import Extents
from outpaint_nodes.nodes.imaging.fill_grow import grow
from outpaint_nodes.nodes.imaging.fill_level import Level
from outpaint_nodes.nodes.imaging.prefill import KINDS, prefill

PHOTOS = Path(__file__).parents[1] / "photos"
OWN_KINDS = ("smooth", "content")


def picture(height: int, width: int, seed: int = 0, batch: int = 1) -> torch.Tensor:
    return torch.rand(batch, height, width, 3, generator=torch.Generator().manual_seed(seed))


def photo(name: str, shrink: int = 4) -> torch.Tensor:
    image = codec.decode(PHOTOS / name).image
    return torch.nn.functional.avg_pool2d(image.movedim(-1, 1), shrink).movedim(1, -1).contiguous()


def original(filled: torch.Tensor, image: torch.Tensor, extents: Extents) -> torch.Tensor:
    height, width = image.shape[1:3]
    return filled[:, extents.up : extents.up + height, extents.left : extents.left + width]


def assert_contract(filled: torch.Tensor, image: torch.Tensor, extents: Extents) -> None:
    batch, height, width, _ = image.shape
    assert filled.shape == (batch, height + extents.up + extents.down, width + extents.left + extents.right, 3)
    assert torch.equal(original(filled, image, extents), image)
    assert torch.isfinite(filled).all()
    assert 0 <= filled.min() and filled.max() <= 1


@pytest.fixture(params=[kind for kind in KINDS if kind != "auto"])
def kind(request):
    if request.param == "patchmatch":
        pytest.importorskip("patchmatch", reason="pypatchmatch is not installed")
    return request.param


sides = st.integers(0, 60)


@settings(max_examples=40, deadline=None)
@given(
    st.integers(1, 70), st.integers(1, 70), sides, sides, sides, sides, st.sampled_from(OWN_KINDS), st.integers(0, 3)
)
def test_any_size_and_any_extents_give_the_exact_canvas_around_an_untouched_original(
    height, width, left, right, up, down, kind, seed
):
    image, extents = picture(height, width, seed), Extents(left, right, up, down)
    assert_contract(prefill(image, extents, kind, seed), image, extents)


@pytest.mark.parametrize("size", [(1, 1), (1, 30), (30, 1), (2, 3), (21, 21), (24, 90)])
def test_the_smallest_pictures_are_continued_too(kind, size):
    image, extents = picture(*size), Extents(5, 40, 0, 13)
    assert_contract(prefill(image, extents, kind), image, extents)


def test_extents_many_times_the_picture_are_filled(kind):
    image, extents = picture(32, 40), Extents(300, 10, 200, 0)
    assert_contract(prefill(image, extents, kind), image, extents)


@pytest.mark.parametrize("extents", [Extents(1, 1, 1, 1), Extents(right=1), Extents(up=2), Extents(left=3, down=1)])
def test_extents_of_a_few_pixels_continue_what_is_beside_them(extents):
    image = photo("sunset.jpg")
    filled = prefill(image, extents, "content")
    assert_contract(filled, image, extents)
    nearest = prefill(image, extents, "smooth")
    assert (filled - nearest).abs().mean() < 0.1 * image.std()


def test_extents_many_times_a_narrow_picture_are_filled():
    image, extents = picture(24, 200), Extents(260, 0, 260, 0)
    assert_contract(prefill(image, extents, "content"), image, extents)


def test_a_narrow_panorama_is_filled():
    image, extents = picture(30, 2000), Extents(100, 0, 100, 100)
    assert_contract(prefill(image, extents, "content"), image, extents)


def test_a_picture_larger_than_the_working_size_is_filled():
    image, extents = picture(900, 1400), Extents(40, 201, 0, 77)
    assert_contract(prefill(image, extents, "content"), image, extents)


def test_no_extents_give_the_picture_back(kind):
    image = picture(40, 50)
    assert torch.equal(prefill(image, Extents(), kind), image)


def test_a_single_pixel_is_continued_by_its_colour(kind):
    image = torch.tensor([0.8, 0.2, 0.1]).view(1, 1, 1, 3)
    filled = prefill(image, Extents(9, 9, 9, 9), kind)
    assert torch.allclose(filled, image.expand_as(filled), atol=1 / 255)


@pytest.mark.parametrize("colour", [(0.0, 0.0, 0.0), (1.0, 1.0, 1.0), (0.1, 0.5, 0.9)])
def test_one_flat_colour_is_continued_by_that_colour(kind, colour):
    image = torch.tensor(colour).expand(1, 64, 80, 3).contiguous()
    filled = prefill(image, Extents(20, 30, 10, 40), kind)
    assert torch.allclose(filled, torch.tensor(colour).expand_as(filled), atol=1.5 / 255)


@pytest.mark.parametrize("name", ["mountain.jpg", "sunset.jpg", "gravel.jpg"])
def test_the_new_area_has_the_colours_of_the_border_it_continues(kind, name):
    image, width = photo(name), 24
    filled = prefill(image, Extents(right=width), kind)
    inside, new = filled[:, :, -3 * width : -width], filled[:, :, -width:]
    # Compared in bands from top to bottom: sky to sky, ground to ground.
    for here, there in zip(inside.chunk(6, 1), new.chunk(6, 1), strict=True):
        assert (here.mean((1, 2)) - there.mean((1, 2))).abs().max() < 0.12


@pytest.mark.parametrize("name", ["mountain.jpg", "stream.jpg", "gravel.jpg", "hubble.jpg"])
def test_content_goes_on_with_the_picture_s_detail(name):
    image = photo(name)
    new = prefill(image, Extents(right=48), "content")[:, :, -48:]
    # Differences of neighbouring pixels: what a blur or a flat colour lacks.
    ratio = new.diff(dim=1).std() / image[:, :, -96:].diff(dim=1).std()
    assert 0.6 < ratio < 1.6


def test_content_continues_a_horizon_straight():
    image = torch.zeros(1, 96, 128, 3)
    image[:, :50] = torch.tensor([0.5, 0.7, 0.9])
    image[:, 50:] = torch.tensor([0.2, 0.4, 0.1])
    image += 0.02 * picture(96, 128)
    new = prefill(image, Extents(left=40, right=40), "content")
    sky, ground = new[:, :48], new[:, 52:]
    assert (sky[..., 2] > 0.7).all()
    assert (ground[..., 2] < 0.3).all()


@pytest.mark.parametrize("slope", [-0.6, 0.35, 0.7])
def test_content_continues_a_slanted_edge_at_its_slope(slope):
    height, width, extent = 120, 160, 40
    x = torch.arange(-extent, width + extent) - width / 2
    below = torch.arange(height)[:, None] - height / 2 - slope * x
    image = torch.where(below[..., None] < 0, torch.tensor([0.5, 0.7, 0.9]), torch.tensor([0.6, 0.3, 0.2]))[None]
    image += 0.02 * picture(height, width + 2 * extent)
    extents = Extents(left=extent, right=extent)
    filled = prefill(image[:, :, extent:-extent].contiguous(), extents, "content")
    sky = (filled[0, ..., 2] > 0.55)[:, torch.cat([torch.arange(extent), torch.arange(-extent, 0)])]
    meant = (below < 0)[:, torch.cat([torch.arange(extent), torch.arange(-extent, 0)])]
    assert (sky == meant).float().mean() > 0.97


def test_content_does_not_put_what_stands_in_the_middle_into_the_new_area():
    image = 0.4 + 0.05 * picture(120, 120)
    image[:, 45:75, 45:75] = torch.tensor([0.9, 0.1, 0.1])
    extents = Extents(50, 50, 50, 50)
    new = prefill(image, extents, "content")
    original(new, image, extents)[:] = 0.4
    assert (new[..., 0] - new[..., 1] < 0.3).all()


def test_content_does_not_repeat_a_narrow_strip_of_the_border():
    image, width = photo("gravel.jpg", 2), 64
    for seed in range(3):
        new = prefill(image, Extents(right=width), "content", seed)[0, :, -width:].mean(-1)
        detail = new - new.mean(0)
        for shift in range(8, width // 2):
            a, b = detail[:, shift:], detail[:, :-shift]
            assert (a * b).mean() / (a.std() * b.std()) < 0.4


def test_content_takes_much_of_the_picture_for_an_extent_of_its_width_instead_of_repeating_a_strip_of_it():
    alike = []
    for name in ("gravel.jpg", "stream.jpg"):
        image = photo(name)
        width = image.shape[2]
        new = prefill(image, Extents(right=width), "content")[0, :, -width:].mean(-1)
        for band in new.split(16)[:-1]:
            detail = band - torch.nn.functional.avg_pool1d(band, 25, 1, 12, count_include_pad=False)
            shifted = [(detail[:, shift:], detail[:, :-shift]) for shift in range(8, width // 2)]
            alike.append(max(float((a * b).mean() / (a.std() * b.std())) for a, b in shifted))
    assert sum(alike) / len(alike) < 0.19


@pytest.mark.parametrize("extents", [Extents(left=50, up=21), Extents(30, 31, 32, 33), Extents(right=1, down=6)])
def test_the_first_sketch_covers_the_whole_canvas_whatever_the_extents(extents):
    level = Level(torch.ones(3, 40, 50), extents)
    places = torch.zeros(5, *level.canvas_size)
    assert torch.allclose(grow(level, torch.zeros(4, 34, 44), places, 0), torch.ones(3, *level.canvas_size))


def test_content_goes_on_with_what_the_border_cuts_instead_of_drawing_it_out_into_stripes():
    # Discs in rows, the last column of them cut in half by the right border.
    height, width, pitch = 192, 240, 48
    y, x = torch.arange(height)[:, None] % pitch - pitch / 2, torch.arange(width) % pitch - pitch / 2
    disc = torch.hypot(y, x + torch.zeros(height, 1)) < 15
    image = torch.where(disc[..., None], torch.tensor([0.8, 0.2, 0.1]), torch.tensor([0.6, 0.6, 0.6]))[None]
    image = (image + 0.02 * picture(height, width))[:, :, : 4 * pitch + pitch // 2].contiguous()
    for seed in range(3):
        red = prefill(image, Extents(right=60), "content", seed)[0, :, -60:, 1] < 0.4
        # A disc's half is 15 wide: beyond, the rows it lies in show the ground again, then the next disc.
        assert red[:, 17:30].float().mean() < 0.1
        assert red[:, 36:52].float().mean() > 0.35


def test_content_does_not_repeat_what_only_another_border_shows():
    # A red box hangs from the upper border; the right one shows the grey wall only.
    image = 0.5 + 0.05 * picture(120, 160)
    image[:, :50, 60:110] = torch.tensor([0.9, 0.1, 0.1])
    new = prefill(image, Extents(right=50), "content")[:, :, -50:]
    assert (new[..., 0] - new[..., 1] < 0.3).all()


def test_what_ends_just_before_a_border_does_not_reach_it_in_any_smaller_picture():
    source = torch.full((3, 61, 64), 0.5)
    source[:, 1:-1, 1:-1] = 0.9
    small = Level(source, Extents(right=9, down=9)).halved().halved().source
    assert (small[..., -1] == 0.5).all() and (small[:, -1] == 0.5).all()
    # At a border that is not extended the mean is the better picture of what lies there.
    assert (small[:, 2:-2, 0] > 0.7).all() and (small[:, 0, 2:-2] > 0.7).all()


def test_content_goes_on_less_with_what_ends_three_pixels_before_the_border():
    plate = photo("gravel.jpg")[:, :128, :128].clone()
    y, x = torch.meshgrid(torch.arange(128), torch.arange(128), indexing="ij")
    plate[0, torch.hypot(y - 64.0, x - 55.0) < 70] = torch.tensor([0.8, 0.1, 0.05])
    new = prefill(plate, Extents(right=80), "content")[0, :, 128:]
    assert (new[..., 0] - new[..., 1] > 0.3).float().mean() < 0.08


def test_content_copies_nothing_of_what_a_hole_held():
    image, known = photo("gravel.jpg")[:, :128, :128].clone(), torch.ones(128, 128, dtype=torch.bool)
    image[:, 30:90, 50:120] = torch.tensor([0.8, 0.1, 0.05])
    known[30:90, 50:120] = False
    for extents in (Extents(right=60), Extents(left=40, up=30)):
        new = prefill(image, extents, "content", known=known)
        original(new, image, extents)[:] = 0.5
        assert (new[..., 0] - new[..., 1] < 0.3).all()


def test_content_is_no_mirror_image():
    image = photo("gravel.jpg", 2)
    new = prefill(image, Extents(right=60), "content")[:, :, -60:]
    mirrored = image[:, :, -60:].flip(2)

    def alike(a: torch.Tensor, b: torch.Tensor) -> float:
        a, b = a - a.mean(), b - b.mean()
        return float((a * b).mean() / (a.std() * b.std()))

    assert alike(new, mirrored) < 0.3


def test_content_meets_the_original_without_a_step():
    image = photo("sunset.jpg")
    extents = Extents(40, 40, 40, 40)
    filled = prefill(image, extents, "content")
    height, width = image.shape[1:3]

    def jump(column: int) -> torch.Tensor:
        """How much a column differs from its left one, smoothed along it: light and colour, not detail."""
        difference = filled[0, 40 : 40 + height, column] - filled[0, 40 : 40 + height, column - 1]
        return torch.nn.functional.avg_pool1d(difference.T, 16).abs().mean()

    inside = torch.stack([jump(column) for column in range(60, width, 7)]).mean()
    assert jump(40) < 2 * inside
    assert jump(40 + width) < 2 * inside


def test_smooth_meets_the_border_exactly_and_loses_detail_with_distance():
    image = photo("gravel.jpg")
    filled = prefill(image, Extents(right=80), "smooth")
    edge = image.shape[2]
    assert (filled[:, :, edge] - image[:, :, -1]).abs().mean() < 0.3 * image.std()
    near, far = filled[:, :, edge + 4].std(), filled[:, :, -1].std()
    assert far < near < image.std()


@pytest.mark.parametrize("seed", [0, 4294967294])
def test_the_same_seed_gives_the_same_fill(kind, seed):
    image, extents = photo("stream.jpg"), Extents(30, 0, 20, 0)
    assert torch.equal(prefill(image, extents, kind, seed), prefill(image, extents, kind, seed))


def test_auto_is_content():
    image = picture(60, 70)
    assert torch.equal(prefill(image, Extents(up=20)), prefill(image, Extents(up=20), "content"))


def test_another_seed_gives_another_fill():
    image, extents = photo("gravel.jpg"), Extents(right=60)
    assert not torch.equal(prefill(image, extents, "content", 1), prefill(image, extents, "content", 2))


def test_every_item_of_a_batch_is_filled_as_if_alone(kind):
    batch = torch.cat([photo("gravel.jpg")[:, :100, :120], photo("stream.jpg")[:, :100, :120], picture(100, 120)])
    extents = Extents(0, 33, 17, 0)
    filled = prefill(batch, extents, kind)
    for item, alone in zip(filled, batch, strict=True):
        assert torch.equal(item, prefill(alone[None], extents, kind)[0])


def test_the_picture_handed_in_is_not_written_to(kind):
    image = picture(40, 40)
    before = image.clone()
    prefill(image, Extents(9, 9, 9, 9), kind)
    assert torch.equal(image, before)


def test_a_view_into_another_tensor_is_filled_like_a_picture_of_its_own(kind):
    image = picture(60, 60)[:, ::2, 5:45]
    extents = Extents(right=20)
    assert torch.equal(prefill(image, extents, kind), prefill(image.contiguous(), extents, kind))


def test_progress_runs_to_the_end_and_never_back():
    seen = []
    prefill(
        picture(90, 90, batch=2), Extents(right=40), "content", progress=lambda done, total: seen.append((done, total))
    )
    assert seen[-1] == (200, 200)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert len({done for done, _ in seen}) > 3


def test_cancelling_never_waits_for_half_of_the_work():
    seen = [0]
    prefill(picture(200, 300), Extents(100, 100, 60, 60), "content", progress=lambda done, total: seen.append(done))
    assert max(after - before for before, after in itertools.pairwise(seen)) < 50


def test_progress_may_cancel():
    class Cancelled(Exception):
        pass

    def cancel(done: int, total: int) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        prefill(picture(90, 90), Extents(right=40), "content", progress=cancel)


def test_the_missing_library_is_named_with_what_to_do(monkeypatch):
    def without_library(name, *args, real=builtins.__import__, **kwargs):
        if name == "patchmatch":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without_library)
    with pytest.raises(InputError, match="pip install pypatchmatch"):
        prefill(picture(30, 30), Extents(right=9), "patchmatch")


@pytest.mark.parametrize(
    "image, said",
    [
        (torch.zeros(0, 4, 4, 3), r"\[0, 4, 4, 3\]"),
        (torch.zeros(1, 4, 4, 4), r"\[1, 4, 4, 4\]"),
        (torch.zeros(4, 4, 3), r"\[4, 4, 3\]"),
        (torch.full((1, 4, 4, 3), float("nan")), "NaN"),
    ],
)
def test_what_is_no_picture_is_refused(image, said):
    with pytest.raises(InputError, match=said):
        prefill(image, Extents(right=4))


def test_an_unknown_kind_is_refused_with_the_known_ones():
    with pytest.raises(InputError, match="mirror.*smooth, content"):
        prefill(picture(4, 4), Extents(right=4), "mirror")
