"""A small ComfyUI server for the real frontend: static files, recorded node definitions, pictures, a message socket.

It runs no node. ``executed`` sends what a node would have reported.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import mimetypes
import struct
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from PIL import Image, ImageDraw, ImageFilter

PACK = Path(__file__).parents[2]
RECORDING = Path(__file__).with_name("object_info.json")
SOCKET_KEY = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, section 1.3

# Answers that the frontend asks for at start; without them it works, but complains in the console.
EMPTY = {
    "/users": {"storage": "server", "migrated": True},
    "/queue": {"queue_running": [], "queue_pending": []},
    "/history": {},
    "/jobs": {"jobs": [], "pagination": {"offset": 0, "limit": 0, "total": 0, "has_more": False}},
    "/system_stats": {
        "system": {
            "os": "linux",
            "python_version": "3",
            "embedded_python": False,
            "comfyui_version": "0.0.0",
            "pytorch_version": "0",
            "argv": [],
            "ram_total": 1,
            "ram_free": 1,
        },
        "devices": [],
    },
    "/userdata": [],
    "/features": {},
    "/embeddings": [],
    "/models": [],
    "/experiment/models": [],
    "/folder_paths": {},
    "/workflow_templates": {},
    "/global_subgraphs": {},
    "/node_replacements": {},
}


def scene(width: int, height: int) -> Image.Image:
    """A sky over hills with a sun: enough colour to see what continues beyond a border, drawn at any size."""
    small = Image.new("RGB", (480, 320))
    draw = ImageDraw.Draw(small)
    for y in range(200):
        t = y / 200
        draw.line([(0, y), (480, y)], fill=(int(70 + 165 * t), int(110 + 85 * t), int(175 - 20 * t)))
    draw.ellipse((290, 95, 350, 155), fill=(255, 236, 190))
    for base, colour, wave in ((190, (104, 112, 140), 31), (220, (66, 92, 96), 47), (258, (38, 66, 52), 61)):
        points = [(x, base - 26 * abs(((x * 3 + wave * 5) % (wave * 4)) / (wave * 2) - 1)) for x in range(0, 484, 4)]
        draw.polygon([(0, 320), *points, (480, 320)], fill=colour)
    small = small.filter(ImageFilter.GaussianBlur(0.7))
    return small.resize((width, height), Image.Resampling.BICUBIC)


def encoded(image: Image.Image, kind: str = "JPEG", **options) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def rotated_photo() -> bytes:
    """Stored lying, shown upright: 600 × 400 pixels with the camera's orientation tag, so 400 × 600 to everyone."""
    exif = Image.Exif()
    exif[0x0112] = 6
    return encoded(scene(600, 400), exif=exif.tobytes())


def pictures() -> dict[str, bytes]:
    return {
        "photo.jpg": encoded(scene(1024, 768), quality=92),
        "wide.jpg": encoded(scene(4096, 256)),
        "dot.png": encoded(Image.new("RGB", (1, 1), (200, 90, 40)), "PNG"),
        "rotated.jpg": rotated_photo(),
        "broken.png": b"\x89PNG\r\n\x1a\n this is not a picture",
    }


class Backend:
    """Serves one unpacked frontend on a free port of this machine, until closed."""

    def __init__(self, frontend: Path, settings: dict | None = None, with_script: bool = True):
        self.frontend = frontend
        self.settings = {"Comfy.TutorialCompleted": True} | (settings or {})
        self.with_script = with_script
        self.definitions = json.loads(RECORDING.read_text(encoding="utf-8"))
        self.pictures = pictures()
        self.requests: list[str] = []
        self.prompts: list[dict] = []
        self.sockets: list = []
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (Handler,), {"backend": self}))
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def tell(self, kind: str, data: dict) -> None:
        """Push one message to every page."""
        for socket in list(self.sockets):
            try:
                socket.sendall(frame(json.dumps({"type": kind, "data": data}).encode()))
            except OSError:
                self.sockets.remove(socket)

    def executed(self, node: str, output: dict) -> None:
        """As if a node inside the expansion of ``node`` had reported ``output``."""
        self.tell("executed", {"node": f"{node}.0.0.x", "display_node": node, "output": output, "prompt_id": "p"})

    def scripts(self) -> list[str]:
        own = [f"/extensions/outpaint/{p.name}" for p in sorted((PACK / "js").glob("*.js"))] if self.with_script else []
        core = sorted(p.relative_to(self.frontend).as_posix() for p in (self.frontend / "extensions").rglob("*.js"))
        return [f"/{path}" for path in core] + own

    def translations(self) -> dict:
        out: dict = {}
        for file in (PACK / "locales").glob("*/main.json"):
            out[file.parent.name] = json.loads(file.read_text(encoding="utf-8"))
        return out


