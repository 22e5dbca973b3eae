"""Level: pure functions. What the server says is said in the user's language: every message has its translation, and
the browser recognises it."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from outpaint_nodes.nodes.errors import OutpaintError
from outpaint_nodes.nodes.imaging.canvas import Extents
from outpaint_nodes.nodes.service import contract
from outpaint_nodes.nodes.service.answer import judge
from outpaint_nodes.nodes.service.client import Exchange
from outpaint_nodes.nodes.service.payment import ServiceError
from unit.javascript import ask

ROOT = Path(__file__).parents[2]
NODES = ROOT / "nodes"
LANGUAGES = sorted(file.parent.name for file in (ROOT / "locales").glob("*/main.json") if file.parent.name != "en")

# Their phrases, too, come to be seen on a node; of the other modules only the sentences of errors do.
SPEAKING = [*(NODES / "service").glob("*.py"), NODES / "outpaint_api.py", NODES / "imaging/returned.py"]
TEXTS_OF_SCHEMAS = ("tooltip", "description", "display_name", "search_aliases")
FOR_OTHERS = ("Summary", "earlier()", "EXTEND")
"""Definitions whose texts are for the command line, a schema, and a model."""
NO_MESSAGE = re.compile(
    r"\s*(SELECT|INSERT|UPDATE|PRAGMA|BEGIN|WHERE|ORDER|CREATE|key =) |.* = \?"  # the ledger's database
    r"|--|multipart/|application/json|Bearer |<|notepad|touch|nano|\"\{1\} YOUR-KEY|.*(%[rY]|\\)|\{1\} \{2\}"
)
NEVER_SHOWN = {
    # words that are compared with, and names
    "connect timeout", "not http", "too large", "filter reason", "api key", "not a database", "Application Support",
    # passed on from the service
    "{1} (id {2})",
    # lines of the report, which is the same in every language, and of the command line
    "{1} credits", "0 credits, from the pictures paid for before", "picture {1}: {2}; seed {3}; kept in {4}",
    "{1} ended without a known outcome: see 'outpaint ledger'.", "cancelled; waiting for answers already paid for:",
    "{1} earlier request", "{1} earlier requests",
}  # fmt: skip
NAMES = ["left", "right", "up", "down", "seed", "original", "generated"]
"""Put into messages by their names."""


def template(node: ast.AST) -> str | None:
    """The text of a string with places ``{1}``, ``{2}`` for what is put in; None for anything else."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if not isinstance(node, ast.JoinedStr):
        return None
    numbers = iter(range(1, 100))
    return "".join(part.value if isinstance(part, ast.Constant) else f"{{{next(numbers)}}}" for part in node.values)


def defined(node: ast.AST) -> str | None:
    """The name that a statement gives to something."""
    if isinstance(node, ast.FunctionDef):
        return f"{node.name}()"
    return node.name if isinstance(node, ast.ClassDef) else getattr(getattr(node, "targets", [None])[0], "id", None)


