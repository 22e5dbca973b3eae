"""A page with the real frontend on it, and the moves that a user makes there."""

from __future__ import annotations

import json
from contextlib import contextmanager

from browser.backend import Backend

SIDES = ("left", "right", "up", "down")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

READY = """() => window.app?.graph && window.app.canvas && window.app.extensionManager
  && window.LiteGraph?.registered_node_types?.OutpaintPrepare"""
EDITOR = """(id) => window.app.graph.getNodeById(id).widgets.find((w) => w.name === "outpaint_handles").element"""
BUILD = """({nodes, links}) => {
  const made = {};
  app.canvas.emitBeforeChange();  // so that the host's undo begins with what is built here
  for (const [name, spec] of Object.entries(nodes)) {
    const node = LiteGraph.createNode(spec.type);
    if (!node) throw new Error(`no node ${spec.type}`);
    node.pos = spec.pos;
    app.graph.add(node);
    for (const [widget, value] of Object.entries(spec.values ?? {})) {
      const w = node.widgets.find((w) => w.name === widget);
      w.value = value;
      w.callback?.(value, app.canvas, node);
    }
    if (spec.mode !== undefined) node.mode = spec.mode;
    made[name] = node;
  }
  for (const [from, output, to, input] of links) {
    made[from].connect(output, made[to], made[to].inputs.findIndex((i) => i.name === input));
  }
  app.canvas.setDirty(true, true);
  app.canvas.emitAfterChange();
  return Object.fromEntries(Object.entries(made).map(([name, node]) => [name, node.id]));
}"""


