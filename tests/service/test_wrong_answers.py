"""Fault catalogue, rows 53 to 65: HTTP 200, but not what was agreed."""

from __future__ import annotations

import base64
import gzip
import json
import resource
import time
import zlib

import pytest

from service.endpoint import KEY
from service.faults import FaultServer, answers, b64, envelope, returns_bare_picture, works
from service.world import HOST_PHRASES, job


def refused(world, error) -> bool:
    return error.credits == "No credits were spent." and world.outcomes == ["free"]


def unknown(world, error) -> bool:
    return "may have charged" in error.credits and world.outcomes == ["unknown"] and world.server.connections == 1


@pytest.mark.parametrize(
    "message, shown",
    [
        ("the picture is too dark", "too dark"),
        (None, "without a reason"),
        ("x" * 1_000_000, "xxx…"),
        ("<b>bold</b><script>alert(1)</script>", "bold"),
        ("\x1b[31mred\x1b[0m\r\nline\x00\x07", "red line"),
        (f"Bearer {KEY} was not accepted", "[key]"),
        *((phrase, "(refused)") for phrase in HOST_PHRASES),
        ({"not": "text"}, "without a reason"),
    ],
    ids=lambda value: str(value)[:12],
)
def test_row_53_a_failure_in_the_envelope_is_free_and_its_message_harmless(world, message, shown):
    world.server.then(answers(200, {"code": -1, "message": message, "data": None}))
    error = world.fails()
    assert refused(world, error) and shown in error.what
    assert "<" not in error.what and "\x1b" not in error.what and len(error.what) < 500


@pytest.mark.parametrize("code", ["0", 0.0, -0.0])
def test_row_54_zero_in_another_spelling_is_success(world, code):
    world.server.then(envelope(lambda data, seed: {"code": code, "data": {"image": b64(data), "seed": seed}}))
    assert world.ask()[0].warnings == ()


@pytest.mark.parametrize("code", ["missing", None, True, 200, 1, "ok"])
def test_row_54_a_picture_under_another_code_is_paid_and_used_with_a_warning(world, code):
    body = {} if code == "missing" else {"code": code}
    world.server.then(envelope(lambda data, seed: {**body, "data": b64(data)}))
    result = world.ask()[0]
    assert result.credits == 8 and "its code was" in result.warnings[0]


@pytest.mark.parametrize(
    "body", [{}, {"code": None}, {"code": True}, {"code": 200, "data": "c29tZSB0ZXh0IG9mIGEga2luZA=="}]
)
def test_row_54_another_code_without_a_picture_is_a_failure(world, body):
    world.server.then(answers(200, body))
    assert refused(world, world.fails())


@pytest.mark.parametrize("data", ["missing", None, {}, "", [], {"image": None}, {"image": ""}, "not base64 at all!"])
def test_row_55_success_without_a_picture_is_kept_and_may_have_cost(world, data):
    body = {"code": 0, "message": "success"} | ({} if data == "missing" else {"data": data})
    world.server.then(lambda wire: (wire.read().generate(), wire.respond(200, body)))
    error = world.fails()
    assert "may have been charged" in error.what and "'reroll'" in error.do
    assert json.loads(open(world.attempts[0].file).read()) == body


@pytest.mark.parametrize(
    "form",
    [
        lambda data, seed: {"code": 0, "data": b64(data)},
        lambda data, seed: {"code": 0, "data": {"image": b64(data)}},
        lambda data, seed: {"code": 0, "data": {"image": [b64(data)]}},
        lambda data, seed: {"code": 0, "data": [b64(data)]},
        lambda data, seed: {"code": 0, "data": {"images": [{"image": b64(data)}]}},
        lambda data, seed: {"code": 0, "data": json.dumps({"image": b64(data), "seed": seed})},
        lambda data, seed: {"code": 0, "data": "data:image/png;base64," + b64(data)},
        lambda data, seed: {"code": 0, "data": base64.encodebytes(data).decode()},
        lambda data, seed: {"code": 0, "data": b64(data).replace("+", "-").replace("/", "_").rstrip("=")},
        lambda data, seed: {"code": 0, "image": b64(data)},
        lambda data, seed: {
            "code": 0,
            "data": {"image": b64(data), "url": "http://evil.example.org/x"},
            "new": [1, {}],
        },
    ],
    ids=[
        "string",
        "object",
        "list in object",
        "list",
        "objects",
        "JSON text",
        "data URI",
        "lines",
        "URL base64",
        "flat",
        "extra",
    ],
)
def test_row_56_every_form_of_the_data_works(world, form):
    world.server.then(envelope(form))
    assert world.ask()[0].picture.size == (320, 192)


