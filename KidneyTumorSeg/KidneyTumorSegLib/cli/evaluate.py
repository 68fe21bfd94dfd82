"""`evaluate`: how well label maps agree with references, as the KiTS challenge measures it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

import typer

from ..errors import UsageError
from ..progress import Progress
from . import console, options
from .whole_folder import whole_folder

if TYPE_CHECKING:
    from ..evaluation import CaseScore, Comparison, Figure
    from ..settings import Settings

One = TypeVar("One")
Other = TypeVar("Other")
Part = Literal["test", "validation"]
Reference = Annotated[Path | None, typer.Option("--reference", metavar="FOLDER", help="Label maps that are right.")]
Prediction = Annotated[
    Path | None, typer.Option("--prediction", metavar="FOLDER", help="Label maps to score, of the same names.")
]
ModelToRun = Annotated[
    str | None, typer.Option("--model", metavar="NAME|FOLDER", help="Run and score this model instead.")
]
Data = Annotated[Path | None, typer.Option("--data", metavar="FOLDER", help="Labeled CTs for --model, as for `train`.")]
Fold = Annotated[
    int | None,
    typer.Option("--fold", metavar="N", help="Test --model on part N of the split. Default: as it was trained."),
]
PartOption = Annotated[Part, typer.Option("--part", help="Which patients of the split --model is scored on.")]
Synthetic = Annotated[
    int,
    typer.Option(
        "--synthetic", metavar="N", min=0, help="Score --model on N scans with synthetic lesions made from that part."
    ),
]
Results = Annotated[
    list[Path] | None,
    typer.Option("--results", metavar="CSV", help="Pool what was evaluated before: cases.csv, or its folder."),
]
Against = Annotated[
    Path | None, typer.Option("--against", metavar="CSV", help="Also compare, case by case, with this cases.csv.")
]

_PICTURE, _PAGE, _TABLE = "cases.png", "summary.md", "summary.csv"
_FORMS = "Give --reference and --prediction (folders), or --model and --data, or --results (once or more often)."


@dataclass(frozen=True)
class _Evaluated:
    """What was scored, what it is called, and what must be said about it."""

    title: str
    cases: tuple[CaseScore, ...]
    remarks: tuple[str, ...]


def evaluate(
    output: options.OutputFolder,
    reference: Reference = None,
    prediction: Prediction = None,
    model: ModelToRun = None,
    data: Data = None,
    fold: Fold = None,
    part: PartOption = "test",
    synthetic: Synthetic = 0,
    results: Results = None,
    against: Against = None,
    device: options.Device = options.DEFAULTS.device,
    quality: options.QualityOption = "standard",
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Score label maps, or a model, by the rules of KiTS23: tables, intervals by patient, and a picture."""
    settings = options.settings(model or options.DEFAULTS.model, quality, device)
    by_folders = _both("--reference and --prediction", reference, prediction)
    by_model = _both("--model and --data", model, data)
    if [bool(by_folders), bool(by_model), bool(results)].count(True) != 1:
        raise UsageError(f"It is not clear what to evaluate. {_FORMS}")
    if not by_model and (fold is not None or part != "test" or synthetic):
        raise UsageError("--fold, --part and --synthetic belong to --model: they say what it is scored on.")
    from ..evaluation import compare, read_cases, summarize

    old = None if against is None else read_cases(against)
    with whole_folder(output) as folder, console.shown_progress(quiet) as progress:
        if by_folders:
            evaluated = _folders(*by_folders, progress)
        elif by_model:
            evaluated = _model(settings, by_model[1], fold, part, synthetic, progress)
        else:
            evaluated = _pooled(results or [])
        progress.stage("Writing", 0.99)
        figures = summarize(evaluated.cases)
        comparison = None if old is None else compare(evaluated.cases, old)
        names = _write(folder, evaluated, figures, comparison)
        progress.finish()
    if json:
        console.result_json(_as_json(evaluated, figures, comparison, {name: str(output / name) for name in names}))
        return
    for line in _lines(evaluated, figures, comparison):
        console.result(line)
    console.result(f"The files are in {output.resolve()}: {', '.join(names)}.")


