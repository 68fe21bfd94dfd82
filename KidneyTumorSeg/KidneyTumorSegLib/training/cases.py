"""Cases to learn from: read, turned canonical, and brought to the model's in-plane spacing once.

A data folder may hold `ct/NAME_ct.nii.gz` with `ct/NAME_seg.nii.gz` (whole abdomens) and `kits/*.npz` (KiTS patients
as 8-bit windowed pictures, whole volumes or single slices). Labels: 0 background, 1 kidney, 2 tumor, 3 cyst, then
organs as in `channels.ORGAN_CHANNELS`.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from ..inference.prepare import resample_in_plane, working_size
from ..volume import LabelMap, Volume, canonical
from ..volume.phantom import phantom_grid, random_phantom
from ..volume.read import read_label_map, read_volume
from .channels import CHANNEL_IDS, ORGAN_CHANNELS, REGION_CHANNELS

logger = logging.getLogger(__name__)

_REGION_IDS = frozenset(channel.id for channel in REGION_CHANNELS)
# Sources whose vessel labels are whole trees, not the aorta and the cava that the others mean.
_VESSEL_TREES = ("ircadb",)
_VESSEL_IDS = frozenset({"aorta", "inferior_vena_cava", "portal_and_splenic_vein"})
# Partly rebuilt from pictures whose gray scale had to be estimated: good for kidneys, not for what is in them.
_KIDNEYS_ONLY = ("kits_00201",)


@dataclass(frozen=True, eq=False)
class Case:
    """One patient's images, ready to draw samples from.

    Attributes:
        name: of the scan.
        patient: whom it belongs to; splits are by patient.
        kind: "abdomen", "kits-volume", "kits-slice" or "phantom".
        hu: int16 [k, j, i], canonical order, in-plane at the working spacing.
        labels: uint8, same shape.
        slice_spacing_mm: between slices.
        known: ids of the channels that this case's labels speak of.
        floor_hu: values at or below it mean "at or below" (the source was cut off there).
    """

    name: str
    patient: str
    kind: str
    hu: npt.NDArray[np.int16]
    labels: npt.NDArray[np.uint8]
    slice_spacing_mm: float
    known: frozenset[str]
    floor_hu: float


def read_cases(data: Path, spacing_mm: float) -> list[Case]:
    """All cases of a data folder.

    Args:
        data: the folder.
        spacing_mm: in-plane working spacing.

    Raises:
        InputError: there is nothing to learn from, or a file cannot be used.
    """
    cases = [*_read_abdomens(data / "ct", spacing_mm), *_read_kits(data / "kits", spacing_mm)]
    if not cases:
        raise InputError(
            f"There are no training cases in {data}: expected ct/NAME_ct.nii.gz with ct/NAME_seg.nii.gz, or kits/*.npz."
        )
    return cases


def phantom_cases(count: int, seed: int, spacing_mm: float) -> list[Case]:
    """Synthetic abdomens, so that the self-test on a phantom means something; never counted as patients."""
    cases = []
    for number in range(count):
        random = np.random.default_rng((seed, number))
        grid = phantom_grid((max(1.6, spacing_mm), max(1.6, spacing_mm), 5.0), (352.0, 256.0, 200.0))
        volume, truth = random_phantom(random).scan(grid, float(random.uniform(4, 22)), seed=number)
        cases.append(_case(volume, truth, spacing_mm, f"phantom{number}", f"phantom{number}", "phantom", _REGION_IDS))
    return cases


def _read_abdomens(folder: Path, spacing_mm: float) -> Iterator[Case]:
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
        known = _REGION_IDS | organs
        yield _case(volume, truth, spacing_mm, name, name, "abdomen", frozenset(known), float(volume.voxels.min()))


def _read_kits(folder: Path, spacing_mm: float) -> Iterator[Case]:
    for file in sorted(folder.glob("*.npz")):
        with np.load(file, allow_pickle=False) as pack:
            low, high = (float(value) for value in pack["window_hu"])
            hu = np.rint(low + pack["image"].astype(np.float32) / 255 * (high - low)).astype(np.int16)
            labels, patients = pack["label"], [str(name) for name in pack["patient"]]
            spacings, numbers = pack["spacing_zyx"].astype(float), pack["slice_index"]
        if file.name.startswith("case_"):
            yield _kits_case(hu, labels, spacings[0], spacing_mm, patients[0], patients[0], "kits-volume", low)
            continue
        for at, patient in enumerate(patients):
            name = f"{patient}_slice{int(numbers[at])}"
            one = slice(at, at + 1)
            yield _kits_case(hu[one], labels[one], spacings[at], spacing_mm, name, patient, "kits-slice", low)


def _kits_case(
    hu: npt.NDArray[np.int16],
    labels: npt.NDArray[np.uint8],
    spacing_zyx: npt.NDArray[np.float64],
    spacing_mm: float,
    name: str,
    patient: str,
    kind: str,
    floor_hu: float,
) -> Case:
    affine = np.diag([spacing_zyx[2], spacing_zyx[1], -spacing_zyx[0], 1.0])  # KiTS counts slices from the head down
    volume = Volume.of(hu, affine, source=name)
    known = frozenset({REGION_CHANNELS[0].id}) if patient in _KIDNEYS_ONLY else _REGION_IDS
    return _case(volume, LabelMap(labels, volume.grid), spacing_mm, name, patient, kind, known, floor_hu)


def _case(
    volume: Volume,
    truth: LabelMap,
    spacing_mm: float,
    name: str,
    patient: str,
    kind: str,
    known: frozenset[str],
    floor_hu: float = -1024.0,
) -> Case:
    import torch

    upright, order = canonical(volume)
    si, sj, sk = upright.spacing
    _, height, width = upright.grid.shape
    size = working_size((height, width), (sj, si), spacing_mm)
    hu = resample_in_plane(torch.from_numpy(upright.voxels.astype(np.float32)), size)
    labels = _resample_labels(order.apply(truth.labels), size)
    if strangers := known - set(CHANNEL_IDS):
        raise ValueError(f"These are no channels: {strangers}.")
    logger.info("%s: %d slices of %dx%d, %s", name, hu.shape[0], *size, kind)
    return Case(name, patient, kind, hu.round().numpy().astype(np.int16), labels, sk, known, floor_hu)


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
