"""Content fill by the optional library pypatchmatch (MIT; wheels for Python 3.11 and later)."""

from __future__ import annotations

from math import ceil

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import InputError
from .canvas import Extents

# The library's cost grows with the area: 5 s at 1280 pixels, 18 s at 2560 (two CPU cores).
_WORKING_SIDE = 1600
_PATCH_RADIUS = 3


def fill_library(image: Tensor, extents: Extents, seed: int, known: Tensor | None = None) -> Tensor:
    """Continue a picture by PatchMatch. Large canvases are filled at 1600 pixels a side and enlarged.

    Args:
        image: ``[3, H, W]`` float in 0..1.
        known: ``[H, W]`` bool, false in holes that are filled as well; ``None`` = there are none.

    Returns:
        ``[3, H + up + down, W + left + right]`` on the image's device.

    Raises:
        InputError: the library is not installed.
    """
    try:
        import patchmatch
    except ImportError as error:
        raise InputError(
            "The fill 'patchmatch' needs the library pypatchmatch, which is not installed.",
            "Install it (pip install pypatchmatch, Python 3.11 or later), or use the fill 'content'.",
        ) from error
    height, width = image.shape[-2:]
    given = image.new_ones(1, 1, height, width) if known is None else known[None, None].to(image)
    padded = F.pad(image * given, (extents.left, extents.right, extents.up, extents.down))
    known = F.pad(given, (extents.left, extents.right, extents.up, extents.down))
    size = tuple(padded.shape[-2:])
    shrink = max(1.0, max(size) / _WORKING_SIDE)
    working = tuple(ceil(side / shrink) for side in size)
    share = F.interpolate(known, size=working, mode="area")
    small = F.interpolate(padded, size=working, mode="area") / share.clamp_min(1e-6)
    # Cells that are only partly original still hold its colours; where nothing else exists they are the only source.
    hole = share[0, 0] < (0.999 if bool((share >= 0.999).any()) else 1e-6)
    pixels = small[0].movedim(0, -1).mul(255).round().clamp(0, 255).byte().cpu().numpy()
    patchmatch.set_random_seed(seed)
    filled = patchmatch.inpaint(
        np.ascontiguousarray(pixels), hole.cpu().numpy().astype(np.uint8) * 255, patch_size=_PATCH_RADIUS
    )
    result = torch.from_numpy(filled).to(image).div(255).movedim(-1, 0)[None]
    return F.interpolate(result, size=size, mode="bicubic", antialias=False)[0] if shrink > 1 else result[0]
