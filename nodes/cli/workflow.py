"""Workflows in the format of ComfyUI's HTTP interface: a picture and its extents put in, the result found. Pure."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..errors import InputError
from ..imaging.canvas import Extents

BUILT_IN = Path(__file__).with_name("local_workflow.json")
EXTENDERS = ("OutpaintLocal", "OutpaintAPI", "OutpaintPrepare")
SIDES = ("left", "right", "up", "down")

Nodes = dict[str, dict]


@dataclass(frozen=True)
class Workflow:
    """An API-format workflow with its three places: where the picture goes in, what extends it, what saves it."""

    nodes: Nodes
    load: str
    extend: str
    save: str

    @property
    def spends_credits(self) -> bool:
        return self.nodes[self.extend]["class_type"] == "OutpaintAPI"

    def prompt(self, picture: str, extents: Extents | None, **settings: object) -> Nodes:
        """The workflow for one picture.

        Args:
            picture: name of the uploaded picture, with its folder.
            extents: None or all 0 keeps what the workflow says.
            settings: inputs of the extending node to set; None keeps what the workflow says.
        """
        nodes = copy.deepcopy(self.nodes)
        nodes[self.load]["inputs"]["image"] = picture
        given = {side: getattr(extents, side) for side in SIDES} if extents else {}
        given |= {name: value for name, value in settings.items() if value is not None}
        inputs = nodes[self.extend]["inputs"]
        inputs.update({name: value for name, value in given.items() if name in inputs or name in SIDES})
        return nodes


def load(file: Path = BUILT_IN) -> Workflow:
    """Read a workflow exported with "Export (API)".

    Raises:
        InputError: no such file, another format, or one of its three places is missing or there twice.
    """
    try:
        nodes = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{file} cannot be read: {error.strerror}.", "Check the path given with --workflow.") from None
    except ValueError:
        raise InputError(f"{file} is no JSON file.", "Export the workflow from ComfyUI with Export (API).") from None
    if not isinstance(nodes, dict) or not nodes or "nodes" in nodes:
        raise InputError(f"{file} is a workflow as the editor saves it.", "Export it with Export (API) instead.")
    if not all(isinstance(node, dict) and {"class_type", "inputs"} <= node.keys() for node in nodes.values()):
        raise InputError(f"{file} is no workflow of ComfyUI.", "Export the workflow from ComfyUI with Export (API).")
    extend = _only(nodes, list(nodes), EXTENDERS, file)
    upstream = list(_upstream(nodes, extend))
    load = _only(nodes, upstream, ("LoadImage",), file)
    save = _only(nodes, [name for name in nodes if extend in _upstream(nodes, name)], ("SaveImage",), file)
    return Workflow(nodes, load, extend, save)


def completed(nodes: Nodes, info: dict) -> Nodes:
    """The nodes with the default of every required input they lack: a workflow saved with an earlier version of a pack
    runs on a server with a later one.

    Args:
        info: the server's own description of the node classes (``/object_info``).
    """
    nodes = copy.deepcopy(nodes)
    for node in nodes.values():
        required = info.get(node["class_type"], {}).get("input", {}).get("required", {})
        for name, (_, *options) in required.items():
            if name not in node["inputs"] and options and "default" in options[0]:
                node["inputs"][name] = options[0]["default"]
    return nodes


def _only(nodes: Nodes, among: list[str], classes: tuple[str, ...], file: Path) -> str:
    found = [name for name in among if nodes[name]["class_type"] in classes]
    if len(found) == 1:
        return found[0]
    wanted = " or ".join(classes)
    raise InputError(
        f"{file} has {len(found)} nodes of type {wanted} on the way of the picture, and exactly one is needed.",
        "A workflow for this command runs from one LoadImage through one Outpaint node to one SaveImage.",
    )


def _upstream(nodes: Nodes, name: str) -> Iterator[str]:
    """The nodes that a node's inputs come from, however far up; each once."""
    seen, waiting = set(), [name]
    while waiting:
        for value in nodes[waiting.pop()]["inputs"].values():
            source = str(value[0]) if isinstance(value, list) and len(value) == 2 else None
            if source in nodes and source not in seen:
                seen.add(source)
                waiting.append(source)
                yield source
