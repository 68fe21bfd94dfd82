"""Overlap of two label maps: the Dice coefficient with the rules of KiTS21 and KiTS23.

Dice = 2 |A and B| / (|A| + |B|). Both masks empty: 1. Exactly one empty: 0. (KiTS23 evaluation code, v0.1.4.)
KiTS scores nested regions (kidney and masses, masses, tumor), not single labels; both are given here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..anatomy import REGIONS, STRUCTURES
from ..errors import InputError
from ..volume import Grid, LabelMap

BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Overlap:
    """How well one region or one label agrees.

    Attributes:
        id: of the region or structure, as in `anatomy`.
        dice: 0..1.
        reference_ml: volume in the reference, mL.
        prediction_ml: volume in the prediction, mL.
    """

    id: str
    dice: float
    reference_ml: float
    prediction_ml: float


@dataclass(frozen=True)
class Scores:
    """All overlaps of one case.

    Attributes:
        regions: the nested regions, in the order of KiTS.
        labels: the single labels, in the order of `anatomy.STRUCTURES`.
    """

    regions: tuple[Overlap, ...]
    labels: tuple[Overlap, ...]

    @property
    def mean_region_dice(self) -> float:
        """The mean Dice over the nested regions: what KiTS23 ranks by, for one case."""
        return sum(overlap.dice for overlap in self.regions) / len(self.regions)

    def region(self, id_: str) -> Overlap:
        """The overlap of one nested region; KeyError if there is none of this id."""
        return _find(self.regions, id_)

    def label(self, id_: str) -> Overlap:
        """The overlap of one label; KeyError if there is none of this id."""
        return _find(self.labels, id_)


def dice(reference: BoolArray, prediction: BoolArray) -> float:
    """Dice coefficient of two masks, 0..1.

    Args:
        reference: bool, any shape.
        prediction: bool, the same shape.

    Raises:
        ValueError: the shapes differ, or an array is not bool (a label array would be counted wrongly).
    """
    reference, prediction = np.asarray(reference), np.asarray(prediction)
    if reference.dtype != np.bool_ or prediction.dtype != np.bool_:
        raise ValueError(f"Dice needs two bool arrays, these are {reference.dtype} and {prediction.dtype}.")
    if reference.shape != prediction.shape:
        raise ValueError(f"Dice needs two arrays of one shape, these have {reference.shape} and {prediction.shape}.")
    both = int(np.count_nonzero(reference & prediction))
    return dice_of_counts(both, int(np.count_nonzero(reference)), int(np.count_nonzero(prediction)))


def score(reference: LabelMap, prediction: LabelMap) -> Scores:
    """Score a prediction against a reference on the same grid.

    Values that are no structure's (organs in a research label map) count as background.

    Raises:
        InputError: the two lie on different grids; overlap of voxels would say nothing then.
    """
    refuse_different_grids(reference.grid, prediction.grid)
    pairs = _count_pairs(reference.labels, prediction.labels)
    voxel_ml = reference.grid.voxel_volume_ml

    def overlap(id_: str, values: frozenset[int]) -> Overlap:
        chosen = sorted(values)
        both = int(pairs[np.ix_(chosen, chosen)].sum())
        in_reference, in_prediction = int(pairs[chosen].sum()), int(pairs[:, chosen].sum())
        return Overlap(
            id_, dice_of_counts(both, in_reference, in_prediction), in_reference * voxel_ml, in_prediction * voxel_ml
        )

    return Scores(
        regions=tuple(overlap(region.id, region.labels) for region in REGIONS),
        labels=tuple(overlap(structure.id, frozenset({structure.value})) for structure in STRUCTURES),
    )


def _count_pairs(reference: npt.NDArray[np.uint8], prediction: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
    """How many voxels have each pair of values, [reference, prediction], slice by slice to spare memory."""
    pairs = np.zeros((256, 256), np.int64)
    for one, other in zip(reference, prediction, strict=True):
        if one.any() or other.any():
            codes = one.astype(np.uint16) * 256 + other
            pairs += np.bincount(codes.ravel(), minlength=256 * 256).reshape(256, 256)
    pairs[0, 0] = 0  # background that both agree on was not counted in empty slices, and enters no score
    return pairs


def dice_of_counts(both: int, in_reference: int, in_prediction: int) -> float:
    """Dice from voxel counts: in both, in the reference, in the prediction."""
    total = in_reference + in_prediction
    return 1.0 if total == 0 else 2.0 * both / total


def refuse_different_grids(reference: Grid, prediction: Grid, name: str = "") -> None:
    """Check that two label maps can be compared voxel by voxel.

    Args:
        reference: grid of the one.
        prediction: grid of the other.
        name: of the case, for the sentence.

    Raises:
        InputError: shape, spacing, origin or direction differ.
    """
    if reference.same_as(prediction):
        return
    if reference.shape != prediction.shape:
        detail = f"{_size(reference)} voxels against {_size(prediction)}"
    else:
        detail = "the same number of voxels, but another spacing, origin or direction"
    of_case = f" of {name}" if name else ""
    raise InputError(
        f"The reference and the prediction{of_case} lie on different grids ({detail}), so they cannot be scored. "
        "Write the prediction on the CT's own grid, or resample it to the reference first."
    )


def _size(grid: Grid) -> str:
    return " x ".join(str(n) for n in grid.shape[::-1])


def _find(overlaps: tuple[Overlap, ...], id_: str) -> Overlap:
    for overlap in overlaps:
        if overlap.id == id_:
            return overlap
    raise KeyError(id_)
