"""The model card: what `model.json` says, for people (after Mitchell et al., Model Cards, 2019)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..evaluation.markdown import PUBLISHED, table
from ..models import ModelContract, Score
from ..models.folder import CARD_FILE

_ABOUT_SCORES = (
    "Whole scans on their own grids after clean-up; single slices without locating and clean-up, which need a volume.",
    "Test: kept out of training and of every choice. Validation: thresholds and clean-up may be chosen on them.",
    "Cross-validation: measured on models of the same recipe, each on the patients that it was not shown.",
    "A mean counts every patient once, where the reference holds the structure; a case that fails scores 0.",
    "n: patients; of lesions, lesions; of scans, scans. Interval: bootstrap over patients, from three patients on.",
    "Lesion size: diameter of a ball of the same volume; found: IoU above 0.1.",
    f"For comparison, the poster of the U-Net with ResNet-34 reports a Dice of {PUBLISHED['kidney_and_masses.dice']} "
    f"for the kidney and {PUBLISHED['tumor.dice']} for the tumor on KiTS21: another split of other data, slice by "
    "slice, so not comparable one to one.",
    "On KiTS19's test cases two readers agreed with each other by a Dice of 0.983 (kidney with masses) and 0.923 "
    "(tumor), and the best of 106 teams reached 0.974 and 0.851 (Heller et al., Medical Image Analysis 2021).",
)


def card_text(contract: ModelContract) -> str:
    """Markdown.

    Args:
        contract: of the model, with its scores.
    """
    training, entry = contract.training, contract.input
    weights = contract.weights
    sees = f"{entry.slices} slices {entry.neighbor_mm:g} mm apart, {entry.spacing_mm:g} mm pixels"
    size = f"{weights.bytes / 1e6:.1f} MB, {weights.dtype}" if weights else "none"
    facts = [
        ("name and version", f"{contract.name} {contract.version}"),
        ("made", f"{training.date}, recipe `{training.recipe}`, {training.steps} steps, seed {training.seed}"),
        ("architecture", f"{contract.architecture.name}, {size}"),
        ("sees", f"{sees}, {_window(entry.window_hu)}"),
        ("predicts", ", ".join(region.replace("_", " ") for region in contract.regions)),
        ("encoder", training.encoder_start),
        ("license of the weights", contract.license),
    ]
    parts = [
        f"# {contract.title}",
        "Research use; not a medical device. A qualified reader must check every result on the images.",
        _table(("what", "this model"), facts),
        "## Learned from",
        _table(("data", "patients", "license"), [(d.name, str(d.patients), d.license) for d in training.data]),
        "## Scores",
        " ".join(_ABOUT_SCORES),
        _table(("what", "on", "n", "value", "95 % interval"), [_score_row(score) for score in contract.scores]),
        "## What it is bad at",
        "\n".join(f"- {limit}" for limit in contract.limits),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def write_card(path: Path, contract: ModelContract) -> None:
    """Write `card.md` from the contract; what a person wrote below its last heading "Log" is kept."""
    card = path / CARD_FILE
    before = card.read_text(encoding="utf-8") if card.is_file() else ""
    _, heading, log = before.partition("\n## Log\n")
    card.write_text(card_text(contract) + (heading + log if heading else ""), encoding="utf-8")


def _score_row(score: Score) -> tuple[str, ...]:
    interval = "" if score.low is None or score.high is None else f"{score.low:.3g} to {score.high:.3g}"
    return score.what, score.on, str(score.n), f"{score.value:.4g}", interval


def _window(window_hu: tuple[float, float]) -> str:
    low, high = window_hu
    return f"window {low:g} to {high:g} HU"


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    return table(head, rows) if rows else "Not measured."
