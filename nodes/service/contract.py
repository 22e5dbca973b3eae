"""What the service accepts: parameters, limits, the upload, and the identity of a request. No network.

Source of the fields: https://aithriving.com/document/edit/outpaint; of the limits: the published OpenAPI description
of the upstream service, https://platform.stability.ai/docs/api-reference (Outpaint).
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import math
import uuid
from dataclasses import asdict, dataclass

from PIL import Image

from ..errors import InputError

URL = "https://www.aithriving.com/api/edit/outpaint"
CREDITS = 8
"""Price of one successful picture."""

SIDES = ("left", "right", "up", "down")
MAX_EXTENT = 2000
MAX_PROMPT = 10_000
MAX_SEED = 4294967294
FORMATS = ("png", "jpeg", "webp")

MIN_SIDE = 64
MAX_AREA = 9_437_184
MAX_ASPECT = 2.5

NOTHING_SPENT = "Nothing was sent and no credits were spent."


def refuse(what: str, do: str) -> InputError:
    return InputError(what, do, credits=NOTHING_SPENT)


@dataclass(frozen=True)
class Parameters:
    """Everything that is asked of the service, apart from the picture.

    Args:
        left, right, up, down: pixels to add, 0 to 2000 each, at least one above 0.
        creativity: 0 to 1.
        prompt: at most 10,000 characters; may be empty.
        seed: 0 to 4294967294; 0 lets the service pick one.
        output_format: format of the answer: "png", "jpeg" or "webp".

    Raises:
        InputError: a value is out of range; the message names the field and the limit.
    """

    left: int = 0
    right: int = 0
    up: int = 0
    down: int = 0
    creativity: float = 0.5
    prompt: str = ""
    seed: int = 0
    output_format: str = "png"

    def __post_init__(self) -> None:
        for name in SIDES:
            require_whole(name, getattr(self, name), MAX_EXTENT)
        if not any(getattr(self, name) for name in SIDES):
            raise refuse(
                "left, right, up and down are all 0, so there is nothing to add.", "Set at least one of them above 0."
            )
        require_whole("seed", self.seed, MAX_SEED)
        number = isinstance(self.creativity, (int, float)) and not isinstance(self.creativity, bool)
        if not number or not math.isfinite(self.creativity) or not 0 <= self.creativity <= 1:
            raise refuse(f"creativity is {self.creativity!r}, outside 0 to 1.", "Set creativity between 0 and 1.")
        if self.output_format not in FORMATS:
            raise refuse(f"output_format is {self.output_format!r}.", f"Use one of: {', '.join(FORMATS)}.")
        if not isinstance(self.prompt, str) or len(self.prompt) > MAX_PROMPT:
            length = len(self.prompt) if isinstance(self.prompt, str) else repr(self.prompt)
            raise refuse(f"The prompt has {length} characters; the limit is {MAX_PROMPT}.", "Shorten the prompt.")
        try:
            self.prompt.encode()
        except UnicodeEncodeError:
            raise refuse(
                "The prompt holds a character that cannot be sent (half of a surrogate pair).", "Type the prompt anew."
            ) from None

    def fields(self) -> dict[str, str]:
        """The form fields as text. Zero sides, an empty prompt and seed 0 are the service's defaults: left out."""
        sides = {name: str(getattr(self, name)) for name in SIDES if getattr(self, name)}
        optional = {"prompt": self.prompt, "seed": str(self.seed) if self.seed else ""}
        return {
            **sides,
            "creativity": repr(self.rounded_creativity),
            **{name: value for name, value in optional.items() if value},
            "output_format": self.output_format,
        }

    @property
    def rounded_creativity(self) -> float:
        return round(float(self.creativity), 2)

    def expected(self, width: int, height: int) -> tuple[int, int]:
        """Width and height of the answer to a picture of this size."""
        return width + self.left + self.right, height + self.up + self.down


def require_whole(name: str, value: object, maximum: int) -> None:
    most = f"{maximum} pixels" if name in SIDES else f"{maximum}"
    if isinstance(value, bool) or not isinstance(value, int):
        raise refuse(f"{name} is {value!r}, which is not a whole number.", f"Set {name} between 0 and {most}.")
    if not 0 <= value <= maximum:
        raise refuse(f"{name} is {value}; the service takes 0 to {most}.", f"Set {name} within these limits.")


