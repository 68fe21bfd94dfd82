"""Promises of evaluation.folders: the layouts that people have, and what is missing or wrong in them."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import slicerio

from KidneyTumorSegLib.errors import Cancelled, InputError
from KidneyTumorSegLib.evaluation import FolderScores, score_folders
from KidneyTumorSegLib.evaluation.folders import find_label_maps
from KidneyTumorSegLib.evaluation.slicer_file import read_slicer_file
from KidneyTumorSegLib.export import write_segmentation
from KidneyTumorSegLib.progress import Progress
from KidneyTumorSegLib.volume import Grid, LabelMap

SHAPE = (6, 20, 24)
AFFINE = np.array([[0.8, 0, 0, -7.0], [0, 0.8, 0, 11.0], [0, 0, 3.0, -40.0], [0, 0, 0, 1.0]])


def truth(tumor_from: int = 8) -> LabelMap:
    labels = np.zeros(SHAPE, np.uint8)
    labels[1:5, 3:16, 3:20] = 1
    labels[2:4, 5:12, tumor_from : tumor_from + 6] = 2
    return LabelMap(labels, Grid(SHAPE, AFFINE))


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Two references, in KiTS23's layout, and their predictions: the one right, the other shifted."""
    references, predictions = tmp_path / "dataset", tmp_path / "predictions"
    predictions.mkdir()
    for name in ("case_00000", "case_00001"):
        (references / name).mkdir(parents=True)
        write_segmentation(references / name / "segmentation.nii.gz", truth())
    write_segmentation(predictions / "case_00000.nii.gz", truth())
    write_segmentation(predictions / "case_00001.nii.gz", truth(tumor_from=10))
    return references, predictions


def scored(folders: tuple[Path, Path]) -> FolderScores:
    return score_folders(*folders, Progress())


def test_a_kits_folder_is_matched_with_predictions_by_name(folders: tuple[Path, Path]) -> None:
    result = scored(folders)
    assert [case.name for case in result.cases] == ["case_00000", "case_00001"]
    assert [case.target("tumor").dice for case in result.cases] == [1.0, pytest.approx(4 / 6)]
    assert result.remarks == ()


@pytest.mark.parametrize(
    "name",
    ["a/segmentation.nii.gz", "a/aggregated_MAJ_seg.nii.gz", "a.nii.gz", "a.nrrd", "a.seg.nrrd", "a_seg.nii.gz",
     "a_segmentation.nii", "a_label.nrrd"],
)  # fmt: skip
def test_a_case_is_called_the_same_in_every_layout(tmp_path: Path, name: str) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    write_segmentation(tmp_path / name, truth())
    for image in ("imaging.nii.gz", "a_ct.nii.gz", "a_0000.nii.gz", "notes.txt"):
        (tmp_path / name).with_name(image).touch()
    assert find_label_maps(tmp_path) == {"a": tmp_path / name}


def test_a_missing_prediction_counts_as_zero_and_is_named(folders: tuple[Path, Path]) -> None:
    (folders[1] / "case_00001.nii.gz").unlink()
    result = scored(folders)
    assert result.cases[1].mean_dice == 0
    assert result.remarks == ("case_00001 scores 0: the prediction is missing.",)


def test_an_unreadable_prediction_counts_as_zero_and_is_named(folders: tuple[Path, Path]) -> None:
    (folders[1] / "case_00001.nii.gz").write_bytes(b"cut off")
    result = scored(folders)
    assert result.cases[1].target("tumor").dice == 0
    assert "case_00001 scores 0: the prediction cannot be used (case_00001.nii.gz" in result.remarks[0]


def test_a_prediction_on_another_grid_is_refused_by_name(folders: tuple[Path, Path]) -> None:
    moved = AFFINE.copy()
    moved[0, 3] += 0.8
    write_segmentation(folders[1] / "case_00001.nii.gz", LabelMap(truth().labels, Grid(SHAPE, moved)))
    with pytest.raises(InputError, match=r"of case_00001 lie on different grids .*another spacing, origin"):
        scored(folders)


def test_a_reference_that_cannot_be_read_ends_the_run(folders: tuple[Path, Path]) -> None:
    (folders[0] / "case_00001" / "segmentation.nii.gz").write_bytes(b"cut off")
    with pytest.raises(InputError, match=r"segmentation\.nii\.gz"):
        scored(folders)


def test_predictions_without_a_reference_are_named(folders: tuple[Path, Path]) -> None:
    shutil.copy(folders[1] / "case_00000.nii.gz", folders[1] / "case_00007.nii.gz")
    assert scored(folders).remarks == ("Predictions without a reference were not scored: case_00007.",)


def test_two_files_of_one_case_are_refused(folders: tuple[Path, Path]) -> None:
    write_segmentation(folders[1] / "case_00000.nrrd", truth())
    with pytest.raises(InputError, match=r"case_00000\.nii\.gz and case_00000\.nrrd .*both the case case_00000"):
        scored(folders)


