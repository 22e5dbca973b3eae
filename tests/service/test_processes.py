"""Fault catalogue, rows 82 to 90: processes that die, disks and memory that fail late, other deployments."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from PIL import Image

from outpaint_nodes.nodes.service import batch, payment, pictures, store
from outpaint_nodes.nodes.service.ledger import Ledger
from service.endpoint import KEY, encode, extend
from service.faults import answers, b64, returns_bare_picture, returns_bytes, working, works
from service.world import job

TESTS = str(Path(__file__).parents[1])
BUYER = """
import sys
sys.path.insert(0, {tests!r})
from pathlib import Path
from outpaint_nodes.nodes.errors import OutpaintError
from outpaint_nodes.nodes.service import batch
from service.world import QUICK, job
from dataclasses import replace
service = batch.Service.open(Path({home!r}), Path({output!r}), replace(QUICK, read=20, total=20), {environ!r})
plan = batch.plan(service, [job(seed=seed) for seed in {seeds!r}])
flight = batch.start(plan)
print("started", flush=True)
if {wait!r}:
    flight.wait(60)
    try:
        print([result.credits for result in flight.results()])
    except OutpaintError as error:
        print(error)
"""


def buyer(world, seeds=(7,), wait=True) -> subprocess.Popen:
    """Another process of the same user that asks for pictures."""
    script = BUYER.format(
        tests=TESTS, home=str(world.home), output=str(world.output), environ=world.environ, seeds=seeds, wait=wait
    )
    return subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)


def until(condition, seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


def took_over(world, *jobs) -> None:
    """What the other process asked for, for the books of the invariants."""
    jobs = jobs or (job(),)
    world.asked += len(jobs)
    world.actions.append(0)
    world.jobs |= {item.key: asked for item, asked in zip(batch.plan(world.service, jobs).items, jobs, strict=True)}


def test_row_82_killed_before_the_answer_the_request_is_unknown_at_the_next_start(world):
    world.server.then(lambda wire: wire.read().hang())
    process = buyer(world)
    until(lambda: world.server.complete_requests == 1)
    process.send_signal(signal.SIGKILL)
    process.wait(10)
    assert world.outcomes == [None]
    took_over(world)
    settled = world.service.recover()
    assert [attempt.outcome for attempt in settled] == ["unknown"]
    assert "Unknown: 1 request" in world.service.ledger.summary().text()
    assert "ended after sending" in world.service.ledger.summary().unknown[0].note


def dies(*_, **__):
    raise SystemExit


def dies_when(world, monkeypatch, place, name) -> None:
    """A user's program ends after the answer came, when it calls this: as after a kill at that moment."""
    took_over(world)
    with monkeypatch.context() as patched:
        patched.setattr(place, name, dies)
        batch.start(batch.plan(world.service, [job()])).wait(10)
    assert world.outcomes == [None]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_row_82_killed_between_the_answer_and_the_ledger_nothing_is_lost(world, monkeypatch):
    dies_when(world, monkeypatch, payment, "conclude")
    result = world.ask()[0]
    assert result.credits == 0 and world.outcomes == ["paid"] and world.server.connections == 1


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize(
    "answer, words",
    [
        (lambda request: encode(extend(request), "png")[:-2000], "damaged"),
        (lambda request: b"GIF89a, or something else that is no picture", "not a PNG, JPEG or WebP"),
        (lambda request: encode(Image.new("RGB", extend(request).size), "png"), "one single colour"),
    ],
    ids=["truncated", "of another kind", "black"],
)
def test_row_82_killed_after_an_answer_of_no_use_it_is_told_as_such_and_not_bought_again(
    world, monkeypatch, answer, words
):
    world.server.then(returns_bytes(answer))
    dies_when(world, monkeypatch, payment, "conclude")
    for _ in range(2):
        error = world.fails()
        assert words in error.what and "credits were spent on it earlier" in error.credits
        assert "kept in" in error.do and "reroll" in error.do
    assert world.outcomes == ["paid"] and world.server.connections == 1


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_row_82_killed_after_an_answer_that_is_the_bare_picture_nothing_is_lost(world, monkeypatch):
    world.server.then(returns_bare_picture({"Content-Type": "image/png"}))
    dies_when(world, monkeypatch, payment, "conclude")
    result = world.ask()[0]
    assert result.credits == 0 and world.outcomes == ["paid"] and world.server.connections == 1


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_row_82_killed_within_an_answer_that_is_the_bare_picture_its_outcome_is_unknown(world, monkeypatch):
    def cut(wire):
        picture = wire.read().generate()
        wire.respond(200, picture[:-2000], {"Content-Type": "image/png"}, length=len(picture))

    world.server.then(cut)
    dies_when(world, monkeypatch, payment, "judge")
    assert [attempt.outcome for attempt in world.service.recover()] == ["unknown"]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_row_82_killed_before_the_key_was_taken_out_of_an_answer_it_is_taken_out_later(world, monkeypatch):
    world.server.then(answers(500, f"<html>{KEY}</html>" + 100_000 * " "))
    dies_when(world, monkeypatch, store.Spool, "close")
    [settled] = world.service.recover()
    assert settled.outcome == "unknown" and KEY.encode() not in Path(settled.file).read_bytes()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_row_82_a_disk_too_full_to_collect_what_was_left_behind_loses_nothing_and_says_so(world, monkeypatch):
    dies_when(world, monkeypatch, payment, "conclude")

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(store, "write_whole", full)
        assert "No space left" in world.fails().what
    assert world.ask()[0].credits == 0 and world.server.connections == 1


