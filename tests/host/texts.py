"""What users read on the nodes, taken from the nodes' own schemas: English locale, node list, tables of the help pages.

After changing a name or a tooltip, write them anew: ``PYTHONPATH=tests python -m host.texts`` (needs a ComfyUI).
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from host.graph import declared

PACK = Path(__file__).resolve().parents[2]


def own_nodes(info: dict) -> dict:
    return {name: spec for name, spec in info.items() if spec["category"] == "image/outpaint"}


def locale(info: dict) -> dict:
    """``nodeDefs.json`` of the schemas' own language."""
    return {name: node_texts(spec) for name, spec in sorted(own_nodes(info).items())}


def node_texts(spec: dict) -> dict:
    inputs = {}
    for name, kind, options in declared(spec):
        inputs[name] = {"name": options.get("display_name") or name, "tooltip": options.get("tooltip", "")}
        choices = [choice for choice in choices_of(kind, options) if is_text(choice)]
        # Names of samplers, schedulers and model families are the same in every language.
        if choices and name not in ("output_format", *LISTS_OF_THE_HOST):
            inputs[name]["options"] = {choice: choice for choice in choices}
    return {
        "display_name": spec["display_name"],
        "description": spec["description"],
        "inputs": inputs,
        "outputs": {str(slot): {"name": name} for slot, name in enumerate(spec["output_name"])},
    }


def choices_of(kind: object, options: dict) -> list:
    return kind if isinstance(kind, list) else options.get("options") or []


def is_text(choice: object) -> bool:
    """Whether a choice is words, not a ratio like 16:9."""
    return isinstance(choice, str) and not choice[0].isdigit()


def keys(tree: dict, path: str = "") -> set[str]:
    """The path of every text."""
    found = set()
    for key, value in tree.items():
        found |= keys(value, f"{path}/{key}") if isinstance(value, dict) else {f"{path}/{key}"}
    return found


LISTS_OF_THE_HOST = ("sampler_name", "scheduler", "family")
UNITS = {
    **dict.fromkeys(("left", "right", "up", "down", "width", "height", "rim", "overlap", "multiple"), " px"),
    "megapixels": " MP",
    "max_credits": " credits",
}
TABLES = re.compile(r"(?<=<!-- inputs -->\n).*?(?=<!-- end -->)", re.DOTALL)


def values(name: str, kind: object, options: dict) -> str:
    """What an input takes, with range, unit and default."""
    if name in LISTS_OF_THE_HOST:
        return "`auto`, or one of the list"
    if choices := choices_of(kind, options):
        return ", ".join(f"`{choice}`" for choice in choices)
    if kind in ("INT", "FLOAT"):
        unit = UNITS.get(name, "")
        return f"{options['min']:g} to {options['max']:.12g}{unit}, default {options['default']:g}"
    if kind == "BOOLEAN":
        return f"on or off, default {'on' if options['default'] else 'off'}"
    return "text" if kind == "STRING" else str(kind)


def table(spec: dict) -> str:
    rows = ["| input | values | what it does |", "|---|---|---|"]
    for name, kind, options in declared(spec):
        label = f"`{name}`" + (" (optional)" if name in spec["input"].get("optional", {}) else "")
        rows.append(f"| {label} | {values(name, kind, options)} | {options['tooltip']} |")
    return "\n".join(rows) + "\n"


def help_page(node: str) -> Path:
    return PACK / "js" / "docs" / f"{node}.md"


def public_nodes(info: dict) -> dict:
    """The nodes that users meet; the others are parts that the expansion is made of."""
    return {name: spec for name, spec in own_nodes(info).items() if not spec["description"].startswith("Part of")}


def file(language: str) -> Path:
    return PACK / "locales" / language / "nodeDefs.json"


def read(language: str) -> dict:
    return json.loads(file(language).read_text(encoding="utf-8"))


def text(tree: dict) -> str:
    return json.dumps(tree, indent=2, ensure_ascii=False) + "\n"


def node_list(info: dict) -> dict:
    """``node_list.json``: what the registry and ComfyUI-Manager may know without running the pack."""
    return {name: spec["description"] for name, spec in sorted(own_nodes(info).items())}


if __name__ == "__main__":
    from host.server import ComfyServer, find_checkouts

    with ComfyServer(find_checkouts()[0]) as server:
        everything = server.get("/object_info")
    file("en").write_text(text(locale(everything)), encoding="utf-8")
    (PACK / "node_list.json").write_text(text(node_list(everything)), encoding="utf-8")
    for name, spec in public_nodes(everything).items():
        page = help_page(name)
        filled = TABLES.sub(lambda _, spec=spec: table(spec), page.read_text(encoding="utf-8"))
        page.write_text(filled, encoding="utf-8")
