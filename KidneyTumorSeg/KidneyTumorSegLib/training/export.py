"""A trained module to a model folder: the kept regions only, half precision, with its contract and card."""

from __future__ import annotations

import datetime
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from .. import __version__
from ..export import atomic_write
from ..models.contract import DataSource, Decision, Locate, ModelContract, TrainingRecord
from ..models.folder import write_folder
from .channels import CHANNEL_IDS
from .recipe import Recipe
from .start import HEAD, NETWORK_FILE, Start, network_facts

_SOURCES = {
    "btcv": ("BTCV (Synapse syn3193805), rebuilt from windowed pictures", "registration terms, no redistribution"),
    "ircadb": ("3D-IRCADb-01", "CC BY-NC-ND 4.0"),
    "kits": ("KiTS19/21/23 (Heller et al.), images with official labels", "CC BY-NC-SA 4.0"),
}
_OWN = ("the user's own data", "the user's own terms")
LICENSE = (
    "The weights were trained on data whose licenses allow non-commercial use only (see what it learned from); "
    "use them for research and education, not commercially."
)
OWN_LICENSE = "The weights were trained on the user's own data alone, and are the user's own."


@dataclass(frozen=True)
class Learned:
    """What is told of a training beside its recipe.

    Attributes:
        patients: who was learned from.
        start: what the weights started from.
        steps: optimizer steps that were done.
        fold: the part of the split that this training left out; None: none.
        shapes: patients whose label maps gave shapes to synthetic lesions.
    """

    patients: list[str]
    start: Start
    steps: int
    fold: int | None
    shapes: int


def write_model(network: torch.nn.Module, recipe: Recipe, output: Path, learned: Learned) -> Path:
    """Write `output/NAME`, and `output/network.safetensors` to train on from.

    Args:
        network: trained; in the model folder its last convolution's channels are cut down to the recipe's regions.
        recipe: that it was trained by.
        output: the folder above.
        learned: what the card tells.

    Returns:
        The model folder.
    """
    from safetensors.torch import save_file

    state = {
        name: value.detach().cpu().contiguous()
        for name, value in network.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }
    data = _sources(learned)
    fold = learned.start.left_out(learned.fold)
    with atomic_write(output / NETWORK_FILE) as temporary:
        save_file(state, temporary, metadata=network_facts(data, fold))
    kept = [CHANNEL_IDS.index(region) for region in recipe.regions]
    for name in (f"{HEAD}weight", f"{HEAD}bias"):
        state[name] = state[name][kept]
    weights = {name: value.half() if value.is_floating_point() else value for name, value in state.items()}
    contract = ModelContract(
        name=recipe.name,
        version=__version__,
        task="segment" if recipe.locator else "locate",
        modality="CT",
        title=recipe.title,
        architecture=replace(recipe.architecture, args={**recipe.architecture.args, "channels": len(kept)}),
        input=recipe.input,
        regions=recipe.regions,
        decision=Decision(dict.fromkeys(recipe.regions, recipe.threshold), recipe.cleanup, recipe.smooth_mm),
        locate=Locate(recipe.locator) if recipe.locator else None,
        weights=None,
        training=TrainingRecord(
            data=data,
            recipe=recipe.name,
            date=datetime.datetime.now(tz=datetime.UTC).date().isoformat(),
            seed=recipe.seed,
            steps=learned.steps,
            encoder_start=learned.start.sentence,
            product_version=__version__,
            fold=fold,
        ),
        scores=(),
        limits=recipe.limits,
        license=OWN_LICENSE if all(source.license == _OWN[1] for source in data) else LICENSE,
    )
    return write_folder(output / recipe.name, contract, weights)


def _sources(learned: Learned) -> tuple[DataSource, ...]:
    """By data set; what an earlier model learned from counts too, since its weights went in."""
    found = {}
    known = 0
    for prefix, (name, license_) in _SOURCES.items():
        if count := sum(patient.startswith(prefix) for patient in learned.patients):
            found[name] = DataSource(name, license_, count)
            known += count
    if len(learned.patients) > known:
        found[_OWN[0]] = DataSource(*_OWN, len(learned.patients) - known)
    if learned.shapes:
        name = "KiTS23 label maps (Heller et al.): shapes and places of synthetic lesions"
        found[name] = DataSource(name, _SOURCES["kits"][1], learned.shapes)
    for source in learned.start.data:
        here = found.get(source.name)
        found[source.name] = source if here is None or source.patients > here.patients else here
    return tuple(found.values())
