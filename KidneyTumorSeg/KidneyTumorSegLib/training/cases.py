"""Cases to learn from: read, then turned canonical and brought to the model's in-plane spacing once.

A data folder may hold `ct/NAME_ct.nii.gz` with `ct/NAME_seg.nii.gz` (whole abdomens) and `kits/*.npz` (KiTS patients
as 8-bit windowed pictures, whole volumes or single slices). Labels: 0 background, 1 kidney, 2 tumor, 3 cyst, then
organs as in `channels.ORGAN_CHANNELS`.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from ..inference.prepare import resample_in_plane, working_size
from ..volume import LabelMap, Volume, canonical
from ..volume.phantom import phantom_grid, random_phantom
from ..volume.read import read_label_map, read_volume
from .channels import ORGAN_CHANNELS, REGION_CHANNELS

logger = logging.getLogger(__name__)

_REGION_IDS = frozenset(channel.id for channel in REGION_CHANNELS)
# Sources whose vessel labels are whole trees, not the aorta and the cava that the others mean.
_VESSEL_TREES = ("ircadb",)
_VESSEL_IDS = frozenset({"aorta", "inferior_vena_cava", "portal_and_splenic_vein"})
# Partly rebuilt from pictures whose gray scale had to be estimated: good for kidneys, not for what is in them.
_KIDNEYS_ONLY = ("kits_00201",)


@dataclass(frozen=True, eq=False)
class Source:
    """One patient's images and labels as they were delivered.

    Attributes:
        name: of the scan.
        patient: whom it belongs to; splits are by patient.
        kind: "abdomen", "kits-volume", "kits-slice" or "phantom".
        volume: CT.
        truth: reference labels on the CT's grid.
        known: ids of the channels that the labels speak of.
        floor_hu: values at or below it mean "at or below" (the source was cut off there).
    """

    name: str
    patient: str
    kind: str
    volume: Volume
    truth: LabelMap
    known: frozenset[str]
    floor_hu: float


@dataclass(frozen=True, eq=False)
class Case:
    """One source, ready to draw samples from.

    Attributes:
        name, patient, kind, known, floor_hu: as in `Source`.
        hu: int16 [k, j, i], canonical order, in-plane at the working spacing.
        labels: uint8, same shape.
        slice_spacing_mm: between slices.
    """

    name: str
    patient: str
    kind: str
    known: frozenset[str]
    floor_hu: float
    hu: npt.NDArray[np.int16]
    labels: npt.NDArray[np.uint8]
    slice_spacing_mm: float


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


def phantom_sources(count: int, seed: int) -> Iterator[Source]:
    """Synthetic abdomens, so that the self-test on a phantom means something; never counted as patients."""
    for number in range(count):
        random = np.random.default_rng((seed, number))
        grid = phantom_grid((1.6, 1.6, 5.0), (352.0, 256.0, 200.0))
        volume, truth = random_phantom(random).scan(grid, float(random.uniform(4, 22)), seed=number)
        name = f"phantom{number}"
        yield Source(name, name, "phantom", volume, truth, _REGION_IDS, -1024.0)


def prepare(source: Source, spacing_mm: float) -> Case:
    """Turn a source canonical and bring it to the working spacing in-plane.

    Args:
        source: as delivered.
        spacing_mm: in-plane working spacing.
    """
    import torch

    upright, order = canonical(source.volume)
    si, sj, sk = upright.spacing
    _, height, width = upright.grid.shape
    size = working_size((height, width), (sj, si), spacing_mm)
    hu = resample_in_plane(torch.from_numpy(upright.voxels.astype(np.float32)), size).round().numpy().astype(np.int16)
    labels = _resample_labels(order.apply(source.truth.labels), size)
    logger.info("%s: %d slices of %dx%d, %s", source.name, hu.shape[0], *size, source.kind)
    return Case(source.name, source.patient, source.kind, source.known, source.floor_hu, hu, labels, sk)


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
        yield Source(name, name, "abdomen", volume, truth, _REGION_IDS | organs, float(volume.voxels.min()))


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
    known = frozenset({REGION_CHANNELS[0].id}) if patient in _KIDNEYS_ONLY else _REGION_IDS
    return Source(patient, patient, kind, volume, LabelMap(labels, volume.grid), known, floor_hu)


def _resample_labels(labels: npt.NDArray[np.uint8], size: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """Each label is resampled as an image, and the strongest wins: edges stay smooth and in place."""
    import torch

    best = torch.zeros(labels.shape[0], *size)
    winner = torch.zeros(labels.shape[0], *size, dtype=torch.uint8)
    for value in np.unique(labels):
        share = resample_in_plane(torch.from_numpy((labels == value).astype(np.float32)), size)
        better = share > best
        best[better], winner[better] = share[better], int(value)
    return winner.numpy()
