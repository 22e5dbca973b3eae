"""A server that misbehaves on purpose: raw sockets on loopback, one scenario for each connection.

A scenario is a function of a ``Wire``. Scenarios queue up and each connection takes the next one, so that the client
is the same in every test; with an empty queue the service works. The server keeps the books that the client's are held
against: complete requests, pictures made, credits charged.
"""

from __future__ import annotations

import base64
import contextlib
import json
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable
from email.message import Message
from email.parser import BytesHeaderParser

from PIL import Image

from .endpoint import CREDITS, KEY, Request, encode, extend, read_request

Scenario = Callable[["Wire"], None]


class FaultServer:
    """Listens on a free port of 127.0.0.1.

    Attributes:
        connections: accepted so far.
        complete_requests: requests whose body arrived to the last byte.
        generations: pictures made; ``charged`` is what they cost.
        requests: the complete ones that were understood.
        heads: header block of every request, complete or not.
        delivered: encoded pictures that were sent off completely in an answer.
        most_at_once: most requests in work at the same time.
    """

    def __init__(self, context: ssl.SSLContext | None = None):
        self.queue: list[Scenario] = []
        self.default: Scenario = works
        self.context = context
        self.connections = self.complete_requests = self.generations = 0
        self.at_once = self.most_at_once = 0
        self.requests: list[Request] = []
        self.heads: list[Message] = []
        self.delivered: list[bytes] = []
        self.crashes: list[BaseException] = []
        self.guard = threading.RLock()
        self.closing = threading.Event()
        self.threads: list[threading.Thread] = []
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=64)
        # A small window: otherwise the kernel takes megabytes before anybody reads them.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        self.port = self.socket.getsockname()[1]
        self.thread = threading.Thread(target=self.accept, daemon=True)

    @property
    def charged(self) -> int:
        return CREDITS * self.generations

    @property
    def scheme(self) -> str:
        return "https" if self.context else "http"

    @property
    def origin(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"{self.origin}/api/edit/outpaint"

    def environment(self, key: str = KEY) -> dict[str, str]:
        return {"OUTPAINT_API_URL": self.url, "OUTPAINT_API_KEY": f"{self.origin} {key}"}

    def then(self, *scenarios: Scenario) -> None:
        self.queue.extend(scenarios)

    def __enter__(self) -> FaultServer:
        self.thread.start()
        return self

    def __exit__(self, *_) -> None:
        self.closing.set()
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        for thread in (self.thread, *self.threads):
            thread.join(10)

    def accept(self) -> None:
        while not self.closing.is_set():
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            with self.guard:
                self.connections += 1
                scenario = self.queue.pop(0) if self.queue else self.default
            thread = threading.Thread(target=self.serve, args=(connection, scenario), daemon=True)
            self.threads.append(thread)
            thread.start()

    def serve(self, connection: socket.socket, scenario: Scenario) -> None:
        try:
            if self.context:
                connection = self.context.wrap_socket(connection, server_side=True)
            scenario(Wire(self, connection))
        except (OSError, EOFError):
            pass  # The client went away, or the handshake failed: that is what the test is about.
        except BaseException as error:
            self.crashes.append(error)
        finally:
            connection.close()


class Wire:
    """One connection, as a scenario sees it."""

    def __init__(self, server: FaultServer, connection: socket.socket):
        self.server, self.connection = server, connection
        connection.settimeout(30)
        self.buffer = bytearray()
        self.request: Request | None = None
        self.head = Message()

    def read_head(self) -> Message:
        while b"\r\n\r\n" not in self.buffer:
            self.buffer += self.receive()
        head, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
        self.head = BytesHeaderParser().parsebytes(bytes(head).partition(b"\r\n")[2])
        with self.server.guard:
            self.server.heads.append(self.head)
        return self.head

    def receive(self, size: int = 65536) -> bytes:
        block = self.connection.recv(size)
        if not block:
            raise EOFError
        return block

    def read(self, until: int | None = None, pause: float = 0.0, block: int = 65536) -> Wire:
        """Read the request: all of it, or ``until`` that many bytes of its body."""
        if not self.head:
            self.read_head()
        length = int(self.head["content-length"])
        while len(self.buffer) < min(length, until if until is not None else length):
            self.buffer += self.receive(block)
            time.sleep(pause)
        if len(self.buffer) >= length:
            with self.server.guard:
                self.server.complete_requests += 1
            self.request = read_request({k.lower(): v for k, v in self.head.items()}, bytes(self.buffer[:length]))
            with self.server.guard:
                self.server.requests.append(self.request)
        return self

    def generate(self, picture: Callable[[Request], Image.Image] = extend) -> bytes:
        """Make the picture asked for and charge for it."""
        with self.server.guard:
            self.server.generations += 1
        return encode(picture(self.request), self.request.fields.get("output_format", "png"))

    def send(self, data: bytes) -> Wire:
        self.connection.sendall(data)
        return self

    def respond(
        self, status: int, body: bytes | str | dict | list = b"", headers: dict[str, str] | None = None, **options
    ) -> Wire:
        """A well-formed answer. ``length=None`` leaves Content-Length out."""
        if isinstance(body, (dict, list)):
            body, kind = json.dumps(body).encode(), "application/json"
        else:
            body, kind = body.encode() if isinstance(body, str) else body, "text/html"
        fields = {"Content-Type": kind, "Content-Length": str(options.get("length", len(body))), "Connection": "close"}
        if options.get("length", 0) is None:
            del fields["Content-Length"]
        head = f"HTTP/1.1 {status} Status\r\n"
        head += "".join(f"{name}: {value}\r\n" for name, value in {**fields, **(headers or {})}.items())
        return self.send(head.encode() + b"\r\n" + body)

    def deliver(self, picture: bytes, envelope: Callable[[bytes, int], dict] | None = None, **options) -> Wire:
        """Send a picture in the service's envelope."""
        make = envelope or (
            lambda data, seed: {"code": 0, "message": "success", "data": {"image": b64(data), "seed": seed}}
        )
        self.respond(200, make(picture, self.request.seed), **options)
        with self.server.guard:
            self.server.delivered.append(picture)
        return self

    def linger(self) -> Wire:
        """Go on reading until the client closes, as polite servers do."""
        with contextlib.suppress(OSError, EOFError):
            self.connection.shutdown(socket.SHUT_WR)
            while True:
                self.receive()
        return self

    def reset(self) -> None:
        """End with RST instead of FIN."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def hang(self, seconds: float = 30) -> None:
        """Do nothing until the client closes, the server is torn down, or the time is up."""
        end = time.monotonic() + seconds
        self.connection.settimeout(0.05)
        while time.monotonic() < end and not self.server.closing.is_set():
            with contextlib.suppress(TimeoutError):
                if not self.connection.recv(1):
                    return


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def works(wire: Wire) -> None:
    """The service as it should be."""
    working(0)(wire)


def working(seconds: float) -> Scenario:
    """The service taking its time."""

    def scenario(wire: Wire) -> None:
        wire.read()
        server = wire.server
        with server.guard:
            server.at_once += 1
            server.most_at_once = max(server.most_at_once, server.at_once)
        time.sleep(seconds)
        with server.guard:
            server.at_once -= 1
        wire.deliver(wire.generate())

    return scenario


def answers(status: int, body=b"", headers: dict[str, str] | None = None, **options) -> Scenario:
    """An answer of this kind to a complete request; nothing is made."""
    return lambda wire: wire.read().respond(status, body, headers, **options)


def envelope(make: Callable[[bytes, int], object]) -> Scenario:
    """A picture that is made and charged, in an envelope of this form."""
    return lambda wire: wire.deliver(wire.read().generate(), make)


def returns(picture: Callable[[Request], Image.Image]) -> Scenario:
    """The service making this of the picture."""
    return lambda wire: wire.deliver(wire.read().generate(picture))


def returns_bare_picture(headers: dict[str, str] | None = None) -> Scenario:
    """The picture itself instead of an envelope."""

    def scenario(wire: Wire) -> None:
        picture = wire.read().generate()
        wire.respond(200, picture, headers or {})
        wire.server.delivered.append(picture)

    return scenario


def returns_bytes(make: Callable[[Request], bytes]) -> Scenario:
    """The service sending these bytes as the picture."""

    def scenario(wire: Wire) -> None:
        wire.read().generate()
        wire.deliver(make(wire.request))

    return scenario
