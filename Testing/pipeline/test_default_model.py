"""The default model on synthetic abdomens with known truth: the whole journey, with the real weights.

A phantom is no patient: these tests say that the journey works, not how well the model does on people.
"""

from __future__ import annotations

import numpy as np
import pytest

from KidneyTumorSegLib import pipeline
from KidneyTumorSegLib.errors import Cancelled, EnvironmentProblem, InputError
from KidneyTumorSegLib.evaluation import score
from KidneyTumorSegLib.measurements import headline, measure
from KidneyTumorSegLib.pipeline import Result
from KidneyTumorSegLib.progress import Progress, Step
from KidneyTumorSegLib.settings import Settings
from KidneyTumorSegLib.volume import Grid, LabelMap, Reorder, Volume
from KidneyTumorSegLib.volume.phantom import Ellipsoid, Phantom, phantom_grid, standard_phantom

CPU = Settings(device="cpu")


@pytest.fixture(scope="module")
def scan() -> tuple[Volume, LabelMap]:
    return standard_phantom().scan(phantom_grid((1.8, 1.8, 5.0)), seed=11)


@pytest.fixture(scope="module")
def steps() -> list[Step]:
    return []


@pytest.fixture(scope="module")
def result(scan: tuple[Volume, LabelMap], steps: list[Step]) -> Result:
    return pipeline.run(scan[0], CPU, Progress(steps.append))


def test_kidneys_tumor_and_cyst_are_found_where_they_are(scan: tuple[Volume, LabelMap], result: Result) -> None:
    scores = score(scan[1], result.label_map)
    assert scores.region("kidney_and_masses").dice > 0.85
    assert scores.label("tumor").dice > 0.6
    assert scores.label("cyst").dice > 0.5


def test_sides_and_counts_are_told(result: Result) -> None:
    found = result.measurements
    assert {kidney.side for kidney in found.kidneys} == {"left", "right"}
    assert [lesion.side for lesion in found.lesions if lesion.kind == "tumor"] == ["left"]
    assert headline(found).startswith("2 kidneys, 1 tumor")


def test_the_tumors_diameter_is_near_its_true_one(scan: tuple[Volume, LabelMap], result: Result) -> None:
    true, found = (
        next(lesion.diameter_mm for lesion in measure(labels).lesions if lesion.kind == "tumor")
        for labels in (scan[1], result.label_map)
    )
    assert found == pytest.approx(true, rel=0.25)


def test_the_record_names_model_and_device_and_no_patient(scan: tuple[Volume, LabelMap], result: Result) -> None:
    record = result.record
    assert record.model == "unet-resnet34"
    assert len(record.model_sha256) == 64
    assert record.device == "cpu"
    assert "Segmenting" in record.seconds_by_stage
    assert scan[0].source not in record.to_json()


def test_progress_ends_at_the_end(result: Result, steps: list[Step]) -> None:
    assert steps[-1].fraction == 1.0
    fractions = [step.fraction for step in steps]
    assert fractions == sorted(fractions)


def test_only_the_box_of_the_kidneys_was_looked_at_closely(scan: tuple[Volume, LabelMap], steps: list[Step]) -> None:
    looked_at = [step for step in steps if step.stage == "Segmenting"][-1].done
    assert looked_at < scan[0].grid.shape[0]


def test_an_oblique_scan_of_the_same_patient_gives_the_same_anatomy(result: Result) -> None:
    straight = phantom_grid((1.8, 1.8, 5.0))
    angle = np.deg2rad(12)
    turn = np.eye(4)
    turn[:3, :3] = [[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]]
    volume, truth = standard_phantom().scan(Grid(straight.shape, turn @ straight.affine), seed=12)
    tilted = pipeline.run(volume, CPU)
    assert score(truth, tilted.label_map).region("kidney_and_masses").dice > 0.85
    expected, found = (
        next(lesion.center_lps for lesion in run.measurements.lesions if lesion.kind == "tumor")  # the largest first
        for run in (result, tilted)
    )
    assert np.linalg.norm(np.subtract(found, expected)) < 8


def test_a_stored_order_changes_nothing(scan: tuple[Volume, LabelMap], result: Result) -> None:
    order = Reorder((2, 0, 1), (0, 2))
    stored = Volume(order.apply(scan[0].voxels), order.apply_to_grid(scan[0].grid))
    answer = pipeline.run(stored, CPU)
    assert np.array_equal(answer.label_map.labels, order.apply(result.label_map.labels))
    assert answer.measurements == result.measurements


def test_a_scan_without_kidneys_gives_no_kidney_and_says_so() -> None:
    trunk = Phantom((Ellipsoid((0, 0, 0), (150, 105, 400), -100.0), Ellipsoid((0, 0, 0), (130, 85, 400), 55.0)))
    volume, _ = trunk.scan(phantom_grid((4.0, 4.0, 8.0)))
    result = pipeline.run(volume, CPU)
    assert not result.label_map.labels.any()
    assert headline(result.measurements) == "No kidney found"
    assert any("No kidney was found" in finding.text for finding in result.findings)


def test_bad_input_is_refused_before_any_work(scan: tuple[Volume, LabelMap]) -> None:
    seen: list[Step] = []
    constant = Volume(np.zeros(scan[0].grid.shape, np.int16), scan[0].grid)
    with pytest.raises(InputError):
        pipeline.run(constant, CPU, Progress(seen.append))
    assert {step.stage for step in seen} <= {"Checking the scan"}


def test_cancel_before_the_start_ends_at_once(scan: tuple[Volume, LabelMap]) -> None:
    with pytest.raises(Cancelled):
        pipeline.run(scan[0], CPU, Progress(is_cancelled=lambda: True))


def test_a_model_that_is_not_there_is_named(scan: tuple[Volume, LabelMap]) -> None:
    with pytest.raises(EnvironmentProblem, match="There is no model 'of-tomorrow'"):
        pipeline.run(scan[0], Settings(model="of-tomorrow"))