def test_row_56_an_address_instead_of_a_picture_is_not_fetched(world):
    with FaultServer() as evil:
        body = {"code": 0, "data": {"url": f"{evil.origin}/picture.png"}}
        world.server.then(lambda wire: (wire.read().generate(), wire.respond(200, body)))
        error = world.fails()
        assert evil.connections == 0
    assert "an address instead of a picture" in error.what


@pytest.mark.parametrize(
    "body, words",
    [
        ("<!DOCTYPE html><html><body>Please log in to WiFi</body></html>", "network login page"),
        ("all good", "all good"),
        (b"", "no answer"),
        (b"\xff\xfe\x00garbage\x80", "no answer"),
        ("[1, 2, 3]", "no answer"),
        ("null", "no answer"),
        ("[" * 100_000, "no answer"),
        ("1" * 5000, "no answer"),
        ("--x\r\nContent-Disposition: form-data\r\n\r\nabc\r\n--x--", "no answer"),
    ],
    ids=["login page", "text", "empty", "bytes", "list", "null", "deep", "huge number", "multipart"],
)
def test_row_58_something_else_altogether_leaves_it_open(world, body, words):
    world.server.then(answers(200, body))
    error = world.fails()
    assert unknown(world, error) and words in error.what


@pytest.mark.parametrize("output_format", ["png", "jpeg", "webp"])
def test_row_58_a_picture_without_envelope_is_taken_by_its_first_bytes(world, output_format):
    world.server.then(returns_bare_picture({"seed": "99"}))
    result = world.ask(job(output_format=output_format))[0]
    assert result.picture.size == (320, 192) and result.seed == 99


def test_row_58_a_byte_order_mark_and_text_behind_the_answer_do_no_harm(world):
    def scenario(wire):
        body = json.dumps({"code": 0, "data": b64(wire.read().generate())})
        wire.respond(200, b"\xef\xbb\xbf" + body.encode() + b"\n<!-- cached -->")

    world.server.then(scenario)
    assert world.ask()[0].credits == 8


