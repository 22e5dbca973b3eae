"""Level: the real frontend with a backend that runs no node. What the server says, in the user's language."""

from __future__ import annotations

import pytest

from browser.conftest import DESKS, closed, opened

ERROR = {
    "en": "left is -3, which is below 0. Set left to 0 or more pixels.",
    "zh": "“左”的值为 -3，小于 0。请把“左”设为 0 或更多像素。",
}
PROGRESS = {"en": "trying again in 5 s", "zh": "5 秒后重试"}
FAILED = {
    "prompt_id": "p", "timestamp": 1, "exception_type": "InputError", "traceback": ["  File nodes.py\n"],
    "current_inputs": {}, "current_outputs": [], "executed": [],
}  # fmt: skip


@pytest.fixture(scope="module", params=[(*desk, language) for desk in DESKS for language in ERROR], ids="-".join)
def page_of_frontend(request, chromium):
    *frontend, language = request.param
    desk = opened(chromium, *frontend, {"Comfy.Locale": language})
    desk.language = language
    yield desk
    closed(desk)


def fail(desk, kind: str, message: str) -> None:
    """As if the node of this type, which is put on the canvas, had failed."""
    node = desk.build({"node": {"type": kind, "pos": [480, 90]}})["node"]
    desk.backend.tell("execution_start", {"prompt_id": "p", "timestamp": 0})
    error = {"node_id": str(node), "node_type": kind, "exception_message": message}
    desk.backend.tell("execution_error", FAILED | error)


def until_shown(desk, text: str) -> None:
    desk.until("(text) => document.body.innerText.includes(text)", text)


def other(desk, texts: dict) -> str:
    return texts["zh" if desk.language == "en" else "en"]


@pytest.mark.every_frontend
@pytest.mark.parametrize("node", ["OutpaintPrepare", "OutpaintStitch"])
def test_an_error_is_shown_in_the_users_language(desk, node):
    fail(desk, node, ERROR["en"] + "\n")
    until_shown(desk, ERROR[desk.language])
    desk.settle()
    assert other(desk, ERROR) not in desk.js("() => document.body.innerText")


def test_the_error_of_another_packs_node_is_as_it_was(desk):
    heard = """() => new Promise((done) => window.comfyAPI.api.api.addEventListener(
      "execution_error", ({ detail }) => done(detail.exception_message), { once: true }))"""
    desk.js(f"() => {{ window.heard = ({heard})(); }}")
    fail(desk, "LoadImage", ERROR["en"])
    assert desk.js("() => window.heard") == ERROR["en"]


@pytest.mark.every_frontend
def test_text_on_the_node_is_in_the_users_language(desk):
    node = desk.build({"node": {"type": "OutpaintAPI", "pos": [480, 90]}})["node"]
    desk.js(
        """([id, text]) => window.comfyAPI.api.api.dispatchEvent(
          new CustomEvent("progress_text", { detail: { nodeId: String(id), text } }))""",
        [node, PROGRESS["en"]],
    )
    until_shown(desk, PROGRESS[desk.language])
    assert other(desk, PROGRESS) not in desk.js("() => document.body.innerText")
