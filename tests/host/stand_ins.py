"""What stands in for the model files that the examples name: nodes in place of the loaders, and a true upscaler."""

from __future__ import annotations

import json
import struct

import numpy as np

from host import examples
from host.server import ComfyServer

MODELS = [
    examples.SD_INPAINT, examples.SD15, examples.SDXL, examples.FLUX_FILL, examples.CLIP_L, examples.T5XXL,
    examples.FLUX_VAE,
]  # fmt: skip
# Loader -> which outputs of a node that gives MODEL, CLIP and VAE stand in for its own.
LOADERS = {"CheckpointLoaderSimple": (0, 1, 2), "UNETLoader": (0,), "DualCLIPLoader": (1,), "VAELoader": (2,)}


def stock(server: ComfyServer) -> None:
    """Files of the names that the examples choose: empty ones, and an upscaler that works."""
    for name, _, folder in MODELS:
        path = server.base / "models" / folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    path = server.base / "models" / examples.ESRGAN[2] / examples.ESRGAN[0]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(esrgan())


def esrgan(features: int = 8) -> bytes:
    """A network of the ESRGAN kind with one block, as a safetensors file, whose weights interpolate: its blocks add
    nothing, and each doubling is smoothed as in linear interpolation."""
    shapes = {"conv_first": (features, 3), "conv_body": (features, features), "conv_last": (3, features)}
    shapes |= dict.fromkeys(("conv_up1", "conv_up2", "conv_hr"), (features, features))
    for dense in (1, 2, 3):
        for conv in range(1, 6):
            shapes[f"body.0.rdb{dense}.conv{conv}"] = (32 if conv < 5 else features, features + 32 * (conv - 1))
    same = np.zeros((3, 3), np.float32)
    same[1, 1] = 1
    smooth = np.outer([1, 2, 1], [1, 2, 1]).astype(np.float32) / 16
    kernels = {"conv_first": same, "conv_up1": smooth, "conv_up2": smooth, "conv_hr": same, "conv_last": same}
    tensors = {}
    for name, (out, into) in shapes.items():
        weight = np.zeros((out, into, 3, 3), np.float32)
        for channel in range(3):
            weight[channel, channel] = kernels.get(name, 0)
        tensors[f"{name}.weight"], tensors[f"{name}.bias"] = weight, np.zeros(out, np.float32)
    header, data = {}, b""
    for name, tensor in tensors.items():
        header[name] = {"dtype": "F32", "shape": tensor.shape, "data_offsets": (len(data), len(data) + tensor.nbytes)}
        data += tensor.tobytes()
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def with_stand_in(prompt: dict, stand_in: dict, settings: dict) -> dict:
    """The prompt with one node in place of its loaders, and ``settings`` wherever an input has that name."""
    swapped = {"model": stand_in}
    for name, node in prompt.items():
        if node["class_type"] in LOADERS:
            continue
        inputs = dict(node["inputs"])
        for key, value in inputs.items():
            if isinstance(value, list) and prompt[value[0]]["class_type"] in LOADERS:
                inputs[key] = ["model", LOADERS[prompt[value[0]]["class_type"]][value[1]]]
        inputs |= {key: value for key, value in settings.items() if key in inputs}
        swapped[name] = {**node, "inputs": inputs}
    return swapped


def only(prompt: dict, kind: str) -> str:
    (name,) = [name for name, node in prompt.items() if node["class_type"] == kind]
    return name
