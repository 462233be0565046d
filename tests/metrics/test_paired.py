"""Two sides compared: each figure against scikit-learn, the paired bootstrap against a loop, edge cases."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import accuracy_score, cohen_kappa_score, f1_score, precision_score, recall_score

from ranscore.errors import InputError
from ranscore.metrics import f1, kappa
from ranscore.metrics._counts import Counts, FloatArray, count, mean_of_defined, settle, share_cells
from ranscore.metrics._intervals import bootstrap, draw_weights, paired_bootstrap
from ranscore.metrics._mcnemar import accuracy_difference_interval, mcnemar_p
from ranscore.metrics._paired import Estimate, compare_sides

Codes = npt.NDArray[np.int8]
SCORES = {
    "f1": lambda t, x: f1_score(t, x, zero_division=0),
    "kappa": cohen_kappa_score,
    "precision": lambda t, x: precision_score(t, x, zero_division=np.nan),
    "recall": lambda t, x: recall_score(t, x, zero_division=np.nan),
    "accuracy": accuracy_score,
}


def some_sides(n: int = 60, k: int = 4, seed: int = 0, unanswered: float = 0.05) -> tuple[Codes, Codes, Codes]:
    """A reference with uncertain cells, and two sides with unanswered ones."""
    rng = np.random.default_rng(seed)
    reference = rng.choice(np.array([0, 1, -1], dtype=np.int8), (n, k), p=[0.6, 0.3, 0.1])
    sides = [
        np.where(rng.random((n, k)) < share, np.abs(reference), rng.integers(0, 2, (n, k))) for share in (0.5, 0.8)
    ]
    a, b = (np.where(rng.random((n, k)) < unanswered, -2, side).astype(np.int8) for side in sides)
    return reference, a, b


def test_every_figure_equals_scikit_learn_on_the_shared_cells() -> None:
    """F1, kappa, precision, recall and accuracy of both sides, and the differences."""
    reference, a, b = some_sides()
    found = compare_sides(reference, a, b, resamples=0, randomisations=1)
    for at, finding in enumerate(found.findings):
        kept = (reference[:, at] != -1) & (a[:, at] != -2) & (b[:, at] != -2)
        truth, ours, theirs = (side[kept, at].tolist() for side in (reference, a, b))
        assert finding.n == int(kept.sum())
        for name, score in SCORES.items():
            estimate = finding.estimates[name]
            assert estimate.a == pytest.approx(score(truth, ours))
            assert estimate.b == pytest.approx(score(truth, theirs))
            assert estimate.difference == pytest.approx(score(truth, theirs) - score(truth, ours))
        right = [[t == x for t, x in zip(truth, side, strict=True)] for side in (ours, theirs)]
        assert finding.only_a_right == sum(x and not y for x, y in zip(*right, strict=True))
        assert finding.only_b_right == sum(y and not x for x, y in zip(*right, strict=True))
        assert finding.p == mcnemar_p(finding.only_a_right, finding.only_b_right)
        bounds = accuracy_difference_interval(finding.only_a_right, finding.only_b_right, finding.n)
        assert finding.estimates["accuracy"].interval == bounds
    means = [
        np.mean([f.estimates["f1"].a for f in found.findings]),
        np.mean([f.estimates["f1"].b for f in found.findings]),
    ]
    assert (found.macro_f1.a, found.macro_f1.b) == pytest.approx(tuple(means))


def test_the_paired_bootstrap_equals_a_plain_loop_over_the_same_draws() -> None:
    """The same reports are drawn for both sides, and the difference is taken within each resample."""
    reference, a, b = some_sides(unanswered=0.0)
    low, high = paired_bootstrap(reference, a, b, kappa.compute, resamples=200, seed=4)[2]
    rows = []
    for weights in np.concatenate(list(draw_weights(len(reference), 200, 4))):
        drawn = np.repeat(np.arange(len(reference)), weights.astype(int))
        pair = [kappa.compute(count(reference[drawn], side[drawn])) for side in (a, b)]
        rows.append(pair[1] - pair[0])
    assert low == pytest.approx(np.quantile(rows, 0.025, axis=0))
    assert high == pytest.approx(np.quantile(rows, 0.975, axis=0))


def test_each_side_keeps_its_own_bootstrap_interval() -> None:
    """A side's interval is the one it has alone, so that tables and comparisons agree; kappa's too."""
    reference, a, b = some_sides(unanswered=0.0)

    def figures(counts: Counts) -> FloatArray:
        return np.concatenate([settle(f1.compute(counts), counts, "0"), kappa.compute(counts)], axis=1)

    both = paired_bootstrap(reference, a, b, figures, resamples=100, seed=2)
    for side, bounds in zip((a, b), both[:2], strict=True):
        alone = bootstrap(reference, side, figures, resamples=100, seed=2)
        assert np.array_equal(np.stack(bounds), np.stack(alone))


def test_the_macro_difference_has_the_intervals_of_a_bootstrap() -> None:
    """compare_sides carries them through, for the macro-F1 as for every finding."""
    reference, a, b = some_sides()
    found = compare_sides(reference, a, b, resamples=150, randomisations=1, seed=7)

    def headline(counts: Counts) -> FloatArray:
        return mean_of_defined(settle(f1.compute(counts), counts, "0"))

    spans = paired_bootstrap(reference, a, b, headline, resamples=150, seed=7)
    expected = [tuple(float(bound) for bound in span) for span in spans]
    macro = found.macro_f1
    assert [macro.a_interval, macro.b_interval, macro.interval] == [pytest.approx(span) for span in expected]
    assert all(f.estimates["kappa"].interval for f in found.findings)


def test_without_resamples_there_are_no_intervals() -> None:
    """0 leaves the bootstrap out; accuracy's interval needs none."""
    found = compare_sides(*some_sides(), resamples=0, randomisations=1)
    assert found.macro_f1.interval is None
    assert {f.estimates["f1"].interval for f in found.findings} == {None}
    assert all(f.estimates["accuracy"].interval for f in found.findings)


