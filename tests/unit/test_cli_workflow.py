"""API-format workflows: finding the places for picture, extents and result in them."""

from __future__ import annotations

import json

import pytest

from outpaint_nodes.nodes.cli import workflow
from outpaint_nodes.nodes.errors import InputError
from outpaint_nodes.nodes.imaging.canvas import Extents

LOAD = {"class_type": "LoadImage", "inputs": {"image": "own.png"}}
LOCAL = {
    "class_type": "OutpaintLocal",
    "inputs": {"image": ["1", 0], "left": ["9", 0], "right": 5, "up": 6, "down": 7, "seed": 3, "prompt": "own words"},
}
SAVE = {"class_type": "SaveImage", "inputs": {"images": ["8", 0], "filename_prefix": "own"}}
UPSCALE = {"class_type": "ImageScaleBy", "inputs": {"image": ["2", 0], "upscale_method": "area", "scale_by": 2}}
OTHER_LOAD = {"class_type": "LoadImage", "inputs": {"image": "style.png"}}
OTHER_SAVE = {"class_type": "SaveImage", "inputs": {"images": ["5", 0], "filename_prefix": "style"}}
RATIO = {"class_type": "OutpaintToRatio", "inputs": {"image": ["1", 0], "ratio": "16:9"}}
NODES = {"1": LOAD, "2": LOCAL, "3": SAVE, "5": OTHER_LOAD, "6": OTHER_SAVE, "8": UPSCALE, "9": RATIO}


@pytest.fixture
def file(tmp_path):
    def write(content: object) -> object:
        path = tmp_path / "workflow.json"
        path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
        return path

    return write


def test_picture_and_extents_go_in_and_everything_else_stays(file):
    flow = workflow.load(file(NODES))
    prompt = flow.prompt("outpaint/new.png", Extents(1, 2, 3, 4), seed=None, prompt="new words")
    assert prompt["1"]["inputs"]["image"] == "outpaint/new.png"
    assert prompt["2"]["inputs"] == {
        "image": ["1", 0], "left": 1, "right": 2, "up": 3, "down": 4, "seed": 3, "prompt": "new words",
    }  # fmt: skip
    assert {name: prompt[name] for name in "35689"} == {name: NODES[name] for name in "35689"}


def test_only_the_load_and_save_on_the_way_of_the_picture_count(file):
    flow = workflow.load(file(NODES))
    assert (flow.load, flow.extend, flow.save) == ("1", "2", "3")


def test_without_extents_the_workflows_own_hold(file):
    inputs = workflow.load(file(NODES)).prompt("new.png", Extents())["2"]["inputs"]
    assert inputs == LOCAL["inputs"]


def test_one_picture_does_not_leave_traces_in_the_next(file):
    flow = workflow.load(file(NODES))
    flow.prompt("first.png", Extents(left=50), prompt="first")
    assert flow.prompt("second.png", Extents())["2"]["inputs"] == LOCAL["inputs"]


def test_settings_that_a_node_does_not_have_are_left_out(file):
    prepare = {"class_type": "OutpaintPrepare", "inputs": {"image": ["1", 0]}}
    prompt = workflow.load(file(NODES | {"2": prepare})).prompt("new.png", Extents(left=5), prompt="words")
    assert prompt["2"]["inputs"] == {"image": ["1", 0], "left": 5, "right": 0, "up": 0, "down": 0}


def test_the_built_in_workflow_has_its_three_places():
    assert workflow.load().prompt("new.png", Extents(right=9))["2"]["inputs"]["right"] == 9
    assert not workflow.load().spends_credits


def test_a_workflow_that_costs_is_known(file):
    assert workflow.load(file(NODES | {"2": LOCAL | {"class_type": "OutpaintAPI"}})).spends_credits


def test_a_workflow_of_an_earlier_version_gets_the_defaults_of_what_came_later(file):
    required = {"image": ["IMAGE", {}], "left": ["INT", {"default": 5}], "refine": ["BOOLEAN", {"default": False}]}
    info = {"OutpaintLocal": {"input": {"required": required, "optional": {"model": ["MODEL", {}]}}}}
    completed = workflow.completed(NODES, info)
    assert completed["2"]["inputs"] == LOCAL["inputs"] | {"refine": False}
    assert "refine" not in NODES["2"]["inputs"]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("no json", "no JSON"),
        ({"nodes": [], "links": []}, r"Export \(API\)"),
        ({"1": {"inputs": {}}}, "no workflow"),
        ([], "editor saves it"),
        ({"1": LOAD, "3": SAVE}, "0 nodes of type OutpaintLocal"),
        (NODES | {"7": LOCAL}, "2 nodes of type OutpaintLocal"),
        ({"2": LOCAL, "3": SAVE, "8": UPSCALE}, "0 nodes of type LoadImage"),
        (NODES | {"7": SAVE}, "2 nodes of type SaveImage"),
        ({"1": LOAD, "2": LOCAL, "8": UPSCALE}, "0 nodes of type SaveImage"),
    ],
)
def test_a_file_that_will_not_do_is_refused_with_the_reason(file, content, says):
    with pytest.raises(InputError, match=says):
        workflow.load(file(content))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match="none.json"):
        workflow.load(tmp_path / "none.json")
