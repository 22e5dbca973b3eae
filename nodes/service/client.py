"""One HTTP request to the paid service. The only module of the pack that opens a network connection.

For reviewers: one POST to one address. The address comes from the server's environment (https, or a loopback
literal), never from a workflow; redirects are not followed; nothing else is fetched, no answer names an address that
is contacted; certificates are always verified; the key travels in one header to its own origin only.

Whether money may have been spent is decided by what was handed over and what came back, never by the class of an
exception: ``requests`` raises the same ConnectionError for a refused connection and for an answer lost after the
picture was made.
"""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

import requests
import urllib3
from requests.adapters import HTTPAdapter

from .credentials import SCHEMES, Address, Key
from .policy import Policy

BLOCK = 65536


@dataclass
class Exchange:
    """What is known after one attempt.

    Args:
        begun: a connection stood and the first byte of the body was asked for.
        handed_over: the last byte of the request was given to the connection; from here on it may cost.
        status: HTTP status, or None when no answer began.
        headers: of the answer, names in lower case.
        size: bytes of the answer's body in the spool file.
        complete: the body ended as its framing announced.
        trouble: what went wrong, one of the words of ``TROUBLES``, "cancelled",
            "deadline" or "too large"; None when nothing did.
        detail: more about the trouble, fit to be shown.
    """

    begun: bool = False
    handed_over: bool = False
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    size: int = 0
    complete: bool = False
    trouble: str | None = None
    detail: str = ""


class Spool(Protocol):
    """Takes the bytes of an answer as they arrive; must not raise."""

    def write(self, block: bytes) -> None: ...


class Stop(Exception):
    """Raised inside the upload to end it: the request is then provably incomplete."""


class CountingBody:
    """A request body that knows how much of it was handed over.

    urllib3 asks for the next block only after the one before went out, so an empty answer from ``read`` means that
    the whole request was handed to the connection.
    """

    def __init__(self, parts: list[bytes], check: Callable[[], None], sent: Callable[[int, int], None]):
        self.parts, self.check, self.sent = parts, check, sent
        self.length = sum(map(len, parts))
        self.part = self.offset = self.count = 0
        self.asked = self.finished = False

    def __len__(self) -> int:
        return self.length

    def read(self, size: int = -1) -> bytes:
        self.asked = True
        if self.part == len(self.parts):
            self.finished = True
            return b""
        self.check()
        current = self.parts[self.part]
        block = current[self.offset :] if size < 0 else current[self.offset : self.offset + size]
        self.offset += len(block)
        self.count += len(block)
        if self.offset >= len(current):
            self.part, self.offset = self.part + 1, 0
        self.sent(self.count, self.length)
        return block


class KeyHeader(requests.auth.AuthBase):
    """Puts the key into its header. As ``auth=`` it also keeps a ``.netrc`` entry from replacing the key."""

    def __init__(self, key: Key, scheme: str):
        self.key, self.scheme = key, scheme

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        name, form = SCHEMES[self.scheme]
        request.headers[name] = form.format(key=self.key.secret)
        return request

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.scheme}>"


class DirectSession(requests.Session):
    """Sees no redirects at all: even when told not to follow one, ``requests`` reads its body and parses its target."""

    def get_redirect_target(self, resp: requests.Response) -> None:
        return None


class Wire:
    """The connection of one request: a stall limit for writes, and an end to everything at the deadline.

    ``requests`` limits single reads only; a server that sends a byte a second, be it of a header, would never time
    out. So the socket is shut down when the deadline comes.
    """

    def __init__(self, stall: float, seconds: float):
        self.stall = stall
        self.expired = False
        self.sock: socket.socket | None = None
        self.timer = threading.Timer(max(0.0, seconds), self.expire)
        self.timer.daemon = True

    def __enter__(self) -> Wire:
        self.timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.timer.cancel()

    def connected(self, sock: socket.socket) -> None:
        self.sock = sock
        sock.settimeout(self.stall)
        if self.expired:
            self.expire()

    def expire(self) -> None:
        self.expired = True
        if self.sock is not None:
            with contextlib.suppress(OSError):
                # The base class's method: SSLSocket's own would take the session from under a read in progress.
                socket.socket.shutdown(self.sock, socket.SHUT_RDWR)


