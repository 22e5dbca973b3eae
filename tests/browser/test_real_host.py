"""Level: the real frontend on a real ComfyUI. The main way through: choose, pull, run, compare."""

from __future__ import annotations

import json
import re
import time
from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from browser import frontends
from browser.backend import encoded, scene
from browser.desk import Desk
from host.server import ComfyServer, find_checkouts

pytestmark = pytest.mark.host

FOOT_IN_VIEW = """(id) => {
  app.canvas.ds.offset[1] = 560 - app.graph.getNodeById(id).size[1];
  app.canvas.setDirty(true, true);
}"""
CHECKOUTS = find_checkouts()


def pinned_frontend(checkout) -> str:
    return re.search(r"comfyui-frontend-package==([\d.]+)", (checkout.path / "requirements.txt").read_text())[1]


@pytest.fixture(scope="module", params=CHECKOUTS or [None], ids=lambda c: c.version if c else "no-host")
def host(request):
    """One running host of each version, with the frontend that it pins."""
    if request.param is None:
        pytest.skip("no ComfyUI checkout found: point COMFYUI_PATH at one (and COMFYUI_PYTHON at its interpreter)")
    version = pinned_frontend(request.param)
    static = frontends.find(version)
    if static is None:
        pytest.skip(f"frontend {version} is neither in {frontends.cache()} nor to be had from the package registry")
    with ComfyServer(request.param, args=("--front-end-root", str(static))) as server:
        (server.input / "photo.jpg").write_bytes(encoded(scene(320, 240)))
        server.frontend = version
        yield server


@contextmanager
def page_on(host, chromium, language: str):
    """The newest renderer that this frontend has."""
    vue = host.frontend != "1.27.10"
    host.post("/settings", {"Comfy.TutorialCompleted": True, "Comfy.VueNodes.Enabled": vue, "Comfy.Locale": language})
    page = chromium.new_context(viewport={"width": 1280, "height": 1000}).new_page()
    renderer = "vue" if vue else "classic"
    yield Desk(page, SimpleNamespace(url=host.url, requests=[]), host.frontend, renderer).open()
    page.context.close()


@pytest.fixture(scope="module")
def desk(host, chromium):
    with page_on(host, chromium, "en") as opened:
        yield opened


def until_idle(host, seconds: float = 60) -> None:
    """Wait until nothing runs: only a prompt that has ended is in the history."""
    end = time.monotonic() + seconds
    while any(host.get("/queue").values()):
        assert time.monotonic() < end, "the queue does not empty"
        time.sleep(0.05)


def queue(desk) -> None:
    desk.js("() => app.queuePrompt(0)")


@pytest.mark.timeout(280)
@pytest.mark.parametrize(
    ("kind", "values"), [("OutpaintLocal", {"fill": "smooth"}), ("OutpaintAPI", {"dry_run": True})]
)
def test_pull_run_and_see_what_came_in_and_out(desk, host, kind, values):
    desk.clear()
    desk.errors.clear()
    nodes = {
        "load": {"type": "LoadImage", "pos": [60, 100], "values": {"image": "photo.jpg"}},
        "scale": {"type": "ImageScale", "pos": [60, 560], "values": {"width": 200, "height": 100}},
        "node": {"type": kind, "pos": [480, 20], "values": {"left": 0, "right": 256, **values}},
        "show": {"type": "PreviewImage", "pos": [920, 90]},
    }
    ids = desk.build(
        nodes, [("load", 0, "scale", "image"), ("scale", 0, "node", "image"), ("node", 0, "show", "images")]
    )
    node = ids["node"]
    shows = """([id, text]) => app.graph.getNodeById(id).widgets.find((w) => w.name === "outpaint_handles")
      .element.querySelector("strong").textContent === text"""
    desk.until(shows, [node, "\N{ALMOST EQUAL TO} 576 × 240"], timeout=8000)
    desk.js(FOOT_IN_VIEW, node)
    desk.settle()
    desk.type_value(node, "right", 60)
    desk.settle()
    desk.drag(node, "left", -30, 0)
    left = desk.values(node)["left"]
    assert left > 0 and desk.values(node)["right"] == 60
    queue(desk)
    desk.until(shows, [node, f"{200 + left + 60} × 100"], timeout=120_000)  # what really came in: 200 × 100
    if kind == "OutpaintLocal":
        compare = desk.part(node, '[data-control="compare"]')
        desk.page.wait_for_function("(button) => !button.hidden", arg=compare, timeout=60_000)
    until_idle(host)
    history = host.get("/history")
    outputs = [run["outputs"] for run in history.values()]
    shown = [out["images"][0] for run in outputs for name, out in run.items() if name == str(ids["show"])]
    assert host.view(**shown[-1]).shape[:2] == (100, 200 + left + 60)
    sent = json.dumps([run["prompt"][2] for run in history.values()])
    assert "outpaint_handles" not in sent
    assert desk.errors == []


SAID = {
    "en": [
        "No API key is set up yet. Nothing was sent and no credits were spent. Get a key from your account at",
        "left, right, up and down are all 0, so there is nothing to add. Set at least one of them above 0.",
    ],
    "zh": [
        "尚未设置 API 密钥。未发送任何内容，未花费点数。请从你在 https://www.aithriving.com 的账户获取密钥，",
        "左、右、上、下全为 0，没有要扩展的内容。请把其中至少一个设为大于 0。",
    ],
}


@pytest.mark.timeout(280)
@pytest.mark.parametrize("language", SAID)
def test_what_goes_wrong_is_said_in_the_users_language(host, chromium, language):
    with page_on(host, chromium, language) as desk:
        for kind, values, said in zip(
            ("OutpaintAPI", "OutpaintLocal"), ({}, {"right": 0}), SAID[language], strict=True
        ):
            desk.clear()
            nodes = {
                "load": {"type": "LoadImage", "pos": [60, 100], "values": {"image": "photo.jpg"}},
                "node": {"type": kind, "pos": [480, 20], "values": values},
                "show": {"type": "PreviewImage", "pos": [920, 90]},
            }
            ids = desk.build(nodes, [("load", 0, "node", "image"), ("node", 0, "show", "images")])
            queue(desk)
            desk.until("(text) => document.body.innerText.includes(text)", said, timeout=60_000)
            until_idle(host)
            if kind == "OutpaintAPI":
                on_node = "(id) => app.graph.getNodeById(id).widgets.find((w) => w.name.startsWith('$$')).value"
                assert said in desk.js(on_node, ids["node"])
        assert desk.errors == []
