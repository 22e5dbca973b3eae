"""A mask beside the picture: what it marks is generated anew while the picture is extended."""

from __future__ import annotations

import numpy as np

from host import graphs
from host.graphs import PREPARE, cut, get, load, local, node, outputs, photo, put, save, sub_nodes, text
from outpaint_nodes.nodes.families import UNKNOWN
from outpaint_nodes.nodes.imaging.canvas import Extents, Rect, Size
from outpaint_nodes.nodes.imaging.windows import plan, within

WIDTH, HEIGHT, RIGHT = 300, 200, 64
HOLE = Rect(120, 80, 60, 40)


def load_mask(comfy, mask: np.ndarray) -> dict:
    return node("TestLoadMask", name=put(comfy, mask))


def marked(*holes: Rect) -> np.ndarray:
    """One mask for each rectangle."""
    mask = np.zeros((len(holes), HEIGHT, WIDTH), np.float32)
    for one, hole in zip(mask, holes, strict=True):
        one[hole.slices] = 1
    return mask


def job(comfy, truth: np.ndarray, mask: np.ndarray, bounds: Rect, **changes) -> dict:
    """A prompt in which the oracle knows the picture without the noise that lies where the mask is."""
    original = cut(truth, right=RIGHT)
    noise = np.random.default_rng(0).random(original.shape, np.float32)
    if mask.shape[1:] == original.shape[1:3] and len(mask) in (1, len(original)):
        original = np.where(mask[..., None] > 0, noise, original)
    size, wants = Size(WIDTH, HEIGHT), UNKNOWN.wants(8)
    made = (*within(bounds, size, wants), *plan(size, Extents(right=RIGHT), wants).windows)
    rects = [(w.rect.x, w.rect.y, w.rect.width, w.rect.height) for w in made]
    return {
        "original": load(put(comfy, original)),
        "truth": load(put(comfy, truth)),
        "mask": load_mask(comfy, mask),
        "oracle": node("TestOracle", truth=["truth", 0], windows=graphs.windows(rects), **graphs.ORACLE),
        "local": local(["original", 0], "oracle", right=RIGHT, match="tone", mask=["mask", 0], **changes),
        **outputs("local", "masked"),
        "given": save(["original", 0], "given"),
    }


def check(comfy, truth: np.ndarray, mask: np.ndarray) -> None:
    """What was marked is the truth again, everything else of the original is untouched."""
    found, given = get(comfy, "masked_image"), get(comfy, "given")
    new = np.broadcast_to(mask > 0, given.shape[:3])
    assert found.shape == truth.shape
    assert np.array_equal(found[:, :, :WIDTH][~new], given[~new])
    assert np.abs(found - truth)[:, :, :WIDTH][new].mean() < 3 / 255
    assert np.abs(found - truth)[:, :, WIDTH:].mean() < 3 / 255
    assert np.array_equal(get(comfy, "masked_mask")[:, :, :WIDTH] == 1, new)


def test_what_the_mask_marks_is_generated_anew(comfy):
    truth, mask = photo("coffee.jpg", WIDTH + RIGHT, HEIGHT), marked(HOLE)
    done = comfy.run(job(comfy, truth, mask, HOLE))
    assert done.status == "success", done.message
    check(comfy, truth, mask)
    assert "inside1" in text(comfy, "masked_report")


def test_several_pictures_take_one_mask_or_one_each(comfy):
    truth = np.concatenate([photo(name, WIDTH + RIGHT, HEIGHT) for name in ("coffee.jpg", "gravel.jpg")])
    other = Rect(30, 110, 50, 40)
    both = Rect(30, 80, 150, 70)
    for mask, bounds in ((marked(HOLE), HOLE), (marked(HOLE, other), both)):
        done = comfy.run(job(comfy, truth, mask, bounds))
        assert done.status == "success", done.message
        check(comfy, truth, mask)


def test_an_empty_mask_of_any_size_changes_nothing(comfy):
    truth = photo("coffee.jpg", WIDTH + RIGHT, HEIGHT)
    done = comfy.run(job(comfy, truth, np.zeros((1, 64, 64), np.float32), HOLE, seed=61))
    assert done.status == "success", done.message
    assert not any(name.startswith("inside") for name in sub_nodes(done.executed, "local"))
    assert (get(comfy, "masked_mask")[:, :, :WIDTH] == 0).all()


def test_masks_that_do_not_fit_are_named(comfy):
    truth = photo("coffee.jpg", WIDTH + RIGHT, HEIGHT)
    for mask, said in (
        (np.eye(64, dtype=np.float32)[None], "The mask is 64×64, but the picture is 300×200"),
        (marked(HOLE, HOLE), "There are 2 masks for 1 pictures"),
    ):
        done = comfy.run(job(comfy, truth, mask, HOLE))
        assert done.status == "error"
        assert said in done.message


def test_prepare_and_stitch_take_a_mask_as_well(comfy):
    truth, mask = photo("coffee.jpg", WIDTH + RIGHT, HEIGHT), marked(HOLE)
    original = cut(truth, right=RIGHT)
    whole = np.pad(truth, ((0, 0), (0, 0), (0, 4), (0, 0)), mode="edge")
    prompt = {
        "image": load(put(comfy, np.where(mask[..., None] > 0, 0, original))),
        "mask": load_mask(comfy, mask),
        "prepare": node("OutpaintPrepare", **PREPARE | {"image": ["image", 0], "mask": ["mask", 0], "right": RIGHT}),
        "made": load(put(comfy, whole)),
        "stitch": node("OutpaintStitch", canvas=["prepare", 4], generated=["made", 0], match="tone", rim=0, seed=0),
        **outputs("stitch", "masked"),
        "given": save(["image", 0], "given"),
        "taken": save(["prepare", 3], "taken"),
    }
    done = comfy.run(prompt)
    assert done.status == "success", done.message
    check(comfy, truth, mask)
    assert np.array_equal(get(comfy, "taken")[0, :HEIGHT, :WIDTH] > 0, mask[0] > 0)
