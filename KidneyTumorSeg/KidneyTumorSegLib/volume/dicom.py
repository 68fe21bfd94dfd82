"""DICOM folders: which series lie there, and which of them is meant. `dicom_stack` makes a volume of it.

Headers are read with pydicom, pixels later and once. Sub-folders, files without ending, DICOMDIR, reports, foreign
files and localizers are passed over.
"""

from __future__ import annotations

import os
import struct
import warnings
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError, UsageError
from .grid import FloatArray

_TAGS = [
    "SOPInstanceUID", "SeriesInstanceUID", "SeriesNumber", "SeriesDescription", "Modality", "ImageType",
    "NumberOfFrames", "SamplesPerPixel", "Rows", "Columns", "BitsAllocated", "PixelSpacing", "SliceThickness",
    "ImagePositionPatient", "ImageOrientationPatient",
]  # fmt: skip
_UNCOMPRESSED = ("1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2")
_BROKEN_HEADER = (EOFError, ValueError, TypeError, KeyError, AttributeError, NotImplementedError, struct.error)
"""What pydicom raises on damaged headers, besides its own two."""
_PREAMBLE = 128
_SHOWN = 6
"""So many series are named in a sentence."""


@dataclass(frozen=True, eq=False)
class SliceFile:
    """One image of a series, from its header.

    Attributes:
        path: of the file.
        uid: SOP instance UID.
        position: world LPS of the center of the first pixel, mm.
        axes: rows are the unit vectors along a row (i) and down a column (j), LPS.
        pixel_mm: distance of pixels along (i, j).
        shape: (rows, columns).
        thickness_mm: as the header says, or None.
        least_bytes: the file cannot be whole if it is shorter.
    """

    path: Path
    uid: str
    position: FloatArray
    axes: FloatArray
    pixel_mm: tuple[float, float]
    shape: tuple[int, int]
    thickness_mm: float | None
    least_bytes: int

    @property
    def depth_mm(self) -> float:
        """Position along the slice's normal."""
        return float(self.position @ np.cross(self.axes[0], self.axes[1]))


@dataclass(frozen=True, eq=False)
class Series:
    """One stack of slices of one size and orientation.

    Attributes:
        uid: series instance UID.
        number: series number, None if the scanner gave none.
        description: series description, may be empty.
        modality: "CT", "MR", ...
        slice_count: images in it.
        spacing: along (i, j, k), mm; the last is the median distance of neighboring slices.
        slices: in the order of their position.
        unreadable: names of DICOM files of the folder whose header is damaged; they may belong to any series.
    """

    uid: str
    number: int | None
    description: str
    modality: str
    slice_count: int
    spacing: tuple[float, float, float]
    slices: tuple[SliceFile, ...] = field(repr=False)
    unreadable: tuple[str, ...] = field(default=(), repr=False)

    @property
    def name(self) -> str:
        """What a radiologist calls it: number and description."""
        number = "without number" if self.number is None else str(self.number)
        return f'series {number} "{self.description}"' if self.description else f"series {number}"

    def __str__(self) -> str:
        return f"{self.name} ({self.modality}, {self.slice_count} slices, {self.spacing[2]:.2f} mm)"


