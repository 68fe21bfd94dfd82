"""Figures over many cases: means with intervals by patient, lesions found by size, false alarms.

Cases of different kinds (whole scans, single slices) are never mixed. Dice and distances are averaged where the
reference holds the structure; scans that are free of tumors or cysts are counted apart, because KiTS23's rule gives
them 1 or 0 and nothing between. A patient's cases are averaged first, then the patients.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ..anatomy import LESIONS
from .case import ALL_KNOWN, TARGETS, CaseScore, Target, TargetScore
from .detection import detection_figures
from .figure import Figure
from .lesions import PREDICTION
from .statistics import SEED, mean_interval, patient_means, ratio_interval

MUCH_FALSE_ML = 0.5
"""Scans with more false lesion than this are counted."""


_MEASURES: tuple[tuple[str, str, Callable[[TargetScore], float | None]], ...] = (
    ("Dice", "dice", lambda score: score.dice),
    ("IoU", "iou", lambda score: score.iou),
    ("surface Dice", "surface_dice", lambda score: score.surface_dice),
    ("HD95, mm", "hd95_mm", lambda score: score.hd95_mm),
    ("ASD, mm", "asd_mm", lambda score: score.asd_mm),
    ("ASSD, mm", "assd_mm", lambda score: score.assd_mm),
    ("volume error, mL", "volume_error_ml", lambda score: score.volume_error_ml),
    ("absolute volume error, share", "volume_error_share", lambda score: _absolute(score.volume_error_share)),
)
_FLAT = ("dice", "iou")
"""What is measured on single slices."""


def summarize(cases: Sequence[CaseScore]) -> tuple[Figure, ...]:
    """All figures, kind by kind in the order in which the kinds first appear."""
    figures: list[Figure] = []
    for kind in dict.fromkeys(case.kind for case in cases):
        figures += _of_kind([case for case in cases if case.kind == kind], kind)
    return tuple(figures)


def _of_kind(cases: Sequence[CaseScore], kind: str) -> list[Figure]:
    failed = _share("cases without a usable prediction, share", "failed", kind, cases, lambda case: bool(case.failure))
    figures = [failed]
    figures += _kits_means(cases, kind)
    for target in TARGETS:
        figures += _of_target(cases, kind, target)
    knowing = [case for case in cases if case.slices > 1 and all(score.dice is not None for score in case.targets)]
    for structure in LESIONS:
        figures += _of_free_scans(knowing, kind, structure.id)
    for structure in LESIONS:
        figures += detection_figures(knowing, kind, structure.name)
    return figures


def _kits_means(cases: Sequence[CaseScore], kind: str) -> list[Figure]:
    """What KiTS23 ranks by: the mean over its regions, empty ones counted as 1 where both are empty."""
    regions = [target for target in TARGETS if target.id in ALL_KNOWN]
    figures = []
    for title, key in (("Dice", "dice"), ("surface Dice", "surface_dice")):
        values = []
        for case in cases:
            scores = [getattr(case.target(region.id), key) for region in regions]
            if None not in scores:
                values.append((case.patient, sum(scores) / len(scores)))
        if values:
            figures.append(_mean(f"KiTS23 mean {title} of three regions", f"kits.{key}", kind, values, 0, _unit(cases)))
    return figures


def _of_target(cases: Sequence[CaseScore], kind: str, target: Target) -> list[Figure]:
    present = [case for case in cases if case.target(target.id).reference_ml]
    figures = []
    for title, key, measure in _MEASURES:
        if not present or (all(case.slices == 1 for case in present) and key not in _FLAT):
            continue
        if key == "surface_dice" and target.tolerance_mm is None:
            continue
        found = [(case.patient, measure(case.target(target.id))) for case in present]
        values = [(patient, value) for patient, value in found if value is not None]
        name, missing = f"{target.title}, {title}", len(found) - len(values)
        figures.append(_mean(name, f"{target.id}.{key}", kind, values, missing, _unit(cases)))
    return figures


def _of_free_scans(cases: Sequence[CaseScore], kind: str, id_: str) -> list[Figure]:
    """Scans whose reference knows of no such lesion: how many stay clean, and how much is invented.

    A scan without prediction counts as not clean: a failure is no success.
    """
    free = [case for case in cases if case.target(id_).reference_ml == 0.0]
    if not free:
        return []

    def is_clean(case: CaseScore) -> bool:
        return not case.failure and not any(one.of == PREDICTION and one.kind == id_ for one in case.lesions)

    predicted = [case for case in free if not case.failure]
    measured = [(case.patient, case.target(id_).prediction_ml or 0.0) for case in predicted]
    figures = [_share(f"{id_}-free scans without false {id_}, share", f"{id_}.clean", kind, free, is_clean)]
    if predicted:
        much = f"{id_}-free scans with more than {MUCH_FALSE_ML:g} mL false {id_}, share"
        figures.append(_share(much, f"{id_}.much_false", kind, predicted, lambda case: _is_much(case, id_)))
    failed = len(free) - len(predicted)
    figures.append(_mean(f"false {id_} in {id_}-free scans, mL", f"{id_}.false_ml", kind, measured, failed, "scans"))
    return figures


def _is_much(case: CaseScore, id_: str) -> bool:
    return (case.target(id_).prediction_ml or 0.0) > MUCH_FALSE_ML


def _mean(what: str, key: str, on: str, values: list[tuple[str, float]], undefined: int, unit: str) -> Figure:
    means = list(patient_means(values).values())
    if not means:
        return Figure(what, on, 0, 0, unit, None, undefined=undefined, key=key)
    low, high = mean_interval(means, np.random.default_rng(SEED)) or (None, None)
    q25, median, q75 = (float(value) for value in np.percentile(means, (25, 50, 75)))
    value = float(np.mean(means))
    return Figure(what, on, len(means), len(values), unit, value, low, high, median, q25, q75, undefined, key)


def _share(what: str, key: str, on: str, cases: Sequence[CaseScore], is_so: Callable[[CaseScore], bool]) -> Figure:
    means = list(patient_means((case.patient, float(is_so(case))) for case in cases).values())
    low, high = ratio_interval(means, [1.0] * len(means), np.random.default_rng(SEED)) or (None, None)
    return Figure(what, on, len(means), len(cases), _unit(cases), float(np.mean(means)), low, high, key=key)


def _unit(cases: Sequence[CaseScore]) -> str:
    return "slices" if all(case.slices == 1 for case in cases) else "scans"


def _absolute(value: float | None) -> float | None:
    return None if value is None else abs(value)
