"""Outpaint (Local) in the real host: the oracle's picture comes out, at the exact size, with the original untouched."""

from __future__ import annotations

import numpy as np
import pytest

from host.graphs import ORACLE, cut, get, load, local, node, outputs, photo, put, save, sub_nodes, text, windows
from outpaint_nodes.nodes.families import UNKNOWN
from outpaint_nodes.nodes.imaging.canvas import Extents, Size
from outpaint_nodes.nodes.imaging.windows import plan


def oracle(truth_loader: str, extents: dict, original: np.ndarray, family=UNKNOWN, **changes) -> dict:
    """The oracle, told the windows that the planner makes for a job."""
    made = plan(Size(original.shape[2], original.shape[1]), Extents(**extents), family.wants(8))
    left, up = extents.get("left", 0), extents.get("up", 0)
    rects = [(w.rect.x + left, w.rect.y + up, w.rect.width, w.rect.height) for w in made.windows]
    return node("TestOracle", truth=[truth_loader, 0], windows=windows(rects), **ORACLE | changes)


def job(comfy, truth: np.ndarray, extents: dict, faults: dict | None = None, **changes) -> dict:
    """A prompt in which the oracle continues what is left of ``truth``."""
    original = cut(truth, **extents)
    return {
        "original": load(put(comfy, original)),
        "truth": load(put(comfy, truth)),
        "oracle": oracle("truth", extents, original, **(faults or {})),
        "local": local(["original", 0], "oracle", **extents, **changes),
        **outputs("local", "out"),
    }


