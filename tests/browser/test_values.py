"""Level: the real frontend in Chromium. The four inputs are the only truth, and they survive whatever the host does."""

from __future__ import annotations

import pytest


@pytest.mark.every_frontend
def test_typing_moves_the_handles(desk):
    node = desk.scene()
    desk.type_value(node, "down", 320)
    desk.until("() => document.querySelectorAll('[data-handle=\"down\"][aria-valuenow=\"320\"]').length === 1")
    assert desk.figures(node) == "1280 × 1088"


def test_a_value_written_without_notice_is_found(desk):
    node = desk.scene()
    desk.js("(id) => { app.graph.getNodeById(id).widgets.find((w) => w.name === 'up').value = 77; }", node)
    desk.until("() => document.querySelectorAll('[data-handle=\"up\"][aria-valuenow=\"77\"]').length === 1")


@pytest.mark.every_frontend
def test_the_hosts_own_fields_show_what_was_dragged(desk):
    node = desk.scene()
    desk.drag(node, "down", 0, 25)
    value = desk.values(node)["down"]
    assert value > 0
    if desk.vue:
        fields = "() => [...document.querySelectorAll('[data-node-id] input')].map((i) => i.value.replaceAll(',', ''))"
        assert str(value) in desk.js(fields)
    else:  # painted on the canvas: what the field would paint is all there is to ask
        painted = "(id) => app.graph.getNodeById(id).widgets.find((w) => w.name === 'down')._displayValue"
        assert float(desk.js(painted, node)) == value


@pytest.mark.every_frontend
def test_a_linked_input_locks_its_handle(desk):
    ids = desk.build(
        {
            "load": {"type": "LoadImage", "pos": [90, 100], "values": {"image": "photo.jpg"}},
            "number": {"type": "PrimitiveInt", "pos": [90, 560], "values": {"value": 300}},
            "node": {"type": "OutpaintPrepare", "pos": [480, 90]},
        },
        [("load", 0, "node", "image"), ("number", 0, "node", "left")],
    )
    node = ids["node"]
    desk.shows_picture(node)
    handle = desk.handle(node, "left")
    assert handle.get_attribute("aria-disabled") == "true"
    assert "link" in handle.get_attribute("aria-valuetext")
    assert desk.part(node, '.outpaint-label[data-side="left"] .outpaint-icon-lock').is_visible()
    assert desk.shown(node)["left"] == 300  # what the link will deliver, not what the field holds
    before = desk.values(node)
    desk.drag(node, "left", -30, 0)
    assert desk.values(node) == before


def test_a_link_from_outpaint_to_ratio_shows_what_it_will_deliver(desk):
    ids = desk.build(
        {
            "load": {"type": "LoadImage", "pos": [40, 100], "values": {"image": "photo.jpg"}},
            "ratio": {"type": "OutpaintToRatio", "pos": [340, 90], "values": {"ratio": "16:9", "anchor": "right"}},
            "node": {"type": "OutpaintPrepare", "pos": [760, 90], "values": {"right": 0}},
        },
        [("load", 0, "ratio", "image"), ("load", 0, "node", "image")]
        + [("ratio", slot, "node", side) for slot, side in enumerate(("left", "right", "up", "down"))],
    )
    desk.shows_picture(ids["node"])
    assert desk.shown(ids["node"]) == {"left": 341, "right": 0, "up": 0, "down": 0}
    assert desk.figures(ids["ratio"]) == desk.figures(ids["node"]) == "1365 × 768"


@pytest.mark.every_frontend
def test_only_the_hosts_own_inputs_are_saved_and_sent(desk):
    node = desk.scene()
    desk.drag(node, "down", 0, 25)
    values = desk.values(node)
    workflow = next(n for n in desk.saved()["nodes"] if str(n["id"]) == str(node))
    assert workflow["widgets_values"][:4] == list(values.values())
    assert not [key for key in workflow["properties"] if key.lower().startswith("outpaint")]
    groups = desk.backend.definitions["OutpaintPrepare"]["input"]
    defined = {name for group in ("required", "optional") for name in groups.get(group, {})}
    assert set(desk.prompt()[str(node)]["inputs"]) <= defined
    assert len([value for value in workflow["widgets_values"] if value is not None]) <= len(defined)


@pytest.mark.every_frontend
def test_values_survive_saving_and_loading(desk):
    node = desk.scene(left=11, right=22, up=33, down=44)
    desk.reload_graph(desk.saved())
    desk.shows_picture(node)
    assert desk.values(node) == desk.shown(node) == {"left": 11, "right": 22, "up": 33, "down": 44}


def test_values_survive_copying(desk):
    node = desk.scene(left=11, right=22, up=33, down=44)
    copy = desk.js(
        """(id) => {
          const node = app.graph.getNodeById(id);
          app.canvas.selectNode(node);
          app.canvas.copyToClipboard();
          const before = new Set(app.graph.nodes.map((n) => String(n.id)));
          app.canvas.pasteFromClipboard({ position: [600, 460] });
          return app.graph.nodes.find((n) => !before.has(String(n.id))).id;
        }""",
        node,
    )
    desk.page.wait_for_timeout(700)
    assert desk.values(copy) == desk.shown(copy) == {"left": 11, "right": 22, "up": 33, "down": 44}


@pytest.mark.every_frontend
def test_a_workflow_from_before_the_widget_opens_with_it(desk):
    """Saved without the script: the numbers alone, and a node too low for the stage."""
    node = desk.scene(left=11, right=22, up=33, down=44)
    workflow = desk.saved()
    for saved in workflow["nodes"]:
        if str(saved["id"]) == str(node):
            names = [w for w in desk.js("(id) => app.graph.getNodeById(id).widgets.map((w) => w.name)", node)]
            saved["widgets_values"] = saved["widgets_values"][: len(names) - 1]
            saved["size"] = [300, 200]
    desk.reload_graph(workflow)
    desk.shows_picture(node)
    assert desk.values(node) == desk.shown(node) == {"left": 11, "right": 22, "up": 33, "down": 44}
    assert desk.part(node, ".outpaint-stage").bounding_box()["height"] >= 140


