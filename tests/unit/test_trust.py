"""Where the generated picture does not show the original, or hard edges lie on the border: nothing gets worse."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image, ImageDraw

from benchmarks.faults import LEVELS, generated
from outpaint_nodes.nodes.imaging.canvas import Extents
from outpaint_nodes.nodes.imaging.stitch import stitch
from unit.pictures import blurred, texture

RIGHT = Extents(right=96)
ALL = Extents(90, 90, 70, 70)


def batched(image):
    return image.permute(1, 2, 0)[None]


def cut(picture, e):
    return picture[:, e.up : picture.shape[1] - e.down, e.left : picture.shape[2] - e.right].clone()


def joined(truth, made, extents, match="full", **options):
    """Both ``[3, H, W]``; the finished picture likewise, and what each step said."""
    done = stitch(cut(batched(truth), extents), batched(made), extents, match, **options)
    return done.image[0].permute(2, 0, 1), done.report.pictures[0].steps


def drawn_anew(truth, seed=0):
    """The same scene by another hand: everything has moved by up to 20 pixels."""
    height, width = truth.shape[1:]
    moves = torch.rand((1, 2, 6, 8), generator=torch.Generator().manual_seed(seed)) * 40 - 20
    moves = F.interpolate(moves, (height, width), mode="bicubic")[0]
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    grid = torch.stack([(x + moves[0]) / (width - 1), (y + moves[1]) / (height - 1)], -1) * 2 - 1
    return F.grid_sample(truth[None], grid[None], align_corners=True, padding_mode="border")[0]


# --- another picture


@pytest.mark.parametrize("match", ["tone", "full"])
def test_beside_another_picture_every_step_that_needs_the_overlap_declines_and_says_so(match):
    truth, other = texture(240, 320, seed=1), texture(240, 320, seed=2)
    _, steps = joined(truth, other, RIGHT, match)
    assert steps["overlap"].startswith("shows another picture")
    for step in ("tone", "drift", "border", *(("shift", "sharpness") if match == "full" else ())):
        assert steps[step].startswith("declined"), step


def test_another_picture_is_pasted_as_it_is():
    truth, other = texture(240, 320, seed=1), texture(240, 320, seed=2)
    done, _ = joined(truth, other, RIGHT, "tone")
    pasted, _ = joined(truth, other, RIGHT, "off")
    assert torch.equal(done, pasted)


@pytest.mark.parametrize("fault", [drawn_anew, lambda truth: blurred(truth, 12.0)], ids=["drawn anew", "blurred"])
def test_a_scene_drawn_anew_or_blurred_is_noticed_and_its_colours_get_no_worse(fault):
    truth = texture(400, 520)
    made = (fault(truth) + torch.tensor([0.02, -0.01, 0.015]).view(3, 1, 1)).clamp(0, 1)
    done, steps = joined(truth, made, RIGHT)
    assert steps["overlap"].startswith("shows another picture")
    assert steps["sharpness"].startswith("declined")
    assert steps["drift"].startswith("declined")
    far = (slice(None), slice(None), slice(520 - 32, 520))
    errors = [(blurred(x, 8.0) - blurred(truth, 8.0))[far].abs().mean() for x in (done, made)]
    assert errors[0] <= errors[1] + 0.1 / 255


def test_an_edge_painted_over_without_notice_does_not_mislead_the_correction():
    truth = texture(400, 520)
    made = (truth * 0.95 + 0.03).clone()
    painted = made.clone()
    painted[:, :, 424 - 40 : 424] = drawn_anew(texture(400, 520, seed=3))[:, :, 424 - 40 : 424]
    done, steps = joined(truth, painted, RIGHT, "tone")
    assert steps["overlap"].endswith("is the original's")
    assert (done - truth)[:, :, 424:].abs().mean() < 0.5 * (made - truth)[:, :, 424:].abs().mean()


def test_the_true_picture_is_recognised_behind_the_usual_faults():
    truth = texture(400, 520)
    made = generated(truth, (0, 0, 400, 424), "severe", 0)
    _, steps = joined(truth, made, RIGHT)
    assert int(steps["overlap"].split()[0]) >= 90


# --- drawings and screenshots


def screenshot(dark: bool, seed: int) -> torch.Tensor:
    """A window of 640 x 480 with a title, a side panel, text, hairlines and buttons that run into the border."""
    rng = np.random.default_rng(seed)
    paper, panel, ink = (
        ((28, 30, 34), (40, 42, 48), (220, 220, 220)) if dark else ((255,) * 3, (240, 240, 244), (20,) * 3)
    )
    image = Image.new("RGB", (640, 480), paper)
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, 640, 36), fill=(45, 90, 160))
    draw.rectangle((0, 36, 120, 480), fill=panel, outline=(128, 128, 128))
    for y in range(44, 470, 18):
        draw.text((8, y), "".join(rng.choice(list("abcdefgh ijklmnop"), 14)), fill=ink)
        draw.text((130, y), "".join(rng.choice(list("abc defghijk lmnopqrst uvwxyz ABCDE 0123456789"), 120)), fill=ink)
    for y in range(70, 480, 70):
        draw.line((120, y + 12, 640, y + 12), fill=(200, 60, 60))
    for x in range(140, 640, 90):
        for y in (90, 240, 400):
            draw.rectangle((x, y, x + 60, y + 26), fill=(45, 90, 160), outline=ink)
    return torch.from_numpy(np.asarray(image).copy()).permute(2, 0, 1) / 255


def line_art(seed: int) -> torch.Tensor:
    """Lines, circles and flat colours, smooth edges."""
    rng = np.random.default_rng(seed)
    image = Image.new("RGB", (1280, 960), (255, 255, 255))
    draw = ImageDraw.Draw(image)
    for _ in range(50):
        ends = [tuple(int(v) for v in rng.integers(-100, (1380, 1060))) for _ in range(2)]
        draw.line(ends, fill=(0, 0, 0), width=int(rng.integers(2, 9)))
    for _ in range(30):
        x, y, r = (int(v) for v in rng.integers((0, 0, 20), (1280, 960, 150)))
        fill = ((230, 190, 60), (70, 130, 200), (200, 80, 70))[int(rng.integers(3))]
        draw.ellipse((x - r, y - r, x + r, y + r), fill=fill, outline=(0, 0, 0), width=4)
    pixels = np.asarray(image.resize((640, 480), Image.Resampling.LANCZOS))
    return torch.from_numpy(pixels.copy()).permute(2, 0, 1) / 255


def dithered(grey):
    """``grey`` ``[H, W]`` in 0..1 as black and white pixels ``[3, H, W]``: ordered dithering by Bayer's matrix."""
    bayer = torch.tensor([[0, 8, 2, 10], [12, 4, 14, 6], [3, 11, 1, 9], [15, 7, 13, 5]]) / 16
    return (grey > bayer.repeat(grey.shape[0] // 4, grey.shape[1] // 4)).float().expand(3, -1, -1).clone()


DRAWINGS = {"light": screenshot(False, 0), "dark": screenshot(True, 1), "lines": line_art(0), "more lines": line_art(3)}


def losses(truth, done, pasted):
    """By how many levels each window of 9 x 9 pixels is further from the truth than the hard paste."""
    errors = [F.avg_pool2d((image - truth).abs().mean(0)[None, None], 9, 1) for image in (done, pasted)]
    return 255 * (errors[0] - errors[1]).flatten()


@pytest.mark.parametrize("extents", [RIGHT, ALL], ids=["right", "all sides"])
@pytest.mark.parametrize("name", DRAWINGS)
@pytest.mark.parametrize("match", ["tone", "full"])
def test_a_drawing_continued_without_a_fault_is_left_alone(name, extents, match):
    truth = DRAWINGS[name]
    done, _ = joined(truth, truth, extents, match)
    assert losses(truth, done, truth).max() < 0.05


@pytest.mark.parametrize(
    "level, lost, most, nearer",
    [("mild", 0, 0.02, 0.09), ("medium", 0.0001, 1.9, 0.31), ("severe", 0.0002, 2.8, 0.44)],
    ids=["mild", "medium", "severe"],
)
@pytest.mark.parametrize("name", DRAWINGS)
def test_a_drawing_is_much_nearer_to_the_truth_than_pasted_and_next_to_nowhere_worse(
    name, level, lost, most, nearer, monkeypatch
):
    truth = DRAWINGS[name]
    # All that is done to the whole picture; what begins at the border nobody can tell from the drawing.
    monkeypatch.setitem(LEVELS, "seen", dataclasses.replace(LEVELS[level], step=0, far=0, gamma=0))
    made = generated(truth, (70, 90, 340, 460), "seen", 1)
    done, steps = joined(truth, made, ALL)
    pasted, _ = joined(truth, made, ALL, "off")
    assert steps["border"].startswith("declined")
    assert steps["grain"].startswith("declined")
    # What is left are letters so close together that a blur made them one, where the pasted ones are right by luck.
    loss = losses(truth, done, pasted)
    assert (loss > 0.5).float().mean() <= lost
    assert loss.max() < most
    assert (done - truth).abs().mean() < nearer * (pasted - truth).abs().mean()


@pytest.mark.parametrize(
    "level, lost, nearer", [("mild", 0, 0.04), ("medium", 0.008, 0.65), ("severe", 0.02, 0.68)]
)
@pytest.mark.parametrize("seed", [1, 2])
def test_dithering_of_single_pixels_is_restored_as_far_as_anything_is_left_of_it(
    level, lost, nearer, seed, monkeypatch
):
    y, x = torch.meshgrid(torch.arange(480.0), torch.arange(640.0), indexing="ij")
    truth = dithered(0.5 + 0.5 * torch.sin(x / 90) * torch.cos(y / 70))
    monkeypatch.setitem(LEVELS, "seen", dataclasses.replace(LEVELS[level], step=0, far=0, gamma=0))
    made = generated(truth, (70, 90, 340, 460), "seen", seed)
    done, pasted = (joined(truth, made, ALL, match)[0] for match in ("full", "off"))
    assert (losses(truth, done, pasted) > 0.5).float().mean() <= lost
    assert (done - truth).abs().mean() < nearer * (pasted - truth).abs().mean()


@pytest.mark.parametrize("bar", [(200, 120, 30), (25, 118, 210), (20, 60, 40)], ids=["orange", "blue", "dark"])
@pytest.mark.parametrize("level", ["mild", "medium", "severe"])
def test_a_flat_colour_that_only_the_new_area_has_gets_no_worse(level, bar, monkeypatch):
    truth = DRAWINGS["light"].clone()
    truth[:, :60] = torch.tensor(bar).view(3, 1, 1) / 255
    monkeypatch.setitem(LEVELS, "seen", dataclasses.replace(LEVELS[level], step=0, far=0, gamma=0))
    made = generated(truth, (70, 90, 340, 460), "seen", 2)
    done, pasted = (joined(truth, made, ALL, match)[0] for match in ("full", "off"))
    assert losses(truth[:, :50], done[:, :50], pasted[:, :50]).max() < 0.5


def panelled(*colors):
    """A page that ends exactly where the original does on all sides, at a panel in another colour each; with text."""
    image = Image.new("RGB", (640, 480), colors[0])
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, 640, 69), fill=colors[-1])
    draw.rectangle((90, 70, 549, 409), fill=(250, 250, 252))
    for y in range(4, 480, 22):
        draw.text((6, y), "a page, and beside it panels in colours very near to its own " * 3, fill=(30, 30, 30))
    for x in range(120, 540, 120):
        draw.rectangle((x, 200, x + 90, 240), fill=(x // 4, 120, 200 - x // 4))
    return torch.from_numpy(np.asarray(image).copy()).permute(2, 0, 1) / 255


@pytest.mark.parametrize("match", ["tone", "full"])
@pytest.mark.parametrize("colors", [[(244, 244, 246)], [(238, 238, 242)], [(247, 248, 249), (225, 230, 240)]], ids=str)
def test_an_edge_of_a_drawing_that_lies_on_the_border_all_along_it_stays(match, colors):
    truth = panelled(*colors)
    done, steps = joined(truth, truth, ALL, match)
    assert losses(truth, done, truth).max() < 0.05
    assert steps["border"].startswith("declined")


@pytest.mark.parametrize("match", ["tone", "full"])
@pytest.mark.parametrize("name", ["lines", "more lines"])
def test_a_change_of_all_colours_that_begins_at_the_border_of_a_drawing_is_taken_back(name, match):
    truth = DRAWINGS[name] * 0.9 + 0.04
    truth = (truth * 255).round() / 255
    made = truth + torch.tensor([4.0, -3.0, 5.0]).view(3, 1, 1) / 255
    made[:, 70:410, 90:550] = truth[:, 70:410, 90:550]
    done, steps = joined(truth, made, ALL, match)
    pasted, _ = joined(truth, made, ALL, "off")
    assert steps["border"].startswith("a change of 4.0 levels")
    assert (done - truth).abs().mean() < 0.05 * (pasted - truth).abs().mean()
    assert losses(truth, done, pasted).max() < 0.1


@pytest.mark.parametrize("match", ["tone", "full"])
def test_paper_that_a_brighter_picture_clips_is_white_and_other_colours_are_right_as_well(match):
    truth = DRAWINGS["light"]
    done, _ = joined(truth, (truth * 1.01 + 0.02).clamp(0, 1), ALL, match)
    off = (done - truth)[:, :70].abs()
    paper, title = (truth[:, :70] == 1).all(0), slice(0, 36)
    assert off[:, paper].mean() < 0.1 / 255
    assert off[:, title].mean() < 0.6 / 255


def scanned(seed):
    """Printed lines on noisy paper."""
    image = Image.new("RGB", (640, 480), (250, 246, 236))
    draw = ImageDraw.Draw(image)
    for row, y in enumerate(range(2, 480, 34)):
        draw.text((-20 - 13 * row, y), "nobody can tell where it ends " * 4, (30, 25, 40), font_size=16 + row % 3 * 7)
    noise = 4 * torch.randn((3, 480, 640), generator=torch.Generator().manual_seed(seed))
    return (torch.from_numpy(np.asarray(image).copy()).permute(2, 0, 1) + noise).round().clamp(0, 255) / 255


@pytest.mark.parametrize("seed", range(3))
def test_noise_does_not_stand_in_for_edges_of_which_the_overlap_lost_none(seed):
    truth = scanned(seed)
    done, _ = joined(truth, truth, ALL)
    assert F.avg_pool2d((done - truth).abs().mean(0)[None, None], 9, 1).max() < 7 / 255


# --- each by itself


def test_the_items_of_a_batch_do_not_touch_each_other():
    pictures = [texture(200, 260, seed=i, noise=0.02) for i in range(3)]
    extents = Extents(30, 40, 0, 50)
    truth = torch.cat([batched(p) for p in pictures])
    made = torch.cat([batched(generated(p, (0, 30, 150, 190), "medium", i)) for i, p in enumerate(pictures)])
    valid = torch.ones(3, 150, 190)
    valid[1, -20:] = 0
    together = stitch(cut(truth, extents), made, extents, seed=7, valid=valid)
    for i in range(3):
        one = slice(i, i + 1)
        alone = stitch(cut(truth[one], extents), made[one], extents, seed=7 + i, valid=valid[one])
        assert torch.equal(together.image[one], alone.image)
        assert together.report.pictures[i] == alone.report.pictures[0]


def test_the_same_seed_gives_the_same_picture_and_another_one_only_other_grain():
    truth = texture(240, 320, noise=0.02)
    made = blurred(truth, 1.0)
    first, again, other = (joined(truth, made, RIGHT, seed=seed)[0] for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert (blurred(first, 4.0) - blurred(other, 4.0)).abs().mean() < 0.5 / 255
