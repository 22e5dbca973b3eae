"""The definitions that the browser tests' backend serves are the ones that a real host serves."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

RECORDING = Path(__file__).parents[1] / "browser" / "object_info.json"
OURS = ["OutpaintAPI", "OutpaintLocal", "OutpaintPrepare", "OutpaintStitch", "OutpaintToRatio"]
# Lists that differ between hosts: samplers come and go.
OF_THE_HOST = {"sampler_name", "scheduler"}


def inputs(definition: dict) -> dict:
    """Names in their order, with type and limits, and without what differs from host to host."""
    out = {}
    for group in ("required", "optional"):
        for name, (kind, *options) in definition["input"].get(group, {}).items():
            kind = "COMBO" if isinstance(kind, list) else kind
            known = options[0] if options else {}
            out[name] = (group, kind, *(known.get(key) for key in ("default", "min", "max", "step")))
            if name in OF_THE_HOST:
                out[name] = (group, kind)
    return out


@pytest.mark.parametrize("node", OURS)
def test_the_recording_is_true(comfy, node):
    recorded = json.loads(RECORDING.read_text(encoding="utf-8"))[node]
    served = comfy.object_info(node)
    assert inputs(served) == inputs(recorded), "record anew: python tests/browser/record.py URL"
    assert served["output_name"] == recorded["output_name"]
    assert list(inputs(served)) == list(inputs(recorded))
