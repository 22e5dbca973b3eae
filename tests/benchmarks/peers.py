"""Joining by other packs' real nodes, where their checkouts are present (nothing of theirs is kept here)."""

from __future__ import annotations

import importlib
import os
import sys
import types
from pathlib import Path

import torch


def load(folder: str, name: str):
    """The module ``name`` of a checkout, imported as part of a package so that its relative imports work."""
    package = types.ModuleType("peer_" + Path(folder).name.replace("-", "_").lower())
    package.__path__ = [folder]
    sys.modules[package.__name__] = package
    return importlib.import_module(f"{package.__name__}.{name}")


def crop_and_stitch(folder: str):
    """InpaintCropImproved extends the picture and cuts, the generator fills, InpaintStitchImproved blends back."""
    module = load(folder, "inpaint_cropandstitch")

    def join(original, made, extents):
        height, width = original.shape[1:3]
        crop = module.InpaintCropImproved()
        inputs = crop.INPUT_TYPES()["required"].items()
        options = {name: kind[1]["default"] for name, kind in inputs if len(kind) > 1 and "default" in kind[1]}
        # The node rounds down; a quarter of a pixel more on each side makes whole pixels sure.
        options.update(
            extend_for_outpainting=True,
            extend_up_factor=1 + (extents.up + 0.25) / height,
            extend_down_factor=1 + (extents.down + 0.25) / height,
            extend_left_factor=1 + (extents.left + 0.25) / width,
            extend_right_factor=1 + (extents.right + 0.25) / width,
            output_resize_to_target_size=False,
            device_mode="cpu (compatible)",
        )
        stitcher, cropped, _ = crop.inpaint_crop(image=original, **options)[:3]

        def place(name):
            x, y, w, h = (stitcher[f"{name}_{side}"] for side in "xywh")
            x, y, w, h = (side[0] if isinstance(side, list) else side for side in (x, y, w, h))
            return slice(y, y + h), slice(x, x + w)

        # What the generator returns is shown to the stitching node in place of its own padded canvas.
        padded = stitcher["canvas_image"][0]
        canvas = padded.clone().view(1, *padded.shape[-3:])
        canvas[(slice(None), *place("canvas_to_orig"))] = made
        window = canvas[(slice(None), *place("cropped_to_canvas"))]
        assert window.shape == cropped.shape
        done = module.InpaintStitchImproved().inpaint_stitch(stitcher, window)[0]
        assert done.shape == made.shape
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
        matched = module.ColorMatch.execute(made, reference, kept, 1.0)
        image = matched.args[0].clone()
        image[inside] = original
        return image

    return join


def peers() -> dict:
    """Joining functions by name, of the checkouts named in the environment."""
    found = {}
    if os.environ.get("COMFYUI_PATH"):
        sys.path.insert(0, os.environ["COMFYUI_PATH"])
        from comfy.cli_args import args

        args.cpu = not torch.cuda.is_available()
    if os.environ.get("CROPANDSTITCH_PATH"):
        found["cropstitch"] = crop_and_stitch(os.environ["CROPANDSTITCH_PATH"])
    if os.environ.get("ACLY_PATH"):
        found["acly"] = acly(os.environ["ACLY_PATH"])
    return found
