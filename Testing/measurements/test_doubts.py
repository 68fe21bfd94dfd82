"""Doubts on lesions of analytic phantoms: each rule speaks where it should, in words, and nowhere else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from KidneyTumorSegLib.checks import Finding, LesionConfidence
from KidneyTumorSegLib.measurements import measure
from KidneyTumorSegLib.measurements.doubts import all_doubts, finding_doubts, lesion_doubts
from KidneyTumorSegLib.measurements.lesion_body import lesion_body
from KidneyTumorSegLib.volume import Grid, LabelMap, Reorder, Volume
from KidneyTumorSegLib.volume.phantom import phantom_grid, standard_phantom

KIDNEY, TUMOR, CYST = 1, 2, 3
SPACING_MM = (2.0, 2.0, 3.0)


def grid():
    affine = np.diag([*SPACING_MM, 1.0])
    affine[:3, 3] = (-90.0, -50.0, -60.0)
    return Grid((40, 50, 90), affine)


class Patient:
    """Two kidneys, and lesions that a test puts on them."""

    def __init__(self, noise_hu=12.0):
        self.grid = grid()
        self.places = self.grid.world(np.stack(np.meshgrid(*map(np.arange, self.grid.shape), indexing="ij"), axis=-1))
        self.labels = np.zeros(self.grid.shape, np.uint8)
        self.hu = np.full(self.grid.shape, -90.0)
        self.noise_hu = noise_hu
        self.put(KIDNEY, (45.0, 0.0, 0.0), 28.0, 160.0)
        self.put(KIDNEY, (-45.0, 0.0, 0.0), 28.0, 160.0)

    def put(self, label, center, radius_mm, hu):
        ball = np.linalg.norm(self.places - center, axis=-1) <= radius_mm
        self.labels[ball], self.hu[ball] = label, hu
        return self

    def doubts(self, confidences=()):
        noise = np.random.default_rng(1).normal(0.0, self.noise_hu, self.hu.shape)
        volume = Volume(np.rint(self.hu + noise).astype(np.int16), self.grid)
        label_map = LabelMap(self.labels, self.grid)
        return lesion_doubts(volume, label_map, measure(label_map), confidences)

    def only(self):
        (doubt,) = self.doubts()
        return doubt


PLAIN_TUMOR = (TUMOR, (60.0, 0.0, 12.0), 14.0, 95.0)
PLAIN_CYST = (CYST, (-60.0, 0.0, 12.0), 14.0, 8.0)


def test_plain_lesions_give_no_doubt():
    assert Patient().put(*PLAIN_TUMOR).put(*PLAIN_CYST).doubts() == ()


def test_the_standard_phantom_gives_no_doubt_on_its_lesions():
    volume, truth = standard_phantom().scan(phantom_grid((3.0, 3.0, 4.0)))
    assert lesion_doubts(volume, truth, measure(truth)) == ()


def test_a_small_lesion_is_doubtful_with_its_size():
    doubt = Patient().put(TUMOR, (45.0, 25.0, 0.0), 4.9, 95.0).only()
    assert len(doubt.reasons) == 1
    assert doubt.reasons[0].startswith("It is small (0.4")
    assert doubt.reasons[0].endswith(" mm): it may be false, and its kind is hard to tell.")
    assert doubt.position_lps == doubt.lesion.center_lps


def test_a_long_lesion_of_little_volume_is_thin_and_a_compact_one_small_never_both():
    rod = Patient()
    away = np.abs(rod.places - (45.0, 26.0, 0.0))
    rod.labels[(away <= (14.0, 1.5, 1.6)).all(axis=-1)] = TUMOR  # 14 voxels of 12 mm3 in a row
    (reason,) = rod.only().reasons
    assert reason == "It is thin (0.17 mL, 26 mm): it may be false, and its kind is hard to tell."
    ball = Patient().put(TUMOR, (45.0, 25.0, 0.0), 6.0, 95.0).only()
    assert ball.lesion.diameter_mm > 10.0
    assert ball.reasons[0].startswith("It is small (0.")


def test_a_lesion_far_from_a_kidney_is_doubtful():
    doubt = Patient().put(TUMOR, (0.0, 30.0, 30.0), 9.0, 95.0).only()
    assert doubt.reasons == ("It lies more than 5 mm away from all kidney tissue.",)


def test_a_lesion_at_the_edge_of_the_scan_is_doubtful():
    doubt = Patient().put(TUMOR, (78.0, 0.0, 0.0), 12.0, 95.0).only()
    assert doubt.reasons == ("It reaches the edge of the scan and may be cut off.",)


@pytest.mark.parametrize(
    ("label", "hu", "reason"),
    [
        (CYST, 62.0, "Its mean of 62 HU is high for a cyst (fluid has up to 30 HU)."),
        (TUMOR, 5.0, "Its mean of 5 HU is low for a tumor (fluid?)."),
        (TUMOR, -60.0, "Its mean of -60 HU is low for a tumor (fat?)."),
    ],
)
def test_a_density_unlike_its_kind_is_told(label, hu, reason):
    assert Patient().put(label, (60.0, 0.0, 12.0), 14.0, hu).only().reasons == (reason,)


@pytest.mark.parametrize(("label", "hu"), [(CYST, -5.0), (CYST, 28.0), (TUMOR, 18.0), (TUMOR, 220.0)])
def test_a_density_like_its_kind_is_not_told(label, hu):
    assert Patient(noise_hu=0.0).put(label, (60.0, 0.0, 12.0), 14.0, hu).doubts() == ()


def test_the_edge_of_a_lesion_does_not_tell_its_density():
    """Too few inner voxels: their values are those of what lies around."""
    doubt = Patient().put(CYST, (60.0, 0.0, 12.0), 5.0, 120.0).only()
    assert not any("HU" in reason for reason in doubt.reasons)


def test_a_cyst_with_a_solid_part_is_uneven_and_a_noisy_one_is_not():
    uneven = Patient(noise_hu=10.0).put(*PLAIN_CYST).put(CYST, (-64.0, 0.0, 8.0), 7.0, 110.0).doubts()
    assert any("It is uneven for a cyst" in reason for doubt in uneven for reason in doubt.reasons)
    assert Patient(noise_hu=40.0).put(*PLAIN_CYST).doubts() == ()


def test_a_cyst_on_a_tumor_may_be_one_mass_with_it():
    doubt = Patient().put(*PLAIN_TUMOR).put(CYST, (64.0, 8.0, 20.0), 11.0, 8.0).only()
    assert doubt.lesion.kind == "cyst"
    assert doubt.reasons == ("It touches a tumor: both may be one mass.",)


def test_the_most_doubtful_lesion_comes_first_and_more_reasons_weigh_more():
    patient = Patient().put(TUMOR, (45.0, 25.0, 0.0), 4.9, 95.0).put(TUMOR, (0.0, 35.0, 30.0), 4.9, 95.0)
    patient.put(*PLAIN_CYST)
    doubts = patient.doubts()
    assert [len(doubt.reasons) for doubt in doubts] == [2, 1]
    assert doubts[0].score > doubts[1].score > 0
    assert doubts[0].reasons[0].startswith("It lies more than 5 mm"), "the weightiest reason first"


def test_a_lesion_that_the_network_was_not_sure_of_is_told_and_a_sure_one_is_not():
    patient = Patient().put(*PLAIN_TUMOR).put(*PLAIN_CYST)
    unsure, sure = (60.0, 0.0, 12.0), (-60.0, 0.0, 12.0)
    told = [
        LesionConfidence("tumor", unsure, 0.6),
        LesionConfidence("cyst", sure, 0.93),
        LesionConfidence("cyst", unsure, 0.1),  # of another kind: not about the tumor
        LesionConfidence("tumor", (0.0, 0.0, 0.0), 0.1),  # of a place where no lesion is
    ]
    (doubt,) = patient.doubts(told)
    assert doubt.lesion.kind == "tumor"
    assert doubt.reasons == ("The model was not sure of it (mean probability 0.60).",)


def test_the_same_result_gives_the_same_doubts_in_every_orientation():
    patient = Patient(noise_hu=0.0).put(TUMOR, (45.0, 25.0, 0.0), 4.9, 95.0).put(CYST, (-60.0, 0.0, 12.0), 14.0, 62.0)
    told = [(doubt.lesion.title, doubt.reasons, doubt.score) for doubt in patient.doubts()]
    for how in (Reorder((1, 0, 2), ()), Reorder((2, 0, 1), (1,)), Reorder((0, 1, 2), (0, 1, 2))):
        volume = Volume(how.apply(patient.hu.astype(np.int16)), how.apply_to_grid(patient.grid))
        label_map = LabelMap(how.apply(patient.labels), how.apply_to_grid(patient.grid))
        doubts = lesion_doubts(volume, label_map, measure(label_map))
        assert [(doubt.lesion.title, doubt.reasons, doubt.score) for doubt in doubts] == told


def test_an_mr_is_not_judged_by_hu():
    patient = Patient().put(CYST, (60.0, 0.0, 12.0), 14.0, 300.0)
    label_map = LabelMap(patient.labels, patient.grid)
    volume = Volume(patient.hu.astype(np.float32), patient.grid, "MR")
    assert lesion_doubts(volume, label_map, measure(label_map)) == ()


def test_findings_with_a_place_are_doubts_too_but_none_is_told_twice():
    findings = (
        Finding("one-kidney", "warning", "Only one kidney was found.", (1.0, 2.0, 3.0)),
        Finding("stray-lesion", "warning", "A tumor lies away.", (0.0, 0.0, 0.0)),
        Finding("thick-slices", "warning", "The slices lie 6 mm apart."),
        Finding("note", "info", "Something.", (4.0, 5.0, 6.0)),
    )
    doubts = finding_doubts(findings)
    assert [(doubt.code, doubt.reasons, doubt.position_lps) for doubt in doubts] == [
        ("one-kidney", ("Only one kidney was found.",), (1.0, 2.0, 3.0)),
        ("note", ("Something.",), (4.0, 5.0, 6.0)),
    ]
    assert all(doubt.lesion is None for doubt in doubts)


def test_lesions_and_findings_come_in_one_order():
    patient = Patient(noise_hu=0.0).put(TUMOR, (0.0, 35.0, 30.0), 4.9, 95.0).put(TUMOR, (45.0, 25.0, 0.0), 4.9, 95.0)
    volume, label_map = Volume(patient.hu.astype(np.int16), patient.grid), LabelMap(patient.labels, patient.grid)
    findings = (Finding("small-kidney", "warning", "Small.", (45.0, 0.0, 0.0)),)
    doubts = all_doubts(volume, label_map, measure(label_map), findings)
    assert [doubt.code for doubt in doubts] == ["", "small-kidney", ""]
    assert [doubt.score for doubt in doubts] == sorted((doubt.score for doubt in doubts), reverse=True)


def test_measurements_of_another_label_map_give_no_doubt_instead_of_a_wrong_one():
    patient = Patient().put(TUMOR, (45.0, 25.0, 0.0), 4.9, 95.0)
    label_map = LabelMap(patient.labels, patient.grid)
    (lesion,) = measure(label_map).lesions
    assert lesion_body(LabelMap(np.zeros_like(patient.labels), patient.grid), lesion) is None
    assert lesion_body(label_map, replace(lesion, center_lps=(900.0, 0.0, 0.0))) is None


def test_a_lesion_is_found_whole_however_long_it_is_across_the_slices():
    labels = np.zeros((40, 20, 20), np.uint8)
    labels[2:38, 8:11, 8:11] = TUMOR
    label_map = LabelMap(labels, Grid(labels.shape, np.diag([1.0, 1.0, 4.0, 1.0])))
    (lesion,) = measure(label_map).lesions
    body = lesion_body(label_map, lesion)
    assert body.box == (slice(2, 38), slice(8, 11), slice(8, 11))
    assert body.mask.all()
    assert body.distance_mm((9.0, 9.0, 80.0)) == 0.0
    assert body.distance_mm((14.5, 9.0, 80.0)) == pytest.approx(4.0), "to the voxel's face"
