"""The examples' thumbnails, made by running each example in a real ComfyUI.

Where an example needs a trained model, the oracle stands in for it: the workflow gets a cut of a sample photo, and the
stand-in knows the rest, which it returns with the faults of real decoders (colour, contrast, blur). In the same way
the test endpoint stands in for the paid service. Everything else is the product: what is kept, filled, matched and
joined. Examples without a model show content-aware fill, as they do for everybody.

``PYTHONPATH=tests python -m host.thumbnails [NAME ...]`` (needs a ComfyUI: COMFYUI_PATH, else ``~/ComfyUI``).
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from host import examples
from host.graph import to_api
from host.graphs import ORACLE, PHOTOS, windows
from host.server import ComfyServer, find_checkouts
from host.stand_ins import only, stock, with_stand_in
from outpaint_nodes.nodes.families import UNKNOWN
from outpaint_nodes.nodes.imaging.canvas import Extents, Size
from outpaint_nodes.nodes.imaging.windows import plan, single
from service.endpoint import Endpoint, Request

SIDES = ("left", "right", "up", "down")
FAULTS = {"gain": 0.95, "offset": 0.015, "blur": 0.6}
TRUTH = "truth.png"
LONGEST = 480


@dataclass(frozen=True)
class Scene:
    """What an example is run on.

    Attributes:
        photo: the sample photo.
        size: it is scaled to; with a stand-in, the size of the finished picture.
        kind: what the oracle predicts; empty where no model is needed.
        box: the part of the photo that is used.
    """

    photo: str
    size: tuple[int, int]
    kind: str = ""
    box: tuple[int, int, int, int] | None = None

    @property
    def picture(self) -> Image.Image:
        with Image.open(PHOTOS / self.photo) as photo:
            return photo.convert("RGB").resize(self.size, Image.Resampling.LANCZOS, self.box)


SCENES = {
    "outpaint_quick_start": Scene("mountain.jpg", (512, 512), box=(0, 0, 852, 852)),
    "outpaint_sd_inpaint": Scene("sunset.jpg", (960, 640), "EPS"),
    "outpaint_sdxl": Scene("astronaut.jpg", (768, 768), "EPS"),
    "outpaint_flux_fill": Scene("mountain.jpg", (960, 639), "FLUX"),
    "outpaint_any_checkpoint": Scene("stream.jpg", (960, 639), "EPS"),
    "outpaint_api": Scene("dandelion.jpg", (960, 540)),
    "outpaint_custom_sampler": Scene("coffee.jpg", (840, 560), "EPS"),
    "outpaint_then_upscale": Scene("dandelion.jpg", (600, 480), box=(0, 0, 900, 720)),
    "outpaint_ratio_folder": Scene("sunset.jpg", (568, 426), box=(140, 0, 1277, 853)),
}


def extents_of(prompt: dict) -> dict[str, int]:
    """The pixels that an example adds; empty where they are counted while running."""
    nodes = [node["inputs"] for node in prompt.values() if node["class_type"].startswith("Outpaint")]
    sides = next(inputs for inputs in nodes if "left" in inputs)
    return {side: sides[side] for side in SIDES if isinstance(sides[side], int)}


def oracle(kind: str, prompt: dict, original: Image.Image, extents: dict[str, int]) -> dict:
    """The oracle, told the windows that the example's nodes will ask for."""
    size, sides = Size(*original.size), Extents(**extents)
    if any(node["class_type"] == "OutpaintPrepare" for node in prompt.values()):
        asked = (single(size, sides, 8, 0),)
    else:
        asked = plan(size, sides, UNKNOWN.wants(8)).windows
    rects = [(w.rect.x + sides.left, w.rect.y + sides.up, w.rect.width, w.rect.height) for w in asked]
    return {"class_type": "TestOracle", "inputs": ORACLE | FAULTS | {
        "kind": kind, "truth": ["truth", 0], "windows": windows(rects),
    }}  # fmt: skip


def answer(truth: Image.Image):
    """What the service's stand-in returns: the truth, a little softer and duller."""

    def made(request: Request) -> Image.Image:
        soft = np.asarray(truth.filter(ImageFilter.GaussianBlur(0.6)), np.float32)
        return Image.fromarray(np.round(soft * 0.97 + 3).clip(0, 255).astype(np.uint8))

    return made


def run(server: ComfyServer, endpoint: Endpoint, name: str) -> tuple[Image.Image, Image.Image, dict[str, int]]:
    """Run one example. Returns the picture that went in, the one that came out, and the pixels added in between."""
    info, scene = examples.ready(server.get("/object_info")), SCENES[name]
    prompt = to_api(examples.build(name, info), info)
    extents = extents_of(prompt)
    truth = original = scene.picture
    if scene.kind or name == "outpaint_api":
        right, lower = truth.width - extents["right"], truth.height - extents["down"]
        original = truth.crop((extents["left"], extents["up"], right, lower))
    if scene.kind:
        prompt = with_stand_in(prompt, oracle(scene.kind, prompt, original, extents), {})
        prompt["truth"] = {"class_type": "LoadImage", "inputs": {"image": server.save_input(truth, TRUTH)}}
    if name == "outpaint_api":
        endpoint.picture = answer(truth)
        prompt[only(prompt, "OutpaintAPI")]["inputs"]["dry_run"] = False
    server.save_input(original, examples.PHOTO)
    done = server.run(prompt, timeout=600)
    if done.status != "success":
        raise RuntimeError(f"{name}: {done.message}")
    (made,) = done.images(only(prompt, "SaveImage"))
    if not extents:
        wider = made.shape[1] - original.width
        extents = {"left": wider // 2, "right": wider - wider // 2, "up": 0, "down": 0}
    return original, Image.fromarray(made), extents


def thumbnail(original: Image.Image, made: Image.Image, extents: dict[str, int]) -> Image.Image:
    """The finished picture, small, the original's corners marked."""
    shown = made.copy()
    shown.thumbnail((LONGEST, LONGEST), Image.Resampling.LANCZOS)
    scale = shown.width / (original.width + extents["left"] + extents["right"])
    x0, y0 = extents["left"] * scale, extents["up"] * scale
    x1, y1 = x0 + original.width * scale - 1, y0 + original.height * scale - 1
    draw, arm = ImageDraw.Draw(shown), 26
    for x, inward_x in ((x0, 1), (x1, -1)):
        for y, inward_y in ((y0, 1), (y1, -1)):
            draw.line((x, y, x + arm * inward_x, y), "white", 3)
            draw.line((x, y, x, y + arm * inward_y), "white", 3)
    return shown


def main(names: list[str]) -> None:
    with Endpoint() as endpoint, ComfyServer(find_checkouts()[0], endpoint.environment()) as server:
        stock(server)
        for name in names or SCENES:
            path = examples.WORKFLOWS / f"{name}.jpg"
            thumbnail(*run(server, endpoint, name)).save(path, quality=84, subsampling=0, optimize=True)
            print(f"{path.name}: {path.stat().st_size // 1024} KiB", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
