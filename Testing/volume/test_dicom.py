"""DICOM folders: the right series, the right place, the right HU; what cannot be right is refused in a sentence."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK
from pydicom.uid import RLELossless
from scipy import ndimage

from KidneyTumorSegLib.errors import InputError, UsageError
from KidneyTumorSegLib.volume import Grid, LabelMap, Volume, list_series, read_volume
from KidneyTumorSegLib.volume.phantom import phantom_grid, standard_phantom

Scan = tuple[Volume, LabelMap]


def test_a_series_becomes_the_volume_it_was_made_of(tmp_path: Path, coarse_scan: Scan, write_series: Any) -> None:
    volume, _ = coarse_scan
    write_series(tmp_path / "ct", volume)
    read = read_volume(tmp_path / "ct")
    assert read.grid.same_as(volume.grid)
    assert read.voxels.dtype == np.int16
    assert np.array_equal(read.voxels, volume.voxels)
    assert read.notes == ()
    assert read.source == 'series 4 "Abdomen portal venous"'


def test_a_series_equals_the_nifti_file_of_the_same_scan(tmp_path: Path, coarse_scan: Scan, write_series: Any) -> None:
    volume, _ = coarse_scan
    write_series(tmp_path / "ct", volume)
    image = SimpleITK.GetImageFromArray(volume.voxels)
    image.SetSpacing(volume.spacing)
    image.SetOrigin(volume.grid.origin.tolist())
    SimpleITK.WriteImage(image, str(tmp_path / "ct.nii.gz"))
    series, file = read_volume(tmp_path / "ct"), read_volume(tmp_path / "ct.nii.gz")
    assert series.grid.same_as(file.grid)
    assert np.array_equal(series.voxels, file.voxels)


def test_file_names_and_instance_numbers_do_not_matter(tmp_path: Path, coarse_scan: Scan, write_series: Any) -> None:
    volume, _ = coarse_scan
    order = np.random.default_rng(1).permutation(volume.grid.shape[0])
    write_series(tmp_path, volume, slices=order, name=lambda k: f"{(k * 7) % 31:03d}_{k}")
    read = read_volume(tmp_path)
    assert read.grid.same_as(volume.grid)
    assert np.array_equal(read.voxels, volume.voxels)


@pytest.mark.parametrize("turn", ["coronal", "sagittal", "oblique", "head first down"])
def test_any_orientation_lands_on_the_same_anatomy(tmp_path: Path, turn: str, ramp: Any, write_series: Any) -> None:
    directions = {
        "coronal": [[1, 0, 0], [0, 0, 1], [0, -1, 0]],
        "sagittal": [[0, 0, -1], [1, 0, 0], [0, -1, 0]],
        "oblique": [[0.8, 0.6, 0], [-0.6, 0.8, 0], [0, 0, 1]],
        "head first down": [[1, 0, 0], [0, -1, 0], [0, 0, -1]],
    }
    affine = np.eye(4)
    affine[:3, :3] = np.array(directions[turn], float) @ np.diag([2.0, 3.0, 4.0])
    affine[:3, 3] = [10, -20, 30]
    volume = ramp(Grid((5, 6, 7), affine))
    write_series(tmp_path, volume)
    read = read_volume(tmp_path)
    assert np.array_equal(read.voxels, ramp(read.grid).voxels)
    corners = [[0, 0, 0], [4, 5, 6]]
    assert np.allclose(
        np.sort(read.grid.world(corners), axis=0), np.sort(volume.grid.world(corners), axis=0), atol=1e-4
    )


def test_slope_and_intercept_count_for_each_slice(tmp_path: Path, coarse_scan: Scan, write_series: Any) -> None:
    volume, _ = coarse_scan
    steps = [(1.0, -1024.0), (0.5, 0.0), (2.0, -1000.0), (0.25, 100.0)]
    write_series(tmp_path, volume, rescale=lambda k: steps[k % 4])
    read = read_volume(tmp_path)
    assert read.voxels.dtype == np.int16
    for k in range(volume.grid.shape[0]):
        slope = steps[k % 4][0]
        assert np.abs(read.voxels[k].astype(int) - volume.voxels[k]).max() <= (1 if slope == 2.0 else 0)


def test_compressed_pixels_are_decoded(tmp_path: Path, coarse_scan: Scan, write_series: Any) -> None:
    volume, _ = coarse_scan
    write_series(tmp_path, volume, change=lambda ds, k: ds.compress(RLELossless))
    assert np.array_equal(read_volume(tmp_path).voxels, volume.voxels)


def test_nested_folders_and_foreign_files_are_passed_over(
    tmp_path: Path, coarse_scan: Scan, write_series: Any, stored: Any
) -> None:
    volume, _ = coarse_scan
    folder = tmp_path / "Ordner mit Umlaut äöü 影像"
    write_series(folder, volume, name=lambda k: f"DICOM/PA0/S{k % 2}/I{k}")
    (folder / "DICOMDIR").write_bytes(b"\0" * 128 + b"DICM" + b"\0" * 20)
    (folder / "readme.txt").write_text("viewer")
    (folder / "empty").touch()
    (folder / "viewer.exe").write_bytes(bytes(range(256)) * 4)
    report = stored(folder / "DICOM/PA0/S0/I0")
    for tag in ("PixelData", "Rows", "Columns", "ImagePositionPatient"):
        delattr(report, tag)
    report.Modality = "SR"
    report.save_as(folder / "report.dcm")
    read = read_volume(folder)
    assert np.array_equal(read.voxels, volume.voxels)
    assert np.array_equal(read_volume(folder / "DICOMDIR").voxels, volume.voxels)


def test_localizers_are_ignored(tmp_path: Path, coarse_scan: Scan, write_series: Any) -> None:
    volume, _ = coarse_scan
    write_series(tmp_path / "a", volume, ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"], SeriesNumber=1)
    write_series(tmp_path / "b", volume, slices=range(5))
    assert [series.slice_count for series in list_series(tmp_path)] == [5]


def test_of_several_series_the_largest_ct_is_taken_and_said(
    tmp_path: Path, coarse_scan: Scan, write_series: Any
) -> None:
    volume, _ = coarse_scan
    write_series(tmp_path, volume, slices=range(4), SeriesNumber=2, name=lambda k: f"a{k}")
    write_series(
        tmp_path, volume, slices=range(9), SeriesNumber=5, SeriesDescription="Nephro 8.0", name=lambda k: f"b{k}"
    )
    write_series(tmp_path, volume, Modality="MR", SeriesNumber=7, name=lambda k: f"c{k}")
    read = read_volume(tmp_path)
    assert read.grid.shape[0] == 9
    assert read.notes[0].startswith(
        'The folder holds 3 series: the largest CT series was taken, series 5 "Nephro 8.0" (CT, 9 slices, 8.00 mm).'
    )


@pytest.mark.parametrize("wanted", ["2", "arterial", "1.2.3"])
def test_a_series_is_chosen_by_number_description_or_uid(
    tmp_path: Path, coarse_scan: Scan, write_series: Any, wanted: str
) -> None:
    volume, _ = coarse_scan
    write_series(tmp_path / "a", volume, range(4), SeriesNumber=2, SeriesDescription="Abd ARTERIAL 2.0", uid="1.2.3")
    write_series(tmp_path / "b", volume)
    assert read_volume(tmp_path, series=wanted).grid.shape[0] == 4


def test_an_unknown_or_ambiguous_series_is_a_usage_error(tmp_path: Path, coarse_scan: Scan, write_series: Any) -> None:
    volume, _ = coarse_scan
    write_series(tmp_path / "a", volume, range(4))
    write_series(tmp_path / "b", volume, range(5), SeriesNumber=5)
    with pytest.raises(UsageError, match=r'No series here is called "liver"\. There are: series 4 "Abdomen'):
        read_volume(tmp_path, series="liver")
    with pytest.raises(UsageError, match=r'"portal" fits 2 series: .* Give the number, more of'):
        read_volume(tmp_path, series="portal")


def test_one_dicom_file_stands_for_its_series(tmp_path: Path, coarse_scan: Scan, write_series: Any) -> None:
    volume, _ = coarse_scan
    write_series(tmp_path, volume, range(4), name=lambda k: f"a{k}.dcm")
    write_series(tmp_path, volume, SeriesNumber=5, name=lambda k: f"b{k}.dcm")
    assert read_volume(tmp_path / "a2.dcm").grid.shape[0] == 4


def test_mr_stays_mr(tmp_path: Path, coarse_scan: Scan, write_series: Any) -> None:
    volume, _ = coarse_scan
    write_series(tmp_path, volume, Modality="MR")
    read = read_volume(tmp_path)
    assert (read.modality, read.voxels.dtype) == ("MR", np.float32)


def test_a_copied_file_is_used_once_and_said(tmp_path: Path, coarse_scan: Scan, write_series: Any) -> None:
    volume, _ = coarse_scan
    write_series(tmp_path, volume)
    shutil.copyfile(tmp_path / "IM0003.dcm", tmp_path / "IM0003 (2).dcm")
    read = read_volume(tmp_path)
    assert np.array_equal(read.voxels, volume.voxels)
    assert read.notes == ("Copies of the same image were left out: 1.",)


def test_two_phases_under_one_series_are_refused(tmp_path: Path, coarse_scan: Scan, write_series: Any) -> None:
    volume, _ = coarse_scan
    uid = write_series(tmp_path, volume)
    write_series(tmp_path, volume, uid=uid, name=lambda k: f"second{k}.dcm")
    with pytest.raises(InputError, match=r"27 images lie where another one lies .* Export the one you want as its own"):
        read_volume(tmp_path)


def test_a_missing_slice_is_filled_linearly_and_said(tmp_path: Path, ramp: Any, write_series: Any) -> None:
    volume = ramp(phantom_grid((4.0, 4.0, 5.0), (80.0, 60.0, 100.0)))
    write_series(tmp_path, volume, [k for k in range(volume.grid.shape[0]) if k != 7])
    read = read_volume(tmp_path)
    assert read.grid.same_as(volume.grid)
    assert np.abs(read.voxels.astype(int) - volume.voxels).max() <= 1
    assert np.array_equal(np.delete(read.voxels, 7, 0), np.delete(volume.voxels, 7, 0))
    note = 'is missing in series 4 "Abdomen portal venous" and filled in linearly between the neighbors.'
    assert read.notes == (f"1 slice {note}",)


def test_uneven_slices_are_resampled_evenly_and_said(tmp_path: Path, ramp: Any, write_series: Any) -> None:
    fine = ramp(phantom_grid((4.0, 4.0, 1.0), (80.0, 60.0, 80.0)))
    write_series(tmp_path, fine, [*range(0, 20, 3), *range(20, 40, 2), *range(41, 80, 2)])
    read = read_volume(tmp_path)
    assert np.abs(read.voxels.astype(int) - ramp(read.grid).voxels).max() <= 1
    assert read.spacing[2] == pytest.approx(2.0, abs=0.05)
    assert re.search(r"are unevenly spaced \(2\.00 to 3\.00 mm\); the volume was resampled to one", read.notes[0])


def test_rounded_positions_are_taken_as_even_and_said(tmp_path: Path, coarse_scan: Scan, write_series: Any) -> None:
    volume, _ = coarse_scan

    def shift(ds: Any, k: int) -> None:
        ds.ImagePositionPatient[2] = float(ds.ImagePositionPatient[2]) + (0.1 if k % 3 == 1 else 0.0)

    write_series(tmp_path, volume, change=shift)
    read = read_volume(tmp_path)
    assert np.array_equal(read.voxels, volume.voxels)
    assert read.notes == ("The slice positions stray from even by up to 0.10 mm; they were taken as even.",)


def test_a_large_gap_is_refused(tmp_path: Path, coarse_scan: Scan, write_series: Any) -> None:
    volume, _ = coarse_scan
    write_series(tmp_path, volume, [k for k in range(volume.grid.shape[0]) if k not in (7, 8)])
    with pytest.raises(InputError, match=r"slices are missing: 24\.0 mm lie between IM0006\.dcm and the next"):
        read_volume(tmp_path)


def _tilted_grid(degrees: float, spacing: tuple[float, float, float], extent: tuple[float, float, float]) -> Grid:
    """Slices leaning about the left-right axis while the table moves along S."""
    grid = phantom_grid(spacing, extent)
    angle = np.deg2rad(degrees)
    affine = grid.affine.copy()
    affine[:3, 1] = spacing[1] * np.array([0, np.cos(angle), -np.sin(angle)])
    return Grid(grid.shape, affine)


@pytest.mark.parametrize("degrees", [12.0, -25.0])
def test_gantry_tilt_is_corrected_exactly_on_a_ramp(
    tmp_path: Path, ramp: Any, write_series: Any, degrees: float
) -> None:
    volume = ramp(_tilted_grid(degrees, (2.0, 2.0, 4.0), (40.0, 60.0, 80.0)))
    write_series(tmp_path, volume)
    read = read_volume(tmp_path)
    assert np.abs(read.grid.direction.T @ read.grid.direction - np.eye(3)).max() < 1e-9
    assert read.spacing[2] == pytest.approx(4.0 * np.cos(np.deg2rad(degrees)))
    inside = read.voxels > -900  # the rest of the larger canvas is air
    assert inside.mean() > 0.4
    truth = ramp(read.grid).voxels
    rim = ~ndimage.binary_erosion(inside, np.ones((1, 5, 1)))  # there a pixel blends with the air around the slice
    assert np.abs(read.voxels.astype(int) - truth)[inside & ~rim].max() <= 1
    assert re.search(rf"lean by {abs(degrees):.1f} degrees \(gantry tilt\); they were moved linearly", read.notes[0])


def test_gantry_tilt_leaves_the_phantom_where_it_is(tmp_path: Path, write_series: Any) -> None:
    phantom = standard_phantom()
    volume, _ = phantom.scan(_tilted_grid(15.0, (4.0, 4.0, 6.0), (352.0, 256.0, 200.0)), noise_hu=0.0)
    write_series(tmp_path, volume)
    read = read_volume(tmp_path)
    truth, labels = phantom.scan(read.grid, noise_hu=0.0)
    kidney = ndimage.binary_erosion(labels.labels == 1)
    assert np.percentile(np.abs(read.voxels.astype(int) - truth.voxels)[kidney], 90) <= 10
    for body in (*phantom.tumors, *phantom.cysts):
        k, j, i = np.rint(read.grid.index(body.center)).astype(int)
        assert abs(int(read.voxels[k, j, i]) - int(truth.voxels[k, j, i])) <= 12


def test_slices_that_slide_apart_are_refused(tmp_path: Path, ramp: Any, write_series: Any) -> None:
    write_series(tmp_path, ramp(_tilted_grid(60.0, (4.0, 4.0, 4.0), (40.0, 40.0, 60.0))))
    with pytest.raises(InputError, match=r"are shifted against each other by \d+ mm .* Export the original axial"):
        read_volume(tmp_path)


def test_slices_of_another_size_are_another_stack(tmp_path: Path, ramp: Any, write_series: Any) -> None:
    uid = write_series(tmp_path, ramp(phantom_grid((4.0, 4.0, 4.0), (80.0, 60.0, 40.0))))
    write_series(tmp_path, ramp(phantom_grid((4.0, 4.0, 4.0), (40.0, 60.0, 8.0))), uid=uid, name=lambda k: f"other{k}")
    assert read_volume(tmp_path).grid.shape == (10, 15, 20)


def test_a_cut_off_slice_is_refused_by_name(tmp_path: Path, coarse_scan: Scan, write_series: Any) -> None:
    write_series(tmp_path, coarse_scan[0])
    path = tmp_path / "IM0005.dcm"
    path.write_bytes(path.read_bytes()[:-3000])
    with pytest.raises(InputError, match=r"IM0005\.dcm is cut off: its pixels are not all there\. Copy or export"):
        read_volume(tmp_path)


def test_pixels_that_cannot_be_decoded_are_refused_by_name(
    tmp_path: Path, coarse_scan: Scan, write_series: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    def break_pixels(ds: Any, k: int) -> None:
        ds.compress(RLELossless)
        if k == 5:
            ds.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.4.70"

    write_series(tmp_path, coarse_scan[0], change=break_pixels)
    with pytest.raises(InputError, match=r"The pixels of IM0005\.dcm cannot be decoded\. Copy the series again"):
        read_volume(tmp_path)
    assert capfd.readouterr().err == ""


def _break_header(path: Path) -> None:
    """The number of rows gets one byte instead of two."""
    whole = path.read_bytes()
    broken = whole.replace(b"\x28\x00\x10\x00US\x02\x00", b"\x28\x00\x10\x00US\x01\x00", 1)
    assert broken != whole
    path.write_bytes(broken)


def test_a_damaged_header_is_left_out_and_said(tmp_path: Path, ramp: Any, write_series: Any) -> None:
    volume = ramp(phantom_grid((4.0, 4.0, 5.0), (80.0, 60.0, 100.0)))
    write_series(tmp_path, volume)
    _break_header(tmp_path / "IM0005.dcm")
    read = read_volume(tmp_path)
    assert read.grid.same_as(volume.grid)
    assert read.notes[0] == "DICOM files with damaged headers were left out: IM0005.dcm."
    assert read.notes[1].startswith("1 slice is missing in series 4")


def test_a_gap_left_by_a_damaged_header_names_it(tmp_path: Path, coarse_scan: Scan, write_series: Any) -> None:
    write_series(tmp_path, coarse_scan[0])
    _break_header(tmp_path / "IM0005.dcm")
    with pytest.raises(InputError, match=r"slices are missing: .* Files with damaged headers: IM0005\.dcm\. Export"):
        read_volume(tmp_path)


def test_a_folder_of_damaged_headers_is_refused(tmp_path: Path, coarse_scan: Scan, write_series: Any) -> None:
    write_series(tmp_path, coarse_scan[0], range(3))
    for path in tmp_path.iterdir():
        _break_header(path)
    with pytest.raises(InputError, match=r"holds 3 DICOM files, but their headers are damaged\. Copy or"):
        read_volume(tmp_path)
    with pytest.raises(InputError, match=r"IM0001\.dcm is a DICOM file whose header is damaged"):
        read_volume(tmp_path / "IM0001.dcm")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"NumberOfFrames": 3}, r"only multi-frame \(enhanced\) DICOM images.*Load them in 3D Slicer"),
        ({"SamplesPerPixel": 3}, r"no slices of a volume \(27 x color picture\)\. Give the folder of the CT series"),
        ({"ImagePositionPatient": None}, r"no slices of a volume \(27 x image without position\)"),
        ({"PixelSpacing": ["0", "0"]}, r"no slices of a volume \(27 x image without position\)"),
        ({"ImageOrientationPatient": [1, 0, 0, 1, 0, 0]}, r"no slices of a volume \(27 x image without position\)"),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]}, r"no slices of a volume \(27 x localizer\)"),
    ],
)
def test_a_folder_without_slices_says_what_is_there(
    tmp_path: Path, coarse_scan: Scan, write_series: Any, change: dict[str, Any], sentence: str
) -> None:
    write_series(tmp_path / "ct", coarse_scan[0], **change)
    with pytest.raises(InputError, match=f"ct holds .*{sentence}"):
        read_volume(tmp_path / "ct")


def test_a_folder_without_images_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"empty holds no DICOM images\. Give the folder of a CT series"):
        read_volume(tmp_path / "empty")


def test_a_folder_with_an_image_file_names_it(tmp_path: Path) -> None:
    (tmp_path / "scan.nii.gz").touch()
    with pytest.raises(InputError, match=r"holds no DICOM series, but the image file scan\.nii\.gz\. Give that"):
        read_volume(tmp_path)


def test_one_slice_is_read_with_its_thickness(tmp_path: Path, coarse_scan: Scan, write_series: Any) -> None:
    write_series(tmp_path, coarse_scan[0], [3])
    assert read_volume(tmp_path).spacing == pytest.approx((4.0, 4.0, 8.0))


def test_an_old_file_without_preamble_is_read(
    tmp_path: Path, coarse_scan: Scan, write_series: Any, stored: Any
) -> None:
    write_series(tmp_path, coarse_scan[0], range(3))
    for path in tmp_path.iterdir():
        ds = stored(path)
        bare = type(ds)("", dict(ds), preamble=None, file_meta=None, is_implicit_VR=True, is_little_endian=True)
        bare.save_as(path, implicit_vr=True, little_endian=True)
        assert path.read_bytes()[:2] == b"\x08\x00"
    assert np.array_equal(read_volume(tmp_path).voxels, coarse_scan[0].voxels[:3])


def test_values_beyond_16_bits_are_clipped_and_said(tmp_path: Path, coarse_scan: Scan, write_series: Any) -> None:
    write_series(tmp_path, coarse_scan[0], rescale=lambda k: (1.0, 0.0), RescaleSlope=40)
    read = read_volume(tmp_path)
    beyond = int((np.abs(coarse_scan[0].voxels.astype(int)) * 40 > 32767).sum())
    assert read.voxels.min() == -32768
    assert read.notes == (
        f"Values beyond the range of HU that can be kept (+-32768) were set to its end: {beyond} voxels.",
    )


def test_a_path_that_is_no_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere is not a folder\. Check the path"):
        list_series(tmp_path / "nowhere")
