"""Outpaint to Ratio: the four extents for a target ratio or size."""

from __future__ import annotations

from comfy_api.latest import io

from . import inputs
from .imaging import canvas
from .schema import schema

PAPER = {"A4": "210:297", "A4 landscape": "297:210"}
CUSTOM = "custom"
RATIOS = ["1:1", "4:5", "5:4", "3:2", "2:3", "4:3", "3:4", "16:9", "9:16", "21:9", "2:1", *PAPER, CUSTOM]


class OutpaintToRatio(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return schema(
            node_id="OutpaintToRatio",
            display_name="Outpaint to Ratio",
            description=(
                "The pixels to add on each side so that a picture gets a given ratio or size. Nothing is cropped."
            ),
            search_aliases=["aspect ratio", "extend to ratio", "pad to size", "uncrop"],
            inputs=[
                inputs.image(),
                io.Combo.Input(
                    "ratio",
                    display_name="ratio",
                    options=RATIOS,
                    default="16:9",
                    tooltip="Width to height of the finished picture. 'custom' takes width and height below.",
                ),
                io.Combo.Input(
                    "anchor",
                    display_name="anchor",
                    options=list(canvas.ANCHORS),
                    default="center",
                    tooltip="Where the picture lies on the finished canvas.",
                ),
                io.Int.Input(
                    "multiple",
                    display_name="multiple",
                    default=1,
                    min=1,
                    max=256,
                    tooltip="Round the finished width and height up to a multiple of this many pixels (1 = exact).",
                ),
                io.Int.Input(
                    "width",
                    display_name="width",
                    default=0,
                    min=0,
                    max=32768,
                    tooltip="Finished width in pixels, with ratio 'custom' (0 = as the picture).",
                ),
                io.Int.Input(
                    "height",
                    display_name="height",
                    default=0,
                    min=0,
                    max=32768,
                    tooltip="Finished height in pixels, with ratio 'custom' (0 = as the picture).",
                ),
            ],
            outputs=[
                io.Int.Output(display_name="left"),
                io.Int.Output(display_name="right"),
                io.Int.Output(display_name="up"),
                io.Int.Output(display_name="down"),
            ],
        )

    @classmethod
    def execute(cls, image, ratio, anchor, multiple, width, height) -> io.NodeOutput:
        original = canvas.Size(image.shape[2], image.shape[1])
        if ratio == CUSTOM:
            target = canvas.Size(width or original.width, height or original.height).round_up(multiple)
            extents = canvas.place(original, target, anchor)
        else:
            extents = canvas.to_ratio(original, canvas.parse_ratio(PAPER.get(ratio, ratio)), anchor, multiple)
        return io.NodeOutput(extents.left, extents.right, extents.up, extents.down)
