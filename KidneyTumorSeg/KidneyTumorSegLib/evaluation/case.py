"""One case: reference and prediction in, all figures of it out.

What KiTS23 scores is scored as it does (evaluation code v0.1.4 of github.com/neheller/kits23): the nested regions in
its order, Dice and surface Dice at its tolerances, both masks empty 1, exactly one empty 0. Its own checks of shape
and spacing never fire and a missing case costs nothing there; here different grids are refused, and a case without a
prediction scores 0. The cyst alone is scored too, which KiTS23 does not do.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from ..anatomy import CYST, KIDNEY_AND_MASSES, MASSES, REGIONS, TUMOR_REGION
from ..volume import LabelMap, Volume
from .crop import is_ours, label_box, slice_count
from .lesions import Lesion, detect
from .overlap import dice_of_counts, refuse_different_grids
from .snapshot import Snapshot, take_snapshot
from .surface import surface_distances

Labels = npt.NDArray[np.uint8]

ALL_KNOWN = frozenset(region.id for region in REGIONS)


@dataclass(frozen=True)
class Target:
    """What is scored.

    Attributes:
        id: as in `anatomy`.
        title: for people.
        labels: whose union it is.
        tolerance_mm: of the surface Dice, as KiTS23 has it; None where it has none.
        kits_name: in KiTS23's table; empty where it has none.
        needs: regions that a reference must know for it.
    """

    id: str
    title: str
    labels: frozenset[int]
    tolerance_mm: float | None
    kits_name: str
    needs: frozenset[str]


def _region(id_: str, title: str, tolerance_mm: float, kits_name: str) -> Target:
    labels = next(region.labels for region in REGIONS if region.id == id_)
    return Target(id_, title, labels, tolerance_mm, kits_name, frozenset({id_}))


TARGETS = (
    _region(KIDNEY_AND_MASSES.id, "kidney with masses", 1.0330772532390826, "kidney"),
    _region(MASSES.id, "masses", 1.1328796488598762, "masses"),
    _region(TUMOR_REGION.id, "tumor", 1.1498198361434828, "tumor"),
    Target(CYST.id, "cyst", frozenset({CYST.value}), None, "", frozenset({MASSES.id, TUMOR_REGION.id})),
)
"""KiTS23's regions in its order, and the cyst."""

NO_TOLERANCE = "KiTS23 has no tolerance for the surface Dice of cysts"
ONE_SLICE = "a single slice has no surface"
UNKNOWN = "the reference does not say"


@dataclass(frozen=True)
class TargetScore:
    """Figures of one target in one case. None: not defined, and `reason` says why.

    Attributes:
        id: of the target.
        dice, iou, surface_dice: 0..1.
        hd95_mm: see `SurfaceDistances.hausdorff_mm`.
        asd_mm, assd_mm: see `SurfaceDistances`.
        reference_ml, prediction_ml: volumes, mL.
    """

    id: str
    dice: float | None = None
    iou: float | None = None
    surface_dice: float | None = None
    hd95_mm: float | None = None
    asd_mm: float | None = None
    assd_mm: float | None = None
    reference_ml: float | None = None
    prediction_ml: float | None = None
    reason: str = ""

    @property
    def volume_error_ml(self) -> float | None:
        """Prediction minus reference, mL."""
        if self.reference_ml is None or self.prediction_ml is None:
            return None
        return self.prediction_ml - self.reference_ml

    @property
    def volume_error_share(self) -> float | None:
        """The same as a share of the reference; None where that is empty."""
        error = self.volume_error_ml
        return None if error is None or not self.reference_ml else error / self.reference_ml


@dataclass(frozen=True)
class CaseScore:
    """All figures of one case.

    Attributes:
        name: of the case.
        patient: intervals are computed by patient.
        kind: what sort of data it is; tables are made for each.
        slices: how many the scan has; with one, nothing is measured that needs three dimensions.
        failure: why there is no prediction; empty if there is one.
        targets: in the order of `TARGETS`.
        lesions: of reference and prediction; empty where the reference does not know them, or on a single slice.
        snapshot: for the picture; None if the case was read from a table.
    """

    name: str
    patient: str
    kind: str
    slices: int
    failure: str
    targets: tuple[TargetScore, ...]
    lesions: tuple[Lesion, ...] = ()
    snapshot: Snapshot | None = field(default=None, compare=False, repr=False)

    def target(self, id_: str) -> TargetScore:
        """The figures of one target; KeyError if there is none of this id."""
        for score in self.targets:
            if score.id == id_:
                return score
        raise KeyError(id_)

    @property
    def mean_dice(self) -> float:
        """Over those of KiTS23's regions that the reference knows."""
        known = [score.dice for score in self.targets if score.id in ALL_KNOWN and score.dice is not None]
        return sum(known) / len(known) if known else 0.0


