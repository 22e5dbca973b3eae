"""``outpaint --engine comfyui`` against real servers."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from host.server import PACK

pytestmark = pytest.mark.one_host


@pytest.fixture
def photo(tmp_path):
    """A crop of a real photo, by number: no two alike."""

    def make(name: str, number: int = 0):
        with Image.open(PACK / "tests" / "photos" / "coffee.jpg") as whole:
            (tmp_path / name).parent.mkdir(exist_ok=True)
            whole.crop((100 + 20 * number, 100, 196 + 20 * number, 164)).save(tmp_path / name)
        return tmp_path / name

    return make


def outpaint(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "outpaint_nodes.nodes.cli", *map(str, arguments), "--engine", "comfyui"],
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        timeout=280,
    )


def pixels(path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture)


def processed(server) -> dict:
    """The workflows that this server has run, by their ids."""
    return {name: entry["prompt"][2] for name, entry in server.get("/history").items()}


def test_a_photo_is_extended_by_a_server(comfy, photo, tmp_path):
    source = photo("cat.png")
    done = outpaint(source, "--left", 24, "--server", comfy.url, "-o", tmp_path / "o.png", "--mask", tmp_path / "m.png",
                    "--report")  # fmt: skip
    assert done.returncode == 0, done.stderr
    result, mask = pixels(tmp_path / "o.png"), pixels(tmp_path / "m.png")
    assert result.shape == (64, 120, 3)
    assert np.array_equal(result[:, 24:], pixels(source))
    assert (mask[:, :24] == 255).all() and (mask[:, 24:] == 0).all()
    assert len(done.stdout.splitlines()) > 1, "the report of the node is printed"


def test_transparency_is_put_back(comfy, photo, tmp_path):
    with Image.open(photo("cat.png")) as picture:
        picture.putalpha(Image.linear_gradient("L").resize(picture.size))
        picture.save(tmp_path / "clear.png")
    done = outpaint(tmp_path / "clear.png", "--down", 8, "--server", comfy.url, "-o", tmp_path / "o.png")
    assert done.returncode == 0, done.stderr
    assert np.array_equal(pixels(tmp_path / "o.png")[:64], pixels(tmp_path / "clear.png"))


def test_two_servers_share_a_folder_and_the_workflow_runs_unchanged_on_both(comfy, start_comfy, photo, tmp_path):
    second = start_comfy()
    for number in range(4):
        photo(f"in/{number}.png", number)
    before = processed(comfy)
    done = outpaint(tmp_path / "in", "--ratio", "2:1", "--server", comfy.url, "--server", second.url, "-o",
                    tmp_path / "out")  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert len(os.listdir(tmp_path / "out")) == 4
    here = [prompt for name, prompt in processed(comfy).items() if name not in before]
    there = list(processed(second).values())
    assert len(here + there) == 4 and here and there
    bare = {json.dumps(_without_picture(prompt), sort_keys=True) for prompt in here + there}
    assert len(bare) == 1, "the same workflow on both servers, but for the picture"
    for number in range(4):
        result = pixels(tmp_path / "out" / f"{number}-outpaint.png")
        assert np.array_equal(result[:, 16:112], pixels(tmp_path / "in" / f"{number}.png"))


def _without_picture(prompt: dict) -> dict:
    return {name: node for name, node in prompt.items() if node["class_type"] != "LoadImage"}


def test_a_server_that_is_gone_leaves_its_photos_to_the_other(comfy, start_comfy, photo, tmp_path):
    gone = start_comfy()
    gone.stop()
    photos = [photo(f"{number}.png", number) for number in range(3)]
    done = outpaint(*photos, "--right", 8, "--server", gone.url, "--server", comfy.url, "-o", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert len(os.listdir(tmp_path / "out")) == 3
    assert "does not answer" in done.stderr


def test_without_any_server_every_photo_fails_by_name(photo, tmp_path):
    done = outpaint(photo("cat.png"), "--right", 8, "--server", "http://127.0.0.1:9", "-o", tmp_path / "o.png")
    assert done.returncode == 1
    assert "127.0.0.1:9 does not answer" in done.stderr and "cat.png: FAILED" in done.stderr


def test_an_own_workflow_keeps_its_own_nodes(comfy, photo, tmp_path):
    """Saved with fewer inputs than the nodes have today: the server's defaults are filled in."""
    sides = {side: ["r", slot] for slot, side in enumerate(("left", "right", "up", "down"))}
    flow = {
        "a": {"class_type": "LoadImage", "inputs": {"image": "x.png"}},
        "r": {"class_type": "OutpaintToRatio", "inputs": {"image": ["a", 0], "ratio": "2:1", "anchor": "left"}},
        "p": {"class_type": "OutpaintPrepare", "inputs": {"image": ["a", 0], **sides, "fill": "smooth"}},
        "s": {"class_type": "OutpaintStitch", "inputs": {"canvas": ["p", 4], "generated": ["p", 0]}},
        "u": {"class_type": "ImageScaleBy", "inputs": {"image": ["s", 0], "upscale_method": "area", "scale_by": 2.0}},
        "o": {"class_type": "SaveImage", "inputs": {"images": ["u", 0], "filename_prefix": "own"}},
    }
    file = tmp_path / "own.json"
    file.write_text(json.dumps(flow))
    source = photo("cat.png")
    done = outpaint(source, "--workflow", file, "--server", comfy.url, "-o", tmp_path / "o.png")
    assert done.returncode == 0, done.stderr
    assert pixels(tmp_path / "o.png").shape == (128, 256, 3)
    done = outpaint(source, "--workflow", file, "--server", comfy.url, "--up", 16, "-o", tmp_path / "o2.png")
    assert done.returncode == 0, done.stderr
    assert pixels(tmp_path / "o2.png").shape == (160, 192, 3)


def test_what_the_server_refuses_is_told(comfy, photo, tmp_path):
    flow = {
        "a": {"class_type": "LoadImage", "inputs": {"image": "x.png"}},
        "l": {"class_type": "OutpaintLocal", "inputs": {"image": ["a", 0], "left": 1}},
        "n": {"class_type": "NoSuchNode", "inputs": {"image": ["l", 0]}},
        "o": {"class_type": "SaveImage", "inputs": {"images": ["n", 0], "filename_prefix": "own"}},
    }
    (tmp_path / "bad.json").write_text(json.dumps(flow))
    done = outpaint(photo("cat.png"), "--workflow", tmp_path / "bad.json", "--right", 8, "--server", comfy.url)
    assert done.returncode == 1
    assert "refuses the workflow" in done.stderr and "NoSuchNode" in done.stderr
