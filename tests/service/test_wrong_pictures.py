"""Fault catalogue, rows 67 to 73: paid, but the picture is broken, of another kind, or not what was bought."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageEnhance, ImageFilter

from service.endpoint import encode, extend
from service.faults import returns, returns_bytes
from service.world import job, photo


def paid(error) -> bool:
    return error.credits == "8 credits were spent." and "reroll" in error.do and "kept in" in error.do


def png_header(width: int, height: int) -> bytes:
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
    return b"\x89PNG\r\n\x1a\n" + chunk + struct.pack(">I", 0) + b"IDAT" + struct.pack(">I", zlib.crc32(b"IDAT"))


def saved(picture: Image.Image, kind: str, **options) -> bytes:
    data = io.BytesIO()
    picture.save(data, kind, **options)
    return data.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        b"this is only some text, not a picture",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        saved(Image.new("RGB", (320, 192)), "GIF"),
        saved(Image.new("RGB", (320, 192)), "TIFF"),
        b"\x00\x00\x00\x18ftypheic" + b"\x00" * 50,
        b"\x00" * 100,
    ],
    ids=["text", "SVG", "GIF", "TIFF", "HEIC", "zeros"],
)
def test_row_67_what_is_no_png_jpeg_or_webp_is_kept_and_not_decoded(world, data):
    world.server.then(returns_bytes(lambda request: data))
    error = world.fails()
    assert paid(error) and "not a PNG, JPEG or WebP" in error.what


@pytest.mark.parametrize("output_format", ["png", "jpeg", "webp"])
def test_row_68_a_truncated_picture_is_kept_and_not_returned(world, output_format):
    world.server.then(returns_bytes(lambda request: encode(extend(request), output_format)[:-2000]))
    error = world.fails(job(output_format=output_format))
    assert paid(error) and "damaged" in error.what


def test_row_68_a_picture_with_a_flipped_bit_is_kept_and_not_returned(world):
    def flipped(request):
        data = bytearray(encode(extend(request), "png"))
        data[len(data) // 2] ^= 0x10
        return bytes(data)

    world.server.then(returns_bytes(flipped))
    assert paid(world.fails())


@pytest.mark.parametrize("size", [(60_000, 60_000), (1, 1), (3200, 1920), (100_000, 2)])
def test_row_69_a_picture_of_absurd_size_is_refused_before_it_is_unpacked(world, size):
    world.server.then(returns_bytes(lambda request: png_header(*size)))
    error = world.fails()
    assert paid(error) and ("claims to be" in error.what or "damaged" in error.what)


@pytest.mark.parametrize(
    "change",
    [
        lambda size: (size[0] - 64, size[1]),
        lambda size: (size[1], size[0]),
        lambda size: (size[0] + 1, size[1]),
        lambda size: (size[0], size[1] - 1),
        lambda size: (size[0] * 2, size[1] * 2),
    ],
    ids=["as the input", "swapped", "one wider", "one lower", "twice"],
)
def test_row_71_another_size_is_returned_as_it_is_and_said(world, change):
    world.server.then(returns(lambda request: extend(request).resize(change(extend(request).size))))
    result = world.ask()[0]
    assert result.picture.size == change((320, 192))
    assert "expected 320×192" in result.warnings[0] and "{}×{}".format(*result.picture.size) in result.warnings[0]


def grey(picture: Image.Image) -> Image.Image:
    return picture.convert("L").convert("RGB")


def sixteen_bit(picture: Image.Image) -> bytes:
    return saved(Image.fromarray(np.asarray(picture.convert("L")).astype(np.uint16) * 257), "PNG")


def rotated(picture: Image.Image) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    return saved(picture, "JPEG", quality=98, exif=exif)


def animated(picture: Image.Image) -> bytes:
    return saved(
        picture, "WEBP", lossless=True, save_all=True, append_images=[Image.new("RGB", picture.size)], duration=50
    )


def transparent(picture: Image.Image) -> bytes:
    picture = picture.convert("RGBA")
    picture.putalpha(128)
    return saved(picture, "PNG")


KINDS = {
    "RGBA": (lambda p: saved(p.convert("RGBA"), "PNG"), lambda p: p, 0),
    "half transparent": (transparent, lambda p: p, 0),
    "grey": (lambda p: saved(p.convert("L"), "PNG"), grey, 0),
    "palette": (lambda p: saved(p.quantize(256), "PNG"), lambda p: p, 12),
    "16 bit": (sixteen_bit, grey, 1),
    "CMYK": (lambda p: saved(p.convert("CMYK"), "JPEG", quality=98), lambda p: p, 12),
    "sRGB profile": (
        lambda p: saved(p, "PNG", icc_profile=ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()),
        lambda p: p,
        0,
    ),
    "broken profile": (lambda p: saved(p, "PNG", icc_profile=b"nonsense"), lambda p: p, 0),
    "rotation tag": (rotated, lambda p: p, 12),
    "animated": (animated, lambda p: p, 0),
}


@pytest.mark.parametrize("kind", KINDS)
def test_row_72_every_kind_of_picture_arrives_as_rgb(world, kind):
    make, meant, tolerance = KINDS[kind]
    world.server.then(returns_bytes(lambda request: make(extend(request))))
    result = world.ask()[0]
    assert result.picture.mode == "RGB" and result.picture.size == (320, 192)
    expected = np.asarray(meant(extend(world.server.requests[0])), int)
    assert np.percentile(np.abs(np.asarray(result.picture, int) - expected), 95) <= tolerance
    assert any("transparent" in warning for warning in result.warnings) == (kind == "half transparent")


def shifted(picture: Image.Image) -> Image.Image:
    return Image.fromarray(np.roll(np.asarray(picture), (2, 5), axis=(0, 1)))


def redrawn(picture: Image.Image) -> Image.Image:
    return picture.transpose(Image.Transpose.FLIP_TOP_BOTTOM)


@pytest.mark.parametrize(
    "change, words",
    [
        (lambda picture: picture.filter(ImageFilter.GaussianBlur(6)), "looks blurred"),
        (shifted, "shifted against the source by 5, 2 px"),
        (lambda picture: ImageEnhance.Brightness(picture).enhance(1.3), "colour differs"),
        (redrawn, "redrawn"),
    ],
    ids=["blurred", "shifted", "brighter", "redrawn"],
)
def test_row_73_what_happened_to_the_kept_area_is_measured_and_said(world, change, words):
    world.server.then(returns(lambda request: change(extend(request))))
    result = world.ask()[0]
    assert any(words in warning for warning in result.warnings), result.warnings


@pytest.mark.parametrize("colour", ["black", "white", "#7f7f7f"])
def test_row_73_a_picture_of_one_colour_is_kept_and_never_returned(world, colour):
    world.server.then(returns(lambda request: Image.new("RGB", extend(request).size, colour)))
    error = world.fails()
    assert paid(error) and "one single colour" in error.what


def test_row_73_an_honest_answer_draws_no_warning(world):
    for output_format in ("png", "jpeg", "webp"):
        assert world.ask(job(photo(400, 300), output_format=output_format, left=100, up=31))[0].warnings == ()
