"""Speed of the widget, measured in the page: ``python tests/benchmarks/handles.py [version] [classic|vue]``.

Redraw of one pointer move with a source of 24 megapixels (goal: 4 ms at the median), the time until the picture
stands after it was chosen, and layouts forced while dragging (goal: none but the host's own).
"""

from __future__ import annotations

import json
import statistics
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from playwright.sync_api import sync_playwright

from browser import conftest, frontends
from browser.backend import encoded, scene

MEGAPIXELS_24 = (6000, 4000)
MOVES = 240

# Times every frame callback that the widget asks for while a border is pulled: computing, writing, drawing.
WATCH = """() => {
  window.__times = [];
  const before = window.requestAnimationFrame;
  window.requestAnimationFrame = (callback) => {
    const own = (new Error().stack ?? "").includes("/extensions/outpaint/");
    return before(!own ? callback : (now) => {
      const began = performance.now();
      callback(now);
      window.__times.push(performance.now() - began);
    });
  };
  window.__unwatch = () => { window.requestAnimationFrame = before; };
}"""
# Reads of layout by our scripts: each may force the browser to lay the page out anew.
LAYOUTS = """() => {
  window.__reads = 0;
  const own = () => (new Error().stack ?? "").includes("/extensions/outpaint/");
  const undo = [];
  for (const [owner, name] of [[Element.prototype, "clientWidth"], [HTMLElement.prototype, "offsetWidth"]]) {
    const found = Object.getOwnPropertyDescriptor(owner, name);
    const get = function () {
      if (own()) window.__reads++;
      return found.get.call(this);
    };
    Object.defineProperty(owner, name, { ...found, get });
    undo.push(() => Object.defineProperty(owner, name, found));
  }
  const rect = Element.prototype.getBoundingClientRect;
  Element.prototype.getBoundingClientRect = function () { if (own()) window.__reads++; return rect.call(this); };
  undo.push(() => (Element.prototype.getBoundingClientRect = rect));
  window.__unread = () => undo.forEach((f) => f());
}"""


def drag(desk, node, moves: int) -> None:
    x, y = desk.middle(node, "down-right")
    desk.page.mouse.move(x, y)
    desk.page.mouse.down()
    for step in range(moves):
        desk.page.mouse.move(x + 1 + step % 37, y + 1 + step % 23)
    desk.frames(2)


def measure(chromium, version: str, renderer: str) -> dict:
    desk = conftest.opened(chromium, version, renderer)
    desk.backend.pictures["large.jpg"] = encoded(scene(*MEGAPIXELS_24), quality=90)
    node = desk.scene(picture="large.jpg")
    drag(desk, node, 20)
    desk.page.mouse.up()
    desk.settle()
    desk.js(WATCH)
    drag(desk, node, MOVES)
    times = desk.js("() => { window.__unwatch(); return window.__times; }")
    desk.page.mouse.up()
    desk.settle()
    x, y = desk.middle(node, "down-right")
    desk.page.mouse.move(x, y)
    desk.page.mouse.down()
    desk.js(LAYOUTS)
    for step in range(60):
        desk.page.mouse.move(x + step % 31, y + step % 17)
    desk.frames(2)
    reads = desk.js("() => { window.__unread(); return window.__reads; }")
    desk.page.mouse.up()
    conftest.closed(desk)
    times.sort()
    return {
        "frontend": f"{version} {renderer}",
        "redraws": len(times),
        "median_ms": round(statistics.median(times), 2),
        "p95_ms": round(times[int(0.95 * (len(times) - 1))], 2),
        "layout_reads_while_dragging": reads,
    }


def main(arguments: list[str]) -> None:
    chosen = [tuple(arguments[:2])] if len(arguments) > 1 else conftest.DESKS
    with sync_playwright() as playwright:
        path = conftest.chromium_path()
        browser = playwright.chromium.launch(executable_path=path, headless=True, args=conftest.FLAGS)
        for version, renderer in chosen:
            if frontends.find(version):
                print(json.dumps(measure(browser, version, renderer)), flush=True)
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1:])
