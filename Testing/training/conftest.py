"""Data folders as a user would have them, filled with synthetic abdomens."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from KidneyTumorSegLib.export import write_segmentation, write_volume
from KidneyTumorSegLib.volume import LabelMap, Volume, canonical
from KidneyTumorSegLib.volume.phantom import phantom_grid, random_phantom

Scan = tuple[Volume, LabelMap]
LAYOUTS = ("packs", "kits19", "kits21", "kits23", "kits23-apart", "nnunet", "pairs")


@cache
def _phantom(seed: int) -> Scan:
    return random_phantom(np.random.default_rng(seed)).scan(phantom_grid((4.0, 4.0, 8.0)))


def _write_abdomen(folder: Path, name: str, seed: int) -> Scan:
    volume, truth = _phantom(seed)
    (folder / "ct").mkdir(exist_ok=True)
    write_volume(folder / "ct" / f"{name}_ct.nii.gz", volume)
    write_segmentation(folder / "ct" / f"{name}_seg.nii.gz", truth)
    return volume, truth


def _as_kits(volume: Volume, truth: LabelMap) -> Scan:
    """The same scan as KiTS stores it: ITK's i from the head down, j to the back, k to the left; no position."""
    upright, order = canonical(volume)

    def turned(voxels: npt.NDArray[Any]) -> npt.NDArray[Any]:
        return np.ascontiguousarray(voxels[::-1].transpose(2, 1, 0))

    sx, sy, sz = upright.spacing
    affine = np.eye(4)
    affine[:3, :3] = np.array([[0, 0, sx], [0, sy, 0], [-sz, 0, 0]])
    stored = Volume.of(turned(upright.voxels), affine)
    return stored, LabelMap(turned(order.apply(truth.labels)), stored.grid)


def _write_case(folder: Path, layout: str, number: int, scan: Scan, ending: str) -> None:
    """Image and mask under the names of one layout."""
    name, own = f"case_{number:05d}", f"patient{number}"
    places = {
        "packs": (f"ct/{own}_ct", f"ct/{own}_seg"),
        "kits19": (f"data/{name}/imaging", f"data/{name}/segmentation"),
        "kits21": (f"data/{name}/imaging", f"data/{name}/aggregated_MAJ_seg"),
        "kits23": (f"dataset/{name}/imaging", f"dataset/{name}/segmentation"),
        "kits23-apart": (f"archive/images/{name}", f"kits23/dataset/{name}/segmentation"),
        "nnunet": (f"imagesTr/{own}_0000", f"labelsTr/{own}"),
        "pairs": (f"{own}_imaging", f"{own}_segmentation"),
    }
    volume, truth = _as_kits(*scan) if layout.startswith("kits") else scan
    if layout == "kits19":
        truth = LabelMap(np.where(truth.labels == 3, 1, truth.labels).astype(np.uint8), truth.grid)
    image, mask = (folder / f"{place}{ending}" for place in places[layout])
    for file, what in ((image, volume), (mask, Volume(truth.labels, truth.grid))):
        file.parent.mkdir(parents=True, exist_ok=True)
        write_volume(file, what)


def _write_data_set(
    folder: Path,
    layout: str,
    numbers: Sequence[int],
    scans: Sequence[Scan] | None = None,
    ending: str = ".nii.gz",
) -> list[Scan]:
    scans = [_phantom(number) for number in numbers] if scans is None else scans
    for number, scan in zip(numbers, scans, strict=True):
        _write_case(folder, layout, number, scan, ending)
    if layout == "kits19":
        (folder / "data" / "kits.json").write_text("[]")
    if layout == "nnunet":
        labels = {"background": 0, "kidney": 1, "tumor": 2, "cyst": 3}
        table = {"channel_names": {"0": "CT"}, "labels": labels, "numTraining": len(numbers), "file_ending": ending}
        (folder / "dataset.json").write_text(json.dumps(table))
    return list(scans)


@pytest.fixture(scope="session")
def write_abdomen() -> Callable[[Path, str, int], Scan]:
    """Writes `ct/NAME_ct.nii.gz` and `ct/NAME_seg.nii.gz` of a random phantom into a folder."""
    return _write_abdomen


@pytest.fixture(scope="session")
def write_data_set() -> Callable[..., list[Scan]]:
    """Writes a data set as users have it, and gives its scans.

    Arguments: the folder; one of `LAYOUTS`; the cases' numbers, which are the phantoms' seeds too; `scans` to write
    instead of phantoms; `ending`, where the layout leaves the choice.
    """
    return _write_data_set


@pytest.fixture(params=LAYOUTS)
def layout(request: pytest.FixtureRequest) -> str:
    """Each layout in turn."""
    return str(request.param)


@pytest.fixture(scope="session")
def as_kits() -> Callable[[Volume, LabelMap], Scan]:
    """Turns a scan into KiTS's order of axes."""
    return _as_kits
