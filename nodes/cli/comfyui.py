"""Engine "comfyui": a workflow queued on running ComfyUI servers over their HTTP interface, one picture a server at a
time. Schedules nothing beyond that: for a farm, take one of the engines made for it (see CONTRIBUTING.md)."""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import uuid
from collections.abc import Iterable, Sequence
from urllib.parse import urlsplit

import requests

from ..errors import InputError, OutpaintError
from ..imaging import codec
from ..imaging.canvas import Extents
from ..imaging.progress import Share
from . import workflow
from .engines import Extended, Task, Unavailable, canvas_size, size_of
from .listen import Listener
from .options import DEFAULT_SERVER

CONNECT, READ = 10, 120
POLL = 0.5
LOOPBACK = {"localhost", "127.0.0.1", "::1"}


class ComfyError(OutpaintError):
    """The server refused the workflow, or a node failed."""


class Server:
    """One running ComfyUI.

    Raises:
        InputError: the address is no http(s) address.
        Unavailable: (every method) it does not answer.
    """

    def __init__(self, url: str):
        parts = urlsplit(url if "//" in url else f"http://{url}")
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise InputError(f"The server {url!r} is no address.", f"Write it like {DEFAULT_SERVER}.")
        self.url = parts.geturl().rstrip("/")
        self.client = uuid.uuid4().hex
        self.session = requests.Session()
        # A proxy of the environment is for the outside world, not for this machine.
        self.session.trust_env = parts.hostname not in LOOPBACK

    def upload(self, name: str, png: bytes) -> str:
        """Put a picture into the server's input folder; returns the name that LoadImage wants."""
        stored = self._call(
            "POST",
            "/upload/image",
            files={"image": (name, png, "image/png")},
            data={"subfolder": "outpaint", "overwrite": "true"},
        ).json()
        return f"{stored['subfolder']}/{stored['name']}" if stored.get("subfolder") else stored["name"]

    def describe(self, kinds: Iterable[str]) -> dict:
        """What the server knows of these node classes; classes it does not have are left out."""
        info: dict = {}
        for name in kinds:
            info |= self._call("GET", f"/object_info/{name}").json()
        return info

    def queue(self, nodes: workflow.Nodes) -> str:
        """Queue a workflow; returns its id.

        Raises:
            ComfyError: the server does not accept it, with the server's reasons.
        """
        answer = self._call("POST", "/prompt", accept=(400,), json={"prompt": nodes, "client_id": self.client})
        body = answer.json()
        if answer.status_code == 400:
            raise ComfyError(f"{self.url} refuses the workflow: {_reasons(body, nodes)}.", "Mend the workflow.")
        return body["prompt_id"]

    def wait(self, prompt_id: str, progress: Share) -> dict:
        """Wait for a queued workflow; returns its outputs by node.

        Raises:
            ComfyError: a node failed, or the run was cancelled on the server.
        """
        with Listener(self.url, self.client, POLL) as listener:
            while True:
                entry = self._call("GET", f"/history/{prompt_id}").json().get(prompt_id)
                if entry:
                    return _outputs(entry, self.url)
                listener.pause()
                progress(listener.share)

    def fetch(self, image: dict) -> bytes:
        wanted = {key: image.get(key, "") for key in ("filename", "subfolder", "type")}
        return self._call("GET", "/view", params=wanted).content

    def cancel(self, prompt_id: str) -> None:
        """Take a workflow out of the queue, or stop it when it runs. Other people's work goes on."""
        self._call("POST", "/queue", json={"delete": [prompt_id]})
        self._call("POST", "/interrupt", json={"prompt_id": prompt_id})

    def _call(self, method: str, path: str, accept: tuple[int, ...] = (), **arguments) -> requests.Response:
        try:
            answer = self.session.request(method, self.url + path, timeout=(CONNECT, READ), **arguments)
        except requests.RequestException as error:
            raise Unavailable(
                f"{self.url} does not answer ({type(error).__name__}): is ComfyUI running there? "
                "--server names another address."
            ) from error
        if answer.status_code in (502, 503, 504):
            raise Unavailable(f"{self.url} is not ready ({answer.status_code}).")
        if not answer.ok and answer.status_code not in accept:
            raise ComfyError(
                f"{self.url}{path} answers {answer.status_code}.", "Check that this is the address of a ComfyUI server."
            )
        return answer


