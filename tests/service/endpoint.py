"""A server on loopback that speaks the service's contract and answers with really extended pictures.

In tests::

    with Endpoint() as endpoint:
        service = Service.open(folder, environ=endpoint.environment())
        ...
        assert endpoint.credits == 8

By hand, ``python tests/service/endpoint.py`` prints the two environment variables that point the pack at it.
"""

from __future__ import annotations

import argparse
import base64
import email.parser
import email.policy
import io
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
from PIL import Image, ImageFilter

KEY = "test-key-0123456789"
CREDITS = 8
SIDES = ("left", "right", "up", "down")
FORMATS = {"png": "PNG", "jpeg": "JPEG", "webp": "WEBP"}


@dataclass
class Request:
    """What one complete request said. ``picture`` is what was uploaded, ``fields`` the form's text fields."""

    picture: Image.Image
    fields: dict[str, str]
    seed: int
    headers: dict[str, str] = field(repr=False)

    @property
    def extents(self) -> tuple[int, int, int, int]:
        """left, right, up, down."""
        return tuple(int(self.fields.get(side, 0)) for side in SIDES)


class Refusal(Exception):
    """The contract was broken: answered as a failure, free of charge."""

    def __init__(self, status: int, message: str):
        self.status, self.message = status, message


def extend(request: Request) -> Image.Image:
    """The uploaded picture on its canvas; the new area mirrors the border, softened, and varies with the seed.

    The kept area comes back as services return it: almost, but not quite, the same.
    """
    left, right, up, down = request.extents
    source = np.asarray(request.picture.convert("RGB"))
    canvas = np.pad(source, ((up, down), (left, right), (0, 0)), mode="symmetric")
    soft = Image.fromarray(canvas).filter(ImageFilter.GaussianBlur(1.5))
    tinted = np.asarray(soft, np.float32) * 0.98 + request.seed % 7
    height, width = source.shape[:2]
    tinted[up : up + height, left : left + width] = source * 0.98 + request.seed % 7
    return Image.fromarray(np.round(tinted).clip(0, 255).astype(np.uint8))


def encode(picture: Image.Image, output_format: str) -> bytes:
    data = io.BytesIO()
    picture.save(data, FORMATS[output_format], **({"quality": 92} if output_format != "png" else {"compress_level": 1}))
    return data.getvalue()


class Endpoint:
    """The service, in a thread.

    Args:
        shape: of the answer's ``data``: "object" (``{"image", "seed"}``) or "string" (base64 alone).
        seconds: the time a picture takes.
        picture: makes the answer from a request.
        auth: the header the key is expected in, and its form.

    Attributes:
        requests: every complete request that kept to the contract, in order.
        refused: status and message of the others.
        most_at_once: the largest number of requests in work at the same time.
    """

    def __init__(
        self,
        shape: str = "object",
        seconds: float = 0.0,
        picture: Callable[[Request], Image.Image] = extend,
        key: str = KEY,
        auth: tuple[str, str] = ("authorization", "{key}"),
        port: int = 0,
    ):
        self.shape, self.seconds, self.picture, self.key, self.auth = shape, seconds, picture, key, auth
        self.balance = 1_000_000
        self.requests: list[Request] = []
        self.refused: list[tuple[int, str]] = []
        self.most_at_once = self.at_once = 0
        self.guard = threading.Lock()
        self.server = Server(("127.0.0.1", port), Handler)
        self.server.endpoint = self
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/api/edit/outpaint"

    @property
    def credits(self) -> int:
        """Charged so far."""
        return CREDITS * len(self.requests)

    def environment(self, key: str | None = None) -> dict[str, str]:
        """The environment variables that point the pack at this server; the key is bound to its address."""
        origin = f"http://127.0.0.1:{self.server.server_port}"
        return {"OUTPAINT_API_URL": self.url, "OUTPAINT_API_KEY": f"{origin} {key or self.key}"}

    def __enter__(self) -> Endpoint:
        self.thread.start()
        return self

    def __exit__(self, *_) -> None:
        self.server.shutdown()
        self.server.server_close()

    def answer(self, path: str, headers, body: bytes) -> dict:
        """The envelope for a request. Raises Refusal."""
        if path != "/api/edit/outpaint":
            raise Refusal(404, f"no such path: {path}")
        name, form = self.auth
        if headers.get(name) != form.format(key=self.key):
            raise Refusal(401, "invalid API key")
        request = read_request(headers, body)
        with self.guard:
            if self.balance < CREDITS:
                raise Refusal(402, "Insufficient credits")
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            time.sleep(self.seconds)
            picture = encode(self.picture(request), request.fields.get("output_format", "png"))
        finally:
            with self.guard:
                self.at_once -= 1
        with self.guard:
            self.requests.append(request)
            self.balance -= CREDITS
        text = base64.b64encode(picture).decode()
        data = {"image": text, "seed": request.seed} if self.shape == "object" else text
        return {"code": 0, "message": "success", "data": data}


