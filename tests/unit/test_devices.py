"""On a GPU: the work is done where the picture lies, and what it gives is the same."""

from __future__ import annotations

import pytest
import torch

from outpaint_nodes.nodes.imaging.canvas import Extents, Size
from outpaint_nodes.nodes.imaging.codec import encode
from outpaint_nodes.nodes.imaging.finish import finish
from outpaint_nodes.nodes.imaging.passes import Outpainting
from outpaint_nodes.nodes.imaging.picture import checked, holes
from outpaint_nodes.nodes.imaging.prefill import prefill
from outpaint_nodes.nodes.imaging.prepare import prepare
from outpaint_nodes.nodes.imaging.stitch import stitch
from outpaint_nodes.nodes.imaging.windows import Wants, plan
from unit.other_device import Elsewhere, another_device
from unit.pictures import blurred, jpeg, texture

EXTENTS = Extents(right=70, up=40)


def batched(image):
    return image.permute(1, 2, 0)[None].contiguous()


TRUTH = texture(200, 264, noise=0.02)
MADE = batched(blurred(TRUTH * 0.96 + 0.02, 0.7).roll(1, 2))
ORIGINAL = batched(TRUTH)[:, 40:, :194].clone()
CODED = batched(jpeg(TRUTH, 75))[:, 40:, :194].clone()
SIZE = Size(194, 160)


def test_this_device_refuses_what_a_gpu_refuses():
    with another_device() as device:
        there = Elsewhere(torch.ones(3))
        assert (there + 1).device == device and there.sum().item() == 3
        assert torch.zeros(2, device=device).device == device and there.cpu().device.type == "cpu"
        with pytest.raises(RuntimeError, match="same device"):
            there + torch.ones(3)


@pytest.mark.parametrize("lies", [Elsewhere, torch.clone], ids=["there", "here"])
@pytest.mark.parametrize("match, original", [("off", ORIGINAL), ("full", ORIGINAL), ("full", CODED)])
def test_a_join_is_made_where_the_generated_picture_lies(match, original, lies):
    valid = torch.ones(original.shape[1:3])
    valid[:, -8:] = 0
    here = stitch(original, MADE, EXTENTS, match, 6, valid=valid)
    with another_device() as device:
        there = stitch(lies(original), Elsewhere(MADE), EXTENTS, match, 6, valid=valid)
        assert there.image.device == there.mask.device == device
        assert torch.equal(there.image.cpu(), here.image)
        assert torch.equal(there.mask.cpu(), here.mask)
        assert there.report == here.report


@pytest.mark.parametrize("kind", ["smooth", "content"])
def test_a_fill_is_made_where_the_picture_lies(kind):
    small, extents = ORIGINAL[:, :64, :96], Extents(right=20, down=12)
    here = prefill(small, extents, kind)
    with another_device() as device:
        there = prefill(Elsewhere(small), extents, kind)
        assert there.device == device
        assert torch.equal(there.cpu(), here)


@pytest.mark.parametrize("decoded", [Elsewhere, torch.clone], ids=["there", "here"])
def test_passes_work_where_the_picture_lies_wherever_the_decoder_left_its_result(decoded):
    made = plan(SIZE, Extents(right=420), Wants(8, 25_000))
    marked = torch.zeros(1, 160, 194)
    marked[:, 60:90, 80:120] = 1

    def outpainted(given, decoded):
        work = Outpainting(given, overlap=16, cell=8, holes=holes(marked, 1, SIZE))
        for window in (window for chain in (*made.sides, *made.across) for window in chain):
            ready = prepare(work, window, "smooth", creativity=0.8)
            work = ready.work.received(decoded((ready.pixels * 0.97 + 0.01).cpu()))
        # Some window sees only what another one drew.
        assert any(done.drift is not None for done in work.toned().passes)
        return finish(work).image

    here = outpainted(ORIGINAL, torch.clone)
    with another_device():
        assert torch.equal(outpainted(Elsewhere(ORIGINAL), decoded).cpu(), here)


def test_a_picture_is_packed_from_where_it_lies():
    small = ORIGINAL[0, :64, :96]
    packed = encode(small, "png")
    with another_device():
        assert encode(Elsewhere(small), "png") == packed
        assert torch.equal(checked(Elsewhere(ORIGINAL)).cpu(), ORIGINAL)
