"""Level: the real frontend in Chromium. What the widget must not do: talk, leak, or load when nobody looks."""

from __future__ import annotations

import pytest

from browser.conftest import closed, opened

# Counts listeners and observers that are still registered, and clocks that still run, from here on.
WATCH = """() => {
  const counts = (window.__counts = { listeners: 0, observers: 0, intervals: 0 });
  const own = () => (new Error().stack ?? "").includes("/extensions/outpaint/");
  const undo = [];
  const count = (object, name, kind, by) => {
    const before = object[name];
    object[name] = function (...values) {
      if (own()) counts[kind] += by;
      return before.apply(this, values);
    };
    undo.push(() => (object[name] = before));
  };
  for (const target of [document, window, document.body]) {
    count(target, "addEventListener", "listeners", 1);
    count(target, "removeEventListener", "listeners", -1);
  }
  count(ResizeObserver.prototype, "observe", "observers", 1);
  count(ResizeObserver.prototype, "disconnect", "observers", -1);
  count(window, "setInterval", "intervals", 1);
  count(window, "clearInterval", "intervals", -1);
  window.__unwatch = () => undo.forEach((f) => f());
}"""
CYCLES = """async (count) => {
  const frame = () => new Promise((done) => requestAnimationFrame(done));
  for (let i = 0; i < count; i++) {
    const node = LiteGraph.createNode("OutpaintPrepare");
    app.graph.add(node);
    node.pos = [300, 100];
    if (i % 10 === 0) await frame();
    app.graph.remove(node);
    if (i % 10 === 0) await frame();
  }
}"""


@pytest.fixture
def fresh(page_of_frontend, chromium):
    """A page that no other test has used: older frontends keep, hidden, the widgets of nodes in a subgraph that is
    gone."""
    desk = opened(chromium, page_of_frontend.version, page_of_frontend.renderer)
    desk.clear()
    yield desk
    closed(desk)


@pytest.mark.every_frontend
def test_a_hundred_nodes_added_and_removed_leave_nothing_behind(fresh):
    fresh.js(WATCH)
    fresh.js(CYCLES, 100)
    fresh.page.wait_for_timeout(1500)
    counts = fresh.js("() => { window.__unwatch(); return window.__counts; }")
    assert counts == {"listeners": 0, "observers": 0, "intervals": 0}
    assert fresh.js("() => document.querySelectorAll('.outpaint, .outpaint-menu').length") == 0
    assert fresh.errors == []


def test_a_drag_leaves_no_listener_behind(desk):
    node = desk.scene()
    desk.js(WATCH)
    desk.drag(node, "down", 0, 15)
    desk.drag(node, "grip", 15, 0)
    counts = desk.js("() => { window.__unwatch(); return window.__counts; }")
    assert counts["listeners"] == 0


def test_nothing_goes_over_the_network_while_a_border_is_pulled(desk):
    node = desk.scene()
    desk.page.wait_for_timeout(300)
    with desk.quiet_network():
        desk.drag(node, "right", 40, 0, steps=20, release=False)
        desk.drag(node, "right", 0, 0, steps=1, release=False)
    desk.page.mouse.up()


def test_the_picture_is_asked_for_once(desk):
    desk.backend.requests.clear()
    node = desk.scene()
    for step in range(3):
        desk.drag(node, "down", 0, 5 + step)
    desk.page.wait_for_timeout(1200)
    # Load Image's own requests carry a random number.
    ours = [path for path in desk.backend.requests if "/view" in path and "rand=" not in path]
    assert len(ours) <= 1
