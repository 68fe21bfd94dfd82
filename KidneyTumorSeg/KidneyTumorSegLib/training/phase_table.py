"""How bright tissue is in each phase after contrast agent, as ranges over adults.

Corticomedullary: 25-70 s after the injection; nephrographic: 80-120 s; excretory: from 180 s on. Without contrast
agent the kidney has 30-50 HU. Tumors: Young et al., Radiology 2013;267:444 (clear cell, papillary, chromophobe,
oncocytoma). The organs: usual values of arterial, portal venous and late scans.
"""

from __future__ import annotations

from enum import Enum


class Phase(Enum):
    """Of contrast agent in the kidneys."""

    NON_CONTRAST = "non-contrast"
    CORTICOMEDULLARY = "corticomedullary"
    NEPHROGRAPHIC = "nephrographic"
    EXCRETORY = "excretory"


Range = tuple[float, float]
_ORDER = tuple(Phase)


def _by_phase(*ranges: Range) -> dict[Phase, Range]:
    return dict(zip(_ORDER, ranges, strict=True))


CORTEX_HU = _by_phase((26, 42), (145, 225), (125, 205), (90, 140))
GAP_HU = _by_phase((-3, 3), (45, 120), (-5, 14), (-12, 5))
"""Cortex minus medulla."""

ORGAN_HU: dict[int, dict[Phase, Range]] = {
    10: _by_phase((40, 55), (95, 150), (105, 140), (85, 105)),  # spleen
    13: _by_phase((45, 65), (60, 90), (95, 125), (80, 105)),  # liver
    14: _by_phase((30, 45), (45, 80), (60, 90), (50, 75)),  # wall and content of the stomach
    15: _by_phase((35, 50), (180, 340), (130, 185), (90, 130)),  # aorta
    16: _by_phase((35, 50), (60, 140), (120, 170), (90, 125)),  # inferior vena cava
    17: _by_phase((35, 50), (80, 170), (140, 190), (90, 125)),  # portal and splenic vein
    18: _by_phase((30, 48), (80, 120), (80, 110), (60, 85)),  # pancreas
    19: _by_phase((15, 38), (60, 110), (65, 100), (45, 70)),  # right adrenal
    20: _by_phase((15, 38), (60, 110), (65, 100), (45, 70)),  # left adrenal
}
"""By label value; gallbladder and cysts do not enhance."""

VESSEL_HU = _by_phase((38, 46), (150, 260), (125, 175), (90, 125))
"""Vessels that are not labeled, and what else enhances as blood does."""

TUMOR_HU: tuple[dict[Phase, Range], ...] = (
    _by_phase((27, 42), (110, 175), (95, 150), (70, 98)),  # clear cell
    _by_phase((27, 42), (42, 75), (50, 85), (50, 75)),  # papillary
    _by_phase((27, 42), (60, 95), (65, 95), (55, 75)),  # chromophobe
    _by_phase((27, 42), (90, 150), (110, 140), (70, 90)),  # oncocytoma
)
URINE_HU: Range = (180, 900)
"""In the collecting system, excretory."""
