"""Once through the loader people use, with a checkpoint of full size: 1.07 billion random weights."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from host.graphs import get, load, local, node, outputs, photo, put, text

MAKER = Path(__file__).with_name("make_checkpoint.py")
NEEDS = 9 * 2**30


def free_memory() -> int:
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return 0
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable"))


@pytest.mark.timeout(1200)
@pytest.mark.skipif("FULL_SIZE" not in os.environ, reason="a full-size checkpoint takes minutes: set FULL_SIZE=1")
def test_a_full_size_sd15_inpaint_checkpoint(start_comfy, checkout, tmp_path):
    if free_memory() < NEEDS or shutil.disk_usage(tmp_path).free < NEEDS:
        pytest.skip("a full-size checkpoint needs 9 GiB of free memory and disk")
    folder = tmp_path / "models" / "checkpoints"
    folder.mkdir(parents=True)
    made = subprocess.run(
        [str(checkout.python), str(MAKER), str(checkout.path), str(folder / "random.safetensors")],
        cwd=tmp_path, capture_output=True, text=True, timeout=600,
    )
    assert made.returncode == 0, made.stderr[-3000:]
    assert int(made.stdout.split()[-1]) > 1_000_000_000
    comfy = start_comfy(base=tmp_path)
    original = photo("coffee.jpg", 192, 128)
    prompt = {
        "image": load(put(comfy, original)),
        "model": node("CheckpointLoaderSimple", ckpt_name="random.safetensors"),
        "local": local(["image", 0], "model", right=64, steps=1, megapixels=0.04, match="tone"),
        **outputs("local", "full"),
    }
    done = comfy.run(prompt, timeout=900)
    assert done.status == "success", done.message
    assert "model: SD 1.5 inpaint\n" in text(comfy, "full_report")
    found = get(comfy, "full_image")
    assert found.shape == (1, 128, 256, 3)
    assert np.array_equal(found[:, :, :192], original)
