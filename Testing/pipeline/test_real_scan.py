"""On a real CT at full resolution, where there is one: `KIDNEYTUMORSEG_DATA` names a folder with `full/*_ct.nii.gz`.

Such data cannot be published, so these tests say that they were left out where it is not.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from KidneyTumorSegLib import pipeline
from KidneyTumorSegLib.evaluation import score
from KidneyTumorSegLib.export import write_dicom_series
from KidneyTumorSegLib.pipeline import Result
from KidneyTumorSegLib.volume import Volume, read_label_map, read_volume

DATA = Path(os.environ.get("KIDNEYTUMORSEG_DATA", "not-given"))
CTS = sorted((DATA / "full").glob("*_ct.nii.gz"))
pytestmark = pytest.mark.skipif(not CTS, reason="KIDNEYTUMORSEG_DATA names no folder with full/*_ct.nii.gz")


@pytest.fixture(scope="module")
def volume() -> Volume:
    return read_volume(CTS[0])


@pytest.fixture(scope="module")
def result(volume: Volume) -> Result:
    return pipeline.run(volume)


def test_both_kidneys_are_found_and_hardly_any_false_tumor(result: Result) -> None:
    truth = read_label_map(CTS[0].with_name(CTS[0].name.replace("_ct", "_seg")))
    scores = score(truth, result.label_map)
    assert {kidney.side for kidney in result.measurements.kidneys} == {"left", "right"}
    assert scores.region("kidney_and_masses").dice >= 0.88
    if scores.label("tumor").reference_ml == 0:
        assert scores.label("tumor").prediction_ml < 5


def test_a_dicom_folder_of_the_same_scan_gives_the_same_labels(volume: Volume, result: Result, tmp_path: Path) -> None:
    read = read_volume(write_dicom_series(tmp_path / "series", volume))
    again = pipeline.run(read).label_map
    ours = np.argwhere(result.label_map.labels)
    values = result.label_map.labels[tuple(ours.T)]
    theirs = np.rint(again.grid.index(result.label_map.grid.world(ours))).astype(int)
    assert np.array_equal(again.labels[tuple(theirs.T)], values)
    assert np.count_nonzero(again.labels) == len(ours)
