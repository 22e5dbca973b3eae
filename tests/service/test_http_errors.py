"""Fault catalogue, rows 33 to 51: refusals are free, gateways leave it open, nothing is repeated unasked."""

from __future__ import annotations

import threading
import time
from email.utils import format_datetime

import pytest

from service.endpoint import KEY
from service.faults import FaultServer, answers

UPSTREAM = {"id": "8a1f", "name": "bad_request", "errors": ["left: too large", "image: is required"]}
PAGE = "<html><head><title>x</title><style>b{}</style></head><body><h1>Oops &amp; sorry</h1></body></html>"


def free(world, error) -> bool:
    return error.credits == "No credits were spent." and world.outcomes == ["free"] and world.server.connections == 1


def unknown(world, error) -> bool:
    return "may have charged" in error.credits and world.outcomes == ["unknown"] and world.server.connections == 1


@pytest.mark.parametrize(
    "status, target",
    [
        *((status, "another port") for status in (301, 302, 303, 307, 308)),
        *((307, target) for target in ("another host", "itself", "nowhere")),
    ],
)
def test_row_33_a_redirect_is_not_followed(world, status, target):
    with FaultServer() as evil:
        place = {
            "another port": evil.url,
            "another host": "http://evil.example.org/api?x=1",
            "itself": world.server.url,
            "nowhere": "http://[broken",
        }[target]
        world.server.then(answers(status, PAGE, {"Location": place}))
        error = world.fails()
        assert evil.connections == 0
    assert free(world, error) and "unexpected redirect" in error.what
    assert "x=1" not in error.what and "/api" not in error.what


def test_row_34_the_errors_of_the_upstream_are_passed_on(world):
    world.server.then(answers(400, UPSTREAM))
    error = world.fails()
    assert free(world, error)
    for part in ("left: too large", "image: is required", "8a1f", "400"):
        assert part in error.what


@pytest.mark.parametrize(
    "scenario",
    [
        answers(401, {"code": -1, "message": "invalid token"}),
        answers(401, {"id": "1", "name": "unauthorized", "errors": ["missing"]}, {"WWW-Authenticate": "Bearer"}),
        answers(403, PAGE),
    ],
    ids=["401", "401 with challenge", "403 page"],
)
def test_row_35_a_rejected_key_is_named_by_where_it_was_read(world, scenario):
    world.server.then(scenario)
    error = world.fails()
    assert (
        free(world, error) and "rejected the API key read from the environment variable OUTPAINT_API_KEY" in error.what
    )


def test_row_36_an_empty_account_is_that_of_the_service_not_the_hosts(world):
    world.server.then(
        answers(402, {"message": "Payment Required: Please add credits to your account to use this node."})
    )
    error = world.fails()
    assert free(world, error) and "too few credits" in error.what and "not in ComfyUI" in error.do


def test_row_37_moderation_is_free_and_not_repeated(world):
    body = {
        "id": "1",
        "name": "content_moderation",
        "errors": ["Your request was flagged by our content moderation system"],
    }
    world.server.then(answers(403, body))
    error = world.fails()
    assert free(world, error) and "moderation refused" in error.what


@pytest.mark.parametrize("status", [404, 405, 410])
def test_row_38_a_moved_endpoint_is_suspected(world, status):
    world.server.then(answers(status, PAGE))
    error = world.fails()
    assert free(world, error) and "nothing at this address" in error.what and "Oops & sorry" in error.what


@pytest.mark.parametrize("body", [PAGE, {"message": "timeout"}, b""])
def test_row_39_a_408_leaves_it_open(world, body):
    world.server.then(answers(408, body))
    assert unknown(world, world.fails())


@pytest.mark.parametrize("status", [409, 422])
def test_rows_40_and_43_other_refusals_say_what_the_service_said(world, status):
    world.server.then(answers(status, {"code": -1, "message": "already working on it"}))
    error = world.fails()
    assert free(world, error) and "already working on it" in error.what