def strings(tree: ast.AST) -> Iterator[str]:
    """Every text below a node but docstrings and those that are never said; ``count(n, "picture")`` makes two."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            continue
        if defined(node) in FOR_OTHERS:
            continue
        if isinstance(node, ast.keyword) and node.arg in TEXTS_OF_SCHEMAS:
            continue
        if isinstance(node, ast.Call) and getattr(node.func, "id", None) == "count":
            yield from (f"{{1}} {node.args[1].value}", f"{{1}} {node.args[1].value}s")
            continue
        if (text := template(node)) is not None:
            yield text
        if isinstance(node, ast.JoinedStr):
            # Its own words are in its template; only what is put in may hold other texts.
            node.values = [part for part in node.values if isinstance(part, ast.FormattedValue)]
        yield from strings(node)


def message(text: str, phrases: bool) -> str | None:
    """A text as the locales have it, if it is a message. What is put in behind a sentence is a message of its own."""
    if NO_MESSAGE.match(text):
        return None
    is_phrase = phrases and " " in text and re.search("[a-z]{2}", text)
    text = re.sub(r"(?<=[.:]) \{\d+\}$", "", text.rstrip())
    is_sentence = re.fullmatch(r" ?([A-Z{\"'].* .*[.:]|[a-z]+ is .*\.)", text)
    text = text.strip() if is_sentence else text
    return text if (is_sentence or is_phrase) and text not in NEVER_SHOWN else None


@pytest.fixture(scope="module")
def messages() -> set[str]:
    """Every message of the Python sources."""
    found = {*NAMES, ".", ": {1}.", " ({1})"}
    for file in NODES.rglob("*.py"):
        if "cli" not in file.parts:
            texts = strings(ast.parse(file.read_text(encoding="utf-8")))
            found |= {said for text in texts if (said := message(text, file in SPEAKING))}
    return found


def translations(language: str) -> dict[str, str]:
    return json.loads((ROOT / f"locales/{language}/main.json").read_text(encoding="utf-8"))["outpaintMessages"]


def places(text: str) -> list[str]:
    return sorted(re.findall(r"\{\w+\}", text))


def heard(texts: list[str], language: str = "zh") -> list[str]:
    """What the browser makes of texts of the server."""
    return ask([{"ask": "heard", "messages": translations(language), "texts": texts}])[0]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_message_has_its_translation_and_there_is_no_other(messages, language):
    assert set(translations(language)) == messages
    for english, translated in translations(language).items():
        assert places(translated) == places(english), english


def test_the_chinese_messages_are_chinese():
    latin = [text for text in translations("zh").values() if not re.search("[\u3000-\u9fff\uff00-\uffef]", text)]
    assert latin == []


def filled(english: str, text: str) -> str:
    """A template, or its translation, with 12 at every place. A place that ends a sentence holds its full stop."""
    last = re.search(r"^[A-Z].*(\{\w+\})$", english)
    return re.sub(r"\{\w+\}", lambda place: "12." if last and place[0] == last[1] else "12", text)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_browser_recognises_every_message_and_takes_none_for_another(language):
    known = translations(language)
    heard_as = heard([filled(english, english) for english in known], language)
    assert heard_as == [filled(english, translated) for english, translated in known.items()]


def refused(action) -> str:
    with pytest.raises(OutpaintError) as caught:
        action()
    return str(caught.value)


def judged(status: int, message: object) -> str:
    body = json.dumps({"message": message}).encode() if message else b""
    verdict = judge(Exchange(handed_over=True, status=status, complete=True), body, "the file C:\\a b. c\\key.txt", 1)
    return str(ServiceError(verdict.outcome, verdict.what, verdict.do))


SAID = {
    refused(lambda: Extents(left=-3)): "“左”的值为 -3，小于 0。请把“左”设为 0 或更多像素。",
    refused(lambda: contract.Parameters(right=2001)): (
        "“右”的值为 2001；服务接受 0 到 2000 像素。未发送任何内容，未花费点数。请把“右”设在此范围内。"
    ),
    refused(lambda: contract.Parameters(up=1, seed=-1)): (
        "“种子”的值为 -1；服务接受 0 到 4294967294。未发送任何内容，未花费点数。请把“种子”设在此范围内。"
    ),
    judged(400, "Too dark. Try: another"): (
        "服务拒绝了该请求（HTTP 400）：Too dark。Try: another. 未花费点数。请修改它指出的输入，或稍后再次运行。"
    ),
    judged(403, None): (
        "服务拒绝了从文件 C:\\a b. c\\key.txt 读取的 API 密钥（HTTP 403）。未花费点数。请与你在 "
        "https://www.aithriving.com 账户中的密钥核对；若无误，请在服务器上尝试设置 OUTPAINT_API_AUTH=bearer。"
    ),
    judged(200, None): (
        "随 HTTP 200 返回的不是该服务的回应。服务可能扣了 8 点，也可能没有扣。如果网络要求登录，请先登录。"
        "没有重新发送；请查看你在该服务的余额。再次运行将是一次新的付费请求。"
    ),
    "1 of 3 done\nuploading 30%\nthe service is working (paid from here on)": (
        "已完成 1 / 3\n正在上传 30%\n服务正在处理（从此刻起计费）"
    ),
    "Dry run, nothing sent. 3 pictures (2 of them free: paid for before, or the same): 8 credits; canvas 9×9. "
    "No usable API key is set up yet.": (
        "试运行，未发送任何内容。3 张图片（其中 2 张免费：先前已付费或内容相同）：8 点；画布 9×9。"
        "尚未设置可用的 API 密钥。"
    ),
    "warning: the payment could not be written into the ledger: The ledger of paid requests, /a.sqlite, is damaged.": (
        "警告：无法将此次付费写入账本：付费请求的账本 /a.sqlite 已损坏。"
    ),
}


@pytest.mark.parametrize("english", SAID)
def test_what_is_said_is_heard_in_chinese_with_its_values(english):
    assert heard([english]) == [SAID[english]]


def test_what_is_not_the_packs_own_stays_as_it_is():
    texts = [
        "CUDA out of memory. Tried to allocate 2 GB.",
        "",
        "a: b. c",
        "Allocation failed: 3 pictures are one too many",
    ]
    assert heard(texts) == texts
