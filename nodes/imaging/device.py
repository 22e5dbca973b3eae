"""Where the work is done."""

from __future__ import annotations

import torch


def working(device: torch.device) -> torch.device:
    """``device``, or the CPU where that knows no float64, which the fits need: Apple's MPS, some of Intel's GPUs.

    Not only the fits: a device that lacks it lacks other operations, too, and passing each to and fro costs more than
    the CPU does.
    """
    try:
        torch.ones(1, dtype=torch.float64, device=device).sqrt()
    except (TypeError, RuntimeError):
        return torch.device("cpu")
    return device