def test_row_82_an_attempt_that_still_runs_elsewhere_is_left_alone(world):
    world.server.then(working(0.6))
    process = buyer(world)
    until(lambda: world.server.complete_requests == 1)
    took_over(world)
    assert world.service.recover() == [] and world.outcomes == [None]
    assert "[8]" in process.communicate(timeout=20)[0]
    assert world.outcomes == ["paid"]


def test_two_processes_and_three_threads_asking_the_same_pay_once(world):
    world.server.default = working(0.5)
    processes = [buyer(world), buyer(world)]
    took_over(world)
    service = world.with_policy(total=30, read=30).service
    flights = [batch.start(batch.plan(service, [job()])) for _ in range(3)]
    assert all(flight.wait(30) for flight in flights)
    paid = [result.credits for flight in flights for result in flight.results()]
    paid += [json.loads(process.communicate(timeout=30)[0].split("\n")[1])[0] for process in processes]
    assert sorted(paid) == [0, 0, 0, 0, 8]
    assert world.server.connections == 1


def test_two_racing_for_a_request_of_unknown_outcome_send_it_once(world):
    world.server.then(lambda wire: (wire.read(), time.sleep(0.5)))
    took_over(world)
    service = world.with_policy(read=5, total=5).service
    flights = [batch.start(batch.plan(service, [job()])) for _ in range(3)]
    for flight in flights:
        assert flight.wait(20)
        with pytest.raises(payment.ServiceError, match="may have charged"):
            flight.results()
    assert world.server.connections == 1


@pytest.mark.parametrize("failure", [RuntimeError("decoder"), MemoryError()])
def test_row_84_whatever_breaks_after_paying_the_picture_is_kept(world, monkeypatch, failure):
    def breaks(*_):
        raise failure

    monkeypatch.setattr(pictures, "decode", breaks)
    error = world.fails()
    assert type(failure).__name__ in error.what and error.credits == "8 credits were spent."
    kept = Path(world.attempts[0].file)
    assert kept.parent == world.output and Image.open(kept).size == (320, 192)


