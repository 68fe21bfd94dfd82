"""A trained module to a model folder: the kept regions only, half precision, with its contract and card."""

from __future__ import annotations

import datetime
from dataclasses import replace
from pathlib import Path

from .. import __version__
from ..models.contract import DataSource, Decision, Locate, ModelContract, TrainingRecord
from ..models.folder import write_folder
from .channels import CHANNEL_IDS
from .module import SegmentationModule
from .recipe import Recipe

_SOURCES = {
    "btcv": ("BTCV (Synapse syn3193805), rebuilt from windowed pictures", "registration terms, no redistribution"),
    "ircadb": ("3D-IRCADb-01", "CC BY-NC-ND 4.0"),
    "kits": (
        "KiTS19/21/23 (Heller et al.), rebuilt from published pictures, official KiTS23 labels",
        "CC BY-NC-SA 4.0",
    ),
}
LICENSE = (
    "The weights were trained on data whose licenses allow non-commercial use only (see what it learned from); "
    "use them for research and education, not commercially."
)


def write_model(module: SegmentationModule, recipe: Recipe, output: Path, patients: list[str], started: str) -> Path:
    """Write `output/NAME`.

    Args:
        module: trained; its last convolution's channels are cut down to the recipe's regions.
        recipe: that it was trained by.
        output: the folder above.
        patients: who was learned from.
        started: a sentence on the encoder's start.

    Returns:
        The model folder.
    """
    state = {name: value.detach().cpu() for name, value in module.network.state_dict().items()}
    kept = [CHANNEL_IDS.index(region) for region in recipe.regions]
    for name in ("segmentation_head.0.weight", "segmentation_head.0.bias"):
        state[name] = state[name][kept]
    weights = {
        name: value.half().contiguous() if value.is_floating_point() else value
        for name, value in state.items()
        if not name.endswith("num_batches_tracked")
    }
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
            data=_sources(patients),
            recipe=recipe.name,
            date=datetime.datetime.now(tz=datetime.UTC).date().isoformat(),
            seed=recipe.seed,
            steps=recipe.steps,
            encoder_start=started,
            product_version=__version__,
        ),
        scores=(),
        limits=recipe.limits,
        license=LICENSE,
    )
    return write_folder(output / recipe.name, contract, weights)


def _sources(patients: list[str]) -> tuple[DataSource, ...]:
    found = []
    for prefix, (name, license_) in _SOURCES.items():
        if count := sum(patient.startswith(prefix) for patient in patients):
            found.append(DataSource(name, license_, count))
    known = sum(source.patients for source in found)
    if len(patients) > known:
        found.append(DataSource("the user's own data", "the user's own terms", len(patients) - known))
    return tuple(found)