def score_case(
    name: str,
    reference: LabelMap,
    prediction: LabelMap | None,
    *,
    patient: str = "",
    kind: str = "",
    known: frozenset[str] = ALL_KNOWN,
    failure: str = "",
    scan: Volume | None = None,
) -> CaseScore:
    """Score one case.

    Args:
        name: of the case.
        reference: labels of `anatomy`; other values count as background.
        prediction: on the same grid; None if there is none: the case scores 0.
        patient: default: the case's name.
        kind: what sort of data; default: "scan", or "slice" if there is only one.
        known: ids of the regions that the reference speaks of; the others are not scored.
        failure: why there is no prediction.
        scan: what is drawn below the outlines; None: nothing.

    Raises:
        InputError: the two lie on different grids.
        EnvironmentProblem: the package for surface distances is missing.
    """
    if prediction is not None:
        refuse_different_grids(reference.grid, prediction.grid, name)
    slices = slice_count(reference.grid)
    box = label_box(reference.labels, None if prediction is None else prediction.labels)
    true = _ours(reference.labels[box])
    predicted = None if prediction is None else _ours(prediction.labels[box])
    snapshot = take_snapshot(reference, prediction, known, scan, box)
    voxel_ml, spacing = reference.grid.voxel_volume_ml, reference.grid.spacing[::-1]
    targets = tuple(
        _score_target(target, true, predicted, voxel_ml, spacing if slices > 1 else None)
        if target.needs <= known
        else TargetScore(target.id, reason=UNKNOWN)
        for target in TARGETS
    )
    if predicted is None:
        failure = failure or "there is no prediction"
        targets = tuple(t if t.dice is None else replace(t, reason=_joined(failure, t.reason)) for t in targets)
    knows_lesions = slices > 1 and TARGETS[-1].needs <= known
    lesions = detect(true, np.zeros_like(true) if predicted is None else predicted, voxel_ml) if knows_lesions else ()
    kind = kind or ("scan" if slices > 1 else "slice")
    return CaseScore(name, patient or name, kind, slices, failure, targets, lesions, snapshot)


def _score_target(
    target: Target, reference: Labels, prediction: Labels | None, voxel_ml: float, spacing: tuple[float, ...] | None
) -> TargetScore:
    """Spacing along (k, j, i), mm; None: only overlap is measured."""
    true = np.isin(reference, sorted(target.labels))
    in_reference = int(np.count_nonzero(true))
    has_surface = spacing is not None and target.tolerance_mm is not None
    reason = ONE_SLICE if spacing is None else ("" if target.tolerance_mm is not None else NO_TOLERANCE)
    score = TargetScore(target.id, reference_ml=in_reference * voxel_ml, reason=reason)
    if prediction is None:
        return replace(score, dice=0.0, iou=0.0, surface_dice=0.0 if has_surface else None)
    predicted = np.isin(prediction, sorted(target.labels))
    in_prediction = int(np.count_nonzero(predicted))
    both = int(np.count_nonzero(true & predicted))
    dice = dice_of_counts(both, in_reference, in_prediction)
    score = replace(score, dice=dice, iou=dice / (2.0 - dice), prediction_ml=in_prediction * voxel_ml)
    if spacing is None:
        return score
    if not in_reference or not in_prediction:
        both_empty = not in_reference and not in_prediction
        where = "both" if both_empty else ("the reference" if not in_reference else "the prediction")
        reason = _joined(f"no distances: {where} empty", reason)
        return replace(score, surface_dice=float(both_empty) if has_surface else None, reason=reason)
    k, j, i = spacing
    surfaces = surface_distances(true, predicted, (k, j, i))
    return replace(
        score,
        surface_dice=None if target.tolerance_mm is None else surfaces.dice(target.tolerance_mm),
        hd95_mm=surfaces.hausdorff_mm(),
        asd_mm=surfaces.asd_mm,
        assd_mm=surfaces.assd_mm,
    )


def _ours(labels: Labels) -> Labels:
    """Labels of organs become background."""
    return labels * is_ours(labels)


def _joined(*parts: str) -> str:
    return "; ".join(part for part in parts if part)
