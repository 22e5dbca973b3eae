"""Where the work is done."""

from __future__ import annotations

import torch


def working(device: torch.device) -> torch.device:
    """``device``, or the CPU where that knows no float64, which the fits need: Apple's MPS, some of Intel's GPUs.

    All of the work, not the fits alone: such devices lack other operations, too, and some give wrong results without a
    word (sorting what is not contiguous: https://github.com/pytorch/pytorch/issues/175187).
    """
    try:
        torch.ones(1, dtype=torch.float64, device=device).sqrt()
    except (TypeError, RuntimeError):
        return torch.device("cpu")
    return device
