"""Workflows as ComfyUI's editor saves them, made from the nodes' own schemas, and what is queued for them."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field

HOME = "https://github.com/outpaint-nodes/outpaint-nodes"
WIDGETS = ("INT", "FLOAT", "STRING", "BOOLEAN", "COMBO")
AFTER_GENERATE = "fixed"
NOTE_COLOUR = {"color": "#432", "bgcolor": "#653"}


@dataclass(frozen=True)
class Out:
    """An output slot of a node."""

    node: int
    slot: int


@dataclass
class Graph:
    """A workflow in the making. ``info`` is the host's ``/object_info``."""

    info: dict
    nodes: list[dict] = field(default_factory=list)
    links: list[list] = field(default_factory=list)
    groups: list[dict] = field(default_factory=list)

    def add(self, kind: str, at: tuple[int, int], size: tuple[int, int], *, title="", models=(), **inputs) -> list[Out]:
        """A node; ``inputs`` are values of widgets, or ``Out``s to link from. Returns its outputs."""
        spec = self.info[kind]
        number = len(self.nodes) + 1
        node = {
            "id": number, "type": kind, "pos": list(at), "size": list(size), "flags": {}, "order": number - 1,
            "mode": 0, "inputs": [], "outputs": [], "properties": properties(spec, kind, models), "widgets_values": [],
        }  # fmt: skip
        if title:
            node["title"] = title
        for name, kind_of_input, options in declared(spec):
            value = inputs.pop(name, None)
            widget = is_widget(kind_of_input, options)
            if isinstance(value, Out) or not widget:
                slot = {"name": name, "type": slot_type(kind_of_input), "link": None}
                if widget:
                    slot["widget"] = {"name": name}
                if name in optional(spec):
                    slot["shape"] = 7
                if isinstance(value, Out):
                    slot["link"] = self.link(value, number, len(node["inputs"]))
                node["inputs"].append(slot)
            if widget:
                given = value if value is not None and not isinstance(value, Out) else default(kind_of_input, options)
                node["widgets_values"].append(given)
                if has_control(name, kind_of_input, options):
                    node["widgets_values"].append(AFTER_GENERATE)
                if options.get("image_upload"):
                    node["widgets_values"].append("image")
        if inputs:
            raise ValueError(f"{kind} has no inputs {sorted(inputs)}")
        for name, kind_of_output in zip(spec["output_name"], spec["output"], strict=True):
            links = [link[0] for link in self.links if (link[1], link[2]) == (number, len(node["outputs"]))]
            node["outputs"].append({"name": name, "type": kind_of_output, "links": links})
        self.nodes.append(node)
        return [Out(number, slot) for slot in range(len(node["outputs"]))]

    def note(self, text: str, at: tuple[int, int], size: tuple[int, int]) -> None:
        number = len(self.nodes) + 1
        self.nodes.append({
            "id": number, "type": "MarkdownNote", "pos": list(at), "size": list(size), "flags": {}, "order": number - 1,
            "mode": 0, "inputs": [], "outputs": [], "properties": {}, "widgets_values": [text], **NOTE_COLOUR,
        })  # fmt: skip

    def link(self, source: Out, target: int, slot: int) -> int:
        output = self.nodes[source.node - 1]["outputs"][source.slot]
        number = len(self.links) + 1
        output["links"].append(number)
        self.links.append([number, source.node, source.slot, target, slot, output["type"]])
        return number

    def workflow(self, name: str) -> dict:
        """In the format of the editor, version 0.4, which every frontend reads."""
        return {
            "id": str(uuid.uuid5(uuid.NAMESPACE_URL, f"{HOME}/{name}")),
            "revision": 0, "last_node_id": len(self.nodes), "last_link_id": len(self.links), "nodes": self.nodes,
            "links": self.links, "groups": self.groups, "config": {}, "extra": {}, "version": 0.4,
        }  # fmt: skip

    def blueprint(self, name: str, description: str, ins: list, outs: list[tuple[str, Out]], proxies: list) -> dict:
        """This graph as one node.

        Args:
            ins: name, node and input name for each input slot, or several of the latter two.
            outs: name and source for each output slot.
            proxies: outputs' nodes and names of the widgets shown on the node.
        """
        inner = uuid.uuid5(uuid.NAMESPACE_URL, f"{HOME}/subgraphs/{name}")
        inputs, outputs = [], []
        for number, (label, *targets) in enumerate(ins):
            ids = []
            for node, slot_name in targets:
                slots = self.nodes[node - 1]["inputs"]
                slot = next(index for index, found in enumerate(slots) if found["name"] == slot_name)
                self.links.append([len(self.links) + 1, -10, number, node, slot, slots[slot]["type"]])
                slots[slot]["link"] = len(self.links)
                ids.append(len(self.links))
            inputs.append(self._slot(inner, label, self.links[-1][5], ids, (-180, 20 * number)))
        for number, (label, source) in enumerate(outs):
            link = self.link(source, -20, number)
            outputs.append(self._slot(inner, label, self.links[-1][5], [link], (1020, 20 * number)))
        keys = ("id", "origin_id", "origin_slot", "target_id", "target_slot", "type")
        counters = ("lastGroupId", "lastNodeId", "lastLinkId", "lastRerouteId")
        definition = {
            "id": str(inner), "version": 1, "revision": 0, "config": {}, "name": name, "description": description,
            "state": dict(zip(counters, (0, len(self.nodes), len(self.links), 0), strict=True)),
            "inputNode": {"id": -10, "bounding": [-220, -20, 120, 40 + 20 * len(ins)]},
            "outputNode": {"id": -20, "bounding": [1000, -20, 120, 40 + 20 * len(outs)]},
            "inputs": inputs, "outputs": outputs, "widgets": [], "nodes": self.nodes, "groups": [], "extra": {},
            "links": [dict(zip(keys, link, strict=True)) for link in self.links],
        }  # fmt: skip
        node = {
            "id": 1, "type": str(inner), "pos": [0, 0], "size": [340, 260], "flags": {}, "order": 0, "mode": 0,
            "inputs": [{"name": slot["name"], "type": slot["type"], "link": None} for slot in inputs],
            "outputs": [{"name": slot["name"], "type": slot["type"], "links": []} for slot in outputs],
            "properties": {"proxyWidgets": [[str(node), widget] for node, widget in proxies]}, "widgets_values": [],
            "title": name,
        }  # fmt: skip
        return {
            "revision": 0, "last_node_id": 1, "last_link_id": 0, "nodes": [node], "links": [], "version": 0.4,
            "definitions": {"subgraphs": [definition]}, "extra": {},
        }  # fmt: skip

    @staticmethod
    def _slot(inner: uuid.UUID, label: str, kind: str, links: list[int], at: tuple[int, int]) -> dict:
        return {"id": str(uuid.uuid5(inner, label)), "name": label, "type": kind, "linkIds": links, "pos": list(at)}


