"""What all `.nrrd` files from here share: space, directions, fast compression, texts that fit into the header."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..volume import Grid

COMPRESSION_LEVEL = 1
"""Of gzip: label maps shrink to a hundredth at once; higher levels cost seconds and gain little."""

RECORD_KEY = "KidneyTumorSeg_Record"
"""Header field: how the labels were made (JSON)."""
REFERENCE_KEY = "KidneyTumorSeg_Reference"
"""Header field: what the user calls the CT."""


def own_fields(reference_name: str, record_json: str) -> dict[str, str]:
    """The header fields of ours that are not empty, each one line of ASCII.

    Raises:
        ValueError: the record is no JSON.
    """
    fields = {}
    if reference_name:
        fields[REFERENCE_KEY] = json.dumps(reference_name)[1:-1]  # NRRD headers are ASCII: \u00e9 and the like
    if record_json:
        fields[RECORD_KEY] = json.dumps(json.loads(record_json))  # one line
    return fields


def write_nrrd(path: Path, array: npt.NDArray[Any], grid: Grid, fields: dict[str, str]) -> None:
    """Write an array [k, j, i] as NRRD in LPS space: affine exact, voxels in the file's order i, j, k.

    Raises:
        OSError: the file cannot be written.
    """
    import nrrd

    header: dict[str, Any] = {
        "space": "left-posterior-superior",
        "kinds": ["domain"] * 3,
        "space directions": grid.affine[:3, :3].T,
        "space origin": grid.origin,
        "encoding": "gzip",
        **fields,
    }
    array = np.ascontiguousarray(array)
    nrrd.write(str(path), array, header, compression_level=COMPRESSION_LEVEL, index_order="C")
