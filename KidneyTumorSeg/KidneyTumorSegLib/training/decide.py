"""How probabilities become labels: thresholds chosen on validation patients, and the effect of every step measured.

Test patients are never read here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ..anatomy import KIDNEY_AND_MASSES, MASSES, TUMOR_REGION
from ..errors import InputError
from ..evaluation import Scores, score
from ..models import ModelFolder, read_folder
from ..models.contract import Decision
from ..models.folder import write_contract
from ..progress import Progress
from ..settings import Settings
from .card import write_card
from .score import NO_CLEANUP, segment_source
from .sources import Source, open_data
from .split import read_split, split_for

THRESHOLDS = (0.3, 0.4, 0.5, 0.6, 0.7)
"""Tried for masses and tumor together; kidney and masses keep theirs."""
LEAST_GAIN = 0.01
"""A threshold that gains less in mean Dice than this over 0.5 is noise on so few patients: 0.5 stays."""


@dataclass(frozen=True)
class Trial:
    """One way to decide, and what it gives on the validation patients.

    Attributes:
        what: was tried, in words.
        decision: that was tried.
        kidney, masses, tumor: mean Dice by patient, over patients whose reference has it; None: no patient has.
        false_ml: mean volume of tumor and cyst a scan where the reference has no such lesion; None: no such scan.
        patients: how many.
    """

    what: str
    decision: Decision
    kidney: float | None
    masses: float | None
    tumor: float | None
    false_ml: float | None
    patients: int

    @property
    def mean(self) -> float:
        """Of the Dice coefficients that there are."""
        found = [value for value in (self.kidney, self.masses, self.tumor) if value is not None]
        return sum(found) / len(found) if found else 0.0


def decide(
    path: Path, data: Path, settings: Settings, progress: Progress, split_file: Path | None = None
) -> tuple[Trial, ...]:
    """Choose a model's thresholds, write them into its folder, and measure what every step of deciding does.

    Args:
        path: the model folder.
        data: as for training; only validation patients are read.
        settings: quality and device.
        progress: told about trials.
        split_file: that the model was trained with.

    Returns:
        All trials: thresholds first, then the steps with the chosen ones, each with all before it.

    Raises:
        InputError: the data has no validation patient.
    """
    folder = read_folder(path)
    sources = _validation(data, split_file)
    whole = [source for source in sources if min(source.volume.grid.shape) > 1]
    plain = folder.contract.decision
    progress.stage("Trying thresholds", 0.5, len(THRESHOLDS) * len(sources), "scans")
    by_threshold = [
        _try(folder, f"threshold {value:g}", _with_threshold(plain, value), sources, settings, progress)
        for value in THRESHOLDS
    ]
    chosen = _with_threshold(plain, THRESHOLDS[best_threshold([trial.mean for trial in by_threshold])])
    steps = _steps(chosen)
    progress.stage("Measuring every step", 0.99, len(steps) * len(whole), "scans")
    by_step = [_try(folder, what, decision, whole, settings, progress) for what, decision in steps if whole]
    contract = replace(folder.contract, decision=chosen)
    write_contract(path, contract)
    write_card(path, contract)
    progress.finish()
    return (*by_threshold, *by_step)


def best_threshold(means: Sequence[float]) -> int:
    """Index into `THRESHOLDS`: the best one, or 0.5 where that gains less than `LEAST_GAIN`."""
    middle = THRESHOLDS.index(0.5)
    best = max(range(len(means)), key=lambda at: means[at])
    return best if means[best] - means[middle] >= LEAST_GAIN else middle


def _validation(data: Path, split_file: Path | None) -> list[Source]:
    found = open_data(data)
    patients = split_for(found.patients, read_split(split_file)).validation
    sources = [found.read(entry) for entry in found.entries if entry.patient in patients]
    if not sources:
        raise InputError(f"No validation patient of the split is in {data}: thresholds cannot be chosen there.")
    return sources


def _with_threshold(decision: Decision, value: float) -> Decision:
    lesions = {id_: value for id_ in (MASSES.id, TUMOR_REGION.id) if id_ in decision.thresholds}
    return replace(decision, thresholds={**decision.thresholds, **lesions})


def _steps(chosen: Decision) -> list[tuple[str, Decision]]:
    """The steps of deciding, one more each time."""
    none, cleanup = NO_CLEANUP, chosen.cleanup
    sizes = replace(
        none,
        kidney_min_ml=cleanup.kidney_min_ml,
        parenchyma_min_ml=cleanup.parenchyma_min_ml,
        kidneys_max=cleanup.kidneys_max,
        tumor_min_ml=cleanup.tumor_min_ml,
        cyst_min_ml=cleanup.cyst_min_ml,
    )
    located = replace(sizes, located_min_share=cleanup.located_min_share)
    shapeless = replace(cleanup, tail_mm=0.0)
    all_cysts = replace(shapeless, cyst_min_contrast_hu=0.0)
    return [
        ("thresholds alone", replace(chosen, cleanup=none, smooth_mm=0.0)),
        ("smoothed across slices", replace(chosen, cleanup=none)),
        ("plausible sizes", replace(chosen, cleanup=sizes)),
        ("seen by the locator too", replace(chosen, cleanup=located)),
        ("one label a mass", replace(chosen, cleanup=replace(all_cysts, fluid_max_hu=0.0))),
        ("fluid is a cyst", replace(chosen, cleanup=all_cysts)),
        ("cysts can be told from kidney", replace(chosen, cleanup=shapeless)),
        ("without thin tails", chosen),
    ]


def _try(
    folder: ModelFolder,
    what: str,
    decision: Decision,
    sources: Sequence[Source],
    settings: Settings,
    progress: Progress,
) -> Trial:
    tried = replace(folder, contract=replace(folder.contract, decision=decision))
    scores: list[tuple[Source, Scores]] = []
    for source in sources:
        scores.append(
            (source, score(source.truth, segment_source(source, tried, settings, lambda _: progress.check_cancelled())))
        )
        progress.advance()
    means = {
        region.id: _mean_by_patient(
            (source.patient, one.region(region.id).dice)
            for source, one in scores
            if region.id in source.known and one.region(region.id).reference_ml > 0
        )
        for region in (KIDNEY_AND_MASSES, MASSES, TUMOR_REGION)
    }
    false = [
        one.region(MASSES.id).prediction_ml
        for source, one in scores
        if MASSES.id in source.known and one.region(MASSES.id).reference_ml == 0
    ]
    return Trial(
        what,
        decision,
        means[KIDNEY_AND_MASSES.id],
        means[MASSES.id],
        means[TUMOR_REGION.id],
        sum(false) / len(false) if false else None,
        len({source.patient for source in sources}),
    )


def _mean_by_patient(values: Iterable[tuple[str, float]]) -> float | None:
    by_patient: dict[str, list[float]] = {}
    for patient, value in values:
        by_patient.setdefault(patient, []).append(value)
    means = [sum(own) / len(own) for own in by_patient.values()]
    return sum(means) / len(means) if means else None
