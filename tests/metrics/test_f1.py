"""F1 against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from ranscore.metrics import f1
from ranscore.metrics._counts import Counts, count

cells = st.tuples(*[st.integers(0, 40)] * 4)


def sides(tp: int, fp: int, fn: int, tn: int) -> tuple[list[int], list[int]]:
    """Reference and labels with these counts."""
    return [1] * tp + [0] * fp + [1] * fn + [0] * tn, [1] * tp + [1] * fp + [0] * fn + [0] * tn


@settings(deadline=None)
@given(cells.filter(any))
def test_f1_is_what_scikit_learn_says(table: tuple[int, int, int, int]) -> None:
    """The value is f1_score, and nan in the same places."""
    reference, labels = sides(*table)
    expected = f1_score(reference, labels, zero_division=np.nan)
    assert f1.compute(count(reference, labels)) == pytest.approx(expected, nan_ok=True)


@settings(deadline=None)
@given(cells)
def test_f1_is_the_harmonic_mean_of_precision_and_recall(table: tuple[int, int, int, int]) -> None:
    """Where both are defined and not 0, 2pr / (p + r) is F1."""
    tp, fp, fn, _ = table
    if tp:
        p, r = tp / (tp + fp), tp / (tp + fn)
        assert f1.compute(Counts(*np.array(table))) == pytest.approx(2 * p * r / (p + r))


def test_f1_without_a_positive_on_either_side_is_undefined() -> None:
    """The metric itself has no opinion on empty findings."""
    assert np.isnan(f1.compute(count([0, 0, -1], [0, 0, 1])))


@settings(deadline=None)
@given(st.lists(cells, min_size=1, max_size=6))
def test_many_findings_at_once_give_what_each_gives_alone(tables: list[tuple[int, int, int, int]]) -> None:
    """Counts with a leading axis are scored one by one."""
    together = f1.compute(Counts(*np.array(tables).T))
    alone = [float(f1.compute(Counts(*np.array(table)))) for table in tables]
    np.testing.assert_array_equal(together, alone)
