"""Records the node definitions that the test backend serves: ``python tests/browser/record.py http://127.0.0.1:8188``."""

from __future__ import annotations

import json
import sys
import urllib.request
from pathlib import Path

RECORDING = Path(__file__).with_name("object_info.json")
OURS = ["OutpaintAPI", "OutpaintLocal", "OutpaintPrepare", "OutpaintStitch", "OutpaintToRatio"]
HOSTS = ["LoadImage", "PreviewImage", "SaveImage", "ImageScale", "ImageInvert", "PrimitiveInt", "VAEDecode"]
# The frontend opens with its own default workflow; a node missing there opens a dialog.
HOSTS += ["CheckpointLoaderSimple", "CLIPTextEncode", "EmptyLatentImage", "KSampler"]
# Lists of files and models differ from machine to machine and say nothing of the node.
LISTS = {
    ("LoadImage", "image"): ["photo.jpg", "wide.jpg", "dot.png", "rotated.jpg", "large.jpg", "broken.png", "gone.png"],
    ("CheckpointLoaderSimple", "ckpt_name"): ["v1-5-pruned-emaonly-fp16.safetensors"],
}


def definitions(url: str) -> dict:
    """The definitions of our nodes and of the host's nodes that the tests put beside them."""
    with urllib.request.urlopen(f"{url.rstrip('/')}/object_info") as answer:
        everything = json.load(answer)
    chosen = {name: everything[name] for name in OURS + HOSTS if name in everything}
    for (name, field), files in LISTS.items():
        chosen[name]["input"]["required"][field][0] = files
    return chosen


if __name__ == "__main__":
    RECORDING.write_text(json.dumps(definitions(sys.argv[1]), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"recorded {RECORDING}")
