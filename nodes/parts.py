"""Parts of Outpaint (Local), for its expansion only: planned windows, chains of windows, and several pictures."""

from __future__ import annotations

import torch
from comfy_api.latest import io

from . import inputs, preview
from .errors import InputError
from .imaging.canvas import Extents
from .imaging.passes import Outpainting
from .imaging.picture import batched
from .imaging.windows import Window
from .prepare import UNCUT, OutpaintCanvas, begun, fill, outputs, prepared
from .schema import schema
from .stitch import finished, joined


def earlier(optional: bool) -> list[io.Input]:
    """What earlier windows of the same picture gave, from up to two chains."""
    said = {
        "canvas": "Of the window before this one.",
        "generated": "The decoded picture of that window.",
        "canvas_2": "Of a second chain of windows over the same picture.",
        "generated_2": "The decoded picture of its last window.",
    }
    return [
        (OutpaintCanvas if "canvas" in name else io.Image).Input(
            name, display_name=name, optional=optional or name.endswith("_2"), tooltip=tooltip
        )
        for name, tooltip in said.items()
    ]


def collected(canvas, generated, canvas_2=None, generated_2=None) -> Outpainting | None:
    """The outpainting so far; ``None`` when nothing is connected.

    Raises:
        InputError: a canvas without its picture, or the reverse.
    """
    work = None
    for name, started, picture in (("", canvas, generated), ("_2", canvas_2, generated_2)):
        if (started is None) != (picture is None):
            given, missing = ("generated", "canvas") if started is None else ("canvas", "generated")
            raise InputError(f"{given}{name} is connected, but {missing}{name} is not.", "Connect both or neither.")
        if started is not None:
            done = started.received(picture)
            work = done if work is None else work.merged(done)
    return work


class OutpaintWindow(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return schema(
            node_id="OutpaintWindow",
            display_name="Outpaint Window",
            description="Part of Outpaint (Local): Outpaint Prepare for one window of several, on what came before.",
            is_dev_only=True,
            inputs=[
                inputs.image(),
                io.String.Input("window", display_name="window", tooltip="The window to cut, as planned."),
                inputs.creativity(),
                io.Int.Input("multiple", display_name="multiple", default=8, min=1, tooltip="As in Outpaint Prepare."),
                io.Int.Input("overlap", display_name="overlap", default=32, min=0, tooltip="As in Outpaint Prepare."),
                fill(),
                inputs.mask(),
                io.String.Input(
                    "border",
                    display_name="border",
                    default=UNCUT.dumps(),
                    tooltip="Edges of the picture that are cut off and generated anew: left, right, up, down.",
                ),
                *earlier(optional=True),
            ],
            outputs=outputs(),
        )

    @classmethod
    def execute(
        cls, image, window, creativity, multiple, overlap, fill, border, mask=None,
        canvas=None, generated=None, canvas_2=None, generated_2=None,
    ) -> io.NodeOutput:
        planned = Window.loads(window)
        work = collected(canvas, generated, canvas_2, generated_2)
        if work is not None:
            return prepared(work, planned, fill, creativity)
        work = begun(image, overlap, multiple, mask, Extents.loads(border))
        return prepared(work, planned, fill, creativity, preview.source(work.original))


class OutpaintJoin(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return schema(
            node_id="OutpaintJoin",
            display_name="Outpaint Join",
            description="Part of Outpaint (Local): Outpaint Stitch for one or two chains of windows.",
            is_dev_only=True,
            inputs=[
                *earlier(optional=False),
                inputs.match(),
                inputs.rim(),
                inputs.seed(control_after_generate=False, tooltip="Of the grain given to the new area."),
                io.String.Input("notes", display_name="notes", default="", tooltip="Put at the top of the report."),
            ],
            outputs=finished(),
        )

    @classmethod
    def execute(
        cls, canvas, generated, match, rim, seed, notes, canvas_2=None, generated_2=None
    ) -> io.NodeOutput:
        return joined(collected(canvas, generated, canvas_2, generated_2), match, rim, seed, notes)


class OutpaintUnbatch(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return schema(
            node_id="OutpaintUnbatch",
            display_name="Outpaint Unbatch",
            description=(
                "Part of Outpaint (Local): a list of single pictures, their seeds (seed, seed + 1, ...) and masks."
            ),
            is_dev_only=True,
            is_input_list=True,
            inputs=[
                inputs.image(),
                inputs.seed(control_after_generate=False, tooltip="Of the first picture."),
                inputs.mask(),
            ],
            outputs=[
                io.Image.Output(display_name="image", is_output_list=True),
                io.Int.Output(display_name="seed", is_output_list=True),
                io.Mask.Output(display_name="mask", is_output_list=True),
            ],
        )

    @classmethod
    def execute(cls, image, seed, mask=None) -> io.NodeOutput:
        pictures = [picture for batch in image for picture in batch.split(1)]
        masks = [one for batch in mask or [] for one in batched(batch).split(1)]
        if len(masks) == 1:
            masks *= len(pictures)
        return io.NodeOutput(pictures, [seed[0] + index for index in range(len(pictures))], masks)


class OutpaintRebatch(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return schema(
            node_id="OutpaintRebatch",
            display_name="Outpaint Rebatch",
            description="Part of Outpaint (Local): finished pictures as one batch.",
            is_dev_only=True,
            is_input_list=True,
            inputs=[
                io.Image.Input("image", display_name="image", tooltip="Finished pictures of one size."),
                io.Mask.Input("mask", display_name="mask", tooltip="Their masks."),
                io.String.Input("report", display_name="report", default="", tooltip="Their reports."),
            ],
            outputs=finished(),
        )

    @classmethod
    def execute(cls, image, mask, report) -> io.NodeOutput:
        reports = [f"picture {number}:\n{text}" for number, text in enumerate(report, 1)]
        return io.NodeOutput(torch.cat(image), torch.cat(mask), "\n".join(reports))