def list_series(folder: Path | str) -> tuple[Series, ...]:
    """The image series in a folder and its sub-folders, by number; localizers are left out.

    Raises:
        InputError: the folder does not exist, or holds no series of gray images with known positions.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder. Check the path.")
    groups: dict[tuple[Any, ...], list[tuple[SliceFile, Any]]] = defaultdict(list)
    passed_over: Counter[str] = Counter()
    unreadable: list[str] = []
    for path in _dicom_files(folder):
        header = _header(path)
        if header is None:
            unreadable.append(path.name)
            continue
        reason = _why_not(header)
        if reason:
            passed_over[reason] += 1
            continue
        image = _slice_file(path, header)
        groups[_group_key(image, header)].append((image, header))
    if not groups:
        raise InputError(_nothing_there(folder, passed_over, unreadable))
    series = [_series(images, tuple(unreadable)) for images in groups.values()]
    return tuple(sorted(series, key=lambda s: (s.number is None, s.number or 0, s.uid, -s.slice_count)))


def choose_series(series: tuple[Series, ...], wanted: str | None) -> tuple[Series, tuple[str, ...]]:
    """The series that is meant, and what is to be said about the choice.

    Args:
        series: of one folder, at least one.
        wanted: UID, number or a part of the description; None takes the CT series with the most slices, or where
            there is no CT, the series with the most slices.

    Raises:
        UsageError: none, or more than one, is called so.
    """
    if wanted is not None:
        return _named(series, wanted.strip()), ()
    candidates = [s for s in series if s.modality == "CT"] or list(series)
    largest = max(candidates, key=lambda s: s.slice_count)
    if len(series) == 1:
        return largest, ()
    kind = "CT series" if largest.modality == "CT" else "series"
    others = _listed([s for s in series if s is not largest])
    note = f"The folder holds {len(series)} series: the largest {kind} was taken, {largest}. Also there: {others}."
    return largest, (note,)


def series_of_file(path: Path) -> str | None:
    """The UID of the series to which a DICOM file belongs; None for DICOMDIR and the like.

    Raises:
        InputError: the file is damaged.
    """
    header = _header(path)
    if header is None:
        raise InputError(f"{path.name} is a DICOM file whose header is damaged. Copy or export it again.")
    uid = str(header.get("SeriesInstanceUID") or "")
    return uid if uid and header.get("Rows") else None


def is_dicom_file(path: Path) -> bool:
    """Whether a file begins like DICOM: with the preamble, or (old files) at once with group 0008, little endian."""
    with path.open("rb") as file:
        start = file.read(_PREAMBLE + 4)
    return start[_PREAMBLE:] == b"DICM" or (len(start) >= 8 and start[:2] == b"\x08\x00" and start[3] == 0)


def _dicom_files(folder: Path) -> Iterator[Path]:
    for parent, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            path = Path(parent, name)
            if path.is_file() and is_dicom_file(path):
                yield path


def _header(path: Path) -> Any | None:
    """The header's few tags that matter, or None if it is damaged."""
    import pydicom

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # odd values in tags that are not used here are no news for the user
        try:
            header = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=list(_TAGS), force=True)
            for tag in _TAGS:  # values are parsed at first use: a damaged one shows here
                header.get(tag)
        except (*_BROKEN_HEADER, pydicom.errors.InvalidDicomError, pydicom.errors.BytesLengthException):
            return None
    return header


def _numbers(header: Any, tag: str, count: int) -> FloatArray | None:
    value = header.get(tag)
    try:
        numbers = np.array([float(n) for n in value], dtype=np.float64)
    except (TypeError, ValueError):
        return None
    return numbers if numbers.shape == (count,) and np.isfinite(numbers).all() else None


def _why_not(header: Any) -> str:
    """Why this object is no slice of a volume; empty if it is one."""
    if not header.get("SeriesInstanceUID") or not header.get("Rows") or not header.get("Columns"):
        return "no image"
    if "LOCALIZER" in [str(part).upper() for part in header.get("ImageType") or []]:
        return "localizer"
    if int(header.get("SamplesPerPixel") or 1) != 1:
        return "color picture"
    if int(header.get("NumberOfFrames") or 1) > 1:
        return "multi-frame image"
    axes, pixel = _numbers(header, "ImageOrientationPatient", 6), _numbers(header, "PixelSpacing", 2)
    if axes is None or pixel is None or _numbers(header, "ImagePositionPatient", 3) is None:
        return "image without position"
    row, column = axes[:3], axes[3:]
    unit = all(abs(np.linalg.norm(axis) - 1) < 0.01 for axis in (row, column)) and abs(row @ column) < 0.01
    return "" if unit and (pixel > 0).all() else "image without position"