class Desk:
    """One frontend in one renderer."""

    def __init__(self, page, backend: Backend, version: str, renderer: str):
        self.page, self.backend, self.version, self.renderer = page, backend, version, renderer
        self.errors: list[str] = []
        page.on("pageerror", lambda error: self.errors.append(str(error.stack or error)))
        page.on("console", self._console)

    def _console(self, message):
        own = "extensions/outpaint/" in (message.location or {}).get("url", "")
        if message.type == "error" and (own or "outpaint" in message.text.lower()):
            self.errors.append(message.text)

    @property
    def vue(self) -> bool:
        return self.renderer == "vue"

    def open(self, url: str | None = None) -> Desk:
        self.page.goto(url or self.backend.url)
        self.page.wait_for_function(READY, timeout=90_000)
        self.page.wait_for_timeout(800)
        self.errors.clear()  # what the frontend itself complains of while starting is not ours
        return self

    def js(self, code: str, value=None):
        return self.page.evaluate(code, value)

    def frames(self, count: int = 2) -> None:
        self.js(
            """(n) => new Promise((done) => {
              const next = () => (n-- > 0 ? requestAnimationFrame(next) : done());
              next();
            })""",
            count,
        )

    # ---- graphs

    def clear(self, zoom: float = 1) -> None:
        # Nodes 2.0 of some frontends shows no node that is added by script after a subgraph was visited.
        if self.vue and self.js("() => Boolean(app.graph.subgraphs?.size)"):
            self.open()
        self.js(
            """(zoom) => {
              document.querySelectorAll(":popover-open").forEach((p) => p.hidePopover());
              document.activeElement?.blur?.();
              app.canvas.setGraph?.(app.graph);
              app.graph.clear();
              Object.keys(app.nodeOutputs).forEach((key) => delete app.nodeOutputs[key]);
              app.canvas.deselectAll?.();
              app.canvas.ds.scale = zoom;
              app.canvas.ds.offset = [0, 0];
              app.canvas.setDirty(true, true);
            }""",
            zoom,
        )
        self.page.mouse.move(5, 300)

    def build(self, nodes: dict, links: list = ()) -> dict:
        """Nodes by name ({"type", "pos", "values"}) and links (from, output, to, input name); their ids by name."""
        ids = self.js(BUILD, {"nodes": nodes, "links": list(links)})
        self.page.wait_for_timeout(120)
        return ids

    def scene(self, type: str = "OutpaintPrepare", picture: str = "photo.jpg", wait: bool = True, **values) -> int:
        """A picture and one of our nodes beside it; the id of our node."""
        nodes = {
            "load": {"type": "LoadImage", "pos": [90, 100], "values": {"image": picture}},
            "node": {"type": type, "pos": [480, 90], "values": values},
        }
        node = self.build(nodes, [("load", 0, "node", "image")])["node"]
        if wait:
            self.shows_picture(node)
        return node

    def shows_picture(self, node: int) -> None:
        """Wait until the node's widget knows its picture."""
        code = f"""(id) => {{
          const root = ({EDITOR})(id);
          return root.isConnected && /^\\d+ × \\d+$/.test(root.querySelector("strong").textContent);
        }}"""
        self.page.wait_for_function(code, arg=node, timeout=10_000)
        self.page.wait_for_timeout(250)  # until the view has settled around it

    def editor(self, node: int):
        return self.page.evaluate_handle(EDITOR, node).as_element()

    def part(self, node: int, selector: str):
        return self.editor(node).query_selector(selector)

    def text(self, node: int, selector: str) -> str:
        return self.part(node, selector).text_content()

    def figures(self, node: int) -> str:
        return self.text(node, "strong")

    def remark(self, node: int) -> str:
        return self.text(node, ".outpaint-remark span")

    def until(self, code: str, value=None, timeout: int = 4000) -> None:
        self.page.wait_for_function(code, arg=value, timeout=timeout)

    def values(self, node: int) -> dict:
        code = "(id) => Object.fromEntries(app.graph.getNodeById(id).widgets.map((w) => [w.name, w.value]))"
        everything = self.js(code, node)
        return {side: everything.get(side) for side in SIDES}

    def shown(self, node: int) -> dict:
        """What the handles say, as a screen reader would hear it."""
        return {side: int(self.part(node, f'[data-handle="{side}"]').get_attribute("aria-valuenow")) for side in SIDES}

    def type_value(self, node: int, name: str, value, frames: int = 3) -> None:
        """As the host does when the user has typed into a field."""
        self.js(
            """([id, name, value]) => {
              const node = app.graph.getNodeById(id);
              const w = node.widgets.find((w) => w.name === name);
              w.value = value;
              w.callback?.(value, app.canvas, node);
            }""",
            [node, name, value],
        )
        self.frames(frames)

    def write(self, node: int, values: dict) -> None:
        """Several values at once, and nothing moving afterwards."""
        for name, value in values.items():
            self.type_value(node, name, value, frames=0)
        self.frames(3)

    def position(self, node: int) -> list:
        return self.js("(id) => [...app.graph.getNodeById(id).pos]", node)

    # ---- hands

    def handle(self, node: int, name: str):
        return self.part(node, f'[data-handle="{name}"]')

    def middle(self, node: int, name: str) -> tuple[float, float]:
        box = self.handle(node, name).bounding_box()
        return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2

    def scale(self, node: int) -> float:
        """Screen pixels in one picture pixel, from where the corner handles stand."""
        left, right = self.middle(node, "up-left")[0], self.middle(node, "up-right")[0]
        return (right - left) / int(self.figures(node).split(" × ")[0].removeprefix("\N{ALMOST EQUAL TO} "))

    def drag(self, node: int, name: str, dx: float, dy: float, keys: tuple = (), steps: int = 6, release: bool = True):
        x, y = self.middle(node, name)
        mouse, keyboard = self.page.mouse, self.page.keyboard
        mouse.move(x, y)
        mouse.down()
        for key in keys:
            keyboard.down(key)
        mouse.move(x + dx, y + dy, steps=steps)
        self.frames(2)
        if release:
            mouse.up()
        for key in keys:
            keyboard.up(key)
        if release:
            self.settle()

    def settle(self) -> None:
        self.page.wait_for_timeout(230)

    def press(self, node: int, selector: str) -> None:
        self.part(node, selector).click()
        self.frames(3)

    def choose(self, node: int, button: str, item: str) -> None:
        """Open one of the menus and take something from it."""
        self.press(node, f'.outpaint-bar > [data-control="{button}"]')
        self.part(node, item).click()
        self.page.keyboard.press("Escape")
        self.settle()

    def undo(self) -> None:
        """Ctrl+Z on the canvas; the view stays where the test has put it."""
        self.js("() => { document.activeElement?.blur?.(); app.canvas.canvas.focus(); }")
        tracker = "app.extensionManager.workflow.activeWorkflow.changeTracker"
        steps = self.js(f"() => {tracker}.undoQueue.length")
        self.page.keyboard.press("Control+z")
        # The host takes no second undo before the first one is through.
        self.page.wait_for_function(f"(n) => {tracker}.undoQueue.length < n && !{tracker}._restoringState", arg=steps)
        self.page.wait_for_timeout(700)
        self.js("() => { app.canvas.ds.scale = 1; app.canvas.ds.offset = [0, 0]; app.canvas.setDirty(true, true); }")
        self.frames(4)

    def saved(self) -> dict:
        return json.loads(json.dumps(self.js("() => app.graph.serialize()")))

    def reload_graph(self, workflow: dict) -> None:
        self.js("(workflow) => app.loadGraphData(workflow)", workflow)
        self.page.wait_for_timeout(500)
        self.js("() => { app.canvas.ds.scale = 1; app.canvas.ds.offset = [0, 0]; app.canvas.setDirty(true, true); }")
        self.frames(4)

    def prompt(self) -> dict:
        return self.js("async () => (await app.graphToPrompt()).output")

    @contextmanager
    def quiet_network(self):
        """Fails when the page asked the server for anything inside the block."""
        before = len(self.backend.requests)
        yield
        assert self.backend.requests[before:] == []
