"""JPEG texture: what is read from pixels, on what it declines, what it does to other pixels."""

from __future__ import annotations

import pytest
import torch

from outpaint_nodes.nodes.imaging.jpeg import compress, detect
from unit.pictures import jpeg, texture

PHOTO = texture(320, 384, noise=0.03)
# Tables of no encoder's family: steps that grow evenly, and others for chroma.
OWN = {0: [3 + (i // 8 + i % 8) * 2 for i in range(64)], 1: [5 + (i // 8 + i % 8) * 3 for i in range(64)]}


def table(quality):
    """Luma and chroma tables of Pillow's encoder, as it writes them into a file."""
    import io

    from PIL import Image

    data = io.BytesIO()
    Image.new("RGB", (16, 16)).save(data, "JPEG", quality=quality)
    found = Image.open(data).quantization
    return [torch.tensor(found[i], dtype=torch.float32).view(8, 8) for i in (0, 1)]


@pytest.mark.parametrize("quality", [60, 75, 85, 92])
def test_both_tables_are_recovered_from_the_pixels(quality):
    found = detect([(jpeg(PHOTO, quality), 0, 0)])
    luma, chroma = table(quality)
    assert torch.equal(found.luma, luma)
    assert torch.equal(found.chroma, chroma)


@pytest.mark.parametrize(("subsampling", "sampling"), [(0, (1, 1)), (1, (2, 1)), (2, (2, 2))])
def test_chroma_subsampling_is_recovered(subsampling, sampling):
    assert detect([(jpeg(PHOTO, 80, subsampling), 0, 0)]).sampling == sampling


def test_the_grid_is_found_in_a_crop():
    found = detect([(jpeg(PHOTO, 75)[:, 5:, 11:], 0, 0)])
    assert (found.x % 16, found.y % 16) == (5, 11)


def test_tables_of_no_family_are_read_where_steps_show():
    found = detect([(jpeg(PHOTO, tables=OWN), 0, 0)])
    truth = torch.tensor(OWN[0], dtype=torch.float32).view(8, 8)
    assert (found.luma == truth)[:4, :4].float().mean() > 0.9


@pytest.mark.parametrize(
    "picture",
    [
        PHOTO,
        (PHOTO * 255).round() / 255,
        torch.nn.functional.interpolate(jpeg(PHOTO)[None], scale_factor=0.8, mode="bicubic")[0].clamp(0, 1),
        torch.zeros(3, 64, 64),
        PHOTO[:, :20, :20],
    ],
    ids=["float", "8-bit", "resized JPEG", "black", "tiny"],
)
def test_what_is_not_clearly_a_jpeg_is_left_alone(picture):
    assert detect([(picture, 0, 0)]) is None


def test_a_decoded_jpeg_stays_what_it_is():
    picture = jpeg(PHOTO, 75)
    again = compress(picture, detect([(picture, 0, 0)]))
    assert (again - picture).abs().mean() < 0.35 / 255


def test_other_pixels_come_out_as_the_encoder_would_have_made_them():
    found = detect([(jpeg(PHOTO, 75), 0, 0)])
    other = texture(64, 96, seed=5)
    ours, real = compress((other * 255).round() / 255, found), jpeg(other, 75)
    assert (ours - real).abs().mean() < 0.25 * (other - real).abs().mean()
