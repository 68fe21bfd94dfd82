"""Whatever the layout, the same patient is read, with the same voxels, and no label says more than its makers meant."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from KidneyTumorSegLib.training.case import prepare
from KidneyTumorSegLib.training.sources import REGION_IDS, open_data, read_sources
from KidneyTumorSegLib.training.split import read_split, split_for
from KidneyTumorSegLib.volume import LabelMap, Volume, canonical

Write = Callable[..., list[tuple[Volume, LabelMap]]]
MASSES_UNKNOWN = REGION_IDS - {"masses"}


def refuse(problem: object) -> None:
    """No case of these tests is bad."""
    raise AssertionError(problem)


def test_every_layout_gives_the_scans_that_were_written(write_data_set: Write, layout: str, tmp_path: Path) -> None:
    written = write_data_set(tmp_path, layout, (3, 4))
    sources = list(read_sources(tmp_path, refuse))
    kits = layout.startswith("kits")
    assert [source.patient for source in sources] == (
        ["kits_00003", "kits_00004"] if kits else ["patient3", "patient4"]
    )
    assert {source.kind for source in sources} == {"kits-volume" if kits else "abdomen"}
    for source, (volume, truth) in zip(sources, written, strict=True):
        upright, order = canonical(source.volume)
        assert upright.spacing == volume.spacing
        assert np.array_equal(upright.voxels, volume.voxels)
        labels = np.where(truth.labels == 3, 1, truth.labels) if layout == "kits19" else truth.labels
        assert np.array_equal(order.apply(source.truth.labels), labels)
        assert source.known == (MASSES_UNKNOWN if layout == "kits19" else REGION_IDS)


def test_a_scan_stored_as_kits_does_and_one_in_plain_order_are_the_same_case(
    write_data_set: Write, tmp_path: Path
) -> None:
    for name in ("kits23", "pairs"):
        (tmp_path / name).mkdir()
        write_data_set(tmp_path / name, name, (5,))
    stored, plain = (next(iter(read_sources(tmp_path / name, refuse))) for name in ("kits23", "pairs"))
    assert stored.volume.voxels.shape == tuple(reversed(plain.volume.voxels.shape))
    one, other = prepare(stored, 2.5), prepare(plain, 2.5)
    assert np.array_equal(one.hu, other.hu)
    assert np.array_equal(one.labels, other.labels)
    assert (one.slice_spacing_mm, one.spacing_mm) == (other.slice_spacing_mm, other.spacing_mm)
    assert set(np.unique(one.labels)) > {0, 1}


@pytest.mark.parametrize("inner", ["", "data"])
def test_the_folder_of_the_cases_itself_may_be_given(write_data_set: Write, tmp_path: Path, inner: str) -> None:
    write_data_set(tmp_path, "kits21", (1,))
    assert [entry.name for entry in open_data(tmp_path / inner).entries] == ["kits_00001"]


@pytest.mark.parametrize("ending", [".nrrd", ".mha", ".nii"])
def test_nnunet_folders_and_pairs_may_be_nrrd_or_metaimage(write_data_set: Write, tmp_path: Path, ending: str) -> None:
    for name in ("nnunet", "pairs"):
        write_data_set(tmp_path / name, name, (1,), ending=ending)
        assert len(list(read_sources(tmp_path / name, refuse))) == 1


def test_entries_are_known_without_reading_a_voxel(write_data_set: Write, tmp_path: Path) -> None:
    write_data_set(tmp_path, "kits23", (7, 8))
    for image in tmp_path.rglob("imaging.nii.gz"):
        image.write_bytes(b"")
    found = open_data(tmp_path)
    assert [(one.name, one.kind, one.layout) for one in found.entries] == [
        ("kits_00007", "kits-volume", "KiTS23"),
        ("kits_00008", "kits-volume", "KiTS23"),
    ]
    assert found.problems == ()


def kits_json(folder: Path) -> None:
    (folder / "kits.json").write_text("[]")


def kits23_json(folder: Path) -> None:
    (folder / "kits23.json").write_text("[]")


def instances(folder: Path) -> None:
    (folder / "case_00000" / "instances").mkdir()


def late_number(folder: Path) -> None:
    (folder / "case_00002").rename(folder / "case_00400")


def nothing(folder: Path) -> None:
    """No sign."""


@pytest.mark.parametrize(
    ("name", "sign", "edition"),
    [
        ("cases", kits_json, "KiTS19"),
        ("cases", kits23_json, "KiTS23"),
        ("cases", instances, "KiTS23"),
        ("cases", late_number, "KiTS23"),
        ("dataset", nothing, "KiTS23"),
        ("cases", nothing, "KiTS19 or KiTS23"),
    ],
)
def test_which_kits_it_is_decides_what_is_known_of_masses(
    write_data_set: Write, tmp_path: Path, name: str, sign: Callable[[Path], None], edition: str
) -> None:
    write_data_set(tmp_path, "kits23", (0, 2))  # phantom 2 has a cyst, phantom 0 has none
    (tmp_path / "dataset").rename(tmp_path / name)
    sign(tmp_path / name)
    if edition == "KiTS19":  # has no label for cysts
        (tmp_path / name / "case_00002" / "segmentation.nii.gz").unlink()
    found = open_data(tmp_path)
    assert {entry.layout for entry in found.entries} == {edition}
    known = {source.patient: source.known for source in found.read_all(lambda problem: None)}
    assert known["kits_00000"] == (REGION_IDS if edition == "KiTS23" else MASSES_UNKNOWN)
    if edition == "KiTS19 or KiTS23":
        assert known["kits_00002"] == REGION_IDS
        assert "does not say whether it is KiTS19" in found.problems[0].sentence
        assert found.problems[0].expected


def test_the_cases_that_kits19_published_without_a_mask_are_told_and_not_counted_as_bad(
    write_data_set: Write, tmp_path: Path
) -> None:
    write_data_set(tmp_path, "kits19", (1, 2, 210, 211, 299))
    for number in (210, 211, 299):
        (tmp_path / "data" / f"case_00{number}" / "segmentation.nii.gz").unlink()
    found = open_data(tmp_path)
    assert found.cases == len(found.entries) == 2
    assert [(one.sentence, one.expected) for one in found.problems] == [
        ("3 cases of KiTS19's own test part have no mask, and are not used.", True)
    ]


def test_a_case_of_kits21_without_a_mask_is_bad_whatever_its_number(write_data_set: Write, tmp_path: Path) -> None:
    write_data_set(tmp_path, "kits21", (1, 250))
    (tmp_path / "data" / "case_00250" / "aggregated_MAJ_seg.nii.gz").unlink()
    assert [(problem.case, problem.expected) for problem in open_data(tmp_path).problems] == [("case_00250", False)]


def test_a_patient_of_two_data_sets_is_in_one_part(write_data_set: Write, tmp_path: Path) -> None:
    volume, truth = write_data_set(tmp_path, "kits23", (138,))[0]
    (tmp_path / "kits").mkdir()
    np.savez_compressed(
        tmp_path / "kits" / "slices_few.npz",
        image=np.clip(volume.voxels[8:10] // 4 + 64, 0, 255).astype(np.uint8),
        label=truth.labels[8:10],
        patient=np.array(["kits_00138", "kits_00138"]),
        slice_index=np.array([8, 9]),
        spacing_zyx=np.tile([8.0, 4.0, 4.0], (2, 1)),
        window_hu=np.array([-256.0, 764.0]),
    )
    write_data_set(tmp_path / "copy", "nnunet", (1,))
    for file in (*(tmp_path / "copy").glob("*/patient1*"),):
        file.rename(file.with_name(file.name.replace("patient1", "KiTS_00138")))
    found = open_data(tmp_path)
    assert found.patients == ("kits_00138",)
    assert [entry.name for entry in found.entries] == ["kits_00138_slice8", "kits_00138_slice9", "kits_00138"]
    assert [problem.sentence for problem in found.problems] == [
        "The copy from nnU-Net folder copy is not used: the same scan is there from KiTS23."
    ]
    assert found.patients[0] in split_for(found.patients, read_split()).validation


def test_cases_of_one_name_in_two_data_sets_keep_apart(write_data_set: Write, tmp_path: Path) -> None:
    for name in ("first", "second"):
        write_data_set(tmp_path / name, "nnunet", (1,))
    found = open_data(tmp_path)
    assert [one.name for one in found.entries] == [
        "patient1 (nnU-Net folder first)",
        "patient1 (nnU-Net folder second)",
    ]
    assert found.patients == ("patient1",)
    assert [source.name for source in found.read_all(refuse)] == [one.name for one in found.entries]


def test_a_name_means_the_same_on_every_system(write_data_set: Write, tmp_path: Path) -> None:
    write_data_set(tmp_path, "pairs", (1,))
    for file in tmp_path.glob("patient1_*"):
        file.rename(file.with_name(file.name.replace("patient1", "Mu\u0308ller")))
    assert open_data(tmp_path).patients == ("M\u00fcller",)


def test_sources_that_were_cut_off_say_where(write_abdomen: Callable[..., Any], tmp_path: Path) -> None:
    for seed, name in enumerate(("own", "btcv0001")):
        write_abdomen(tmp_path, name, seed)
    sources = {source.name: source for source in read_sources(tmp_path, refuse)}
    voxels = sources["own"].volume.voxels
    assert (sources["own"].floor_hu, sources["own"].ceiling_hu) == (voxels.min(), voxels.max())
    assert sources["btcv0001"].floor_hu == -175
    assert sources["btcv0001"].ceiling_hu <= 250


def test_whole_scans_are_not_cut_off(write_data_set: Write, tmp_path: Path) -> None:
    write_data_set(tmp_path, "pairs", (1,))
    (source,) = read_sources(tmp_path, refuse)
    assert (source.floor_hu, source.ceiling_hu) == (-1024.0, math.inf)
    assert prepare(source, 4.0).ceiling_hu == math.inf


@pytest.mark.skipif("KIDNEYTUMORSEG_DATA" not in os.environ, reason="needs real data in KIDNEYTUMORSEG_DATA")
def test_the_real_packs_are_whole_and_their_masks_fit() -> None:
    found = open_data(Path(os.environ["KIDNEYTUMORSEG_DATA"]))
    assert found.problems == ()
    assert len(found.entries) == 79
    assert set(found.patients) <= read_split().named
    ends = {}
    for source in found.read_all(refuse, [one for one in found.entries if one.kind == "abdomen"]):
        ends[source.name] = (source.floor_hu, source.ceiling_hu)
        assert "spleen" in source.known or source.name == "ircadb17"
    assert ends["ircadb01"] == (-250, 448)
    assert ends["btcv0035"] == (-175, 248)


def test_an_nnunet_region_data_set_is_read_as_labels(write_data_set: Write, tmp_path: Path) -> None:
    (_, truth) = write_data_set(tmp_path, "nnunet", (2,))[0]
    table = json.loads((tmp_path / "dataset.json").read_text())
    table["labels"] = {"background": 0, "kidney": [1, 2, 3], "masses": [2, 3], "tumor": 2}
    (tmp_path / "dataset.json").write_text(json.dumps(table))
    (source,) = read_sources(tmp_path, refuse)
    assert np.array_equal(source.truth.labels, truth.labels)
    assert source.known == REGION_IDS
