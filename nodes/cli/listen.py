"""Pauses between two looks at a ComfyUI server: by the clock, or woken by its own messages."""

from __future__ import annotations

import json
import time
from types import TracebackType


class Listener:
    """Waits, and knows the share of the current node that is done where the server tells.

    The optional package websocket-client makes the waits shorter and brings the progress; everything works without it.
    """

    def __init__(self, url: str, client: str, interval: float):
        self.interval, self.share = interval, 0.0
        self.address = f"ws{url.removeprefix('http')}/ws?clientId={client}"
        self.socket = None

    def __enter__(self) -> Listener:
        try:
            import websocket

            self.socket = websocket.create_connection(self.address, timeout=self.interval)
        except Exception:  # Not installed, or something on the way speaks no WebSocket: the clock does as well.
            self.socket = None
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None):
        if self.socket:
            self.socket.close()

    def pause(self) -> None:
        """Return after the interval, or earlier when the server says that a workflow has ended."""
        until = time.monotonic() + self.interval
        while self.socket and time.monotonic() < until:
            if self._message() in ("execution_success", "execution_error", "execution_interrupted"):
                return
        time.sleep(max(0.0, until - time.monotonic()))

    def _message(self) -> str | None:
        from websocket import WebSocketTimeoutException

        try:
            text = self.socket.recv()
        except WebSocketTimeoutException:
            return None
        except Exception:
            self.socket = None
            return None
        message = json.loads(text) if isinstance(text, str) and text else {}
        data = message.get("data") or {}
        if message.get("type") == "progress" and data.get("max"):
            self.share = data["value"] / data["max"]
        return message.get("type")
