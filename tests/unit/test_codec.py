"""Encoded pictures to tensors and back: nothing is lost, and what cannot be read says so."""

from __future__ import annotations

import io
import zlib

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image, ImageCms

from outpaint_nodes.nodes.errors import InputError
from outpaint_nodes.nodes.imaging import codec


def eight_bit(height: int, width: int, channels: int = 3, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (1, height, width, channels), generator=generator).float() / 255


def file_of(picture: Image.Image, format: str = "PNG", **options) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, format, **options)
    return buffer.getvalue()


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 99), st.sampled_from(["png", "webp"]))
def test_lossless_formats_give_every_pixel_back(height, width, seed, format):
    image = eight_bit(height, width, seed=seed)
    assert torch.equal(codec.decode(codec.encode(image, format)).image, image)


def test_values_between_two_levels_are_rounded_not_truncated():
    image = torch.tensor([0.499, 0.501, 254.6]).div(255).view(1, 1, 1, 3)
    assert np.array(codec.to_pil(image)).tolist() == [[[0, 1, 255]]]


def test_values_beyond_the_range_are_clipped():
    image = torch.tensor([-0.2, 0.5, 1.7]).view(1, 1, 3)
    assert np.array(codec.to_pil(image)).tolist() == [[[0, 128, 255]]]


def test_transparency_comes_back_as_alpha_and_leaves_the_colours_alone():
    image, alpha = eight_bit(9, 7), eight_bit(9, 7, 1, seed=1)[..., 0]
    picture = codec.decode(codec.encode(image, "webp", alpha=alpha))
    assert torch.equal(picture.image, image)
    assert torch.equal(picture.alpha, alpha)


def test_an_opaque_picture_has_no_alpha():
    assert codec.decode(codec.encode(eight_bit(3, 3))).alpha is None


def test_jpeg_refuses_transparency_instead_of_dropping_it():
    with pytest.raises(InputError, match="transparency"):
        codec.encode(eight_bit(4, 4), "jpeg", alpha=torch.ones(4, 4))


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr", "HSV", "I;16", "I", "F"])
def test_every_pixel_mode_becomes_three_channels(mode):
    image = codec.from_pil(Image.new(mode, (5, 4)))
    assert image.shape == (1, 4, 5, 3)
    assert image.dtype == torch.float32


def test_sixteen_bit_grey_keeps_more_than_eight_bits():
    grey = np.array([[0, 1, 32768, 65535]], dtype=np.uint16)
    picture = codec.decode(file_of(Image.fromarray(grey)))
    assert picture.image[0, 0, :, 0].mul(65535).round().tolist() == [0, 1, 32768, 65535]


def test_floats_that_are_no_colours_are_refused():
    with pytest.raises(InputError, match="range"):
        codec.from_pil(Image.fromarray(np.array([[0.0, 300.0]], dtype=np.float32)))


def test_print_colours_are_converted():
    red = codec.decode(file_of(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "JPEG")).image[0, 0, 0]
    assert red[0] > 0.8
    assert red[1:].max() < 0.3


def test_palette_transparency_is_found():
    picture = Image.new("P", (2, 1))
    picture.putpalette([255, 0, 0, 0, 255, 0])
    picture.putdata([0, 1])
    decoded = codec.decode(file_of(picture, transparency=0))
    assert decoded.alpha.tolist() == [[[0.0, 1.0]]]
    assert decoded.image[0, 0, 1].tolist() == [0.0, 1.0, 0.0]


def test_the_first_frame_of_an_animation_is_taken_and_the_others_are_counted():
    frames = [Image.new("RGB", (4, 4), colour) for colour in ("red", "lime", "blue")]
    picture = codec.decode(file_of(frames[0], "WEBP", save_all=True, append_images=frames[1:], lossless=True))
    assert picture.frames == 3
    assert picture.image[0, 0, 0].tolist() == [1.0, 0.0, 0.0]


def turned(size=(30, 20), orientation=6) -> bytes:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    exif[ExifTags.Base.Make] = "Maker"
    exif[ExifTags.IFD.Exif] = {ExifTags.Base.ExifImageWidth: size[0], ExifTags.Base.ExifImageHeight: size[1]}
    return file_of(Image.new("RGB", size, "teal"), "JPEG", exif=exif.tobytes())