def _both(names: str, one: One | None, other: Other | None) -> tuple[One, Other] | None:
    """Both options of a form, or None if neither is given."""
    if one is not None and other is not None:
        return one, other
    if one is not None or other is not None:
        raise UsageError(f"{names} belong together. {_FORMS}")
    return None


def _folders(reference: Path, prediction: Path, progress: Progress) -> _Evaluated:
    from ..evaluation import score_folders

    scored = score_folders(reference, prediction, progress)
    return _Evaluated(f"{prediction.resolve().name} against {reference.resolve().name}", scored.cases, scored.remarks)


def _model(
    settings: Settings, data: Path, fold: int | None, part: Part, synthetic: int, progress: Progress
) -> _Evaluated:
    from ..training.score import evaluate_model

    cases, remarks = evaluate_model(settings, data, fold=fold, part=part, progress=progress, synthetic=synthetic)
    on = f"{part} part of the split" + (", synthetic lesions" if synthetic else "")
    return _Evaluated(f"Model {Path(settings.model).name}, {on}", cases, remarks)


def _pooled(results: Sequence[Path]) -> _Evaluated:
    from ..evaluation import pool, read_cases

    cases = pool((str(path), read_cases(path)) for path in results)
    failed = tuple(f"{case.name} scores 0: {case.failure}." for case in cases if case.failure)
    tables = "1 table" if len(results) == 1 else f"{len(results)} tables, every case in one of them"
    return _Evaluated("Pooled results", cases, (f"{len(cases)} cases from {tables}.", *failed))


def _write(
    folder: Path, evaluated: _Evaluated, figures: Sequence[Figure], comparison: Comparison | None
) -> tuple[str, ...]:
    """All files; their names."""
    from ..evaluation import summary_csv, summary_markdown, write_tables
    from ..evaluation.picture import draw_cases

    tables = write_tables(folder, evaluated.cases)
    drawn = (_PICTURE,) if draw_cases(folder / _PICTURE, evaluated.cases) else ()
    page = summary_markdown(figures, evaluated.title, evaluated.remarks, comparison, picture="".join(drawn))
    (folder / _PAGE).write_text(page, encoding="utf-8")
    (folder / _TABLE).write_text(summary_csv(figures), encoding="utf-8", newline="")
    return (_PAGE, _TABLE, *tables, *drawn)


def _as_json(
    evaluated: _Evaluated, figures: Sequence[Figure], comparison: Comparison | None, files: dict[str, str]
) -> dict[str, Any]:
    return {
        "title": evaluated.title,
        "figures": [dataclasses.asdict(figure) for figure in figures],
        "comparison": None if comparison is None else dataclasses.asdict(comparison),
        "remarks": list(evaluated.remarks),
        "files": files,
    }


def _lines(evaluated: _Evaluated, figures: Sequence[Figure], comparison: Comparison | None) -> list[str]:
    """What is most asked for; the page holds the rest."""
    from ..evaluation.markdown import counted, kind_title, short

    lines = [f"{evaluated.title}: {counted(len(evaluated.cases), 'cases')}"]
    for figure in figures:
        if figure.key.endswith((".dice", ".surface_dice")) and figure.value is not None:
            interval = "" if figure.low is None else f" ({short(figure.low)} to {short(figure.high)})"
            count = f"{counted(figure.cases, figure.unit)}, {counted(figure.patients, 'patients')}"
            lines.append(f"  {kind_title(figure.on)}: {figure.what} {short(figure.value)}{interval}, {count}")
    for one in comparison.differences if comparison else ():
        interval = "" if one.low is None else f" ({one.low:+.3f} to {one.high:+.3f})"
        lines.append(f"  {kind_title(one.on)}: {one.what} {one.mean:+.3f}{interval} against the other results")
    return [*lines, *evaluated.remarks]
