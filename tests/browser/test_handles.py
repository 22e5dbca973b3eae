"""Level: the real frontend in Chromium. Pulling the borders with mouse, touch and keyboard, in every frontend."""

from __future__ import annotations

import pytest

HANDLES = {
    "left": (-1, 0),
    "up-left": (-1, -1),
    "up": (0, -1),
    "up-right": (1, -1),
    "right": (1, 0),
    "down-right": (1, 1),
    "down": (0, 1),
    "down-left": (-1, 1),
}
START = {"left": 64, "right": 64, "up": 64, "down": 64}


@pytest.mark.every_frontend
def test_every_handle_moves_its_own_sides_and_no_other(desk):
    node = desk.scene(**START)
    for name, (x, y) in HANDLES.items():
        desk.write(node, START)
        desk.drag(node, name, 15 * x, 15 * y, steps=2)
        values = desk.values(node)
        for side in START:
            assert (values[side] > 64) == (side in name.split("-")), (name, values)


@pytest.mark.every_frontend
def test_the_border_follows_the_pointer_at_any_zoom_of_the_canvas(desk):
    for zoom in (1, 0.7):
        desk.clear(zoom)
        node = desk.scene(right=128)
        scale = desk.scale(node)
        before = desk.middle(node, "right")[0]
        desk.drag(node, "right", 20, 0, release=False)
        moved = desk.middle(node, "right")[0] - before
        desk.page.mouse.up()
        # A pointer's pixel is worth several of the picture's; the number lands on the nearest step of that grain.
        assert desk.values(node)["right"] == pytest.approx(128 + 20 / scale, abs=4.5)
        assert moved == pytest.approx(20, abs=2.5)


@pytest.mark.every_frontend
def test_the_node_stays_where_it_is_while_a_border_is_pulled(desk):
    node = desk.scene()
    before = desk.position(node)
    desk.drag(node, "down", 0, 25)
    desk.drag(node, "grip", 10, 0)
    assert desk.position(node) == before


def test_a_border_stops_at_the_picture_and_at_the_limit_of_its_input(desk):
    node = desk.scene("OutpaintAPI", right=100, down=1900)
    desk.drag(node, "right", -200, 0)
    assert desk.values(node)["right"] == 0
    desk.drag(node, "down", 0, 200)
    assert desk.values(node)["down"] == 2000


def test_shift_keeps_the_ratio_of_the_whole(desk):
    node = desk.scene(left=0, right=0)
    desk.drag(node, "down-right", 30, 0, keys=("Shift",))
    values = desk.values(node)
    assert values["right"] > 20 and values["left"] == values["up"] == 0
    assert (1024 + values["right"]) / (768 + values["down"]) == pytest.approx(1024 / 768, abs=0.003)


def test_alt_moves_the_opposite_side_too(desk):
    node = desk.scene(left=32, right=96)
    desk.drag(node, "right", 15, 0, keys=("Alt",))
    values = desk.values(node)
    assert values["right"] > 96
    assert values["left"] - 32 == values["right"] - 96


def test_control_snaps_to_64(desk):
    node = desk.scene(right=10)
    desk.drag(node, "right", 33, 0, keys=("Control",))
    assert desk.values(node)["right"] % 64 == 0 and desk.values(node)["right"] > 0


def test_a_double_click_resets_a_side(desk):
    node = desk.scene(left=50, right=256)
    desk.page.mouse.dblclick(*desk.middle(node, "right"))
    desk.settle()
    assert desk.values(node) == {"left": 50, "right": 0, "up": 0, "down": 0}


def test_the_grip_shifts_the_picture_inside_the_canvas(desk):
    node = desk.scene(left=200, right=200, up=100, down=0)
    desk.drag(node, "grip", 20, 200)
    values = desk.values(node)
    assert values["left"] > 200
    assert (values["left"] + values["right"], values["up"], values["down"]) == (400, 100, 0)


def test_escape_takes_a_drag_back(desk):
    node = desk.scene()
    desk.drag(node, "left", -30, 0, release=False)
    assert desk.values(node)["left"] > 0
    desk.page.keyboard.press("Escape")
    desk.page.mouse.up()
    assert desk.values(node) == {"left": 0, "right": 256, "up": 0, "down": 0}


def test_the_right_mouse_button_does_not_drag(desk):
    node = desk.scene()
    x, y = desk.middle(node, "left")
    desk.page.mouse.move(x, y)
    desk.page.mouse.down(button="middle")
    desk.page.mouse.move(x - 30, y, steps=3)
    desk.page.mouse.up(button="middle")
    assert desk.values(node)["left"] == 0


