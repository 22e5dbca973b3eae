"""Level: the real frontend in Chromium. The row of controls, the reading, the remarks, and Outpaint to Ratio."""

from __future__ import annotations

import pytest

NONE = {"left": 0, "right": 0, "up": 0, "down": 0}


def test_a_ratio_is_reached_by_extending_only(desk):
    node = desk.scene(right=0)
    for name, values in {
        "1:1": {"up": 128, "down": 128},
        "16:9": {"left": 170, "right": 171},
        "9:16": {"up": 526, "down": 526},
        "A4": {"up": 340, "down": 340},
    }.items():
        desk.choose(node, "ratio", f'[data-ratio="{name}"]')
        assert desk.values(node) == NONE | values, name
        assert desk.text(node, ".outpaint-ratio-name") == name


def test_a_ratio_keeps_the_side_to_which_the_picture_lies(desk):
    node = desk.scene(right=300)
    desk.choose(node, "ratio", '[data-ratio="21:9"]')
    assert desk.values(node) == NONE | {"right": 768}


def test_the_pad_moves_the_picture_on_a_canvas_that_keeps_its_size(desk):
    node = desk.scene(left=100, right=100, up=60, down=60)
    for anchor, values in {
        "top-left": {"left": 0, "right": 200, "up": 0, "down": 120},
        "bottom": {"left": 100, "right": 100, "up": 120, "down": 0},
        "center": {"left": 100, "right": 100, "up": 60, "down": 60},
    }.items():
        desk.choose(node, "anchor", f'[data-anchor="{anchor}"]')
        assert desk.values(node) == values
        assert desk.part(node, f'[data-anchor="{anchor}"]').get_attribute("aria-checked") == "true"


def test_percent_adds_to_width_and_height(desk):
    node = desk.scene(right=0)
    desk.press(node, '.outpaint-bar > [data-control="percent"]')
    assert desk.values(node) == {"left": 128, "right": 128, "up": 96, "down": 96}
    desk.press(node, '.outpaint-bar > [data-control="percent"]')
    assert desk.values(node) == {"left": 256, "right": 256, "up": 192, "down": 192}
    desk.choose(node, "more", '[data-percent="50"]')
    assert desk.values(node) == {"left": 512, "right": 512, "up": 384, "down": 384}


def test_reset_takes_everything_back(desk):
    node = desk.scene(left=5, right=6, up=7, down=8)
    desk.press(node, '.outpaint-bar > [data-control="reset"]')
    assert desk.values(node) == NONE
    assert desk.remark(node) == "Pull a border outward to add something"


def test_symmetric_levels_the_sides_and_then_moves_them_together(desk):
    node = desk.scene(right=256)
    desk.press(node, '.outpaint-bar > [data-control="mirror"]')
    desk.settle()
    assert desk.values(node) == {"left": 128, "right": 128, "up": 0, "down": 0}
    desk.drag(node, "down", 0, 15)
    values = desk.values(node)
    assert values["up"] == values["down"] > 0
    assert desk.part(node, '[data-control="mirror"]').get_attribute("aria-pressed") == "true"


def test_ratio_and_snap_can_be_switched_on_without_a_keyboard(desk):
    node = desk.scene(right=0)
    desk.choose(node, "more", '.outpaint-option[data-control="ratio"]')
    desk.drag(node, "right", 25, 0)
    values = desk.values(node)
    assert values["right"] > 0
    assert (1024 + values["right"]) / (768 + values["up"] + values["down"]) == pytest.approx(4 / 3, abs=0.004)
    desk.choose(node, "more", '.outpaint-option[data-control="ratio"]')
    desk.press(node, '.outpaint-bar > [data-control="reset"]')
    desk.settle()
    desk.choose(node, "more", '.outpaint-option[data-control="snap"]')
    desk.drag(node, "right", 25, 0)
    assert desk.values(node)["right"] % 64 == 0 and desk.values(node)["right"] > 0


