"""Promises of export's image files: whole or not at all, and every voxel where it was."""

from __future__ import annotations

import errno
import json
from itertools import combinations, permutations
from pathlib import Path

import nrrd
import numpy as np
import pytest
import SimpleITK as sitk

from KidneyTumorSegLib.errors import Cancelled, EnvironmentProblem, InputError, UsageError
from KidneyTumorSegLib.export import atomic_write, write_segmentation, write_volume
from KidneyTumorSegLib.export.nrrd_file import RECORD_KEY, REFERENCE_KEY
from KidneyTumorSegLib.volume import Grid, LabelMap, Reorder, Volume, read_label_map

ORDERS = [
    Reorder(axes, flips)  # type: ignore[arg-type]
    for axes in permutations(range(3))
    for n in range(4)
    for flips in combinations(range(3), n)
]


def oblique_grid(shape: tuple[int, int, int], spacing: tuple[float, float, float] = (0.7, 0.9, 2.5)) -> Grid:
    a, b = np.deg2rad(11.0), np.deg2rad(17.0)
    about_s = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])
    about_l = np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])
    affine = np.eye(4)
    affine[:3, :3] = about_s @ about_l @ np.diag(spacing)
    affine[:3, 3] = (-123.456789, 88.123456, -501.75)
    return Grid(shape, affine)


def random_labels(grid: Grid) -> LabelMap:
    return LabelMap(np.random.default_rng(1).integers(0, 4, grid.shape).astype(np.uint8), grid)


def read_with_itk(path: Path) -> tuple[np.ndarray, Grid]:
    image = sitk.ReadImage(str(path))
    affine = np.eye(4)
    affine[:3, :3] = np.array(image.GetDirection()).reshape(3, 3) * np.array(image.GetSpacing())
    affine[:3, 3] = image.GetOrigin()
    array = sitk.GetArrayFromImage(image)
    return array, Grid(array.shape, affine)  # type: ignore[arg-type]


@pytest.mark.parametrize("ending", [".seg.nrrd", ".nrrd", ".nii.gz", ".nii"])
@pytest.mark.parametrize("order", ORDERS, ids=str)
def test_all_48_orders_of_an_oblique_label_map_come_back_voxel_for_voxel(
    order: Reorder, ending: str, tmp_path: Path
) -> None:
    base = random_labels(oblique_grid((4, 5, 6)))
    stored = LabelMap(order.apply(base.labels), order.apply_to_grid(base.grid))
    labels, grid = read_with_itk(write_segmentation(tmp_path / f"map{ending}", stored))
    assert np.array_equal(labels, stored.labels)
    assert grid.same_as(stored.grid, tolerance_mm=1e-3 if ending.startswith(".nii") else 1e-10)


@pytest.mark.parametrize("ending", [".seg.nrrd", ".nrrd", ".nii.gz", ".nii"])
def test_the_library_reads_back_what_it_wrote(ending: str, tmp_path: Path) -> None:
    written = random_labels(oblique_grid((4, 5, 6)))
    found = read_label_map(write_segmentation(tmp_path / f"map{ending}", written))
    assert np.array_equal(found.labels, written.labels)
    assert found.grid.same_as(written.grid)


@pytest.mark.parametrize("ending", [".nrrd", ".mha", ".nii.gz"])
@pytest.mark.parametrize("order", [ORDERS[0], ORDERS[7], ORDERS[29], ORDERS[47]], ids=str)
def test_volumes_come_back_with_the_same_hu_at_the_same_place(order: Reorder, ending: str, tmp_path: Path) -> None:
    base = oblique_grid((4, 5, 6))
    hu = np.random.default_rng(2).integers(-1024, 3071, base.shape).astype(np.int16)
    volume = Volume(order.apply(hu), order.apply_to_grid(base))
    voxels, grid = read_with_itk(write_volume(tmp_path / f"ct{ending}", volume))
    assert voxels.dtype == np.int16
    assert np.array_equal(voxels, volume.voxels)
    assert grid.same_as(volume.grid, tolerance_mm=1e-3 if ending.startswith(".nii") else 1e-6)


def test_an_mr_volume_keeps_its_decimals(tmp_path: Path) -> None:
    grid = oblique_grid((3, 4, 5))
    values = np.random.default_rng(3).random(grid.shape).astype(np.float32)
    voxels, _ = read_with_itk(write_volume(tmp_path / "mr.nrrd", Volume(values, grid, "MR")))
    assert np.array_equal(voxels, values)


