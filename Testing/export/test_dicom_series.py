"""Promises of export.write_dicom_series: a valid CT series with the same HU at the same place."""

from __future__ import annotations

from itertools import combinations, permutations
from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from highdicom import VolumeGeometry, get_volume_from_series

from KidneyTumorSegLib.errors import InputError
from KidneyTumorSegLib.export import write_dicom_series
from KidneyTumorSegLib.volume import Grid, Reorder, Volume, canonical, read_volume

ORDERS = [
    Reorder(axes, flips)  # type: ignore[arg-type]
    for axes in permutations(range(3))
    for n in range(4)
    for flips in combinations(range(3), n)
]


def _grid(shape: tuple[int, int, int], degrees: float) -> Grid:
    a, b = np.deg2rad(degrees), np.deg2rad(degrees * 1.5)
    about_s = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])
    about_l = np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])
    affine = np.eye(4)
    affine[:3, :3] = about_s @ about_l @ np.diag((0.703125, 0.9, 2.5))
    affine[:3, 3] = (-123.456789, 88.123456, -501.75)
    return Grid(shape, affine)


def _ct(degrees: float = 11.0, order: Reorder = ORDERS[0]) -> Volume:
    grid = _grid((4, 5, 6), degrees)
    hu = np.random.default_rng(2).integers(-1024, 3071, grid.shape).astype(np.int16)
    return Volume(order.apply(hu), order.apply_to_grid(grid))


def _read_with_itk(folder: Path) -> tuple[np.ndarray, Grid]:
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    image = reader.Execute()
    affine = np.eye(4)
    affine[:3, :3] = np.array(image.GetDirection()).reshape(3, 3) * np.array(image.GetSpacing())
    affine[:3, 3] = image.GetOrigin()
    array = sitk.GetArrayFromImage(image)
    return array, Grid(array.shape, affine)  # type: ignore[arg-type]


@pytest.mark.parametrize("degrees", [0.0, 11.0], ids=["straight", "oblique"])
@pytest.mark.parametrize("order", ORDERS, ids=str)
def test_all_48_orders_are_read_by_simpleitk_with_the_same_hu_at_the_same_place(
    order: Reorder, degrees: float, tmp_path: Path
) -> None:
    volume = _ct(degrees, order)
    array, grid = _read_with_itk(write_dicom_series(tmp_path / "series", volume))
    expected, _ = canonical(volume)
    assert np.array_equal(array, expected.voxels)
    assert grid.same_as(expected.grid, tolerance_mm=1e-6)


@pytest.mark.parametrize("intercept", [-1024, 0])
def test_the_library_reads_its_own_series_without_a_note(intercept: int, tmp_path: Path) -> None:
    volume = _ct()
    folder = write_dicom_series(tmp_path / "series", volume, rescale_intercept=intercept)
    found, _ = canonical(read_volume(folder))
    expected, _ = canonical(volume)
    assert np.array_equal(found.voxels, expected.voxels)
    assert found.grid.same_as(expected.grid, tolerance_mm=1e-6)
    assert (found.modality, found.notes) == ("CT", ())


def test_highdicom_reads_a_right_angled_volume_from_it(tmp_path: Path) -> None:
    volume = _ct()
    folder = write_dicom_series(tmp_path / "series", volume)
    found = get_volume_from_series([pydicom.dcmread(file) for file in sorted(folder.iterdir())])
    geometry: VolumeGeometry = found.get_geometry()
    corners = [geometry.map_indices_to_reference(np.array([[k, 0, 0]]))[0] for k in (0, 3)]
    expected = canonical(volume)[0].grid
    ends = expected.world([(0, 0, 0), (3, 0, 0)])
    assert np.allclose(sorted(map(tuple, corners)), sorted(map(tuple, ends)), atol=1e-6)
    assert sorted(np.unique(found.array)) == sorted(np.unique(volume.voxels))


def test_the_files_hold_what_a_ct_image_must_and_the_names_that_were_given(tmp_path: Path) -> None:
    folder = write_dicom_series(
        tmp_path / "series", _ct(), patient_name="Phantom^Größe", patient_id="P7", series_description="Oblique"
    )
    slices = [pydicom.dcmread(file) for file in sorted(folder.iterdir())]
    assert [int(one.InstanceNumber) for one in slices] == [1, 2, 3, 4]
    for one in slices:
        assert one.SOPClassUID == pydicom.uid.CTImageStorage == one.file_meta.MediaStorageSOPClassUID
        assert one.SOPInstanceUID == one.file_meta.MediaStorageSOPInstanceUID
        assert (str(one.PatientName), one.PatientID, one.SeriesDescription) == ("Phantom^Größe", "P7", "Oblique")
        assert (one.PixelRepresentation, one.BitsStored, one.RescaleIntercept) == (1, 16, -1024)
        for type_2 in ("PatientBirthDate", "PatientSex", "StudyDate", "StudyTime", "KVP", "AcquisitionNumber"):
            assert type_2 in one
    assert len({one.SOPInstanceUID for one in slices}) == 4
    assert all(str(one.SOPInstanceUID).startswith("2.25.") for one in slices)
    for same in ("StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID"):
        assert len({getattr(one, same) for one in slices}) == 1


def test_two_series_have_different_uids(tmp_path: Path) -> None:
    one, other = (pydicom.dcmread(write_dicom_series(tmp_path / n, _ct()) / "slice0001.dcm") for n in "ab")
    assert one.SeriesInstanceUID != other.SeriesInstanceUID
    assert one.SOPInstanceUID != other.SOPInstanceUID


def test_an_mr_volume_is_refused(tmp_path: Path) -> None:
    volume = _ct()
    with pytest.raises(InputError, match=r"Only CT can be written .* this volume is MR"):
        write_dicom_series(tmp_path / "series", Volume(volume.voxels, volume.grid, "MR"))


def test_values_with_decimals_are_refused(tmp_path: Path) -> None:
    volume = _ct()
    with pytest.raises(InputError, match="whole HU values, these have decimals"):
        write_dicom_series(tmp_path / "series", Volume(volume.voxels + np.float32(0.5), volume.grid))


def test_values_beyond_16_bits_are_refused_with_their_range(tmp_path: Path) -> None:
    volume = _ct()
    with pytest.raises(InputError, match=r"\(32000 to 32000 HU\) do not fit into 16 bits .* -1024"):
        write_dicom_series(tmp_path / "series", Volume(np.full_like(volume.voxels, 32000), volume.grid))


def test_a_sheared_volume_is_refused(tmp_path: Path) -> None:
    volume = _ct()
    affine = volume.affine.copy()
    affine[1, 2] += 0.8
    with pytest.raises(InputError, match="not at right angles, which DICOM cannot say"):
        write_dicom_series(tmp_path / "series", Volume.of(volume.voxels, affine))


def test_a_folder_with_files_is_refused_and_left_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "old.dcm").write_text("old")
    with pytest.raises(InputError, match="exists and is not an empty folder"):
        write_dicom_series(tmp_path, _ct())
    assert [file.name for file in tmp_path.iterdir()] == ["old.dcm"]


def test_an_empty_folder_is_filled_and_a_failed_series_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    assert len(list(write_dicom_series(empty, _ct()).iterdir())) == 4

    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(pydicom.Dataset, "save_as", stop)
    with pytest.raises(KeyboardInterrupt):
        write_dicom_series(tmp_path / "series", _ct())
    assert [file.name for file in tmp_path.iterdir()] == ["empty"]
