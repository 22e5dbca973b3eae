"""A real ComfyUI as a subprocess: temporary base directory, free port, this pack linked into ``custom_nodes``."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
import uuid
from dataclasses import dataclass, field
from functools import partial
from io import BytesIO
from pathlib import Path
from urllib.parse import urlencode

import numpy as np
import websocket
from PIL import Image

PACK = Path(__file__).resolve().parents[2]
TEST_NODES = Path(__file__).resolve().parent / "test_nodes"


@dataclass(frozen=True)
class Checkout:
    """A ComfyUI checkout and the interpreter that has its requirements."""

    path: Path
    python: Path

    @property
    def version(self) -> str:
        scope: dict[str, str] = {}
        exec(compile((self.path / "comfyui_version.py").read_text(), "comfyui_version.py", "exec"), scope)  # noqa: S102
        return scope["__version__"]


def find_checkouts() -> list[Checkout]:
    """Checkouts named by COMFYUI_PATH (several joined like PATH), else ``~/ComfyUI*``.

    The interpreter is COMFYUI_PYTHON, else the checkout's own ``.venv`` or ``venv``, else the one running the tests.
    """
    named = os.environ.get("COMFYUI_PATH")
    paths = [Path(p) for p in named.split(os.pathsep)] if named else sorted(Path.home().glob("ComfyUI*"))
    found = []
    for path in paths:
        if not (path / "main.py").is_file():
            continue
        own = [path / venv / sub for venv in (".venv", "venv") for sub in ("bin/python", "Scripts/python.exe")]
        chosen = os.environ.get("COMFYUI_PYTHON") or next((str(p) for p in own if p.exists()), sys.executable)
        found.append(Checkout(path, Path(chosen)))
    return found


class PromptRejected(Exception):
    """The host's validation refused the prompt; ``answer`` is its JSON."""

    def __init__(self, answer: dict):
        self.answer = answer
        super().__init__(json.dumps(answer)[:2000])


@dataclass
class Run:
    """What happened to one prompt."""

    server: ComfyServer
    prompt_id: str
    status: str = "running"  # success, error or interrupted
    events: list[tuple[str, dict]] = field(default_factory=list)
    error: dict | None = None
    outputs: dict = field(default_factory=dict)

    @property
    def executed(self) -> list[str]:
        """Real ids of the nodes that ran, sub-nodes of an expansion included; cached ones are absent."""
        return [data["node"] for kind, data in self.events if kind == "executing" and data.get("node")]

    @property
    def message(self) -> str:
        """The text of the error, as the user reads it."""
        return (self.error or {}).get("exception_message", "").strip()

    def images(self, node: str) -> list[np.ndarray]:
        """The pictures a node saved or previewed, as uint8 ``[H, W, C]``."""
        return [self.server.view(**image) for image in self.outputs[node]["images"]]

    def text(self, node: str) -> str:
        return "".join(self.outputs[node]["text"])


