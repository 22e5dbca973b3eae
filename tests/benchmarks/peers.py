"""Joining by other packs' real nodes, where their checkouts are present (nothing of theirs is kept here)."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

import torch


def load(folder: str, name: str):
    """The module ``name`` of a checkout, imported as part of a package so that its relative imports work."""
    package = "peer_" + Path(folder).name.replace("-", "_").lower()
    spec = importlib.util.spec_from_file_location(
        f"{package}.{name}", Path(folder) / f"{name}.py", submodule_search_locations=[folder]
    )
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def crop_and_stitch(folder: str):
    """InpaintCropImproved extends the picture and cuts, the generator fills, InpaintStitchImproved blends back."""
    module = load(folder, "inpaint_cropandstitch")

    def join(original, made, extents):
        height, width = original.shape[1:3]
        tall, wide = made.shape[1:3]
        crop = module.InpaintCropImproved()
        inputs = crop.INPUT_TYPES()["required"].items()
        options = {name: kind[1]["default"] for name, kind in inputs if len(kind) > 1 and "default" in kind[1]}
        options.update(
            extend_for_outpainting=True,
            extend_up_factor=1 + extents.up / height,
            extend_down_factor=1 + extents.down / height,
            extend_left_factor=1 + extents.left / width,
            extend_right_factor=1 + extents.right / width,
            output_resize_to_target_size=False,
        )
        stitcher, cropped, _ = crop.inpaint_crop(image=original, **options)[:3]
        places = (stitcher[f"cropped_to_canvas_{axis}"] for axis in "xy")
        x, y = (place[0] if isinstance(place, list) else place for place in places)
        h, w = cropped.shape[1:3]
        window = made[:, y : y + h, x : x + w]
        if window.shape != cropped.shape:
            window = torch.nn.functional.interpolate(window.movedim(-1, 1), (h, w), mode="bicubic").movedim(1, -1)
        done = module.InpaintStitchImproved().inpaint_stitch(stitcher, window)[0]
        if done.shape[1:3] != (tall, wide):
            done = torch.nn.functional.interpolate(done.movedim(-1, 1), (tall, wide), mode="bicubic").movedim(1, -1)
        return done

    return join


def acly(folder: str):
    """ColorMatch on the overlap, then a paste."""
    module = load(folder, "nodes")

    def join(original, made, extents):
        kept = torch.ones(made.shape[:3])
        e = extents
        inside = (slice(None), slice(e.up, made.shape[1] - e.down), slice(e.left, made.shape[2] - e.right))
        kept[inside] = 0
        reference = made.clone()
        reference[inside] = original
        matched = module.ColorMatch.execute(made, reference, kept)
        image = (matched[0] if isinstance(matched, tuple) else matched.args[0]).clone()
        image[inside] = original
        return image

    return join


def peers() -> dict:
    """Joining functions by name, of the checkouts named in the environment."""
    found = {}
    if os.environ.get("COMFYUI_PATH"):
        sys.path.insert(0, os.environ["COMFYUI_PATH"])
    if os.environ.get("CROPANDSTITCH_PATH"):
        found["cropstitch"] = crop_and_stitch(os.environ["CROPANDSTITCH_PATH"])
    if os.environ.get("ACLY_PATH"):
        found["acly"] = acly(os.environ["ACLY_PATH"])
    return found
