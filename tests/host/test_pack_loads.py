"""The pack as the host sees it."""

from __future__ import annotations

import numpy as np
import pytest

NODE_IDS = ["OutpaintAPI", "OutpaintLocal", "OutpaintPrepare", "OutpaintStitch", "OutpaintToRatio"]


@pytest.mark.parametrize("node", NODE_IDS)
def test_every_node_is_offered_with_names_and_tooltips(comfy, node):
    info = comfy.object_info(node)
    assert info["category"] == "image/outpaint"
    assert info["display_name"].startswith("Outpaint")
    assert info["description"]
    for group in info["input"].values():
        for name, (_, *options) in ((n, v) for n, v in group.items() if isinstance(v, list)):
            if name not in ("dynprompt", "unique_id"):
                assert options[0].get("tooltip"), f"{node}.{name} has no tooltip"


def test_the_pack_loads_without_a_complaint_in_the_log(comfy):
    assert "IMPORT FAILED" not in "".join(line for line in comfy.log.splitlines() if "outpaint" in line.lower())


def test_ratio_gives_the_extents_of_a_real_picture(comfy):
    name = comfy.save_input(np.zeros((100, 100, 3), np.uint8), "square.png")
    prompt = {
        "1": {"class_type": "LoadImage", "inputs": {"image": name}},
        "2": {
            "class_type": "OutpaintToRatio",
            "inputs": {"image": ["1", 0], "ratio": "16:9", "anchor": "center", "multiple": 1, "width": 0, "height": 0},
        },
        **{str(3 + i): {"class_type": "PreviewAny", "inputs": {"source": ["2", i]}} for i in range(4)},
    }
    run = comfy.run(prompt)
    assert run.status == "success", run.message
    assert [run.text(str(3 + i)) for i in range(4)] == ["39", "39", "0", "0"]
