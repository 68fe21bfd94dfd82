"""Folders of label maps: which file is which case, in the layouts that people have.

A case is a file `NAME.nii.gz` (or `.nii`, `.nrrd`, `.seg.nrrd`, `.mha`), whose name may end in `_seg`, `_segmentation`
or `_label`, or a folder `NAME/` with `segmentation.nii.gz` (KiTS19, KiTS23) or `aggregated_MAJ_seg.nii.gz` (KiTS21).
Images beside them (`imaging`, `_ct`, `_0000`) are left alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..errors import InputError
from ..progress import Progress
from ..volume import Grid, LabelMap, Volume, read_label_map, read_volume
from ..volume.image_file import is_image_file_name
from .case import CaseScore, score_case
from .slicer_file import read_slicer_file

_ENDING = re.compile(r"(\.seg\.nrrd|\.nii\.gz|\.nii|\.nrrd|\.nhdr|\.mha|\.mhd)$", re.IGNORECASE)
_MASK_SUFFIX = re.compile(r"[_-](seg|segmentation|label|labels|mask)$", re.IGNORECASE)
_IMAGE_NAME = re.compile(r"(^|[_-])(imaging|image|ct|0000)$", re.IGNORECASE)
_IN_CASE_FOLDER = ("segmentation", "aggregated_MAJ_seg")
_SLICE_SUFFIX = re.compile(r"_slice\d+$")


@dataclass(frozen=True)
class FolderScores:
    """What came of two folders.

    Attributes:
        cases: one for every reference.
        remarks: sentences on what was missing, unreadable or left over.
    """

    cases: tuple[CaseScore, ...]
    remarks: tuple[str, ...]


def find_label_maps(folder: Path) -> dict[str, Path]:
    """The label maps of a folder by case.

    Raises:
        InputError: there is no such folder, or two files are the same case.
    """
    if not folder.is_dir():
        raise InputError(f"There is no folder {folder}. Give the folder that holds the label maps.")
    found: dict[str, Path] = {}
    for name, path in _candidates(folder):
        if name in found:
            raise InputError(
                f"{found[name].relative_to(folder)} and {path.relative_to(folder)} in {folder.name} are both the case "
                f"{name}. Keep one of them."
            )
        found[name] = path
    return found


def score_folders(references: Path, predictions: Path, progress: Progress) -> FolderScores:
    """Score every reference against the prediction of the same case.

    Args:
        references: folder; every file in it must be readable.
        predictions: folder; a missing or unreadable file scores 0 and is named.
        progress: told about cases; the caller has begun no stage.

    Raises:
        InputError: there is nothing to score, a reference cannot be read, or the grids of a case differ.
        EnvironmentProblem: the package for surface distances is missing.
        Cancelled: by the user.
    """
    wanted, given = find_label_maps(references), find_label_maps(predictions)
    if not wanted:
        raise InputError(
            f"There are no label maps in {references}: expected NAME.nii.gz, NAME.nrrd, NAME.seg.nrrd, or "
            "NAME/segmentation.nii.gz."
        )
    if not set(wanted) & set(given):
        raise InputError(
            f"No file of {predictions} is named like a case of {references}, which begin with {min(wanted)}. "
            "Files are matched by their names."
        )
    progress.stage("Scoring", 0.95, len(wanted), "cases")
    cases = []
    for name in sorted(wanted):
        cases.append(_score(name, wanted[name], given.get(name)))
        progress.advance()
    failed = [f"{case.name} scores 0: {case.failure}." for case in cases if case.failure]
    if extra := sorted(set(given) - set(wanted)):
        failed.append(f"Predictions without a reference were not scored: {', '.join(extra)}.")
    return FolderScores(tuple(cases), tuple(failed))


def _score(name: str, reference_file: Path, prediction_file: Path | None) -> CaseScore:
    reference, failure = _read(reference_file, None), ""
    prediction = None
    if prediction_file is None:
        failure = "the prediction is missing"
    else:
        try:
            prediction = _read(prediction_file, reference.grid)
        except InputError as error:
            failure = f"the prediction cannot be used ({str(error).rstrip('.')})"
    patient = _SLICE_SUFFIX.sub("", name)
    scan = _scan_beside(reference_file)
    return score_case(name, reference, prediction, patient=patient, failure=failure, scan=scan)


def _read(file: Path, onto: Grid | None) -> LabelMap:
    """A label map with the label values of `anatomy`."""
    return read_slicer_file(file, onto) if file.name.lower().endswith(".seg.nrrd") else read_label_map(file)


def _candidates(folder: Path) -> Iterator[tuple[str, Path]]:
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            continue
        if path.is_dir():
            inside = [
                file for stem in _IN_CASE_FOLDER for file in sorted(path.glob(f"{stem}.*")) if _is_label_map(file)
            ]
            if inside:
                yield path.name, inside[0]
        elif _is_label_map(path) and not _IMAGE_NAME.search(_stem(path)):
            yield _MASK_SUFFIX.sub("", _stem(path)), path


def _is_label_map(path: Path) -> bool:
    return path.is_file() and is_image_file_name(path)


def _stem(path: Path) -> str:
    return _ENDING.sub("", path.name)


def _scan_beside(reference: Path) -> Volume | None:
    """The scan that lies beside a reference, for the picture only; None if there is none that can be read."""
    stem = _MASK_SUFFIX.sub("", _stem(reference))
    names = ("imaging",) if _stem(reference) in _IN_CASE_FOLDER else (f"{stem}_ct", f"{stem}_imaging", f"{stem}_0000")
    for name in names:
        for file in sorted(reference.parent.glob(f"{name}.*")):
            if is_image_file_name(file):
                try:
                    return read_volume(file)
                except InputError:
                    return None
    return None
