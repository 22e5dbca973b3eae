"""The host at run time: interruption, progress, folders. The only module besides ``host_models`` to import ComfyUI.

Everything is imported when it is used, so that importing this module needs no ComfyUI.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

from .imaging.progress import Progress

POLL = 0.1


def interrupted() -> bool:
    """Whether the user pressed Cancel. Does not clear the host's flag: other nodes have to see it too."""
    import comfy.model_management

    return comfy.model_management.processing_interrupted()


def interruption() -> Exception:
    """The exception that ends a prompt as cancelled, to be raised."""
    import comfy.model_management

    return comfy.model_management.InterruptProcessingException()


def show_text(node_id: str, text: str) -> None:
    """A line of text on the node."""
    from server import PromptServer

    PromptServer.instance.send_progress_text(text, node_id)


def show_progress(node_id: str, fraction: float) -> None:
    """The node's progress bar, 0 to 1.

    Not through the host's ProgressBar: its hook raises on Cancel and clears the flag, so that a node running beside
    this one would never hear of it.
    """
    from comfy_execution.progress import get_progress_state

    get_progress_state().update_progress(node_id, round(100 * fraction), 100, None)


def other_copy(node_id: str) -> str | None:
    """The folder of another pack that has brought this node already; None when there is none."""
    import nodes

    found = nodes.NODE_CLASS_MAPPINGS.get(node_id)
    return getattr(found, "RELATIVE_PYTHON_MODULE", "custom_nodes.?").partition(".")[2] if found else None


def output_folder() -> Path:
    """Where the user looks for results."""
    import folder_paths

    return Path(folder_paths.get_output_directory())


def temp_folder() -> Path:
    """Where previews go; the host empties it when it starts."""
    import folder_paths

    return Path(folder_paths.get_temp_directory())


def progress() -> Progress:
    """A callback (steps done, steps in all) for work in the node's own thread: moves its progress bar, and raises
    when the user has cancelled."""
    import comfy.utils

    bars = {}

    def report(done: int, total: int) -> None:
        if interrupted():
            raise interruption()
        if total not in bars:
            bars[total] = comfy.utils.ProgressBar(total)
        bars[total].update_absolute(done, total)

    return report


def system_folder() -> Path:
    """The pack's private folder on the server, out of reach of the host's HTTP routes.

    Hosts before 0.3.76 have no function for it, but keep the rule that folders named ``__...`` are not served.
    """
    import folder_paths

    if hasattr(folder_paths, "get_system_user_directory"):
        folder = Path(folder_paths.get_system_user_directory("outpaint"))
    else:
        folder = Path(folder_paths.get_user_directory()) / "__outpaint"
    folder.mkdir(parents=True, exist_ok=True)
    if os.name == "posix":
        folder.chmod(0o700)
    return folder


async def follow(
    node_id: str, done: Callable[[], bool], text: Callable[[], str], fraction: Callable[[], float]
) -> None:
    """Wait for work that goes on in other threads, showing how far it is.

    Raises:
        InterruptProcessingException: the user cancelled. The work itself is not touched.
    """
    shown = None
    while not done():
        if interrupted():
            raise interruption()
        state = (text(), round(100 * fraction()))
        if state != shown:
            show_text(node_id, state[0])
            show_progress(node_id, fraction())
            shown = state
        await asyncio.sleep(POLL)
