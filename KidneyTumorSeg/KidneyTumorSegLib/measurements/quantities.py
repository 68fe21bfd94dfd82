"""What is measured, as frozen values with their units, and the one line that sums it up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Side = Literal["left", "right"]
"""Of the patient, not of the picture."""

SIDES: tuple[Side, Side] = ("left", "right")

World = tuple[float, float, float]
"""A position in LPS, mm."""


@dataclass(frozen=True)
class Quantity:
    """One number with its unit.

    Attributes:
        key: stable name for programs; ends in its unit (`kidney_volume_ml`).
        title: plain words for people.
        value: None if it cannot be told; never 0 for that.
        unit: as printed ("mL", "mm").
        reason: why there is no value; empty if there is one.
    """

    key: str
    title: str
    value: float | None
    unit: str
    reason: str = ""

    def __str__(self) -> str:
        """As people read it: "Left kidney volume: 183 mL"."""
        if self.value is None:
            return f"{self.title}: not known. {self.reason}"
        return f"{self.title}: {format_value(self.value)} {self.unit}"


@dataclass(frozen=True)
class Kidney:
    """One kidney.

    Attributes:
        side: of the patient.
        volume_ml: of the kidney label alone (parenchyma), without tumors and cysts.
        center_lps: a voxel center inside it, nearest to its centroid; LPS, mm.
    """

    side: Side
    volume_ml: float
    center_lps: World


@dataclass(frozen=True)
class Lesion:
    """One tumor or cyst: a connected body of one label.

    Attributes:
        kind: "tumor" or "cyst" (the structure's ID).
        side: of the kidney that it belongs to.
        number: 1, 2, ... within its kind and side, the largest first.
        volume_ml: counted in voxels.
        diameter_mm: longest diameter in the axial plane (or the array plane nearest to it).
        center_lps: a voxel center inside it, nearest to its centroid; LPS, mm.
    """

    kind: Literal["tumor", "cyst"]
    side: Side
    number: int
    volume_ml: float
    diameter_mm: float
    center_lps: World

    @property
    def title(self) -> str:
        """How a picture or a table calls it: "Tumor 1 left"."""
        return f"{self.kind.capitalize()} {self.number} {self.side}"


@dataclass(frozen=True)
class Measurements:
    """All that was measured on one label map.

    Attributes:
        quantities: volumes of each label, whole and by side, and the largest diameters.
        kidneys: left before right; those that were found.
        lesions: tumors before cysts, left before right, the largest first.
        sides_note: one sentence: what left and right were told by.
        sides_sure: False: left and right may be the wrong way round; the user must be told `sides_note`.
        midline_l_mm: world L of the patient's midline as it was taken, mm; the sides can be told again by it.
    """

    quantities: tuple[Quantity, ...]
    kidneys: tuple[Kidney, ...]
    lesions: tuple[Lesion, ...]
    sides_note: str = ""
    sides_sure: bool = True
    midline_l_mm: float = 0.0

    def quantity(self, key: str) -> Quantity:
        """The quantity of this key.

        Raises:
            KeyError: there is none.
        """
        for quantity in self.quantities:
            if quantity.key == key:
                return quantity
        raise KeyError(key)


def headline(measurements: Measurements) -> str:
    """The result in one line: "2 kidneys, 1 tumor 38 mm left, 2 cysts".

    The other states: "No kidney found" and "2 kidneys, no tumor and no cyst found".
    """
    kidneys, lesions = measurements.kidneys, measurements.lesions
    if len(kidneys) == 1:
        parts = [f"1 kidney ({kidneys[0].side})"]
    else:
        parts = [f"{len(kidneys)} kidneys" if kidneys else "No kidney found"]
    tumors = [lesion for lesion in lesions if lesion.kind == "tumor"]
    cysts = [lesion for lesion in lesions if lesion.kind == "cyst"]
    if tumors:
        parts.append(_tumors(tumors))
    if cysts:
        parts.append(f"{len(cysts)} cyst{'s' if len(cysts) > 1 else ''}")
    if kidneys and not lesions:
        parts.append("no tumor and no cyst found")
    return ", ".join(parts)


def format_value(value: float) -> str:
    """As a reader needs it: whole numbers from 10 on, one decimal below, two below 1."""
    if value == 0 or round(value, 1) >= 10:
        return f"{value:.0f}"
    return f"{value:.1f}" if round(value, 2) >= 1 else f"{value:.2f}"


def _tumors(tumors: Sequence[Lesion]) -> str:
    largest = max(tumors, key=lambda tumor: tumor.diameter_mm)
    if len(tumors) == 1:
        return f"1 tumor {format_value(largest.diameter_mm)} mm {largest.side}"
    return f"{len(tumors)} tumors (largest {format_value(largest.diameter_mm)} mm {largest.side})"
