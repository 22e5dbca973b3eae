"""Outpaint Prepare: the half before the sampler."""

from __future__ import annotations

from comfy_api.latest import io

from . import inputs
from .schema import advanced, schema

OutpaintCanvas = io.Custom("OUTPAINT_CANVAS")
FILLS = ["auto", "smooth", "content", "patchmatch"]


def fill() -> io.Input:
    return io.Combo.Input(
        "fill",
        display_name="fill",
        options=FILLS,
        default="auto",
        tooltip=(
            "What the new area holds before sampling: smooth = soft continuation of the border; content = "
            "content-aware fill; patchmatch = the PatchMatch library, where installed; auto = what suits the job."
        ),
    )


class OutpaintPrepare(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return schema(
            node_id="OutpaintPrepare",
            display_name="Outpaint Prepare",
            description=(
                "Pads and prefills a picture, makes the three masks and cuts the window for the sampler. "
                "Decode the sampled latent and give it to Outpaint Stitch together with 'canvas'."
            ),
            search_aliases=["outpaint", "pad image for outpainting", "uncrop"],
            inputs=[
                inputs.image(),
                *inputs.extents(),
                inputs.creativity(),
                advanced(
                    io.Int.Input(
                        "multiple",
                        display_name="multiple",
                        default=8,
                        min=1,
                        max=128,
                        tooltip="Sides of the window are multiples of this many pixels (8; 16 for Flux, Qwen, Z-Image).",
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
                        tooltip="Largest size of the window in megapixels (0 = the whole canvas at its own size).",
                    )
                ),
                advanced(
                    io.Int.Input(
                        "overlap",
                        display_name="overlap",
                        default=32,
                        min=0,
                        max=512,
                        tooltip="Pixels of the original that the sampler may see noised. They are never composited.",
                    )
                ),
                advanced(fill()),
            ],
            outputs=[
                io.Image.Output(display_name="pixels"),
                io.Mask.Output(display_name="denoise_mask"),
                io.Mask.Output(display_name="concat_mask"),
                io.Mask.Output(display_name="composite_mask"),
                OutpaintCanvas.Output(display_name="canvas"),
            ],
        )

    @classmethod
    def execute(cls, **inputs) -> io.NodeOutput:
        raise NotImplementedError
