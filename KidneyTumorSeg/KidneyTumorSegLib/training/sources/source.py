"""One patient's images and labels as a data set delivers them."""

from __future__ import annotations

from dataclasses import dataclass

from ...volume import LabelMap, Volume
from ..channels import REGION_CHANNELS

REGION_IDS = frozenset(channel.id for channel in REGION_CHANNELS)
"""What every fully labeled KiTS case knows."""


@dataclass(frozen=True, eq=False)
class Source:
    """One patient's images and labels as they were delivered.

    Attributes:
        name: of the scan.
        patient: whom it belongs to; splits are by patient.
        kind: "abdomen", "kits-volume", "kits-slice" or "phantom".
        volume: CT.
        truth: reference labels on the CT's grid.
        known: ids of the channels that the labels speak of.
        floor_hu: values at or below it mean "at or below" (the source was cut off there).
    """

    name: str
    patient: str
    kind: str
    volume: Volume
    truth: LabelMap
    known: frozenset[str]
    floor_hu: float