def test_row_84_a_disk_that_fails_after_paying_still_gives_the_picture(world, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(store, "write_whole", full)
    result = world.ask()[0]
    assert result.picture.size == (320, 192) and any("could not be written to disk" in w for w in result.warnings)
    monkeypatch.undo()
    assert world.server.delivered[0] in payment_bodies(world)


def test_row_84_a_file_that_a_virus_scanner_holds_for_a_moment_is_written_all_the_same(world, monkeypatch):
    real, refused = os.replace, []

    def held(part, path):
        if len(refused) < 2:
            refused.append(path)
            raise PermissionError(13, "The process cannot access the file because it is being used by another process")
        real(part, path)

    monkeypatch.setattr(os, "replace", held)
    assert world.ask()[0].warnings == () and len(refused) == 2


def payment_bodies(world) -> list[bytes]:
    from service.world import bodies

    return [body for path in (world.home / "pending").iterdir() for body in bodies(path.read_bytes())]


def test_row_84_a_ledger_that_fails_after_paying_still_gives_the_picture(world, monkeypatch):
    from outpaint_nodes.nodes.service import ledger

    def fails(self, *_, **__):
        raise ledger.LedgerError("The ledger is gone.", "Look for it.")

    monkeypatch.setattr(Ledger, "settle", fails)
    result = world.ask()[0]
    assert result.credits == 8 and any("could not be written into the ledger" in w for w in result.warnings)
    monkeypatch.undo()
    assert world.ask()[0].credits == 0, "settled from the answer on disk"


def test_row_86_a_clock_set_back_changes_no_deadline(world, monkeypatch):
    real = time.time
    world.server.then(lambda wire: wire.read().hang())
    monkeypatch.setattr(time, "time", lambda: real() - 86_400 * (world.server.complete_requests > 0))
    started = time.monotonic()
    world.with_policy(total=2).fails()
    assert time.monotonic() - started < world.policy.total + 1


def test_row_87_a_program_that_ends_is_not_held_up(world):
    world.server.then(lambda wire: wire.read().hang())
    process = buyer(world, wait=False)
    process.wait(20)
    took_over(world)
    world.service.recover()
    assert set(world.outcomes) <= {"unknown"}


def only(header: str, form: str):
    def scenario(wire):
        wire.read_head()
        if wire.head.get(header) != form.format(KEY):
            wire.read().respond(401, {"message": "no key"})
        else:
            works(wire)

    return scenario


@pytest.mark.parametrize(
    "header, form, setting", [("authentication", "{}", "authentication"), ("authorization", "Bearer {}", "bearer")]
)
def test_row_88_another_header_is_a_setting_of_the_server(world, header, form, setting):
    world.server.default = only(header, form)
    assert "OUTPAINT_API_AUTH" in world.fails().do
    world.environ["OUTPAINT_API_AUTH"] = setting
    assert world.ask()[0].credits == 8


def test_row_88_a_service_that_takes_json_only(world):
    seen = {}

    def scenario(wire):
        wire.read_head()
        while len(wire.buffer) < int(wire.head["content-length"]):
            wire.buffer += wire.receive()
        wire.server.complete_requests += 1
        if wire.head["content-type"] != "application/json":
            return wire.respond(415, {"message": "send JSON"})
        seen.update(json.loads(wire.buffer))
        wire.server.generations += 1
        return wire.respond(200, {"code": 0, "data": seen["image"]})

    world.server.default = scenario
    assert "OUTPAINT_API_BODY=json" in world.fails().do
    world.environ["OUTPAINT_API_BODY"] = "json"
    world.ask(job(seed=5, prompt="a café"))
    assert (seen["right"], seen["seed"], seen["prompt"], seen["creativity"]) == (64, 5, "a café", 0.5)
    assert seen["image"].startswith(b64(b"\x89PNG")[:4])


def test_a_setting_that_does_not_exist_is_refused_with_the_choices(world):
    world.environ["OUTPAINT_API_AUTH"] = "basic"
    assert "raw, bearer, authentication" in world.fails().do


def test_a_damaged_result_is_restored_from_the_users_copy(world):
    world.ask()
    for path in (world.home / "results").iterdir():
        path.write_bytes(b"damaged")
    assert world.ask()[0].credits == 0


def test_a_result_damaged_in_both_places_is_announced_before_anything_is_paid_again(world):
    world.ask()
    for folder in (world.home / "results", world.output):
        for path in folder.iterdir():
            path.write_bytes(b"damaged")
    error = world.fails()
    assert "damaged or gone" in error.what and "nothing was sent now" in error.credits
    world.server.delivered.clear()
    assert world.server.connections == 1
    assert world.ask()[0].credits == 8


def test_a_lost_result_that_was_put_back_as_the_message_says_is_not_paid_again(world):
    picture = Path(world.ask()[0].file)
    content = picture.read_bytes()
    for path in (picture, *(world.home / "results").iterdir()):
        path.unlink()
    assert "Put the file back" in world.fails().do
    picture.write_bytes(content)
    assert world.ask()[0].credits == 0
    assert world.server.connections == 1


def test_reroll_buys_another_picture_on_purpose(world):
    world.ask()
    assert world.ask(job(reroll=1))[0].credits == 8
    assert world.ask(job(reroll=1))[0].credits == 0
    assert world.ask()[0].credits == 0


def test_after_several_unknown_outcomes_in_a_row_it_pauses(world):
    world.server.default = lambda wire: wire.read()
    world.with_policy(breaker_failures=3)
    for _ in range(3):
        world.fails()
    error = world.fails()
    assert "last 3 requests" in error.what and world.server.connections == 3


def test_nothing_is_left_behind(world):
    def open_files() -> int:
        return len(os.listdir("/proc/self/fd"))

    world.ask(job(seed=1))
    threads, files = threading.active_count(), open_files()
    for seed in range(2, 12):
        world.ask(job(seed=seed))
    until(lambda: threading.active_count() <= threads + 1 and open_files() <= files + 2)
    assert not list((world.home / "pending").iterdir()) and not list((world.home / "locks").iterdir())
