"""Level: the real frontend in Chromium. Where the picture comes from, and what is drawn of it."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from browser.desk import SIDES

SHOWS = """([id, text]) => {
  const root = app.graph.getNodeById(id).widgets.find((w) => w.name === "outpaint_handles").element;
  return root.isConnected && root.querySelector("strong").textContent === text;
}"""


def pixel(desk, node, x: float, y: float) -> tuple:
    """Colour on the screen at a part of the canvas' width and height (0, 0 = its top left corner)."""
    left, top = desk.middle(node, "up-left")
    right, bottom = desk.middle(node, "down-right")
    at = {"x": left + x * (right - left), "y": top + y * (bottom - top), "width": 1, "height": 1}
    return Image.open(io.BytesIO(desk.page.screenshot(clip=at))).convert("RGB").getpixel((0, 0))


def chain(desk, *between, links=None, node="OutpaintPrepare"):
    """Load Image, the given node types one after another, then ours; the id of ours."""
    nodes = {"n0": {"type": "LoadImage", "pos": [60, 100], "values": {"image": "photo.jpg"}}}
    wires = []
    for number, (kind, input, mode) in enumerate(between, start=1):
        nodes[f"n{number}"] = {"type": kind, "pos": [330, 60 + 150 * number], "mode": mode}
        wires.append((f"n{number - 1}", 0, f"n{number}", input))
    nodes["ours"] = {"type": node, "pos": [560, 90]}
    wires.append((f"n{len(between)}", 0, "ours", "image"))
    return desk.build(nodes, wires)


def test_the_picture_of_load_image_shows_before_the_first_run(desk):
    node = desk.scene(right=256)
    assert desk.figures(node) == "1280 × 768"
    sky, ground = pixel(desk, node, 0.3, 0.1), pixel(desk, node, 0.3, 0.9)
    assert sky[2] > sky[0] + 40 and ground[1] > ground[0]


@pytest.mark.every_frontend
def test_another_choice_in_load_image_changes_the_picture(desk):
    ids = chain(desk)
    desk.until(SHOWS, [ids["ours"], "1280 × 768"])
    desk.type_value(ids["n0"], "image", "wide.jpg")
    desk.until(SHOWS, [ids["ours"], "4352 × 256"])


def test_the_cameras_orientation_is_followed(desk):
    node = desk.scene(picture="rotated.jpg", right=0)
    assert desk.figures(node) == "400 × 600"


def test_the_new_area_continues_the_picture_softly(desk):
    node = desk.scene(right=1024)
    sky, ground = pixel(desk, node, 0.62, 0.08), pixel(desk, node, 0.62, 0.92)
    assert sky[2] > ground[2] + 40 and ground[1] > ground[0] and sky != ground


@pytest.mark.every_frontend
def test_the_picture_is_found_through_reroutes_and_bypassed_nodes(desk):
    ids = chain(desk, ("Reroute", "", None), ("ImageInvert", "image", 4), ("Reroute", "", None))
    desk.until(SHOWS, [ids["ours"], "1280 × 768"])


def test_through_a_node_that_may_resize_the_size_is_only_near(desk):
    ids = chain(desk, ("ImageScale", "image", None))
    desk.until(SHOWS, [ids["ours"], "\N{ALMOST EQUAL TO} 1280 × 768"])


def test_the_picture_is_found_inside_a_subgraph_upstream(desk):
    ids = chain(desk)
    desk.js(
        """(id) => {
          const { node } = app.graph.convertToSubgraph(new Set([app.graph.getNodeById(id)]));
          node.pos = [60, 100];
        }""",
        ids["n0"],
    )
    desk.type_value(ids["ours"], "right", 100)
    desk.until(SHOWS, [ids["ours"], "1124 × 768"])


def test_a_node_that_shows_its_output_is_a_source(desk):
    """As nodes do that report pictures after a run."""
    desk.backend.pictures["shown.png"] = desk.backend.pictures["photo.jpg"]
    ids = chain(desk, ("ImageInvert", "image", None))
    desk.until(SHOWS, [ids["ours"], "\N{ALMOST EQUAL TO} 1280 × 768"])
    desk.backend.executed(str(ids["n1"]), {"images": [{"filename": "shown.png", "subfolder": "", "type": "temp"}]})
    desk.until(SHOWS, [ids["ours"], "1280 × 768"])


