"""`models`: which models there are, what they promise, and whether their files are whole and genuine."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..settings import DEFAULT_MODEL
from . import console, options

if TYPE_CHECKING:
    from ..models import ModelFolder
    from ..models.contract import Score, WeightsFile

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Which models there are.")

Name = Annotated[str, typer.Argument(metavar="[NAME|FOLDER]", help="A model's name, or its folder.")]


@app.command("list")
def list_models(json: options.Json = False) -> None:
    """List the models that can be used."""
    from .. import models

    folders = models.available()
    if json:
        console.result_json({"models": [_summary(folder) for folder in folders], "default": DEFAULT_MODEL})
        return
    if not folders:
        console.result("There is no model.")
    for folder in folders:
        default = " (default)" if folder.name == DEFAULT_MODEL else ""
        console.result(f"{folder.name} {folder.version}{default}: {folder.contract.title}")


@app.command("show")
def show_model(name: Name = DEFAULT_MODEL, json: options.Json = False) -> None:
    """Show a model's card: what it was made from, how well it does, what it cannot do."""
    from .. import models

    folder = models.open_model(name)
    if json:
        console.result_json(dataclasses.asdict(folder.contract))
        return
    for line in _card(folder):
        console.result(line)


@app.command("verify")
def verify_model(name: Name = DEFAULT_MODEL) -> None:
    """Check that a model's weights are whole, genuine, and fit its network."""
    from .. import models

    folder = models.open_model(name)
    models.verify(folder)
    console.result(f"{folder.name} {folder.version}: the weights are whole and genuine.")


def _summary(folder: ModelFolder) -> dict[str, Any]:
    return {
        "name": folder.name,
        "version": folder.version,
        "title": folder.contract.title,
        "license": folder.contract.license,
        "sha256": weights_of(folder).sha256,
    }


def weights_of(folder: ModelFolder) -> WeightsFile:
    """The contract's entry for the weights; the schema wants one in every folder that was read."""
    weights = folder.contract.weights
    assert weights is not None
    return weights


def _card(folder: ModelFolder) -> list[str]:
    contract = folder.contract
    training, weights = contract.training, weights_of(folder)
    data = [
        f"  {source.name}: {source.patients} {'patient' if source.patients == 1 else 'patients'}, {source.license}"
        for source in training.data
    ]
    scores = [f"  {_score(score)}" for score in contract.scores] or ["  none were measured"]
    limits = [f"  {limit}" for limit in contract.limits] or ["  none are written down"]
    card = folder.card_text().strip()
    return [
        f"{contract.title} ({contract.name} {contract.version})",
        f"Weights: {weights.file}, {weights.bytes / 1e6:.1f} MB, {weights.dtype}, SHA-256 {weights.sha256}",
        f"License of the weights: {contract.license}",
        f"Made on {training.date} with the recipe {training.recipe}, {training.steps} steps, from:",
        *data,
        "Scores:",
        *scores,
        "Limits:",
        *limits,
        *(["", card] if card else []),
    ]


def _score(score: Score) -> str:
    interval = "" if score.low is None or score.high is None else f" ({score.low:.3g} to {score.high:.3g})"
    return f"{score.what}: {score.value:.3g}{interval} on {score.on}, n = {score.n}"
