"""Paired randomisation against a plain loop and against all swaps, and its edge cases."""

from __future__ import annotations

import itertools

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ranscore.errors import InputError
from ranscore.metrics import accuracy, f1
from ranscore.metrics._counts import Counts, FloatArray, count, mean_of_defined, settle
from ranscore.metrics._randomisation import draw_swaps, paired_randomisation

Codes = npt.NDArray[np.int8]


def macro_f1(counts: Counts) -> FloatArray:
    """Ran Score of each row."""
    return mean_of_defined(settle(f1.compute(counts), counts, "0"))


def some_sides(n: int = 40, k: int = 3, seed: int = 0) -> tuple[Codes, Codes, Codes]:
    """A reference with uncertain cells, and two sides with unanswered ones."""
    rng = np.random.default_rng(seed)
    reference = rng.choice(np.array([0, 1, -1], dtype=np.int8), (n, k), p=[0.6, 0.3, 0.1])
    sides = [
        np.where(rng.random((n, k)) < share, np.abs(reference), rng.integers(0, 2, (n, k))) for share in (0.5, 0.8)
    ]
    a, b = (np.where(rng.random((n, k)) < 0.05, -2, side).astype(np.int8) for side in sides)
    return reference, a, b


def plain_macro_f1(reference: Codes, labels: Codes) -> float:
    """Macro-F1 by counting cell after cell."""
    scores = []
    for truth, given_labels in zip(reference.T.tolist(), labels.T.tolist(), strict=True):
        pairs = list(zip(truth, given_labels, strict=True))
        twice = 2 * pairs.count((1, 1))
        below = twice + pairs.count((0, 1)) + pairs.count((1, 0))
        scores.append(twice / below if below else 0.0)
    return sum(scores) / len(scores)


def left_to_both(reference: Codes, a: Codes, b: Codes) -> Codes:
    """The reference with the cells that either side left unanswered as uncertain."""
    return np.where((a == -2) | (b == -2), -1, reference).astype(np.int8)


def test_p_equals_a_plain_loop_over_the_same_swaps() -> None:
    """Swapping rows and recounting every cell gives the same number of extreme randomisations."""
    reference, a, b = some_sides()
    difference, p = paired_randomisation(reference, a, b, macro_f1, randomisations=300, seed=3)
    truth = left_to_both(reference, a, b)
    found = plain_macro_f1(truth, b) - plain_macro_f1(truth, a)
    present = np.array([[(t == 1) & (x == 1), (t == 0) & (x == 1)] for t, x in ((truth, a), (truth, b))])
    moving = np.flatnonzero((present[0] != present[1]).any(axis=(0, 2)))
    extreme = 0
    for swaps in np.concatenate(list(draw_swaps(len(moving), 300, 3))):
        first, second = a.copy(), b.copy()
        rows = moving[swaps == 1]
        first[rows], second[rows] = b[rows], a[rows]
        drawn = plain_macro_f1(truth, second) - plain_macro_f1(truth, first)
        extreme += abs(drawn) >= abs(found) - 1e-12
    assert float(difference) == pytest.approx(found)
    assert float(p) == pytest.approx((extreme + 1) / 301)
    assert 0 < extreme < 300


def test_p_comes_near_that_of_all_swaps() -> None:
    """With ten reports all 1,024 swaps can be gone through."""
    reference, a, b = (side[:10] for side in some_sides(seed=5))
    difference, p = paired_randomisation(reference, a, b, macro_f1, randomisations=20_000)
    truth, extreme = left_to_both(reference, a, b), 0
    for swaps in itertools.product([False, True], repeat=10):
        rows = np.array(swaps)[:, np.newaxis]
        first, second = np.where(rows, b, a), np.where(rows, a, b)
        drawn = plain_macro_f1(truth, second) - plain_macro_f1(truth, first)
        extreme += abs(drawn) >= abs(float(difference)) - 1e-12
    assert float(p) == pytest.approx(extreme / 1024, abs=0.02)


