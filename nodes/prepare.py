"""Outpaint Prepare: the half before the sampler."""

from __future__ import annotations

from comfy_api.latest import io

from . import host, inputs, preview
from .errors import InputError
from .imaging.canvas import Extents, Size
from .imaging.passes import Outpainting, prepare
from .imaging.picture import checked
from .imaging.windows import Window, single
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


def window() -> io.Input:
    return io.String.Input(
        "window",
        display_name="window",
        default="",
        tooltip="The window to cut, as planned by Outpaint (Local). Empty = one window, planned here.",
    )


def earlier() -> list[io.Input]:
    """What earlier windows of the same picture gave, from up to two chains."""
    said = {
        "canvas": "Of the Outpaint Prepare before this one, when a picture is extended in several windows.",
        "generated": "The decoded picture of that window.",
        "canvas_2": "Of a second chain of windows over the same picture.",
        "generated_2": "The decoded picture of its last window.",
    }
    return [
        (OutpaintCanvas if "canvas" in name else io.Image).Input(
            name, display_name=name, optional=True, tooltip=tooltip, extra_dict={"advanced": True}
        )
        for name, tooltip in said.items()
    ]


def collected(canvas, generated, canvas_2, generated_2) -> Outpainting | None:
    """The outpainting so far from the optional inputs of ``earlier``.

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
                advanced(window()),
                *earlier(),
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
    def execute(
        cls, image, left, right, up, down, creativity, multiple, megapixels, overlap, fill,
        window="", canvas=None, generated=None, canvas_2=None, generated_2=None,
    ) -> io.NodeOutput:
        work = collected(canvas, generated, canvas_2, generated_2)
        first = work is None
        if first:
            picture = checked(image)
            work = Outpainting(picture, overlap=min(overlap, min(picture.shape[1:3]) // 4), cell=multiple)
        size = Size(work.rect.width, work.rect.height)
        if window:
            planned = Window.loads(window)
        elif first:
            planned = single(size, Extents(left, right, up, down).require_any(), multiple, megapixels)
        else:
            raise InputError("A canvas is connected, but no window is given.", "Give the window, or disconnect canvas.")
        ready = prepare(work, planned, fill, creativity, host.progress())
        batch = len(work.original)
        masks = [mask.expand(batch, -1, -1) for mask in (ready.denoise, ready.concat, ready.composite)]
        return io.NodeOutput(ready.pixels, *masks, ready.work, ui=preview.source(work.original) if first else None)
