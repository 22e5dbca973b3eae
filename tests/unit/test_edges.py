"""Drawings and screenshots: what is learned from the overlap about their edges and flat colours."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from outpaint_nodes.nodes.imaging import edges, palette
from outpaint_nodes.nodes.imaging.canvas import Extents, Rect
from outpaint_nodes.nodes.imaging.correction import Correction
from outpaint_nodes.nodes.imaging.match import is_drawing
from outpaint_nodes.nodes.imaging.stitch import stitch
from unit.other_device import Elsewhere, another_device
from unit.pictures import blurred, jpeg, overlap, texture
from unit.test_trust import DRAWINGS, dithered

EVERYWHERE = torch.ones(1, 480, 640)
EXTENTS = Extents(90, 90, 70, 70)
# Of the generator's colours in the overlap.
ERROR = 5 / 255


def strip(original, made):
    return [(original, made, torch.ones_like(original[:1]))]


def restored(made, fitted):
    """All of ``made`` ``[3, H, W]``."""
    return Correction(made, edges=fitted)(Rect(0, 0, made.shape[2], made.shape[1]))


def colored(*colors):
    """Vertical stripes, 40 pixels wide, in colours of 0..255."""
    return (torch.tensor(colors).float() / 255).T[:, None].repeat_interleave(40, 2).expand(3, 100, -1).clone()


def snapped(colors, made):
    """``made`` ``[3, H, W]``, flat everywhere, on the palette's ``colors``."""
    made = colors.toned(made)
    return colors.snapped(made, made, torch.ones(made.shape[1:], dtype=torch.bool))


# --- edges


@pytest.mark.parametrize("name", DRAWINGS)
def test_blurred_edges_become_crisp_where_they_were_not_learned(name):
    truth = DRAWINGS[name]
    made = blurred(truth, 0.8)
    learned = (slice(None), slice(None), slice(0, 320))
    fitted = edges.fit_edges(strip(truth[learned], made[learned]), None)
    elsewhere = (slice(None), slice(None), slice(330, 640))
    before, after = ((x - truth)[elsewhere].abs().mean() for x in (made, restored(made, fitted)))
    assert after < 0.35 * before


def test_crisp_edges_stay_as_they_are():
    truth = DRAWINGS["lines"]
    assert torch.equal(restored(truth, edges.fit_edges(strip(truth, truth), None)), truth)


def test_grey_edges_get_no_colour():
    truth = DRAWINGS["light"].mean(0, keepdim=True).expand(3, -1, -1)
    tint = torch.randn((3, 480, 640), generator=torch.Generator().manual_seed(0)) * 0.3 / 255
    made = blurred(truth, 1.0) + tint
    done = restored(made, edges.fit_edges(strip(truth, made), None))
    assert (done - done.mean(0)).abs().max() <= (made - made.mean(0)).abs().max() + 1e-5


def test_beside_letters_and_lines_the_paper_neither_glows_nor_darkens():
    truth = DRAWINGS["dark"]
    made = blurred(truth, 1.0)
    fitted = edges.fit_edges(strip(truth, made), None)
    paper = (truth * 255).round() == torch.tensor([28, 30, 34]).view(3, 1, 1)
    below = (truth - restored(made, fitted))[paper]
    # Among letters so close together that no paper is left between them it may.
    assert (below > 1 / 255).float().mean() < 0.045


def test_dots_on_white_are_not_taken_for_what_is_left_of_a_finer_pattern():
    truth = dithered(torch.linspace(-0.1, 1.1, 320).expand(240, -1))
    made = blurred(truth, 0.9)
    done = restored(made, edges.fit_edges(strip(truth, made), None))
    scattered = (slice(None), slice(8, -8), slice(265, 305))
    assert (done - truth)[scattered].abs().mean() < 0.25 * (made - truth)[scattered].abs().mean()


def test_between_a_faint_and_a_strong_edge_the_restoration_changes_gradually():
    truth = DRAWINGS["light"]
    fitted = edges.fit_edges(strip(truth, blurred(truth, 0.8)), None)
    line = torch.zeros(3, 1, 21)
    line[:, :, 10] = 1
    strengths = torch.linspace(8, 200, 193) / 255
    peaks = [restored(0.5 + s * blurred(line, 0.8).expand(3, 21, 21) / 2, fitted)[0, 10, 10] for s in strengths]
    assert torch.stack(peaks).diff().abs().max() < 4 / 255


