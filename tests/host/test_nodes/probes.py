"""Probes: put exact tensors in, get exact tensors out."""

import asyncio
import gc
import time
from pathlib import Path

import comfy.model_patcher
import comfy.ops
import folder_paths
import numpy as np
import torch


class AnyType(str):
    def __ne__(self, other):
        return False


ANY = AnyType("*")


class TestLoadTensor:
    """An IMAGE from a .npy file in the input folder, whatever its shape and values."""

    INPUT_TYPES = classmethod(lambda cls: {"required": {"name": ("STRING", {"default": ""})}})
    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "load"
    CATEGORY = "tests"

    def load(self, name):
        return (torch.from_numpy(np.load(Path(folder_paths.get_input_directory()) / name)),)


class TestLoadMask(TestLoadTensor):
    """The same as a MASK."""

    RETURN_TYPES = ("MASK",)


class TestLoadList(TestLoadTensor):
    """Several of them as a list; names separated by commas."""

    OUTPUT_IS_LIST = (True,)

    def load(self, name):
        return ([super(TestLoadList, self).load(one)[0] for one in name.split(",")],)


class TestSaveTensor:
    """Writes a tensor as .npy into the output folder, bit for bit; text as .txt."""

    INPUT_TYPES = classmethod(lambda cls: {"required": {"value": (ANY,), "name": ("STRING", {"default": ""})}})
    RETURN_TYPES = ()
    FUNCTION = "save"
    OUTPUT_NODE = True
    CATEGORY = "tests"
    IS_CHANGED = classmethod(lambda cls, **inputs: float("nan"))

    def save(self, value, name):
        folder = Path(folder_paths.get_output_directory())
        if isinstance(value, torch.Tensor):
            np.save(folder / f"{name}.npy", value.cpu().numpy())
        else:
            (folder / f"{name}.txt").write_text(str(value))
        return {"ui": {"text": [name]}}


class TestTinyUpscaler:
    """An UPSCALE_MODEL that doubles by repeating pixels."""

    INPUT_TYPES = classmethod(lambda cls: {"required": {}})
    RETURN_TYPES = ("UPSCALE_MODEL",)
    FUNCTION = "make"
    CATEGORY = "tests"

    def make(self):
        return (Doubler(),)


class Doubler(torch.nn.Module):
    scale = 2

    def __init__(self):
        super().__init__()
        cpu = torch.device("cpu")
        self.model = torch.nn.Sequential(comfy.ops.manual_cast.Linear(1, 1))
        self.patcher = comfy.model_patcher.ModelPatcher(self.model, load_device=cpu, offload_device=cpu)

    def forward(self, image):
        return torch.nn.functional.interpolate(image, scale_factor=2, mode="nearest")


class TestSlow:
    """Passes an IMAGE on after some seconds."""

    INPUT_TYPES = classmethod(
        lambda cls: {"required": {"image": ("IMAGE",), "seconds": ("FLOAT", {"default": 1.0, "min": 0, "max": 60})}}
    )
    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "wait"
    CATEGORY = "tests"

    def wait(self, image, seconds):
        time.sleep(seconds)
        return (image,)


class TestFail:
    """Fails as soon as this file of the input folder exists; other nodes run meanwhile."""

    INPUT_TYPES = classmethod(lambda cls: {"required": {"after": ("STRING", {"default": ""})}})
    RETURN_TYPES = ()
    FUNCTION = "fail"
    OUTPUT_NODE = True
    CATEGORY = "tests"

    async def fail(self, after):
        path = Path(folder_paths.get_input_directory(), after)
        end = time.monotonic() + 60
        while not path.exists() and time.monotonic() < end:
            await asyncio.sleep(0.02)
        raise RuntimeError("this node always fails")


class TestLiveTensors:
    """Writes how many bytes all living tensors hold."""

    INPUT_TYPES = classmethod(lambda cls: {"required": {"name": ("STRING", {"default": ""})}})
    RETURN_TYPES = ()
    FUNCTION = "count"
    OUTPUT_NODE = True
    CATEGORY = "tests"
    IS_CHANGED = classmethod(lambda cls, **inputs: float("nan"))

    def count(self, name):
        gc.collect()
        found = [thing for thing in gc.get_objects() if type(thing) in (torch.Tensor, torch.nn.Parameter)]
        storages = {tensor.data_ptr(): tensor.untyped_storage().nbytes() for tensor in found}
        Path(folder_paths.get_output_directory(), f"{name}.txt").write_text(str(sum(storages.values())))
        return {}


NODES = {
    kind.__name__: kind
    for kind in (
        TestLoadTensor, TestLoadMask, TestLoadList, TestSaveTensor, TestTinyUpscaler, TestSlow, TestFail,
        TestLiveTensors,
    )
}
