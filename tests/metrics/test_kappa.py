"""Cohen's kappa against scikit-learn."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score
from statsmodels.stats.inter_rater import cohens_kappa

from ranscore.metrics import kappa
from ranscore.metrics._counts import Counts, count
from ranscore.metrics._intervals import bootstrap

cells = st.tuples(*[st.integers(0, 40)] * 4)


def sides(tp: int, fp: int, fn: int, tn: int) -> tuple[list[int], list[int]]:
    """Reference and labels with these counts."""
    return [1] * tp + [0] * fp + [1] * fn + [0] * tn, [1] * tp + [1] * fp + [0] * fn + [0] * tn


@settings(deadline=None)
@given(cells.filter(any))
def test_kappa_is_what_scikit_learn_says(table: tuple[int, int, int, int]) -> None:
    """The value is cohen_kappa_score, and nan in the same places."""
    reference, labels = sides(*table)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = cohen_kappa_score(reference, labels, labels=[0, 1])
    assert kappa.compute(count(reference, labels)) == pytest.approx(expected, nan_ok=True)


@pytest.mark.parametrize("value", [0, 1])
def test_kappa_with_one_class_alone_is_undefined(value: int) -> None:
    """When all is present or all absent on both sides kappa is nan, never 0 or 1."""
    assert np.isnan(kappa.compute(count([value] * 9, [value] * 9)))


def test_kappa_with_a_class_missing_from_the_reference_alone_is_zero() -> None:
    """Against a reference with one class no labels do better than chance."""
    assert kappa.compute(count([0] * 9, [0] * 8 + [1])) == 0


@settings(deadline=None)
@given(cells)
def test_kappa_stays_the_same_when_the_sides_are_exchanged(table: tuple[int, int, int, int]) -> None:
    """Reference and labels have the same part in kappa."""
    tp, fp, fn, tn = np.array(table)
    np.testing.assert_array_equal(kappa.compute(Counts(tp, fp, fn, tn)), kappa.compute(Counts(tp, fn, fp, tn)))


@settings(deadline=None)
@given(st.lists(cells, min_size=1, max_size=6))
def test_many_findings_at_once_give_what_each_gives_alone(tables: list[tuple[int, int, int, int]]) -> None:
    """Counts with a leading axis are scored one by one."""
    together = kappa.compute(Counts(*np.array(tables).T))
    alone = [float(kappa.compute(Counts(*np.array(table)))) for table in tables]
    np.testing.assert_array_equal(together, alone)


@pytest.mark.parametrize("errors", [0.02, 0.1, 0.3])
def test_the_interval_of_many_reports_is_near_that_of_statsmodels(errors: float) -> None:
    """With 4,000 reports the bootstrap comes near the asymptotic interval of Fleiss, Cohen and Everitt."""
    rng = np.random.default_rng(7)
    truth = (rng.random(4_000) < 0.2).astype(np.int8)
    labels = np.where(rng.random(4_000) < errors, 1 - truth, truth).astype(np.int8)
    low, high = bootstrap(truth, labels, kappa.compute, resamples=2_000, seed=1)
    table = [[int(((truth == i) & (labels == j)).sum()) for j in (0, 1)] for i in (0, 1)]
    expected = cohens_kappa(table)
    assert (float(low), float(high)) == pytest.approx((expected.kappa_low, expected.kappa_upp), abs=0.006)
