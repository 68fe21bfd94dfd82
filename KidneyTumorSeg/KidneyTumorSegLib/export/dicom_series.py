"""A volume as a plain CT series: single-frame CT images as a scanner writes them (DICOM PS3.3 A.3).

Slices are stored in the canonical order nearest to axial. Positions are exact to the 16 characters that DICOM gives a
number: better than 1e-8 mm.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from ..volume import Grid, Volume, canonical
from .atomic import atomic_folder
from .itk_image import refuse_sheared

if TYPE_CHECKING:
    from pydicom.dataset import Dataset


def write_dicom_series(
    folder: Path | str,
    volume: Volume,
    patient_name: str = "Phantom^Analytic",
    patient_id: str = "PHANTOM",
    series_description: str = "Phantom",
    rescale_intercept: int = -1024,
) -> Path:
    """Write a CT volume as a new DICOM series of a new study, one file a slice.

    Args:
        folder: new or empty; its parent exists.
        volume: CT; whole HU values; any orientation, right-angled.
        patient_name: as DICOM wants it, Family^Given.
        patient_id: of this patient.
        series_description: as a browser lists it.
        rescale_intercept: HU = stored value + this; -1024 as most scanners do, or 0.

    Returns:
        The folder.

    Raises:
        InputError: not a CT, values that are no whole numbers or do not fit into 16 bits, sheared axes; the folder is
            not empty or cannot be written.
        EnvironmentProblem: the disk is full.
    """
    folder = Path(folder)
    if volume.modality != "CT":
        raise InputError(f"Only CT can be written as a DICOM series here, this volume is {volume.modality}.")
    refuse_sheared(volume.grid, folder.name, "DICOM")
    ordered, _ = canonical(volume)
    stored = _stored_values(ordered.voxels, rescale_intercept)
    common = _common(ordered.grid, patient_name, patient_id, series_description, rescale_intercept)
    with atomic_folder(folder) as temporary:
        for number, k in enumerate(_from_the_feet_up(ordered.grid), start=1):
            _write_slice(temporary / f"slice{number:04d}.dcm", common, stored[k], ordered.grid, int(k), number)
    return folder


def _stored_values(hu: npt.NDArray[Any], intercept: int) -> npt.NDArray[np.int16]:
    if not np.issubdtype(hu.dtype, np.integer) and not np.array_equal(hu, np.rint(hu)):
        raise InputError("DICOM CT images hold whole HU values, these have decimals. Round them first.")
    low, high = int(hu.min()) - intercept, int(hu.max()) - intercept
    limits = np.iinfo(np.int16)
    if low < limits.min or high > limits.max:
        raise InputError(
            f"The values of this volume ({low + intercept} to {high + intercept} HU) do not fit into 16 bits "
            f"with the rescale intercept {intercept}."
        )
    return np.asarray(hu.astype(np.int32) - intercept, dtype=np.int16)


def _from_the_feet_up(grid: Grid) -> npt.NDArray[np.intp]:
    """Slice numbers k in the order of their position along the normal (row x column) that readers sort by."""
    direction = grid.direction
    normal = np.cross(direction[:, 0], direction[:, 1])
    ascending = float(normal @ direction[:, 2]) > 0
    return np.arange(grid.shape[0]) if ascending else np.arange(grid.shape[0])[::-1]


def _common(grid: Grid, patient_name: str, patient_id: str, description: str, intercept: int) -> Dataset:
    """What all slices share; attributes of type 2 that are not known stay empty, as the standard wants."""
    from pydicom.dataset import Dataset
    from pydicom.uid import CTImageStorage, generate_uid

    si, sj, sk = grid.spacing
    row, column = grid.direction[:, 0], grid.direction[:, 1]
    common = Dataset()
    common.SpecificCharacterSet = "ISO_IR 192"
    common.SOPClassUID = CTImageStorage
    for uid in ("StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID"):
        setattr(common, uid, generate_uid(prefix=None))  # 2.25. and a UUID: needs no registered root
    common.PatientName, common.PatientID = patient_name, patient_id
    for empty in (
        "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime", "AccessionNumber", "StudyID", "KVP",
        "ReferringPhysicianName", "AcquisitionNumber", "PositionReferenceIndicator",
    ):  # fmt: skip
        setattr(common, empty, None)
    common.Manufacturer = "KidneyTumorSeg"
    common.Modality, common.SeriesNumber, common.SeriesDescription = "CT", 1, description
    common.ImageType = ["DERIVED", "SECONDARY", "AXIAL"]
    common.PatientPosition = "HFS"
    common.ImageOrientationPatient = _decimals(*row, *column)
    common.PixelSpacing = _decimals(sj, si)
    common.SliceThickness = common.SpacingBetweenSlices = _decimals(sk)[0]
    common.Rows, common.Columns = grid.shape[1], grid.shape[2]
    common.SamplesPerPixel, common.PhotometricInterpretation = 1, "MONOCHROME2"
    common.BitsAllocated, common.BitsStored, common.HighBit, common.PixelRepresentation = 16, 16, 15, 1
    common.RescaleIntercept, common.RescaleSlope, common.RescaleType = intercept, 1, "HU"
    common.WindowCenter, common.WindowWidth = 40, 400
    return common


def _write_slice(path: Path, common: Dataset, pixels: npt.NDArray[np.int16], grid: Grid, k: int, number: int) -> None:
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian, generate_uid

    image = Dataset()
    image.update(common)
    image.SOPInstanceUID = generate_uid(prefix=None)
    image.InstanceNumber = number
    position = grid.world((k, 0, 0))
    image.ImagePositionPatient = _decimals(*position)
    normal = np.cross(grid.direction[:, 0], grid.direction[:, 1])
    image.SliceLocation = _decimals(float(position @ normal))[0]
    image.PixelData = np.ascontiguousarray(pixels, dtype="<i2").tobytes()
    image["PixelData"].VR = "OW"
    image.file_meta = FileMetaDataset()
    image.file_meta.MediaStorageSOPClassUID = image.SOPClassUID
    image.file_meta.MediaStorageSOPInstanceUID = image.SOPInstanceUID
    image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    image.save_as(path, enforce_file_format=True)


def _decimals(*values: float) -> list[str]:
    """Numbers as DICOM's decimal strings: as exact as 16 characters allow."""
    from pydicom.valuerep import format_number_as_ds

    return [format_number_as_ds(float(value) + 0.0) for value in values]
