"""Promises of evaluation.summary, .tables, .comparison, .markdown and .picture: many cases, counted by hand."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from KidneyTumorSegLib.errors import InputError
from KidneyTumorSegLib.evaluation import (
    CaseScore,
    Figure,
    compare,
    pool,
    read_cases,
    score_case,
    summarize,
    summary_csv,
    summary_markdown,
    write_tables,
)
from KidneyTumorSegLib.evaluation.picture import draw_cases
from KidneyTumorSegLib.volume import LabelMap

LabelMaps = Callable[..., LabelMap]
Kidney = Callable[..., np.ndarray]
TUMOR, CYST = 2, 3


@pytest.fixture(scope="module")
def cases(label_map: LabelMaps, kidney_with: Kidney) -> tuple[CaseScore, ...]:
    """Four scans of four patients: right, half right, failed, and one without any lesion but an invented tumor."""
    tumor, shifted = (TUMOR, (8, 8, 8), 10), (TUMOR, (8, 8, 13), 10)
    invented, cyst = (TUMOR, (20, 20, 20), 9), (CYST, (24, 24, 6), 8)
    with_both = label_map(kidney_with(tumor, cyst))
    clean = label_map(kidney_with())
    return (
        score_case("right", with_both, with_both),
        score_case("half", label_map(kidney_with(tumor)), label_map(kidney_with(shifted))),
        score_case("failed", label_map(kidney_with(tumor)), None, failure="the prediction is missing"),
        score_case("healthy", clean, label_map(kidney_with(invented))),
    )


def by_key(figures: Sequence[Figure], on: str = "scan") -> dict[str, Figure]:
    return {figure.key: figure for figure in figures if figure.on == on}


def test_a_mean_counts_cases_with_the_structure_and_failures_as_zero(cases: tuple[CaseScore, ...]) -> None:
    figures = by_key(summarize(cases))
    tumor = figures["tumor.dice"]
    assert tumor.value == pytest.approx((1 + 0.5 + 0) / 3)
    assert (tumor.patients, tumor.cases, tumor.unit, tumor.median) == (3, 3, "scans", pytest.approx(0.5))
    assert tumor.low == 0.0
    assert tumor.high == 1.0
    assert figures["failed"].value == 0.25
    assert figures["cyst.dice"].patients == 1


def test_what_cannot_be_measured_is_counted_not_hidden(cases: tuple[CaseScore, ...]) -> None:
    distance = by_key(summarize(cases))["tumor.hd95_mm"]
    assert (distance.cases, distance.undefined) == (2, 1)
    assert distance.value == pytest.approx((0.0 + 5.0) / 2)


def test_the_mean_of_kits23_counts_every_case_and_empty_as_one(cases: tuple[CaseScore, ...]) -> None:
    kits = by_key(summarize(cases))["kits.dice"]
    healthy = (1 + 0 + 0) / 3
    assert kits.value == pytest.approx((1 + (1 + 0.5 + 0.5) / 3 + 0 + healthy) / 4)


def test_scans_without_tumors_and_without_cysts_stand_apart(cases: tuple[CaseScore, ...]) -> None:
    figures = by_key(summarize(cases))
    assert (figures["tumor.clean"].cases, figures["tumor.clean"].value) == (1, 0.0)
    assert figures["tumor.much_false"].value == 1.0
    assert figures["tumor.false_ml"].value == pytest.approx(0.729)
    clean = figures["cyst.clean"]
    assert (clean.cases, clean.value) == (3, pytest.approx(2 / 3)), "a scan that failed is not called clean"
    assert (figures["cyst.much_false"].cases, figures["cyst.false_ml"].undefined) == (2, 1)
    assert (figures["tumor.found"].value, figures["tumor.found"].cases) == (pytest.approx(2 / 3), 3)
    assert (figures["tumor.false"].value, figures["tumor.false"].cases) == (pytest.approx(1 / 3), 3)


def test_slices_of_a_patient_are_averaged_and_kept_from_whole_scans(
    cases: tuple[CaseScore, ...], label_map: LabelMaps, kidney_with: Kidney
) -> None:
    one, other = label_map(kidney_with((TUMOR, (8, 8, 8), 10))[9:10]), label_map(kidney_with()[9:10])
    slices = [
        score_case("p_1", one, one, patient="p"),
        score_case("p_2", one, other, patient="p"),
        score_case("q_1", one, one, patient="q"),
    ]
    figures = by_key(summarize([*cases, *slices]), on="slice")
    assert figures["tumor.dice"].value == pytest.approx((0.5 + 1) / 2)
    assert (figures["tumor.dice"].patients, figures["tumor.dice"].cases, figures["tumor.dice"].unit) == (2, 3, "slices")
    assert figures["tumor.dice"].low is None, "two patients have no interval"
    assert {key.split(".")[1] for key in figures if key != "failed"} == {"dice", "iou"}


def test_tables_hold_everything_and_read_back_equal(cases: tuple[CaseScore, ...], tmp_path: Path) -> None:
    assert write_tables(tmp_path, cases) == ("cases.csv", "lesions.csv", "evaluation.csv")
    back = read_cases(tmp_path / "cases.csv")
    assert back == tuple(replace(case, snapshot=None) for case in cases)
    assert read_cases(tmp_path) == back
    assert summarize(back) == summarize(cases)


def test_the_table_of_kits23_has_its_columns_and_its_average(cases: tuple[CaseScore, ...], tmp_path: Path) -> None:
    write_tables(tmp_path, cases)
    rows = list(csv.reader((tmp_path / "evaluation.csv").read_text(encoding="utf-8").splitlines()))
    assert rows[0] == ["caseID", "Dice_kidney", "Dice_masses", "Dice_tumor", "SD_kidney", "SD_masses", "SD_tumor"]
    assert [row[0] for row in rows[1:]] == ["right", "half", "failed", "healthy", "average"]
    assert float(rows[5][3]) == pytest.approx((1 + 0.5 + 0 + 0) / 4)


def test_folds_are_pooled_and_a_case_counts_once(cases: tuple[CaseScore, ...]) -> None:
    assert len(pool([("one", cases[:2]), ("other", cases[2:])])) == 4
    with pytest.raises(InputError, match="The case half is in one and in other: it would count twice"):
        pool([("one", cases[:2]), ("other", cases[1:])])


def test_tables_that_are_none_are_refused(cases: tuple[CaseScore, ...], tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cases\.csv does not exist|lesions\.csv does not exist"):
        read_cases(tmp_path / "cases.csv")
    write_tables(tmp_path, cases)
    text = (tmp_path / "cases.csv").read_text(encoding="utf-8")
    (tmp_path / "cases.csv").write_text(text.replace("dice", "grade", 1), encoding="utf-8")
    with pytest.raises(InputError, match=r"is not a table of `evaluate`: it lacks the columns dice"):
        read_cases(tmp_path)
    (tmp_path / "cases.csv").write_text(text[: text.rindex("healthy,") + 20], encoding="utf-8")
    with pytest.raises(InputError, match=r"cut off|lacks rows"):
        read_cases(tmp_path)


def improved(cases: Sequence[CaseScore], by: float) -> list[CaseScore]:
    """The same cases with a higher Dice."""
    return [
        replace(case, targets=tuple(replace(t, dice=min(1.0, (t.dice or 0.0) + by)) for t in case.targets))
        for case in cases
    ]


def test_a_paired_comparison_finds_what_was_added(cases: tuple[CaseScore, ...]) -> None:
    many = [replace(cases[1], name=f"c{n}", patient=f"p{n}") for n in range(8)]
    better = [replace(case, targets=improved([case], 0.1 + 0.01 * n)[0].targets) for n, case in enumerate(many)]
    compared = compare([*better, replace(cases[0], name="only here")], [*many, replace(cases[0], name="only there")])
    tumor = next(one for one in compared.differences if one.what == "tumor, Dice")
    assert (tumor.patients, tumor.before, tumor.mean) == (8, pytest.approx(0.5), pytest.approx(0.135))
    assert tumor.low is not None
    assert tumor.low > 0.1
    assert tumor.p == pytest.approx(2 / 2**8)
    assert tumor.p_holm is not None
    assert tumor.p_holm > tumor.p
    surface = next(one for one in compared.differences if one.what == "tumor, surface Dice")
    assert (surface.mean, surface.p) == (0.0, None), "nothing changed there"
    assert (compared.only_here, compared.only_there) == (("only here",), ("only there",))


def test_results_on_other_references_cannot_be_compared(cases: tuple[CaseScore, ...]) -> None:
    other = [replace(cases[0], name="half")]
    with pytest.raises(InputError, match="The reference of half differs between the two results"):
        compare(cases, other)
    with pytest.raises(InputError, match="No case is in both results"):
        compare(cases[:1], cases[1:])


def test_the_page_names_the_poster_failures_and_how_it_was_computed(cases: tuple[CaseScore, ...]) -> None:
    page = summary_markdown(
        summarize(cases), "A title", ["failed scores 0: missing."], compare(cases, cases), picture="cases.png"
    )
    assert page.startswith("# A title\n\n- failed scores 0: missing.\n\n![Worst, median and best case](cases.png)")
    row = next(line for line in page.splitlines() if line.startswith("| tumor, Dice |"))
    assert row == "| tumor, Dice | 3 | 3 scans | 0.500 | 0.000 to 1.000 | 0.500 | 0.250 to 0.750 |  | 0.811 |"
    assert "not comparable one to one" in page
    assert "## Against the other results" in page
    assert "percentile bootstrap over patients (10,000 resamples" in page
    widths = [line.count("|") for line in page.split("## Against")[0].splitlines() if line.startswith("|")]
    assert set(widths) == {10}


def test_the_table_for_programs_has_full_precision(cases: tuple[CaseScore, ...]) -> None:
    figures = summarize(cases)
    rows = list(csv.DictReader(io.StringIO(summary_csv(figures))))
    assert len(rows) == len(figures)
    found = next(row for row in rows if row["key"] == "cyst.clean")
    assert float(found["value"]) == figures[[f.key for f in figures].index("cyst.clean")].value


def test_the_picture_has_a_row_for_each_kind_and_needs_cases_that_were_scored_here(
    cases: tuple[CaseScore, ...], tmp_path: Path
) -> None:
    assert draw_cases(tmp_path / "one.png", cases)
    assert draw_cases(tmp_path / "two.png", [*cases, replace(cases[0], kind="slice")])
    with Image.open(tmp_path / "one.png") as one, Image.open(tmp_path / "two.png") as two:
        assert one.width == two.width > 1300
        assert two.height > 1.7 * one.height
        assert len(np.unique(np.asarray(one.convert("RGB")).reshape(-1, 3), axis=0)) > 50
    assert not draw_cases(tmp_path / "none.png", [replace(case, snapshot=None) for case in cases])
    assert not (tmp_path / "none.png").exists()
