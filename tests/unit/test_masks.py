"""The three masks of a window: what is taken, what is missing, what may change."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from outpaint_nodes.nodes.imaging import masks


def strip(height: int, width: int, new: int) -> torch.Tensor:
    area = torch.zeros((height, width), dtype=torch.bool)
    area[:, width - new :] = True
    return area


@settings(deadline=None)
@given(st.integers(1, 6), st.integers(2, 10), st.integers(1, 60), st.sampled_from([8, 16]), st.integers(0, 40))
def test_each_mask_holds_the_one_before(rows, columns, new, cell, overlap):
    area = strip(rows * cell, columns * cell, min(new, columns * cell - 1))
    taken, missing = masks.composite(area), masks.concat(area, cell)
    free = masks.denoise(missing, overlap)
    assert torch.equal(taken > 0, area)
    assert (missing >= taken).all() and (free >= missing).all()
    assert free.max() <= 1 and free.min() >= 0


@pytest.mark.parametrize("cell", [8, 16])
@pytest.mark.parametrize("new", range(40, 57))
def test_missing_area_is_whole_cells_and_the_joined_cell_is_wholly_missing(cell, new):
    missing = masks.concat(strip(64, 128, new), cell)
    cells = missing.reshape(64 // cell, cell, 128 // cell, cell)
    assert torch.equal(cells.amax((1, 3)), cells.amin((1, 3)))
    assert (missing[0] > 0).sum() >= new + cell // 2


def test_the_sampler_may_change_the_original_less_and_less_with_distance():
    row = masks.denoise(strip(32, 128, 32).float(), 24)[0]
    edge = int((row == 1).nonzero().min())
    ramp = row[edge - 24 : edge]
    assert (ramp.diff() > 0).all() and (row[: edge - 24] == 0).all()


def test_without_overlap_the_sampler_keeps_to_whole_cells():
    missing = masks.concat(strip(32, 64, 20), 8)
    assert torch.equal(masks.denoise(missing, 0), missing)


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 10**6), st.integers(3, 40), st.integers(3, 40), st.integers(1, 50))
def test_distance_is_euclidean(seed, height, width, limit):
    area = torch.rand((height, width), generator=torch.Generator().manual_seed(seed)) > 0.9
    found = masks.distance(area, limit)
    points = area.nonzero().float()
    grid = torch.cartesian_prod(torch.arange(height), torch.arange(width)).float()
    true = torch.full((len(grid),), float(limit))
    if len(points):
        true = torch.cdist(grid, points).amin(1).clamp_max(limit)
    assert torch.allclose(found.flatten(), true, atol=1e-4)