@pytest.mark.every_frontend
def test_menus_work_by_keyboard_alone(desk):
    node = desk.scene(right=0)
    desk.part(node, '.outpaint-bar > [data-control="ratio"]').focus()
    keyboard = desk.page.keyboard
    keyboard.press("Enter")
    desk.page.wait_for_timeout(150)
    keyboard.press("ArrowDown")
    assert desk.js("() => document.activeElement.dataset.ratio") == "2:3"
    keyboard.press("Enter")
    desk.settle()
    assert desk.values(node) == NONE | {"up": 384, "down": 384}
    desk.part(node, '.outpaint-bar > [data-control="anchor"]').focus()
    keyboard.press("Enter")
    desk.page.wait_for_timeout(150)
    assert desk.js("() => document.activeElement.dataset.anchor") == "center"
    keyboard.press("Escape")
    assert desk.js("() => document.querySelectorAll(':popover-open').length") == 0
    assert desk.js("() => document.activeElement.dataset.control") == "anchor"


def test_every_control_says_what_it_is(desk):
    node = desk.scene()
    for button in desk.editor(node).query_selector_all("button"):
        assert button.get_attribute("aria-label") or button.text_content().strip()


def test_an_open_menu_lies_on_the_screen(desk):
    node = desk.scene()
    for name in ("ratio", "anchor", "more"):
        desk.press(node, f'.outpaint-bar > [data-control="{name}"]')
        desk.page.wait_for_timeout(80)
        box = desk.page.query_selector(":popover-open").bounding_box()
        assert box["x"] >= 0 and box["y"] >= 0 and box["x"] + box["width"] <= 1280 and box["y"] + box["height"] <= 900
        desk.page.keyboard.press("Escape")


def test_size_megapixels_and_growth_are_shown(desk):
    node = desk.scene(left=256, right=256, up=0, down=232)
    assert desk.figures(node) == "1536 × 1000"
    assert desk.text(node, ".outpaint-detail") == "1.5 MP · +95 %"


def test_the_api_node_says_what_a_run_costs(desk):
    node = desk.scene("OutpaintAPI")
    assert desk.text(node, ".outpaint-cost") == "8 credits"
    report = {"filename": "photo.jpg", "subfolder": "", "type": "input", "width": 1024, "height": 768, "batch": 3}
    desk.backend.executed(str(node), {"outpaint_source": [report]})
    desk.until("() => document.querySelector('.outpaint-cost').textContent === '24 credits'")
    desk.type_value(node, "dry_run", True)
    desk.until("() => document.querySelector('.outpaint-cost').textContent === 'dry run, no credits'")


def test_the_other_nodes_cost_nothing(desk):
    assert desk.text(desk.scene("OutpaintLocal"), ".outpaint-cost") == ""


@pytest.mark.parametrize(
    ("kind", "picture", "values", "level", "words"),
    [
        ("OutpaintAPI", "wide.jpg", {}, "error", "2.5 : 1"),
        ("OutpaintAPI", "dot.png", {}, "error", "at least 64 px"),
        ("OutpaintAPI", "photo.jpg", {"right": 1500}, "warning", "quality"),
        ("OutpaintLocal", "photo.jpg", {"right": 1500}, "warning", "little context"),
        ("OutpaintPrepare", "photo.jpg", {"right": 0}, "hint", "Pull a border"),
        ("OutpaintPrepare", "photo.jpg", {}, "none", ""),
    ],
)
def test_a_remark_comes_where_the_node_would_object(desk, kind, picture, values, level, words):
    node = desk.scene(kind, picture, **values)
    assert words in desk.remark(node)
    assert desk.part(node, ".outpaint-remark").get_attribute("data-level") == level


def test_a_preset_beyond_the_limit_stops_there_and_says_so(desk):
    node = desk.scene("OutpaintAPI", right=1900)
    desk.choose(node, "more", '[data-percent="50"]')
    assert desk.values(node)["right"] == 2000
    assert desk.remark(node) == "Stopped at the limit of 2000 px"


def test_outpaint_to_ratio_shows_the_outcome_and_offers_no_handle(desk):
    node = desk.scene("OutpaintToRatio", ratio="1:1", anchor="top")
    assert desk.figures(node) == "1024 × 1024"
    assert desk.editor(node).query_selector_all("[role=slider], button") == []
    assert desk.text(node, '.outpaint-label[data-side="down"] span') == "256"
    desk.type_value(node, "ratio", "custom")
    desk.type_value(node, "width", 500)
    desk.until("() => document.querySelector('.outpaint-remark').textContent.includes('smaller than the picture')")