class ComfyServer:
    """Starts, talks to and stops one host process."""

    def __init__(
        self,
        checkout: Checkout,
        env: dict[str, str] | None = None,
        args: tuple[str, ...] = (),
        base: Path | None = None,
    ):
        self.checkout, self.args = checkout, args
        self.base = base or Path(tempfile.mkdtemp(prefix="outpaint-host-"))
        self._own_base = base is None
        self.env = {k: v for k, v in os.environ.items() if not k.startswith("OUTPAINT_")} | (env or {})
        if "PYTEST_XDIST_WORKER" in self.env:
            # Hosts beside each other with as many threads each as there are cores wait for one another.
            self.env.setdefault("OMP_NUM_THREADS", "1")
        self.process: subprocess.Popen | None = None
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def output(self) -> Path:
        return self.base / "output"

    @property
    def input(self) -> Path:
        return self.base / "input"

    @property
    def log(self) -> str:
        return (self.base / "server.log").read_text(errors="replace")

    def start(self, timeout: float = 120) -> ComfyServer:
        nodes = self.base / "custom_nodes"
        for folder in (nodes, self.input, self.output, self.base / "user", self.base / "models"):
            folder.mkdir(parents=True, exist_ok=True)
        for name, target in {"outpaint": PACK, "outpaint_test_nodes": TEST_NODES}.items():
            if target.is_dir() and not (nodes / name).exists():
                (nodes / name).symlink_to(target, target_is_directory=True)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        command = [
            str(self.checkout.python), "main.py", "--cpu", "--disable-api-nodes", "--port", str(self.port),
            "--base-directory", str(self.base), "--database-url", f"sqlite:///{self.base / 'user' / 'comfyui.db'}",
            *self.args,
        ]
        # In a background job Ctrl-C is ignored, and children inherit that: here they shall hear it.
        hear = partial(signal.signal, signal.SIGINT, signal.default_int_handler) if os.name == "posix" else None
        with open(self.base / "server.log", "ab") as log:
            self.process = subprocess.Popen(
                command, cwd=self.checkout.path, env=self.env, stdout=log, stderr=log, preexec_fn=hear
            )
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise RuntimeError(f"ComfyUI {self.checkout.version} did not start:\n{self.log[-4000:]}")
            try:
                self.get("/system_stats")
                return self
            except (urllib.error.URLError, ConnectionError):
                time.sleep(0.2)
        self.stop()
        raise RuntimeError(f"ComfyUI {self.checkout.version} did not answer in {timeout} s:\n{self.log[-4000:]}")

    def stop(self) -> None:
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process = None

    def restart(self) -> ComfyServer:
        """The same base directory under a new process."""
        self.stop()
        return self.start()

    def close(self) -> None:
        self.stop()
        if self._own_base:
            shutil.rmtree(self.base, ignore_errors=True)

    def __enter__(self) -> ComfyServer:
        return self.start()

    def __exit__(self, *exc) -> None:
        self.close()

    def get(self, path: str) -> dict:
        with urllib.request.urlopen(self.url + path, timeout=30) as answer:
            return json.load(answer)

    def post(self, path: str, body: dict) -> dict:
        request = urllib.request.Request(
            self.url + path, json.dumps(body).encode(), {"Content-Type": "application/json"}, method="POST"
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            text = answer.read()
        return json.loads(text) if text else {}

    def object_info(self, node: str) -> dict:
        return self.get(f"/object_info/{node}")[node]

    def view(self, filename: str, subfolder: str = "", type: str = "output") -> np.ndarray:
        query = urlencode({"filename": filename, "subfolder": subfolder, "type": type})
        with urllib.request.urlopen(f"{self.url}/view?{query}", timeout=30) as answer:
            return np.asarray(Image.open(BytesIO(answer.read())))

    def save_input(self, picture: np.ndarray | Image.Image, name: str) -> str:
        """Put a picture into the host's input folder; returns the name LoadImage takes."""
        picture = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
        picture.save(self.input / name)
        return name

    def interrupt(self) -> None:
        self.post("/interrupt", {})

    def queue(self, prompt: dict, client_id: str = "tests", extra: dict | None = None) -> str:
        """Queue an API-format prompt; returns its id.

        Raises:
            PromptRejected: the host's validation refused it.
        """
        try:
            return self.post("/prompt", {"prompt": prompt, "client_id": client_id, **(extra or {})})["prompt_id"]
        except urllib.error.HTTPError as error:
            raise PromptRejected(json.load(error)) from None

    def submit(self, prompt: dict, extra: dict | None = None) -> Pending:
        """Queue a prompt and follow it in the background (to interrupt it, or to race two)."""
        return Pending(self, prompt, extra)

    def run(self, prompt: dict, timeout: float = 120, extra: dict | None = None) -> Run:
        """Queue a prompt and wait for its end, whatever it is."""
        return self.submit(prompt, extra).wait(timeout)

    def history(self, prompt_id: str) -> dict:
        return self.get(f"/history/{prompt_id}").get(prompt_id, {})


class Pending:
    """A queued prompt whose messages are being collected."""

    END = {"execution_success": "success", "execution_error": "error", "execution_interrupted": "interrupted"}

    def __init__(self, server: ComfyServer, prompt: dict, extra: dict | None):
        client_id = uuid.uuid4().hex
        self._socket = websocket.create_connection(f"ws://127.0.0.1:{server.port}/ws?clientId={client_id}", timeout=600)
        self.previews: list[bytes] = []
        self._events: list[tuple[str, dict]] = []
        self._done = threading.Event()
        try:
            self.run = Run(server, server.queue(prompt, client_id, extra))
        except BaseException:
            self._socket.close()
            raise
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        while not self._done.is_set():
            try:
                message = self._socket.recv()
            except (websocket.WebSocketException, OSError):
                break
            if isinstance(message, bytes):
                self.previews.append(message)
                continue
            if not message:
                break
            event = json.loads(message)
            kind, data = event["type"], event.get("data", {})
            if data.get("prompt_id") not in (None, self.run.prompt_id):
                continue
            self.run.events.append((kind, data))
            if kind in self.END:
                self.run.status = self.END[kind]
                self.run.error = data if kind == "execution_error" else None
                self._done.set()
        self._done.set()

    def saw(self, kind: str, timeout: float = 60, **fields) -> dict:
        """Wait until a message of this kind whose data holds ``fields`` has come."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            for seen, data in list(self.run.events):
                if seen == kind and all(data.get(k) == v for k, v in fields.items()):
                    return data
            if self._done.is_set():
                break
            time.sleep(0.02)
        raise TimeoutError(f"no {kind} {fields} among {[k for k, _ in self.run.events]}")

    def wait(self, timeout: float = 120) -> Run:
        if not self._done.wait(timeout):
            raise TimeoutError(f"prompt still running after {timeout} s:\n{self.run.server.log[-3000:]}")
        self._socket.close()
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            # The history entry is written just after the last message.
            entry = self.run.server.history(self.run.prompt_id)
            if entry:
                self.run.outputs = entry["outputs"]
                break
            time.sleep(0.05)
        return self.run
