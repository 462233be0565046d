"""Counting cells: against a plain loop, and what is left out."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ranscore.errors import InputError
from ranscore.metrics._counts import Counts, count, indicators, settle, tally

Labels = npt.NDArray[np.int8]
shapes = st.tuples(st.integers(0, 12), st.integers(1, 4))
tables = shapes.flatmap(
    lambda shape: st.tuples(
        arrays(np.int8, shape, elements=st.sampled_from([1, 0, -1])),
        arrays(np.int8, shape, elements=st.sampled_from([1, 0, -2])),
        arrays(np.int64, shape[:1], elements=st.integers(0, 5)),
    )
)
FIELDS = ("tp", "fp", "fn", "tn", "uncertain", "unanswered")


def loop(reference: Labels, labels: Labels, weights: npt.NDArray[np.int64]) -> dict[str, list[int]]:
    """The counts as one would do them by hand."""
    found = {name: [0] * reference.shape[1] for name in FIELDS}
    kinds = {(1, 1): "tp", (0, 1): "fp", (1, 0): "fn", (0, 0): "tn"}
    for (row, column), truth in np.ndenumerate(reference):
        label = labels[row, column]
        weight = int(weights[row])
        if truth == -1:
            found["uncertain"][column] += weight
        if label == -2:
            found["unanswered"][column] += weight
        if truth != -1 and label != -2:
            found[kinds[int(truth), int(label)]][column] += weight
    return found


@settings(deadline=None)
@given(tables)
def test_counts_are_those_of_a_plain_loop(table: tuple[Labels, Labels, npt.NDArray[np.int64]]) -> None:
    """Every kind of cell is counted as by hand, with weights and without."""
    reference, labels, weights = table
    for given_weights, used in ((None, np.ones(len(reference), dtype=np.int64)), (weights, weights)):
        counts = count(reference, labels, given_weights)
        assert {name: getattr(counts, name).tolist() for name in FIELDS} == loop(reference, labels, used)


@settings(deadline=None)
@given(tables)
def test_a_weight_counts_a_report_as_often(table: tuple[Labels, Labels, npt.NDArray[np.int64]]) -> None:
    """Weights do what repeating the rows does, for many sets of weights at once."""
    reference, labels, weights = table
    both = count(reference, labels, np.stack([weights, np.ones_like(weights)]))
    repeated = count(np.repeat(reference, weights, axis=0), np.repeat(labels, weights, axis=0))
    plain = count(reference, labels)
    for name in FIELDS:
        np.testing.assert_array_equal(getattr(both, name), [getattr(repeated, name), getattr(plain, name)])


def test_one_finding_is_counted_without_a_second_axis() -> None:
    """Arrays of shape (n,) give plain numbers."""
    counts = count([1, 1, 0, 0, -1, 1], [1, 0, 1, 0, 1, -2])
    assert [int(getattr(counts, name)) for name in FIELDS] == [1, 1, 1, 1, 1, 1]
    assert (int(counts.n), int(counts.positives)) == (4, 2)


def test_weights_work_for_one_finding() -> None:
    """Arrays of shape (n,) can be weighed too."""
    counts = count([1, 0], [1, 1], [[3.0, 2.0], [0.5, 0.0]])
    assert (counts.tp.tolist(), counts.fp.tolist()) == ([3.0, 0.5], [2.0, 0.0])


def test_an_uncertain_reference_is_left_out_for_its_finding_alone() -> None:
    """The other findings of the same report are scored."""
    counts = count([[-1, 1]], [[1, 1]])
    assert (counts.n.tolist(), counts.uncertain.tolist()) == ([0, 1], [1, 0])


def test_an_unanswered_cell_is_never_counted_as_absent() -> None:
    """A model that failed adds to unanswered and to nothing else."""
    counts = count([[1, 0]], [[-2, -2]])
    assert counts.n.tolist() == [0, 0]
    assert counts.unanswered.tolist() == [1, 1]


@pytest.mark.parametrize(
    ("reference", "labels", "text"),
    [
        ([1, 2], [1, 0], r"reference\[1\]: found 2; expected 1, 0 or -1 \(uncertain\)"),
        ([1, -2], [1, 0], r"reference\[1\]: found -2"),
        ([1, 0], [-1, 0], r"labels\[0\]: found -1; expected 1, 0 or -2 \(unanswered\)"),
        ([[1, 0]], [[1, 7]], r"labels\[0, 1\]: found 7"),
        ([1, 0], [1], r"shape \(2,\), labels \(1,\)"),
        ([1, 257], [1, 1], "small whole numbers"),
        ([1, 0.5], [1, 1], "small whole numbers"),
    ],
)
def test_other_values_and_shapes_are_refused(reference: list[Any], labels: list[Any], text: str) -> None:
    """The error says where, what was found and what was expected."""
    with pytest.raises(InputError, match=text):
        count(reference, labels)


def test_weights_for_another_number_of_reports_are_refused() -> None:
    """Two reports cannot have three weights."""
    with pytest.raises(InputError, match=r"weights have shape \(3,\); expected 2"):
        tally(np.ones(3), indicators([1, 0], [1, 0]))


def test_the_total_sums_over_findings() -> None:
    """Micro counts are the sums of the findings' counts."""
    total = count([[1, 0, -1], [0, 1, 1]], [[1, 1, 1], [0, -2, 0]]).total()
    assert [int(getattr(total, name)) for name in FIELDS] == [1, 1, 1, 1, 1, 1]


@pytest.mark.parametrize(("empty", "expected"), [("0", 0.0), ("1", 1.0), ("skip", np.nan)])
def test_an_empty_finding_gets_what_the_policy_says(empty: str, expected: float) -> None:
    """Only a finding with no positive on either side is a matter of policy; a missed one stays 0."""
    nothing, missed = (0, 0, 0, 5), (0, 0, 2, 3)
    counts = Counts(*np.array([nothing, missed]).T)
    settled = settle(np.array([np.nan, np.nan]), counts, empty)  # type: ignore[arg-type]
    np.testing.assert_array_equal(settled, [expected, 0.0])


def test_a_finding_without_a_scored_cell_is_never_perfect() -> None:
    """Answering nothing earns nothing, even where empty findings count 1."""
    assert settle(np.array(np.nan), Counts(*np.zeros((4,), dtype=int)), "1") == 0
