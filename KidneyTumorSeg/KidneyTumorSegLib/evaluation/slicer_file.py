"""Slicer's segmentation files (`.seg.nrrd`) as label maps.

A segment is known by its ID or name, not by its value: Slicer numbers segments as it likes, may put them on several
layers, and may store only the box that holds them. Nothing is resampled: a box is put back to its place exactly.
"""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

import numpy as np

from ..anatomy import CYST, KIDNEY, TUMOR
from ..errors import InputError
from ..volume import Grid, LabelMap, read_label_map

_PAINT_ORDER = (KIDNEY, CYST, TUMOR)
"""Where segments overlap, the later one wins, as in KiTS."""
_TOLERANCE = 1e-3
"""Of a voxel: a box lies on whole voxels of the larger grid."""


def read_slicer_file(file: Path, onto: Grid | None = None) -> LabelMap:
    """Read the segments called kidney, tumor and cyst; others are left out.

    Args:
        file: `.seg.nrrd`. Without a list of segments its plain values are read.
        onto: grid that a stored box is put back onto, if it is a part of it.

    Raises:
        InputError: it cannot be read, or none of its segments has such a name.
    """
    import nrrd
    import slicerio

    try:
        segmentation: dict[str, Any] = slicerio.read_segmentation(str(file))
    except (nrrd.NRRDError, OSError, EOFError, ValueError, KeyError, zlib.error) as error:
        raise InputError(f"{file.name} cannot be read as a Slicer segmentation ({error}). Save it again.") from error
    segments = segmentation.get("segments") or []
    if not segments:
        return read_label_map(file)
    voxels = segmentation["voxels"]
    shape = voxels.shape[-3:][::-1]  # slicerio's order is i, j, k, after the layers
    labels = np.zeros(shape, np.uint8)
    known = 0
    for structure in _PAINT_ORDER:
        for segment in segments:
            if structure.id in (str(segment.get("id", "")).lower(), str(segment.get("name", "")).lower()):
                layer = voxels[segment.get("layer", 0)] if voxels.ndim == 4 else voxels
                labels[(layer == segment["labelValue"]).T] = structure.value
                known += 1
    if not known:
        names = ", ".join(str(segment.get("name", "?")) for segment in segments)
        raise InputError(
            f"{file.name} has no segment called kidney, tumor or cyst (it has: {names}). Rename its segments."
        )
    label_map = LabelMap(labels, Grid((shape[0], shape[1], shape[2]), segmentation["ijkToLPS"]))
    return label_map if onto is None else _put_back(label_map, onto)


def _put_back(part: LabelMap, onto: Grid) -> LabelMap:
    """The labels on the larger grid; unchanged if they are no part of it."""
    if part.grid.same_as(onto) or not np.allclose(part.grid.affine[:3, :3], onto.affine[:3, :3], atol=1e-4):
        return part
    exact = onto.index(part.grid.origin)
    start = np.rint(exact).astype(int)
    stop = start + np.array(part.grid.shape)
    if np.abs(exact - start).max() > _TOLERANCE or (start < 0).any() or (stop > np.array(onto.shape)).any():
        return part
    labels = np.zeros(onto.shape, np.uint8)
    labels[tuple(slice(first, last) for first, last in zip(start, stop, strict=True))] = part.labels
    return LabelMap(labels, onto)
