"""Which lesions were found: connected components, matched one to one.

Components touch by faces, edges or corners (26 neighbors). Components below 30 mm3 count on neither side: a tenth of
the annotated cyst components of KiTS23 is smaller, and noise is. Each class is matched on its own, the pair with the
highest intersection over union (IoU) first; a lesion is found with an IoU above 0.1 (MetricsReloaded, Maier-Hein et
al. 2024, advises so for lesions near the resolution), strictly found above 0.5. What is left over is then matched
across the classes, so that a tumor called a cyst is told from one that was overlooked.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from ..anatomy import LESIONS
from .crop import label_box

MIN_MM3 = 30.0
FOUND_IOU, STRICTLY_FOUND_IOU = 0.1, 0.5
SIZES = ("<1 cm", "1-2 cm", "2-4 cm", "4-7 cm", ">7 cm")
"""By the diameter of a ball of the lesion's volume; 4 cm counts as 2-4 cm, as in TNM."""
_EDGES_MM = (10.0, 20.0, 40.0, 70.0)

REFERENCE, PREDICTION = "reference", "prediction"
FOUND, OTHER_CLASS, MISSED = "found", "other class", "missed"
TRUE, FALSE, TOO_SMALL = "true", "false", "on a lesion too small to count"

Labels = npt.NDArray[np.uint8]
_TOUCHING = np.ones((3, 3, 3), bool)


@dataclass(frozen=True)
class Lesion:
    """One lesion of the reference, or one that was predicted.

    Attributes:
        of: "reference" or "prediction".
        kind: "tumor" or "cyst".
        number: within this scan, side and kind, from 1.
        volume_ml: counted in voxels.
        outcome: of a reference lesion "found", "other class" or "missed"; of a predicted one "true", "other class",
            "false", or "on a lesion too small to count" (which counts for nothing).
        iou: with its partner; 0 without one.
    """

    of: str
    kind: str
    number: int
    volume_ml: float
    outcome: str
    iou: float

    @property
    def diameter_mm(self) -> float:
        """Of a ball of this volume, mm."""
        return float(np.cbrt(6.0 * self.volume_ml * 1000.0 / np.pi))

    @property
    def size(self) -> str:
        """One of `SIZES`."""
        diameter = self.diameter_mm
        if diameter < _EDGES_MM[0]:
            return SIZES[0]
        return SIZES[1 + sum(diameter > edge for edge in _EDGES_MM[1:])]


@dataclass(eq=False)
class _Side:
    """The components of one class on one side, while they are matched.

    Attributes:
        ids: component numbers from 1, [k, j, i].
        voxels: by number, from index 1.
        counts: whether the component is large enough.
        partner: outcome and IoU by number, once matched.
    """

    ids: npt.NDArray[np.int32]
    voxels: npt.NDArray[np.int64]
    counts: npt.NDArray[np.bool_]
    partner: dict[int, tuple[str, float]]

    @classmethod
    def of(cls, labels: Labels, value: int, least_voxels: float) -> _Side:
        ids, count = ndimage.label(labels == value, _TOUCHING)
        voxels = np.bincount(ids[ids > 0], minlength=count + 1)
        return cls(ids, voxels, (voxels >= least_voxels) & (voxels > 0), {})

    def lesions(self, of: str, kind: str, voxel_ml: float, alone: str) -> list[Lesion]:
        found = []
        for number, component in enumerate(np.flatnonzero(self.counts), start=1):
            outcome, iou = self.partner.get(int(component), (alone, 0.0))
            found.append(Lesion(of, kind, number, float(self.voxels[component]) * voxel_ml, outcome, iou))
        return found


def detect(reference: Labels, prediction: Labels, voxel_ml: float) -> tuple[Lesion, ...]:
    """List the lesions of both label maps, with what became of them.

    Args:
        reference: uint8 [k, j, i], values of `anatomy`.
        prediction: the same shape.
        voxel_ml: volume of a voxel, mL.
    """
    kinds = [structure.value for structure in LESIONS]
    box = label_box(reference * np.isin(reference, kinds), prediction * np.isin(prediction, kinds))
    reference, prediction = reference[box], prediction[box]
    least = MIN_MM3 / 1000.0 / voxel_ml - 1e-6  # the tolerance keeps a component of exactly the least volume
    sides = {
        structure.name: (
            _Side.of(reference, structure.value, least),
            _Side.of(prediction, structure.value, least),
        )
        for structure in LESIONS
    }
    for true, predicted in sides.values():
        _match(true, predicted, FOUND, TRUE)
    tumors, cysts = (sides[structure.name] for structure in LESIONS)
    _match(tumors[0], cysts[1], OTHER_CLASS, OTHER_CLASS)
    _match(cysts[0], tumors[1], OTHER_CLASS, OTHER_CLASS)
    for true, predicted in sides.values():
        _match(true, predicted, "", TOO_SMALL, among_small=True)
    lesions: list[Lesion] = []
    for kind, (true, predicted) in sides.items():
        lesions += true.lesions(REFERENCE, kind, voxel_ml, MISSED)
        lesions += predicted.lesions(PREDICTION, kind, voxel_ml, FALSE)
    return tuple(lesions)


def _match(true: _Side, predicted: _Side, outcome: str, predicted_outcome: str, among_small: bool = False) -> None:
    """Pair what has no partner yet, the highest IoU first, one to one."""
    both = (true.ids > 0) & (predicted.ids > 0)
    if not both.any():
        return
    width = len(predicted.voxels)
    codes, shared = np.unique(true.ids[both].astype(np.int64) * width + predicted.ids[both], return_counts=True)
    pairs = []
    for code, overlap in zip(codes, shared, strict=True):
        one, other = divmod(int(code), width)
        iou = overlap / (true.voxels[one] + predicted.voxels[other] - overlap)
        if true.counts[one] != among_small and predicted.counts[other] and iou > FOUND_IOU:
            pairs.append((-float(iou), one, other))
    for minus_iou, one, other in sorted(pairs):
        if one not in true.partner and other not in predicted.partner:
            true.partner[one] = (outcome, -minus_iou)
            predicted.partner[other] = (predicted_outcome, -minus_iou)
