"""KiTS folders as their makers publish them: one folder a case, `case_00042/imaging.nii.gz` with its mask.

- KiTS19: `data/case_00000/{imaging,segmentation}.nii.gz`; 1 kidney with its cysts, 2 tumor; 210 of 300 have a mask.
- KiTS21: `data/case_00000/{imaging,aggregated_MAJ_seg}.nii.gz`; 1 kidney, 2 tumor, 3 cyst: the vote of three people.
- KiTS23: `dataset/case_00000/{imaging,segmentation}.nii.gz`; as KiTS21. The images may also lie apart, as the archive
  that they come from names them: `images/case_00000.nii.gz`.

Their arrays run from the head down, to the back and to the patient's left (nibabel's axes 0, 1, 2), which ITK reads as
(i, j, k). The affine says so; nothing is turned here, `canonical` does that for every source.
Source: the README files of neheller/kits19, kits21 and kits23.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from .entry import Entry, Found, patient_of
from .problem import Problem
from .scan_pair import Meaning, ScanPair, read_pair
from .source import REGION_IDS

EXPECTED = "case_00000/imaging.nii.gz with segmentation.nii.gz or aggregated_MAJ_seg.nii.gz (KiTS19, KiTS21, KiTS23)"
IMAGES = "images"
"""The folder where images lie apart from their masks."""

_IMAGE, _MASK, _VOTED_MASK = "imaging.nii.gz", "segmentation.nii.gz", "aggregated_MAJ_seg.nii.gz"
_KITS19_LABELED = 210  # of its cases, the first; the makers kept the masks of the others
_KITS19_CASES = 300

# Cysts are counted inside the kidney: what is a mass is not known, what is a tumor is.
KITS19_KNOWN = REGION_IDS - {"masses"}


def _known_if_cysts(values: frozenset[int]) -> frozenset[str]:
    return REGION_IDS if 3 in values else KITS19_KNOWN


_FOUR = {value: value for value in range(4)}
_MEANINGS = {
    "KiTS19": Meaning({value: value for value in range(3)}, lambda values: KITS19_KNOWN),
    "KiTS21": Meaning(_FOUR, lambda values: REGION_IDS),
    "KiTS23": Meaning(_FOUR, lambda values: REGION_IDS),
    # A folder that does not say which it is: a cyst can only be of the newer ones, its absence proves nothing.
    "KiTS19 or KiTS23": Meaning(_FOUR, _known_if_cysts),
}


@dataclass(frozen=True)
class _Case:
    """One case's folder and what lies in it."""

    name: str
    image: Path
    mask: Path
    is_voted: bool

    @property
    def number(self) -> int:
        return int(self.name[-5:])


def find(folder: Path, image_folders: Sequence[Path] = ()) -> Found:
    """The KiTS cases of a folder.

    Args:
        folder: that holds the folders of the cases.
        image_folders: where images may lie apart from their masks, as `case_00000.nii.gz`.
    """
    apart = {file.name: file for images in image_folders for file in sorted(images.glob("case_?????.nii.gz"))}
    cases = [_case(one, apart) for one in sorted(folder.glob("case_?????")) if one.is_dir() and one.name[5:].isdigit()]
    cases = [case for case in cases if case.image.is_file() or case.mask.is_file()]
    return Found.of(_sorted_out(cases, _edition(folder, [case for case in cases if not case.is_voted])))


def _case(folder: Path, apart: dict[str, Path]) -> _Case:
    voted, image = folder / _VOTED_MASK, folder / _IMAGE
    is_voted = voted.is_file()
    if not image.is_file():
        image = apart.get(f"{folder.name}.nii.gz", image)
    return _Case(folder.name, image, voted if is_voted else folder / _MASK, is_voted)


def _edition(folder: Path, cases: Sequence[_Case]) -> str:
    """Which KiTS the cases with a `segmentation.nii.gz` are: KiTS19 and KiTS23 share the names, but not the labels."""
    labeled = [case for case in cases if case.mask.is_file()]
    around = (folder, folder.parent)
    if any((place / "kits23.json").is_file() for place in around):
        return "KiTS23"
    if any((case.mask.parent / "instances").is_dir() or case.number >= _KITS19_LABELED for case in labeled):
        return "KiTS23"
    if any((place / "kits.json").is_file() for place in around):
        return "KiTS19"
    return "KiTS23" if folder.name == "dataset" else "KiTS19 or KiTS23"


def _sorted_out(cases: Sequence[_Case], edition: str) -> Iterator[Entry | Problem]:
    unlabeled = 0
    may_be_kits19 = edition != "KiTS23" and not any(case.is_voted for case in cases)
    for case in cases:
        name = case.name
        if not case.image.is_file():
            text = f"{name}/{_IMAGE} is missing beside {case.mask.name}, and no folder {IMAGES} has {name}.nii.gz."
            yield Problem(name, f"{text} Download the image.")
        elif case.mask.is_file():
            patient, layout = patient_of(name), "KiTS21" if case.is_voted else edition
            pair = ScanPair(patient, patient, "kits-volume", case.image, case.mask, _MEANINGS[layout])
            yield Entry(patient, patient, "kits-volume", layout, partial(read_pair, pair))
        elif may_be_kits19 and _KITS19_LABELED <= case.number < _KITS19_CASES:
            unlabeled += 1
        else:
            yield Problem(name, f"{name} has no mask: expected {_MASK} or {_VOTED_MASK} beside {_IMAGE}.")
    if unlabeled:
        text = f"{unlabeled} cases of KiTS19's own test part have no mask, and are not used."
        yield Problem(f"case_00{_KITS19_LABELED} and on", text, expected=True)
    if edition == "KiTS19 or KiTS23" and any(case.mask.is_file() and not case.is_voted for case in cases):
        text = (
            "The folder does not say whether it is KiTS19, where cysts are counted inside the kidney, or KiTS23. "
            "Scans without a cyst teach nothing of what is a mass; put kits.json or kits23.json beside the cases."
        )
        yield Problem("the KiTS cases", text, expected=True)
