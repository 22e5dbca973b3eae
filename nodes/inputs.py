"""Inputs shared by the nodes: one definition each, so that name, order, range and meaning are the same everywhere."""

from __future__ import annotations

from comfy_api.latest import io

MAX_EXTENT = 8192
MAX_SEED = 4294967294


def image() -> io.Input:
    return io.Image.Input("image", display_name="image", tooltip="The picture to extend. Its pixels are never changed.")


def mask() -> io.Input:
    return io.Mask.Input(
        "mask",
        display_name="mask",
        optional=True,
        tooltip=(
            "1 = generated anew within the picture as well, to remove something. One for all pictures, or one for each."
        ),
    )


def extents(maximum: int = MAX_EXTENT) -> list[io.Input]:
    """The four extents in pixels, in the order left, right, up, down."""
    sides = {"left": "left side", "right": "right side", "up": "top", "down": "bottom"}
    return [
        io.Int.Input(
            name,
            display_name=name,
            default=256 if name == "right" else 0,
            min=0,
            max=maximum,
            step=1,
            tooltip=f"Pixels to add at the {side} (0 to {maximum}). At least one side must be above 0.",
        )
        for name, side in sides.items()
    ]


def creativity() -> io.Input:
    return io.Float.Input(
        "creativity",
        display_name="creativity",
        default=0.5,
        min=0.0,
        max=1.0,
        step=0.05,
        tooltip="How freely the new area may depart from the picture: 0 continues it plainly, 1 follows the prompt.",
    )


def prompt() -> io.Input:
    return io.String.Input(
        "prompt",
        display_name="prompt",
        default="",
        multiline=True,
        tooltip="What the whole finished picture shows. May be empty.",
    )


def seed(control_after_generate: bool, tooltip: str) -> io.Input:
    return io.Int.Input(
        "seed",
        display_name="seed",
        default=0,
        min=0,
        max=MAX_SEED,
        control_after_generate=control_after_generate,
        tooltip=tooltip,
    )


def match() -> io.Input:
    return io.Combo.Input(
        "match",
        display_name="match",
        options=["full", "tone", "off"],
        default="full",
        tooltip=(
            "How the new area is fitted to the original: full = tone, sharpness and grain; tone = tone only; "
            "off = paste as it is. The original's pixels stay untouched in every mode."
        ),
    )


def rim() -> io.Input:
    return io.Int.Input(
        "rim",
        display_name="rim",
        default=0,
        min=0,
        max=64,
        step=1,
        tooltip=(
            "Pixels of the original along the joined borders that may change (0 = none, the default). "
            "For sources whose own border is damaged: white lines, scan edges, compression fringes."
        ),
    )
