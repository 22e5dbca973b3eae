"""On a GPU: the work is done where the picture lies, and what it gives is the same."""

from __future__ import annotations

from contextlib import ExitStack

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
from unit.other_device import DEVICE, Elsewhere, Literals, Operations
from unit.pictures import blurred, jpeg, texture

EXTENTS = Extents(right=70, up=40)


@pytest.fixture
def device():
    with ExitStack() as modes:
        modes.enter_context(Literals())
        modes.enter_context(Operations())
        yield DEVICE


def batched(image):
    return image.permute(1, 2, 0)[None].contiguous()


TRUTH = texture(300, 400, noise=0.02)
MADE = batched(blurred(TRUTH * 0.96 + 0.02, 0.7).roll(1, 2))
ORIGINAL = batched(TRUTH)[:, 40:, :330].clone()
CODED = batched(jpeg(TRUTH, 75))[:, 40:, :330].clone()


def test_this_device_refuses_what_a_gpu_refuses(device):
    there = Elsewhere(torch.ones(3))
    assert (there + 1).device == DEVICE and there.sum().item() == 3
    assert torch.zeros(2, device=device).device == DEVICE and there.cpu().device.type == "cpu"
    with pytest.raises(RuntimeError, match="same device"):
        there + torch.ones(3)


@pytest.mark.parametrize("original", [ORIGINAL, CODED], ids=["plain", "JPEG"])
@pytest.mark.parametrize("match", ["off", "tone", "full"])
def test_a_join_is_made_where_the_generated_picture_lies(device, match, original):
    valid = torch.ones(original.shape[1:3])
    valid[:, -8:] = 0
    here = stitch(original, MADE, EXTENTS, match, 6, valid=valid)
    for given in (Elsewhere(original), original):
        there = stitch(given, Elsewhere(MADE), EXTENTS, match, 6, valid=valid)
        assert there.image.device == there.mask.device == DEVICE
        assert torch.equal(there.image.cpu(), here.image)
        assert torch.equal(there.mask.cpu(), here.mask)
        assert there.report == here.report


@pytest.mark.parametrize("kind", ["smooth", "content"])
def test_a_fill_is_made_where_the_picture_lies(device, kind):
    small = ORIGINAL[:, :64, :96]
    extents = Extents(right=20, down=12)
    there = prefill(Elsewhere(small), extents, kind)
    assert there.device == DEVICE
    assert torch.equal(there.cpu(), prefill(small, extents, kind))


@pytest.mark.parametrize("decoded", ["here", "there"])
def test_passes_work_where_the_picture_lies_wherever_the_decoder_left_its_result(device, decoded):
    made = plan(Size(330, 260), Extents(right=420), Wants(8, 40_000))

    def outpainted(given, marked):
        work = Outpainting(given, overlap=16, cell=8, holes=holes(marked, 1, Size(330, 260)))
        for window in (window for chain in (*made.sides, *made.across) for window in chain):
            ready = prepare(work, window, "smooth", creativity=0.8)
            result = (ready.pixels * 0.97 + 0.01).cpu()
            work = ready.work.received(Elsewhere(result) if decoded == "there" else result)
        # Some window sees only what another one drew.
        assert any(done.drift is not None for done in work.toned().passes)
        return finish(work)

    marked = torch.zeros(1, 260, 330)
    marked[:, 100:140, 120:180] = 1
    there, here = outpainted(Elsewhere(ORIGINAL), marked), outpainted(ORIGINAL, marked)
    assert torch.equal(there.image.cpu(), here.image.cpu())


def test_a_picture_is_packed_from_where_it_lies(device):
    small = ORIGINAL[0, :64, :96]
    assert encode(Elsewhere(small), "png") == encode(small, "png")
    assert torch.equal(checked(Elsewhere(ORIGINAL)).cpu(), ORIGINAL)