def frame(payload: bytes) -> bytes:
    """One unmasked text frame (RFC 6455, section 5.2)."""
    size = len(payload)
    if size < 126:
        return struct.pack("!BB", 0x81, size) + payload
    if size < 1 << 16:
        return struct.pack("!BBH", 0x81, 126, size) + payload
    return struct.pack("!BBQ", 0x81, 127, size) + payload


class Handler(BaseHTTPRequestHandler):
    backend: Backend
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def reply(self, body: bytes, kind: str = "application/json", status: int = 200) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store" if "/view" in self.path else "max-age=600")
        self.end_headers()
        self.wfile.write(body)

    def json(self, value, status: int = 200) -> None:
        self.reply(json.dumps(value).encode(), status=status)

    def do_GET(self):
        self.backend.requests.append(self.path)
        url = urlsplit(self.path)
        path = unquote(url.path)
        if path == "/ws":
            return self.socket()
        if path.startswith("/api/"):
            return self.api(path.removeprefix("/api"), parse_qs(url.query))
        return self.file(path)

    def api(self, path: str, query: dict):
        if path == "/object_info":
            return self.json(self.backend.definitions)
        if path == "/extensions":
            return self.json(self.backend.scripts())
        if path == "/settings":
            return self.json(self.backend.settings)
        if path == "/i18n":
            return self.json(self.backend.translations())
        if path == "/view":
            data = self.backend.pictures.get(query.get("filename", [""])[0])
            kind = mimetypes.guess_type(query.get("filename", [""])[0])[0] or "application/octet-stream"
            return self.reply(data, kind) if data else self.json({}, 404)
        if path in EMPTY:
            return self.json(EMPTY[path])
        if path == "/v2/userdata":
            return self.json([])
        return self.json({}, 404)

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        path = urlsplit(self.path).path.removeprefix("/api")
        if path == "/prompt":
            self.backend.prompts.append(json.loads(body)["prompt"])
            return self.json({"prompt_id": "p", "number": len(self.backend.prompts), "node_errors": {}})
        if path.startswith("/settings/"):
            self.backend.settings[path.removeprefix("/settings/")] = json.loads(body)
        return self.json({})

    def do_DELETE(self):
        self.json({})

    def file(self, path: str):
        if path.startswith("/extensions/outpaint/"):
            root, name = PACK / "js", path.removeprefix("/extensions/outpaint/")
        else:
            root, name = self.backend.frontend, path.lstrip("/") or "index.html"
        target = (root / name).resolve()
        if not target.is_relative_to(root.resolve()) or not target.is_file():
            if path == "/user.css":
                return self.reply(b"", "text/css")
            return self.json({}, 404)
        kind = "text/javascript" if target.suffix == ".mjs" else mimetypes.guess_type(target.name)[0]
        self.reply(target.read_bytes(), kind or "application/octet-stream")

    def socket(self):
        digest = hashlib.sha1(self.headers["Sec-WebSocket-Key"].encode() + SOCKET_KEY).digest()
        accept = base64.b64encode(digest).decode()
        self.send_response(101)
        for name, value in (("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Accept", accept)):
            self.send_header(name, value)
        self.end_headers()
        status = {"status": {"exec_info": {"queue_remaining": 0}}, "sid": "test"}
        self.connection.sendall(frame(json.dumps({"type": "status", "data": status}).encode()))
        self.backend.sockets.append(self.connection)
        self.close_connection = True
        while self.rfile.read(1):  # what the page sends is of no interest; the end of it is
            pass
