"""Exact and bootstrap intervals against scipy.stats and a plain resampling loop."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest
from sklearn.metrics import f1_score

from ranscore.errors import InputError
from ranscore.metrics import f1, kappa
from ranscore.metrics._counts import Counts, FloatArray, count, settle
from ranscore.metrics._intervals import bootstrap, clopper_pearson, draw_weights


@settings(deadline=None)
@given(
    st.integers(1, 3000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), st.sampled_from([0.8, 0.95, 0.99])
)
def test_the_exact_interval_is_that_of_scipy(k_of_n: tuple[int, int], level: float) -> None:
    """Clopper-Pearson agrees with binomtest for every k of n."""
    k, n = k_of_n
    expected = binomtest(k, n).proportion_ci(level, method="exact")
    assert clopper_pearson(k, n, level) == pytest.approx((expected.low, expected.high), abs=1e-9)


@settings(deadline=None)
@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_exact_interval_holds_its_proportion_and_mirrors(k_of_n: tuple[int, int]) -> None:
    """k/n lies inside, and the interval of the failures is its mirror image."""
    k, n = k_of_n
    low, high = clopper_pearson(k, n)
    assert 0 <= low <= k / n <= high <= 1
    assert clopper_pearson(n - k, n) == pytest.approx((1 - high, 1 - low), abs=1e-12)


@pytest.mark.parametrize(
    ("k", "n", "low", "high"),
    [(298, 300, 0.976, 0.999), (149, 150, 0.963, 1.000), (0, 10, 0.0, 0.308), (10, 10, 0.692, 1.0)],
)
def test_published_accuracies_have_their_published_intervals(k: int, n: int, low: float, high: float) -> None:
    """298/300 is 0.993 [0.976, 0.999] and 149/150 is 0.993 [0.963, 1.000]; 0 of n and n of n touch their end."""
    assert tuple(round(bound, 3) for bound in clopper_pearson(k, n)) == (low, high)


def test_nothing_of_nothing_has_no_interval() -> None:
    """n = 0 gives nan on both sides."""
    assert np.isnan(clopper_pearson(0, 0)).all()


@pytest.mark.parametrize(("k", "n", "level"), [(3, 2, 0.95), (-1, 2, 0.95), (1, 2, 1.0), (1, 2, 95)])
def test_impossible_proportions_are_refused(k: int, n: int, level: float) -> None:
    """More successes than trials, or a level of 95, is a mistake."""
    with pytest.raises(InputError, match="expected 0 <= k <= n"):
        clopper_pearson(k, n, level)


def mean_f1(counts: Counts) -> FloatArray:
    """Ran Score of each resample."""
    mean: FloatArray = settle(f1.compute(counts), counts, "0").mean(axis=-1)
    return mean


@pytest.mark.parametrize("level", [0.9, 0.95])
def test_the_bootstrap_is_that_of_a_plain_loop_over_the_same_draws(level: float) -> None:
    """Repeating rows by hand and scoring with scikit-learn gives the same bounds."""
    rng = np.random.default_rng(5)
    reference, labels = rng.integers(0, 2, (40, 3)), rng.integers(0, 2, (40, 3))
    low, high = bootstrap(reference, labels, mean_f1, resamples=60, seed=11, level=level)
    scores = []
    for weights in draw_weights(40, 60, 11):
        for row in weights.astype(int):
            truth, found = np.repeat(reference, row, axis=0), np.repeat(labels, row, axis=0)
            scores.append(np.mean([f1_score(truth[:, i], found[:, i], zero_division=0) for i in range(3)]))
    tail = (1 - level) / 2
    assert (float(low), float(high)) == pytest.approx(np.quantile(scores, [tail, 1 - tail]))


@settings(deadline=None)
@given(st.integers(1, 300), st.integers(1, 20), st.integers(0, 99))
def test_every_resample_draws_as_many_reports_as_there_are(n: int, resamples: int, seed: int) -> None:
    """Weights are whole, not negative, and sum to n in each row."""
    weights = np.concatenate(list(draw_weights(n, resamples, seed)))
    assert weights.shape == (resamples, n)
    assert (weights >= 0).all()
    assert (weights == weights.astype(int)).all()
    assert (weights.sum(axis=1) == n).all()


def test_drawing_is_fair_and_reaches_every_report_of_a_large_set() -> None:
    """Beyond 65,536 reports the last ones are drawn as often as the first."""
    weights = np.concatenate(list(draw_weights(70_000, 40, 0)))
    assert weights[:, :35_000].mean() == pytest.approx(1, abs=0.01)
    assert weights[:, 65_536:].mean() == pytest.approx(1, abs=0.02)


def test_the_same_seed_gives_the_same_interval_and_another_seed_another() -> None:
    """An interval can be repeated to the last digit."""
    rng = np.random.default_rng(2)
    reference, labels = rng.integers(0, 2, (50, 2)), rng.integers(0, 2, (50, 2))
    first, again, other = (bootstrap(reference, labels, mean_f1, resamples=100, seed=s) for s in (1, 1, 2))
    assert first == again
    assert first != other


def test_one_report_has_an_interval_of_no_width() -> None:
    """Drawing one report from one always gives the same score."""
    low, high = bootstrap([[1, 1]], [[1, 0]], mean_f1, resamples=20)
    assert float(low) == float(high) == 0.5


def test_a_statistic_that_is_never_defined_has_no_interval() -> None:
    """Kappa of one class is nan in every resample, so its bounds are nan, and its neighbour's are not."""
    low, high = bootstrap([[0, 1], [0, 0]] * 20, [[0, 1], [0, 0]] * 20, kappa.compute, resamples=20)
    np.testing.assert_array_equal([low, high], [[np.nan, 1.0], [np.nan, 1.0]])


def test_uncertain_and_unanswered_cells_stay_left_out_in_every_resample() -> None:
    """Rows that hold no scored cell change no bound's value."""
    reference, labels = [1, 1, 0, -1, 1], [1, 1, 1, 0, -2]
    seen: list[Counts] = []

    def keep(counts: Counts) -> FloatArray:
        seen.append(counts)
        return f1.compute(counts)

    bootstrap(np.array(reference)[:, np.newaxis], np.array(labels)[:, np.newaxis], keep, resamples=50, seed=3)
    (weights,) = draw_weights(5, 50, 3)
    np.testing.assert_array_equal(seen[0].n[:, 0], weights[:, :3].sum(axis=1))
    assert int(count(reference, labels).n) == 3


@pytest.mark.parametrize(("reports", "resamples", "text"), [(0, 10, "no report"), (3, 0, "at least 1")])
def test_a_bootstrap_of_nothing_is_refused(reports: int, resamples: int, text: str) -> None:
    """No report or no resample is a mistake."""
    with pytest.raises(InputError, match=text):
        bootstrap(np.zeros((reports, 2)), np.zeros((reports, 2)), mean_f1, resamples=resamples)
