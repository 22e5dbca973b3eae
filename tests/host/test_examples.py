"""The example workflows: true to the nodes, loaded by the real frontend, run by the real host."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from host import examples, thumbnails
from host.graph import to_api
from host.graphs import node
from host.server import PACK, ComfyServer, PromptRejected
from host.stand_ins import only, stock, with_stand_in
from service.endpoint import Endpoint

NAMES = list(examples.EXAMPLES)
# Which tiny model stands in for what the example loads.
STAND_INS = {
    "outpaint_sd_inpaint": "inpaint unet",
    "outpaint_sdxl": "unet",
    "outpaint_any_checkpoint": "unet",
    "outpaint_custom_sampler": "unet",
    "outpaint_flux_fill": "flux fill",
}
# Few steps on few pixels.
FEW = {"steps": 2, "megapixels": 0.06}
SIZE = (160, 128)


@pytest.fixture(scope="module")
def stocked(comfy):
    """A host with a photo and with files of the names that the examples choose."""
    with Image.open(PACK / "tests" / "photos" / "coffee.jpg") as photo:
        comfy.save_input(photo.crop((100, 80, 100 + SIZE[0], 80 + SIZE[1])), examples.PHOTO)
    stock(comfy)
    return comfy


@pytest.fixture(scope="module")
def info(stocked):
    return examples.ready(stocked.get("/object_info"))


@pytest.fixture(scope="module")
def studio(checkout):
    """The host and the endpoint that thumbnails are made with."""
    with Endpoint() as endpoint, ComfyServer(checkout, endpoint.environment()) as server:
        stock(server)
        yield server, endpoint


def read(name: str) -> dict:
    return json.loads((examples.WORKFLOWS / f"{name}.json").read_text(encoding="utf-8"))


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
    for name in NAMES:
        path = examples.WORKFLOWS / f"{name}.jpg"
        with Image.open(path) as shown:
            assert max(shown.size) == thumbnails.LONGEST and path.stat().st_size < 100_000


@pytest.mark.parametrize("name", NAMES)
def test_the_host_offers_it_as_a_template(stocked, name):
    assert name in stocked.get("/workflow_templates")["outpaint"]


@pytest.mark.parametrize("name", [name for name in NAMES if name != "outpaint_api"])
def test_it_runs_and_keeps_the_original(stocked, info, name):
    prompt = to_api(read(name), info)
    if name in STAND_INS:
        model = node("TestTinyModel", kind=STAND_INS[name], dtype="float32", compression=8)
        prompt = with_stand_in(prompt, model, FEW)
    run = stocked.run(prompt, timeout=280)
    assert run.status == "success", run.message
    (image,) = run.images(only(prompt, "SaveImage"))
    photo = np.asarray(Image.open(stocked.input / examples.PHOTO))
    if name == "outpaint_then_upscale":
        assert image.shape == (256, 832, 3)
        kept = image[:, : 2 * 160].reshape(128, 2, 160, 2, 3).mean((1, 3))
        assert np.abs(kept - photo).mean() < 6
        return
    if name == "outpaint_ratio_folder":
        assert image.shape == (128, 228, 3)
        left = 34
    else:
        extents = thumbnails.extents_of(prompt)
        left = extents["left"]
        assert image.shape == (128, 160 + left + extents["right"], 3)
    assert np.array_equal(image[:, left : left + 160], photo)


def test_the_ratio_example_runs_a_folder_when_the_folder_loader_takes_the_photos_place(stocked, info):
    """As its note says: pictures of any sizes; in the oldest host, of one size."""
    loader, other_size = node("LoadImageDataSetFromFolder", folder="holiday"), (80, 112)
    if loader["class_type"] not in info:
        loader, other_size = node("LoadImageSetFromFolderNode", folder="holiday", resize_method="None"), (96, 96)
    sizes = [(96, 96), other_size]
    folder = stocked.input / "holiday"
    folder.mkdir()
    photo = Image.open(PACK / "tests" / "photos" / "coffee.jpg")
    for number, (width, height) in enumerate(sizes):
        photo.crop((100 + 40 * number, 80, 100 + 40 * number + width, 80 + height)).save(folder / f"{number}.png")
    prompt = to_api(read("outpaint_ratio_folder"), info)
    prompt[only(prompt, "LoadImage")] = loader
    run = stocked.run(prompt)
    assert run.status == "success", run.message
    made = run.images(only(prompt, "SaveImage"))
    assert sorted(image.shape for image in made) == sorted((h, round(h * 16 / 9), 3) for _, h in sizes)
    originals = [np.asarray(Image.open(path)) for path in folder.iterdir()]
    for original in originals:
        fitting = [image for image in made if len(image) == len(original)]
        left = (fitting[0].shape[1] - original.shape[1]) // 2
        assert any(np.array_equal(image[:, left : left + original.shape[1]], original) for image in fitting)


@pytest.mark.one_host
@pytest.mark.parametrize("name", ["outpaint_sdxl", "outpaint_custom_sampler", "outpaint_api"])
def test_thumbnails_are_made_by_running_the_example(studio, name):
    """With the oracle in place of a model, or of the service: what comes out is the photo, to the eye."""
    original, made, extents = thumbnails.run(*studio, name)
    truth = thumbnails.SCENES[name].picture
    assert made.size == truth.size
    box = (extents["left"], extents["up"], extents["left"] + original.width, extents["up"] + original.height)
    assert np.array_equal(np.asarray(made.crop(box)), np.asarray(original))
    assert np.abs(np.asarray(made, float) - np.asarray(truth, float)).mean() < 4
    shown = thumbnails.thumbnail(original, made, extents)
    with Image.open(examples.WORKFLOWS / f"{name}.jpg") as shipped:
        assert shipped.size == shown.size


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
