"""What the user may choose for one run."""

from __future__ import annotations

from dataclasses import dataclass

DEFAULT_MODEL = "unet-resnet34"
QUALITIES = ("fast", "standard", "best")


@dataclass(frozen=True)
class Settings:
    """The choices of one run. The defaults are what a radiologist gets by clicking Segment."""

    model: str = DEFAULT_MODEL
    """Name of a bundled or user's model, or the path of a model folder."""
    quality: str = "standard"
    """`fast` skips every second thin slice, `best` averages with the mirrored image."""
    device: str = "auto"
    """`auto`, `cpu`, `cuda`, `cuda:N` or `mps`."""
    box_mm: tuple[float, float, float, float, float, float] | None = None
    """Search here: (L0, L1, P0, P1, S0, S1) in mm, LPS world, and farther only where a kidney or mass goes on.
    None: the kidneys are located first."""