def read_request(headers, body: bytes) -> Request:
    """Take a request apart and hold it against the contract. Raises Refusal."""
    kind = headers.get("content-type", "")
    if not kind.startswith("multipart/form-data"):
        raise Refusal(415, f"expected multipart/form-data, got {kind}")
    message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(
        b"Content-Type: " + kind.encode() + b"\r\n\r\n" + body
    )
    fields, picture = {}, None
    for part in message.iter_parts():
        name = part.get_param("name", header="content-disposition")
        if name == "image":
            picture = part.get_payload(decode=True)
        else:
            fields[name] = part.get_payload(decode=True).decode("utf-8")
    if picture is None:
        raise Refusal(400, "image: is required")
    unknown = set(fields) - {*SIDES, "creativity", "prompt", "seed", "output_format"}
    if unknown:
        raise Refusal(400, f"unknown fields: {sorted(unknown)}")
    try:
        image = Image.open(io.BytesIO(picture), formats=list(FORMATS.values()))
        image.load()
    except OSError:
        raise Refusal(400, "image: unsupported format") from None
    check(fields, image)
    seed = int(fields.get("seed", 0)) or 1 + len(picture) % 1000
    return Request(image, fields, seed, {name.lower(): value for name, value in headers.items()})


def check(fields: dict[str, str], image: Image.Image) -> None:
    try:
        sides = [int(fields.get(side, 0)) for side in SIDES]
        creativity, seed = float(fields.get("creativity", 0.5)), int(fields.get("seed", 0))
    except ValueError as error:
        raise Refusal(400, f"not a number: {error}") from None
    width, height = image.size
    rules = {
        "at least one of left, right, up, down must not be 0": any(sides),
        "left, right, up, down: 0 to 2000": all(0 <= side <= 2000 for side in sides),
        "creativity: 0 to 1": 0 <= creativity <= 1,
        "seed: 0 to 4294967294": 0 <= seed <= 4294967294,
        "prompt: at most 10000 characters": len(fields.get("prompt", "")) <= 10000,
        "output_format: jpeg, png or webp": fields.get("output_format", "png") in FORMATS,
        "image: every side at least 64 px": min(width, height) >= 64,
        "image: at most 9437184 px": width * height <= 9437184,
        "image: aspect ratio at most 2.5": max(width, height) <= 2.5 * min(width, height),
    }
    for rule, holds in rules.items():
        if not holds:
            raise Refusal(400, rule)


class Server(ThreadingHTTPServer):
    daemon_threads = True
    endpoint: Endpoint

    def handle_error(self, request, client_address):
        """A client that went away is part of the tests, not news."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        endpoint = self.server.endpoint
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        try:
            status, envelope = 200, endpoint.answer(self.path, self.headers, body)
        except Refusal as refusal:
            status, envelope = refusal.status, {"code": -1, "message": refusal.message, "data": None}
            endpoint.refused.append((refusal.status, refusal.message))
        data = json.dumps(envelope).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


def main() -> None:
    parser = argparse.ArgumentParser(
        description="The outpainting service's contract on this computer; nothing is paid."
    )
    parser.add_argument("--port", type=int, default=8099)
    parser.add_argument("--shape", choices=["object", "string"], default="object")
    parser.add_argument("--seconds", type=float, default=1.0, help="time a picture takes")
    parser.add_argument("--balance", type=int, default=1_000_000, help="credits in the account")
    options = parser.parse_args()
    endpoint = Endpoint(options.shape, options.seconds, port=options.port)
    endpoint.balance = options.balance
    with endpoint:
        for name, value in endpoint.environment().items():
            print(f"export {name}='{value}'", flush=True)
        seen = -1
        while True:
            time.sleep(0.2)
            if (now := len(endpoint.requests) + len(endpoint.refused)) != seen:
                seen = now
                print(
                    f"{len(endpoint.requests)} pictures, {endpoint.credits} credits, refused: {endpoint.refused}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