def test_folders_without_common_names_or_without_anything_are_refused(folders: tuple[Path, Path]) -> None:
    references, predictions = folders
    empty = references.parent / "empty"
    with pytest.raises(InputError, match=r"There is no folder .*empty"):
        score_folders(references, empty, Progress())
    empty.mkdir()
    with pytest.raises(InputError, match="There are no label maps in"):
        score_folders(empty, predictions, Progress())
    with pytest.raises(InputError, match="is named like a case of"):
        score_folders(references, empty, Progress())


def test_slices_of_one_patient_belong_together(folders: tuple[Path, Path]) -> None:
    for folder, name in ((folders[0], "kits_00042_slice7.nii.gz"), (folders[1], "kits_00042_slice7.nii.gz")):
        one = LabelMap(truth().labels[2:3], Grid((1, 20, 24), AFFINE))
        write_segmentation(folder / name, one)
    case = scored(folders).cases[2]
    assert (case.name, case.patient, case.kind) == ("kits_00042_slice7", "kits_00042", "slice")


def test_a_run_can_be_cancelled_between_cases(folders: tuple[Path, Path]) -> None:
    asked = iter([False, True])
    with pytest.raises(Cancelled):
        score_folders(*folders, Progress(None, lambda: next(asked)))


def slicer_file(path: Path, names: dict[str, tuple[int, int]], voxels: np.ndarray, affine: np.ndarray) -> Path:
    """A `.seg.nrrd` as Slicer may save it: segments by name with (value, layer); voxels (layer,) i, j, k."""
    segments = [{"id": f"S{n}", "name": name, "labelValue": value, "layer": layer, "color": [1, 0, 0]}
                for n, (name, (value, layer)) in enumerate(names.items())]  # fmt: skip
    segmentation = {"voxels": voxels, "ijkToLPS": affine, "containedRepresentationNames": ["Binary labelmap"],
                    "segments": segments}  # fmt: skip
    slicerio.write_segmentation(str(path), segmentation)
    return path


def test_segments_of_a_slicer_file_are_known_by_name_not_by_value(tmp_path: Path) -> None:
    there = truth().labels
    swapped = np.select([there == 1, there == 2], [2, 1]).astype(np.uint8)
    names = {"Tumor": (1, 0), "kidney": (2, 0), "liver": (3, 0)}
    file = slicer_file(tmp_path / "a.seg.nrrd", names, swapped.T, AFFINE)
    read = read_slicer_file(file)
    np.testing.assert_array_equal(read.labels, there)
    assert read.grid.same_as(truth().grid)


def test_overlapping_segments_are_painted_in_the_order_of_kits(tmp_path: Path) -> None:
    there = truth().labels
    layers = np.stack([(there > 0).T.astype(np.uint8), (there == 2).T.astype(np.uint8)])
    file = slicer_file(tmp_path / "a.seg.nrrd", {"tumor": (1, 1), "kidney": (1, 0)}, layers, AFFINE)
    np.testing.assert_array_equal(read_slicer_file(file).labels, there)


def test_a_box_that_slicer_cut_out_is_put_back_exactly(tmp_path: Path) -> None:
    there = truth()
    box_affine = AFFINE.copy()
    box_affine[:3, 3] = there.grid.world((1, 3, 3))
    box = np.ascontiguousarray(there.labels[1:5, 3:16, 3:20])
    file = slicer_file(tmp_path / "a.seg.nrrd", {"kidney": (1, 0), "tumor": (2, 0)}, box.T, box_affine)
    read = read_slicer_file(file, there.grid)
    np.testing.assert_array_equal(read.labels, there.labels)
    box_affine[0, 3] += 0.3  # between the voxels: not to be put back exactly, so left as it is
    shifted = slicer_file(tmp_path / "b.seg.nrrd", {"kidney": (1, 0)}, box.T, box_affine)
    assert read_slicer_file(shifted, there.grid).labels.shape == box.shape


def test_a_slicer_file_without_our_segments_is_refused_with_its_names(tmp_path: Path) -> None:
    file = slicer_file(tmp_path / "a.seg.nrrd", {"Segment_1": (1, 0)}, truth().labels.T, AFFINE)
    with pytest.raises(InputError, match=r"no segment called kidney, tumor or cyst \(it has: Segment_1\)"):
        read_slicer_file(file)
    file.write_bytes(b"NRRD0004\ncut off")
    with pytest.raises(InputError, match=r"a\.seg\.nrrd"):
        read_slicer_file(file)


def test_our_own_slicer_file_reads_back_as_it_was_written(tmp_path: Path) -> None:
    write_segmentation(tmp_path / "größer.seg.nrrd", truth())
    np.testing.assert_array_equal(read_slicer_file(tmp_path / "größer.seg.nrrd").labels, truth().labels)
