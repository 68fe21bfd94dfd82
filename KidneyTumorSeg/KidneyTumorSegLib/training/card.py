"""The model card: what `model.json` says, for people (after Mitchell et al., Model Cards, 2019)."""

from __future__ import annotations

from collections.abc import Sequence

from ..models import ModelContract


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
        "Whole scans on their own grids after clean-up. "
        "Test scans: kept out of training and of every threshold's choice. "
        "Validation scans: thresholds and clean-up may be chosen on them.",
        _table(("what", "on", "n", "value"), [(s.what, s.on, str(s.n), f"{s.value:g}") for s in contract.scores]),
        "## What it is bad at",
        "\n".join(f"- {limit}" for limit in contract.limits),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _window(window_hu: tuple[float, float]) -> str:
    low, high = window_hu
    return f"window {low:g} to {high:g} HU"


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    if not rows:
        return "Not measured."
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
