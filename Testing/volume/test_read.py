"""Image files: values and place as SimpleITK has them; a bad file is refused in a sentence."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK

from KidneyTumorSegLib.errors import InputError, UsageError
from KidneyTumorSegLib.volume import native as native_module
from KidneyTumorSegLib.volume import read_label_map, read_volume
from KidneyTumorSegLib.volume.native import plain_path, silenced

OBLIQUE = (0.8, -0.6, 0.0, 0.6, 0.8, 0.0, 0.0, 0.0, -1.0)


def _image(voxels: Any = None, spacing: tuple[float, ...] = (0.7, 0.8, 2.5)) -> Any:
    if voxels is None:
        voxels = np.random.default_rng(0).integers(-1000, 1000, (6, 7, 8)).astype(np.int16)
    image = SimpleITK.GetImageFromArray(voxels)
    image.SetSpacing(spacing)
    image.SetOrigin((11.0, -22.0, 33.0))
    image.SetDirection(OBLIQUE)
    return image


def _written(path: Path, image: Any) -> Path:
    SimpleITK.WriteImage(image, str(path), True)
    return path


@pytest.mark.parametrize("ending", [".nii", ".nii.gz", ".nrrd", ".nhdr", ".mha", ".mhd"])
def test_every_format_is_read_with_its_values_and_its_place(tmp_path: Path, ending: str) -> None:
    image = _image()
    path = _written(tmp_path / f"größe 影像{ending}", image)
    volume = read_volume(path)
    assert volume.voxels.dtype == np.int16
    assert np.array_equal(volume.voxels, SimpleITK.GetArrayFromImage(image))
    for index in [(0, 0, 0), (7, 0, 0), (0, 6, 5), (7, 6, 5)]:
        assert np.allclose(volume.grid.world(index[::-1]), image.TransformIndexToPhysicalPoint(index), atol=1e-4)
    assert (volume.modality, volume.source) == ("CT", path.name)
    assert volume.notes == ()


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.int32, np.float32, np.float64])
def test_values_that_fit_become_16_bit(tmp_path: Path, kind: Any) -> None:
    voxels = (np.arange(60).reshape(3, 4, 5) * 4).astype(kind)
    volume = read_volume(_written(tmp_path / "a.nrrd", _image(voxels)))
    assert volume.voxels.dtype == np.int16
    assert np.array_equal(volume.voxels, voxels)


def test_fractions_of_hu_are_rounded(tmp_path: Path) -> None:
    voxels = np.linspace(-3, 3, 60).reshape(3, 4, 5).astype(np.float32)
    volume = read_volume(_written(tmp_path / "a.nii.gz", _image(voxels)))
    assert volume.voxels.dtype == np.int16
    assert np.array_equal(volume.voxels, np.rint(voxels))


@pytest.mark.parametrize("odd", [np.nan, np.inf, 1e6])
def test_values_that_do_not_fit_are_kept_for_the_checks_to_see(tmp_path: Path, odd: float) -> None:
    voxels = np.zeros((3, 4, 5), np.float32)
    voxels[1, 1, 1] = odd
    volume = read_volume(_written(tmp_path / "a.nrrd", _image(voxels)))
    assert volume.voxels.dtype == np.float32
    assert np.array_equal(volume.voxels, voxels, equal_nan=True)


def test_a_fourth_axis_of_one_is_no_obstacle(tmp_path: Path) -> None:
    volume = read_volume(_written(tmp_path / "a.nrrd", SimpleITK.JoinSeries([_image()])))
    assert volume.grid.shape == (6, 7, 8)
    assert np.allclose(volume.grid.direction.ravel(), OBLIQUE)


def test_a_meta_image_that_says_mr_is_mr(tmp_path: Path) -> None:
    path = _written(tmp_path / "a.mha", _image())
    path.write_bytes(path.read_bytes().replace(b"ElementSpacing", b"Modality = MET_MOD_MR\nElementSpacing", 1))
    volume = read_volume(path)
    assert (volume.modality, volume.voxels.dtype) == ("MR", np.float32)


def test_a_nifti_without_orientation_is_said(tmp_path: Path) -> None:
    path = _written(tmp_path / "a.nii", _image())
    data = bytearray(path.read_bytes())
    data[252:256] = b"\0\0\0\0"  # qform_code and sform_code
    path.write_bytes(data)
    assert "left and right may be swapped" in read_volume(path).notes[0]


def test_an_nrrd_without_space_is_said(tmp_path: Path) -> None:
    path = tmp_path / "a.nrrd"
    path.write_bytes(
        b"NRRD0004\ntype: uint8\ndimension: 3\nsizes: 2 2 2\nspacings: 1 1 1\nencoding: raw\n\n" + bytes(8)
    )
    assert "a.nrrd does not say how the patient lies in it" in read_volume(path).notes[0]


@pytest.mark.parametrize("ending", [".nii", ".nii.gz", ".nrrd", ".mha"])
def test_a_file_that_is_cut_off_is_refused(tmp_path: Path, ending: str, capfd: pytest.CaptureFixture[str]) -> None:
    path = _written(tmp_path / f"a{ending}", _image())
    path.write_bytes(path.read_bytes()[:-150])
    with pytest.raises(InputError, match=rf"^a{ending} .*(cut off|damaged)"):
        read_volume(path)
    assert capfd.readouterr().err == ""


def test_a_cut_off_nifti_is_not_filled_with_zeros(tmp_path: Path) -> None:
    path = _written(tmp_path / "a.nii", _image())
    path.write_bytes(path.read_bytes()[:-150])
    with pytest.raises(InputError, match=r"a\.nii is cut off: it holds 0\.0 of 0\.0 MB\. Copy or download it again"):
        read_volume(path)


def test_a_compressed_nifti_with_a_wrong_checksum_is_refused(tmp_path: Path) -> None:
    large = np.random.default_rng(0).integers(-1000, 1000, (64, 128, 128)).astype(np.int16)
    path = _written(tmp_path / "a.nii.gz", _image(large))
    data = bytearray(path.read_bytes())
    data[-8] ^= 0xFF
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"a\.nii\.gz is damaged: its compressed data do not fit their checksum"):
        read_volume(path)


def test_a_plain_nifti_with_a_compressed_name_is_read(tmp_path: Path) -> None:
    path = _written(tmp_path / "a.nii", _image()).rename(tmp_path / "b.nii.gz")
    assert read_volume(path).grid.shape == (6, 7, 8)


@pytest.mark.parametrize("ending", [".nii", ".nii.gz", ".nrrd", ".mha"])
def test_a_text_file_with_the_name_of_an_image_is_refused(
    tmp_path: Path, ending: str, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / f"a{ending}"
    path.write_text("This is not an image. " * 50)
    with pytest.raises(InputError, match=rf"a{ending} cannot be read as an image: it is damaged, cut off, or"):
        read_volume(path)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("ending", [".nii.gz", ".nrrd"])
def test_an_empty_file_is_refused(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"a{ending}"
    path.touch()
    with pytest.raises(InputError, match=rf"a{ending} is empty \(0 bytes\)\. Copy or export it again"):
        read_volume(path)


@pytest.mark.parametrize("ending", [".nhdr", ".mhd"])
def test_a_header_without_its_voxels_is_refused(tmp_path: Path, ending: str) -> None:
    path = _written(tmp_path / f"a{ending}", _image())
    for other in tmp_path.iterdir():
        if other != path:
            other.unlink()
    with pytest.raises(InputError, match=r"The voxels of a\.\w+ are missing or cut off: the data file that it names"):
        read_volume(path)


@pytest.mark.parametrize("ending", [".nii.gz", ".nrrd"])
def test_a_time_series_is_refused(tmp_path: Path, ending: str) -> None:
    path = _written(tmp_path / f"a{ending}", SimpleITK.JoinSeries([_image(), _image()]))
    with pytest.raises(InputError, match=r"has 4 dimensions \(8 x 7 x 6 x 2\): a series of volumes\. Export one"):
        read_volume(path)


def test_a_color_image_is_refused(tmp_path: Path) -> None:
    gray = _image(np.zeros((6, 7, 8), np.uint8))
    path = _written(tmp_path / "a.nrrd", SimpleITK.Compose([gray, gray, gray]))
    with pytest.raises(
        InputError, match=r"a\.nrrd holds 3 values per voxel \(color, .* Export the CT volume alone, or"
    ):
        read_volume(path)


def test_a_single_picture_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a\.nrrd is a single picture of 8 x 7 pixels, not a volume\. Give"):
        read_volume(_written(tmp_path / "a.nrrd", _image()[:, :, 2]))


def test_a_sheared_nifti_is_refused(tmp_path: Path) -> None:
    path = _written(tmp_path / "a.nii", _image())
    data = bytearray(path.read_bytes())
    data[252:256] = b"\0\0\x01\0"  # no qform, an sform
    data[280:328] = np.array([[1, 0.3, 0, 0], [0, 1, 0, 0], [0, 0, 2, 0]], "<f4").tobytes()
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"The axes of a\.nii are not at right angles \(sheared.*Resample Scalar"):
        read_volume(path)


@pytest.mark.parametrize(
    ("directions", "sentence"),
    [
        ("(1,0,0) (0,1,0) (0,0,0)", r"a\.nrrd (says that its voxels have no size|has an impossible orientation)"),
        ("(1,0,0) (0,1,0) (1,0,0)", r"a\.nrrd has an impossible orientation: its axes do not span space"),
    ],
)
def test_an_impossible_geometry_is_refused(tmp_path: Path, directions: str, sentence: str) -> None:
    header = (
        "NRRD0004\ntype: uint8\ndimension: 3\nspace: left-posterior-superior\nsizes: 2 2 2\n"
        f"space directions: {directions}\nspace origin: (0,0,0)\nencoding: raw\n\n"
    )
    path = tmp_path / "a.nrrd"
    path.write_bytes(header.encode() + bytes(8))
    with pytest.raises(InputError, match=sentence):
        read_volume(path)


def test_a_missing_path_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere\.nii\.gz does not exist\. Check the path"):
        read_volume(tmp_path / "nowhere.nii.gz")


def test_an_unknown_ending_is_refused_with_those_that_are_known(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(b"\xff\xd8\xff" * 100)
    with pytest.raises(InputError, match=r"a\.jpg is of no kind that is read here: \.nii, .* or a folder of DICOM"):
        read_volume(path)


def test_a_series_of_an_image_file_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"a\.nrrd is an image file; a series can be chosen only in a DICOM folder"):
        read_volume(_written(tmp_path / "a.nrrd", _image()), series="3")


@pytest.mark.parametrize("ending", [".nii.gz", ".nrrd", ".seg.nrrd", ".mha"])
@pytest.mark.parametrize("kind", [np.uint8, np.int16, np.float32])
def test_a_label_map_is_read_by_its_values(tmp_path: Path, ending: str, kind: Any) -> None:
    labels = np.random.default_rng(0).integers(0, 4, (6, 7, 8)).astype(kind)
    label_map = read_label_map(_written(tmp_path / f"a{ending}", _image(labels)))
    assert label_map.labels.dtype == np.uint8
    assert np.array_equal(label_map.labels, labels)
    assert np.allclose(label_map.grid.direction.ravel(), OBLIQUE, atol=1e-6)


@pytest.mark.parametrize("values", [[-1000, 300], [0, 0.5], [0, 300], [0, np.nan]])
def test_a_scan_is_no_label_map(tmp_path: Path, values: list[float]) -> None:
    voxels = np.resize(np.array(values, np.float32), (3, 4, 5))
    with pytest.raises(InputError, match=r"a\.nrrd is not a segmentation: its values run from .* from 0 to 255"):
        read_label_map(_written(tmp_path / "a.nrrd", _image(voxels)))


def test_a_folder_is_no_label_map(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"is a folder; a segmentation is a file such as \.seg\.nrrd or \.nii\.gz"):
        read_label_map(tmp_path)


def test_where_c_libraries_know_only_ascii_a_copy_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native_module, "_ONLY_ASCII", True)
    for ending in (".nii.gz", ".mhd"):
        folder = tmp_path / f"Müller{ending}"
        folder.mkdir()
        path = _written(folder / f"scan{ending}", _image())
        with plain_path(path) as plain:
            assert str(plain).isascii()
        assert read_volume(path).grid.shape == (6, 7, 8)
    path = _written(tmp_path / "Müller.nii", _image())
    assert read_volume(path).source == "Müller.nii"


@pytest.mark.skipif("KIDNEYTUMORSEG_DATA" not in os.environ, reason="needs real data in KIDNEYTUMORSEG_DATA")
def test_real_scans_lie_where_simpleitk_says() -> None:
    for path in sorted(Path(os.environ["KIDNEYTUMORSEG_DATA"]).glob("*/*_ct.nii.gz")):
        image = SimpleITK.ReadImage(str(path))
        volume = read_volume(path)
        corner = tuple(n - 1 for n in image.GetSize())
        assert np.allclose(volume.grid.world(corner[::-1]), image.TransformIndexToPhysicalPoint(corner))
        assert image[corner] == volume.voxels[corner[::-1]]


def test_a_file_of_many_gzip_members_is_read(tmp_path: Path) -> None:
    data = _written(tmp_path / "a.nii", _image()).read_bytes()
    path = tmp_path / "b.nii.gz"
    path.write_bytes(gzip.compress(data[:500]) + gzip.compress(data[500:]))
    assert read_volume(path).grid.shape == (6, 7, 8)


def test_a_scale_in_the_header_is_applied(tmp_path: Path) -> None:
    path = _written(tmp_path / "a.nii", _image())
    data = bytearray(path.read_bytes())
    data[112:120] = np.array([0.5, -100.0], "<f4").tobytes()  # scl_slope, scl_inter
    path.write_bytes(data)
    voxels = SimpleITK.GetArrayFromImage(_image())
    volume = read_volume(path)
    assert volume.voxels.dtype == np.int16
    assert np.array_equal(volume.voxels, np.rint(voxels * 0.5 - 100))


def test_overlapping_segments_are_no_label_map(tmp_path: Path) -> None:
    layer = _image(np.zeros((6, 7, 8), np.uint8))
    path = _written(tmp_path / "a.seg.nrrd", SimpleITK.Compose([layer, layer]))
    with pytest.raises(InputError, match=r"holds 2 values per voxel .* or the segmentation as one label map"):
        read_label_map(path)


@pytest.mark.parametrize("read", [read_volume, read_label_map])
def test_a_file_that_may_not_be_opened_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, read: Any) -> None:
    path = _written(tmp_path / "a.nrrd", _image())

    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(sys.modules[read.__module__], "read_image_file", refuse)
    with pytest.raises(InputError, match=r"a\.nrrd may not be opened: you lack the permission to read it"):
        read(path)


def test_silence_ends_when_the_last_thread_is_done(capfd: pytest.CaptureFixture[str]) -> None:
    first, second = silenced(), silenced()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    os.write(2, b"noise")
    second.__exit__(None, None, None)
    os.write(2, b"heard")
    assert capfd.readouterr().err == "heard"


def test_the_room_opens_without_heavy_libraries() -> None:
    library = Path(sys.modules["KidneyTumorSegLib"].__path__[0]).parent
    code = (
        f"import sys; sys.path.insert(0, {str(library)!r}); import KidneyTumorSegLib.volume, KidneyTumorSegLib.checks;"
        "print([name for name in ('SimpleITK', 'pydicom', 'scipy', 'torch') if name in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"