def half(wire, **options) -> bytes:
    body = json.dumps({"code": 0, "data": b64(wire.read().generate())}).encode()
    wire.respond(200, body[: len(body) // 2], length=len(body), **options)
    return body


@pytest.mark.parametrize("end", ["closed", "reset", "no length", "bad chunk", "no last chunk"])
def test_row_59_an_answer_cut_short_is_kept_and_never_repeated(world, end):
    def scenario(wire):
        if end in ("closed", "reset"):
            half(wire)
            if end == "reset":
                time.sleep(0.1)
                wire.reset()
            return
        body = json.dumps({"code": 0, "data": b64(wire.read().generate())}).encode()
        if end == "no length":
            wire.respond(200, body[: len(body) // 2], length=None)
            return
        wire.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        wire.send(b"4000\r\n" + body[:0x4000] + b"\r\n")
        wire.send(b"zz\r\n" if end == "bad chunk" else b"")

    world.server.then(scenario)
    error = world.fails()
    assert unknown(world, error)
    assert open(world.attempts[0].file, "rb").read().startswith(b'{"code": 0')


def test_row_59_a_complete_picture_is_used_although_the_connection_broke_after_it(world):
    def scenario(wire):
        picture = wire.read().generate()
        body = json.dumps({"code": 0, "data": b64(picture)}).encode()
        wire.respond(200, body, length=len(body) + 100)

    world.server.then(scenario)
    result = world.ask()[0]
    assert result.credits == 8 and "ended early" in result.warnings[0]


def test_row_60_an_answer_that_stops_in_the_middle_ends_at_the_limit(world):
    def scenario(wire):
        half(wire)
        wire.hang()

    world.server.then(scenario)
    assert unknown(world, world.with_policy(read=2).fails())


@pytest.mark.parametrize("framing", ["length", "chunked", "until closed"])
def test_row_61_an_answer_that_drips_ends_at_the_deadline(world, framing):
    def scenario(wire):
        wire.read().generate()
        if framing == "chunked":
            wire.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        else:
            wire.respond(200, b"", length=None if framing == "until closed" else 100_000)
        for _ in range(100):
            wire.send(b"1\r\nx\r\n" if framing == "chunked" else b"x")
            time.sleep(0.1)

    world.server.then(scenario)
    assert unknown(world, world.with_policy(total=3).fails())


def endless(block: bytes, head: bytes):
    def scenario(wire):
        wire.read().generate()
        wire.send(head)
        for _ in range(40_000):
            wire.send(block)

    return scenario


BOMB = gzip.compress(b"\0" * 50_000_000)


@pytest.mark.parametrize(
    "scenario",
    [
        lambda wire: (wire.read().generate(), wire.respond(200, BOMB, {"Content-Encoding": "gzip"})),
        endless(b"x" * 50_000, b"HTTP/1.1 200 OK\r\nContent-Length: 2000000000\r\n\r\n"),
        endless(b"c350\r\n" + b"x" * 50_000 + b"\r\n", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
    ],
    ids=["gzip bomb", "2 GB", "endless chunks"],
)
def test_row_63_an_answer_larger_than_any_picture_is_cut_off(world, scenario):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    world.server.then(scenario)
    error = world.with_policy(total=10).fails()
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    assert unknown(world, error) and "larger than any answer" in error.what
    cap = world.policy.answer_bytes(320, 192)
    assert open(world.attempts[0].file, "rb").seek(0, 2) <= cap
    assert grown < cap + 64_000_000


@pytest.mark.parametrize("packing", ["gzip", "deflate"])
def test_row_63_an_answer_that_was_packed_unasked_is_unpacked(world, packing):
    def scenario(wire):
        body = json.dumps({"code": 0, "data": b64(wire.read().generate())}).encode()
        packed = gzip.compress(body) if packing == "gzip" else zlib.compress(body)
        wire.respond(200, packed, {"Content-Encoding": packing})

    world.server.then(scenario)
    assert world.ask()[0].credits == 8


def test_row_63_a_broken_packing_leaves_it_open(world):
    world.server.then(answers(200, b"no gzip at all", {"Content-Encoding": "gzip"}))
    assert unknown(world, world.fails())


def test_row_65_the_last_of_duplicate_keys_counts_and_others_are_ignored(world):
    def scenario(wire):
        picture = b64(wire.read().generate())
        wire.respond(200, f'{{"code": -1, "code": 0, "extra": {{}}, "data": "", "data": "{picture}"}}')

    world.server.then(scenario)
    assert world.ask()[0].credits == 8


@pytest.mark.parametrize("place", ["top", "data", "header"])
def test_row_65_a_picture_blurred_by_moderation_is_kept_and_said(world, place):
    def scenario(wire):
        picture = wire.read().generate()
        reason = {"finish_reason": "CONTENT_FILTERED"}
        body = {"code": 0, "data": {"image": b64(picture)}}
        if place != "header":
            (body if place == "top" else body["data"]).update(reason)
        headers = {"finish-reason": "CONTENT_FILTERED"} if place == "header" else {}
        wire.respond(200, body, headers)
        wire.server.delivered.append(picture)

    world.server.then(scenario, works)
    error = world.fails()
    assert "moderation blurred" in error.what and error.credits == "8 credits were spent."
    again = world.fails()
    assert "moderation blurred" in again.what and "nothing was sent now" in again.credits
