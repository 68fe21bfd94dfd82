"""The packs: `ct/NAME_ct.nii.gz` with `ct/NAME_seg.nii.gz` (whole abdomens), `kits/*.npz` (windowed 8-bit pictures)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import chain
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ...errors import InputError
from ...volume import LabelMap, Volume
from ...volume.read import read_label_map, read_volume
from ..channels import ORGAN_CHANNELS, REGION_CHANNELS
from .source import REGION_IDS, Source

# Sources whose vessel labels are whole trees, not the aorta and the cava that the others mean.
_VESSEL_TREES = ("ircadb",)
_VESSEL_IDS = frozenset({"aorta", "inferior_vena_cava", "portal_and_splenic_vein"})
# Partly rebuilt from pictures whose gray scale had to be estimated: good for kidneys, not for what is in them.
_KIDNEYS_ONLY = ("kits_00201",)


def read_sources(data: Path) -> Iterator[Source]:
    """All sources of a data folder, one after the other.

    Raises:
        InputError: there is nothing in it, or a file cannot be used.
    """
    found = False
    for source in chain(_read_abdomens(data / "ct"), _read_kits(data / "kits")):
        found = True
        yield source
    if not found:
        raise InputError(
            f"There are no training cases in {data}: expected ct/NAME_ct.nii.gz with ct/NAME_seg.nii.gz, or kits/*.npz."
        )


def _read_abdomens(folder: Path) -> Iterator[Source]:
    for image in sorted(folder.glob("*_ct.nii.gz")):
        name = image.name.removesuffix("_ct.nii.gz")
        mask = image.with_name(f"{name}_seg.nii.gz")
        if not mask.is_file():
            raise InputError(f"The CT {image.name} has no label map beside it: expected {mask.name}.")
        volume, truth = read_volume(image), read_label_map(mask)
        if not volume.grid.same_as(truth.grid):
            raise InputError(f"{mask.name} does not lie on the grid of {image.name}: shape, spacing or place differ.")
        organs = {c.id for c in ORGAN_CHANNELS if np.isin(truth.labels, sorted(c.labels)).any()}
        if name.startswith(_VESSEL_TREES):
            organs -= _VESSEL_IDS
        yield Source(name, name, "abdomen", volume, truth, REGION_IDS | organs, float(volume.voxels.min()))


def _read_kits(folder: Path) -> Iterator[Source]:
    for file in sorted(folder.glob("*.npz")):
        with np.load(file, allow_pickle=False) as pack:
            low, high = (float(value) for value in pack["window_hu"])
            hu = np.rint(low + pack["image"].astype(np.float32) / 255 * (high - low)).astype(np.int16)
            labels, patients = pack["label"], [str(name) for name in pack["patient"]]
            spacings, numbers = pack["spacing_zyx"].astype(float), pack["slice_index"]
        if file.name.startswith("case_"):
            yield _kits_source(hu, labels, spacings[0], patients[0], "kits-volume", low)
            continue
        for at, patient in enumerate(patients):
            one = slice(at, at + 1)
            source = _kits_source(hu[one], labels[one], spacings[at], patient, "kits-slice", low)
            yield replace(source, name=f"{patient}_slice{int(numbers[at])}")


def _kits_source(
    hu: npt.NDArray[np.int16],
    labels: npt.NDArray[np.uint8],
    spacing_zyx: npt.NDArray[np.float64],
    patient: str,
    kind: str,
    floor_hu: float,
) -> Source:
    affine = np.diag([spacing_zyx[2], spacing_zyx[1], -spacing_zyx[0], 1.0])  # KiTS counts slices from the head down
    volume = Volume.of(hu, affine, source=patient)
    known = frozenset({REGION_CHANNELS[0].id}) if patient in _KIDNEYS_ONLY else REGION_IDS
    return Source(patient, patient, kind, volume, LabelMap(labels, volume.grid), known, floor_hu)