def test_names_that_are_not_ascii_are_written(tmp_path: Path) -> None:
    folder = tmp_path / "Nière ñ 腎"
    folder.mkdir()
    labels = random_labels(oblique_grid((3, 4, 5)))
    for ending in (".seg.nrrd", ".nii.gz", ".nrrd"):
        path = write_segmentation(folder / f"Größe{ending}", labels, reference_name="Größe 腎")
        assert np.array_equal(read_with_itk(path)[0], labels.labels)
    assert sorted(path.name for path in folder.iterdir()) == ["Größe.nii.gz", "Größe.nrrd", "Größe.seg.nrrd"]


@pytest.mark.parametrize("ending", [".seg.nrrd", ".nrrd"])
def test_the_record_and_the_name_of_the_ct_are_kept_in_the_header(ending: str, tmp_path: Path) -> None:
    record = {"model": "unet-resnet34", "warnings": ["thick slices", "Größe"]}
    path = write_segmentation(
        tmp_path / f"map{ending}", random_labels(oblique_grid((3, 4, 5))), "CT 5é", json.dumps(record, indent=1)
    )
    header = nrrd.read_header(str(path))
    assert json.loads(header[RECORD_KEY]) == record
    assert json.loads(f'"{header[REFERENCE_KEY]}"') == "CT 5é"


def test_a_large_label_map_is_written_fast(tmp_path: Path) -> None:
    from time import process_time

    labels = np.zeros((129, 512, 512), np.uint8)
    labels[40:90, 200:320, 100:200] = 1
    labels[60:70, 220:260, 120:160] = 2
    grid = Grid((129, 512, 512), np.diag([0.57, 0.57, 1.6, 1.0]))
    start = process_time()
    path = write_segmentation(tmp_path / "map.seg.nrrd", LabelMap(labels, grid))
    assert process_time() - start < 1.0  # of this process alone: the machine may be busy
    assert path.stat().st_size < 500_000


def test_an_unknown_ending_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    grid = oblique_grid((3, 4, 5))
    with pytest.raises(UsageError, match=r"map\.png .* Use one of \.seg\.nrrd, \.nii\.gz, \.nii, \.nrrd"):
        write_segmentation(tmp_path / "map.png", random_labels(grid))
    with pytest.raises(UsageError, match=r"ct .* Use one of \.nii\.gz, \.nii, \.nrrd, \.mha"):
        write_volume(tmp_path / "ct", Volume(np.zeros(grid.shape, np.int16), grid))


def test_a_missing_folder_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"The folder .*nowhere does not exist"):
        write_segmentation(tmp_path / "nowhere" / "map.nrrd", random_labels(oblique_grid((3, 4, 5))))


def test_a_file_that_the_system_refuses_is_a_sentence_and_leaves_nothing(tmp_path: Path) -> None:
    taken = tmp_path / "map.nrrd"
    taken.mkdir()
    with pytest.raises(InputError, match=r"map\.nrrd cannot be written \(.*give another place"):
        write_segmentation(taken, random_labels(oblique_grid((3, 4, 5))))
    assert list(tmp_path.iterdir()) == [taken]


def test_a_full_disk_is_a_problem_of_the_computer(tmp_path: Path) -> None:
    with (
        pytest.raises(EnvironmentProblem, match=r"disk is full: a\.txt was not written"),
        atomic_write(tmp_path / "a.txt"),
    ):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("stop", [Cancelled, KeyboardInterrupt, SystemExit, ValueError])
def test_a_stopped_write_leaves_the_older_file_and_no_other(stop: type[BaseException], tmp_path: Path) -> None:
    path = tmp_path / "old.seg.nrrd"
    path.write_text("old")
    with pytest.raises(stop), atomic_write(path) as temporary:  # noqa: PT012
        assert temporary.parent == tmp_path
        assert temporary.name.endswith(".seg.nrrd")
        temporary.write_text("half")
        raise stop
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("old.seg.nrrd", "old")]


def test_a_finished_write_replaces_the_older_file(tmp_path: Path) -> None:
    path = tmp_path / "old.txt"
    path.write_text("old")
    with atomic_write(path) as temporary:
        temporary.write_text("new")
        assert path.read_text() == "old"
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("old.txt", "new")]


def test_a_sheared_scan_is_refused_where_the_format_cannot_say_it_and_kept_exactly_by_nrrd(tmp_path: Path) -> None:
    sheared = oblique_grid((3, 4, 5)).affine.copy()
    sheared[1, 2] += 0.8
    labels = random_labels(Grid((3, 4, 5), sheared))
    with pytest.raises(InputError, match="not at right angles, which NIfTI cannot say"):
        write_segmentation(tmp_path / "map.nii.gz", labels)
    _, header = nrrd.read(str(write_segmentation(tmp_path / "map.nrrd", labels)))
    assert np.allclose(header["space directions"], sheared[:3, :3].T, atol=1e-12)
