"""Which device computes, and whether training gains by half precision there: measured, never taken from a name."""

from __future__ import annotations

import os
import time
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from ..errors import EnvironmentProblem, UsageError

if TYPE_CHECKING:
    import torch


def devices() -> tuple[str, ...]:
    """All devices that torch offers here, the best first: `cuda:0`, ..., `mps`, `cpu`."""
    torch = import_torch()
    found = [f"cuda:{n}" for n in range(torch.cuda.device_count())] if torch.cuda.is_available() else []
    if torch.backends.mps.is_available():
        found.append("mps")
    return (*found, "cpu")


def choose_device(choice: str) -> torch.device:
    """The device for a user's choice.

    Args:
        choice: `auto` (the best there is), `cpu`, `cuda`, `cuda:N` or `mps`.

    Raises:
        UsageError: no such word.
        EnvironmentProblem: the device is not there.
    """
    offered = devices()
    if choice == "auto":
        return _device(offered[0])
    wanted = "cuda:0" if choice == "cuda" else choice
    if wanted.split(":")[0] not in ("cpu", "cuda", "mps"):
        raise UsageError(f"The device '{choice}' is not known. Choose auto, cpu, cuda, cuda:N or mps.")
    if wanted not in offered:
        raise EnvironmentProblem(
            f"The device '{choice}' is not available on this computer (there is {', '.join(offered)}). "
            "Choose auto or cpu."
        )
    return _device(wanted)


def _device(name: str) -> torch.device:
    import torch

    return torch.device(name)


def describe_device(choice: str) -> str:
    """One line for people: "NVIDIA H200, 130 GB free" or "CPU, 8 threads"."""
    torch = import_torch()
    device = choose_device(choice)
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return f"{torch.cuda.get_device_name(device)}, {free / 1e9:.0f} GB free"
    if device.type == "mps":
        return "Apple GPU (MPS)"
    threads = torch.get_num_threads()
    return f"CPU, {threads} thread{'' if threads == 1 else 's'}"


def import_torch() -> Any:
    """Torch, or a sentence that says how to get it.

    Raises:
        EnvironmentProblem: it is not installed or does not load.
    """
    try:
        import torch
    except (ImportError, OSError) as error:
        raise EnvironmentProblem(
            f"PyTorch is not installed or does not load ({error}). In Slicer, install the PyTorch extension; "
            "elsewhere, run: python3 headless.py doctor."
        ) from error
    return torch


@lru_cache
def half_type(device: torch.device) -> torch.dtype | None:
    """The half-precision type for training that is at least a quarter faster here, or None. Not for inference."""
    import torch

    if device.type == "cuda":
        half: torch.dtype = torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
        return half
    if device.type != "cpu":
        return None
    seconds = {kind: _convolution_seconds(kind) for kind in (torch.float32, torch.bfloat16)}
    return torch.bfloat16 if seconds[torch.bfloat16] < 0.8 * seconds[torch.float32] else None


def _convolution_seconds(kind: torch.dtype) -> float:
    """Best of three small convolutions; a CPU without bf16 hardware is so slow at it that one is enough to see."""
    import torch
    import torch.nn.functional as functional

    image = torch.zeros(1, 64, 48, 48, dtype=kind).contiguous(memory_format=torch.channels_last)
    kernel = torch.zeros(64, 64, 3, 3, dtype=kind).contiguous(memory_format=torch.channels_last)
    best = float("inf")
    with torch.inference_mode():
        functional.conv2d(image, kernel, padding=1)
        for _ in range(3):
            start = time.perf_counter()
            functional.conv2d(image, kernel, padding=1)
            best = min(best, time.perf_counter() - start)
    return best


def physical_threads() -> int:
    """How many threads to compute with on a CPU: what OMP_NUM_THREADS says, else what the process may use."""
    if (wanted := os.environ.get("OMP_NUM_THREADS", "")).isdigit():
        return max(1, int(wanted))
    try:
        return max(1, len(os.sched_getaffinity(0)))
    except AttributeError:  # Windows and macOS do not tell
        return max(1, os.cpu_count() or 1)
