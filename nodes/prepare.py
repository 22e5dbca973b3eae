"""Outpaint Prepare: the half before the sampler."""

from __future__ import annotations

from comfy_api.latest import io
from torch import Tensor

from . import host, inputs, preview
from .imaging.canvas import Extents, Size
from .imaging.passes import Outpainting
from .imaging.picture import around, checked, cut, holes
from .imaging.prepare import prepare
from .imaging.windows import Window, single, with_hole
from .schema import advanced, schema

OutpaintCanvas = io.Custom("OUTPAINT_CANVAS")
UNCUT = Extents()
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


def begun(
    image: Tensor, overlap: int, multiple: int, mask: Tensor | None = None, border: Extents = UNCUT
) -> Outpainting:
    """The outpainting of a picture of which nothing has been generated yet.

    Args:
        mask: what to generate anew within the picture; ``None`` = nothing.
        border: edges of picture and mask that are cut off.

    Raises:
        InputError: not a batch of pictures, or a mask that does not fit.
    """
    picture = checked(image)
    marked = holes(mask, len(picture), Size(picture.shape[2], picture.shape[1]))
    picture = cut(picture, border)
    return Outpainting(
        picture,
        None if marked is None else cut(marked, border),
        overlap=min(overlap, min(picture.shape[1:3]) // 4),
        cell=multiple,
    )


def outputs() -> list[io.Output]:
    return [
        io.Image.Output(display_name="pixels"),
        io.Mask.Output(display_name="denoise_mask"),
        io.Mask.Output(display_name="concat_mask"),
        io.Mask.Output(display_name="composite_mask"),
        OutpaintCanvas.Output(display_name="canvas"),
    ]


def prepared(work: Outpainting, window: Window, fill: str, creativity: float, ui=None) -> io.NodeOutput:
    """The window of ``work`` as the outputs of a node."""
    ready = prepare(work, window, fill, creativity, host.progress())
    masks = [mask.expand(len(work.original), -1, -1) for mask in (ready.denoise, ready.concat, ready.composite)]
    return io.NodeOutput(ready.pixels, *masks, ready.work, ui=ui)


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
                        tooltip="Sides of the window are multiples of this (8 pixels; 16 for Flux, Qwen, Z-Image).",
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
                inputs.mask(),
            ],
            outputs=outputs(),
        )

    @classmethod
    def execute(
        cls, image, left, right, up, down, creativity, multiple, megapixels, overlap, fill, mask=None
    ) -> io.NodeOutput:
        work = begun(image, overlap, multiple, mask)
        size = Size(work.rect.width, work.rect.height)
        window = single(size, Extents(left, right, up, down).require_any(), multiple, megapixels)
        if work.holes is not None:
            window = with_hole(window, around(work.holes.any(0)))
        return prepared(work, window, fill, creativity, preview.source(work.original))
