"""One plain line: where the network is computed, whether it is ready, and about how long this scan will take."""

from __future__ import annotations

from typing import Any

import slicer
from slicer.i18n import tr as _

from ..progress import format_seconds

_SPEED = "KidneyTumorSeg/SecondsPerMegavoxel"
_DEVICE = "KidneyTumorSeg/Device"


def device_choice() -> str:
    """What the user of this computer chose: "auto", "cpu", "cuda" or "mps"."""
    return str(slicer.app.userSettings().value(_DEVICE, "auto"))


def remember_device(choice: str) -> None:
    """Keep the choice on this computer, for all scenes."""
    slicer.app.userSettings().setValue(_DEVICE, choice)


def remember_speed(volume_node: Any, device: str, quality: str, seconds: float) -> None:
    """Keep how long a run took, to tell about the next."""
    slicer.app.userSettings().setValue(_key(device, quality), seconds / _megavoxels(volume_node))


def state_line(runs_on: str | None, volume_node: Any, device: str, quality: str) -> str:
    """For the panel: "CPU, 8 threads: ready. About 15 s for this scan."

    Args:
        runs_on: what the computing process says of its device; None while it starts, empty if it cannot tell.
        volume_node: the chosen CT, or None.
        device, quality: the user's choices.
    """
    if not runs_on:
        return "" if runs_on is not None else _("Getting ready…")
    is_chosen = device == "auto" or runs_on.lower().startswith(device)
    ready = _("{device}: ready.").format(device=runs_on if is_chosen else device.upper())
    speed = slicer.app.userSettings().value(_key(device, quality))
    if volume_node is None or volume_node.GetImageData() is None or speed is None:
        return ready
    seconds = float(speed) * _megavoxels(volume_node)
    return ready + " " + _("About {time} for this scan.").format(time=format_seconds(max(seconds, 1.0)))


def _key(device: str, quality: str) -> str:
    return f"{_SPEED}/{device}/{quality}"


def _megavoxels(volume_node: Any) -> float:
    return max(volume_node.GetImageData().GetNumberOfPoints() / 1e6, 1e-3)
