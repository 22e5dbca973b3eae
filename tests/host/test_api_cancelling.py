"""Outpaint (API) in the real host, ended before its time: by the user, by another node, or with the host itself."""

from __future__ import annotations

import signal
import threading
import time

import numpy as np

from host.paid import ONE_THREAD, SEEDS, api, outcomes, prompt, put, report, until
from service.faults import FaultServer, answers, working
from service.world import photo


def interrupt(paid, pending) -> None:
    """Press Cancel and wait until the host says that the prompt was interrupted."""
    paid.interrupt()
    run = pending.wait()
    assert run.status == "interrupted", run.message


def answers_after(finish: threading.Event):
    """The service at work until the test lets it ``finish``, or for a minute."""

    def scenario(wire):
        wire.read()
        finish.wait(60)
        wire.deliver(wire.generate())

    return scenario


def test_row_24_cancelled_during_the_upload_nothing_is_made(paid, server):
    server.then(lambda wire: wire.read(pause=0.05, block=4096))
    noise = np.random.default_rng(5).random((1, 1500, 1500, 3), np.float32)
    pending = paid.submit(prompt(api(("noise", 0)), noise=put(paid, noise)))
    until(lambda: server.connections == 1)
    time.sleep(0.3)
    interrupt(paid, pending)
    assert server.complete_requests == 0, "I6: the rest of the upload, a minute, is not waited for"
    until(lambda: outcomes(paid)[-1] == "free")
    assert server.generations == 0


def test_row_28_cancelled_while_waiting_the_answer_is_kept_and_free_next_time(paid, server):
    node, finish = api(), threading.Event()
    server.then(answers_after(finish))
    pending = paid.submit(prompt(node))
    until(lambda: server.complete_requests == 1)
    interrupt(paid, pending)
    assert server.generations == 0, "I6: the answer is not waited for"
    finish.set()
    until(lambda: server.generations == 1)
    run = paid.run(prompt(node))
    assert run.status == "success" and report(paid).startswith("0 credits")
    assert server.connections == 1


def test_row_29_a_failing_neighbour_loses_nothing_and_holds_nothing_up(paid, server):
    node = api()
    arrived, finish = paid.input / f"{next(SEEDS)}.arrived", threading.Event()

    def slow(wire):
        wire.read()
        arrived.touch()
        finish.wait(60)
        wire.deliver(wire.generate())

    server.then(slow)
    fail = {"class_type": "TestFail", "inputs": {"after": arrived.name}}
    run = paid.run(prompt(node, fail=fail))
    assert run.status == "error" and "always fails" in run.message
    assert server.complete_requests == 1 and server.generations == 0
    load = {"class_type": "LoadImage", "inputs": {"image": "photo.png"}}
    next_prompt = {"load": load, "save": {"class_type": "PreviewImage", "inputs": {"images": ["load", 0]}}}
    assert paid.run(next_prompt).status == "success"
    assert server.generations == 0, "the next prompt does not wait for the request of the one before"
    finish.set()
    run = paid.run(prompt(node))
    assert run.status == "success" and server.connections == 1


def test_row_46_cancelled_while_the_service_asks_to_wait(paid, server):
    server.then(answers(429, {"message": "slow"}, {"Retry-After": "30"}))
    asked = time.monotonic()
    pending = paid.submit(prompt())
    until(lambda: server.complete_requests == 1)
    time.sleep(0.3)
    interrupt(paid, pending)
    assert time.monotonic() - asked < 30, "I6: the time asked for is not waited for"
    assert server.connections == 1


def test_row_80_cancelled_in_a_batch_what_is_under_way_is_kept(paid, server):
    finish = threading.Event()
    server.then(working(0), working(0))
    server.default = answers_after(finish)
    batch = {"class_type": "RepeatImageBatch", "inputs": {"image": ["load", 0], "amount": 8}}
    node = api(("many", 0))
    pending = paid.submit(prompt(node, many=batch))
    until(lambda: server.complete_requests >= 3 and server.generations == 2)
    interrupt(paid, pending)
    assert server.generations == 2, "I6: what is under way is not waited for"
    finish.set()
    until(lambda: server.generations == server.complete_requests)
    made = server.generations
    assert made <= 4
    run = paid.run(prompt(node, many=batch))
    assert run.status == "success" and report(paid).startswith(f"{8 * (8 - made)} credits")
    assert server.generations == 8


def test_rows_82_and_87_a_killed_host_leaves_a_note_and_a_stopped_one_is_not_held_up(start_comfy, tmp_path):
    with FaultServer() as server:
        comfy = start_comfy(server.environment() | ONE_THREAD, base=tmp_path)
        comfy.save_input(photo(), "photo.png")
        done, lost = api(), api()
        assert comfy.run(prompt(done)).status == "success"
        server.then(lambda wire: wire.read().hang())
        comfy.submit(prompt(lost))
        until(lambda: server.complete_requests == 2)
        comfy.process.send_signal(signal.SIGKILL)
        comfy.process.wait()
        comfy.start()
        run = comfy.run(prompt(done))
        assert run.status == "success" and server.connections == 2
        assert "1 earlier request ended without a known outcome" in report(comfy)
        assert outcomes(comfy) == ["paid", "unknown"]

        server.then(lambda wire: wire.read().hang(60))
        comfy.submit(prompt())
        until(lambda: server.complete_requests == 3)
        comfy.process.send_signal(signal.SIGINT)
        comfy.process.wait(20)
