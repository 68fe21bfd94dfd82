"""One patient's images and labels as a data set delivers them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from ...volume import LabelMap, Volume
from ..channels import ORGAN_CHANNELS, REGION_CHANNELS

Kind = Literal["abdomen", "kits-volume", "kits-slice", "phantom", "synthetic"]
"""Decides a source's share of the crops (a recipe's `mix`).

- "kits-volume": scans of KiTS patients, who all have a tumor, whole or in part, from packs or KiTS folders.
- "kits-slice": single slices of KiTS patients.
- "abdomen": every other scan, the user's own with lesions included.
- "phantom": synthetic; never counted as a patient.
- "synthetic": a scan with synthetic lesions, to measure with; never learned from.
"""

REGION_IDS = frozenset(channel.id for channel in REGION_CHANNELS)
"""What every fully labeled KiTS case knows."""

LABEL_VALUES = frozenset({0, 1, 2, 3, *range(10, 22)})
"""Values of our own label maps: background, kidney, tumor, cyst; organs as in `channels` (12 esophagus and
21 duodenum teach nothing)."""

AIR_HU = -1024.0
"""The floor of a scan that was not cut off: nothing in or around a body is below it."""


@dataclass(frozen=True, eq=False)
class Source:
    """One patient's images and labels as they were delivered.

    Attributes:
        name: of the scan.
        patient: whom it belongs to; splits are by patient.
        kind: see `Kind`.
        volume: CT.
        truth: reference labels on the CT's grid, in our values (`LABEL_VALUES`).
        known: ids of the channels that the labels speak of.
        floor_hu: values at or below it mean "at or below" (the source was cut off there).
        ceiling_hu: values at or above it mean "at or above"; infinite if the source was not cut off.
    """

    name: str
    patient: str
    kind: Kind
    volume: Volume
    truth: LabelMap
    known: frozenset[str]
    floor_hu: float
    ceiling_hu: float = math.inf


def organs_in(values: frozenset[int]) -> frozenset[str]:
    """Ids of the organ channels of which a label map has at least one voxel: it is taken to have drawn them whole."""
    return frozenset(channel.id for channel in ORGAN_CHANNELS if channel.labels & values)