class _WiredAdapter(HTTPAdapter):
    """Hands every new connection to the wire, and retries nothing."""

    def __init__(self, wire: Wire):
        class Plain(urllib3.connection.HTTPConnection):
            def connect(self) -> None:
                super().connect()
                wire.connected(self.sock)

        class Secure(urllib3.connection.HTTPSConnection):
            def connect(self) -> None:
                super().connect()
                wire.connected(self.sock)

        class PlainPool(urllib3.HTTPConnectionPool):
            ConnectionCls = Plain

        class SecurePool(urllib3.HTTPSConnectionPool):
            ConnectionCls = Secure

        self.pools = {"http": PlainPool, "https": SecurePool}
        super().__init__(max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = self.pools

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(*args, **kwargs)
        manager.pool_classes_by_scheme = self.pools
        return manager


def exchange(
    address: Address,
    key: Key,
    body: list[bytes],
    content_type: str,
    spool: Spool,
    policy: Policy,
    seconds: float,
    answer_limit: int,
    cancelled: Callable[[], bool] = lambda: False,
    sent: Callable[[int, int], None] = lambda count, total: None,
    received: Callable[[int], None] = lambda count: None,
) -> Exchange:
    """Send one request over a fresh connection and spool the answer's body as it arrives. Never raises.

    Args:
        body: parts of the request, sent in order.
        seconds: time for everything: connect, upload, wait, download.
        answer_limit: bytes of body after which reading stops.
        cancelled: asked during the upload only. Once the request is handed over the answer is waited for.
        sent, received: told about bytes; must not raise.
    """
    deadline = time.monotonic() + seconds
    result = Exchange()

    def check() -> None:
        if cancelled():
            raise Stop("cancelled")
        if time.monotonic() >= deadline:
            raise Stop("deadline")

    counting = CountingBody(body, check, sent)
    with Wire(policy.stall, seconds) as wire, DirectSession() as session:
        session.mount("http://", _WiredAdapter(wire))
        session.mount("https://", _WiredAdapter(wire))
        # Proxies and certificate settings of the machine are wanted, except that nobody may see plain http.
        session.trust_env = not address.is_plain_loopback
        try:
            check()
            with session.request(
                "POST",
                address.url,
                data=counting,
                auth=KeyHeader(key, address.auth),
                headers={
                    "Content-Type": content_type,
                    "Accept": "application/json, image/*",
                    "Accept-Encoding": "identity",
                    "Connection": "close",
                    "User-Agent": "outpaint-nodes",
                },
                timeout=(min(policy.connect, seconds), min(policy.read, seconds)),
                allow_redirects=False,
                stream=True,
            ) as response:
                result.status = response.status_code
                result.headers = {name.lower(): value for name, value in response.headers.items()}
                read_body(response.raw, spool, result, answer_limit, received)
        except Stop as stop:
            result.trouble = str(stop)
        except Exception as error:  # whatever it is: what counts is what was handed over and what came back
            result.trouble, result.detail = ("deadline", "") if wire.expired else trouble_of(error)
        else:
            # An answer without a length ends where the connection ends, also when the deadline cut it.
            if wire.expired and result.trouble is None:
                result.trouble, result.complete = "deadline", False
    result.begun, result.handed_over = counting.asked, counting.finished
    return result


def read_body(raw: Any, spool: Spool, result: Exchange, limit: int, received: Callable[[int], None]) -> None:
    """Spool a body up to ``limit`` bytes, unpacking it if it came packed although it was not asked for."""
    packed = result.headers.get("content-encoding", "").strip().lower() in ("gzip", "x-gzip", "deflate")
    unpack = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32) if packed else None
    # read1 returns what has arrived; read waits for a full block and would lose it when the connection breaks.
    read = getattr(raw, "read1", raw.read)
    while block := read(BLOCK, decode_content=False):
        room = limit - result.size
        block = unpack.decompress(block, room + 1) if unpack else block
        spool.write(block[:room])
        result.size += min(len(block), room)
        received(result.size)
        if len(block) > room:
            result.trouble = "too large"
            return
    result.complete = not unpack or unpack.eof


def trouble_of(error: BaseException) -> tuple[str, str]:
    """A word for what went wrong on the wire, and detail that may be shown. For the message, not for the money."""
    chain = list(causes(error))
    for kinds, word in TROUBLES:
        for link in chain:
            if isinstance(link, kinds):
                detail = getattr(link, "verify_message", "") or getattr(link, "reason", "") or ""
                return word, detail if isinstance(detail, str) else ""
    return "connection", ""


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """An exception and everything it wraps: libraries keep the cause in four different places."""
    seen: set[int] = set()
    queue: list[object] = [error]
    while queue:
        link = queue.pop(0)
        if not isinstance(link, BaseException) or id(link) in seen:
            continue
        seen.add(id(link))
        yield link
        queue += [link.__cause__, link.__context__, getattr(link, "reason", None), *link.args]


TROUBLES: list[tuple[tuple[type[BaseException], ...], str]] = [
    ((requests.exceptions.ProxyError, urllib3.exceptions.ProxyError), "proxy"),
    ((ssl.SSLError, requests.exceptions.SSLError), "tls"),
    ((socket.gaierror,), "name"),
    ((ConnectionRefusedError,), "refused"),
    ((requests.exceptions.ConnectTimeout, urllib3.exceptions.ConnectTimeoutError), "connect timeout"),
    ((urllib3.exceptions.ReadTimeoutError, TimeoutError), "timeout"),
    ((ConnectionResetError, BrokenPipeError), "reset"),
    ((http.client.RemoteDisconnected, urllib3.exceptions.IncompleteRead, http.client.IncompleteRead), "closed"),
    ((zlib.error, requests.exceptions.ContentDecodingError), "packing"),
    ((http.client.HTTPException, UnicodeError), "not http"),
    ((requests.exceptions.InvalidHeader, requests.exceptions.InvalidURL), "header"),
    ((OSError,), "connection"),
]
"""First match wins; the specific come before the general."""
