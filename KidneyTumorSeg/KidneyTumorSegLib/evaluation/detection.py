"""Lesions over many scans: how many were found, by size, and how many were invented."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from ..anatomy import LESIONS
from ..volume import LabelMap
from .case import CaseScore
from .crop import label_box, slice_count
from .figure import Figure
from .lesions import (
    FALSE,
    FOUND,
    FOUND_IOU,
    MISSED,
    OTHER_CLASS,
    PREDICTION,
    REFERENCE,
    SIZES,
    STRICTLY_FOUND_IOU,
    Lesion,
    detect,
)
from .overlap import refuse_different_grids
from .statistics import SEED, ratio_interval


def score_detection(triples: Iterable[tuple[str, LabelMap, LabelMap]], kind: str) -> tuple[Figure, ...]:
    """Figures on lesions alone, for scans with lesions of known place, as synthetic ones.

    Args:
        triples: name of the case (each counts as a patient of its own), reference, prediction; read one by one.
        kind: what sort of data it is.

    Raises:
        InputError: reference and prediction lie on different grids.
    """
    cases = []
    for name, reference, prediction in triples:
        refuse_different_grids(reference.grid, prediction.grid, name)
        box = label_box(reference.labels, prediction.labels)
        lesions = detect(reference.labels[box], prediction.labels[box], reference.grid.voxel_volume_ml)
        cases.append(CaseScore(name, name, kind, slice_count(reference.grid), "", (), lesions))
    return tuple(figure for structure in LESIONS for figure in detection_figures(cases, kind, structure.name))


def detection_figures(cases: Sequence[CaseScore], on: str, lesion: str) -> list[Figure]:
    """Found lesions and false ones of one class, in all and by size.

    Args:
        cases: whole scans whose reference knows the lesions.
        on: what sort of data.
        lesion: "tumor" or "cyst".
    """
    true = [(case.patient, one) for case in cases for one in case.lesions if _is(one, REFERENCE, lesion)]
    figures = []
    if true:
        loosely, strictly = f"IoU > {FOUND_IOU:g}", f"IoU > {STRICTLY_FOUND_IOU:g}"
        key = f"{lesion}.found"
        figures.append(_found(f"{lesion}s found ({loosely}), share", key, on, true, _is_found))
        for size in SIZES:
            of_size = [pair for pair in true if pair[1].size == size]
            if of_size:
                figures.append(_found(f"{lesion}s {size} found, share", f"{key} {size}", on, of_size, _is_found))
        figures.append(_found(f"{lesion}s found ({strictly}), share", f"{key} strictly", on, true, _is_strictly_found))
        as_mass = f"{lesion}s found as tumor or cyst, share"
        figures.append(_found(as_mass, f"{key} as mass", on, true, lambda one: one.outcome != MISSED))
    scans = [case for case in cases if not case.failure]
    if scans:
        key = f"{lesion}.false"
        figures.append(_per_scan(f"false {lesion}s per scan", key, on, scans, lesion, (FALSE, OTHER_CLASS), SIZES))
        for size in SIZES:
            what = f"false {lesion}s {size} per scan"
            figures.append(_per_scan(what, f"{key} {size}", on, scans, lesion, (FALSE, OTHER_CLASS), (size,)))
        other = next(one.name for one in LESIONS if one.name != lesion)
        on_other = f"false {lesion}s per scan that are a {other}"
        figures.append(_per_scan(on_other, f"{key} other class", on, scans, lesion, (OTHER_CLASS,), SIZES))
    return figures


def _found(
    what: str, key: str, on: str, lesions: list[tuple[str, Lesion]], is_found: Callable[[Lesion], bool]
) -> Figure:
    """Share of lesions; patients are drawn with all of theirs."""
    there = Counter(patient for patient, _ in lesions)
    found = Counter(patient for patient, one in lesions if is_found(one))
    return _ratio(what, key, on, found, there, "lesions")


def _per_scan(
    what: str, key: str, on: str, scans: Sequence[CaseScore], lesion: str, outcomes: tuple[str, ...],
    sizes: tuple[str, ...],
) -> Figure:  # fmt: skip
    false = Counter(
        case.patient
        for case in scans
        for one in case.lesions
        if _is(one, PREDICTION, lesion) and one.outcome in outcomes and one.size in sizes
    )
    return _ratio(what, key, on, false, Counter(case.patient for case in scans), "scans")


def _ratio(what: str, key: str, on: str, over: Counter[str], under: Counter[str], unit: str) -> Figure:
    patients = sorted(under)
    numerators, denominators = [over[p] for p in patients], [under[p] for p in patients]
    low, high = ratio_interval(numerators, denominators, np.random.default_rng(SEED)) or (None, None)
    total = under.total()
    return Figure(what, on, len(patients), total, unit, over.total() / total, low, high, key=key)


def _is(one: Lesion, of: str, lesion: str) -> bool:
    return one.of == of and one.kind == lesion


def _is_found(one: Lesion) -> bool:
    return one.outcome == FOUND


def _is_strictly_found(one: Lesion) -> bool:
    return one.outcome == FOUND and one.iou > STRICTLY_FOUND_IOU
