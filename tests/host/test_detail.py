"""What else the local nodes do in the real host: detail, transparency, custom samplers, large pictures, previews."""

from __future__ import annotations

import numpy as np

from host.graphs import PREPARE, cut, get, load, local, node, outputs, photo, put, save, sub_nodes, text

TINY = {"kind": "inpaint unet", "dtype": "float32", "compression": 8}
STITCH = {"canvas": ["prepare", 4], "match": "tone", "rim": 0, "seed": 0}


def run(comfy, picture, **changes):
    prompt = {
        "image": load(put(comfy, picture)),
        "model": node("TestTinyModel", **TINY),
        "local": local(["image", 0], "model", **{"right": 128, "match": "tone", "steps": 1} | changes),
        **outputs("local", "detail"),
    }
    done = comfy.run(prompt)
    assert done.status == "success", done.message
    return sub_nodes(done.executed, "local")


def test_refine_samples_small_first_and_then_restores_detail_at_full_scale(comfy):
    picture = photo("coffee.jpg", 512, 384)
    ran = run(comfy, picture, megapixels=0.06, refine=True, seed=41)
    assert "whole.sample" in ran or "right1.sample" in ran
    assert any(".detail" in name and name.endswith(".sample") for name in ran)
    assert np.array_equal(get(comfy, "detail_image")[:, :, :512], picture)
    assert not any(".detail" in name for name in run(comfy, picture, megapixels=0.06, refine=False, seed=42))


def test_an_upscale_model_is_used_where_the_window_was_sampled_small(comfy):
    picture = photo("coffee.jpg", 512, 384)
    prompt = {
        "image": load(put(comfy, picture)),
        "model": node("TestTinyModel", **TINY),
        "upscaler": node("TestTinyUpscaler"),
        "local": local(
            ["image", 0], "model", right=128, megapixels=0.06, steps=1, match="tone", upscale_model=["upscaler", 0]
        ),
        **outputs("local", "detail"),
    }
    done = comfy.run(prompt)
    assert done.status == "success", done.message
    assert any(name.endswith(".upscale") for name in sub_nodes(done.executed, "local"))
    assert np.array_equal(get(comfy, "detail_image")[:, :, :512], picture)


def test_a_transparent_border_is_generated_where_asked_for(comfy):
    picture = np.ones((1, 120, 160, 4), np.float32)
    picture[..., :3] = photo("coffee.jpg", 160, 120)
    picture[:, :, :24, 3] = 0
    picture[:, 100:, :, 3] = 0
    run(comfy, picture, right=0, transparent_is_new=True, megapixels=0.02)
    found, mask = get(comfy, "detail_image"), get(comfy, "detail_mask")
    assert found.shape == picture.shape
    assert np.array_equal(found[:, :100, 24:], picture[:, :100, 24:])
    assert (found[..., 3] == 1).all()
    assert (mask[:, :100, 24:] == 0).all() and (mask[:, 100:] == 1).all() and (mask[:, :, :24] == 1).all()


def test_prepare_and_stitch_work_around_a_sampler_of_ones_own(comfy):
    truth, extents = photo("coffee.jpg", 333, 222), {"right": 61}
    original = cut(truth, **extents)
    prompt = {
        "image": load(put(comfy, original)),
        "model": node("TestTinyModel", **TINY | {"kind": "unet"}),
        "prepare": node("OutpaintPrepare", **PREPARE | {"image": ["image", 0], **extents}),
        "text": node("CLIPTextEncode", clip=["model", 1], text="coffee"),
        "encode": node("VAEEncode", pixels=["prepare", 0], vae=["model", 2]),
        "mask": node("SetLatentNoiseMask", samples=["encode", 0], mask=["prepare", 1]),
        "sample": node(
            "KSampler", model=["model", 0], seed=1, steps=1, cfg=1.0, sampler_name="euler", scheduler="simple",
            positive=["text", 0], negative=["text", 0], latent_image=["mask", 0], denoise=0.9,
        ),
        "decode": node("VAEDecode", samples=["sample", 0], vae=["model", 2]),
        "stitch": node("OutpaintStitch", **STITCH | {"generated": ["decode", 0]}),
        **outputs("stitch", "own"),
        **{f"mask{i}": save(["prepare", i], f"own_mask{i}") for i in (1, 2, 3)},
    }
    done = comfy.run(prompt)
    assert done.status == "success", done.message
    found = get(comfy, "own_image")
    assert found.shape == truth.shape
    assert np.array_equal(found[:, :, :272], original)
    free, missing, taken = (get(comfy, f"own_mask{i}") for i in (1, 2, 3))
    assert (free >= missing).all() and (missing >= taken).all()
    assert taken[0, :222].sum() == 61 * 222


def test_the_widget_gets_the_picture_that_went_in_and_the_one_that_came_out(comfy):
    picture = photo("coffee.jpg", 96, 64)
    prompt = {
        "image": load(put(comfy, picture)),
        "local": local(["image", 0], right=32, fill="smooth"),
        **outputs("local", "preview"),
    }
    done = comfy.run(prompt)
    seen = {}
    for kind, data in done.events:
        if kind == "executed":
            assert data["display_node"] in ("local", data["node"])
            seen |= {name: (data["display_node"], value) for name, value in (data["output"] or {}).items()}
    for name, width in (("outpaint_source", 96), ("outpaint_result", 128)):
        shown_on, (file,) = seen[name]
        assert shown_on == "local"
        assert (file["width"], file["height"], file["type"]) == (width, 64, "temp")
        assert comfy.view(file["filename"], file["subfolder"], "temp").shape == (64, width, 3)


def live_bytes(comfy) -> int:
    """What all tensors in the host hold once it has emptied its cache and unloaded its models."""
    comfy.post("/free", {"unload_models": True, "free_memory": True})
    for _ in range(2):  # The host empties its cache after a prompt.
        assert comfy.run({"live": node("TestLiveTensors", name="live")}).status == "success"
    return int(text(comfy, "live"))


def test_out_of_memory_while_sampling_is_the_hosts_own_error_and_leaves_nothing_behind(comfy):
    picture = photo("coffee.jpg", 512, 384)
    good = {
        "image": load(put(comfy, picture)),
        "local": local(["image", 0], right=32, fill="smooth"),
        **outputs("local", "oom"),
    }
    bad = good | {"model": node("TestOutOfMemory"), "local": local(["image", 0], "model", right=32, seed=51)}
    assert comfy.run(good).status == "success"
    before = live_bytes(comfy)
    done = comfy.run(bad)
    assert done.status == "error"
    assert "OutOfMemory" in done.error["exception_type"]
    assert live_bytes(comfy) < before + picture.nbytes // 2
    assert comfy.run(good).status == "success"
    assert np.array_equal(get(comfy, "oom_image")[:, :, :512], picture)


def test_the_report_says_what_was_sampled_and_what_it_cost(comfy):
    picture = photo("coffee.jpg", 512, 384)
    run(comfy, picture, megapixels=0.06, seed=43)
    report = text(comfy, "detail_report")
    assert "canvas: 640×384" in report
    assert "model: SD 1.5 inpaint" in report
    assert "per new megapixel" in report
    assert "tone" in report
