"""Outpaint Stitch: the half after the sampler."""

from __future__ import annotations

from comfy_api.latest import io

from . import host, inputs, preview
from .imaging.finish import finish
from .imaging.passes import Outpainting
from .prepare import OutpaintCanvas
from .schema import advanced, schema


def finished() -> list[io.Output]:
    """The outputs of a node that ends with a finished picture."""
    return [
        io.Image.Output(display_name="image"),
        io.Mask.Output(display_name="mask"),
        io.String.Output(display_name="report"),
    ]


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
                advanced(inputs.seed(control_after_generate=False, tooltip="Of the grain given to the new area.")),
            ],
            outputs=finished(),
        )

    @classmethod
    def execute(cls, canvas, generated, match, rim, seed=0) -> io.NodeOutput:
        return joined(canvas.received(generated), match, rim, seed)


def joined(work: Outpainting, match: str, rim: int, seed: int, notes: str = "") -> io.NodeOutput:
    """The finished picture of ``work`` as the outputs of a node; ``notes`` go to the top of the report."""
    done = finish(work, match, rim, seed, host.progress())
    report = "\n".join(part for part in (notes, done.report.text()) if part)
    return io.NodeOutput(done.image, done.mask, report, ui=preview.result(done.image))