@pytest.mark.every_frontend
def test_after_a_run_what_really_came_in_is_shown(desk):
    desk.backend.pictures["came.jpg"] = desk.backend.pictures["wide.jpg"]
    ids = chain(desk, ("ImageScale", "image", None))
    node = ids["ours"]
    desk.until(SHOWS, [node, "\N{ALMOST EQUAL TO} 1280 × 768"])
    report = {"filename": "came.jpg", "subfolder": "", "type": "temp", "width": 8192, "height": 512}
    desk.backend.executed(str(node), {"outpaint_source": [report]})
    desk.until(SHOWS, [node, "8448 × 512"])
    desk.type_value(ids["n0"], "image", "rotated.jpg")  # another picture: the report no longer holds
    desk.until(SHOWS, [node, "\N{ALMOST EQUAL TO} 656 × 600"])


def test_what_really_came_in_is_only_near_once_a_node_before_adds_something_else(desk):
    desk.backend.pictures["came.jpg"] = desk.backend.pictures["wide.jpg"]
    ids = chain(desk, ("OutpaintLocal", "image", None))
    node = ids["ours"]
    report = {"filename": "came.jpg", "subfolder": "", "type": "temp", "width": 1280, "height": 768}
    desk.until(SHOWS, [node, "\N{ALMOST EQUAL TO} 1280 × 768"])
    desk.backend.executed(str(node), {"outpaint_source": [report]})
    desk.until(SHOWS, [node, "1536 × 768"])
    before = desk.values(ids["n1"])["right"]
    desk.type_value(ids["n1"], "right", before + 100)
    desk.until(SHOWS, [node, "\N{ALMOST EQUAL TO} 1536 × 768"])
    desk.type_value(ids["n1"], "right", before)
    desk.until(SHOWS, [node, "1536 × 768"])


def ran(desk, node, **extents):
    """As after a run of ours: the picture that came in, and a red one that came out."""
    added = {side: extents.get(side, 0) for side in SIDES}
    size = (1024 + added["left"] + added["right"], 768 + added["up"] + added["down"])
    out = io.BytesIO()
    Image.new("RGB", (size[0] // 4, size[1] // 4), (220, 30, 30)).save(out, "PNG")
    desk.backend.pictures["result.png"] = out.getvalue()
    source = {"filename": "photo.jpg", "subfolder": "", "type": "temp", "width": 1024, "height": 768}
    result = {"filename": "result.png", "subfolder": "", "type": "temp", "width": size[0], "height": size[1]}
    desk.backend.executed(str(node), {"outpaint_source": [source]})
    desk.backend.executed(str(node), {"outpaint_result": [result]})
    desk.page.wait_for_function(
        "(button) => !button.hidden", arg=desk.part(node, '[data-control="compare"]'), timeout=4000
    )
    desk.settle()


def red(colour) -> bool:
    return colour[0] > 150 and colour[1] < 90


def test_holding_a_button_or_a_key_compares_the_result_with_the_original(desk):
    node = desk.scene(right=256)
    ran(desk, node, right=256)
    assert red(pixel(desk, node, 0.3, 0.2)) and red(pixel(desk, node, 0.9, 0.2))
    button = desk.part(node, '[data-control="compare"]')
    box = button.bounding_box()
    desk.page.mouse.move(box["x"] + 8, box["y"] + 8)
    desk.page.mouse.down()
    desk.frames(3)
    assert not red(pixel(desk, node, 0.3, 0.2)) and not red(pixel(desk, node, 0.9, 0.2))
    assert desk.part(node, ".outpaint-badge").is_visible()
    desk.page.mouse.up()
    desk.frames(3)
    assert red(pixel(desk, node, 0.3, 0.2))
    desk.handle(node, "left").focus()
    desk.page.keyboard.down("c")
    desk.frames(3)
    assert not red(pixel(desk, node, 0.3, 0.2))
    desk.page.keyboard.up("c")
    desk.frames(3)
    assert red(pixel(desk, node, 0.3, 0.2))


def test_the_result_gives_way_as_soon_as_something_else_is_asked_for(desk):
    node = desk.scene(right=256)
    ran(desk, node, right=256)
    desk.drag(node, "down", 0, 15)
    assert not red(pixel(desk, node, 0.3, 0.2))
    assert not desk.part(node, '[data-control="compare"]').is_visible()
    desk.type_value(node, "down", 0)
    desk.settle()
    assert red(pixel(desk, node, 0.3, 0.2))
