"""Where the content fill goes on in one flat colour: product shots on white, charts, letterboxes, clipped skies.

Pieces of the picture are no help there: the smaller the picture is made, the fewer of them are flat.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .canvas import Extents

# So many pixels deep the border must be flat: thinner is a line along it.
_DEPTH = 4
# No colour is a side's if so much of it has others.
_OTHERS = 0.5
# What differs less is the same colour: half a level of 255.
_SAME = 0.5 / 255
# The border must be flat this many pixels to either side for each pixel of distance from it.
_SPREAD = 0.5


def fill_flat(image: Tensor, extents: Extents, canvas: Tensor) -> None:
    """Give new pixels the colour of the border beside them, where that is flat far along for their distance from it.

    Args:
        image: ``[3, H, W]``.
        canvas: ``[3, H + up + down, W + left + right]``, changed in place.
    """
    (height, width), e = image.shape[1:], extents
    y, x = (
        torch.arange(-before, side + after, device=image.device)
        for before, side, after in ((e.up, height, e.down), (e.left, width, e.right))
    )
    near_y, near_x = y.clamp(0, height - 1), x.clamp(0, width - 1)
    distance = torch.hypot((y - near_y)[:, None].float(), (x - near_x).float())
    flat = (distance > 0) & (_reaches(image, extents)[near_y[:, None], near_x] > _SPREAD * distance)
    row, column = flat.nonzero(as_tuple=True)
    canvas[:, row, column] = image[:, near_y[row], near_x[column]]


def _reaches(image: Tensor, extents: Extents) -> Tensor:
    """``[H, W]``, at each pixel of a side that is extended: how far along the border, both ways, there is nothing but
    the side's colour. Where the next side is not extended, nothing ends it."""
    height, width = image.shape[1:]
    number = torch.arange(height * width, device=image.device).view(height, width)
    # Clockwise: each side, its border as the first row, begins where the one before it ends.
    sides = (
        (extents.left, image.transpose(1, 2).flip(2), number[:, 0].flip(0)),
        (extents.up, image, number[0]),
        (extents.right, image.flip(2).transpose(1, 2), number[:, -1]),
        (extents.down, image.flip(1, 2), number[-1].flip(0)),
    )
    start = next((i for i, (extent, _, _) in enumerate(sides) if not extent), 0)
    chains: list[list[tuple[Tensor, Tensor, Tensor]]] = [[]]
    for extent, view, place in sides[start:] + sides[:start]:
        if extent:
            # The colour that most of a side has is background; what has another stands before it.
            usual = view[:, 0].median(1).values
            other = (view[:, :_DEPTH] - usual[:, None, None]).abs().amax((0, 1)) > _SAME
            other |= other.float().mean() >= _OTHERS
            chains[-1].append((other, view[:, 0], place))
        else:
            chains.append([])
    reach = image.new_full((height * width,), torch.inf)
    for chain in filter(None, chains):
        other, color, place = (torch.cat(parts, -1) for parts in zip(*chain, strict=True))
        differs = (color - color.roll(1, 1)).abs().amax(0) > _SAME
        closed = len(chain) == len(sides)
        differs[0] &= closed
        reach.scatter_reduce_(0, place, _clear(other | differs, closed), "amin")
    return reach.view(height, width)


def _clear(stop: Tensor, closed: bool) -> Tensor:
    """How far ``[n]`` each place of a line, or of a ``closed`` curve, is from the nearest ``stop`` ``[n]``."""
    count = len(stop)
    stop = stop.repeat(3) if closed else stop
    place = torch.arange(len(stop), device=stop.device, dtype=torch.float32)
    before = torch.where(stop, place, -torch.inf).cummax(0).values
    after = torch.where(stop, place, torch.inf).flip(0).cummin(0).values.flip(0)
    clear = torch.minimum(place - before, after - place)
    return clear[count : 2 * count] if closed else clear
