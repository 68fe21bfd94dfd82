"""Bad data is named and counted, and training goes on or stops with a sentence; nothing is dropped in silence."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from KidneyTumorSegLib.errors import InputError
from KidneyTumorSegLib.training.sources import Problem, open_data, packs, read_sources
from KidneyTumorSegLib.training.sources.problem import Tally
from KidneyTumorSegLib.volume import LabelMap, Volume

Write = Callable[..., list[tuple[Volume, LabelMap]]]
IMAGE, MASK = "imaging.nii.gz", "segmentation.nii.gz"


@pytest.fixture(scope="module")
def whole(write_data_set: Write, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder like KiTS23's, with three cases and nothing wrong."""
    folder = tmp_path_factory.mktemp("whole")
    write_data_set(folder, "kits23", (2, 4, 6))
    return folder


@pytest.fixture
def folder(whole: Path, tmp_path: Path) -> Path:
    """A copy to damage."""
    return Path(shutil.copytree(whole, tmp_path / "own"))


def change(file: Path, how: Callable[[sitk.Image], sitk.Image]) -> None:
    sitk.WriteImage(how(sitk.ReadImage(str(file))), str(file))


def no_mask(case: Path) -> None:
    (case / MASK).unlink()


def no_image(case: Path) -> None:
    (case / IMAGE).unlink()


def fewer_slices(case: Path) -> None:
    change(case / MASK, lambda image: image[1:])


def elsewhere(case: Path) -> None:
    change(case / MASK, lambda image: sitk.GetImageFromArray(sitk.GetArrayFromImage(image)))


def strange_value(case: Path) -> None:
    change(case / MASK, lambda image: sitk.Cast(image * 7, sitk.sitkUInt8))


def not_labels(case: Path) -> None:
    shutil.copy(case / IMAGE, case / MASK)


def nothing_drawn(case: Path) -> None:
    change(case / MASK, lambda image: image * 0)


