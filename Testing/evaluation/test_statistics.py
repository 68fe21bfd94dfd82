"""Promises of evaluation.statistics: intervals and tests by patient."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from KidneyTumorSegLib.evaluation.statistics import (
    holm,
    mean_interval,
    patient_means,
    ratio_interval,
    wilcoxon_p,
)


def test_a_patient_counts_once_however_many_slices_there_are() -> None:
    assert patient_means([("b", 0.9), ("a", 0.0), ("a", 1.0), ("a", 0.5)]) == {"a": 0.5, "b": 0.9}


def test_the_interval_of_a_mean_is_near_that_of_theory() -> None:
    values = np.random.default_rng(1).normal(0.7, 0.2, 200)
    interval = mean_interval(values.tolist(), np.random.default_rng(0))
    assert interval is not None
    half = 1.96 * values.std() / np.sqrt(200)
    assert interval == pytest.approx((values.mean() - half, values.mean() + half), abs=0.003)


def test_the_same_seed_gives_the_same_interval_and_another_hardly_another() -> None:
    values = [0.1, 0.5, 0.9, 0.7, 0.3]
    first, again = (mean_interval(values, np.random.default_rng(4)) for _ in range(2))
    other = mean_interval(values, np.random.default_rng(5))
    assert first == again
    assert other == pytest.approx(first, abs=0.02)


def test_lesions_of_one_patient_are_drawn_together() -> None:
    """One patient with nine of ten lesions makes the share far less certain than ten patients would."""
    together = ratio_interval([9, 0, 0], [9, 1, 1], np.random.default_rng(0))
    apart = ratio_interval([1] * 9 + [0, 0], [1] * 11, np.random.default_rng(0))
    assert together is not None
    assert apart is not None
    assert together[1] - together[0] > 0.9 > apart[1] - apart[0]


def test_with_fewer_than_three_patients_there_is_no_interval() -> None:
    assert mean_interval([0.5, 0.7], np.random.default_rng(0)) is None
    assert mean_interval([0.5, 0.7, 0.9], np.random.default_rng(0)) is not None
    assert ratio_interval([0, 0, 0], [0, 0, 0], np.random.default_rng(0)) is None


def test_wilcoxon_is_two_sided_and_needs_six_pairs_and_a_difference() -> None:
    assert wilcoxon_p([0.1, 0.2, 0.3, 0.4, 0.5]) is None
    assert wilcoxon_p([0.0] * 8) is None
    assert wilcoxon_p([0.1, 0.2, 0.3, 0.4, 0.5, 0.6]) == pytest.approx(2 / 2**6)
    with_ties = [0.0, 0.0, 0.1, -0.1, 0.2, 0.3, 0.4, 0.5]
    assert wilcoxon_p(with_ties) == pytest.approx(stats.wilcoxon(with_ties, zero_method="pratt").pvalue)


def test_holm_multiplies_the_smallest_most_and_never_falls() -> None:
    assert holm([0.01, None, 0.04, 0.03]) == pytest.approx([0.03, None, 0.06, 0.06])
    assert holm([0.6, 0.7]) == [1.0, 1.0]
