"""A plain folder of scans: `NAME_imaging.nii.gz` with `NAME_segmentation.nii.gz`, or as NRRD or MetaImage.

The values are ours: 1 kidney, 2 tumor, 3 cyst, all of them drawn wherever they are; organs, where a mask has them, as
in `source.LABEL_VALUES`.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from ...volume.image_file import ENDINGS
from .entry import Entry, Found, kind_of, patient_of
from .problem import Problem
from .scan_pair import Meaning, ScanPair, read_pair
from .source import LABEL_VALUES, REGION_IDS, organs_in

LAYOUT = "pairs"
EXPECTED = "NAME_imaging.nii.gz with NAME_segmentation.nii.gz (also .nrrd, .mha)"
_IMAGE, _MASK = "_imaging", "_segmentation"


def find(folder: Path) -> Found:
    """The pairs of a folder."""
    return Found.of(_sorted_out(folder))


def _sorted_out(folder: Path) -> Iterator[Entry | Problem]:
    images, masks = _by_name(folder, _IMAGE), _by_name(folder, _MASK)
    meaning = Meaning({value: value for value in LABEL_VALUES}, lambda values: REGION_IDS | organs_in(values))
    for name in sorted(images | masks):
        if name not in masks:
            yield Problem(name, f"{images[name].name} has no mask beside it: expected {name}{_MASK}.nii.gz.")
        elif name not in images:
            yield Problem(name, f"{masks[name].name} has no scan beside it: expected {name}{_IMAGE}.nii.gz.")
        else:
            patient = patient_of(name)
            pair = ScanPair(patient, patient, kind_of(patient), images[name], masks[name], meaning)
            yield Entry(patient, patient, pair.kind, LAYOUT, partial(read_pair, pair))


def _by_name(folder: Path, mark: str) -> dict[str, Path]:
    """Files `NAME<mark><ending>` by NAME."""
    found = {}
    for file in sorted(folder.glob(f"*{mark}.*")):
        name, _, ending = file.name.rpartition(mark)
        for known in (*ENDINGS, ".seg.nrrd"):
            if ending.lower() == known and name:
                found[name] = file
    return found
