"""Outpaint (Local): the picture extended by the user's own model, or from its own content."""

from __future__ import annotations

from typing import Any

from comfy_api.latest import io
from comfy_execution.graph_utils import GraphBuilder

from . import families, host_models, inputs
from .errors import InputError
from .expansion import Job
from .imaging.picture import checked
from .prepare import fill
from .schema import advanced, schema
from .stitch import finished


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
            is_input_list=True,
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
                io.Combo.Input(
                    "sampler_name",
                    display_name="sampler_name",
                    options=[host_models.AUTO, *host_models.samplers()],
                    default=host_models.AUTO,
                    tooltip="Sampler (auto = what the model's family wants).",
                ),
                io.Combo.Input(
                    "scheduler",
                    display_name="scheduler",
                    options=[host_models.AUTO, *host_models.schedulers()],
                    default=host_models.AUTO,
                    tooltip="Noise schedule (auto = what the model's family wants).",
                ),
                inputs.match(),
                io.Model.Input(
                    "model", display_name="model", optional=True, tooltip="Leave empty to fill without a model."
                ),
                io.Clip.Input("clip", display_name="clip", optional=True, tooltip="Encodes the two prompts."),
                io.Vae.Input("vae", display_name="vae", optional=True, tooltip="The one that belongs to the model."),
                io.Conditioning.Input(
                    "positive", display_name="positive", optional=True, tooltip="Used instead of the prompt."
                ),
                io.Conditioning.Input(
                    "negative", display_name="negative", optional=True, tooltip="Used instead of the negative prompt."
                ),
                io.UpscaleModel.Input(
                    "upscale_model",
                    display_name="upscale_model",
                    optional=True,
                    tooltip="Restores detail of the new area where it is sampled smaller than the picture.",
                    extra_dict={"advanced": True},
                ),
                inputs.mask(),
                advanced(inputs.rim()),
                advanced(fill()),
                advanced(
                    io.Int.Input(
                        "overlap",
                        display_name="overlap",
                        default=-1,
                        min=-1,
                        max=512,
                        tooltip=(
                            "Pixels of the original that the sampler may see noised (-1 = by the picture's size). "
                            "They are never composited."
                        ),
                    )
                ),
                advanced(
                    io.Float.Input(
                        "megapixels",
                        display_name="megapixels",
                        default=0.0,
                        min=0.0,
                        max=64.0,
                        step=0.05,
                        tooltip="Largest size that is sampled at once, in megapixels (0 = the model's native size).",
                    )
                ),
                advanced(
                    io.Float.Input(
                        "denoise_override",
                        display_name="denoise_override",
                        default=0.0,
                        min=0.0,
                        max=1.0,
                        step=0.01,
                        tooltip="Denoise of the sampler, for experts (0 = what creativity means for this model).",
                    )
                ),
                advanced(
                    io.Boolean.Input(
                        "refine",
                        display_name="refine",
                        default=False,
                        tooltip=(
                            "Sample large areas small first, then restore their detail in a second pass at full size."
                        ),
                    )
                ),
                advanced(
                    io.Boolean.Input(
                        "transparent_is_new",
                        display_name="transparent_is_new",
                        default=False,
                        tooltip="Cut off edges that are wholly transparent (RGBA pictures) and generate them as well.",
                    )
                ),
                advanced(
                    io.Combo.Input(
                        "family",
                        display_name="family",
                        options=[host_models.AUTO, *families.BY_NAME],
                        default=host_models.AUTO,
                        tooltip=(
                            "Family of the model (auto = recognised). Choose it for models that look like another one "
                            "from outside, as Flux Kontext and Qwen-Image-Edit do."
                        ),
                    )
                ),
            ],
            outputs=finished(),
            hidden=[io.Hidden.dynprompt, io.Hidden.unique_id],
            enable_expand=True,
        )

    @classmethod
    def execute(cls, image, mask=None, **given) -> io.NodeOutput:
        if not host_models.expands():
            raise InputError(
                "This ComfyUI was started with --cache-none, which before version 0.3.67 breaks nodes like this one.",
                "Start it without --cache-none, or update ComfyUI.",
            )
        values = {name: only(name, value) for name, value in given.items()}
        links = cls.hidden.dynprompt.get_node(cls.hidden.unique_id)["inputs"]
        job = Job.of([checked(picture) for picture in image], mask or [], values)
        graph = GraphBuilder()
        return io.NodeOutput(*job.expand(graph, links), expand=graph.finalize())


def only(name: str, value: list) -> Any:
    """The one value of an input.

    Raises:
        InputError: a list of several arrived where only pictures and masks may be lists.
    """
    if isinstance(value, list):
        if len(value) > 1:
            raise InputError(f"{name} got a list of {len(value)} values.", "Only 'image' and 'mask' may be lists.")
        return value[0] if value else None
    return value
