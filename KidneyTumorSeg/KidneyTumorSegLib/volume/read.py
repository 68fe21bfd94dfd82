"""The door: a path comes in, a volume or a label map goes out, or one sentence why not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..errors import InputError, UsageError
from .dicom import choose_series, is_dicom_file, list_series, series_of_file
from .dicom_stack import read_series
from .image_file import ENDINGS, is_image_file_name, read_image_file
from .label_map import LabelMap
from .values import compact
from .volume import Volume


def read_volume(path: Path | str, series: str | None = None) -> Volume:
    """Read a scan.

    Args:
        path: an image file (`.nii`, `.nii.gz`, `.nrrd`, `.nhdr`, `.mha`, `.mhd`), a folder of DICOM images, or one of
            its files, which stands for its series.
        series: for DICOM: UID, number or a part of the description. None: the CT series with the most slices.

    Returns:
        CT as int16 HU (float32 if the values do not fit, or are not numbers), anything else as float32, with what was
        chosen or corrected in `notes`. A file that does not name its modality counts as CT; the checks look closer.

    Raises:
        InputError: there is nothing to read, or it cannot be read rightly.
        UsageError: `series` names none, or is given for an image file.
    """
    with _permitted(Path(path)):
        return _read_volume(_existing(path), series)


def _read_volume(path: Path, series: str | None) -> Volume:
    if path.is_dir() or path.name.upper() == "DICOMDIR":
        return _read_dicom(path if path.is_dir() else path.parent, series)
    if not is_image_file_name(path) and is_dicom_file(path):
        return _read_dicom(path.parent, series or series_of_file(path))
    _refuse_unknown_ending(path)
    if series is not None:
        raise UsageError(f"{path.name} is an image file; a series can be chosen only in a DICOM folder.")
    image = read_image_file(path)
    modality = image.modality or "CT"
    voxels = compact(image.voxels) if modality == "CT" else image.voxels.astype(np.float32, copy=False)
    return Volume(voxels, image.grid, modality, path.name, image.notes)


def read_label_map(path: Path | str) -> LabelMap:
    """Read a segmentation by its plain voxel values.

    Args:
        path: `.nii.gz`, `.nrrd`, `.seg.nrrd`, `.mha` and the like.

    Raises:
        InputError: it cannot be read, or its values are not whole numbers from 0 to 255.
    """
    path = _existing(path)
    if path.is_dir():
        raise InputError(f"{path.name} is a folder; a segmentation is a file such as .seg.nrrd or .nii.gz.")
    _refuse_unknown_ending(path)
    with _permitted(path):
        image = read_image_file(path)
    values = image.voxels
    low, high = (values.min(), values.max()) if values.size else (0, 0)
    whole = np.issubdtype(values.dtype, np.integer) or bool((values == np.rint(values)).all())
    if not (low >= 0 and high <= 255 and whole):
        raise InputError(
            f"{path.name} is not a segmentation: its values run from {low:g} to {high:g}, "
            "labels are whole numbers from 0 to 255. Is it the scan itself?"
        )
    return LabelMap(values.astype(np.uint8, copy=False), image.grid)


@contextmanager
def _permitted(path: Path) -> Iterator[None]:
    try:
        yield
    except PermissionError as error:
        name = Path(error.filename or path).name
        raise InputError(
            f"{name} may not be opened: you lack the permission to read it. Copy it to a folder of yours."
        ) from error


def _existing(path: Path | str) -> Path:
    path = Path(path)
    if not path.exists():
        raise InputError(f"{path} does not exist. Check the path.")
    return path


def _refuse_unknown_ending(path: Path) -> None:
    if not is_image_file_name(path):
        raise InputError(
            f"{path.name} is of no kind that is read here: {', '.join(ENDINGS)}, or a folder of DICOM images."
        )


def _read_dicom(folder: Path, wanted: str | None) -> Volume:
    try:
        found = list_series(folder)
    except InputError as error:
        images = sorted(p.name for p in folder.iterdir() if p.is_file() and is_image_file_name(p))
        if not images:
            raise
        raise InputError(
            f"{folder.name} holds no DICOM series, but the image file {images[0]}. Give that file."
        ) from error
    chosen, notes = choose_series(found, wanted)
    volume = read_series(chosen)
    return replace(volume, notes=(*notes, *volume.notes))