def cut_off(case: Path) -> None:
    data = (case / IMAGE).read_bytes()
    (case / IMAGE).write_bytes(data[: len(data) // 2])


def cut_off_mask(case: Path) -> None:
    data = (case / MASK).read_bytes()
    (case / MASK).write_bytes(data[: len(data) // 2])


def empty_file(case: Path) -> None:
    (case / IMAGE).write_bytes(b"")


def constant(case: Path) -> None:
    change(case / IMAGE, lambda image: image * 0 + 40)


def raw_values(case: Path) -> None:
    change(case / IMAGE, lambda image: image + 1024)


DAMAGES = {
    no_mask: "case_00004 has no mask: expected segmentation.nii.gz or aggregated_MAJ_seg.nii.gz",
    no_image: "case_00004/imaging.nii.gz is missing beside segmentation.nii.gz, .* Download the image",
    fewer_slices: "case_00004/segmentation.nii.gz does not lie on the grid of case_00004/imaging.nii.gz: it has "
    "26 x 64 x 88 voxels, the scan 27 x 64 x 88",
    elsewhere: "case_00004/segmentation.nii.gz does not lie on the grid of .*: shape, spacing or place differ",
    strange_value: "case_00004/segmentation.nii.gz has the label values 7, 14, 21, but only 0, 1, 2, 3 mean something",
    not_labels: "segmentation.nii.gz is not a segmentation: its values run from -",
    nothing_drawn: "case_00004/segmentation.nii.gz marks no kidney, tumor or cyst in the whole scan",
    cut_off: "imaging.nii.gz is cut off: its compressed data end too early",
    cut_off_mask: "segmentation.nii.gz is cut off: its compressed data end too early",
    empty_file: r"imaging.nii.gz is empty \(0 bytes\)",
    constant: "imaging.nii.gz is blank: every voxel has the value 40",
    raw_values: "imaging.nii.gz is not in HU",
}


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_a_bad_case_is_left_out_named_and_counted_and_the_others_are_read(
    folder: Path, damage: Callable[[Path], None]
) -> None:
    damage(folder / "dataset" / "case_00004")
    problems: list[Problem] = []
    sources = list(read_sources(folder, problems.append))
    assert [source.name for source in sources] == ["kits_00002", "kits_00006"]
    (problem,) = problems
    assert "00004" in problem.case
    assert (problem.expected, problem.of_cases) == (False, 3)
    with pytest.raises(InputError, match=DAMAGES[damage]):
        raise InputError(problem.sentence)


def test_a_missing_mask_is_known_before_anything_is_read(folder: Path) -> None:
    no_mask(folder / "dataset" / "case_00004")
    found = open_data(folder)
    assert [problem.case for problem in found.problems] == ["case_00004"]
    assert (len(found.entries), found.cases) == (2, 3)


@pytest.mark.parametrize("damage", [no_mask, cut_off], ids=lambda damage: damage.__name__)
def test_where_no_case_is_left_the_run_stops_with_all_names(folder: Path, damage: Callable[[Path], None]) -> None:
    for case in sorted((folder / "dataset").iterdir()):
        damage(case)
    with pytest.raises(InputError, match=r"(?s)no case is left|too many to go on|that can be used") as stopped:
        list(read_sources(folder))
    assert all(f"0000{number}" in str(stopped.value) for number in (2, 4, 6))


def test_two_bad_cases_of_two_stop_too(write_data_set: Write, tmp_path: Path) -> None:
    write_data_set(tmp_path, "kits23", (2, 4))
    for image in tmp_path.rglob(IMAGE):
        image.write_bytes(b"")
    with pytest.raises(InputError, match=r"2 of 2 cases cannot be used: no case is left\.\n  kits_00002: .*\n  kits_"):
        list(read_sources(tmp_path))


@pytest.mark.parametrize(("cases", "bad", "stops"), [(120, 12, False), (120, 13, True), (5, 2, False), (5, 3, True)])
def test_more_than_a_tenth_and_at_least_three_stop_the_run(cases: int, bad: int, stops: bool) -> None:
    told: list[Problem] = []
    tally = Tally(cases, told.append)
    problems = [Problem(f"case{number}", "It is bad.") for number in range(bad)]
    if not stops:
        tally.add(problems)
        assert told == problems
        return
    with pytest.raises(InputError, match=rf"^{bad} of {cases} cases cannot be used: too many to go on") as stopped:
        tally.add(problems)
    assert "  case0: It is bad." in str(stopped.value)
    assert ("and 3 more" in str(stopped.value)) == (bad == 13)


def test_what_the_makers_left_out_never_stops_a_run() -> None:
    told: list[Problem] = []
    Tally(3, told.append).add([Problem(f"case{number}", "It has no mask.", expected=True) for number in range(90)])
    assert len(told) == 90


def test_a_folder_without_cases_says_what_is_expected(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("nothing")
    with pytest.raises(InputError, match=r"(?s)no training cases in .*imagesTr/NAME_0000.*NAME_imaging"):
        open_data(tmp_path)
    with pytest.raises(InputError, match=r"notes\.txt is no folder"):
        open_data(tmp_path / "notes.txt")


@pytest.mark.parametrize(
    ("layout", "gone", "sentence"),
    [
        (
            "pairs",
            "patient2_segmentation.nii.gz",
            "patient2_imaging.nii.gz has no mask beside it: expected patient2_seg",
        ),
        ("pairs", "patient2_imaging.nii.gz", "patient2_segmentation.nii.gz has no scan beside it"),
        ("nnunet", "labelsTr/patient2.nii.gz", "patient2_0000.nii.gz has no mask: expected labelsTr/patient2.nii.gz"),
        ("nnunet", "imagesTr/patient2_0000.nii.gz", "patient2.nii.gz has no scan: expected imagesTr/patient2_0000.nii"),
        ("packs", "ct/patient2_seg.nii.gz", "The CT patient2_ct.nii.gz has no label map beside it: expected patient2_"),
        ("packs", "ct/patient2_ct.nii.gz", "The label map patient2_seg.nii.gz has no CT beside it"),
        ("kits21", "data/case_00002/aggregated_MAJ_seg.nii.gz", "case_00002 has no mask: expected"),
    ],
)
def test_half_a_case_is_named_in_every_layout(
    write_data_set: Write, tmp_path: Path, layout: str, gone: str, sentence: str
) -> None:
    write_data_set(tmp_path, layout, (0, 2))
    (tmp_path / gone).unlink()
    found = open_data(tmp_path)
    assert len(found.entries) == 1
    (problem,) = found.problems
    assert problem.sentence.startswith(sentence)


def write_pack(file: Path, **changes: object) -> None:
    arrays = {
        "image": np.full((2, 8, 8), 50, np.uint8) + np.arange(8, dtype=np.uint8),
        "label": np.ones((2, 8, 8), np.uint8),
        "patient": np.array(["kits_00001", "kits_00002"]),
        "slice_index": np.array([3, 4]),
        "spacing_zyx": np.ones((2, 3), np.float32),
        "window_hu": np.array([0.0, 255.0]),
    }
    arrays |= changes  # type: ignore[arg-type]
    file.parent.mkdir(exist_ok=True)
    np.savez_compressed(file, **{name: array for name, array in arrays.items() if array is not None})


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"window_hu": None}, "slices_bad.npz is no pack of slices: it lacks window_hu"),
        ({"label": np.full((2, 8, 8), 9, np.uint8)}, "slices_bad.npz has the label value 9"),
        ({"image": np.full((2, 8, 8), 9, np.uint8)}, "slices_bad.npz is blank here: every pixel has the value 9 HU"),
        ({"label": np.ones((2, 8, 7), np.uint8)}, r"slices_bad.npz: the labels have the shape \(2, 8, 7\)"),
        ({"patient": np.array([{}, {}])}, "slices_bad.npz is no pack of slices, or it is cut off or damaged"),
    ],
)
def test_a_bad_pack_of_slices_is_named(tmp_path: Path, changes: dict[str, object], sentence: str) -> None:
    write_pack(tmp_path / "kits" / "slices_bad.npz", **changes)
    write_pack(tmp_path / "kits" / "slices_good.npz")
    problems: list[Problem] = []
    assert len(list(read_sources(tmp_path, problems.append))) == 2
    assert 1 <= len(problems) <= 2
    with pytest.raises(InputError, match=sentence):
        raise InputError(problems[0].sentence)


def test_a_pack_that_is_cut_off_is_named(tmp_path: Path) -> None:
    write_pack(tmp_path / "kits" / "slices_good.npz")
    data = (tmp_path / "kits" / "slices_good.npz").read_bytes()
    (tmp_path / "kits" / "slices_bad.npz").write_bytes(data[: len(data) // 2])
    (problem,) = open_data(tmp_path).problems
    assert problem == Problem("slices_bad.npz", packs._damaged(Path("slices_bad.npz")), of_cases=3)
