"""Two result sets on the same cases: is one better than the other?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..errors import InputError
from .case import TARGETS, CaseScore
from .statistics import SEED, holm, mean_interval, patient_means, wilcoxon_p

_MEASURES = (("Dice", "dice"), ("surface Dice", "surface_dice"))


@dataclass(frozen=True)
class Difference:
    """A paired difference over patients: these results minus those they are held against.

    Attributes:
        what: for people.
        on: kind of the cases.
        patients, cases: how many pairs.
        before, after: means of the two sets over the same cases.
        mean, low, high: of the differences; the 95 % interval is None with too few patients.
        median: of the differences.
        p: Wilcoxon's signed-rank test, two-sided; None with too few patients, or without any difference.
        p_holm: corrected for all tests of the comparison.
    """

    what: str
    on: str
    patients: int
    cases: int
    before: float
    after: float
    mean: float
    low: float | None
    high: float | None
    median: float
    p: float | None
    p_holm: float | None = None


@dataclass(frozen=True)
class Comparison:
    """All differences, and the cases that only one set has: they are left out."""

    differences: tuple[Difference, ...]
    only_here: tuple[str, ...]
    only_there: tuple[str, ...]


def compare(results: Sequence[CaseScore], against: Sequence[CaseScore]) -> Comparison:
    """Compare case by case, where the reference holds the structure.

    Args:
        results: the new ones.
        against: what they are compared with.

    Raises:
        InputError: no case is in both, or a case has another reference in the other set.
    """
    here, there = {case.name: case for case in results}, {case.name: case for case in against}
    pairs = [(here[name], there[name]) for name in here if name in there]
    if not pairs:
        raise InputError("No case is in both results, so they cannot be compared. Evaluate both on the same cases.")
    _refuse_other_references(pairs)
    differences: list[Difference] = []
    for kind in dict.fromkeys(case.kind for case, _ in pairs):
        of_kind = [pair for pair in pairs if pair[0].kind == kind]
        for target in TARGETS:
            present = [pair for pair in of_kind if pair[0].target(target.id).reference_ml]
            for title, key in _MEASURES:
                found = _difference(f"{target.title}, {title}", kind, present, target.id, key)
                differences += [found] if found else []
    corrected = holm([one.p for one in differences])
    return Comparison(
        tuple(replace(one, p_holm=p) for one, p in zip(differences, corrected, strict=True)),
        tuple(sorted(set(here) - set(there))),
        tuple(sorted(set(there) - set(here))),
    )


def _difference(
    what: str, on: str, pairs: Sequence[tuple[CaseScore, CaseScore]], id_: str, key: str
) -> Difference | None:
    rows = [(new.patient, getattr(new.target(id_), key), getattr(old.target(id_), key)) for new, old in pairs]
    rows = [row for row in rows if row[1] is not None and row[2] is not None]
    if not rows:
        return None
    after = list(patient_means((patient, new) for patient, new, _ in rows).values())
    before = list(patient_means((patient, old) for patient, _, old in rows).values())
    changes = [new - old for new, old in zip(after, before, strict=True)]
    low, high = mean_interval(changes, np.random.default_rng(SEED)) or (None, None)
    return Difference(
        what, on, len(changes), len(rows), float(np.mean(before)), float(np.mean(after)), float(np.mean(changes)),
        low, high, float(np.median(changes)), wilcoxon_p(changes),
    )  # fmt: skip


def _refuse_other_references(pairs: Sequence[tuple[CaseScore, CaseScore]]) -> None:
    for new, old in pairs:
        for target in TARGETS:
            one, other = new.target(target.id).reference_ml, old.target(target.id).reference_ml
            if (one is None) != (other is None) or not np.isclose(one or 0.0, other or 0.0, rtol=1e-6, atol=1e-9):
                raise InputError(
                    f"The reference of {new.name} differs between the two results ({target.title}: "
                    f"{_ml(one)} against {_ml(other)}), so they cannot be compared. Evaluate both on the same data."
                )


def _ml(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.3f} mL"