class ComfyWorker:
    """Runs the workflow on one server."""

    def __init__(self, server: Server, flow: workflow.Workflow, own_workflow: bool, settings: dict):
        self.server, self.flow, self.own_workflow, self.settings = server, flow, own_workflow, settings
        self.info: dict | None = None

    def extend(self, task: Task, picture: codec.Picture, extents: Extents, progress: Share) -> Extended:
        # The pixels travel as PNG, upright and RGB, so that every server sees what this command sees.
        png = codec.encode(picture.image)
        name = self.server.upload(f"{hashlib.sha256(png).hexdigest()[:16]}.png", png)
        nodes = self.flow.prompt(name, extents, **self.settings)
        if self.info is None:
            self.info = self.server.describe(sorted({node["class_type"] for node in nodes.values()}))
        prompt_id = self.server.queue(workflow.completed(nodes, self.info))
        try:
            outputs = self.server.wait(prompt_id, progress)
        except BaseException:
            # Cancelled, or given up: the server need not go on for nobody. (When it has ended, this does nothing.)
            with contextlib.suppress(Unavailable, ComfyError):
                self.server.cancel(prompt_id)
            raise
        images = outputs.get(self.flow.save, {}).get("images")
        if not images:
            raise ComfyError(f"{self.server.url} finished without a picture.", "Check that SaveImage is not bypassed.")
        result = codec.decode(self.server.fetch(images[0]), orient=False).image
        known = self._known_extents(picture, extents, result)
        texts = [text for output in outputs.values() for text in output.get("text", ()) if isinstance(text, str)]
        return Extended(result, known, "\n".join(texts))

    def _known_extents(self, picture: codec.Picture, extents: Extents, result) -> Extents | None:
        wanted, got = canvas_size(picture, extents), size_of(result)
        if wanted == got and extents:
            return extents
        if self.own_workflow:
            return None
        raise ComfyError(
            f"{self.server.url} gave {got}, but {wanted} was asked for.",
            "Bring the Outpaint nodes on the server to the version of this command.",
        )


class ComfyEngine:
    """Queues the built-in workflow (Outpaint (Local) without a model), or the user's own."""

    def __init__(self, options: argparse.Namespace):
        self.flow = workflow.load(options.workflow or workflow.BUILT_IN)
        self.own_workflow = bool(options.workflow)
        self.servers = [Server(url) for url in dict.fromkeys(options.server or [DEFAULT_SERVER])]
        self.settings = {"creativity": options.creativity, "prompt": options.prompt, "seed": options.seed}

    def announce(self, tasks: Sequence[Task]) -> str | None:
        if self.flow.spends_credits:
            return f"This workflow uses the paid service: up to {8 * len(tasks)} credits on the servers' own key."
        return None

    def workers(self) -> list[ComfyWorker]:
        return [ComfyWorker(server, self.flow, self.own_workflow, self.settings) for server in self.servers]


def _reasons(body: dict, nodes: workflow.Nodes) -> str:
    """What the server says is wrong, in one line."""
    found = []
    for name, errors in (body.get("node_errors") or {}).items():
        kind = nodes.get(name, {}).get("class_type", name)
        found += [f"{kind}: {error.get('message')} {error.get('details', '')}".strip() for error in errors["errors"]]
    error = body.get("error") or {}
    return "; ".join(found) or f"{error.get('message', 'no reason given')} {error.get('details', '')}".strip()


def _outputs(entry: dict, url: str) -> dict:
    status = entry.get("status") or {}
    for kind, message in status.get("messages", ()):
        if kind == "execution_error":
            what = str(message.get("exception_message", "unknown error")).strip()
            raise ComfyError(f"{url}: {message.get('node_type')} failed: {what}", "See the server's log for more.")
        if kind == "execution_interrupted":
            raise ComfyError(f"{url}: the run was cancelled on the server.", "Run the command again.")
    return entry.get("outputs", {})
