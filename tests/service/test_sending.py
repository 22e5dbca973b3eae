"""Fault catalogue, rows 13 to 32: connecting, uploading, and no answer after a complete request."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time

import pytest

from outpaint_nodes.nodes.service import batch
from service import certificates
from service.faults import FaultServer, answers, works
from service.world import job, noise


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def at(origin: str, key: str) -> dict[str, str]:
    return {"OUTPAINT_API_URL": f"{origin}/api/edit/outpaint", "OUTPAINT_API_KEY": f"{origin} {key}"}


def test_row_13_a_refused_connection_is_tried_three_times_and_costs_nothing(world):
    from service.endpoint import KEY

    world.environ = at(f"http://127.0.0.1:{closed_port()}", KEY)
    error = world.fails()
    assert "refused the connection" in error.what and error.credits == "No credits were spent."
    assert world.outcomes == ["free"] * 3


def test_row_14_an_unknown_host_is_tried_twice(world):
    from service.endpoint import KEY

    world.environ = at("https://no-such-host.invalid", KEY)
    error = world.with_policy(total=10).fails()
    assert "could not be looked up" in error.what
    assert world.outcomes == ["free"] * 2


def test_row_15_a_connection_that_never_stands_ends_within_the_deadline(world):
    from service.endpoint import KEY

    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        address = full.getsockname()
        waiting = []
        for _ in range(4):
            client = socket.socket()
            client.setblocking(False)
            client.connect_ex(address)
            waiting.append(client)
        world.environ = at(f"http://127.0.0.1:{address[1]}", KEY)
        error = world.with_policy(connect=0.2).fails()
        for client in waiting:
            client.close()
    assert "could not be reached" in error.what or "time limit" in error.what
    assert set(world.outcomes) == {"free"}


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return certificates.Authority(tmp_path_factory.mktemp("authority"))


@pytest.mark.parametrize("fault", ["self-signed", "expired", "wrong host", "unknown authority", "old TLS"])
def test_row_16_a_connection_that_cannot_be_trusted_is_not_used_and_not_tried_again(
    world, authority, monkeypatch, fault
):
    if fault != "unknown authority":
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority.file))
    with FaultServer(authority.context(fault)) as secure:
        world.environ = secure.environment()
        error = world.fails()
        assert secure.connections == 1 and secure.complete_requests == 0
        assert not secure.heads, "the key reached somebody unknown"
    assert "TLS" in error.what and "REQUESTS_CA_BUNDLE" in error.do and "clock" in error.do


def test_row_16_https_to_a_port_that_speaks_plain_http(world):
    from service.endpoint import KEY

    world.environ = at(f"https://127.0.0.1:{world.server.port}", KEY)
    world.server.default = lambda wire: wire.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    error = world.fails()
    assert "TLS" in error.what
    assert world.server.connections == 1


def test_row_16_a_trusted_certificate_works(world, authority, monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority.file))
    with FaultServer(authority.context("none")) as secure:
        world.server, world.environ = secure, secure.environment()
        assert world.ask()[0].credits == 8
        world.check_invariants()


@pytest.mark.parametrize("proxy", ["dead", "wants a password"])
def test_row_17_a_failing_proxy_is_named(world, monkeypatch, proxy):
    from service.endpoint import KEY

    with FaultServer() as middle:
        middle.default = lambda wire: wire.send(
            b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"
        )
        port = closed_port() if proxy == "dead" else middle.port
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{port}")
        monkeypatch.delenv("NO_PROXY", raising=False)
        world.environ = {"OUTPAINT_API_KEY": KEY}
        error = world.fails()
        assert not [head for head in middle.heads if "authorization" in head]
    assert "proxy" in error.what and "HTTPS_PROXY" in error.do
    assert world.outcomes == ["free"]


def test_row_17_plain_http_on_loopback_never_goes_through_a_proxy(world, monkeypatch):
    with FaultServer() as middle:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{middle.port}")
        monkeypatch.setenv("ALL_PROXY", f"http://127.0.0.1:{middle.port}")
        monkeypatch.delenv("NO_PROXY", raising=False)
        assert world.ask()[0].credits == 8
        assert middle.connections == 0


def test_row_19_a_reset_in_the_middle_of_the_upload_is_sent_again_and_paid_once(world):
    world.server.then(lambda wire: wire.read(until=100_000).reset())
    result = world.with_policy(total=10, read=10).ask(job(noise(1200, 1000)))[0]
    assert result.credits == 8
    assert world.outcomes == ["free", "paid"] and world.server.generations == 1


def test_row_20_a_slow_server_is_waited_for_and_the_upload_is_shown(world):
    """7 MB at about 6 MB/s: longer than the connect limit, which must not bound the upload."""
    world.server.then(lambda wire: wire.read(pause=0.01).deliver(wire.generate()))
    world.with_policy(connect=0.2, total=20, read=20).ask(job(noise(1700, 1400)))
    shown = [text for text in world.said if text.startswith("uploading")]
    assert len(set(shown)) > 1


def test_row_21_a_server_that_stops_reading_is_not_paid(world):
    world.server.default = lambda wire: wire.read(until=50_000).hang(1.2)
    error = world.with_policy(stall=0.3, unsent_retries=1, total=5).fails(job(noise(2000, 1600)))
    assert set(world.outcomes) == {"free"} and error.credits == "No credits were spent."


@pytest.mark.parametrize("polite", [False, True], ids=["closes at once", "lingers"])
def test_row_22_an_early_413_is_read_while_the_upload_still_runs(world, polite):
    def scenario(wire):
        wire.read(until=10_000).respond(413, {"code": -1, "message": "larger than 10MiB"})
        if polite:
            wire.linger()
        else:
            wire.connection.shutdown(socket.SHUT_WR)
            wire.hang(0.5)

    world.server.then(scenario)
    error = world.with_policy(total=10).fails(job(noise(1200, 1000)))
    assert "413" in error.what and "MB" in error.what and "larger than 10MiB" in error.what
    assert world.server.connections == 1


def test_row_23_an_early_401_is_read_while_the_upload_still_runs(world):
    world.server.then(lambda wire: wire.read(until=10_000).respond(401, {"message": "bad key"}).linger())
    error = world.with_policy(total=10).fails(job(noise(1200, 1000)))
    assert "rejected the API key" in error.what and "OUTPAINT_API_KEY" in error.what


def test_row_24_cancelled_during_the_upload_nothing_is_made(world):
    reading = threading.Event()

    def scenario(wire):
        wire.read(until=50_000)
        reading.set()
        wire.read(pause=0.05)

    world.server.then(scenario)
    error = world.with_policy(total=10).fails(job(noise(2000, 1600)), cancelled=reading.is_set)
    assert "cancelled" in error.what and error.credits == "No credits were spent."
    assert world.server.generations == 0 and world.outcomes == ["free"]


def lost(error) -> bool:
    return "sent completely" in error.what and "may have charged 8 credits" in error.credits


@pytest.mark.parametrize("end", ["close", "reset"])
def test_row_25_a_connection_closed_after_the_request_is_unknown_and_never_repeated(world, end):
    def scenario(wire):
        wire.read().generate()
        if end == "reset":
            wire.reset()

    world.server.then(scenario)
    assert lost(world.fails())
    assert world.server.complete_requests == 1 and world.outcomes == ["unknown"]
    assert "Unknown: 1 request" in world.service.ledger.summary().text()


def test_row_25_running_again_after_an_unknown_outcome_is_the_users_own_choice(world):
    world.server.then(lambda wire: wire.read())
    world.fails()
    assert world.ask()[0].credits == 8
    assert world.outcomes == ["unknown", "paid"]


def test_row_27_a_server_that_hangs_is_unknown_at_the_limit_and_not_before(world):
    world.server.then(lambda wire: wire.read().hang())
    started = time.monotonic()
    assert lost(world.with_policy(read=1.0).fails())
    assert time.monotonic() - started >= 1.0
    assert world.server.connections == 1


def test_row_28_cancelled_while_waiting_the_answer_is_kept_and_free_next_time(world):
    arrived = threading.Event()

    def scenario(wire):
        wire.read()
        arrived.set()
        time.sleep(0.4)
        wire.deliver(wire.generate())

    world.server.then(scenario)
    first = world.ask(cancelled=arrived.is_set)
    assert first[0].credits == 8, "a blocking run waits for what is paid"
    assert world.ask()[0].credits == 0
    assert world.server.connections == 1


def test_row_28_whoever_waits_may_leave_and_the_thread_keeps_the_answer(world):
    finish = threading.Event()

    def scenario(wire):
        wire.read()
        finish.wait(world.policy.read)
        wire.deliver(wire.generate())

    world.server.then(scenario)
    service = world.service
    plan = batch.plan(service, [job()])
    world.asked, world.actions, world.jobs = 1, [0], {plan.items[0].key: job()}
    before = set(threading.enumerate())
    flight = batch.start(plan)
    started = [thread for thread in set(threading.enumerate()) - before if thread.name.startswith("outpaint")]
    assert started and all(thread.daemon for thread in started)
    while world.server.complete_requests == 0:
        time.sleep(0.01)
    flight.cancel()
    assert not flight.done and world.server.generations == 0, "I6: leaving does not wait for the answer"
    finish.set()
    assert flight.wait(5)
    assert world.outcomes == ["paid"]


@pytest.mark.skipif(os.name == "nt", reason="Ctrl-C cannot be sent to a single thread on Windows")
def test_row_28_ctrl_c_while_waiting_does_not_take_a_request_for_ended(world):
    waiting = threading.Event()

    def scenario(wire):
        wire.read()
        waiting.wait(10)
        wire.deliver(wire.generate())

    world.server.then(scenario)
    plan = batch.plan(world.service, [job()])
    world.asked, world.actions, world.jobs = 1, [0], {plan.items[0].key: job()}
    flight = batch.start(plan)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    threading.Timer(0.3, signal.pthread_kill, [threading.main_thread().ident, signal.SIGINT]).start()
    try:
        with pytest.raises(KeyboardInterrupt):
            flight.wait(10)
    finally:
        signal.signal(signal.SIGINT, before)
    assert not flight.done
    waiting.set()
    assert flight.wait(10) and flight.results()[0].credits == 8


@pytest.mark.parametrize(
    "garbage",
    [
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"\x16\x03\x01\x00\x00" * 20,
        b"HTTP/1.1 abc nothing\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"".join(b"x-%d: y\r\n" % n for n in range(300)) + b"\r\n",
        b"HTTP/1.1 200 OK\r\nx: " + b"y" * 100_000 + b"\r\n\r\n",
        b"HTTP/1.1 102 Processing\r\n\r\n",
    ],
    ids=["another protocol", "TLS alert", "no number", "300 headers", "100 kB header", "only informational"],
)
def test_row_31_an_answer_that_is_not_http_is_unknown(world, garbage):
    world.server.then(lambda wire: wire.read().send(garbage))
    world.fails()
    assert world.outcomes == ["unknown"] and world.server.connections == 1


def test_row_32_every_request_has_a_connection_of_its_own(world):
    for seed in (1, 2, 3):
        world.ask(job(seed=seed))
    assert world.server.connections == 3
    assert {head["connection"] for head in world.server.heads} == {"close"}


def test_the_key_goes_raw_into_authorization_and_a_netrc_does_not_replace_it(world, tmp_path, monkeypatch):
    from service.endpoint import KEY

    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    world.ask()
    assert world.server.heads[0].get_all("authorization") == [KEY]


def test_a_header_that_drips_ends_at_the_deadline(world):
    def scenario(wire):
        wire.read()
        for byte in b"HTTP/1.1 200 OK\r\nX-Slow: " + b"y" * 10_000:
            wire.send(bytes([byte]))
            time.sleep(0.1)

    world.server.then(scenario)
    world.with_policy(total=3).fails()
    assert world.outcomes == ["unknown"]


def test_works_is_what_it_says(world):
    world.server.then(works, answers(500))
    result = world.ask()[0]
    assert result.picture.size == (256 + 64, 192) and result.seed == 7 and not result.warnings
