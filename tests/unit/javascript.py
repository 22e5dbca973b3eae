"""Asks the widget's JavaScript, run by node itself."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "js"


def run(*arguments: str, questions: str = "") -> subprocess.CompletedProcess[str]:
    path = shutil.which("node")
    if not path:
        pytest.skip("node is not installed: the widget's JavaScript is not tested")
    command = [path, *arguments]
    return subprocess.run(command, input=questions, capture_output=True, encoding="utf-8", timeout=240, check=False)


def ask(questions: list[dict]) -> list:
    """The answers of tests/js/answers.mjs."""
    done = run(str(FOLDER / "answers.mjs"), questions=json.dumps(questions))
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
