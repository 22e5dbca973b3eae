"""Outpaint Stitch: the half after the sampler."""

from __future__ import annotations

from comfy_api.latest import io

from . import inputs
from .prepare import OutpaintCanvas
from .schema import schema


class OutpaintStitch(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return schema(
            node_id="OutpaintStitch",
            display_name="Outpaint Stitch",
            description=(
                "Joins the sampled window to the untouched original: fits tone, sharpness and grain of the new area "
                "to it and pastes the original back, bit for bit."
            ),
            search_aliases=["outpaint", "paste back", "composite", "seam"],
            inputs=[
                OutpaintCanvas.Input("canvas", display_name="canvas", tooltip="From Outpaint Prepare."),
                io.Image.Input("generated", display_name="generated", tooltip="The decoded picture of the window."),
                inputs.match(),
                inputs.rim(),
            ],
            outputs=[
                io.Image.Output(display_name="image"),
                io.Mask.Output(display_name="mask"),
                io.String.Output(display_name="report"),
            ],
        )

    @classmethod
    def execute(cls, **inputs) -> io.NodeOutput:
        raise NotImplementedError
