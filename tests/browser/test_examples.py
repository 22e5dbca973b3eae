"""Level: the real frontend on a real ComfyUI. Every example workflow and the blueprint load as they were meant."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
from PIL import Image

from browser import frontends
from browser.desk import Desk
from browser.test_real_host import CHECKOUTS, pinned_frontend
from host import examples
from host.graph import to_api
from host.server import ComfyServer

pytestmark = [pytest.mark.host, pytest.mark.timeout(280)]
NEWEST = frontends.VERSIONS[-1]
SETUPS = [(checkout, None) for checkout in CHECKOUTS] + [(checkout, NEWEST) for checkout in CHECKOUTS[-1:]]
COMPLAINTS = """() => [...document.querySelectorAll("[role=dialog], .comfy-missing-nodes, .p-toast-message")]
  .filter((found) => !found.matches("[popover]") && found.checkVisibility())
  .map((found) => found.textContent.trim())
  .filter((text) => text && !text.includes("Version Compatibility Warning"))"""
WORDS = ("outpaint", "missing", "widget")
MODELS = [examples.SD_INPAINT, examples.SD15, examples.SDXL, examples.FLUX_FILL, examples.CLIP_L, examples.T5XXL,
          examples.FLUX_VAE, examples.ESRGAN]  # fmt: skip


def name_of(setup) -> str:
    return f"{setup[0].version}-{setup[1] or 'own'}" if setup else "no-host"


@pytest.fixture(scope="module", params=SETUPS or [None], ids=name_of)
def host(request):
    if request.param is None:
        pytest.skip("no ComfyUI checkout found: point COMFYUI_PATH at one (and COMFYUI_PYTHON at its interpreter)")
    checkout, version = request.param
    version = version or pinned_frontend(checkout)
    static = frontends.find(version)
    if static is None:
        pytest.skip(f"frontend {version} is neither in {frontends.cache()} nor to be had from the package registry")
    with ComfyServer(checkout, args=("--front-end-root", str(static))) as server:
        server.save_input(Image.new("RGB", (64, 64), "teal"), examples.PHOTO)
        for name, _, folder in MODELS:
            path = server.base / "models" / folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        server.frontend = version
        yield server


@pytest.fixture(scope="module")
def desk(host, chromium):
    host.post("/settings", {"Comfy.TutorialCompleted": True, "Comfy.VueNodes.Enabled": host.frontend == NEWEST})
    page = chromium.new_context(viewport={"width": 1400, "height": 1000}).new_page()
    opened = Desk(page, SimpleNamespace(url=host.url, requests=[]), host.frontend, "classic").open()
    opened.warnings = []
    page.on("console", lambda message: opened.warnings.append(message.text) if message.type != "log" else None)
    yield opened
    page.context.close()


def loaded(desk, workflow: dict) -> list[str]:
    """Load a workflow; what the frontend has to say against it."""
    desk.warnings.clear()
    desk.errors.clear()
    desk.js("(workflow) => app.loadGraphData(workflow)", workflow)
    desk.page.wait_for_timeout(700)
    said = [text for text in desk.warnings if any(word in text.lower() for word in WORDS)]
    return said + desk.errors + desk.js(COMPLAINTS)


@pytest.mark.parametrize("name", list(examples.EXAMPLES))
def test_it_loads_without_a_complaint_and_queues_what_the_file_says(desk, host, name):
    workflow = json.loads((examples.WORKFLOWS / f"{name}.json").read_text(encoding="utf-8"))
    assert loaded(desk, workflow) == []
    wanted = to_api(workflow, host.get("/object_info"))
    queued = desk.prompt()
    assert {number: node["class_type"] for number, node in queued.items()} == {
        number: node["class_type"] for number, node in wanted.items()
    }
    for number, node in wanted.items():
        given = queued[number]["inputs"]
        if not node["class_type"].startswith("Outpaint"):
            # What the host's own nodes are given beside it differs from version to version.
            given = {name: value for name, value in given.items() if name in node["inputs"]}
        assert given == node["inputs"], number


def test_the_blueprint_is_one_node_that_queues_the_two_inside(desk):
    file = examples.BLUEPRINTS / f"{examples.BLUEPRINT}.json"
    assert loaded(desk, json.loads(file.read_text(encoding="utf-8"))) == []
    assert desk.js("() => app.graph._nodes.map((node) => node.title)") == [examples.BLUEPRINT]
    assert sorted(node["class_type"] for node in desk.prompt().values()) == ["OutpaintLocal", "OutpaintToRatio"]
