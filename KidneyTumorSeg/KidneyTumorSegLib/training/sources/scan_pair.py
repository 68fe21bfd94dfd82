"""One image with its mask: read, compared, and the mask's values turned into ours. All layouts come through here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ...anatomy import KIDNEY_AND_MASSES
from ...checks import check_volume
from ...errors import InputError
from ...volume import LabelMap, Volume
from ...volume.read import read_label_map, read_volume
from .source import AIR_HU, Kind, Source

GRID_TOLERANCE_MM = 0.05
"""NIfTI keeps positions in single precision and, in its qform, turns as a quaternion: two honest headers of one scan
may differ by a hundredth of a millimeter at the far corner."""


@dataclass(frozen=True)
class Meaning:
    """What the values of a data set's masks mean.

    Attributes:
        values: value in the file to our value; any other value is an error.
        known_of: our values that a mask has, to the ids of the channels that it speaks of.
    """

    values: Mapping[int, int]
    known_of: Callable[[frozenset[int]], frozenset[str]]


@dataclass(frozen=True)
class ScanPair:
    """Where a scan and its mask are, and whose they are.

    Attributes:
        name, patient, kind: as in `Source`.
        image, mask: files.
        meaning: of the mask's values.
    """

    name: str
    patient: str
    kind: Kind
    image: Path
    mask: Path
    meaning: Meaning


def read_pair(pair: ScanPair) -> Source:
    """Read both and prove that they belong together.

    Raises:
        InputError: a file cannot be read; the image is no CT that can be used; the mask has another shape or lies
            elsewhere; it has a value that means nothing, or marks no kidney though it should.
    """
    volume, truth = read_volume(pair.image), read_label_map(pair.mask)
    image, mask = _called(pair.image), _called(pair.mask)
    _refuse_other_grid(volume, truth, image, mask)
    check_volume(volume)
    labels, values = _translate(truth.labels, pair.meaning.values, mask)
    known = pair.meaning.known_of(values)
    if KIDNEY_AND_MASSES.id in known and not values & KIDNEY_AND_MASSES.labels:
        raise InputError(
            f"{mask} marks no kidney, tumor or cyst in the whole scan. Draw them, or take the case out of the folder."
        )
    return Source(pair.name, pair.patient, pair.kind, volume, LabelMap(labels, truth.grid), known, AIR_HU)


def _refuse_other_grid(volume: Volume, truth: LabelMap, image: str, mask: str) -> None:
    if volume.grid.shape != truth.grid.shape:
        shapes = [" x ".join(str(n) for n in reversed(grid.shape)) for grid in (truth.grid, volume.grid)]
        raise InputError(
            f"{mask} does not lie on the grid of {image}: it has {shapes[0]} voxels, the scan {shapes[1]}. "
            "Give the mask that was drawn on this scan."
        )
    if not volume.grid.same_as(truth.grid, GRID_TOLERANCE_MM):
        raise InputError(
            f"{mask} does not lie on the grid of {image}: shape, spacing or place differ. "
            "Give the mask that was drawn on this scan, or copy the scan's geometry to it."
        )


def _translate(
    labels: npt.NDArray[np.uint8], meaning: Mapping[int, int], mask: str
) -> tuple[npt.NDArray[np.uint8], frozenset[int]]:
    """Labels in our values, and which of these occur."""
    seen = np.zeros(256, bool)
    for plane in labels:  # slice by slice: a whole scan as indices would take eight times its size
        seen[plane] = True
    values = frozenset(np.flatnonzero(seen).tolist())
    if strangers := sorted(values - set(meaning)):
        raise InputError(
            f"{mask} has the label {'value' if len(strangers) == 1 else 'values'} "
            f"{', '.join(map(str, strangers))}, but only {', '.join(map(str, sorted(meaning)))} mean something here. "
            "Correct the mask."
        )
    if all(meaning[value] == value for value in values):
        return labels, values
    table = np.zeros(256, np.uint8)
    table[list(meaning)] = list(meaning.values())
    return table[labels], frozenset(meaning[value] for value in values)


def _called(file: Path) -> str:
    """A file's name, with its folder where all files are called alike (`case_00042/imaging.nii.gz`)."""
    alike = file.name.startswith(("imaging.", "segmentation.", "aggregated_"))
    return f"{file.parent.name}/{file.name}" if alike else file.name