@pytest.mark.every_frontend
def test_one_drag_is_one_step_of_undo(desk):
    node = desk.scene()
    desk.drag(node, "down", 0, 20, steps=12)
    first = desk.values(node)
    desk.drag(node, "left", -20, 0, steps=12)
    assert desk.values(node)["left"] > 0
    desk.undo()
    assert desk.values(node) == first
    desk.undo()
    assert desk.values(node) == {"left": 0, "right": 256, "up": 0, "down": 0}


@pytest.mark.every_frontend
def test_after_an_undo_the_handles_belong_to_the_live_node(desk):
    node = desk.scene()
    desk.drag(node, "down", 0, 20)
    desk.undo()
    desk.shows_picture(node)
    assert desk.shown(node) == {"left": 0, "right": 256, "up": 0, "down": 0}
    desk.drag(node, "left", -20, 0)
    assert desk.values(node)["left"] > 0
    assert desk.js("() => document.querySelectorAll('.outpaint').length") == 1


def test_keys_held_down_are_one_step_of_undo(desk):
    node = desk.scene()
    desk.handle(node, "right").focus()
    for _ in range(5):
        desk.page.keyboard.down("ArrowRight")
    desk.page.keyboard.up("ArrowRight")
    assert desk.values(node)["right"] == 261
    desk.page.wait_for_timeout(200)
    desk.undo()
    assert desk.values(node)["right"] == 256


def test_a_preset_is_one_step_of_undo(desk):
    node = desk.scene()
    desk.press(node, '.outpaint-bar > [data-control="percent"]')
    desk.page.wait_for_timeout(300)
    assert desk.values(node)["right"] > 256
    desk.undo()
    assert desk.values(node) == {"left": 0, "right": 256, "up": 0, "down": 0}


SUBGRAPH = """(id) => {
  const node = app.graph.getNodeById(id);
  app.canvas.deselectAll();
  app.canvas.selectItems([node]);
  const { node: host } = app.graph.convertToSubgraph(new Set([node]));
  host.pos = [480, 90];
  return host.id;
}"""
ENTER = """(id) => {
  const host = app.graph.getNodeById(id);
  app.canvas.openSubgraph ? app.canvas.openSubgraph(host.subgraph, host) : app.canvas.setGraph(host.subgraph);
  return host.subgraph.nodes.find((n) => n.comfyClass === "OutpaintPrepare").id;
}"""
IN_VIEW = """() => {
  app.canvas.graph.nodes[0].pos = [480, 90];
  app.canvas.ds.scale = 1;
  app.canvas.ds.offset = [0, 0];
  app.canvas.setDirty(true, true);
}"""
INNER = """([host, id, read]) => {
  const node = app.graph.getNodeById(host).subgraph.getNodeById(id);
  if (read) return Object.fromEntries(node.widgets.map((w) => [w.name, w.value]));
  const root = node.widgets.find((w) => w.name === "outpaint_handles").element;
  return root;
}"""


PROMOTE = """([host, name]) => {
  const { subgraph } = app.graph.getNodeById(host);
  const node = subgraph.nodes.find((n) => n.comfyClass === "OutpaintPrepare");
  const input = node.inputs.find((i) => i.name === name);
  subgraph.inputNode.emptySlot.connect(input, node);
}"""
PROMOTED = "([host, name]) => app.graph.getNodeById(host).widgets.find((w) => w.name === name).value"


def inside_subgraph(desk, host):
    """Open the subgraph; the id of our node in it and the element of its widget, once it shows its picture."""
    inner = desk.js(ENTER, host)
    desk.page.wait_for_timeout(300)
    desk.js(IN_VIEW)
    root = desk.page.evaluate_handle(INNER, [host, inner, False]).as_element()
    shown = "(root) => root.isConnected && root.querySelector('strong').textContent === '1280 × 768'"
    desk.page.wait_for_function(shown, arg=root)
    desk.settle()
    return inner, root


def pull(desk, root, name, dx, dy):
    box = root.query_selector(f'[data-handle="{name}"]').bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    desk.page.mouse.move(x, y)
    desk.page.mouse.down()
    desk.page.mouse.move(x + dx, y + dy, steps=5)
    desk.page.mouse.up()
    desk.settle()


def sent(desk, name):
    return [entry["inputs"][name] for entry in desk.prompt().values() if entry["class_type"] == "OutpaintPrepare"]


@pytest.mark.every_frontend
def test_inside_a_subgraph_the_picture_outside_is_found_and_values_survive(desk):
    host = desk.js(SUBGRAPH, desk.scene())
    inner, root = inside_subgraph(desk, host)
    pull(desk, root, "down", 0, 20)
    values = desk.js(INNER, [host, inner, True])
    assert values["down"] > 0 and values["right"] == 256
    assert sent(desk, "down") == [values["down"]]


@pytest.mark.every_frontend
def test_an_input_promoted_out_of_a_subgraph_is_pulled_where_it_lives(desk):
    host = desk.js(SUBGRAPH, desk.scene())
    desk.js(PROMOTE, [host, "right"])
    _, root = inside_subgraph(desk, host)
    pull(desk, root, "right", 20, 0)
    value = desk.js(PROMOTED, [host, "right"])
    assert value > 256
    assert sent(desk, "right") == [value]
    assert root.query_selector('[data-handle="right"]').get_attribute("aria-valuenow") == str(value)
