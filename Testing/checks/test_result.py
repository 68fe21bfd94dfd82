"""What a radiologist should look at in a result is said, with the place where to look."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from KidneyTumorSegLib.checks import Finding, check_result
from KidneyTumorSegLib.errors import InputError
from KidneyTumorSegLib.volume import Grid, LabelMap, Reorder, Volume
from KidneyTumorSegLib.volume.phantom import phantom_grid, standard_phantom

Scan = tuple[Volume, LabelMap]


def _changed(scan: Scan, change: Callable[[Any, Any], None]) -> tuple[Finding, ...]:
    """Findings after a change to a copy of the labels, given the world positions of all voxels."""
    volume, label_map = scan
    labels = label_map.labels.copy()
    places = volume.grid.world(np.stack(np.meshgrid(*map(np.arange, labels.shape), indexing="ij"), axis=-1))
    change(labels, places)
    return check_result(volume, LabelMap(labels, label_map.grid))


def _only(findings: tuple[Finding, ...], code: str) -> Finding:
    assert [finding.code for finding in findings] == [code]
    return findings[0]


def test_a_right_result_gives_no_finding(scan: Scan) -> None:
    assert check_result(*scan) == ()


def test_no_kidney_is_said(scan: Scan) -> None:
    finding = _only(_changed(scan, lambda labels, _: labels.fill(0)), "no-kidney")
    assert finding.text == "No kidney was found. Is the abdomen in the scan, and is it CT?"
    assert finding.severity == "warning"


def test_a_speck_is_no_kidney(scan: Scan) -> None:
    def change(labels: Any, places: Any) -> None:
        labels[:] = 0
        labels[20, 30, 40] = 1

    _only(_changed(scan, change), "no-kidney")


def test_a_single_kidney_is_said_and_its_side_is_not_guessed(scan: Scan) -> None:
    def change(labels: Any, places: Any) -> None:
        labels[places[..., 0] < 0] = 0

    finding = _only(_changed(scan, change), "one-kidney")
    assert finding.text.startswith("Only one kidney was found: the other may be absent")
    assert finding.lps is not None
    assert finding.lps[0] > 40


def test_three_kidneys_are_said(scan: Scan) -> None:
    def change(labels: Any, places: Any) -> None:
        labels[(np.abs(places - np.array([0, -50, 70])) < 25).all(axis=-1)] = 1

    findings = _changed(scan, change)
    assert "3 bodies of kidney size were found" in findings[0].text


def test_two_bodies_on_one_side_are_not_called_left_and_right(scan: Scan) -> None:
    def change(labels: Any, places: Any) -> None:
        labels[places[..., 0] < 0] = 0
        labels[(np.abs(places - np.array([70, -60, 90])) < 25).all(axis=-1)] = 1

    texts = " ".join(finding.text for finding in _changed(scan, change))
    assert "A kidney reaches the upper edge" in texts
    assert "right" not in texts


def _cut(spacing: tuple[float, float, float] = (4.0, 4.0, 5.0)) -> Scan:
    """The phantom's lower half is outside: both kidneys are cut at S = 0."""
    grid = phantom_grid(spacing, (352.0, 256.0, 100.0))
    affine = grid.affine.copy()
    affine[2, 3] = 0.0
    return standard_phantom().scan(Grid(grid.shape, affine))


def test_kidneys_cut_by_the_edge_are_named_with_side_and_edge() -> None:
    findings = [finding for finding in check_result(*_cut()) if finding.code == "kidney-cut"]
    assert sorted(finding.text for finding in findings) == [
        "The left kidney reaches the lower edge of the scan: it may be cut off.",
        "The right kidney reaches the lower edge of the scan: it may be cut off.",
    ]
    for finding in findings:
        assert finding.lps is not None
        assert finding.lps[2] == 0.0
        assert (finding.lps[0] > 0) == ("left" in finding.text)


def test_edges_and_sides_come_from_the_world_not_from_the_array() -> None:
    volume, label_map = _cut()
    plain = {finding.text for finding in check_result(volume, label_map)}
    for order in (Reorder((2, 0, 1), (0, 2)), Reorder((1, 2, 0), (1,)), Reorder((0, 1, 2), (0, 1, 2))):
        grid = order.apply_to_grid(volume.grid)
        turned = Volume(np.ascontiguousarray(order.apply(volume.voxels)), grid)
        labels = LabelMap(np.ascontiguousarray(order.apply(label_map.labels)), grid)
        assert {finding.text for finding in check_result(turned, labels)} == plain


@pytest.mark.parametrize(("factor", "word"), [(0.2, "small"), (4.0, "large")])
def test_an_implausible_volume_is_said_with_its_number(factor: float, word: str) -> None:
    phantom = standard_phantom()
    volume, label_map = phantom.scan(phantom_grid((4.0, 4.0, 5.0)))
    affine = np.diag([factor, 1.0, 1.0, 1.0]) @ volume.affine
    squeezed, labels = Volume.of(volume.voxels, affine), LabelMap(label_map.labels, Grid(label_map.grid.shape, affine))
    texts = [finding.text for finding in check_result(squeezed, labels)]
    assert any(f"kidney is unusually {word} (" in text and "mL of kidney tissue" in text for text in texts)


def test_a_scan_without_contrast_agent_is_said_with_its_hu(scan: Scan) -> None:
    volume, label_map = scan
    plain = replace(volume, voxels=np.minimum(volume.voxels, 35).astype(np.int16))
    finding = _only(check_result(plain, label_map), "no-contrast")
    assert finding.text.startswith("No contrast agent is seen in the kidneys (35 HU)")


@pytest.mark.parametrize("hu", [-90, 900])
def test_a_result_that_is_no_kidney_tissue_is_said(scan: Scan, hu: int) -> None:
    volume, label_map = scan
    finding = _only(
        check_result(replace(volume, voxels=np.full_like(volume.voxels, hu)), label_map), "not-kidney-tissue"
    )
    assert finding.text == f"What was marked as kidney has {hu} HU, which is not kidney tissue: check the result."


@pytest.mark.parametrize(("value", "name"), [(2, "tumor"), (3, "cyst")])
def test_a_lesion_away_from_the_kidneys_is_said_with_its_place(scan: Scan, value: int, name: str) -> None:
    def change(labels: Any, places: Any) -> None:
        labels[np.linalg.norm(places - np.array([-60, -20, 70]), axis=-1) < 12] = value

    finding = _only(_changed(scan, change), "stray-lesion")
    assert finding.text == f"A {name} of 8.3 mL lies away from all kidney tissue: it may be false."
    assert finding.lps == pytest.approx((-60, -20, 70), abs=4)


def test_a_lesion_beside_a_kidney_is_no_stray(scan: Scan) -> None:
    def change(labels: Any, places: Any) -> None:
        tumor = labels == 2
        labels[tumor & (np.linalg.norm(places - np.array([90, 38, 14]), axis=-1) > 16)] = 0  # a thin rim is lost

    assert _changed(scan, change) == ()


def test_other_labels_are_no_kidney(scan: Scan) -> None:
    def change(labels: Any, places: Any) -> None:
        labels[labels == 0] = 13

    assert _changed(scan, change) == ()


def test_a_segmentation_on_another_grid_is_refused(scan: Scan) -> None:
    volume, label_map = scan
    affine = volume.affine.copy()
    affine[0, 3] += 2.0
    with pytest.raises(InputError, match=r"The segmentation does not lie on the voxels of phantom .* Choose the scan"):
        check_result(volume, LabelMap(label_map.labels, Grid(label_map.grid.shape, affine)))
