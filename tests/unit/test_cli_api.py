"""``outpaint --engine api`` and ``outpaint ledger`` against an endpoint that speaks the service's contract."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from service.endpoint import Endpoint

PHOTOS = Path(__file__).resolve().parents[1] / "photos"


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("XDG_DATA_HOME", "LOCALAPPDATA", "HOME"):
        monkeypatch.setenv(name, str(tmp_path / "home"))


@pytest.fixture
def endpoint():
    with Endpoint() as running:
        yield running


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "outpaint_nodes.nodes.cli", *map(str, arguments)]


def outpaint(*arguments: object, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", **(env or {})}
    return subprocess.run(command(*arguments), capture_output=True, text=True, env=environment, timeout=240)


def photo(name: str, number: int = 0) -> np.ndarray:
    with Image.open(PHOTOS / "coffee.jpg") as whole:
        crop = whole.crop((100 + 30 * number, 80, 196 + 30 * number, 144))
    Path(name).parent.mkdir(exist_ok=True)
    crop.save(name)
    return np.asarray(crop)


def pixels(path: str) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture)


def test_the_cost_is_said_first_and_the_original_stays(endpoint):
    original = photo("cat.png")
    call = ("cat.png", "--right", 32, "--engine", "api", "--prompt", "coffee", "--report")
    done = outpaint(*call, env=endpoint.environment())
    assert done.returncode == 0, done.stderr
    assert done.stderr.startswith("1 picture: 8 credits at http://127.0.0.1")
    assert "credits: 8" in done.stdout
    assert np.array_equal(pixels("cat-outpaint.png")[:, :96], original)
    assert endpoint.credits == 8


def test_asking_again_costs_nothing(endpoint):
    photo("cat.png")
    for _ in range(2):
        done = outpaint("cat.png", "--right", 32, "--engine", "api", env=endpoint.environment())
        assert done.returncode == 0, done.stderr
    assert "0 credits" in done.stderr
    assert endpoint.credits == 8


def test_a_dry_run_tells_the_cost_without_a_key_and_sends_nothing(endpoint):
    photo("a.png", 0)
    photo("b.png", 1)
    env = endpoint.environment()
    del env["OUTPAINT_API_KEY"]
    done = outpaint("a.png", "b.png", "--right", 32, "--engine", "api", "--dry-run", env=env)
    assert done.returncode == 0, done.stderr
    assert "2 pictures: 16 credits" in done.stdout
    assert not endpoint.requests and not endpoint.refused


def test_a_run_above_the_limit_is_refused_whole(endpoint):
    for number in range(3):
        photo(f"in/{number}.png", number)
    done = outpaint("in", "--right", 32, "--engine", "api", "--max-credits", 16, env=endpoint.environment())
    assert done.returncode == 1
    assert "would cost 24 credits" in done.stderr
    assert not endpoint.requests


def test_a_folder_is_paid_for_once_each_and_a_bad_file_costs_nothing(endpoint):
    for number in range(3):
        photo(f"in/{number}.png", number)
    photo("in/same as 0.png", 0)
    Path("in/broken.png").write_bytes(b"no picture")
    done = outpaint("in", "--right", 32, "--engine", "api", "-o", "out", env=endpoint.environment())
    assert done.returncode == 1
    assert len(os.listdir("out")) == 4
    assert endpoint.credits == 24
    assert "broken.png: FAILED" in done.stderr


def test_without_a_key_the_first_photo_says_so_and_the_others_are_not_tried(endpoint):
    for number in range(4):
        photo(f"in/{number}.png", number)
    env = endpoint.environment()
    del env["OUTPAINT_API_KEY"]
    done = outpaint("in", "--right", 32, "--engine", "api", env=env)
    assert done.returncode == 1
    assert "OUTPAINT_API_KEY" in done.stderr
    assert "not tried" in done.stderr
    assert not endpoint.requests


def test_the_ledger_lists_what_was_paid(endpoint):
    assert "In all: 0 credits" in outpaint("ledger").stdout
    photo("cat.png")
    outpaint("cat.png", "--right", 32, "--engine", "api", env=endpoint.environment())
    done = outpaint("ledger")
    assert done.returncode == 0, done.stderr
    assert "paid" in done.stdout and "8 credits" in done.stdout and "In all: 8 credits" in done.stdout
    kept = next(word for word in done.stdout.splitlines()[0].split("  ") if word.endswith(".png"))
    assert pixels(kept).shape == (64, 128, 3)


def test_the_key_is_printed_nowhere(endpoint):
    photo("cat.png")
    env = endpoint.environment(key="wrong-key-5f3a9c")
    done = outpaint("cat.png", "--right", 32, "--engine", "api", env=env)
    assert done.returncode == 1
    assert "wrong-key-5f3a9c" not in done.stdout + done.stderr + outpaint("ledger").stdout


@pytest.mark.skipif(os.name == "nt", reason="Ctrl-C cannot be sent to a single process on Windows")
def test_ctrl_c_still_takes_in_what_is_paid_for():
    photo("cat.png")
    with Endpoint(seconds=4) as endpoint:
        env = {**os.environ, **endpoint.environment()}
        call = command("cat.png", "--right", 32, "--engine", "api")
        # A shell that runs the tests in the background has Ctrl-C ignored by all that it starts.
        hear = partial(signal.signal, signal.SIGINT, signal.default_int_handler)
        process = subprocess.Popen(call, env=env, stderr=subprocess.PIPE, text=True, preexec_fn=hear)
        deadline = time.monotonic() + 60
        while not endpoint.at_once and time.monotonic() < deadline:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
        assert (process.returncode, endpoint.credits) == (130, 8), said
    assert pixels("cat-outpaint.png").shape == (64, 128, 3)
