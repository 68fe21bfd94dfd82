"""The packs: `ct/NAME_ct.nii.gz` with `ct/NAME_seg.nii.gz` (whole abdomens), `kits/*.npz` (windowed 8-bit pictures)."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ...errors import InputError
from ...volume import LabelMap, Volume
from ..channels import REGION_CHANNELS
from .entry import Entry, Found, patient_of
from .problem import Problem
from .scan_pair import Meaning, ScanPair, read_pair
from .source import LABEL_VALUES, REGION_IDS, Kind, Source, organs_in

LAYOUT = "packs"
EXPECTED = "ct/NAME_ct.nii.gz with ct/NAME_seg.nii.gz, or kits/*.npz (the packs)"
# Sources whose vessel labels are whole trees, not the aorta and the cava that the others mean.
_VESSEL_TREES = ("ircadb",)
_VESSEL_IDS = frozenset({"aorta", "inferior_vena_cava", "portal_and_splenic_vein"})
# Rebuilt from pictures of this window (HU); outside the body they are darker still, since that was cut away later.
_PICTURE_WINDOWS_HU = {"btcv": (-175.0, 250.0)}
# Partly rebuilt from pictures whose gray scale had to be estimated: good for kidneys, not for what is in them.
_KIDNEYS_ONLY = ("kits_00201",)
_ARRAYS = ("image", "label", "patient", "slice_index", "spacing_zyx", "window_hu")
_UNREADABLE = (zipfile.BadZipFile, zlib.error, ValueError, KeyError, EOFError, NotImplementedError)
"""What numpy raises on a file that is no pack, is cut off, or lacks an array."""


def find(folder: Path) -> Found:
    """The packs' cases in `folder/ct` and `folder/kits`."""
    return Found.of([*_abdomens(folder / "ct"), *_kits(folder / "kits")])


def _abdomens(folder: Path) -> Iterator[Entry | Problem]:
    images = {file.name.removesuffix("_ct.nii.gz"): file for file in folder.glob("*_ct.nii.gz")}
    masks = {file.name.removesuffix("_seg.nii.gz"): file for file in folder.glob("*_seg.nii.gz")}
    for name in sorted(images | masks):
        image, mask = folder / f"{name}_ct.nii.gz", folder / f"{name}_seg.nii.gz"
        if name not in masks:
            yield Problem(name, f"The CT {image.name} has no label map beside it: expected {mask.name}.")
        elif name not in images:
            yield Problem(name, f"The label map {mask.name} has no CT beside it: expected {image.name}.")
        else:
            patient = patient_of(name)
            known = partial(_known_of_abdomen, name)
            pair = ScanPair(name, patient, "abdomen", image, mask, Meaning({v: v for v in LABEL_VALUES}, known))
            yield Entry(name, patient, "abdomen", LAYOUT, partial(_read_abdomen, pair))


def _known_of_abdomen(name: str, values: frozenset[int]) -> frozenset[str]:
    organs = organs_in(values)
    return REGION_IDS | (organs - _VESSEL_IDS if name.startswith(_VESSEL_TREES) else organs)


def _read_abdomen(pair: ScanPair) -> Source:
    """The packs' abdomens are cut off at both ends: what they hold at most and at least is where."""
    source = read_pair(pair)
    low, high = float(source.volume.voxels.min()), float(source.volume.voxels.max())
    for prefix, (window_low, window_high) in _PICTURE_WINDOWS_HU.items():
        if source.name.startswith(prefix):
            low, high = max(low, window_low), min(high, window_high)
    return replace(source, floor_hu=low, ceiling_hu=high)


def _kits(folder: Path) -> Iterator[Entry | Problem]:
    for file in sorted(folder.glob("*.npz")):
        try:
            with file.open("rb") as stream, np.load(stream, allow_pickle=False) as pack:
                if missing := [name for name in _ARRAYS if name not in pack]:
                    yield Problem(file.name, f"{file.name} is no pack of slices: it lacks {', '.join(missing)}.")
                    continue
                patients, numbers = [str(name) for name in pack["patient"]], pack["slice_index"].tolist()
        except _UNREADABLE:
            yield Problem(file.name, _damaged(file))
            continue
        if file.name.startswith("case_"):
            yield Entry(patients[0], patients[0], "kits-volume", LAYOUT, partial(_read_kits_volume, file, patients[0]))
            continue
        for at, patient in enumerate(patients):
            name = f"{patient}_slice{numbers[at]}"
            yield Entry(name, patient, "kits-slice", LAYOUT, partial(_read_kits_slice, file, at, name, patient))


@dataclass(frozen=True, eq=False)
class _Pack:
    """The arrays of one file: HU and labels [k, j, i], spacing [k, zyx] in mm, the window's ends."""

    hu: npt.NDArray[np.int16]
    labels: npt.NDArray[np.uint8]
    spacings: npt.NDArray[np.float64]
    window_hu: tuple[float, float]


@lru_cache(maxsize=1)
def _load(file: Path, changed_ns: int) -> _Pack:
    """The last file is kept, since its slices are asked for one after the other."""
    del changed_ns  # only parts one version of the file from the next
    try:
        with file.open("rb") as stream, np.load(stream, allow_pickle=False) as pack:
            low, high = (float(value) for value in pack["window_hu"])
            hu = np.rint(low + pack["image"].astype(np.float32) / 255 * (high - low)).astype(np.int16)
            ends = float(np.rint(low)), float(np.rint(high))  # as the voxels are rounded
            labels, spacings = pack["label"], pack["spacing_zyx"].astype(float)
    except _UNREADABLE as error:
        raise InputError(_damaged(file)) from error
    if not hu.shape == labels.shape or hu.ndim != 3:
        raise InputError(f"{file.name}: the labels have the shape {labels.shape}, the image {hu.shape}.")
    return _Pack(hu, labels, spacings, ends)


def _read_kits_volume(file: Path, patient: str) -> Source:
    return _kits_source(file, slice(None), patient, patient, "kits-volume")


def _read_kits_slice(file: Path, at: int, name: str, patient: str) -> Source:
    return _kits_source(file, slice(at, at + 1), name, patient, "kits-slice")


def _kits_source(file: Path, part: slice, name: str, patient: str, kind: Kind) -> Source:
    pack = _load(file, file.stat().st_mtime_ns)
    hu, labels = pack.hu[part], pack.labels[part]
    if strangers := sorted(set(np.unique(labels).tolist()) - {0, 1, 2, 3}):
        raise InputError(f"{file.name} has the label value {strangers[0]}, but only 0, 1, 2, 3 mean something here.")
    if hu.min() == hu.max():
        raise InputError(f"{file.name} is blank here: every pixel has the value {hu.min()} HU. Take the case out.")
    sz, sy, sx = pack.spacings[part][0]
    volume = Volume.of(hu, np.diag([sx, sy, -sz, 1.0]), source=patient)  # KiTS counts slices from the head down
    known = frozenset({REGION_CHANNELS[0].id}) if patient in _KIDNEYS_ONLY else REGION_IDS
    return Source(name, patient, kind, volume, LabelMap(labels, volume.grid), known, *pack.window_hu)


def _damaged(file: Path) -> str:
    return f"{file.name} is no pack of slices, or it is cut off or damaged. Copy or download it again."
