"""Fault catalogue, rows 1 to 12: what is refused before anything leaves the computer."""

from __future__ import annotations

import math
import os
import resource
import stat
import subprocess
import sys

import pytest
from PIL import Image

from outpaint_nodes.nodes.service import ledger
from service.endpoint import KEY
from service.world import job, noise, photo

ELSEWHERE = "https://images.example.org"


@pytest.fixture
def unsent(world):
    """The world, whose server must not hear of anything."""
    yield world
    assert world.server.connections == 0


def test_row_1_without_a_key_the_error_names_the_variable_and_the_file(world):
    del world.environ["OUTPAINT_API_KEY"]
    error = world.fails()
    assert "OUTPAINT_API_KEY" in error.do and str(world.home / "key.txt") in error.do
    assert "Nothing was sent and no credits were spent." in str(error)


def test_row_1_a_first_run_says_how_to_set_the_key_on_this_kind_of_computer(unsent, monkeypatch):
    unsent.environ = {}
    for platform, command in {"win32": "notepad", "darwin": "open -e", "linux": "nano"}.items():
        monkeypatch.setattr(sys, "platform", platform)
        assert command in unsent.fails().do


@pytest.mark.parametrize(
    "secret",
    ["geheim-schlüssel-1", "", '""', "short", "k" * 5000, "two words-in-it"],
    ids=["not ASCII", "empty", "quotes", "short", "5 kB", "blank"],
)
def test_row_2_a_key_that_cannot_be_one_is_refused_without_being_shown(unsent, secret):
    unsent.environ["OUTPAINT_API_KEY"] = f"{unsent.server.origin} {secret}" if secret else ""
    error = unsent.fails()
    for word in filter(lambda part: len(part) > 5, secret.split()):
        assert word not in str(error)


def test_row_2_a_key_broken_over_two_lines_is_not_guessed_at(unsent):
    unsent.environ["OUTPAINT_API_KEY"] = "\n".join(f"{unsent.server.origin} {part}" for part in (KEY[:9], KEY[9:]))
    assert "2 keys" in unsent.fails().what


@pytest.mark.parametrize("form", [" {}", "{}\n", "\t{}  ", '"{}"', "'{}'", "\ufeff{}"])
def test_row_2_blanks_and_quotes_from_copying_are_taken_off(world, form):
    world.home.mkdir()
    file = world.home / "key.txt"
    file.write_text(form.format(f"{world.server.origin} {KEY}"), encoding="utf-8")
    del world.environ["OUTPAINT_API_KEY"]
    assert world.ask()[0].credits == 8


def test_row_2_the_environment_wins_over_the_named_file_and_that_over_the_own_file(world, tmp_path):
    world.home.mkdir()
    (world.home / "key.txt").write_text(f"{world.server.origin} own-file-key\n")
    named = tmp_path / "secret"
    named.write_text(f"# for the tests\n{world.server.origin} named-file-key\n")
    seen = []
    for change in ({}, {"OUTPAINT_API_KEY": ""}, {"OUTPAINT_API_KEY_FILE": ""}):
        world.environ |= {"OUTPAINT_API_KEY_FILE": str(named)} | change
        world.ask(job(seed=len(seen) + 1))
        seen.append(world.server.heads[-1]["authorization"])
    assert seen == [KEY, "named-file-key", "own-file-key"]
    assert stat.S_IMODE((world.home / "key.txt").stat().st_mode) == 0o600


def test_row_2_an_unreadable_key_file_is_named(unsent):
    del unsent.environ["OUTPAINT_API_KEY"]
    unsent.environ["OUTPAINT_API_KEY_FILE"] = "/nowhere/key"
    assert "/nowhere/key" in unsent.fails().what


