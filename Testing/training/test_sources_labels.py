"""Names of labels, as data sets have them, become our values; what cannot be mapped is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from KidneyTumorSegLib.errors import InputError
from KidneyTumorSegLib.training.sources import open_data, read_sources
from KidneyTumorSegLib.training.sources.label_names import our_name, translate

KM, MASSES, TUMOR = "kidney_and_masses", "masses", "tumor"


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        ("Left Kidney", "kidney"),
        ("kidney_right", "kidney"),
        ("Kidneys", "kidney"),
        ("Tumour", "tumor"),
        ("kidney_cyst_left", "cyst"),
        ("masses", "mass"),
        ("renal lesions", "mass"),
        ("postcava", "inferior vena cava"),
        ("adrenal_gland_right", "right adrenal"),
        ("Gall Bladder", "gallbladder"),
        ("prostate/uterus", "other"),
        ("renal pelvis", None),
        ("class1", None),
    ],
)
def test_a_name_is_understood_however_it_is_written(name: str, ours: str | None) -> None:
    assert our_name(name) == ours


@pytest.mark.parametrize(
    ("names", "values", "known"),
    [
        ({1: ["kidney"], 2: ["tumor"]}, {1: 1, 2: 2}, {KM, TUMOR}),
        ({1: ["Kidney"], 2: ["Cyst"], 3: ["Tumor"]}, {1: 1, 2: 3, 3: 2}, {KM, MASSES, TUMOR}),
        ({1: ["kidney"], 2: ["lesion"]}, {1: 1, 2: 2}, {KM, MASSES}),
        (
            {1: ["kidney"], 2: ["kidney", "masses", "tumor"], 3: ["kidney", "masses"]},
            {1: 1, 2: 2, 3: 3},
            {KM, MASSES, TUMOR},
        ),
        ({1: ["tumor"]}, {1: 2}, {TUMOR}),
        (
            {2: ["kidney_left"], 3: ["kidney_right"], 5: ["liver"], 9: ["bladder"]},
            {2: 1, 3: 1, 5: 13, 9: 0},
            {KM, "liver"},
        ),
    ],
)
def test_what_is_not_named_is_not_known(names: dict[int, list[str]], values: dict[int, int], known: set[str]) -> None:
    assert translate(names, "dataset.json") == ({0: 0, **values}, known)


@pytest.fixture
def folder(write_data_set: Callable[..., object], tmp_path: Path) -> Path:
    write_data_set(tmp_path / "own", "nnunet", (2,))
    return tmp_path / "own"


def change(folder: Path, **fields: Any) -> None:
    table = json.loads((folder / "dataset.json").read_text())
    (folder / "dataset.json").write_text(json.dumps(table | fields))


def test_the_first_form_of_dataset_json_is_read(folder: Path) -> None:
    (folder / "dataset.json").write_text(
        json.dumps({"modality": {"0": "CT"}, "labels": {"0": "background", "1": "Kidney", "2": "Cyst", "3": "Tumor"}})
    )
    (source,) = read_sources(folder)
    before = np.bincount(source.truth.labels.ravel(), minlength=4)
    change(folder, labels={"0": "background", "1": "Kidney", "2": "Tumor", "3": "Cyst"})
    (source,) = read_sources(folder)
    after = np.bincount(source.truth.labels.ravel(), minlength=4)
    assert (before[2], before[3]) == (after[3], after[2])
    assert after[3] > 0


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"labels": {"kidney": 1, "renal pelvis": 4}}, r"calls the label 4 'renal pelvis', which cannot be mapped"),
        ({"labels": {"kidney": 1, "ignore": 4}}, r"calls the label 4 'ignore', which cannot be mapped"),
        ({"labels": {"background": 0, "liver": 1}}, r"names no kidney, tumor or cyst among its labels"),
        ({"labels": {"kidney": "one"}}, r"gives 'kidney' the value 'one'; labels are 0 to 255"),
        ({"labels": {"kidney": 0}}, r"gives 'kidney' the value 0, which is background here"),
        ({"labels": [1, 2]}, r"has no table 'labels'"),
        (
            {"channel_names": {"0": "CT", "1": "PET"}},
            r"names 2 channels an image \(CT, PET\); a model",
        ),
        ({"file_ending": ".png"}, r"its files end with '\.png'; read here are \.nii"),
    ],
)
def test_what_an_nnunet_folder_says_and_cannot_be_used_is_refused(
    folder: Path, fields: dict[str, Any], sentence: str
) -> None:
    change(folder, **fields)
    with pytest.raises(InputError, match=r"own/dataset\.json .*" + sentence):
        open_data(folder)


def test_an_nnunet_folder_without_its_table_of_labels(folder: Path) -> None:
    (folder / "dataset.json").write_text("{")
    with pytest.raises(InputError, match=r"own/dataset\.json cannot be read as JSON"):
        open_data(folder)
    (folder / "dataset.json").unlink()
    with pytest.raises(InputError, match=r"own holds imagesTr, but no dataset\.json that says what its labels mean"):
        open_data(folder.parent)