def test_hit_areas_are_at_least_16_pixels_and_do_not_cover_one_another(desk):
    node = desk.scene(picture="dot.png", left=0, right=0)
    boxes = [desk.handle(node, name).bounding_box() for name in [*HANDLES, "grip"]]
    visible = [box for box in boxes if box]
    assert all(min(box["width"], box["height"]) >= 16 for box in visible)
    for name in HANDLES:
        x, y = desk.middle(node, name)
        hit = desk.js("([x, y]) => document.elementFromPoint(x, y).dataset.handle", [x, y])
        assert hit == name


def test_the_canvas_stays_on_the_stage_however_far_a_border_is_pulled(desk):
    node = desk.scene()
    stage = desk.part(node, ".outpaint-stage").bounding_box()
    desk.drag(node, "right", 420, 0, release=False)
    x = desk.middle(node, "right")[0]
    desk.page.mouse.up()
    assert stage["x"] < x < stage["x"] + stage["width"]
    assert desk.values(node)["right"] > 1024


# ---- keyboard


@pytest.mark.every_frontend
def test_arrows_move_a_border_by_one_and_with_shift_by_eight(desk):
    node = desk.scene(left=0, right=256)
    desk.handle(node, "right").focus()
    keyboard = desk.page.keyboard
    keyboard.press("ArrowRight")
    assert desk.values(node)["right"] == 257
    keyboard.press("Shift+ArrowRight")
    assert desk.values(node)["right"] == 265
    keyboard.press("ArrowLeft")
    assert desk.values(node)["right"] == 264
    desk.handle(node, "left").focus()
    keyboard.press("ArrowLeft")
    assert desk.values(node)["left"] == 1
    keyboard.press("Home")
    assert desk.values(node)["left"] == 0


def test_delete_resets_the_side_and_leaves_the_node(desk):
    node = desk.scene()
    desk.handle(node, "right").focus()
    desk.page.keyboard.press("Delete")
    desk.settle()
    assert desk.values(node)["right"] == 0
    assert desk.js("(id) => app.graph.getNodeById(id) !== null", node)


def test_tab_reaches_every_handle_and_each_is_announced(desk):
    node = desk.scene(left=10, up=20, right=30, down=40)
    desk.handle(node, "left").focus()
    heard = []
    for _ in range(9):
        heard.append(
            desk.js(
                """() => {
                  const e = document.activeElement;
                  return [e.dataset.handle, e.getAttribute("role"), e.getAttribute("aria-label"),
                          e.getAttribute("aria-valuenow"), e.getAttribute("aria-valuetext")];
                }"""
            )
        )
        desk.page.keyboard.press("Tab")
    assert [name for name, *_ in heard] == [*HANDLES, "grip"]
    assert all(role == "slider" and label for _, role, label, *_ in heard)
    by_name = {name: (now, text) for name, _, _, now, text in heard}
    assert by_name["left"] == ("10", "10 pixels")
    assert by_name["down-right"][1] == "40 and 30 pixels"


# ---- touch


@pytest.fixture
def touch(desk):
    """One finger or several, through the browser's own input."""
    session = desk.page.context.new_cdp_session(desk.page)

    def send(kind, *points):
        fingers = [{"x": x, "y": y, "id": number} for number, (x, y) in points]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": fingers})
        desk.frames(1)

    yield send
    session.detach()


@pytest.mark.every_frontend
def test_a_finger_pulls_a_border(desk, touch):
    node = desk.scene()
    x, y = desk.middle(node, "left")
    touch("touchStart", (0, (x, y)))
    for step in range(1, 6):
        touch("touchMove", (0, (x - 5 * step, y)))
    touch("touchEnd")
    desk.settle()
    assert desk.values(node)["left"] > 20


def test_a_second_finger_takes_the_drag_back_and_pinches_the_canvas(desk, touch):
    node = desk.scene()
    x, y = desk.middle(node, "left")
    touch("touchStart", (0, (x, y)))
    touch("touchMove", (0, (x - 8, y)))
    touch("touchMove", (0, (x - 16, y)))
    touch("touchStart", (0, (x - 16, y)), (1, (200, y)))
    for step in range(1, 6):
        touch("touchMove", (0, (x - 16 + 8 * step, y)), (1, (200 - 8 * step, y)))
    touch("touchEnd")
    desk.settle()
    assert desk.values(node) == {"left": 0, "right": 256, "up": 0, "down": 0}
    assert desk.js("() => app.canvas.ds.scale") != 1


# ---- the wheel


@pytest.mark.every_frontend
def test_the_wheel_over_a_handle_zooms_the_canvas(desk):
    node = desk.scene()
    desk.page.mouse.move(*desk.middle(node, "right"))
    desk.page.mouse.wheel(0, -120)
    desk.page.wait_for_timeout(150)
    assert desk.js("() => app.canvas.ds.scale") > 1
