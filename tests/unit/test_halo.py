"""What the generator does to the few pixels beyond the border: a halo is taken back, content and the original are not
touched."""

from __future__ import annotations

import pytest
import torch

from outpaint_nodes.nodes.imaging import halo
from outpaint_nodes.nodes.imaging.canvas import Extents, Rect
from outpaint_nodes.nodes.imaging.match import measure
from outpaint_nodes.nodes.imaging.tone import Tone
from unit.pictures import overlap, texture

KEPT = Rect(0, 0, 384, 320)
BEYOND = Rect(384, 0, 96, 320)


def quiet(seed: int = 3):
    """A picture ``[3, 320, 480]`` with little contrast."""
    return texture(320, 480, seed=seed, noise=0.02) * 0.1 + 0.45


def joined(truth, generated):
    """What the tone match makes of the new area."""
    made, _ = measure(overlap(truth, Extents(right=96)), generated, "tone", 0, "off")
    return made(BEYOND)


def error_at(done, truth, distance: int):
    """Mean error of the column at ``distance`` from the border, in levels, worst channel."""
    return float(255 * (done - truth[:, :, 384:])[:, :, distance].mean(1).abs().max())


def test_a_halo_is_taken_back_from_the_first_pixel_on():
    truth = quiet()
    line = torch.tensor([8.0, -6.0, 4.0]).view(3, 1, 1) / 255 * torch.exp(-((torch.arange(96) / 6) ** 2))
    haloed = truth.clone()
    haloed[:, :, 384:] += line
    done = joined(truth, haloed)
    assert max(error_at(done, truth, d) for d in range(16)) < 2.5


@pytest.mark.parametrize("ramp", [1, 4, 8])
def test_a_change_of_colour_is_taken_back_where_it_sets_in(ramp):
    truth = quiet()
    changed = truth.clone()
    begins = ((torch.arange(96) + 1) / ramp).clamp_max(1)
    changed[:, :, 384:] += torch.tensor([7.0, -6.0, 5.0]).view(3, 1, 1) / 255 * begins
    done = joined(truth, changed)
    assert max(error_at(done, truth, d) for d in (0, 1, 2, 4, 8, 12)) < 3


def test_no_halo_is_seen_where_content_is_as_lively():
    picture = texture(400, 256, seed=1)
    departures, _ = halo.samples(picture, 192)
    share, added = halo.fit_halo(departures, torch.zeros(3, departures.shape[3]), torch.ones(departures.shape[3]))
    assert torch.equal(share, torch.ones(halo.REACH))
    assert added.abs().mean() < 2 / 255


def test_the_departure_ends_at_the_original_and_goes_round_its_corner():
    tone = Tone(torch.zeros(7, 3), torch.zeros(3), torch.ones(3))
    halved = torch.linspace(1, 0.1, halo.REACH)
    departure = halo.Departure(Rect(0, 40, 60, 60), tone, torch.ones(halo.REACH), halved.expand(3, -1))
    done = departure(torch.zeros(3, 100, 100), Rect(0, 0, 100, 100))[0]
    assert done[40:, :60].abs().max() == 0
    assert done[60, 60] == done[39, 30] == 1
    assert 0 < done[40 - 5, 60 + 4] < done[40 - 5, 30]
    assert done[60, 60 + halo.REACH + 2 :].abs().max() == 0


@pytest.mark.parametrize("place", [Rect(55, 20, 30, 30), Rect(0, 45, 20, 20), Rect(90, 0, 10, 10)])
def test_any_block_of_a_departure_equals_its_part_of_the_whole(place):
    g = torch.Generator().manual_seed(0)
    weights = 0.02 * torch.randn((7, 3), generator=g)
    departure = halo.Departure(
        Rect(0, 40, 60, 60),
        Tone(weights, torch.zeros(3), torch.ones(3)),
        torch.linspace(0, 1, halo.REACH),
        0.02 * torch.randn((3, halo.REACH), generator=g),
    )
    pixels = torch.rand((3, 100, 100), generator=g)
    whole = departure(pixels, Rect(0, 0, 100, 100))
    part = (slice(None), *place.slices)
    assert torch.allclose(departure(pixels[part], place), whole[part], atol=1e-6)


def test_a_profile_counts_by_its_certainty_and_a_huge_one_in_lively_content_hardly():
    def share(power, chance):
        """Of a halo that sets in at the border with ``power`` in content whose profiles have the power ``chance``."""
        profile = torch.zeros(3, halo.LEVEL + halo.REACH, dtype=torch.float64)
        profile[0, halo.LEVEL :] = power / 255 * torch.exp(-torch.arange(halo.REACH) / 3)
        content = torch.eye(halo.LEVEL + halo.REACH, dtype=torch.float64).expand(3, -1, -1) * (chance / 255) ** 2
        found = halo.expected(profile, content)[0, halo.LEVEL]
        return float(found / profile[0, halo.LEVEL])

    shares = [share(3.0, chance) for chance in (0.1, 0.5, 1.0, 3.0)]
    assert shares == sorted(shares, reverse=True)
    assert shares[0] > 0.95
    assert shares[-1] < 0.3
    assert share(9.0, 5.0) < 0.3
