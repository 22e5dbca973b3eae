"""Level: the real frontend in Chromium. Language, theme and motion follow the host and the user's system."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from browser import frontends
from browser.conftest import closed, opened

PALETTE = "(name) => app.extensionManager.setting.set('Comfy.ColorPalette', name)"
CHINESE = json.loads((Path(__file__).parents[2] / "locales/zh/main.json").read_text(encoding="utf-8"))["outpaint"]


@pytest.fixture
def chinese(chromium):
    desk = opened(chromium, frontends.VERSIONS[-1], "vue", {"Comfy.Locale": "zh"})
    yield desk
    closed(desk)


def test_the_texts_follow_the_hosts_language(chinese):
    node = chinese.scene(right=0)
    assert chinese.handle(node, "left").get_attribute("aria-label") == CHINESE["left"]
    assert chinese.part(node, '[data-control="reset"]').get_attribute("title") == CHINESE["reset"]
    assert chinese.remark(node) == CHINESE["nothing"]


def test_the_colours_follow_the_theme(desk):
    node = desk.scene()
    ground = "(root) => getComputedStyle(root.querySelector('.outpaint-stage')).backgroundColor"
    dark = desk.page.evaluate(ground, desk.editor(node))
    desk.js(PALETTE, "light")
    desk.until("() => document.querySelector('.outpaint').hasAttribute('data-light')")
    light = desk.page.evaluate(ground, desk.editor(node))
    assert dark != light
    desk.js(PALETTE, "dark")
    desk.until("() => !document.querySelector('.outpaint').hasAttribute('data-light')")


def test_with_reduced_motion_nothing_glides(desk):
    node = desk.scene(right=256)
    positions = """(handle) => new Promise((done) => {
      const seen = [];
      const look = () => {
        seen.push(handle.style.transform);
        seen.length < 12 ? requestAnimationFrame(look) : done(seen);
      };
      document.querySelector('.outpaint-bar > [data-control="percent"]').click();
      look();
    })"""
    handle = desk.handle(node, "right")
    assert len(set(desk.page.evaluate(positions, handle))) > 2
    desk.settle()
    desk.page.emulate_media(reduced_motion="reduce")
    assert len(set(desk.page.evaluate(positions, handle))) == 1
    desk.page.emulate_media(reduced_motion="no-preference")


def test_the_focused_handle_is_outlined(desk):
    node = desk.scene()
    desk.handle(node, "left").focus()
    desk.page.keyboard.press("Tab")
    outline = "() => getComputedStyle(document.activeElement, '::before').outlineStyle"
    assert desk.js(outline) == "solid"
