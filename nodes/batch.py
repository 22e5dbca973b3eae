"""Parts of Outpaint (Local): several pictures are worked through one by one, each with its own seed."""

from __future__ import annotations

import torch
from comfy_api.latest import io

from . import inputs
from .schema import schema


class OutpaintUnbatch(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return schema(
            node_id="OutpaintUnbatch",
            display_name="Outpaint Unbatch",
            description="Part of Outpaint (Local): a list of single pictures and their seeds: seed, seed + 1, ...",
            is_dev_only=True,
            is_input_list=True,
            inputs=[
                inputs.image(),
                inputs.seed(control_after_generate=False, tooltip="Of the first picture."),
            ],
            outputs=[
                io.Image.Output(display_name="image", is_output_list=True),
                io.Int.Output(display_name="seed", is_output_list=True),
            ],
        )

    @classmethod
    def execute(cls, image, seed) -> io.NodeOutput:
        pictures = [picture for batch in image for picture in batch.split(1)]
        return io.NodeOutput(pictures, [seed[0] + index for index in range(len(pictures))])


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
            outputs=[
                io.Image.Output(display_name="image"),
                io.Mask.Output(display_name="mask"),
                io.String.Output(display_name="report"),
            ],
        )

    @classmethod
    def execute(cls, image, mask, report) -> io.NodeOutput:
        reports = [f"picture {number}:\n{text}" for number, text in enumerate(report, 1)]
        return io.NodeOutput(torch.cat(image), torch.cat(mask), "\n".join(reports))
