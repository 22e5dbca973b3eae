"""Encoded pictures from the service: told apart by their first bytes, measured before they are unpacked."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageCms

MAGIC = {"png": (b"\x89PNG\r\n\x1a\n",), "jpeg": (b"\xff\xd8\xff",), "webp": (b"RIFF",)}
MIN_SIDE = 16
ALLOWED_GROWTH = 4.5
"""Answers of up to twice the expected width and height are opened; larger ones are refused before unpacking."""


class UnusablePicture(ValueError):
    """The bytes are not a picture that can be used; the message says why."""


def sniff(data: bytes) -> str | None:
    """ "png", "jpeg" or "webp", from the first bytes; None for anything else."""
    for name, starts in MAGIC.items():
        if data.startswith(starts) and (name != "webp" or data[8:12] == b"WEBP"):
            return name
    return None


def kind_of(data: bytes) -> str:
    """The same. Raises UnusablePicture for anything else."""
    kind = sniff(data)
    if kind is None:
        raise UnusablePicture(f"it is not a PNG, JPEG or WebP picture ({len(data)} bytes)")
    return kind


def decode(data: bytes, expected_area: int) -> tuple[Image.Image, list[str]]:
    """The picture as RGB, and what had to be done to get there.

    Args:
        expected_area: pixels the answer should have; one of more than 4.5 times that is refused before unpacking.

    Raises:
        UnusablePicture: no PNG, JPEG or WebP; broken; too small or too large.
    """
    kind = kind_of(data)
    try:
        with Image.open(io.BytesIO(data), formats=[kind]) as picture:
            width, height = picture.size
            if width * height > ALLOWED_GROWTH * expected_area or min(width, height) < MIN_SIDE:
                raise UnusablePicture(f"it claims to be {width}×{height} pixels")
            picture.load()
            return to_rgb(picture)
    except UnusablePicture:
        raise
    except Exception as error:  # Pillow's decoders raise a dozen unrelated classes for broken data
        raise UnusablePicture(f"it is damaged ({type(error).__name__})") from None


def is_whole(data: bytes, expected_area: int) -> bool:
    """Whether these bytes are a picture that can be used."""
    try:
        decode(data, expected_area)
    except UnusablePicture:
        return False
    return True


def to_rgb(picture: Image.Image) -> tuple[Image.Image, list[str]]:
    """8-bit RGB of any mode. Stored rotation is not applied: the service answers for pixels as they are."""
    notes = []
    if picture.mode.startswith("I") or picture.mode == "F":
        depth = np.asarray(picture).astype(np.float64)
        full = 255 if depth.max(initial=0) <= 255 else 65535
        picture = Image.fromarray(np.round(depth.clip(0, full) * (255 / full)).astype(np.uint8))
    if "A" in picture.getbands() or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        if np.asarray(picture.getchannel("A")).min() < 255:
            notes.append("the answer had transparent pixels; their colour was used")
    profile = picture.info.get("icc_profile")
    if profile and picture.mode in ("RGB", "CMYK"):
        converted = from_profile(picture, profile)
        if converted is not None:
            return converted, notes
    return picture if picture.mode == "RGB" else picture.convert("RGB"), notes


def from_profile(picture: Image.Image, profile: bytes) -> Image.Image | None:
    """The picture's colours in sRGB; None where the profile is sRGB already or cannot be used."""
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if "srgb" in ImageCms.getProfileDescription(source).lower():
            return None
        return ImageCms.profileToProfile(picture, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError):
        return None
