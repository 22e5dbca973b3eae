"""Level: the real frontend in Chromium. Odd pictures, old workflows, collapsed nodes: still usable, no value altered.

The ``desk`` fixture fails each test whose page throws or complains.
"""

from __future__ import annotations

import pytest

START = {"left": 0, "right": 256, "up": 0, "down": 0}


def drags(desk, node):
    """Still usable: pulling a border changes its number and nothing else."""
    before = desk.values(node)
    desk.drag(node, "down", 0, 20)
    after = desk.values(node)
    assert after["down"] > before["down"]
    assert {**after, "down": 0} == {**before, "down": 0}


def test_without_a_picture_the_handles_work_and_say_what_is_missing(desk):
    node = desk.build({"node": {"type": "OutpaintPrepare", "pos": [480, 90]}})["node"]
    desk.page.wait_for_timeout(700)
    assert desk.text(node, ".outpaint-message") == "Connect a picture"
    assert desk.figures(node) == "+256 × +0"
    drags(desk, node)


def test_before_the_first_run_behind_a_node_that_shows_nothing(desk):
    ids = desk.build(
        {"vae": {"type": "VAEDecode", "pos": [90, 100]}, "node": {"type": "OutpaintPrepare", "pos": [480, 90]}},
        [("vae", 0, "node", "image")],
    )
    desk.page.wait_for_timeout(700)
    assert "first run" in desk.text(ids["node"], ".outpaint-message")
    drags(desk, ids["node"])


@pytest.mark.parametrize("picture", ["broken.png", "gone.png"])
def test_a_picture_that_cannot_be_read(desk, picture):
    node = desk.scene(picture=picture, wait=False)
    desk.page.wait_for_timeout(900)
    assert desk.text(node, ".outpaint-message") == "The picture cannot be shown"
    assert desk.values(node) == START
    drags(desk, node)


def test_a_panorama_of_sixteen_to_one(desk):
    node = desk.scene(picture="wide.jpg")
    assert desk.figures(node) == "4352 × 256"
    drags(desk, node)
    desk.drag(node, "right", -30, 0)
    assert desk.values(node)["right"] < 256


def test_a_picture_of_one_pixel(desk):
    node = desk.scene(picture="dot.png", right=0)
    assert desk.figures(node) == "1 × 1"
    drags(desk, node)
    assert desk.values(node)["down"] == pytest.approx(20, abs=2)


def test_extents_far_larger_than_the_picture(desk):
    node = desk.scene(left=8192, right=8192, up=8192, down=8192)
    assert desk.figures(node) == "17408 × 17152"
    assert desk.values(node) == desk.shown(node) == dict.fromkeys(START, 8192)
    desk.drag(node, "right", -10, 0)
    values = desk.values(node)
    assert 6000 < values["right"] < 8192
    desk.handle(node, "up").focus()
    desk.page.keyboard.press("ArrowDown")
    assert desk.values(node)["up"] == 8191


def test_an_old_workflow_without_one_of_the_inputs(desk):
    node = desk.build({"node": {"type": "OutpaintPrepare", "pos": [480, 90], "values": {"left": 5}}})["node"]
    desk.js(
        """(id) => {
          const node = app.graph.getNodeById(id);
          node.widgets.splice(node.widgets.findIndex((w) => w.name === "up"), 1);
        }""",
        node,
    )
    desk.page.wait_for_timeout(800)
    assert desk.handle(node, "up").get_attribute("aria-disabled") == "true"
    before = desk.values(node)
    desk.drag(node, "up", 0, -20)
    assert desk.values(node) == before
    desk.drag(node, "left", -15, 0)
    assert desk.values(node)["left"] > 5


def test_values_that_are_no_numbers_are_left_alone(desk):
    node = desk.build({"node": {"type": "OutpaintPrepare", "pos": [480, 90]}})["node"]
    desk.js("(id) => { app.graph.getNodeById(id).widgets.find((w) => w.name === 'up').value = 'png'; }", node)
    desk.page.wait_for_timeout(800)
    assert desk.shown(node)["up"] == 0
    desk.drag(node, "down", 0, 15)
    assert desk.values(node)["up"] == "png"


def test_a_value_beyond_the_limit_is_shown_and_not_corrected_behind_the_users_back(desk):
    node = desk.scene("OutpaintAPI")
    desk.js("(id) => { app.graph.getNodeById(id).widgets.find((w) => w.name === 'right').value = 3000; }", node)
    desk.until("() => document.querySelector('[data-handle=right]').getAttribute('aria-valuenow') === '3000'")
    drags(desk, node)
    assert desk.values(node)["right"] == 3000


def test_two_nodes_on_one_picture_are_two_things(desk):
    ids = desk.build(
        {
            "load": {"type": "LoadImage", "pos": [60, 100], "values": {"image": "photo.jpg"}},
            "one": {"type": "OutpaintPrepare", "pos": [380, 90]},
            "two": {"type": "OutpaintPrepare", "pos": [800, 90]},
        },
        [("load", 0, "one", "image"), ("load", 0, "two", "image")],
    )
    desk.shows_picture(ids["one"])
    desk.shows_picture(ids["two"])
    desk.drag(ids["one"], "down", 0, 20)
    assert desk.values(ids["one"])["down"] > 0
    assert desk.values(ids["two"]) == desk.shown(ids["two"]) == START


@pytest.mark.every_frontend
def test_a_collapsed_node_keeps_its_values_and_opens_again(desk):
    node = desk.scene(left=12)
    flip = "(id) => { const n = app.graph.getNodeById(id); n.collapse(); app.canvas.setDirty(true, true); }"
    desk.js(flip, node)
    desk.page.wait_for_timeout(700)
    assert desk.values(node) == START | {"left": 12}
    desk.type_value(node, "up", 40)
    desk.js(flip, node)
    desk.page.wait_for_timeout(700)
    assert desk.shown(node) == START | {"left": 12, "up": 40}
    drags(desk, node)


def test_inside_a_group_whose_nodes_are_switched_off(desk):
    node = desk.scene(left=12)
    desk.js(
        """(id) => {
          const node = app.graph.getNodeById(id);
          const group = new LiteGraph.LGraphGroup("outside");
          app.graph.add(group);
          group.addNodes([node]);
          node.mode = 4;
          node.collapse();
          app.canvas.setDirty(true, true);
        }""",
        node,
    )
    desk.page.wait_for_timeout(700)
    assert desk.values(node) == START | {"left": 12}
    desk.js(
        """(id) => {
          const node = app.graph.getNodeById(id);
          node.mode = 0;
          node.collapse();
          app.canvas.setDirty(true, true);
        }""",
        node,
    )
    desk.page.wait_for_timeout(600)
    drags(desk, node)


def test_deleting_the_node_in_the_middle_of_a_drag(desk):
    node = desk.scene()
    desk.drag(node, "down", 0, 20, release=False)
    desk.js("(id) => app.graph.remove(app.graph.getNodeById(id))", node)
    desk.page.mouse.move(700, 700, steps=4)
    desk.page.mouse.up()
    desk.frames(4)
    again = desk.scene()
    drags(desk, again)
    desk.undo()
    assert desk.values(again) == START
