"""Every kind of model the host can load samples its windows; creativity means the same on each."""

from __future__ import annotations

import re

import numpy as np
import pytest

from host.graphs import ORACLE, cut, get, load, local, node, outputs, photo, put, text

MATRIX = [
    ("inpaint unet", "float32", 8, "SD 1.5 inpaint"),
    ("flux fill", "float32", 8, "Flux Fill"),
    ("unet", "float32", 8, "SD 1.5"),
    ("flow unet", "float32", 8, "SD 1.5"),
    ("v-prediction unet", "float32", 8, "SD 1.5"),
    ("16-channel unet", "float32", 8, "SD 1.5"),
    ("flux", "float32", 8, "Flux"),
    ("unet", "float32", 16, "SD 1.5"),
    ("flux fill", "bfloat16", 16, "Flux Fill"),
    ("inpaint unet", "float16", 8, "SD 1.5 inpaint"),
    ("inpaint unet", "bfloat16", 8, "SD 1.5 inpaint"),
    ("flux", "bfloat16", 8, "Flux"),
    ("sd3", "float16", 8, "SD 3"),
    ("qwen image", "bfloat16", 8, "Qwen-Image"),
    ("lumina2", "bfloat16", 8, "Lumina 2"),
    ("z-image", "bfloat16", 8, "Z-Image"),
    ("flux2", "bfloat16", 16, "Flux.2"),
]


@pytest.mark.parametrize(("kind", "dtype", "compression", "family"), MATRIX)
def test_the_model_is_recognised_and_samples(comfy, kind, dtype, compression, family):
    known = comfy.object_info("TestTinyModel")["input"]["required"]["kind"][0]
    if kind not in known:
        pytest.skip(f"ComfyUI {comfy.checkout.version} has no such model class: {kind}")
    truth, extents = photo("coffee.jpg", 203, 141), {"right": 45, "down": 30}
    original = cut(truth, **extents)
    prompt = {
        "image": load(put(comfy, original)),
        "model": node("TestTinyModel", kind=kind, dtype=dtype, compression=compression),
        "local": local(["image", 0], "model", megapixels=0.06, match="tone", **extents),
        **outputs("local", "family"),
    }
    done = comfy.run(prompt)
    assert done.status == "success", done.message
    found = get(comfy, "family_image")
    assert found.shape == truth.shape
    assert np.array_equal(found[:, :111, :158], original)
    assert found[:, 111:].std() > 0.005
    assert f"model: {family}\n" in text(comfy, "family_report")


def started(report: str) -> tuple[float, float]:
    """Sigma and signal to noise of the first step, as reported."""
    found = re.search(r"starts at sigma (\S+) \(signal to noise of the prefill ([^)]+)\)", report)
    return float(found[1]), float(found[2])


@pytest.mark.parametrize("kind", ["EPS", "V_PREDICTION", "FLOW", "FLUX"])
def test_more_creativity_starts_from_more_noise_on_every_kind_of_sampling(comfy, kind):
    picture = photo("coffee.jpg", 64, 64)
    found = []
    for creativity in (0.0, 0.25, 0.5, 0.75, 1.0):
        prompt = {
            "image": load(put(comfy, picture)),
            "model": node("TestOracle", truth=["image", 0], windows="[[0,0,64,64]]", **ORACLE | {"kind": kind}),
            "local": local(["image", 0], "model", right=8, steps=20, creativity=creativity, match="off"),
            **outputs("local", "creativity"),
        }
        done = comfy.run(prompt)
        assert done.status == "success", done.message
        found.append(started(text(comfy, "creativity_report")))
    sigmas, ratios = zip(*found, strict=True)
    assert list(sigmas) == sorted(sigmas)
    assert list(ratios) == sorted(ratios, reverse=True)
    assert 0.12 <= ratios[0] <= 0.3
    assert ratios[-1] <= 0.075


def test_the_family_can_be_chosen_where_the_host_cannot_tell(comfy):
    picture = photo("coffee.jpg", 64, 64)
    prompt = {
        "image": load(put(comfy, picture)),
        "model": node("TestTinyModel", kind="flux", dtype="float32", compression=8),
        "local": local(["image", 0], "model", right=16, megapixels=0.06, family="Flux Kontext", match="off"),
        **outputs("local", "kontext"),
    }
    done = comfy.run(prompt)
    assert done.status == "success", done.message
    assert any(name.endswith("whole.reference") for name in done.executed)
    assert "model: Flux Kontext" in text(comfy, "kontext_report")


def test_zero_means_what_the_family_wants(comfy):
    picture = photo("coffee.jpg", 64, 64)
    prompt = {
        "image": load(put(comfy, picture)),
        "model": node("TestTinyModel", kind="flux fill", dtype="float32", compression=8),
        "local": local(["image", 0], "model", right=16, megapixels=0.01, steps=0, cfg=0.0, sampler_name="auto"),
        **outputs("local", "zero"),
    }
    done = comfy.run(prompt)
    assert done.status == "success", done.message
    assert "20 steps, euler/simple, cfg 1, guidance 30" in text(comfy, "zero_report")
