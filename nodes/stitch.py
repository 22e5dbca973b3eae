"""Outpaint Stitch: the half after the sampler."""

from __future__ import annotations

from comfy_api.latest import io

from . import inputs, preview
from .imaging.passes import finish
from .prepare import OutpaintCanvas, collected
from .schema import advanced, schema


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
                advanced(
                    io.Int.Input(
                        "seed",
                        display_name="seed",
                        default=0,
                        min=0,
                        max=inputs.MAX_SEED,
                        control_after_generate=False,
                        tooltip="Of the grain given to the new area.",
                    )
                ),
                advanced(
                    io.String.Input(
                        "notes",
                        display_name="notes",
                        default="",
                        multiline=True,
                        tooltip="Lines put at the top of the report.",
                    )
                ),
                OutpaintCanvas.Input(
                    "canvas_2",
                    display_name="canvas_2",
                    optional=True,
                    tooltip="Of a second chain of windows over the same picture.",
                    extra_dict={"advanced": True},
                ),
                io.Image.Input(
                    "generated_2",
                    display_name="generated_2",
                    optional=True,
                    tooltip="The decoded picture of its last window.",
                    extra_dict={"advanced": True},
                ),
            ],
            outputs=[
                io.Image.Output(display_name="image"),
                io.Mask.Output(display_name="mask"),
                io.String.Output(display_name="report"),
            ],
        )

    @classmethod
    def execute(
        cls, canvas, generated, match, rim, seed=0, notes="", canvas_2=None, generated_2=None
    ) -> io.NodeOutput:
        joined = finish(collected(canvas, generated, canvas_2, generated_2), match, rim, seed)
        report = "\n".join(part for part in (notes, joined.report.text()) if part)
        return io.NodeOutput(joined.image, joined.mask, report, ui=preview.result(joined.image))
