"""Outpaint (API): one paid request an image, the original pasted back untouched."""

from __future__ import annotations

from comfy_api.latest import io

from . import inputs
from .schema import advanced, schema

MAX_SERVICE_EXTENT = 2000


class OutpaintAPI(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return schema(
            node_id="OutpaintAPI",
            display_name="Outpaint (API)",
            description=(
                "Extends a picture with the remote outpainting service: 8 credits for each successful picture, "
                "nothing for a failure. The key is read from OUTPAINT_API_KEY on the server, never from the workflow."
            ),
            search_aliases=["outpaint", "uncrop", "expand image", "extend image"],
            inputs=[
                inputs.image(),
                *inputs.extents(MAX_SERVICE_EXTENT),
                inputs.creativity(),
                inputs.prompt(),
                inputs.seed(
                    control_after_generate=False,
                    tooltip="0 = the service picks one. Every new seed is a new paid request.",
                ),
                io.Combo.Input(
                    "output_format",
                    display_name="output_format",
                    options=["png", "jpeg", "webp"],
                    default="png",
                    tooltip="Format of the service's answer. png is lossless; jpeg and webp answers are smaller.",
                ),
                io.Boolean.Input(
                    "keep_original",
                    display_name="keep_original",
                    default=True,
                    tooltip="Paste the untouched picture back and fit the new area to it. Off: the answer as it came.",
                ),
                io.Int.Input(
                    "max_credits",
                    display_name="max_credits",
                    default=80,
                    min=0,
                    max=100000,
                    tooltip="Refuse to start when one run would cost more than this many credits.",
                ),
                io.Boolean.Input(
                    "dry_run",
                    display_name="dry_run",
                    default=False,
                    tooltip="Check everything and show cost and canvas, but send nothing and spend nothing.",
                ),
                advanced(
                    io.Int.Input(
                        "reroll",
                        display_name="reroll",
                        default=0,
                        min=0,
                        max=9999,
                        control_after_generate=False,
                        tooltip=(
                            "The same inputs give the picture already paid for, free of charge. "
                            "Raise this number to buy another result."
                        ),
                    )
                ),
            ],
            outputs=[
                io.Image.Output(display_name="image"),
                io.Mask.Output(display_name="mask"),
                io.Image.Output(display_name="raw"),
                io.Int.Output(display_name="seed"),
                io.String.Output(display_name="report"),
            ],
            hidden=[io.Hidden.unique_id],
        )

    @classmethod
    def execute(cls, **inputs) -> io.NodeOutput:
        raise NotImplementedError