def declared(spec: dict):
    """Name, type and options of every input in the order of the node's slots and widgets."""
    for group in ("required", "optional"):
        for name in spec.get("input_order", spec["input"]).get(group, ()):
            kind, *options = spec["input"][group][name]
            yield name, kind, (options[0] if options else {})


def optional(spec: dict) -> list[str]:
    return list(spec["input"].get("optional", ()))


def is_widget(kind: object, options: dict) -> bool:
    return (isinstance(kind, list) or kind in WIDGETS) and not options.get("forceInput")


def slot_type(kind: object) -> str:
    return "COMBO" if isinstance(kind, list) else kind


def default(kind: object, options: dict):
    choices = kind if isinstance(kind, list) else options.get("options")
    if "default" in options:
        return options["default"]
    return choices[0] if choices else {"INT": 0, "FLOAT": 0.0, "BOOLEAN": False}.get(kind, "")


def has_control(name: str, kind: object, options: dict) -> bool:
    """Whether the frontend puts "control after generate" behind a widget."""
    return kind == "INT" and options.get("control_after_generate", name in ("seed", "noise_seed")) is not False


def properties(spec: dict, kind: str, models) -> dict:
    pack = spec.get("python_module", "").startswith("custom_nodes")
    found = {"Node name for S&R": kind, "cnr_id": "outpaint-nodes" if pack else "comfy-core"}
    if models:
        found["models"] = [{"name": name, "url": url, "directory": folder} for name, url, folder in models]
    return found


def to_api(workflow: dict, info: dict) -> dict:
    """What the frontend would queue for a workflow without subgraphs, reroutes and muted nodes."""
    sources = {link[0]: [str(link[1]), link[2]] for link in workflow["links"]}
    prompt = {}
    for node in workflow["nodes"]:
        if node["type"] == "MarkdownNote":
            continue
        values = iter(node["widgets_values"])
        links = {slot["name"]: sources[slot["link"]] for slot in node["inputs"] if slot["link"] is not None}
        inputs = {}
        for name, kind, options in declared(info[node["type"]]):
            if is_widget(kind, options):
                inputs[name] = next(values)
                if has_control(name, kind, options) or options.get("image_upload"):
                    next(values)
            if name in links:
                inputs[name] = links[name]
        prompt[str(node["id"])] = {"class_type": node["type"], "inputs": inputs}
    return prompt