def test_what_does_not_hold_elsewhere_is_not_learned():
    # The change to the original is noise: nothing in the generated picture tells of it.
    made = texture(480, 640, noise=0.05)
    noise = 0.1 * torch.randn((3, 480, 640), generator=torch.Generator().manual_seed(1))
    fitted = edges.fit_edges(strip(made + noise, made), None)
    assert (restored(made, fitted) - made).abs().mean() < 0.05 * noise.abs().mean()


def test_what_tells_next_to_nothing_of_what_was_lost_leaves_the_picture_as_it_came():
    # A twentieth of the power of what is lost can be told from what is there.
    detail = 0.05 * torch.randn((3, 480, 640), generator=torch.Generator().manual_seed(2))
    lost = 0.05 * torch.randn((3, 480, 640), generator=torch.Generator().manual_seed(3))
    made = 0.5 + detail
    fitted = edges.fit_edges(strip(made + lost + 0.05**0.5 * detail, made), None)
    assert (restored(made, fitted) - made).abs().mean() < 0.001 * lost.abs().mean()


def test_where_the_overlap_is_not_trusted_nothing_is_learned():
    truth = DRAWINGS["dark"]
    assert edges.fit_edges([(truth, blurred(truth, 0.8), torch.zeros_like(EVERYWHERE))], None) is None


def test_a_picture_without_edges_teaches_nothing():
    even = torch.full((3, 100, 100), 0.5)
    assert edges.fit_edges(strip(even, even), None) is None


def test_any_part_of_the_picture_is_restored_as_within_the_whole():
    truth = DRAWINGS["dark"]
    made = blurred(truth, 0.8) * 0.98 + 0.01
    colors = palette.fit_palette(strip(truth, made), ERROR)
    correction = Correction(made, edges=edges.fit_edges(strip(truth, made), colors))
    whole = correction(Rect(0, 0, 640, 480))
    for rect in (Rect(0, 0, 100, 90), Rect(37, 51, 200, 64), Rect(540, 400, 100, 80), Rect(639, 0, 1, 480)):
        assert torch.allclose(correction(rect), whole[(slice(None), *rect.slices)], atol=1e-5)


# --- palette


def test_flat_places_come_out_in_the_exact_colours_of_the_original():
    truth = colored((255, 255, 255), (240, 240, 244), (45, 90, 160), (255, 255, 255))
    made = truth * 0.97 + 0.02
    colors = palette.fit_palette(strip(truth, made), ERROR)
    grid = 0.5 / 255 * torch.cos(torch.arange(160) * 2 * torch.pi / 8)
    assert torch.allclose(snapped(colors, made + grid), truth, atol=1e-6)


def test_a_colour_that_is_not_in_the_palette_keeps_its_own():
    truth = colored((255, 255, 255), (45, 90, 160))
    colors = palette.fit_palette(strip(truth, truth), ERROR)
    other = colored((235, 235, 235), (60, 90, 160))
    assert torch.allclose(snapped(colors, other), other, atol=1e-3)


@pytest.mark.parametrize("error", [0, 1, 2])
def test_a_colour_farther_off_than_the_generator_errs_is_another_one(error):
    truth = colored((250, 250, 252), (45, 90, 160))
    colors = palette.fit_palette(strip(truth, truth), error / 255)
    other = colored((244, 244, 246), (52, 97, 167))
    assert torch.allclose(snapped(colors, other), other, atol=1e-3)


def test_from_near_to_far_of_a_colour_there_is_no_contour():
    truth = colored((255, 255, 255), (45, 90, 160))
    colors = palette.fit_palette(strip(truth, truth), ERROR)
    off = torch.linspace(0, 30, 600).expand(3, 10, -1) / 255
    moves = (snapped(colors, truth[:, :10, :1] - off) - (truth[:, :10, :1] - off))[0, 0]
    assert moves.max() > 4 / 255 and moves[-1] == 0
    assert moves.diff().abs().max() < 0.3 / 255


