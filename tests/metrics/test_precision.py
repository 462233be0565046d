"""Precision against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import precision_score

from ranscore.metrics import precision
from ranscore.metrics._counts import Counts, count

cells = st.tuples(*[st.integers(0, 40)] * 4)


def sides(tp: int, fp: int, fn: int, tn: int) -> tuple[list[int], list[int]]:
    """Reference and labels with these counts."""
    return [1] * tp + [0] * fp + [1] * fn + [0] * tn, [1] * tp + [1] * fp + [0] * fn + [0] * tn


@settings(deadline=None)
@given(cells.filter(any))
def test_precision_is_what_scikit_learn_says(table: tuple[int, int, int, int]) -> None:
    """The value is precision_score, and nan in the same places."""
    reference, labels = sides(*table)
    expected = precision_score(reference, labels, zero_division=np.nan)
    assert precision.compute(count(reference, labels)) == pytest.approx(expected, nan_ok=True)


def test_precision_without_a_present_label_is_undefined() -> None:
    """No present label gives nan, not 0 or 1."""
    assert np.isnan(precision.compute(count([1, 0], [0, 0])))


@settings(deadline=None)
@given(st.lists(cells, min_size=1, max_size=6))
def test_many_findings_at_once_give_what_each_gives_alone(tables: list[tuple[int, int, int, int]]) -> None:
    """Counts with a leading axis are scored one by one."""
    together = precision.compute(Counts(*np.array(tables).T))
    alone = [float(precision.compute(Counts(*np.array(table)))) for table in tables]
    np.testing.assert_array_equal(together, alone)
