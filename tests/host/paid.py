"""Prompts with Outpaint (API), and what they leave behind on ``paid``, a host whose service is a fault server."""

from __future__ import annotations

import itertools
import sqlite3
import time

import numpy as np

from service.world import photo

SEEDS = itertools.count(100, 100)
LEDGER = "user/__outpaint/ledger.sqlite"
# Spinning OpenMP threads of several hosts on one machine hold each other up a hundredfold.
ONE_THREAD = {"OMP_NUM_THREADS": "1"}


def api(image=("load", 0), **changes) -> dict:
    """The node with its defaults, 64 px to the right, and a seed that no other test has."""
    inputs = {
        "image": list(image), "left": 0, "right": 64, "up": 0, "down": 0, "creativity": 0.5, "prompt": "",
        "seed": next(SEEDS), "output_format": "png", "keep_original": True, "max_credits": 80, "dry_run": False,
        "reroll": 0,
    }  # fmt: skip
    return {"class_type": "OutpaintAPI", "inputs": inputs | changes}


def keep(node: str) -> dict:
    """Nodes that write a node's five outputs into the output folder, bit for bit."""
    names = ("image", "mask", "raw", "seed", "report")
    return {
        f"keep_{name}": {"class_type": "TestSaveTensor", "inputs": {"value": [node, slot], "name": name}}
        for slot, name in enumerate(names)
    }


def prompt(node: dict | None = None, **others) -> dict:
    load = {"class_type": "LoadImage", "inputs": {"image": "photo.png"}}
    return {"load": load, "api": node or api(), **keep("api"), **others}


def tensor(comfy, name: str) -> np.ndarray:
    return np.load(comfy.output / f"{name}.npy")


def report(comfy) -> str:
    return (comfy.output / "report.txt").read_text()


def original() -> np.ndarray:
    return np.asarray(photo(), np.float32)[None] / 255


def put(comfy, values: np.ndarray) -> dict:
    """A node that loads these values; its name is new, because the host caches by inputs."""
    name = f"{next(SEEDS)}.npy"
    np.save(comfy.input / name, values)
    return {"class_type": "TestLoadTensor", "inputs": {"name": name}}


def until(condition, seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


def outcomes(paid) -> list:
    connection = sqlite3.connect(paid.base / LEDGER)
    rows = connection.execute("SELECT outcome FROM attempts ORDER BY id").fetchall()
    connection.close()
    return [outcome for (outcome,) in rows]
