"""What runs again when something changes, read from the host's own messages."""

from __future__ import annotations

import pytest

from host.graphs import get, load, local, node, outputs, photo, put, sub_nodes

SMALL = {"megapixels": 0.04, "steps": 1, "match": "off"}


def queue(comfy, picture, **changes):
    prompt = {
        "image": load(put(comfy, picture)),
        "model": node("TestTinyModel", kind="inpaint unet", dtype="float32", compression=8),
        "local": local(["image", 0], "model", **SMALL | changes),
        **outputs("local", "cache"),
    }
    done = comfy.run(prompt)
    assert done.status == "success", done.message
    return sub_nodes(done.executed, "local")


def sampled(names: list[str]) -> list[str]:
    return [name.removesuffix(".sample") for name in names if name.endswith(".sample")]


@pytest.fixture
def picture():
    return photo("coffee.jpg", 512, 128)


def test_a_farther_extent_samples_only_what_it_adds(comfy, picture):
    assert sampled(queue(comfy, picture, right=256, seed=31)) == ["right1"]
    assert sampled(queue(comfy, picture, right=512, seed=31)) == ["right2"]


def test_the_other_side_does_not_run_again(comfy, picture):
    assert sorted(sampled(queue(comfy, picture, left=200, right=256, seed=32))) == ["left1", "right1"]
    assert sampled(queue(comfy, picture, left=200, right=512, seed=32)) == ["right2"]
    assert sampled(queue(comfy, picture, left=152, right=512, seed=32)) == ["left1"]


def test_a_new_seed_samples_everything_but_prepares_nothing_it_need_not(comfy, picture):
    queue(comfy, picture, right=512, seed=33)
    again = queue(comfy, picture, right=512, seed=34)
    assert sampled(again) == ["right1", "right2"]
    assert "right1.prepare" not in again


def test_match_and_rim_run_only_the_join(comfy, picture):
    queue(comfy, picture, right=512, seed=35)
    assert queue(comfy, picture, right=512, seed=35, match="tone") == ["stitch"]
    assert queue(comfy, picture, right=512, seed=35, match="tone", rim=4) == ["stitch"]


def test_nothing_runs_when_nothing_changes(comfy, picture):
    queue(comfy, picture, right=512, seed=36)
    assert queue(comfy, picture, right=512, seed=36) == []
    assert get(comfy, "cache_image").shape == (1, 128, 1024, 3)