def cells(picture: np.ndarray, side: int = 8) -> np.ndarray:
    """Means over cells: colour without texture."""
    batch, height, width, channels = picture.shape
    shape = (batch, height // side, side, width // side, side, channels)
    return picture[:, : height // side * side, : width // side * side].reshape(shape).mean((2, 4))


def inner(picture: np.ndarray, left=0, right=0, up=0, down=0) -> np.ndarray:
    return picture[:, up : picture.shape[1] - down, left : picture.shape[2] - right]


@pytest.mark.parametrize("kind", ["EPS", "V_PREDICTION", "FLOW", "FLUX"])
def test_the_oracle_reproduces_a_cropped_photos_true_continuation(comfy, kind):
    truth, extents = photo("coffee.jpg", 600, 400), {"right": 152}
    for match, allowed in (("off", 0.1), ("tone", 1), ("full", 4)):
        run = comfy.run(job(comfy, truth, extents, {"kind": kind}, match=match))
        assert run.status == "success", run.message
        found = get(comfy, "out_image")
        assert found.shape == truth.shape
        assert np.array_equal(inner(found, **extents), cut(truth, **extents))
        assert np.abs(found - truth)[:, :, -152:].mean() < allowed / 255


def test_decoder_faults_are_undone(comfy):
    truth, extents = photo("coffee.jpg", 600, 400), {"left": 96, "down": 64}
    faults = {"gain": 1.06, "offset": 0.02, "field": 0.012, "blur": 0.7}
    run = comfy.run(job(comfy, truth, extents, faults))
    assert run.status == "success", run.message
    matched = get(comfy, "out_image")
    run = comfy.run(job(comfy, truth, extents, faults, match="off"))
    pasted = get(comfy, "out_image")
    new = cells(get(comfy, "out_mask")[..., None])[0, ..., 0] == 1
    colour_off = [np.abs(cells(found) - cells(truth))[0, new].mean() for found in (matched, pasted)]
    assert colour_off[0] < 0.5 * colour_off[1]
    assert np.array_equal(inner(matched, **extents), cut(truth, **extents))
    assert np.array_equal(inner(pasted, **extents), cut(truth, **extents))


def test_odd_sizes_and_extents_come_out_exactly(comfy):
    rng = np.random.default_rng(5)
    for _ in range(20):
        width, height = rng.integers(41, 201, 2)
        sides = {side: int(v) for side, v in zip(("left", "right", "up", "down"), rng.integers(0, 60, 4), strict=True)}
        sides["right"] |= 1
        original = rng.random((1, int(height), int(width), 3), np.float32)
        prompt = {
            "original": load(put(comfy, original)),
            "model": node("TestTinyModel", kind="unet", dtype="float32", compression=8),
            "local": local(["original", 0], "model", steps=1, match="tone", megapixels=0.02, **sides),
            **outputs("local", "odd"),
        }
        run = comfy.run(prompt)
        assert run.status == "success", run.message
        found = get(comfy, "odd_image")
        assert found.shape[1:3] == (height + sides["up"] + sides["down"], width + sides["left"] + sides["right"])
        assert np.array_equal(inner(found, **sides), original)
        assert np.isfinite(found).all()


def test_changing_what_only_stitch_reads_runs_neither_sampler_nor_vae(comfy):
    truth, extents = photo("coffee.jpg", 300, 200), {"right": 77}
    first = comfy.run(job(comfy, truth, extents, match="tone"))
    assert any("sample" in name for name in sub_nodes(first.executed, "local"))
    second = comfy.run(job(comfy, truth, extents, match="off"))
    assert second.status == "success", second.message
    assert sub_nodes(second.executed, "local") == ["stitch"]


def test_cancel_stops_it(comfy):
    truth, extents = photo("coffee.jpg", 300, 200), {"right": 64}
    pending = comfy.submit(job(comfy, truth, extents, {"seconds": 0.3}, steps=200, seed=99))
    pending.saw("progress", timeout=60)
    comfy.interrupt()
    run = pending.wait(20)
    assert run.status == "interrupted"


def test_cancel_stops_the_joining_too(comfy):
    # Without a model the fill and the join are all there is, and on this canvas each takes its time.
    prompt = {
        "image": load(put(comfy, photo("mountain.jpg", 2000, 1300))),
        "local": local(["image", 0], right=600, left=600, seed=97),
        **outputs("local", "joining"),
    }
    pending = comfy.submit(prompt)
    pending.saw("executing", node="local.0.0.stitch", timeout=120)
    comfy.interrupt()
    run = pending.wait(30)
    assert run.status == "interrupted"


def test_cancel_between_two_passes_samples_nothing_of_the_second_and_keeps_the_first(comfy):
    prompt = {
        "image": load(put(comfy, photo("coffee.jpg", 512, 128))),
        "oracle": node("TestOracle", truth=["image", 0], windows="[]", **ORACLE | {"seconds": 1.0}),
        "local": local(["image", 0], "oracle", right=512, megapixels=0.04, steps=1, match="off", seed=98),
        **outputs("local", "between"),
    }
    pending = comfy.submit(prompt)
    pending.saw("executing", node="local.0.0.right1.decode")
    comfy.interrupt()
    run = pending.wait(30)
    assert run.status == "interrupted"
    assert "right2.sample" not in sub_nodes(run.executed, "local")
    again = comfy.run(prompt)
    assert again.status == "success", again.message
    ran = sub_nodes(again.executed, "local")
    assert "right2.sample" in ran
    assert "right1.sample" not in ran


def test_without_a_model_it_fills_from_the_picture(comfy):
    original = photo("gravel.jpg", 200, 150)
    prompt = {
        "original": load(put(comfy, original)),
        "local": local(["original", 0], right=50, up=30, fill="smooth"),
        **outputs("local", "plain"),
    }
    run = comfy.run(prompt)
    assert run.status == "success", run.message
    found = get(comfy, "plain_image")
    assert found.shape == (1, 180, 250, 3)
    assert np.array_equal(found[:, 30:, :200], original)
    new = found[0][get(comfy, "plain_mask")[0] > 0]
    assert new.std() > 0.02 and abs(new.mean() - original.mean()) < 0.1
    assert "model: none" in text(comfy, "plain_report")


def test_a_batch_of_different_pictures_gives_each_its_own_continuation(comfy):
    extents = {"right": 72, "up": 40}
    truth = np.concatenate([photo(name, 300, 200) for name in ("coffee.jpg", "gravel.jpg", "sunset.jpg")])
    run = comfy.run(job(comfy, truth, extents))
    assert run.status == "success", run.message
    found = get(comfy, "out_image")
    assert found.shape == truth.shape
    assert np.array_equal(inner(found, **extents), cut(truth, **extents))
    for item, true in zip(found, truth, strict=True):
        assert np.abs(item - true).mean() < 2 / 255


def test_picture_i_of_a_batch_is_what_it_would_be_alone_with_seed_plus_i(comfy):
    batch = np.concatenate([photo(name, 160, 120) for name in ("coffee.jpg", "gravel.jpg")])

    def run(pictures, seed, name):
        prompt = {
            "original": load(put(comfy, pictures)),
            "model": node("TestTinyModel", kind="unet", dtype="float32", compression=8),
            "local": local(["original", 0], "model", right=40, seed=seed, match="off"),
            **outputs("local", name),
        }
        done = comfy.run(prompt)
        assert done.status == "success", done.message
        return get(comfy, f"{name}_image")

    both = run(batch, 7, "both")
    assert np.array_equal(both[1:], run(batch[1:], 8, "second"))


def test_a_list_of_pictures_comes_out_as_one_batch(comfy):
    names = ["coffee.jpg", "gravel.jpg"]
    prompt = {
        "original": node("TestLoadList", name=",".join(put(comfy, photo(name, 120, 80)) for name in names)),
        "local": local(["original", 0], right=24, fill="smooth"),
        **outputs("local", "list"),
    }
    run = comfy.run(prompt)
    assert run.status == "success", run.message
    found = get(comfy, "list_image")
    assert found.shape == (2, 80, 144, 3)
    assert np.array_equal(found[1:, :, :120], photo("gravel.jpg", 120, 80))


def test_image_and_mask_go_into_the_hosts_own_nodes(comfy):
    original = photo("coffee.jpg", 120, 80)
    prompt = {
        "original": load(put(comfy, original)),
        "local": local(["original", 0], right=40, fill="smooth"),
        "scaled": node(
            "ImageScale", image=["local", 0], upscale_method="bicubic", width=320, height=160, crop="disabled"
        ),
        "composite": node(
            "ImageCompositeMasked", destination=["local", 0], source=["local", 0], x=0, y=0, resize_source=False,
            mask=["local", 1],
        ),
        "upscaler": node("TestTinyUpscaler"),
        "upscaled": node("ImageUpscaleWithModel", upscale_model=["upscaler", 0], image=["local", 0]),
        "saved": node("SaveImage", images=["scaled", 0], filename_prefix="chain"),
        "large": save(["upscaled", 0], "upscaled"),
        "dump": save(["composite", 0], "composite"),
    }
    run = comfy.run(prompt)
    assert run.status == "success", run.message
    assert run.images("saved")[0].shape == (160, 320, 3)
    assert get(comfy, "composite").shape == (1, 80, 160, 3)
    assert get(comfy, "upscaled").shape == (1, 160, 320, 3)
