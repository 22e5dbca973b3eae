"""Prompts for the host tests, and exact tensors in and out of a host."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
from PIL import Image

PHOTOS = Path(__file__).resolve().parents[1] / "photos"


def photo(name: str, width: int | None = None, height: int | None = None) -> np.ndarray:
    """A sample photo as float32 ``[1, H, W, 3]`` in 0..1, scaled to a size where one is given."""
    picture = Image.open(PHOTOS / name).convert("RGB")
    if width:
        picture = picture.resize((width, height), Image.Resampling.LANCZOS)
    return (np.asarray(picture, np.float32) / 255)[None]


def cut(truth: np.ndarray, left: int = 0, right: int = 0, up: int = 0, down: int = 0) -> np.ndarray:
    """The truth without what is to be added."""
    return truth[:, up : truth.shape[1] - down, left : truth.shape[2] - right].copy()


def put(comfy, tensor: np.ndarray) -> str:
    """Write a tensor into the host's input folder; the same content has the same name, as its cache expects."""
    name = f"{hashlib.sha256(tensor.tobytes() + str(tensor.shape).encode()).hexdigest()[:16]}.npy"
    np.save(comfy.input / name, tensor)
    return name


def get(comfy, name: str) -> np.ndarray:
    return np.load(comfy.output / f"{name}.npy")


def text(comfy, name: str) -> str:
    return (comfy.output / f"{name}.txt").read_text()


def load(name: str) -> dict:
    return {"class_type": "TestLoadTensor", "inputs": {"name": name}}


def save(link: list, name: str) -> dict:
    return {"class_type": "TestSaveTensor", "inputs": {"value": link, "name": name}}


LOCAL = {
    "left": 0, "right": 0, "up": 0, "down": 0, "creativity": 0.5, "prompt": "", "negative_prompt": "", "seed": 1,
    "steps": 2, "cfg": 1.0, "sampler_name": "euler", "scheduler": "auto", "match": "full", "rim": 0, "fill": "auto",
    "overlap": -1, "megapixels": 0.0, "denoise_override": 0.0, "refine": False, "transparent_is_new": False,
    "family": "auto",
}
PREPARE = {
    "left": 0, "right": 0, "up": 0, "down": 0, "creativity": 0.5, "multiple": 8, "megapixels": 0.0, "overlap": 32,
    "fill": "smooth",
}
ORACLE = {"kind": "EPS", "gain": 1.0, "offset": 0.0, "field": 0.0, "blur": 0.0, "seconds": 0.0, "seed": 1}
TINY = {"kind": "inpaint unet", "dtype": "float32", "compression": 8}


def node(class_type: str, /, **inputs) -> dict:
    return {"class_type": class_type, "inputs": inputs}


def local(image: list, loader: str | None = None, /, **changes) -> dict:
    """An Outpaint (Local) fed by a loader node of this id (MODEL, CLIP, VAE)."""
    loaded = {} if loader is None else {"model": [loader, 0], "clip": [loader, 1], "vae": [loader, 2]}
    return node("OutpaintLocal", **LOCAL | {"image": image} | loaded | changes)


def outputs(source: str, prefix: str) -> dict:
    """Nodes that write image, mask and report of a node."""
    return {
        f"{prefix}_image": save([source, 0], f"{prefix}_image"),
        f"{prefix}_mask": save([source, 1], f"{prefix}_mask"),
        f"{prefix}_report": save([source, 2], f"{prefix}_report"),
    }


def sub_nodes(executed: list[str], parent: str) -> list[str]:
    """Names of the sub-nodes of an expanded node that ran, as given by the expansion."""
    return [name.split(".", 3)[3] for name in executed if name.startswith(f"{parent}.")]


def windows(rects) -> str:
    """Rectangles for the oracle."""
    return json.dumps([list(rect) for rect in rects])
