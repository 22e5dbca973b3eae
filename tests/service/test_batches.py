"""Fault catalogue, rows 74 to 81: several pictures."""

from __future__ import annotations

import threading
import time

import pytest

from outpaint_nodes.nodes.service import batch
from outpaint_nodes.nodes.service.batch import BatchError
from service.faults import answers, returns, working, works
from service.world import job, noise, photo


def jobs(number: int) -> list:
    return [job(seed=seed) for seed in range(1, number + 1)]


def test_row_74_one_failure_keeps_the_others_and_the_message_counts(world):
    world.server.then(works, works, answers(400, {"message": "too dark"}), works, works)
    error = world.with_policy(concurrency=1).fails(*jobs(5))
    assert isinstance(error, BatchError)
    assert "4 of 5 pictures came, 1 failed, 0 were not sent" in error.what and "picture 3" in error.what
    assert error.credits == "32 credits were spent." and "too dark" in error.what
    assert [result is not None for result in error.results] == [True, True, False, True, True]
    assert str(world.output) in error.do
    results = world.ask(*jobs(5))
    assert [result.credits for result in results] == [0, 0, 8, 0, 0]
    assert world.server.connections == 6


def test_row_74_after_an_unknown_outcome_nothing_new_is_started(world):
    world.server.then(works, lambda wire: wire.read())
    error = world.with_policy(concurrency=1).fails(*jobs(5))
    assert "1 of 5 pictures came, 1 failed, 3 were not sent" in error.what
    assert "8 credits were spent, and the outcome of 1 request is unknown" in error.credits
    assert world.server.connections == 2


def test_row_74_a_rejected_key_is_not_tried_for_every_picture(world):
    world.server.default = answers(401, {"message": "no"})
    error = world.with_policy(concurrency=1).fails(*jobs(5))
    assert "4 were not sent" in error.what and world.server.connections == 1
    assert error.credits == "0 credits were spent."


def test_row_76_the_same_picture_twice_is_paid_once(world):
    results = world.ask(job(), job(), job(seed=8))
    assert [result.credits for result in results] == [8, 0, 8]
    assert world.server.generations == 2


def test_row_78_never_more_at_once_than_the_policy_says_not_even_from_several_runs(world):
    world.server.default = working(0.05)
    world.with_policy(total=30)
    service = world.service
    plans = [batch.plan(service, [job(seed=10 * run + n) for n in range(1, 6)]) for run in range(4)]
    world.actions, world.asked = [0], 20
    flights = [batch.start(plan) for plan in plans]
    assert all(flight.wait(30) for flight in flights)
    assert sum(len(flight.results()) for flight in flights) == 20
    assert 1 <= world.server.most_at_once <= world.policy.concurrency == 2


def test_row_79_answers_of_different_size_come_as_they_are(world):
    world.server.then(returns(lambda request: photo(330, 200)), works)
    results = world.with_policy(concurrency=1).ask(*jobs(2))
    assert [result.picture.size for result in results] == [(330, 200), (320, 192)]


def test_row_80_cancelled_in_the_middle_only_what_was_under_way_is_paid_and_all_of_it_kept(world):
    world.server.default = working(0.2)
    busy = threading.Event()

    def cancelled():
        if world.server.complete_requests >= 3:
            busy.set()
        return busy.is_set()

    error = world.with_policy(total=10).fails(*jobs(10), cancelled=cancelled)
    assert world.server.generations <= 4
    assert error.credits == f"{world.server.charged} credits were spent."
    results = world.ask(*jobs(10))
    assert sum(result.credits for result in results) + world.server.charged - sum(r.credits for r in results) == 80
    assert world.server.generations == 10


def test_row_81_the_limit_of_the_day_is_checked_again_for_every_request(world):
    """A second run spends meanwhile what the first had planned with."""
    world.environ["OUTPAINT_MAX_CREDITS_PER_DAY"] = "24"
    service = world.with_policy(concurrency=1, total=10).service
    first = batch.plan(service, jobs(2))
    second = batch.plan(service, [job(seed=50), job(seed=51)])
    world.actions, world.asked = [0], 4
    results, errors = [], []
    for plan in (first, second):
        try:
            results += batch.run(plan)
        except BatchError as error:
            errors.append(error)
            results += [result for result in error.results if result]
    assert len(results) == 3 and world.server.charged == 24
    assert "Today's limit of 24 credits" in errors[0].what
    world.errors += errors


def test_unknown_requests_count_against_the_limit_of_the_day(world):
    world.environ["OUTPAINT_MAX_CREDITS_PER_DAY"] = "8"
    world.server.then(lambda wire: wire.read())
    world.fails()
    assert "8 are spent or in flight" in world.fails().what


def test_results_of_a_batch_keep_the_order_of_the_pictures(world):
    world.server.default = lambda wire: (
        wire.read(),
        time.sleep(0.3 / wire.request.seed),
        wire.deliver(wire.generate()),
    )
    results = world.with_policy(total=10).ask(*jobs(4))
    assert [result.seed for result in results] == [1, 2, 3, 4]


def test_one_picture_that_the_service_would_not_take_stops_the_batch_before_spending(world):
    from PIL import Image

    error = world.fails(job(), job(Image.new("RGB", (10, 10))))
    assert "10×10" in error.what and world.server.connections == 0


def test_one_picture_too_large_to_send_does_not_stop_the_others(world):
    error = world.with_policy(upload_limit=100_000, total=10).fails(job(noise(300, 300)), *jobs(2))
    assert "2 of 3 pictures came" in error.what and "even as JPEG" in error.what


@pytest.mark.parametrize("number", [1, 3])
def test_a_run_of_what_is_paid_for_needs_neither_key_nor_network(world, number):
    world.ask(*jobs(number))
    del world.environ["OUTPAINT_API_KEY"]
    world.server.default = answers(500)
    assert [result.credits for result in world.ask(*jobs(number), max_credits=0)] == [0] * number
