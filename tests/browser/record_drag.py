"""Films a real drag in the real frontend, for the README: ``python tests/browser/record_drag.py PHOTO OUT.gif|.webp``.

The photo is shown in Load Image; Outpaint Prepare is pulled to the right, upward with the opposite side, and to 16:9.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from PIL import Image, ImageDraw
from playwright.sync_api import sync_playwright

from browser import conftest

VERSION, RENDERER = "1.58.1", "vue"
# Beyond the editor's box, sideways and upward.
MARGIN = (10, 2)
FRAME_MS = 70


class Film:
    """Screenshots of one node with the pointer drawn in, as headless browsers show none."""

    def __init__(self, desk, node: int):
        self.desk, self.node = desk, node
        self.frames: list[Image.Image] = []
        self.durations: list[int] = []
        self.at = (0.0, 0.0)
        box = desk.editor(node).bounding_box()
        self.clip = {
            "x": box["x"] - MARGIN[0],
            "y": box["y"] - MARGIN[1],
            "width": box["width"] + 2 * MARGIN[0],
            "height": box["height"] + 2 * MARGIN[1],
        }

    def shoot(self, milliseconds: int = FRAME_MS) -> None:
        image = Image.open(io.BytesIO(self.desk.page.screenshot(clip=self.clip))).convert("RGB")
        scale = image.width / self.clip["width"]
        x, y = (self.at[0] - self.clip["x"]) * scale, (self.at[1] - self.clip["y"]) * scale
        arrow = [(0, 0), (0, 16), (4, 12.5), (7, 19), (9.5, 18), (6.5, 11.5), (11.5, 11.5)]
        points = [(x + dx * scale, y + dy * scale) for dx, dy in arrow]
        ImageDraw.Draw(image).polygon(points, fill="white", outline="black", width=max(1, round(scale)))
        self.frames.append(image)
        self.durations.append(milliseconds)

    def go(self, x: float, y: float, steps: int = 8) -> None:
        x0, y0 = self.at
        for step in range(1, steps + 1):
            part = step / steps
            eased = part * part * (3 - 2 * part)
            self.at = (x0 + (x - x0) * eased, y0 + (y - y0) * eased)
            self.desk.page.mouse.move(*self.at)
            self.desk.frames(2)
            self.shoot()

    def pull(self, handle: str, dx: float, dy: float, keys: tuple = ()) -> None:
        x, y = self.desk.middle(self.node, handle)
        self.go(x, y, 6)
        self.desk.page.mouse.down()
        for key in keys:
            self.desk.page.keyboard.down(key)
        self.go(x + dx, y + dy, 12)
        self.desk.page.mouse.up()
        for key in keys:
            self.desk.page.keyboard.up(key)
        for _ in range(4):
            self.desk.page.wait_for_timeout(40)
            self.shoot()
        self.shoot(500)

    def press(self, selector: str) -> None:
        box = self.desk.part(self.node, selector).bounding_box()
        self.go(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, 8)
        self.desk.page.mouse.down()
        self.desk.page.mouse.up()
        self.desk.page.wait_for_timeout(200)
        self.shoot(450)

    def save(self, path: Path) -> None:
        first, *rest = self.frames
        options = {"save_all": True, "append_images": rest, "duration": self.durations, "loop": 0}
        if path.suffix == ".webp":
            first.save(path, quality=82, method=6, **options)
        else:
            palette = first.quantize(256, dither=Image.Dither.NONE)
            still = [frame.quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG) for frame in self.frames]
            still[0].save(path, **options | {"append_images": still[1:]}, optimize=True)


def main(photo: str, out: str) -> None:
    with sync_playwright() as playwright:
        path = conftest.chromium_path()
        browser = playwright.chromium.launch(executable_path=path, headless=True, args=conftest.FLAGS)
        desk = conftest.opened(browser, VERSION, RENDERER, viewport=(1400, 1050), device_scale_factor=2)
        desk.backend.pictures["photo.jpg"] = Path(photo).read_bytes()
        node = desk.scene(right=0)
        film = Film(desk, node)
        film.at = (film.clip["x"] + 40, film.clip["y"] + film.clip["height"] - 30)
        film.shoot(700)
        film.pull("right", 46, 0)
        film.pull("up-left", -34, -24)
        film.pull("grip", 18, 6)
        film.press('.outpaint-bar > [data-control="ratio"]')
        film.press('[data-ratio="16:9"]')
        film.shoot(1600)
        film.save(Path(out))
        conftest.closed(desk)
        browser.close()


if __name__ == "__main__":
    main(*sys.argv[1:3])