def check_picture(picture: Image.Image) -> None:
    """Hold a picture against the service's limits on size and shape.

    Raises:
        InputError: a side below 64 pixels, more than 9,437,184 pixels, or longer than 2.5 : 1.
    """
    width, height = picture.size
    if min(width, height) < MIN_SIDE:
        raise refuse(
            f"The picture is {width}×{height}; the service takes sides of at least {MIN_SIDE} pixels.",
            "Enlarge it first, for example with Upscale Image.",
        )
    if width * height > MAX_AREA:
        raise refuse(
            f"The picture is {width}×{height}, {width * height / 1e6:.1f} megapixels; the service takes at most "
            f"{MAX_AREA / 1e6:.1f}.",
            "Scale it down first, for example with Scale Image to Total Pixels at 9.",
        )
    aspect = max(width, height) / min(width, height)
    if aspect > MAX_ASPECT:
        raise refuse(
            f"The picture is {width}×{height}, {aspect:.2f} : 1; the service takes at most {MAX_ASPECT} : 1.",
            "Crop it to a less elongated shape first.",
        )


def request_key(url: str, picture: Image.Image, parameters: Parameters, reroll: int = 0) -> str:
    """The identity of a request, 64 hexadecimal digits: the same inputs at the same address are paid once.

    Pixels are hashed, not encoded bytes, so that another Pillow makes no new request. Nothing of the account enters.
    """
    pixels = hashlib.sha256(f"{picture.mode} {picture.width}x{picture.height}\n".encode())
    pixels.update(picture.tobytes())
    identity = {
        "schema": 1,
        "url": url,
        **asdict(parameters),
        "creativity": parameters.rounded_creativity,
        "reroll": reroll,
        "picture": pixels.hexdigest(),
    }
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()


PNG_LEVEL = 3
"""Up to 14 % smaller than level 1. Over an uplink of 10 Mbit/s the time of encoding and sending is the same or less,
and fewer pictures exceed what a request may have. From level 4 on, encoding costs more than sending saves."""


@dataclass(frozen=True)
class Upload:
    """An encoded picture, ready to be sent; ``note`` says what the user should know about the encoding."""

    data: bytes
    mime: str
    note: str | None = None


def encode_upload(picture: Image.Image, limit: int) -> Upload:
    """The picture as PNG, or as JPEG (quality 95, full colour resolution) when the PNG would exceed ``limit`` bytes.

    It is never scaled: the pixels to add are absolute.

    Raises:
        InputError: even the JPEG is larger than ``limit``.
    """
    png = io.BytesIO()
    picture.save(png, "PNG", compress_level=PNG_LEVEL)
    if png.tell() <= limit:
        return Upload(png.getvalue(), "image/png")
    jpeg = io.BytesIO()
    picture.save(jpeg, "JPEG", quality=95, subsampling=0)
    if jpeg.tell() > limit:
        raise refuse(
            f"The picture is {jpeg.tell() / 1e6:.1f} MB even as JPEG; the service takes {limit / 1e6:.1f} MB.",
            "Scale it down first.",
        )
    return Upload(
        jpeg.getvalue(),
        "image/jpeg",
        f"sent as JPEG: the PNG has {png.tell() / 1e6:.1f} MB, more than the {limit / 1e6:.1f} MB a request may have",
    )


def multipart(upload: Upload, parameters: Parameters) -> tuple[list[bytes], str]:
    """The request body as parts to be sent one after the other, and its content type.

    The file name is a constant: names of the user's files are nobody's business, and non-ASCII ones break servers.
    """
    boundary = uuid.uuid4().hex
    text = "".join(
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in parameters.fields().items()
    )
    kind = upload.mime.removeprefix("image/")
    file = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="image"; filename="image.{kind}"\r\n'
        f"Content-Type: {upload.mime}\r\n\r\n"
    )
    body = [(text + file).encode(), upload.data, f"\r\n--{boundary}--\r\n".encode()]
    return body, f"multipart/form-data; boundary={boundary}"


def json_body(upload: Upload, parameters: Parameters) -> tuple[list[bytes], str]:
    """The same request as one JSON object, for a deployment that follows the documentation's wording."""
    numbers = {name: json.loads(value) for name, value in parameters.fields().items() if name in (*SIDES, "creativity")}
    document = {**parameters.fields(), **numbers, "image": base64.b64encode(upload.data).decode()}
    if parameters.seed:
        document["seed"] = parameters.seed
    return [json.dumps(document).encode()], "application/json"


BODIES = {"multipart": multipart, "json": json_body}
