"""Prepared cases in one small file, to train on a machine that has neither the data nor what reads it.

The values are cut to -300..465 HU and kept to 3 HU, far finer than the noise of a scan; whole scans are cut to the
kidneys' surroundings, which is what a model is shown once it has been told where the kidneys are.
"""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from ..export import atomic_write
from .case import Case
from .variants import around_kidneys

PACK_FILE = "cases.npz"
_BESIDE = ("kits_masks", "weights")  # folders that training looks for in its data, small enough to travel
_LOWEST_HU, _STEP_HU = -300, 3
_FACTS = ("name", "patient", "kind", "floor_hu", "ceiling_hu", "slice_spacing_mm", "spacing_mm")


def write_pack(cases: Iterable[Case], data: Path, output: Path) -> Path:
    """Write `output/cases.npz`, and copy what else training takes from the data folder.

    Args:
        cases: prepared by a recipe.
        data: where they came from.
        output: a folder, made if need be.

    Returns:
        The file with the cases.
    """
    arrays: dict[str, npt.NDArray[np.uint8]] = {}
    facts = []
    for number, case in enumerate(cases):
        near = (around_kidneys(case) if len(case.hu) > 1 else None) or case
        facts.append({**{fact: getattr(near, fact) for fact in _FACTS}, "known": sorted(near.known)})
        arrays[f"hu{number}"] = _differences(near.hu)
        arrays[f"labels{number}"] = near.labels
    output.mkdir(parents=True, exist_ok=True)
    with atomic_write(output / PACK_FILE) as temporary:
        np.savez_compressed(temporary, facts=np.array(json.dumps(facts)), **arrays)  # type: ignore[arg-type]
    for folder in _BESIDE:
        if (data / folder).is_dir():
            shutil.copytree(data / folder, output / folder, dirs_exist_ok=True)
    return output / PACK_FILE


def read_pack(file: Path, spacing_mm: float) -> list[Case]:
    """The cases of a pack.

    Args:
        file: that `write_pack` wrote.
        spacing_mm: in-plane, that the recipe wants.

    Raises:
        InputError: the file is damaged, or was made for another spacing.
    """
    try:
        with np.load(file, allow_pickle=False) as pack:
            facts = json.loads(str(pack["facts"]))
            read = [(fact, _values(pack[f"hu{n}"]), pack[f"labels{n}"]) for n, fact in enumerate(facts)]
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise InputError(f"The packed cases {file} cannot be read: {error}. Pack them again.") from error
    if any(fact["spacing_mm"] != spacing_mm for fact in facts):
        raise InputError(
            f"The cases in {file} were packed at {facts[0]['spacing_mm']:g} mm, but the recipe works at "
            f"{spacing_mm:g} mm. Pack them again with this recipe."
        )
    return [Case(**{**fact, "known": frozenset(fact["known"])}, hu=hu, labels=labels) for fact, hu, labels in read]


def _differences(hu: npt.NDArray[np.int16]) -> npt.NDArray[np.uint8]:
    """Steps of 3 HU as differences along the rows, which compress to half the size."""
    steps = np.clip(np.rint((hu.astype(np.float32) - _LOWEST_HU) / _STEP_HU), 0, 255).astype(np.uint8)
    return np.diff(steps, axis=-1, prepend=np.uint8(0))


def _values(differences: npt.NDArray[np.uint8]) -> npt.NDArray[np.int16]:
    steps = np.cumsum(differences, axis=-1, dtype=np.uint8)
    return steps.astype(np.int16) * np.int16(_STEP_HU) + np.int16(_LOWEST_HU)