@pytest.mark.parametrize(
    "change, words",
    [
        ({"right": 0}, "left, right, up and down"),
        ({"right": 2001}, "right 2000"),
        ({"up": -1}, "up 2000"),
        ({"down": 1.5}, "down 1.5"),
        ({"creativity": math.nan}, "creativity nan"),
        ({"creativity": 1.01}, "creativity 1.01"),
        ({"seed": 2**32}, "seed 4294967294"),
        ({"seed": -1}, "seed -1"),
        ({"prompt": "x" * 10_001}, "prompt 10001 10000"),
        ({"prompt": "half \ud83d"}, "prompt surrogate"),
        ({"output_format": "gif"}, "output_format gif jpeg"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_rows_4_and_5_a_value_out_of_range_is_named_with_its_limit(unsent, change, words):
    with pytest.raises(ValueError) as caught:
        job(**change)
    unsent.errors.append(caught.value)
    for word in words.split():
        assert word.strip(",") in str(caught.value)


@pytest.mark.parametrize("size, rule", [((63, 100), "64"), ((3100, 3100), "9.4"), ((1000, 384), "2.5"), ((1, 1), "64")])
def test_row_6_a_picture_the_service_would_not_take_is_refused_with_the_rule(unsent, size, rule):
    error = unsent.fails(job(Image.new("RGB", size)))
    assert f"{size[0]}×{size[1]}" in error.what and rule in error.what


def test_row_8_a_png_over_the_limit_goes_as_jpeg_and_the_report_says_so(world):
    result = world.with_policy(upload_limit=120_000).ask(job(photo(400, 300)))[0]
    assert any("sent as JPEG" in warning for warning in result.warnings)
    assert world.server.requests[0].picture.format == "JPEG"
    assert world.server.requests[0].picture.size == (400, 300)


def test_row_8_a_picture_too_large_even_as_jpeg_is_refused(unsent):
    error = unsent.with_policy(upload_limit=10_000).fails(job(noise(256, 256)))
    assert "even as JPEG" in error.what


def test_row_9_a_run_over_max_credits_is_refused_with_its_cost(unsent):
    error = unsent.fails(*(job(seed=seed) for seed in range(1, 5)), max_credits=31)
    assert "32 credits" in error.what and "31" in error.what


def test_row_9_the_limit_of_the_day_cannot_be_raised_by_the_run(unsent):
    unsent.environ["OUTPAINT_MAX_CREDITS_PER_DAY"] = "15"
    error = unsent.fails(job(seed=1), job(seed=2), max_credits=1000)
    assert "15 credits" in error.what and "OUTPAINT_MAX_CREDITS_PER_DAY" in error.do


def test_row_9_a_limit_of_the_day_that_is_no_number_is_refused(unsent):
    unsent.environ["OUTPAINT_MAX_CREDITS_PER_DAY"] = "ten"
    assert "'ten'" in unsent.fails().what


@pytest.mark.parametrize(
    "url",
    [
        "http://images.example.org/api",
        "https://user:secret@images.example.org/api",
        "https://@images.example.org/api",
        "https://images.example.org/api?to=x",
        "https://images.example.org/api#x",
        "https:///api",
        "https://images.example.org:port/api",
        "ftp://images.example.org/api",
        "file:///etc/passwd",
        "http://localhost.example.org/api",
        "http://0x7f000001.example.org/api",
        "https://images.example.org/a b",
        "images.example.org/api",
    ],
)
def test_row_10_an_address_that_would_expose_the_key_is_refused(unsent, url):
    unsent.environ["OUTPAINT_API_URL"] = url
    assert "OUTPAINT_API_URL" in str(unsent.fails())


@pytest.mark.parametrize(
    "url",
    [
        f"{ELSEWHERE}/api/edit/outpaint",
        "https://www.aithriving.com.example.org/api",
        "https://www.aithriving.com:8443/api/edit/outpaint",
        "https://aithriving.com/api/edit/outpaint",
        "http://127.0.0.1:9/api",
    ],
)
def test_row_10_a_key_without_address_belongs_to_the_service_alone(unsent, url):
    unsent.environ = {"OUTPAINT_API_URL": url, "OUTPAINT_API_KEY": KEY}
    assert "does not belong to" in unsent.fails().what


def test_row_10_two_spellings_of_an_address_are_the_same_origin(unsent):
    from outpaint_nodes.nodes.service import credentials

    address = credentials.read_address({"OUTPAINT_API_URL": "HTTPS://Images.Example.org:443/api"})
    key = credentials.read_key(address, unsent.home, {"OUTPAINT_API_KEY": f"{ELSEWHERE} {KEY}"})
    assert key.secret == KEY


def test_row_11_nothing_a_workflow_can_carry_reaches_the_address_or_the_key():
    from dataclasses import fields

    from outpaint_nodes.nodes.service.batch import Job, Parameters

    known = {field.name for kind in (Job, Parameters) for field in fields(kind)}
    assert not {name for name in known if "key" in name or "url" in name or "address" in name or "auth" in name}
    with pytest.raises(TypeError):
        Parameters(right=1, base_url="https://evil.example.org")


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
@pytest.mark.parametrize("blocked", ["home", "output", "home/results", "home/pending", "home/locks"])
def test_row_12_a_folder_that_is_a_file_stops_before_spending(unsent, blocked):
    path = unsent.home.parent / blocked
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("in the way")
    error = unsent.fails()
    path.unlink()
    assert str(path) in error.what


def test_row_12_a_linked_output_folder_is_refused(unsent, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    unsent.output.symlink_to(tmp_path / "elsewhere")
    assert "is a link" in unsent.fails().what


def test_row_12_a_full_disk_stops_before_spending(unsent, monkeypatch):
    from collections import namedtuple

    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage(10**9, 10**9, 1000))
    assert "0 MB left" in unsent.fails().what


LIMITED = """
import resource, signal, sys
sys.path.insert(0, {tests!r})
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
from pathlib import Path
from outpaint_nodes.nodes.errors import OutpaintError
from outpaint_nodes.nodes.service import batch
from service.world import QUICK, job
service = batch.Service.open(Path({home!r}), None, QUICK, {environ!r})
plan = batch.plan(service, [job()])
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
try:
    batch.run(plan)
except OutpaintError as error:
    print(error)
"""


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="no posix_fallocate on this system")
def test_row_12_room_for_the_answer_is_taken_before_spending(unsent):
    """A quota that the free-space figure does not show: files of at most 300 kB can be written."""
    assert hasattr(resource, "RLIMIT_FSIZE")
    tests = str(os.path.dirname(os.path.dirname(__file__)))
    script = LIMITED.format(tests=tests, home=str(unsent.home), environ=unsent.environ)
    out = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert "cannot be written" in out.stdout and "no credits were spent" in out.stdout, out.stderr


@pytest.mark.parametrize(
    "content", [b"not a database, but long enough to be read as one" * 100, b"SQLite format 3\0" * 500]
)
def test_row_12_a_damaged_ledger_stops_before_spending(unsent, content):
    unsent.home.mkdir()
    path = unsent.home / ledger.NAME
    path.write_bytes(content)
    unsent.actions.append(0)
    service = unsent.service
    with pytest.raises(ledger.LedgerError) as caught:
        service.recover()
    unsent.errors.append(caught.value)
    assert "is damaged" in caught.value.what and str(path) in caught.value.what
    path.unlink()


def test_row_12_a_locked_ledger_stops_before_spending(unsent):
    import sqlite3

    service = unsent.service
    service.ledger.summary()
    service.ledger.running()
    other = sqlite3.connect(unsent.home / ledger.NAME, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(ledger.LedgerError) as caught:
        service.recover()
    other.close()
    unsent.errors.append(caught.value)
    assert "is locked" in caught.value.what


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_row_12_ledger_and_folders_are_for_their_owner_only(world):
    world.ask()
    assert stat.S_IMODE((world.home / ledger.NAME).stat().st_mode) == 0o600
    assert stat.S_IMODE(world.home.stat().st_mode) == 0o700
