"""What is no CT is refused in a sentence; what is a CT, however clipped, passes."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from KidneyTumorSegLib.checks import check_volume
from KidneyTumorSegLib.errors import InputError
from KidneyTumorSegLib.volume import Grid, LabelMap, Volume, read_volume
from KidneyTumorSegLib.volume.phantom import phantom_grid, standard_phantom

Scan = tuple[Volume, LabelMap]


def _with_voxels(volume: Volume, voxels: Any) -> Volume:
    return Volume.of(voxels, volume.affine, "CT", "scan.nii.gz")


def _with_affine(volume: Volume, change: Callable[[Any], None]) -> Volume:
    affine = volume.affine.copy()
    change(affine)
    return Volume.of(volume.voxels, affine, "CT", "scan.nii.gz")


def test_the_phantom_passes_without_a_word(scan: Scan) -> None:
    assert check_volume(scan[0]) == ()


@pytest.mark.parametrize(
    "change",
    [
        lambda hu: np.clip(hu, -250, 448),
        lambda hu: np.clip(hu, -175, 250),
        lambda hu: np.rint((np.clip(hu, -512, 512) + 512) / 1024 * 255) / 255 * 1024 - 512,
        lambda hu: np.where(hu < -900, -2048, hu),
        lambda hu: np.where(hu < -900, -3024, hu),
        lambda hu: hu.astype(np.float32) + 0.25,
        lambda hu: np.where(hu > 150, 20000, hu),
    ],
    ids=["clipped", "narrow window", "8-bit window", "padding", "more padding", "float", "metal"],
)
def test_a_real_ct_passes_however_it_was_clipped(scan: Scan, change: Callable[[Any], Any]) -> None:
    assert check_volume(_with_voxels(scan[0], change(scan[0].voxels))) == ()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda hu: hu[:, :, :0], r"scan\.nii\.gz is empty: it has no voxels"),
        (lambda hu: hu[:1], r"scan\.nii\.gz has only one slice; a whole scan of the kidneys is needed"),
        (lambda hu: hu[..., None], r"scan\.nii\.gz has 4 dimensions; a CT volume has 3\. Choose a single volume"),
        (lambda hu: hu[0], r"scan\.nii\.gz has 2 dimensions; a CT volume has 3"),
        (lambda hu: np.stack([hu] * 3, -1), r"scan\.nii\.gz is in color \(3 values per voxel\)"),
        (lambda hu: np.full_like(hu, -1000), r"scan\.nii\.gz is blank: every voxel has the value -1000"),
        (lambda hu: np.where(hu < -900, np.nan, hu), r"holds \d+ voxels that are no number \(NaN or infinity\)"),
        (lambda hu: np.where(hu > 180, np.inf, hu), r"holds \d+ voxels that are no number \(NaN or infinity\)"),
        (lambda hu: (hu > 0).astype(np.int16), r"is a label map \(values 0 to 1\), not a scan"),
        (lambda hu: np.clip(hu, -120, 300) // 14 + 9, r"is a label map \(values 0 to \d+\), not a scan"),
        (lambda hu: (np.clip(hu, -250, 450) + 250) // 3, r"gray values from 0 to \d+, as a picture with 8"),
        (lambda hu: np.abs(hu) % 900, r"is not a CT in HU: it has no negative values \(0 to 899\).*MR, PET"),
        (lambda hu: np.abs(hu).astype(np.float32) * 0.01, r"is not a CT in HU: it has no negative values"),
        (lambda hu: hu + 1024 + 30, r"is not in HU: its soft tissue lies near \d+ instead of 50, so 1024"),
        (
            lambda hu: np.where(hu < -900, -2000, hu + 1024),
            r"is not in HU: its soft tissue lies near \d+ instead of 50",
        ),
        (lambda hu: hu / 1000.0, r"is not a CT in HU: its values run only from -1\.\d+ to 0\.\d+ \(norm"),
        (lambda hu: (hu + 600) / 450.0, r"is not a CT in HU: its values run only from"),
    ],
)
def test_values_that_are_no_ct_are_refused(scan: Scan, change: Callable[[Any], Any], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        check_volume(_with_voxels(scan[0], change(scan[0].voxels)))


def _set(row: Any, column: Any, value: Any) -> Callable[[Any], None]:
    def change(affine: Any) -> None:
        affine[row, column] = value

    return change


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (_set(0, 0, 0.0), r"The geometry of scan\.nii\.gz is impossible: its axes do not span space"),
        (_set(slice(0, 3), 1, [4.0, 0.0, 0.0]), r"The geometry of scan\.nii\.gz is impossible"),
        (_set(0, 3, np.nan), r"The position or spacing of scan\.nii\.gz is not a number"),
        (_set(2, 2, 40.0), r"scan\.nii\.gz has voxels of 4 x 4 x 40 mm, which no CT has; the unit may be wrong"),
        (_set([0, 1], [0, 1], 0.0007), r"scan\.nii\.gz has voxels of 0\.0007 x 0\.0007 x 5 mm, which no CT has"),
        (_set([0, 1], [0, 1], 12.0), r"scan\.nii\.gz has voxels of 12 x 12 x 5 mm, which no CT has"),
        (_set(1, 2, 1.0), r"are not at right angles \(sheared by 11\.3 degrees, .* Give the DICOM folder"),
    ],
)
def test_an_impossible_geometry_is_refused(scan: Scan, change: Callable[[Any], None], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        check_volume(_with_affine(scan[0], change))


@pytest.mark.parametrize(
    ("modality", "words"), [("MR", "an MR scan"), ("PT", "a PET scan"), ("XA", "of the modality XA")]
)
def test_another_modality_is_refused_by_its_name(scan: Scan, modality: str, words: str) -> None:
    with pytest.raises(InputError, match=rf"phantom is {words}, not CT\. Choose a CT scan"):
        check_volume(replace(scan[0], modality=modality))


def test_a_nameless_volume_gets_a_sentence_too(scan: Scan) -> None:
    with pytest.raises(InputError, match=r"^The volume is blank"):
        check_volume(Volume.of(np.zeros((3, 3, 3), np.int16), np.diag([1, 1, 5, 1])))


def _codes(grid: Grid) -> list[str]:
    findings = check_volume(standard_phantom().scan(grid)[0])
    assert all(finding.severity == "warning" for finding in findings)
    return [finding.code for finding in findings]


def test_thick_slices_are_warned_of() -> None:
    assert _codes(phantom_grid((4.0, 4.0, 8.0))) == ["thick-slices"]


def test_a_short_scan_is_warned_of_in_any_orientation() -> None:
    grid = phantom_grid((4.0, 4.0, 4.0), (352.0, 256.0, 80.0))
    coronal = grid.affine @ np.array([[1, 0, 0, 0], [0, 0, 1, 0], [0, 1, 0, 0], [0, 0, 0, 1]])
    assert _codes(grid) == _codes(Grid((64, 20, 88), coronal)) == ["short-scan"]


def test_a_small_field_of_view_is_warned_of() -> None:
    assert _codes(phantom_grid((4.0, 4.0, 4.0), (160.0, 256.0, 200.0))) == ["field-of-view"]


@pytest.mark.skipif("KIDNEYTUMORSEG_DATA" not in os.environ, reason="needs real data in KIDNEYTUMORSEG_DATA")
def test_real_ct_passes_and_real_mr_does_not() -> None:
    data = Path(os.environ["KIDNEYTUMORSEG_DATA"])
    for path in sorted(data.glob("*/*_ct.nii.gz")):
        assert check_volume(read_volume(path)) == ()
    for path in sorted(data.glob("*/*_mr.nii.gz")):
        with pytest.raises(InputError, match="is not a CT in HU"):
            check_volume(read_volume(path))
    for path in sorted(data.glob("*/*_seg.nii.gz")):
        with pytest.raises(InputError, match="is a label map"):
            check_volume(read_volume(path))
