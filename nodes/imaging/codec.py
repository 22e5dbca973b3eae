"""Encoded pictures <-> tensors: the only place where pixels are 8 bit.

Tensors are float32 in 0..1. Going out, values are rounded and clipped, never truncated: a picture that is decoded and
encoded losslessly again comes back bit-identical.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import cast

import numpy as np
import torch
from PIL import ExifTags, Image, ImageCms, ImageOps
from torch import Tensor

from ..errors import InputError

JPEG_SIDE = 65500
WEBP_SIDE = 16383
_STRIP = 64
_GREY_16_BIT = ("I;16", "I;16B", "I;16L", "I;16N")


@dataclass(frozen=True, eq=False)
class Picture:
    """A decoded picture.

    Attributes:
        image: ``[1, H, W, 3]`` float32 in 0..1.
        alpha: ``[1, H, W]`` float32, 1 = opaque; None when the file has no transparency.
        format: the file's format in lower case ("jpeg", "png", ...), None when unknown.
        icc_profile: the colour profile ``image`` is in; None stands for sRGB.
        exif: the file's EXIF block, upright once the pixels are.
        frames: pictures in the file; ``image`` is the first.
    """

    image: Tensor
    alpha: Tensor | None = None
    format: str | None = None
    icc_profile: bytes | None = None
    exif: bytes | None = None
    frames: int = 1


def decode(source: bytes | str | PathLike[str], orient: bool = True) -> Picture:
    """Read an encoded picture.

    Args:
        source: the file's content, or its path.
        orient: turn the pixels upright as the EXIF orientation says. True for people's own files; False where the
            pixels were made for us and their order is what was agreed (answers of a service).

    Raises:
        InputError: the file is missing, empty, truncated, no picture, or larger than Pillow's limit against
            decompression bombs (179 million pixels).
    """
    name, data = _read(source)
    # Pillow's readers raise whatever they stumble over in a damaged file, so every exception means "unreadable" here.
    try:
        opened = Image.open(io.BytesIO(data))
    except Image.DecompressionBombError as error:
        raise InputError(f"{name} is too large to open: {error}", "Use a picture of at most 179 megapixels.") from error
    except Exception as error:
        raise InputError(f"{name} is not a picture that can be read.", "Use a PNG, JPEG or WebP file.") from error
    file_format = (opened.format or "").lower() or None
    try:
        frames = getattr(opened, "n_frames", 1)
        opened.load()
        picture = ImageOps.exif_transpose(opened) if orient else opened
    except Exception as error:
        raise InputError(f"{name} is damaged or incomplete: {error}.", "Save or download the picture again.") from error
    profile = picture.info.get("icc_profile")
    exif = picture.getexif()
    rgb, alpha = _split(picture, name)
    return Picture(
        image=rgb,
        alpha=alpha,
        format=file_format,
        icc_profile=profile if profile and profile[16:20] == b"RGB " and picture.mode not in ("CMYK", "LAB") else None,
        exif=exif.tobytes() if exif else None,
        frames=frames,
    )


def encode(
    image: Tensor,
    format: str = "png",
    quality: int | None = None,
    *,
    alpha: Tensor | None = None,
    icc_profile: bytes | None = None,
    exif: bytes | None = None,
) -> bytes:
    """Encode one picture.

    Args:
        image: ``[H, W, 3]`` or ``[1, H, W, 3]``, float in 0..1.
        format: "png", "jpeg" or "webp".
        quality: 1..100. None = the best that makes sense: JPEG 95 with full colour resolution, WebP lossless.
            PNG is always lossless.
        alpha: ``[H, W]`` or ``[1, H, W]``, 1 = opaque. PNG and WebP only.
        icc_profile, exif: carried over from the source (``Picture``); size tags in the EXIF are set right.

    Raises:
        InputError: the format is unknown or cannot hold the picture, or the picture has NaN values.
    """
    name = {"jpg": "jpeg"}.get(format.lower(), format.lower())
    if name not in ("png", "jpeg", "webp"):
        raise InputError(f"The format {format!r} is unknown.", "Use png, jpeg or webp.")
    if quality is not None and not 1 <= quality <= 100:
        raise InputError(f"The quality {quality} is out of range.", "Use 1 to 100.")
    picture = to_pil(image)
    limit = {"jpeg": JPEG_SIDE, "webp": WEBP_SIDE}.get(name)
    if limit and max(picture.size) > limit:
        raise InputError(
            f"A {name.upper()} file holds at most {limit} pixels a side, the picture has {max(picture.size)}.",
            "Save it as PNG.",
        )
    if alpha is not None:
        if name == "jpeg":
            raise InputError("A JPEG file cannot hold the picture's transparency.", "Save it as PNG or WebP.")
        picture.putalpha(to_pil(alpha))
    options: dict[str, object] = {}
    if icc_profile:
        options["icc_profile"] = icc_profile
    if exif:
        options["exif"] = _resized_exif(exif, picture.size)
    if name == "png":
        options["compress_level"] = 4
    elif name == "jpeg":
        options |= {"quality": quality or 95, "subsampling": "4:4:4" if (quality or 95) >= 90 else "4:2:0"}
    elif quality is None:
        options |= {"lossless": True, "exact": True}
    else:
        options["quality"] = quality
    buffer = io.BytesIO()
    picture.save(buffer, name.upper(), **options)
    return buffer.getvalue()


def to_pil(image: Tensor) -> Image.Image:
    """A picture or mask as 8-bit Pillow image, rounded and clipped.

    Args:
        image: ``[H, W, C]`` or ``[1, H, W, C]`` with C = 1, 3 or 4, or a mask ``[H, W]`` or ``[1, H, W]``; float, 0..1.

    Raises:
        InputError: another shape, or values that are not finite.
    """
    shape = list(image.shape)
    pixels = image.detach()
    if pixels.ndim == 4 or (pixels.ndim == 3 and shape[-1] not in (1, 3, 4)):
        if shape[0] != 1:
            raise InputError(f"Expected one picture, got a tensor of shape {shape}.", "Convert the batch one by one.")
        pixels = pixels[0]
    if pixels.ndim == 3 and pixels.shape[-1] == 1:
        pixels = pixels[..., 0]
    if pixels.ndim not in (2, 3) or (pixels.ndim == 3 and pixels.shape[-1] not in (3, 4)) or 0 in shape:
        raise InputError(f"A tensor of shape {shape} is no picture.", "Use [H, W, 3] or [1, H, W, 3].")
    if not _is_finite(pixels):
        raise InputError("The picture has values that are not numbers (NaN or infinite).", "Check the node before it.")
    # Strip by strip, because what fits into the processor's cache is converted four times as fast.
    eight_bit = torch.empty(pixels.shape, dtype=torch.uint8, device=pixels.device)
    for strip, out in zip(pixels.split(_STRIP), eight_bit.split(_STRIP), strict=True):
        out.copy_(strip.float().mul(255).round_().clamp_(0, 255))
    return Image.fromarray(eight_bit.cpu().numpy())


def _is_finite(pixels: Tensor) -> bool:
    """A sum is finite only if all its terms are; it may overflow although they are, so then each is looked at."""
    return bool(torch.isfinite(pixels.sum())) or bool(torch.isfinite(pixels).all())


def from_pil(image: Image.Image) -> Tensor:
    """A Pillow image of any mode as ``[1, H, W, 3]`` float32 in 0..1. Transparency is dropped, orientation left alone.

    Raises:
        InputError: the mode holds pixels that are no colours (floats outside 0..1).
    """
    return _split(image, "The picture")[0]


def _read(source: bytes | str | PathLike[str]) -> tuple[str, bytes]:
    if isinstance(source, (bytes, bytearray, memoryview)):
        name, data = "The picture", bytes(source)
    else:
        name = str(source)
        try:
            data = Path(source).read_bytes()
        except OSError as error:
            raise InputError(f"{name} cannot be read: {error.strerror}.", "Check the path.") from error
    if not data:
        raise InputError(f"{name} is empty.", "Use a PNG, JPEG or WebP file.")
    return name, data


def _split(picture: Image.Image, name: str) -> tuple[Tensor, Tensor | None]:
    """Colour ``[1, H, W, 3]`` and, where the picture has transparency, alpha ``[1, H, W]``."""
    if picture.mode in (*_GREY_16_BIT, "I", "F"):
        grey = np.array(picture, dtype=np.float64) / (1.0 if picture.mode == "F" else 65535.0)
        if not np.isfinite(grey).all() or grey.min() < 0 or grey.max() > 1:
            raise InputError(
                f"{name} holds {picture.mode} pixels outside their range.", "Convert it to 8 or 16 bits per channel."
            )
        return torch.from_numpy(grey).float()[None, ..., None].repeat(1, 1, 1, 3), None
    profile = picture.info.get("icc_profile")
    if picture.mode in ("CMYK", "LAB"):
        return _tensor(_to_srgb(picture, profile)), None
    if picture.has_transparency_data:
        rgba = _tensor(picture.convert("RGBA"))
        return rgba[..., :3].contiguous(), rgba[..., 3].contiguous()
    return _tensor(picture if picture.mode == "RGB" else picture.convert("RGB")), None


def _tensor(picture: Image.Image) -> Tensor:
    image = torch.empty((1, picture.height, picture.width, len(picture.getbands())))
    # Strip by strip, as in to_pil.
    for top, strip in enumerate(image[0].split(_STRIP)):
        rows = picture.crop((0, top * _STRIP, picture.width, top * _STRIP + len(strip)))
        strip.copy_(torch.from_numpy(np.array(rows))).div_(255)
    return image


def _to_srgb(picture: Image.Image, profile: bytes | None) -> Image.Image:
    """Print colours through their own profile where there is one: without it Pillow's plain conversion is garish."""
    srgb = ImageCms.createProfile("sRGB")
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile)) if profile else None
        if source is None and picture.mode == "LAB":
            source = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
        if source is not None:
            # None only where it is asked to work in place.
            return cast(Image.Image, ImageCms.profileToProfile(picture, source, srgb, outputMode="RGB"))
    except (ImageCms.PyCMSError, OSError):
        pass  # A broken profile is no reason to refuse the picture.
    return picture.convert("RGB")


def _resized_exif(exif: bytes, size: tuple[int, int]) -> bytes:
    """The EXIF block for a picture of another size; its thumbnail shows the old picture and is left out."""
    block = Image.Exif()
    block.load(exif)
    details = block.get_ifd(ExifTags.IFD.Exif)
    if ExifTags.Base.ExifImageWidth in details:
        details[ExifTags.Base.ExifImageWidth], details[ExifTags.Base.ExifImageHeight] = size
    return block.tobytes()
