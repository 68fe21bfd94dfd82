"""How well a model does on scans that it did not learn from: the figures in `model.json` and on the card.

The whole journey is scored, on the scans' own grids, after clean-up: what a user gets.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..anatomy import CYST, KIDNEY_AND_MASSES, TUMOR, TUMOR_REGION
from ..evaluation import score
from ..inference import segment
from ..inference.device import choose_device
from ..inference.locate import locate
from ..inference.network_pass import NetworkPass
from ..models import ModelContract, ModelFolder, Score, read_folder
from ..models.contract import Locate
from ..models.folder import CARD_FILE, write_contract
from ..progress import Progress
from ..settings import Settings
from ..volume import canonical
from .card import card_text
from .sources import Source, read_sources
from .split import Split, read_split

logger = logging.getLogger(__name__)

_WHOLE_SCANS = ("abdomen", "kits-volume")
_KIDNEY = "kidney with masses, Dice"
_COVERED = "kidney with masses inside the located box, share"
_BOX_MARGIN_MM = Locate("").margin_mm


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
    held_out = ((source, _part(source, split)) for source in read_sources(data) if source.kind in _WHOLE_SCANS)
    figure = _overlaps if folder.contract.task == "segment" else _coverage
    figures = [
        one for source, part in held_out if part for one in figure(source, f"{part}: {source.name}", folder, settings)
    ]
    contract = replace(folder.contract, scores=(*_means(figures), *figures))
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
    if source.patient in split.test(1):
        return "test"
    return "validation" if source.patient in split.validation else ""


def _overlaps(source: Source, on: str, folder: ModelFolder, settings: Settings) -> list[Score]:
    """Dice of one scan; where the reference has no such lesion, the false volume instead."""
    answer = segment(source.volume, folder, settings, Progress())
    scores = score(source.truth, answer.label_map)
    logger.info("%s: %s", on, scores)
    figures = [Score(_KIDNEY, on, 1, round(scores.region(KIDNEY_AND_MASSES.id).dice, 4))]
    if TUMOR_REGION.id not in source.known:
        return figures
    for structure in (TUMOR, CYST):
        label = scores.label(structure.id)
        if label.reference_ml > 0:
            figures.append(Score(f"{structure.name}, Dice", on, 1, round(label.dice, 4)))
        else:
            figures.append(Score(f"false {structure.name}, mL", on, 1, round(label.prediction_ml, 2)))
    return figures


def _coverage(source: Source, on: str, folder: ModelFolder, settings: Settings) -> list[Score]:
    """How much of kidney and masses lies inside the box that a locator finds."""
    upright, order = canonical(source.volume)
    entry = folder.contract.input
    network = NetworkPass(folder, choose_device(settings.device))
    box = locate(upright, network, entry.spacing_mm, entry.slice_step_mm, _BOX_MARGIN_MM, Progress()).box
    wanted = np.isin(order.apply(source.truth.labels), sorted(KIDNEY_AND_MASSES.labels))
    share = np.count_nonzero(wanted[box.slices]) / np.count_nonzero(wanted)
    return [Score(_COVERED, on, 1, round(share, 4))]


def _means(figures: list[Score]) -> list[Score]:
    """The mean over the test scans; a mean over so few has no interval."""
    means = []
    for what in (_KIDNEY, _COVERED):
        values = [one.value for one in figures if one.what == what and one.on.startswith("test")]
        if values:
            means.append(Score(f"{what}, mean", "test scans", len(values), round(sum(values) / len(values), 4)))
    return means