def _slice_file(path: Path, header: Any) -> SliceFile:
    axes = np.array(header.ImageOrientationPatient, dtype=np.float64).reshape(2, 3)
    axes /= np.linalg.norm(axes, axis=1, keepdims=True)
    axes[1] -= (axes[1] @ axes[0]) * axes[0]  # rounded values: made right-angled
    axes[1] /= np.linalg.norm(axes[1])
    between_rows, between_columns = (float(n) for n in header.PixelSpacing)
    shape = int(header.Rows), int(header.Columns)
    syntax = str(getattr(header.file_meta, "TransferSyntaxUID", _UNCOMPRESSED[0]))
    bits = int(header.get("BitsAllocated") or 8) if syntax in _UNCOMPRESSED else 0
    thickness = header.get("SliceThickness")
    return SliceFile(
        path=path,
        uid=str(header.get("SOPInstanceUID") or path),
        position=np.array(header.ImagePositionPatient, dtype=np.float64),
        axes=axes,
        pixel_mm=(between_columns, between_rows),
        shape=shape,
        thickness_mm=float(thickness) if thickness else None,
        least_bytes=shape[0] * shape[1] * bits // 8,
    )


def _group_key(image: SliceFile, header: Any) -> tuple[Any, ...]:
    """What must be the same within a volume."""
    orientation = tuple(np.round(image.axes.ravel(), 3) + 0.0)
    pixel = tuple(np.round(image.pixel_mm, 4))
    return str(header.SeriesInstanceUID), image.shape, orientation, pixel


def _series(images: list[tuple[SliceFile, Any]], unreadable: tuple[str, ...]) -> Series:
    header = images[0][1]
    slices = tuple(sorted((image for image, _ in images), key=lambda s: s.depth_mm))
    steps = np.diff([s.depth_mm for s in slices])
    steps = steps[steps > 0.01]
    step = float(np.median(steps)) if steps.size else slices[0].thickness_mm or 0.0
    try:
        number = int(header.get("SeriesNumber"))
    except (TypeError, ValueError):
        number = None
    return Series(
        uid=str(header.SeriesInstanceUID),
        number=number,
        description=str(header.get("SeriesDescription") or "").strip(),
        modality=str(header.get("Modality") or "").strip().upper(),
        slice_count=len(slices),
        spacing=(*slices[0].pixel_mm, step),
        slices=slices,
        unreadable=unreadable,
    )


def _named(series: tuple[Series, ...], wanted: str) -> Series:
    matches = [s for s in series if s.uid == wanted]
    matches = matches or [s for s in series if s.number is not None and str(s.number) == wanted]
    matches = matches or [s for s in series if wanted and wanted.lower() in s.description.lower()]
    if not matches:
        raise UsageError(f'No series here is called "{wanted}". There are: {_listed(list(series))}.')
    if len({s.uid for s in matches}) > 1:
        raise UsageError(
            f'"{wanted}" fits {len(matches)} series: {_listed(matches)}. '
            "Give the number, more of the description, or the UID."
        )
    return max(matches, key=lambda s: s.slice_count)


def _listed(series: list[Series]) -> str:
    more = f", and {len(series) - _SHOWN} more" if len(series) > _SHOWN else ""
    return ", ".join(str(s) for s in series[:_SHOWN]) + more


def _nothing_there(folder: Path, passed_over: Counter[str], unreadable: list[str]) -> str:
    """Why a folder has no series, and what to do."""
    name = folder.name or str(folder)
    if passed_over["multi-frame image"]:
        return (
            f"{name} holds only multi-frame (enhanced) DICOM images, which are not read here. "
            "Load them in 3D Slicer and save the volume as .nrrd, or export single-frame CT images."
        )
    if passed_over:
        kinds = ", ".join(f"{count} x {kind}" for kind, count in passed_over.most_common())
        return f"{name} holds DICOM files, but no slices of a volume ({kinds}). Give the folder of the CT series."
    if unreadable:
        return f"{name} holds {len(unreadable)} DICOM files, but their headers are damaged. Copy or export them again."
    return f"{name} holds no DICOM images. Give the folder of a CT series, or an image file such as .nii.gz or .nrrd."