def test_the_difference_is_that_of_the_scores_on_the_shared_cells() -> None:
    """b's score less a's, where both answered."""
    reference, a, b = some_sides(seed=1)
    truth = left_to_both(reference, a, b)
    filled = [np.where(side == -2, 0, side) for side in (a, b)]
    ours, theirs = (macro_f1(count(truth, side)) for side in filled)
    difference, _ = paired_randomisation(reference, a, b, macro_f1, randomisations=1)
    assert float(difference) == pytest.approx(float(theirs - ours))


def test_equal_sides_never_differ() -> None:
    """Without a discordant report every randomisation is as extreme as none: p is 1."""
    reference, a, _ = some_sides()
    difference, p = paired_randomisation(reference, a, a, macro_f1, randomisations=50)
    assert (float(difference), float(p)) == (0.0, 1.0)


def test_a_large_difference_gets_the_smallest_p() -> None:
    """One side always right, the other always wrong on 200 reports: only the found order is that extreme."""
    reference = np.tile(np.array([[0], [1]], dtype=np.int8), (100, 1))
    difference, p = paired_randomisation(reference, 1 - reference, reference, macro_f1, randomisations=999)
    assert float(difference) == 1.0
    assert float(p) == pytest.approx(1 / 1000)


@given(st.data())
@settings(max_examples=60)
def test_p_lies_within_its_bounds_whatever_the_labels(data: st.DataObject) -> None:
    """One report, one class, all unanswered: p is between 1 / (r + 1) and 1, and turned round only the sign changes."""
    shape = data.draw(st.tuples(st.integers(1, 8), st.integers(1, 3)))
    reference = data.draw(arrays(np.int8, shape, elements=st.sampled_from([0, 1, -1])))
    a, b = (data.draw(arrays(np.int8, shape, elements=st.sampled_from([0, 1, -2]))) for _ in range(2))
    difference, p = paired_randomisation(reference, a, b, macro_f1, randomisations=30)
    back, p_back = paired_randomisation(reference, b, a, macro_f1, randomisations=30)
    assert 1 / 31 <= float(p) <= 1
    assert float(back) == pytest.approx(-float(difference))
    assert float(p_back) == pytest.approx(float(p))


def test_an_undefined_difference_has_no_p() -> None:
    """Accuracy has no value where every cell is uncertain."""
    nothing, labels = np.full((4, 2), -1, dtype=np.int8), np.ones((4, 2), dtype=np.int8)
    difference, p = paired_randomisation(nothing, labels, labels, accuracy.compute, randomisations=5)
    assert np.isnan(difference).all()
    assert np.isnan(p).all()


def test_several_figures_are_tested_at_once() -> None:
    """A statistic of every finding gives a p for every finding, the same as alone."""
    reference, a, b = some_sides()
    _, together = paired_randomisation(reference, a, b, accuracy.compute, randomisations=200)
    assert together.shape == (3,)
    assert ((together > 0) & (together <= 1)).all()


def test_swaps_are_fair_and_repeatable() -> None:
    """Ones and zeros half and half, the asked number of them, the same for the same seed."""
    drawn = np.concatenate(list(draw_swaps(37, 500, 9)))
    assert drawn.shape == (500, 37)
    assert set(np.unique(drawn).tolist()) == {0.0, 1.0}
    assert abs(float(drawn.mean()) - 0.5) < 0.02
    assert np.array_equal(drawn, np.concatenate(list(draw_swaps(37, 500, 9))))


def test_no_randomisation_at_all_is_refused() -> None:
    """At least one."""
    with pytest.raises(InputError, match="randomisations=0"):
        paired_randomisation([[1]], [[1]], [[0]], macro_f1, randomisations=0)


def test_a_vector_is_no_table() -> None:
    """Rows are reports, columns findings."""
    with pytest.raises(InputError, match="a row a report"):
        paired_randomisation([1, 0], [1, 0], [0, 0], macro_f1)