def test_a_gradient_through_a_colour_of_the_palette_stays_smooth():
    truth = colored(*[(128, 128, 128)] * 4, *[(0, 0, 0)] * 4)
    truth[:, :, 160:] = torch.linspace(100, 156, 160) / 255
    colors = palette.fit_palette(strip(truth, truth), ERROR)
    assert (snapped(colors, truth) - truth).abs().max() < 0.5 / 255


def test_what_is_not_flat_is_no_colour_of_the_palette():
    picture = texture(120, 160)
    assert palette.fit_palette(strip(picture, picture), ERROR) is None


# --- which pictures are drawings


def faint_chart() -> torch.Tensor:
    """Pale lines and bars on white, smooth edges."""
    image = Image.new("RGB", (1280, 960), "white")
    draw = ImageDraw.Draw(image)
    for y in range(30, 960, 60):
        draw.line((0, y, 1280, y), fill=(225, 225, 225), width=2)
    for x in range(20, 1280, 70):
        draw.rectangle((x, (x * 37) % 700, x + 40, 960), fill=(90, 140, 200))
    pixels = np.asarray(image.resize((640, 480), Image.Resampling.BOX))
    return torch.from_numpy(pixels.copy()).permute(2, 0, 1) / 255


@pytest.mark.parametrize("drawing", [*DRAWINGS.values(), faint_chart()], ids=[*DRAWINGS, "faint chart"])
def test_drawings_and_screenshots_are_known_by_what_is_flat_beside_their_edges(drawing):
    assert is_drawing(overlap(drawing, EXTENTS))


def captioned(bar=(28, 30, 36), ink=(235, 235, 235)):
    """A noisy photograph above a caption; an eighth of the edges is drawn."""
    pixels = (texture(480, 640, noise=0.02) * 255).round().permute(1, 2, 0).byte().numpy()
    image = Image.fromarray(pixels)
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 330, 640, 480), fill=bar)
    for y in (345, 375, 405, 435):
        draw.text((4, y), "nobody can tell where it ends " * 4, fill=ink, font_size=20)
    return torch.from_numpy(np.asarray(image).copy()).permute(2, 0, 1) / 255


@pytest.mark.parametrize(
    "colors", [((28, 30, 36), (235, 235, 235)), ((255, 255, 255), (0, 0, 0))], ids=["dark", "white"]
)
def test_a_photograph_with_a_caption_has_drawn_parts(colors):
    assert not palette.is_flat_beside_edges([captioned(*colors)])
    assert is_drawing(overlap(captioned(*colors), EXTENTS))


def test_flat_paper_beside_a_photograph_gets_neither_noise_nor_rings():
    truth = captioned()
    original, made = (x.permute(1, 2, 0)[None].contiguous() for x in (truth[:, :, :480], blurred(truth, 0.8)))
    joined = stitch(original, made, Extents(right=160)).image[0]
    paper = (slice(333, 341), slice(480, None))
    assert torch.equal((joined[paper] * 255).round(), (truth.permute(1, 2, 0)[paper] * 255).round())


@pytest.mark.parametrize("quality", [None, 30, 60, 90])
def test_a_photograph_is_no_drawing_whatever_its_compression(quality):
    photo = texture(480, 640, noise=0.02)
    photo = photo if quality is None else jpeg(photo, quality)
    assert not is_drawing(overlap(photo, EXTENTS))


def test_a_photograph_with_a_clipped_sky_is_no_drawing():
    photo = texture(480, 640, noise=0.02)
    photo[:, :240] = (photo[:, :240] * 0.5 + 0.8).clamp(0, 1)
    assert not is_drawing(overlap(photo, EXTENTS))


# --- where the work is done


def test_a_drawing_is_joined_where_it_lies():
    truth = DRAWINGS["light"][:, :240, :400]
    original, made = (x.permute(1, 2, 0)[None].contiguous() for x in (truth[:, :, :300], blurred(truth, 0.8)))
    here = stitch(original, made, Extents(right=100))
    assert here.report.pictures[0].steps["sharpness"].startswith("edges as crisp")
    with another_device() as device:
        there = stitch(Elsewhere(original), Elsewhere(made), Extents(right=100))
        assert there.image.device == device
        assert torch.equal(there.image.cpu(), here.image)
