"""Level: pure functions. The widget's geometry in JavaScript: its own tests, and the same numbers as in Python."""

from __future__ import annotations

import json
import random
import re
from pathlib import Path

import pytest

from outpaint_nodes.nodes.errors import InputError
from outpaint_nodes.nodes.imaging import canvas
from outpaint_nodes.nodes.imaging.canvas import Canvas, Extents, Size
from outpaint_nodes.nodes.imaging.windows import Wants, plan
from outpaint_nodes.nodes.service import contract
from unit.javascript import FOLDER, ask, run

ROOT = Path(__file__).parents[2]
CASES = 1000


def test_the_geometrys_own_tests_pass():
    files = [str(file) for file in sorted(FOLDER.glob("*.test.mjs"))]
    done = run("--test", *files)
    assert done.returncode == 0, done.stdout[-6000:]
    assert int(re.search(r"^# pass (\d+)", done.stdout, re.M)[1]) >= 15


def sides(extents: Extents) -> list[int]:
    return [extents.left, extents.right, extents.up, extents.down]


def in_python(question: dict):
    """The same question, answered by the pack."""
    original = Size(*question["original"])
    kind, anchor, multiple = question["ask"], question["anchor"], question.get("multiple", 1)
    try:
        if kind == "ratio":
            return sides(canvas.to_ratio(original, canvas.parse_ratio(question["ratio"]), anchor, multiple))
        if kind == "place":
            return sides(canvas.place(original, Size(*question["target"]), anchor))
        if kind == "size":
            width, height = question["target"]
            target = Size(width or original.width, height or original.height)
            return sides(canvas.place(original, target.round_up(multiple), anchor))
        grown = [length + (2 * length * question["percent"] + 100) // 200 for length in question["original"]]
        return sides(canvas.place(original, Size(*grown), anchor))
    except InputError:
        return "refused"


def test_both_languages_give_the_same_numbers():
    draw = random.Random(5)
    presets = ["1:1", "4:5", "3:2", "2:3", "16:9", "9:16", "21:9", "2:1", "210:297", "1.85", "2.39:1", "16x9", "3/2"]
    questions = []
    for _ in range(CASES):
        original = [draw.choice([1, 2, 64, 1023, draw.randint(1, 12000)]) for _ in range(2)]
        question = {
            "ask": draw.choice(["ratio", "place", "size", "percent"]),
            "original": original,
            "anchor": draw.choice(canvas.ANCHORS),
            "multiple": draw.choice([1, 1, 2, 8, 16, 64, 100]),
            "ratio": draw.choice([*presets, f"{draw.randint(1, 9)}:{draw.randint(1, 60)}", f"{draw.random() + 1:.2f}"]),
            "percent": draw.choice([0, 1, 10, 25, 33, 50, 100, 250]),
            "target": [draw.choice([0, length, length + draw.randint(-3, 9000)]) for length in original],
        }
        questions.append(question)
    for question, answer in zip(questions, ask(questions), strict=True):
        assert answer == in_python(question), question


@pytest.mark.parametrize("text", ["", "a:b", "1:0", "0:4", "1:2:3", "1000:1", "1:1000", "-1:2", ":"])
def test_both_languages_refuse_the_same_ratios(text):
    question = {"ask": "ratio", "original": [10, 10], "anchor": "center", "ratio": text, "multiple": 1}
    assert ask([question]) == [in_python(question)] == ["refused"]


def test_the_passes_announced_are_the_passes_planned():
    """For a model of one megapixel, and one side, where the plan is made of passes outward and nothing else."""
    draw = random.Random(6)
    questions, planned = [], []
    for _ in range(200):
        original = Size(draw.randint(512, 2000), draw.randint(512, 2000))
        extents = Extents(right=draw.randint(1, 4000))
        chain = plan(original, extents, Wants()).sides[0]
        questions.append({"ask": "passes", "original": [original.width, original.height], "extents": sides(extents)})
        starts = {fill.x for window in chain for fill in window.fills}
        planned.append(len(starts))
        assert Canvas(original, extents).new_area
    for question, announced, passes in zip(questions, ask(questions), planned, strict=True):
        assert abs(announced - passes) <= 1, (question, announced, passes)
        assert (announced > 1) == (passes > 1), (question, announced, passes)


def test_the_services_limits_are_the_packs():
    (limits,) = ask([{"ask": "service"}])
    assert limits["side"] == contract.MIN_SIDE
    assert limits["most"] == contract.MAX_AREA
    assert limits["ratio"] == contract.MAX_ASPECT
    assert limits["credits"] == contract.CREDITS


def test_every_language_has_every_text_with_the_same_places():
    (english,) = ask([{"ask": "english"}])
    served = json.loads((ROOT / "locales/en/main.json").read_text(encoding="utf-8"))["outpaint"]
    assert served == english
    for file in (ROOT / "locales").glob("*/main.json"):
        texts = json.loads(file.read_text(encoding="utf-8"))["outpaint"]
        assert set(texts) == set(english)
        for key, text in texts.items():
            places = [set(re.findall(r"\{\w+\}", words)) for words in (text, english[key])]
            assert places[0] == places[1], (file.parent.name, key)


def test_the_scripts_hold_nothing_that_the_registry_flags():
    for file in [*(ROOT / "js").glob("*.js"), *(ROOT / "js/handles").glob("*.mjs")]:
        text = file.read_text(encoding="utf-8")
        for word in (".bind(", ".connect(", ".send(", "innerHTML", "eval(", ".prototype."):
            assert word not in text, (file.name, word)
