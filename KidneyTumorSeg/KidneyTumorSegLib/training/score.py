"""How well a model does on scans that it did not learn from: the figures in `model.json` and on the card.

Whole scans take the whole journey and are scored on their own grids after clean-up: what a user gets. Single slices
cannot: there is nothing to locate the kidneys in, no neighbor to see, and no volume to clean up by. The network looks
at the whole slice, repeated in place of its neighbors, and its answer is scored as it is.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..anatomy import KIDNEY_AND_MASSES, REGIONS
from ..errors import InputError, UsageError
from ..evaluation import CaseScore, pool, read_cases, score_case
from ..inference import segment
from ..inference.device import choose_device
from ..inference.locate import locate
from ..inference.network_pass import NetworkPass
from ..models import ModelFolder, Score, open_model, read_folder
from ..models.contract import Cleanup, Locate
from ..models.folder import write_contract
from ..progress import Progress, Step
from ..settings import Settings
from ..volume import Grid, LabelMap, canonical
from .card import write_card
from .gather import lesion_shapes
from .score_table import score_table
from .sources import DataSet, Source, open_data
from .split import Split, read_split, split_for
from .synthetic_scans import synthetic_scans

logger = logging.getLogger(__name__)

_COVERED = "kidney with masses inside the located box, share"
_BOX_MARGIN_MM = Locate("").margin_mm
_UNITS = 100
"""Of progress within one case."""
NO_CLEANUP = Cleanup(0, 0, 0, 0, 0, 0, 1_000_000)
"""Drops nothing."""
_SYNTHETIC_REMARK = (
    "Synthetic lesions, made as for training but of shapes that the model did not learn from: each scan counts as a "
    "patient. They say how size matters, not how well real lesions are found."
)
_SLICE_REMARK = (
    "Single slices: the whole slice, repeated in place of its neighbors, without locating the kidneys and without "
    "clean-up; both need a volume."
)


def evaluate_model(
    settings: Settings,
    data: Path,
    *,
    fold: int | None,
    part: str,
    progress: Progress,
    split_file: Path | None = None,
    synthetic: int = 0,
) -> tuple[tuple[CaseScore, ...], tuple[str, ...]]:
    """Run a model over a part of the split, and score it.

    Args:
        settings: model, quality and device.
        data: as for training.
        fold: part of the split to test on; None: the one that the model was not shown.
        part: "test" or "validation".
        progress: told about cases.
        split_file: that it was trained with; None: our own, and a choice among patients whom it does not name.
        synthetic: score so many scans with synthetic lesions instead, made from this part's scans without lesions.

    Returns:
        A score for every case, and sentences on how they came about.

    Raises:
        UsageError: the model was shown all folds and none is given, there is no such fold, or the model only locates.
        InputError: the data folder cannot be used, or has nobody of this part.
        EnvironmentProblem: device, memory, model, or the package for surface distances.
        Cancelled: by the user.
    """
    folder = open_model(settings.model)
    if folder.contract.task != "segment":
        raise UsageError(f"The model {folder.name} only locates kidneys; `evaluate` scores models that segment.")
    found = open_data(data)
    split = split_for(found.patients, read_split(split_file))
    patients, remarks = _patients(folder, split, fold, part)
    entries = [entry for entry in found.entries if entry.patient in patients]
    if not entries:
        raise InputError(f"No patient of the {part} part of the split is in {data}: there is nothing to score.")
    sources: Iterable[Source] = (found.read(entry) for entry in entries)
    if synthetic:
        whole = [found.read(entry) for entry in entries if entry.kind == "abdomen"]
        sources = synthetic_scans(whole, lesion_shapes(data, only=patients), synthetic)
        remarks.append(_SYNTHETIC_REMARK)
    many, cases = synthetic or len(entries), []
    for number, source in enumerate(sources, start=1):
        until = 0.01 + 0.94 * number / many
        progress.stage(f"Scoring case {number} of {many} ({source.name})", until, _UNITS)
        cases.append(_run(source, folder, settings, progress))
    if not cases:
        raise InputError(f"No abdomen without lesions is in the {part} part of {data}: no lesions can be put in.")
    if any(case.slices == 1 for case in cases):
        remarks.append(_SLICE_REMARK)
    remarks += [f"{case.name} scores 0: {case.failure}." for case in cases if case.failure]
    return tuple(cases), tuple(remarks)


def score_model(
    path: Path,
    data: Path,
    fold: int | None = None,
    settings: Settings | None = None,
    *,
    results: Sequence[Path] = (),
    split_file: Path | None = None,
    progress: Progress | None = None,
) -> ModelFolder:
    """Score a model, and write the figures into `model.json` and `card.md`.

    Args:
        path: the model folder; its locator, if it names one, lies beside it or is bundled.
        data: as for training.
        fold: part of the split to test on; None: the one that the model was not shown. A model that was shown all
            of them, and for which there are no results, is scored on the validation patients, or not at all where
            the data has none.
        settings: quality and device.
        results: tables `cases.csv` of models of the same recipe, one a fold: their pooled figures stand for this
            model's, and say so. The model itself is not run then.
        split_file: as for `evaluate_model`.
        progress: told about cases.

    Returns:
        The folder with its new contract.

    Raises:
        As `evaluate_model`.
    """
    folder = read_folder(path)
    progress = progress or Progress()
    if folder.contract.task == "locate":
        scores = _coverage_scores(folder, data, fold, split_file, settings or Settings())
    elif results:
        cases = pool((str(table), read_cases(table)) for table in results)
        scores = score_table(cases, f"same recipe, {len(results)}-fold cross-validation")
    else:
        fold = folder.contract.training.fold if fold is None else fold
        found = open_data(data)
        split = split_for(found.patients, read_split(split_file))
        kept_out = {"test": split.test(fold), "validation": split.validation}
        part = next((name for name, patients in kept_out.items() if patients & set(found.patients)), "")
        wanted, scores = replace(settings or Settings(), model=str(path)), ()
        if part:  # else everyone in the data was learned from
            cases, _ = evaluate_model(wanted, data, fold=fold, part=part, progress=progress, split_file=split_file)
            scores = score_table(cases, part)
    contract = replace(folder.contract, scores=scores)
    write_contract(path, contract)
    write_card(path, contract)
    return read_folder(path)


def _patients(folder: ModelFolder, split: Split, fold: int | None, part: str) -> tuple[frozenset[str], list[str]]:
    """Who is scored, and what must be said about it."""
    if part == "validation":
        return split.validation, ["Validation patients: thresholds and clean-up may have been chosen on them."]
    trained = folder.contract.training.fold
    patients = split.test(trained if fold is None else fold)
    if not patients:
        raise UsageError(
            f"The model {folder.name} was trained on all folds: the split has no test part for it. Give --fold N for a "
            "model that was trained with it, or pool the results of the folds' models with --results."
        )
    if fold is not None and fold != trained:
        return patients, [
            f"The record of the model {folder.name} does not say that it was kept from fold {fold}: it may have "
            "learned from some of these patients, and then the figures are too good."
        ]
    return patients, ["Test patients: nothing was learned from them, and nothing chosen on them."]


def _run(source: Source, folder: ModelFolder, settings: Settings, progress: Progress) -> CaseScore:
    """One case; what makes it impossible to segment is its failure."""
    known = source.known & {region.id for region in REGIONS}
    prediction, failure = None, ""
    try:
        prediction = _segmented(source, folder, settings, progress)
    except InputError as error:
        failure = str(error).rstrip(".")
    return score_case(
        source.name, source.truth, prediction, patient=source.patient, kind=source.kind, known=known,
        failure=failure, scan=source.volume,
    )  # fmt: skip


def _segmented(source: Source, folder: ModelFolder, settings: Settings, progress: Progress) -> LabelMap:
    done = 0

    def follow(step: Step) -> None:
        nonlocal done
        reached = round(step.fraction * _UNITS)
        progress.advance(reached - done)  # also asks whether the run is still wanted
        done = reached

    return segment_source(source, folder, settings, follow)


def segment_source(source: Source, folder: ModelFolder, settings: Settings, follow: Callable[[Step], None]) -> LabelMap:
    """What a model makes of one scan; a single slice as the module's docstring says.

    Args:
        source: scan.
        folder: model.
        settings: quality and device.
        follow: told about the run's steps.
    """
    if min(source.volume.grid.shape) == 1:
        decision = replace(folder.contract.decision, cleanup=NO_CLEANUP)
        folder = replace(folder, contract=replace(folder.contract, decision=decision))
        settings = replace(settings, box_mm=_everything(source.volume.grid))
    return segment(source.volume, folder, settings, Progress(follow)).label_map


def _everything(grid: Grid) -> tuple[float, float, float, float, float, float]:
    """A box in the world (LPS, mm) that holds all of a grid."""
    corners = np.array(np.meshgrid(*[(0, n - 1) for n in grid.shape], indexing="ij")).reshape(3, -1).T
    world = grid.world(corners)
    (l0, p0, s0), (l1, p1, s1) = world.min(axis=0) - 1.0, world.max(axis=0) + 1.0
    return l0, l1, p0, p1, s0, s1


def _coverage_scores(
    folder: ModelFolder, data: Path, fold: int | None, split_file: Path | None, settings: Settings
) -> tuple[Score, ...]:
    """How much of kidney and masses lies inside the box that a locator finds, on whole scans that it was not shown."""
    fold = folder.contract.training.fold if fold is None else fold
    found = open_data(data)
    split = split_for(found.patients, read_split(split_file))
    part, patients = ("test", split.test(fold)) if split.test(fold) else ("validation", split.validation)
    shares = [(source.name, _coverage(source, folder, settings)) for source in _whole_scans(found, patients)]
    if not shares:
        return ()
    mean = Score(f"{_COVERED}, mean", f"{part} scans", len(shares), round(sum(n for _, n in shares) / len(shares), 4))
    return (mean, *(Score(_COVERED, f"{part}: {name}", 1, round(share, 4)) for name, share in shares))


def _whole_scans(found: DataSet, patients: frozenset[str]) -> Iterator[Source]:
    for entry in found.entries:
        if entry.patient in patients and entry.kind != "kits-slice":
            yield found.read(entry)


def _coverage(source: Source, folder: ModelFolder, settings: Settings) -> float:
    upright, order = canonical(source.volume)
    entry = folder.contract.input
    network = NetworkPass(folder, choose_device(settings.device))
    box = locate(upright, network, entry.spacing_mm, entry.slice_step_mm, _BOX_MARGIN_MM, Progress()).box
    wanted = np.isin(order.apply(source.truth.labels), sorted(KIDNEY_AND_MASSES.labels))
    return float(np.count_nonzero(wanted[box.slices]) / np.count_nonzero(wanted))