def test_row_42_a_service_that_wants_json_is_answered_with_the_setting(world):
    world.server.then(answers(415, {"message": "json only"}))
    error = world.fails()
    assert free(world, error) and "OUTPAINT_API_BODY=json" in error.do


def in_the_past() -> str:
    import datetime

    return format_datetime(datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone.utc), usegmt=True)


def a_moment_ahead() -> str:
    import datetime

    return format_datetime(datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=1), usegmt=True)


@pytest.mark.parametrize(
    "pace", ["1", "0", "past date", "date", "-5", "abc", "1e309", "", None, "9" * 400], ids=lambda pace: str(pace)[:9]
)
def test_row_44_too_many_requests_is_tried_again_at_the_pace_asked_and_paid_once(world, pace):
    value = {"past date": in_the_past, "date": a_moment_ahead}.get(pace, lambda: pace)()
    world.server.then(answers(429, {"message": "slow down"}, {} if value is None else {"Retry-After": value}))
    started = time.monotonic()
    assert world.with_policy(total=5).ask()[0].credits == 8
    assert world.outcomes == ["free", "paid"]
    if pace == "1":
        assert time.monotonic() - started >= 1


def test_row_44_a_pace_longer_than_the_limit_is_told_instead_of_waited_for(world):
    world.server.then(answers(429, {"message": "slow down"}, {"Retry-After": "86400"}))
    error = world.fails()
    assert free(world, error) and "86400 s" in error.do


def test_row_44_a_service_that_goes_on_refusing_is_left_alone(world):
    world.server.default = answers(429, {"message": "slow down"}, {"Retry-After": "0"})
    error = world.fails()
    assert "slow down" in error.what and world.outcomes == ["free"] * 5


def test_row_46_cancelled_while_waiting_for_the_pace(world):
    refused = threading.Event()

    def scenario(wire):
        wire.read().respond(429, {}, {"Retry-After": "60"})
        refused.set()

    world.server.then(scenario)
    started = time.monotonic()
    error = world.with_policy(longest_pace=100, total=100).fails(cancelled=refused.is_set)
    assert time.monotonic() - started < 60, "I6: the time asked for is not waited for"
    assert "cancelled" in error.what and world.server.connections == 1


def test_row_47_a_stated_internal_failure_is_free_and_not_repeated(world):
    world.server.then(answers(500, {"code": -1, "message": "inference error"}))
    error = world.fails()
    assert free(world, error) and "inference error" in error.what


@pytest.mark.parametrize(
    "status, body",
    [
        *((status, PAGE) for status in (500, 502, 504, 520, 521, 522, 523, 524)),
        (500, b""),
        (504, {"error": {"code": "504", "message": "FUNCTION_INVOCATION_TIMEOUT"}}),
    ],
)
def test_rows_48_and_49_a_gateway_leaves_it_open(world, status, body):
    world.server.then(answers(status, body))
    error = world.fails()
    assert unknown(world, error) and str(status) in error.what


def test_row_50_a_stated_pause_is_kept_and_the_request_repeated(world):
    world.server.then(answers(503, {"code": -1, "message": "busy"}, {"Retry-After": "0"}))
    assert world.ask()[0].credits == 8
    assert world.outcomes == ["free", "paid"]


@pytest.mark.parametrize("headers", [{}, {"Retry-After": "0"}], ids=["no pace", "with pace"])
def test_row_51_an_unavailable_page_leaves_it_open(world, headers):
    world.server.then(answers(503, PAGE, headers))
    assert unknown(world, world.fails())


def test_the_key_echoed_in_any_form_is_scrubbed(world):
    import base64

    echo = f"bad key {KEY} / Authorization: {KEY} / {base64.b64encode(KEY.encode()).decode()} / api_key={KEY}"
    world.server.then(answers(401, {"message": echo}), answers(500, f"<p>{echo}</p>", {"X-Echo": KEY}))
    for _ in range(2):
        error = world.fails()
        assert "[key]" in error.what
        assert base64.b64encode(KEY.encode()).decode().rstrip("=") not in str(error)
