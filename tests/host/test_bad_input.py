"""Bad input to the local nodes: one clear error with the value and the remedy, never a picture."""

from __future__ import annotations

import numpy as np
import pytest

from host.graphs import PREPARE, get, load, local, node, outputs, put, save, text
from host.server import PromptRejected

STITCH = {"canvas": ["prepare", 4], "match": "full", "rim": 0, "seed": 0}
GREY = np.full((1, 32, 32, 3), 0.5, np.float32)


def run(comfy, image: np.ndarray, **changes):
    prompt = {
        "image": load(put(comfy, image)),
        "model": node("TestTinyModel", kind="unet", dtype="float32", compression=8),
        "local": local(["image", 0], **{"right": 16, "fill": "smooth", "match": "off"} | changes),
        **outputs("local", "bad"),
    }
    return comfy.run(prompt)


NAN = GREY.copy()
NAN[0, 3, 4, 1] = np.nan


@pytest.mark.parametrize(
    ("image", "what", "remedy"),
    [
        (NAN, "not numbers (NaN or infinite)", "Look at the node"),
        (GREY[:0], "batch is empty (0 pictures)", "Connect at least one picture"),
        (GREY[:, :1, :1], "1×1", "at least 8×8"),
        (GREY[..., :2], "2 channels", "RGB (3)"),
        (np.zeros((1, 32, 32, 3), np.uint8), "uint8", "Convert"),
    ],
)
def test_a_picture_that_cannot_be_extended(comfy, image, what, remedy):
    done = run(comfy, image)
    assert done.status == "error"
    assert what in done.message and remedy in done.message


def test_no_extent_at_all(comfy):
    done = run(comfy, GREY, right=0)
    assert done.status == "error"
    assert "left, right, up and down are all 0" in done.message and "Set at least one" in done.message


def test_a_negative_extent_is_refused_before_anything_runs(comfy):
    with pytest.raises(PromptRejected, match="left"):
        run(comfy, GREY, left=-5)


def test_grey_pictures_are_extended_as_rgb(comfy):
    rng = np.random.default_rng(0)
    image = rng.random((1, 32, 32, 1), np.float32)
    assert run(comfy, image).status == "success"
    found = get(comfy, "bad_image")
    assert found.shape == (1, 32, 48, 3)
    assert np.array_equal(found[:, :, :32], np.repeat(image, 3, 3))


def test_alpha_is_kept_and_the_new_area_is_opaque(comfy):
    rng = np.random.default_rng(0)
    image = rng.random((1, 32, 32, 4), np.float32)
    assert run(comfy, image).status == "success"
    found = get(comfy, "bad_image")
    assert np.array_equal(found[:, :, :32], image)
    assert (found[:, :, 32:, 3] == 1).all()


def test_a_model_without_a_vae(comfy):
    done = run(comfy, GREY, model=["model", 0], clip=["model", 1])
    assert done.status == "error"
    assert "no vae" in done.message and "Connect the VAE" in done.message


def test_a_model_without_clip_or_conditioning(comfy):
    done = run(comfy, GREY, model=["model", 0], vae=["model", 2])
    assert done.status == "error"
    assert "neither clip nor positive" in done.message and "Connect clip" in done.message


def test_a_vae_of_another_model(comfy):
    prompt = {
        "image": load(put(comfy, GREY)),
        "model": node("TestTinyModel", kind="unet", dtype="float32", compression=8),
        "flux": node("TestTinyModel", kind="flux", dtype="float32", compression=8),
        "local": local(["image", 0], "model", right=16, vae=["flux", 2]),
        **outputs("local", "bad"),
    }
    done = comfy.run(prompt)
    assert done.status == "error"
    assert "latents of 16 channels, but the model takes 4" in done.message


def test_a_model_of_no_known_family_is_sampled_by_the_plain_route_and_the_report_says_so(comfy):
    prompt = {
        "image": load(put(comfy, GREY)),
        "model": node("TestTinyModel", kind="unheard", dtype="float32", compression=8),
        "local": local(["image", 0], "model", right=16, steps=1, megapixels=0.1),
        **outputs("local", "bad"),
    }
    done = comfy.run(prompt)
    assert done.status == "success", done.message
    assert "unknown (Unheard): sampled by the plain route" in text(comfy, "bad_report")


def test_pictures_of_different_sizes_in_one_list(comfy):
    names = [put(comfy, GREY), put(comfy, GREY[:, :16])]
    prompt = {
        "image": node("TestLoadList", name=",".join(names)),
        "local": local(["image", 0], right=16, fill="smooth"),
        **outputs("local", "bad"),
    }
    done = comfy.run(prompt)
    assert done.status == "error"
    assert "32×16" in done.message and "32×32" in done.message


def test_a_decoder_that_returns_nan_is_named(comfy):
    prompt = {
        "image": load(put(comfy, GREY)),
        "prepare": node("OutpaintPrepare", **PREPARE | {"image": ["image", 0], "right": 16}),
        "nan": load(put(comfy, np.full((1, 32, 48, 3), np.nan, np.float32))),
        "stitch": node("OutpaintStitch", **STITCH | {"generated": ["nan", 0]}),
        "out": save(["stitch", 0], "bad"),
    }
    done = comfy.run(prompt)
    assert done.status == "error"
    assert "decoded picture" in done.message and "--fp32-vae" in done.message


def test_a_window_that_was_cropped_is_refused(comfy):
    prompt = {
        "image": load(put(comfy, GREY)),
        "prepare": node("OutpaintPrepare", **PREPARE | {"image": ["image", 0], "right": 16}),
        "stitch": node("OutpaintStitch", **STITCH | {"generated": ["image", 0]}),
        "out": save(["stitch", 0], "bad"),
    }
    done = comfy.run(prompt)
    assert done.status == "error"
    assert "32×32, but the window is 48×32" in done.message


def test_a_host_whose_cache_breaks_expansion_is_named(start_comfy, checkout):
    comfy = start_comfy(args=("--cache-none",))
    done = run(comfy, GREY)
    if checkout.version == "0.3.64":
        assert done.status == "error"
        assert "--cache-none" in done.message and "update ComfyUI" in done.message
    else:
        assert done.status == "success", done.message
