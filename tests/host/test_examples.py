"""The example workflows: true to the nodes, loaded by the real frontend, run by the real host."""

from __future__ import annotations

import json
import struct

import numpy as np
import pytest
from PIL import Image

from host import examples
from host.graph import to_api
from host.server import PACK, PromptRejected

NAMES = list(examples.EXAMPLES)
MODELS = [
    examples.SD_INPAINT, examples.SD15, examples.SDXL, examples.FLUX_FILL, examples.CLIP_L, examples.T5XXL,
    examples.FLUX_VAE,
]  # fmt: skip
# Which tiny model stands in for what the example loads.
STAND_INS = {
    "outpaint_sd_inpaint": "inpaint unet",
    "outpaint_sdxl": "unet",
    "outpaint_any_checkpoint": "unet",
    "outpaint_custom_sampler": "unet",
    "outpaint_flux_fill": "flux fill",
}
SIZE = (160, 128)


@pytest.fixture(scope="module")
def stocked(comfy):
    """A host with a photo and with files of the names that the examples choose."""
    with Image.open(PACK / "tests" / "photos" / "coffee.jpg") as photo:
        comfy.save_input(photo.crop((100, 80, 100 + SIZE[0], 80 + SIZE[1])), examples.PHOTO)
    for name, _, folder in MODELS:
        path = comfy.base / "models" / folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    upscaler = comfy.base / "models" / examples.ESRGAN[2] / examples.ESRGAN[0]
    upscaler.parent.mkdir(parents=True, exist_ok=True)
    upscaler.write_bytes(tiny_esrgan())
    return comfy


@pytest.fixture(scope="module")
def info(stocked):
    return examples.ready(stocked.get("/object_info"))


def tiny_esrgan(features: int = 8) -> bytes:
    """A network of the ESRGAN kind with one block, as a safetensors file: it upscales by 4 and is not any good."""
    shapes = {"conv_first": (features, 3), "conv_body": (features, features), "conv_last": (3, features)}
    shapes |= dict.fromkeys(("conv_up1", "conv_up2", "conv_hr"), (features, features))
    for dense in (1, 2, 3):
        for conv in range(1, 6):
            shapes[f"body.0.rdb{dense}.conv{conv}"] = (32 if conv < 5 else features, features + 32 * (conv - 1))
    random = np.random.default_rng(0)
    tensors = {}
    for name, (out, into) in shapes.items():
        tensors[f"{name}.weight"] = random.normal(0, 0.05, (out, into, 3, 3)).astype(np.float32)
        tensors[f"{name}.bias"] = np.full(out, 0.1, np.float32)
    header, data = {}, b""
    for name, tensor in tensors.items():
        header[name] = {"dtype": "F32", "shape": tensor.shape, "data_offsets": (len(data), len(data) + tensor.nbytes)}
        data += tensor.tobytes()
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def read(name: str) -> dict:
    return json.loads((examples.WORKFLOWS / f"{name}.json").read_text(encoding="utf-8"))


def with_stand_in(prompt: dict, kind: str) -> dict:
    """The prompt with one tiny model in place of the loaders; few steps on few pixels."""
    outputs = {"CheckpointLoaderSimple": (0, 1, 2), "UNETLoader": (0,), "DualCLIPLoader": (1,), "VAELoader": (2,)}
    swapped = {"model": {"class_type": "TestTinyModel", "inputs": {"kind": kind, "dtype": "float32", "compression": 8}}}
    for name, node in prompt.items():
        if node["class_type"] in outputs:
            continue
        inputs = dict(node["inputs"])
        for key, value in inputs.items():
            if isinstance(value, list) and prompt[value[0]]["class_type"] in outputs:
                inputs[key] = ["model", outputs[prompt[value[0]]["class_type"]][value[1]]]
        inputs |= {key: value for key, value in {"steps": 2, "megapixels": 0.06}.items() if key in inputs}
        swapped[name] = {**node, "inputs": inputs}
    return swapped


def only(prompt: dict, kind: str) -> str:
    (name,) = [name for name, node in prompt.items() if node["class_type"] == kind]
    return name


@pytest.mark.parametrize("name", NAMES)
def test_the_file_is_what_its_description_makes_of_the_nodes_as_they_are(info, name):
    file, made = read(name), examples.build(name, info)
    assert to_api(file, info) == to_api(made, info), "write the files anew: PYTHONPATH=tests python -m host.examples"
    # What the host's own nodes show beside their inputs changes with its version; ours must not.
    for is_node, expected in zip(file["nodes"], made["nodes"], strict=True):
        if expected["type"].startswith("Outpaint"):
            assert is_node == expected


def test_the_blueprint_is_what_its_description_makes_of_the_nodes_as_they_are(info):
    file = examples.BLUEPRINTS / f"{examples.BLUEPRINT}.json"
    assert json.loads(file.read_text(encoding="utf-8")) == examples.blueprint(info)


def test_the_workflow_of_the_command_line_has_every_input_of_the_node(info):
    assert json.loads(examples.BUILT_IN.read_text(encoding="utf-8")) == examples.built_in(info)


def test_every_example_has_a_thumbnail_and_nothing_else_lies_there():
    files = {path.name for path in examples.WORKFLOWS.iterdir()}
    assert files == {f"{name}.{kind}" for name in NAMES for kind in ("json", "jpg")}


@pytest.mark.parametrize("name", NAMES)
def test_the_host_offers_it_as_a_template(stocked, name):
    assert name in stocked.get("/workflow_templates")["outpaint"]


@pytest.mark.parametrize("name", [name for name in NAMES if name != "outpaint_api"])
def test_it_runs_and_keeps_the_original(stocked, info, name):
    prompt = to_api(read(name), info)
    if name in STAND_INS:
        prompt = with_stand_in(prompt, STAND_INS[name])
    run = stocked.run(prompt, timeout=280)
    assert run.status == "success", run.message
    (image,) = run.images(only(prompt, "SaveImage"))
    photo = np.asarray(Image.open(stocked.input / examples.PHOTO))
    if name == "outpaint_then_upscale":
        assert image.shape == (256, 832, 3)
        return
    if name == "outpaint_ratio_folder":
        assert image.shape == (128, 228, 3)
        left = 34
    else:
        extender = next(n for n in prompt.values() if n["class_type"] in ("OutpaintLocal", "OutpaintPrepare"))["inputs"]
        left = extender["left"]
        assert image.shape == (128, 160 + left + extender["right"], 3)
    assert np.array_equal(image[:, left : left + 160], photo)


def test_the_api_example_spends_nothing_as_it_comes(stocked, info):
    prompt = to_api(read("outpaint_api"), info)
    run = stocked.run(prompt)
    assert run.status == "success", run.message
    assert "8 credits" in run.text(only(prompt, "PreviewAny"))


def test_a_missing_model_is_told_by_the_host_by_name(comfy, stocked, info):
    prompt = to_api(read("outpaint_sdxl"), info)
    prompt[only(prompt, "CheckpointLoaderSimple")]["inputs"]["ckpt_name"] = "not here.safetensors"
    with pytest.raises(PromptRejected, match="not here"):
        stocked.run(prompt)


def test_newer_hosts_offer_the_blueprint(stocked):
    if not (stocked.checkout.path / "app" / "subgraph_manager.py").exists():
        pytest.skip(f"ComfyUI {stocked.checkout.version} does not look for blueprints")
    names = [entry["name"] for entry in stocked.get("/global_subgraphs").values()]
    assert examples.BLUEPRINT in names
