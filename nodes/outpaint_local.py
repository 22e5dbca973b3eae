"""Outpaint (Local): builds the expansion into the host's own nodes, nothing else."""

from __future__ import annotations

from comfy_api.latest import io

from . import inputs
from .prepare import fill
from .schema import advanced, schema


class OutpaintLocal(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return schema(
            node_id="OutpaintLocal",
            display_name="Outpaint (Local)",
            description=(
                "Extends a picture with your own model: SD inpaint checkpoints, Flux Fill, or any other model. "
                "Without a model it fills from the picture's own content."
            ),
            search_aliases=["outpaint", "uncrop", "expand image", "extend image"],
            inputs=[
                inputs.image(),
                *inputs.extents(),
                inputs.creativity(),
                inputs.prompt(),
                io.String.Input(
                    "negative_prompt",
                    display_name="negative_prompt",
                    default="",
                    multiline=True,
                    tooltip="What the new area must not show. Has no effect at cfg 1.",
                ),
                inputs.seed(control_after_generate=True, tooltip="Another seed gives another continuation."),
                io.Int.Input(
                    "steps",
                    display_name="steps",
                    default=0,
                    min=0,
                    max=10000,
                    tooltip="Sampling steps (0 = what the model's family wants).",
                ),
                io.Float.Input(
                    "cfg",
                    display_name="cfg",
                    default=0.0,
                    min=0.0,
                    max=100.0,
                    step=0.1,
                    tooltip="Classifier-free guidance (0 = what the model's family wants).",
                ),
                io.Combo.Input("sampler_name", display_name="sampler_name", options=["auto"], default="auto"),
                io.Combo.Input("scheduler", display_name="scheduler", options=["auto"], default="auto"),
                inputs.match(),
                io.Model.Input("model", display_name="model", optional=True),
                io.Clip.Input("clip", display_name="clip", optional=True),
                io.Vae.Input("vae", display_name="vae", optional=True),
                io.Conditioning.Input("positive", display_name="positive", optional=True),
                io.Conditioning.Input("negative", display_name="negative", optional=True),
                advanced(inputs.rim()),
                advanced(fill()),
            ],
            outputs=[
                io.Image.Output(display_name="image"),
                io.Mask.Output(display_name="mask"),
                io.String.Output(display_name="report"),
            ],
            hidden=[io.Hidden.dynprompt, io.Hidden.unique_id],
            enable_expand=True,
        )

    @classmethod
    def execute(cls, **inputs) -> io.NodeOutput:
        raise NotImplementedError