def test_a_sideways_photo_is_turned_upright_once():
    picture = codec.decode(turned())
    assert picture.image.shape == (1, 30, 20, 3)
    again = codec.decode(codec.encode(picture.image, "jpeg", exif=picture.exif))
    assert again.image.shape == (1, 30, 20, 3)


def test_the_orientation_of_a_service_s_answer_is_left_alone():
    assert codec.decode(turned(), orient=False).image.shape == (1, 20, 30, 3)


def test_exif_is_kept_and_its_size_tags_are_set_to_the_new_size():
    picture = codec.decode(turned())
    wider = codec.encode(torch.zeros(1, 30, 44, 3), "jpeg", exif=picture.exif)
    exif = Image.open(io.BytesIO(wider)).getexif()
    assert exif[ExifTags.Base.Make] == "Maker"
    details = exif.get_ifd(ExifTags.IFD.Exif)
    assert (details[ExifTags.Base.ExifImageWidth], details[ExifTags.Base.ExifImageHeight]) == (44, 30)


def test_the_colour_profile_is_kept():
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    picture = codec.decode(file_of(Image.new("RGB", (4, 4)), icc_profile=profile))
    assert picture.icc_profile == profile
    assert Image.open(io.BytesIO(codec.encode(picture.image, icc_profile=profile))).info["icc_profile"] == profile


def test_the_profile_of_a_print_picture_is_not_passed_on_to_its_rgb():
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    data = file_of(Image.new("CMYK", (4, 4)), "JPEG", icc_profile=profile)
    assert codec.decode(data).icc_profile is None


def test_a_path_is_read_like_the_bytes(tmp_path):
    image = eight_bit(5, 6)
    path = tmp_path / "photo.png"
    path.write_bytes(codec.encode(image))
    assert torch.equal(codec.decode(path).image, image)
    assert codec.decode(path).format == "png"


@pytest.mark.parametrize("keep", [0.2, 0.5, 0.9])
def test_a_truncated_file_is_damaged_not_half_grey(keep):
    data = file_of(Image.effect_noise((200, 200), 50).convert("RGB"), "JPEG")
    with pytest.raises(InputError, match="damaged"):
        codec.decode(data[: int(len(data) * keep)])


@pytest.mark.parametrize("data, said", [(b"", "empty"), (b"<html>no such picture</html>", "not a picture")])
def test_what_is_no_picture_is_refused(data, said):
    with pytest.raises(InputError, match=said):
        codec.decode(data)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match="gone.png"):
        codec.decode(tmp_path / "gone.png")


def test_a_decompression_bomb_is_refused_before_it_is_unpacked():
    header = bytearray(codec.encode(torch.zeros(1, 1, 1, 3)))
    width_and_height = (60000).to_bytes(4, "big") * 2
    header[16:24] = width_and_height
    header[29:33] = zlib.crc32(bytes(header[12:29])).to_bytes(4, "big")
    with pytest.raises(InputError, match="too large"):
        codec.decode(bytes(header))


@pytest.mark.parametrize(
    "image, said",
    [
        (torch.full((1, 2, 2, 3), float("nan")), "NaN"),
        (torch.zeros(2, 4, 4, 3), "one picture"),
        (torch.zeros(4, 4, 5, 5, 5), "no picture"),
        (torch.zeros(1, 0, 4, 3), "no picture"),
    ],
)
def test_what_cannot_be_encoded_is_refused(image, said):
    with pytest.raises(InputError, match=said):
        codec.encode(image)


def test_unknown_formats_qualities_and_sizes_are_refused():
    with pytest.raises(InputError, match="bmp"):
        codec.encode(eight_bit(2, 2), "bmp")
    with pytest.raises(InputError, match="101"):
        codec.encode(eight_bit(2, 2), "jpeg", 101)
    with pytest.raises(InputError, match="16383"):
        codec.encode(torch.zeros(1, 1, 16384, 3), "webp")


def test_higher_quality_is_nearer_to_the_picture():
    image = eight_bit(64, 64)
    error = [(codec.decode(codec.encode(image, "jpeg", q)).image - image).abs().mean() for q in (30, 80, None)]
    assert error[0] > error[1] > error[2]


def test_a_mask_becomes_a_grey_picture():
    assert codec.to_pil(torch.tensor([[[0.0, 1.0]]])).mode == "L"
