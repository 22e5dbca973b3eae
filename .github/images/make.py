"""The pictures of README and help pages, made by the product itself from the sample photos.

Run from the checkout: ``python .github/images/make.py`` (a few minutes; needs ``pip install -e ".[standalone]"``).
"""

from __future__ import annotations

from pathlib import Path

import torch
from PIL import Image, ImageDraw, ImageFont

from outpaint_nodes.nodes.imaging import codec, masks
from outpaint_nodes.nodes.imaging.canvas import Canvas, Extents, Size, parse_ratio, to_ratio
from outpaint_nodes.nodes.imaging.prefill import prefill
from outpaint_nodes.nodes.imaging.stitch import stitch

ROOT = Path(__file__).resolve().parents[2]
PHOTOS = ROOT / "tests" / "photos"
HELP = ROOT / "js" / "docs" / "images"
HERE = Path(__file__).resolve().parent
PAPER, INK, LINE = (246, 246, 248), (40, 42, 54), (150, 152, 165)


def photo(name: str, longest: int) -> torch.Tensor:
    picture = Image.open(PHOTOS / name).convert("RGB")
    picture.thumbnail((longest, longest), Image.Resampling.LANCZOS)
    return codec.from_pil(picture)


def extend(image: torch.Tensor, extents: Extents) -> Image.Image:
    return codec.to_pil(stitch(image, prefill(image, extents), extents).image)


def size_of(image: torch.Tensor) -> Size:
    return Size(image.shape[2], image.shape[1])


def before(image: torch.Tensor, extents: Extents) -> Image.Image:
    """The photo where it will lie, the rest as chequered paper."""
    canvas = Canvas(size_of(image), extents)
    sheet = Image.new("RGB", (canvas.size.width, canvas.size.height), (255, 255, 255))
    draw = ImageDraw.Draw(sheet)
    for y in range(0, sheet.height, 16):
        for x in range(0, sheet.width, 16):
            if (x + y) // 16 % 2:
                draw.rectangle((x, y, x + 15, y + 15), fill=(232, 232, 236))
    sheet.paste(codec.to_pil(image), (canvas.rect.x, canvas.rect.y))
    return sheet


def font(size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.load_default(size)


def row(pictures: list[Image.Image], labels: list[str], height: int, gap: int = 16) -> Image.Image:
    """Pictures of one height side by side, a label under each."""
    scaled = [picture.resize((round(picture.width * height / picture.height), height)) for picture in pictures]
    width = sum(picture.width for picture in scaled) + gap * (len(scaled) + 1)
    sheet = Image.new("RGB", (width, height + 2 * gap + 26), PAPER)
    draw, x = ImageDraw.Draw(sheet), gap
    for picture, label in zip(scaled, labels, strict=True):
        sheet.paste(picture, (x, gap))
        draw.text((x, gap + height + 6), label, INK, font(18))
        x += picture.width + gap
    return sheet


def save(picture: Image.Image, path: Path, quality: int = 86) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.save(path, quality=quality, subsampling=0, optimize=True)
    print(f"{path.relative_to(ROOT)}: {picture.width}×{picture.height}, {path.stat().st_size // 1024} KiB")


def hero() -> None:
    image = photo("mountain.jpg", 1280)
    extents = Extents(left=256, right=256)
    after = extend(image, extents)
    height = round(1168 * after.height / after.width)
    sheet = Image.new("RGB", (1200, 2 * height + 48), PAPER)
    for number, picture in enumerate((before(image, extents), after)):
        sheet.paste(picture.resize((1168, height), Image.Resampling.LANCZOS), (16, 16 + number * (height + 16)))
    save(sheet, HERE / "before_after.jpg")
    labels = ["before", "after: 20 % on both sides, no model"]
    save(row([before(image, extents), after], labels, 240), HELP / "local.jpg")


def ratios() -> None:
    image = photo("stream.jpg", 512)
    names = ["4:5", "4:3", "21:9"]
    pictures = [extend(image, to_ratio(size_of(image), parse_ratio(name))) for name in names]
    save(row(pictures, names, 260), HELP / "to_ratio.jpg")


def prepare() -> None:
    image = photo("stream.jpg", 512)
    extents = Extents(right=160)
    canvas = Canvas(size_of(image), extents)
    filled = codec.to_pil(prefill(image, extents, "smooth"))
    new = torch.ones(canvas.size.height, canvas.size.width, dtype=torch.bool)
    new[canvas.rect.slices] = False
    mask = codec.to_pil(masks.denoise(masks.concat(new, 8), 32)).convert("RGB")
    save(row([before(image, extents), filled, mask], ["picture", "pixels", "denoise_mask"], 240), HELP / "prepare.jpg")


def seam() -> None:
    """A continuation with the errors that decoders make (tone, softness), joined in three ways, four times enlarged:
    smooth above, textured below. Marks show where the original ends."""
    cut = 700
    truth = photo("mountain.jpg", 1280)[:, :, : cut + 320]
    original, extents = truth[:, :, :cut], Extents(right=320)
    picture = codec.to_pil(truth)
    soft = codec.from_pil(picture.resize((picture.width // 2, picture.height // 2)).resize(picture.size))
    generated = (soft * 0.93 + 0.03 + torch.tensor([0.02, 0.0, -0.02])).clamp(0, 1)
    ways = {
        "pasted": stitch(original, generated, extents, match="off"),
        "feathered 32 px into the original": stitch(original, generated, extents, match="off", rim=32),
        "Outpaint: matched, original untouched": stitch(original, generated, extents),
    }
    close = []
    for way in ways.values():
        both = Image.new("RGB", (400, 2 * 248 + 12), PAPER)
        for number, y in enumerate((72, 565)):
            part = codec.to_pil(way.image).crop((cut - 50, y, cut + 50, y + 62))
            both.paste(part.resize((400, 248), Image.Resampling.NEAREST), (0, number * 260))
        draw = ImageDraw.Draw(both)
        for y in (0, 240, 260, 500):
            draw.line((200, y, 200, y + 8), INK, 2)
        close.append(both)
    save(row(close, list(ways), close[0].height), HELP / "stitch.jpg", 90)


if __name__ == "__main__":
    torch.set_num_threads(2)
    for make in (hero, ratios, prepare, seam):
        make()