@given(st.data())
@settings(max_examples=60)
def test_no_table_is_too_small_or_too_plain(data: st.DataObject) -> None:
    """One report, one class missing, all unanswered, all uncertain: figures are numbers or None, never nan."""
    shape = data.draw(st.tuples(st.integers(1, 6), st.integers(1, 3)))
    reference = data.draw(arrays(np.int8, shape, elements=st.sampled_from([0, 1, -1])))
    a, b = (data.draw(arrays(np.int8, shape, elements=st.sampled_from([0, 1, -2]))) for _ in range(2))
    empty = data.draw(st.sampled_from(["0", "1", "skip"]))
    found = compare_sides(reference, a, b, empty=empty, resamples=20, randomisations=10)
    estimates = [found.macro_f1, *(e for f in found.findings for e in f.estimates.values())]
    values = [v for e in estimates for v in (e.a, e.b, e.difference) if v is not None]
    spans = [s for e in estimates for s in (e.a_interval, e.b_interval, e.interval) if s is not None]
    assert np.isfinite(values).all()
    assert np.isfinite(spans).all()
    assert all(low <= high for low, high in spans)
    assert all(f.only_a_right + f.only_b_right <= f.n <= shape[0] for f in found.findings)
    assert (found.p is None) == (found.macro_f1.difference is None)
    if found.least is not None and found.most is not None:
        assert found.least <= found.most + 1e-12


def test_a_side_that_answered_nothing_says_nothing() -> None:
    """No shared cell: accuracy undefined, no discordant report, p = 1."""
    reference = np.array([[1], [0], [1]], dtype=np.int8)
    found = compare_sides(reference, reference, np.full((3, 1), -2), resamples=10, randomisations=10).findings[0]
    assert found.n == 0
    assert found.estimates["accuracy"] == Estimate(None, None, None)
    assert (found.only_a_right, found.only_b_right, found.p, found.needed) == (0, 0, 1.0, None)


def test_least_and_most_are_the_scores_of_the_worst_and_best_completions() -> None:
    """Gone through by hand: a's blank filled right and b's wrong, and the other way round."""
    reference = np.array([[1], [1], [0]], dtype=np.int8)
    a, b = np.array([[1], [-2], [0]]), np.array([[-2], [1], [0]])
    found = compare_sides(reference, a, b, resamples=0, randomisations=1)
    assert found.least == pytest.approx(2 / 3 - 1)
    assert found.most == pytest.approx(1 - 2 / 3)


def test_share_cells_leaves_out_what_either_side_left_out() -> None:
    """An unanswered cell becomes uncertain in the reference, for both sides."""
    truth, a, b = share_cells([[1, 0], [0, 1]], [[-2, 0], [0, 1]], [[1, -2], [1, 1]])
    assert truth.tolist() == [[-1, -1], [0, 1]]
    assert a.tolist() == [[0, 0], [0, 1]]
    assert b.tolist() == [[0, 0], [1, 1]]


def test_nothing_to_compare_is_refused() -> None:
    """A table without a report."""
    nothing = np.zeros((0, 2), dtype=np.int8)
    with pytest.raises(InputError, match="at least one"):
        compare_sides(nothing, nothing, nothing)
