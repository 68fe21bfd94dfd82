"""How many devices learn together: each graphics card in a process of its own, by Lightning's DDP.

The first process starts the others, which run the same command again. They learn as it does, but tell nobody, write
nothing, and end when the training ends: the rest is the first one's.
"""

from __future__ import annotations

import os

import torch
from lightning.pytorch.utilities import rank_zero_only

from ..errors import UsageError


def learning_devices(wanted: int | None) -> int:
    """How many devices to learn on.

    Args:
        wanted: graphics cards, or processes where there is none; None: all cards, or one process.

    Raises:
        UsageError: there are not so many.
    """
    cards = torch.cuda.device_count()
    there = cards or (1 if torch.backends.mps.is_available() else os.cpu_count() or 1)
    if wanted is not None and not 1 <= wanted <= there:
        kind = "graphics cards" if cards else "Apple GPU" if torch.backends.mps.is_available() else "processors"
        raise UsageError(f"--devices {wanted}: choose from 1 up to what this computer has ({kind}: {there}).")
    return wanted or cards or 1


def helps_another_process() -> bool:
    """Whether this process only learns together with a first one: Lightning knows, also where a cluster starts them."""
    return bool(getattr(rank_zero_only, "rank", 0))
