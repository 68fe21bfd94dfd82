"""nnU-Net's raw folders: `imagesTr/NAME_0000.nii.gz`, `labelsTr/NAME.nii.gz`, and `dataset.json` with labels' names.

Both forms of `dataset.json` are read: version 2 (`"labels": {"kidney": 1}`, or regions, `{"kidney": [1, 2, 3]}`, and a
`file_ending`) and version 1 (`"labels": {"1": "kidney"}`, always `.nii.gz`).
Source: nnU-Net's documentation/dataset_format.md and region_based_training.md.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from ...errors import InputError
from ...volume.image_file import ENDINGS
from .entry import Entry, Found, kind_of, patient_of
from .label_names import translate
from .problem import Problem
from .scan_pair import Meaning, ScanPair, read_pair

EXPECTED = "imagesTr/NAME_0000.nii.gz, labelsTr/NAME.nii.gz and dataset.json (nnU-Net)"
_IMAGES, _MASKS, _FILE, _CHANNEL = "imagesTr", "labelsTr", "dataset.json", "_0000"


def find(folder: Path) -> Found:
    """The cases of an nnU-Net raw folder.

    Raises:
        InputError: `dataset.json` is missing or damaged, or names something that cannot be used here.
    """
    if not (folder / _IMAGES).is_dir():
        return Found()
    table = _read_table(folder)
    ending = str(table.get("file_ending", ".nii.gz"))
    if ending not in ENDINGS:
        raise InputError(
            f"{folder.name}/{_FILE} says that its files end with '{ending}'; read here are {', '.join(ENDINGS)}."
        )
    _refuse_more_channels(table, folder)
    values, known = translate(_names_by_value(table, folder), f"{folder.name}/{_FILE}")
    return Found.of(_sorted_out(folder, ending, Meaning(values, lambda found: known)))


def _sorted_out(folder: Path, ending: str, meaning: Meaning) -> Iterator[Entry | Problem]:
    images = _by_name(folder / _IMAGES, _CHANNEL + ending)
    masks = _by_name(folder / _MASKS, ending)
    for name in sorted(images | masks):
        if name not in masks:
            yield Problem(name, f"{images[name].name} has no mask: expected {_MASKS}/{name}{ending}.")
        elif name not in images:
            yield Problem(name, f"{masks[name].name} has no scan: expected {_IMAGES}/{name}{_CHANNEL}{ending}.")
        else:
            patient = patient_of(name)
            pair = ScanPair(patient, patient, kind_of(patient), images[name], masks[name], meaning)
            yield Entry(patient, patient, pair.kind, f"nnU-Net folder {folder.name}", partial(read_pair, pair))


def _by_name(folder: Path, ending: str) -> dict[str, Path]:
    files = folder.iterdir() if folder.is_dir() else ()
    return {file.name.removesuffix(ending): file for file in files if file.name.endswith(ending) and file.is_file()}


def _read_table(folder: Path) -> dict[str, Any]:
    file = folder / _FILE
    if not file.is_file():
        raise InputError(
            f"{folder.name} holds {_IMAGES}, but no {_FILE} that says what its labels mean. Put it beside {_IMAGES}."
        )
    try:
        table = json.loads(file.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{folder.name}/{_FILE} cannot be read as JSON: {error}. Mend or copy it again.") from error
    if not isinstance(table, dict) or not isinstance(table.get("labels"), dict):
        raise InputError(f"{folder.name}/{_FILE} has no table 'labels' that says what the values of its masks mean.")
    return table


def _refuse_more_channels(table: dict[str, Any], folder: Path) -> None:
    channels = table.get("channel_names") or table.get("modality") or {}
    if len(channels) > 1:
        names = ", ".join(map(str, channels.values()))
        raise InputError(
            f"{folder.name}/{_FILE} names {len(channels)} channels an image ({names}); a model here sees one CT. "
            "Give a folder with that alone."
        )


def _names_by_value(table: dict[str, Any], folder: Path) -> dict[int, list[str]]:
    """For each value of the masks the labels that hold it; background left out."""
    found: dict[int, list[str]] = {}
    for key, entry in table["labels"].items():
        name, values = (str(entry), key) if str(key).isdigit() else (str(key), entry)
        for value in values if isinstance(values, list) else [values]:
            if not str(value).isdigit() or not int(value) <= 255:
                raise InputError(f"{folder.name}/{_FILE} gives '{name}' the value {value!r}; labels are 0 to 255.")
            if int(value):
                found.setdefault(int(value), []).append(name)
            elif name.lower() != "background":
                raise InputError(f"{folder.name}/{_FILE} gives '{name}' the value 0, which is background here.")
    return found
