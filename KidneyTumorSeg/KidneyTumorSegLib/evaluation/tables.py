"""Scores to CSV files with full precision, and back. An empty field is a value that is not defined.

`cases.csv`: one row a case and target. `lesions.csv`: one row a lesion. `evaluation.csv`: KiTS23's own table.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from ..errors import InputError
from .case import TARGETS, CaseScore, TargetScore
from .lesions import Lesion

CASES_FILE, LESIONS_FILE, KITS_FILE = "cases.csv", "lesions.csv", "evaluation.csv"

_FIGURES = ("dice", "iou", "surface_dice", "hd95_mm", "asd_mm", "assd_mm", "reference_ml", "prediction_ml")
_CASE_COLUMNS = (
    "case", "patient", "kind", "slices", "region", *_FIGURES, "volume_error_ml", "volume_error_share", "failure",
    "reason",
)  # fmt: skip
_LESION_COLUMNS = (
    "case", "patient", "kind", "of", "lesion", "number", "volume_ml", "diameter_mm", "size", "outcome", "iou",
)  # fmt: skip


def write_tables(folder: Path, cases: Sequence[CaseScore]) -> tuple[str, ...]:
    """Write the three CSV files into a folder; their names."""
    _write(folder / CASES_FILE, _CASE_COLUMNS, (_case_row(case, score) for case in cases for score in case.targets))
    lesions = ((case, lesion) for case in cases for lesion in case.lesions)
    _write(folder / LESIONS_FILE, _LESION_COLUMNS, (_lesion_row(case, lesion) for case, lesion in lesions))
    _write(folder / KITS_FILE, *_kits_table(cases))
    return CASES_FILE, LESIONS_FILE, KITS_FILE


def read_cases(path: Path) -> tuple[CaseScore, ...]:
    """Read `cases.csv`, and `lesions.csv` beside it.

    Args:
        path: of `cases.csv`, or of the folder that holds both.

    Raises:
        InputError: a file is missing, or is not such a table.
    """
    path = path / CASES_FILE if path.is_dir() else path
    lesions: dict[str, list[Lesion]] = {}
    for row in _read(path.with_name(LESIONS_FILE), _LESION_COLUMNS):
        lesions.setdefault(row["case"], []).append(_lesion_of(row))
    by_case: dict[str, list[dict[str, str]]] = {}
    for row in _read(path, _CASE_COLUMNS):
        by_case.setdefault(row["case"], []).append(row)
    try:
        return tuple(_case_of(name, rows, tuple(lesions.get(name, ()))) for name, rows in by_case.items())
    except ValueError as error:
        raise InputError(f"{path} holds a value that is no number ({error}). Run `evaluate` again.") from error


def pool(tables: Iterable[tuple[str, Sequence[CaseScore]]]) -> tuple[CaseScore, ...]:
    """The cases of several tables as one.

    Args:
        tables: what each is called, and its cases.

    Raises:
        InputError: a case is in two of them: it would count twice.
    """
    origin: dict[str, str] = {}
    pooled: list[CaseScore] = []
    for name, cases in tables:
        for case in cases:
            if case.name in origin:
                raise InputError(
                    f"The case {case.name} is in {origin[case.name]} and in {name}: it would count twice. "
                    "In a cross-validation every case is tested once."
                )
            origin[case.name] = name
            pooled.append(case)
    return tuple(pooled)


def _case_row(case: CaseScore, score: TargetScore) -> list[Any]:
    return [
        case.name, case.patient, case.kind, case.slices, score.id, *(getattr(score, name) for name in _FIGURES),
        score.volume_error_ml, score.volume_error_share, case.failure, score.reason,
    ]  # fmt: skip


def _lesion_row(case: CaseScore, lesion: Lesion) -> list[Any]:
    return [
        case.name, case.patient, case.kind, lesion.of, lesion.kind, lesion.number, lesion.volume_ml,
        lesion.diameter_mm, lesion.size, lesion.outcome, lesion.iou,
    ]  # fmt: skip


def _kits_table(cases: Sequence[CaseScore]) -> tuple[list[str], list[list[Any]]]:
    """Columns and rows as KiTS23's evaluation writes them; the average leaves out what a reference does not know."""
    regions = [target for target in TARGETS if target.kits_name]
    rows: list[list[Any]] = []
    for case in cases:
        scores = [case.target(region.id) for region in regions]
        rows.append([case.name, *(score.dice for score in scores), *(score.surface_dice for score in scores)])
    averages: list[float | None] = []
    for column in range(1, 1 + 2 * len(regions)):
        known = [row[column] for row in rows if row[column] is not None]
        averages.append(sum(known) / len(known) if known else None)
    names = [region.kits_name for region in regions]
    columns = ["caseID", *(f"Dice_{name}" for name in names), *(f"SD_{name}" for name in names)]
    return columns, [*rows, ["average", *averages]]


def _case_of(name: str, rows: list[dict[str, str]], lesions: tuple[Lesion, ...]) -> CaseScore:
    first = rows[0]
    by_region = {row["region"]: row for row in rows}
    targets = tuple(
        TargetScore(
            target.id,
            **{figure: _number(by_region[target.id][figure]) for figure in _FIGURES},
            reason=by_region[target.id]["reason"],
        )
        for target in TARGETS
        if target.id in by_region
    )
    if missing := {target.id for target in TARGETS} - set(by_region):
        raise InputError(f"The case {name} lacks rows for {', '.join(sorted(missing))}. Run `evaluate` again.")
    return CaseScore(name, first["patient"], first["kind"], int(first["slices"]), first["failure"], targets, lesions)


def _lesion_of(row: dict[str, str]) -> Lesion:
    return Lesion(
        row["of"], row["lesion"], int(row["number"]), float(row["volume_ml"]), row["outcome"], float(row["iou"])
    )


def _number(text: str) -> float | None:
    return float(text) if text else None


def _write(file: Path, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(columns)
        writer.writerows(rows)


def _read(file: Path, columns: Sequence[str]) -> list[dict[str, str]]:
    if not file.is_file():
        raise InputError(
            f"{file} does not exist. Give {CASES_FILE} of an `evaluate` run; {LESIONS_FILE} lies beside it."
        )
    try:
        with file.open(encoding="utf-8", newline="") as stream:
            reader = csv.DictReader(stream, strict=True)
            rows = list(reader)
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{file} cannot be read as a table ({error}). Run `evaluate` again.") from error
    if missing := set(columns) - set(reader.fieldnames or ()):
        raise InputError(
            f"{file} is not a table of `evaluate`: it lacks the columns {', '.join(sorted(missing))}. "
            f"Give {CASES_FILE} as `evaluate` wrote it."
        )
    if any(None in row.values() for row in rows):
        raise InputError(f"{file} is cut off: a row is too short. Run `evaluate` again.")
    return rows
