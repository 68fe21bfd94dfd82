"""A writer of small DICOM series, independent of the product's own, and phantoms that are quick to scan."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

from KidneyTumorSegLib.volume import Grid, LabelMap, Volume
from KidneyTumorSegLib.volume.phantom import phantom_grid, standard_phantom

SliceWriter = Callable[..., str]


@pytest.fixture(scope="session")
def coarse_scan() -> tuple[Volume, LabelMap]:
    """The standard phantom, 8 mm slices, without noise."""
    return standard_phantom().scan(phantom_grid((4.0, 4.0, 8.0)), noise_hu=0.0)


@pytest.fixture
def ramp() -> Callable[[Grid], Volume]:
    """Volumes whose HU are linear in the world, 3 L + 2 P + S: linear interpolation must meet them everywhere."""

    def make(grid: Grid) -> Volume:
        places = grid.world(np.stack(np.meshgrid(*map(np.arange, grid.shape), indexing="ij"), axis=-1))
        return Volume(np.rint(places @ [3.0, 2.0, 1.0]).astype(np.int16), grid)

    return make


@pytest.fixture
def write_series() -> SliceWriter:
    """Writes a volume as one DICOM file a slice; returns the series instance UID."""
    return _write_series


def _write_series(
    folder: Path,
    volume: Volume,
    slices: Sequence[int] | None = None,
    rescale: Callable[[int], tuple[float, float]] = lambda k: (1.0, -1024.0),
    name: Callable[[int], str] = lambda k: f"IM{k:04d}.dcm",
    uid: str | None = None,
    change: Callable[[FileDataset, int], None] = lambda ds, k: None,
    **tags: Any,
) -> str:
    """Write slices of a volume.

    Args:
        folder: made if it is missing.
        volume: what is written; slices run along k.
        slices: which, in the order of instance numbers; None: all.
        rescale: slope and intercept of slice k.
        name: file name of slice k.
        uid: series instance UID.
        change: a last change to slice k's data set.
        tags: the same for all slices, such as SeriesDescription.
    """
    folder.mkdir(parents=True, exist_ok=True)
    uid = uid or generate_uid()
    for instance, k in enumerate(range(volume.grid.shape[0]) if slices is None else slices):
        ds = _data_set(volume, k, rescale(k))
        ds.SeriesInstanceUID, ds.InstanceNumber = uid, instance + 1
        for tag, value in tags.items():
            setattr(ds, tag, value)
        change(ds, k)
        path = folder / name(k)
        path.parent.mkdir(parents=True, exist_ok=True)
        ds.save_as(path, enforce_file_format=True)
    return uid


def _data_set(volume: Volume, k: int, rescale: tuple[float, float]) -> FileDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = CTImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    ds.SOPClassUID, ds.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    ds.Modality, ds.SeriesNumber, ds.SeriesDescription = volume.modality, 4, "Abdomen portal venous"
    ds.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    ds.PatientName, ds.PatientID, ds.StudyInstanceUID = "Test^Phantom", "0", generate_uid()
    step_i, step_j, step_k = volume.spacing
    ds.PixelSpacing, ds.SliceThickness = [f"{step_j:.10g}", f"{step_i:.10g}"], f"{step_k:.10g}"
    ds.ImagePositionPatient = [f"{value:.10g}" for value in volume.grid.world([k, 0, 0])]
    ds.ImageOrientationPatient = [f"{value:.12g}" for value in volume.grid.direction[:, :2].T.ravel()]
    ds.Rows, ds.Columns = volume.grid.shape[1:]
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 16, 15, 1
    ds.RescaleSlope, ds.RescaleIntercept = rescale
    stored = np.rint((volume.voxels[k].astype(np.float64) - rescale[1]) / rescale[0])
    ds.PixelData = stored.astype("<i2").tobytes()
    return ds


@pytest.fixture
def stored() -> Callable[[Path], Any]:
    """Reads a DICOM file whole, to change it."""
    return pydicom.dcmread
