"""How well a model does on scans that it did not learn from: the figures in `model.json` and on the card.

The whole journey is scored, on the scans' own grids, after clean-up: what a user gets.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from pathlib import Path

from ..anatomy import CYST, KIDNEY_AND_MASSES, TUMOR, TUMOR_REGION
from ..evaluation import Scores, score
from ..inference import segment
from ..models import ModelContract, ModelFolder, Score, read_folder
from ..models.folder import CARD_FILE, write_contract
from ..progress import Progress
from ..settings import Settings
from .card import card_text
from .cases import Source, read_sources
from .recipe import Split, read_split

logger = logging.getLogger(__name__)

_WHOLE_SCANS = ("abdomen", "kits-volume")


@dataclass(frozen=True)
class ScanScore:
    """One scan's scores.

    Attributes:
        name: of the scan.
        part: "test" or "validation".
        scores: Dice and volumes.
        knows_lesions: whether the reference labels tell tumors and cysts.
    """

    name: str
    part: str
    scores: Scores
    knows_lesions: bool


def score_model(path: Path, data: Path, settings: Settings | None = None) -> ModelFolder:
    """Score a model on the split's held-out scans, and write the figures into `model.json` and `card.md`.

    Args:
        path: the model folder; its locator, if it names one, lies beside it or is bundled.
        data: as `cases` describes it.
        settings: quality and device.

    Returns:
        The folder with its new contract.
    """
    folder = read_folder(path)
    split = read_split()
    settings = settings or Settings()
    scans = [
        _score_scan(source, _part(source, split), folder, settings)
        for source in read_sources(data)
        if source.kind in _WHOLE_SCANS and _part(source, split)
    ]
    contract = replace(folder.contract, scores=tuple(_figures(scans)))
    write_contract(path, contract)
    write_card(path, contract)
    return read_folder(path)


def write_card(path: Path, contract: ModelContract) -> None:
    """Write `card.md` from the contract; what a person wrote below its last heading "Log" is kept."""
    card = path / CARD_FILE
    before = card.read_text(encoding="utf-8") if card.is_file() else ""
    _, heading, log = before.partition("\n## Log\n")
    card.write_text(card_text(contract) + (heading + log if heading else ""), encoding="utf-8")


def _part(source: Source, split: Split) -> str:
    if source.patient in split.test:
        return "test"
    return "validation" if source.patient in split.validation else ""


def _score_scan(source: Source, part: str, folder: ModelFolder, settings: Settings) -> ScanScore:
    answer = segment(source.volume, folder, settings, Progress())
    scores = score(source.truth, answer.label_map)
    logger.info("%s (%s): %s", source.name, part, scores)
    return ScanScore(source.name, part, scores, TUMOR_REGION.id in source.known)


def _figures(scans: list[ScanScore]) -> list[Score]:
    """Each scan by itself, and the mean over the test scans; a mean over so few has no interval."""
    figures = []
    for scan in scans:
        on = f"{scan.part}: {scan.name}"
        region = scan.scores.region(KIDNEY_AND_MASSES.id)
        figures.append(Score("kidney with masses, Dice", on, 1, round(region.dice, 4)))
        if not scan.knows_lesions:
            continue
        for structure in (TUMOR, CYST):
            label = scan.scores.label(structure.id)
            if label.reference_ml > 0:
                figures.append(Score(f"{structure.name}, Dice", on, 1, round(label.dice, 4)))
            else:
                figures.append(Score(f"false {structure.name}, mL", on, 1, round(label.prediction_ml, 2)))
    test = [scan.scores.region(KIDNEY_AND_MASSES.id).dice for scan in scans if scan.part == "test"]
    if test:
        mean = Score("kidney with masses, mean Dice", "test scans", len(test), round(sum(test) / len(test), 4))
        figures.insert(0, mean)
    return figures
