"""The one slice of a case that its picture shows: where reference and prediction disagree most."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..anatomy import KIDNEY, KIDNEY_AND_MASSES
from ..volume import LabelMap, Volume, canonical
from .crop import is_ours

_MARGIN_MM = 30.0


@dataclass(frozen=True, eq=False)
class Snapshot:
    """Part of an axial slice, the patient's right on the left, front on top.

    Attributes:
        reference, prediction: uint8 [row, column]; the prediction is empty if there is none.
        image: the scan's values there; None if it is not at hand.
        spacing_mm: of rows and columns.
        slice_number: canonical, from 1 (the lowest), and how many there are.
    """

    reference: npt.NDArray[np.uint8]
    prediction: npt.NDArray[np.uint8]
    image: npt.NDArray[Any] | None
    spacing_mm: tuple[float, float]
    slice_number: tuple[int, int]


def take_snapshot(
    reference: LabelMap,
    prediction: LabelMap | None,
    known: frozenset[str],
    scan: Volume | None,
    box: tuple[slice, slice, slice],
) -> Snapshot:
    """Cut out the slice with the most voxels on which both disagree.

    Args:
        reference: any orientation.
        prediction: on the same grid, or None.
        known: regions that the reference speaks of; if it does not know what lies in a kidney, all of it is kidney.
        scan: on the same grid, or None.
        box: of the voxels that hold labels, in the stored order.
    """
    upright, order = canonical(Volume(reference.labels, reference.grid))
    only_kidneys = known <= {KIDNEY_AND_MASSES.id}
    true = _shown(reference.labels[box], only_kidneys)
    predicted = np.zeros_like(true) if prediction is None else _shown(prediction.labels[box], only_kidneys)
    up = order.axes[0]
    wrong = np.count_nonzero(true != predicted, axis=tuple(axis for axis in range(3) if axis != up))
    stored, count = box[up].start + int(wrong.argmax()), upright.grid.shape[0]
    worst = count - 1 - stored if 0 in order.flips else stored
    one = _shown(order.apply(reference.labels)[worst], only_kidneys)
    other = np.zeros_like(one) if prediction is None else _shown(order.apply(prediction.labels)[worst], only_kidneys)
    step_i, step_j, _ = upright.grid.spacing
    either = (one > 0) | (other > 0)
    rows, columns = _range(either.any(axis=1), _MARGIN_MM / step_j), _range(either.any(axis=0), _MARGIN_MM / step_i)
    has_scan = scan is not None and scan.grid.same_as(reference.grid)
    image = order.apply(scan.voxels)[worst, rows, columns].copy() if scan is not None and has_scan else None
    return Snapshot(one[rows, columns].copy(), other[rows, columns].copy(), image, (step_j, step_i), (worst + 1, count))


def _shown(labels: npt.NDArray[np.uint8], only_kidneys: bool) -> npt.NDArray[np.uint8]:
    ours = is_ours(labels)
    return ours * np.uint8(KIDNEY.value) if only_kidneys else labels * ours


def _range(used: Any, margin: float) -> slice:
    places = np.flatnonzero(used)
    if not places.size:
        return slice(0, used.size)
    return slice(max(0, int(places[0] - margin)), min(used.size, int(places[-1] + margin) + 1))
