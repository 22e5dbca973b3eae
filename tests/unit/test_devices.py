"""On a GPU: the work is done where the picture lies, and what it gives is the same."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from outpaint_nodes.nodes.imaging.canvas import Extents, Size
from outpaint_nodes.nodes.imaging.codec import encode
from outpaint_nodes.nodes.imaging.device import working
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
KNOWS = pytest.mark.parametrize("double", [True, False], ids=["float64", "no float64"])


def drawing():
    """Hairlines and buttons on paper, ``[1, 160, 194, 3]``."""
    image = torch.full((3, 160, 194), 0.95)
    for y in range(12, 160, 20):
        image[:, y] = torch.tensor([0.8, 0.2, 0.2])[:, None]
        for x in range(10, 190, 30):
            image[:, y + 4 : y + 14, x : x + 20] = torch.tensor([0.2, 0.35, 0.6])[:, None, None]
            image[:, y + 7 : y + 10, x + 3 : x + 17 : 3] = 0.9
    return batched(image)


DRAWN = drawing()
REDRAWN = batched(blurred(F.pad(drawing()[0].movedim(-1, 0), (0, 70, 40, 0), mode="reflect"), 0.7) * 0.96 + 0.02)


def test_this_device_refuses_what_a_gpu_refuses():
    with another_device() as device:
        there = Elsewhere(torch.ones(3))
        assert (there + 1).device == device and there.sum().item() == 3
        assert torch.zeros(2, device=device).device == device and there.cpu().device.type == "cpu"
        with pytest.raises(RuntimeError, match="same device"):
            there + torch.ones(3)


def test_on_request_this_device_refuses_float64():
    with another_device(double=False) as device:
        there = Elsewhere(torch.ones(3))
        assert (there + 1.5).device == device and there.cpu().double().dtype == torch.float64
        for make in (
            there.double,
            lambda: there.sum(dtype=torch.float64),
            lambda: torch.zeros(2, dtype=torch.float64, device=device),
            lambda: torch.tensor([1.0], dtype=torch.float64, device=device),
            lambda: torch.ones(2, dtype=torch.float64).to(device),
        ):
            with pytest.raises(TypeError, match="no float64"):
                make()


def test_work_is_done_on_the_device_itself_where_it_knows_float64_and_else_on_the_cpu():
    for double, expected in ((True, "meta"), (False, "cpu")):
        with another_device(double) as device:
            assert working(device).type == expected
    assert working(torch.device("cpu")).type == "cpu"


@KNOWS
@pytest.mark.parametrize("lies", [Elsewhere, torch.clone], ids=["there", "here"])
@pytest.mark.parametrize(
    "match, original, made",
    [("off", ORIGINAL, MADE), ("tone", ORIGINAL, MADE), ("full", ORIGINAL, MADE), ("full", CODED, MADE),
     ("full", DRAWN, REDRAWN)],
    ids=["pasted", "tone", "full", "jpeg", "drawing"],
)  # fmt: skip
def test_a_join_comes_where_the_generated_picture_lies(match, original, made, lies, double):
    valid = torch.ones(original.shape[1:3])
    valid[:, -8:] = 0
    here = stitch(original, made, EXTENTS, match, 6, valid=valid)
    with another_device(double) as device:
        there = stitch(lies(original), Elsewhere(made), EXTENTS, match, 6, valid=valid)
        assert there.image.device == there.mask.device == device
        assert torch.equal(there.image.cpu(), here.image)
        assert torch.equal(there.mask.cpu(), here.mask)
        assert there.report == here.report


@KNOWS
@pytest.mark.parametrize("kind", ["smooth", "content"])
def test_a_fill_comes_where_the_picture_lies(kind, double):
    small, extents = ORIGINAL[:, :64, :96], Extents(right=20, down=12)
    here = prefill(small, extents, kind)
    with another_device(double) as device:
        there = prefill(Elsewhere(small), extents, kind)
        assert there.device == device
        assert torch.equal(there.cpu(), here)


@KNOWS
@pytest.mark.parametrize("decoded", [Elsewhere, torch.clone], ids=["there", "here"])
def test_passes_work_where_the_picture_can_be_worked_on_wherever_the_decoder_left_its_result(decoded, double):
    made = plan(SIZE, Extents(right=420), Wants(8, 25_000))
    marked = torch.zeros(1, 160, 194)
    marked[:, 60:90, 80:120] = 1

    def outpainted(given, decoded):
        work = Outpainting(checked(given), overlap=16, cell=8, holes=holes(decoded(marked), 1, SIZE))
        for window in (window for chain in (*made.sides, *made.across) for window in chain):
            ready = prepare(work, window, "smooth", creativity=0.8)
            work = ready.work.received(decoded((ready.pixels * 0.97 + 0.01).cpu()))
        # Some window sees only what another one drew.
        assert any(done.drift is not None for done in work.toned().passes)
        return finish(work).image

    here = outpainted(ORIGINAL, torch.clone)
    with another_device(double):
        assert torch.equal(outpainted(Elsewhere(ORIGINAL), decoded).cpu(), here)


@KNOWS
def test_a_picture_is_packed_from_where_it_lies(double):
    small = ORIGINAL[0, :64, :96]
    packed = encode(small, "png")
    with another_device(double):
        assert encode(Elsewhere(small), "png") == packed
        assert torch.equal(checked(Elsewhere(ORIGINAL)).cpu(), ORIGINAL)
