"""Exact McNemar against scipy and statsmodels, the interval that fits it, and how many reports would be needed."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest
from statsmodels.stats.contingency_tables import mcnemar

from ranscore.errors import InputError
from ranscore.metrics._mcnemar import accuracy_difference_interval, discordant_needed, mcnemar_p

COUNTS = st.tuples(st.integers(0, 60), st.integers(0, 60))
DISCORDANT = st.tuples(st.integers(0, 25), st.integers(0, 25), st.integers(0, 300)).map(
    lambda found: (found[0], found[1], sum(found))
)


@given(COUNTS)
def test_p_equals_the_two_sided_binomial_test(counts: tuple[int, int]) -> None:
    """scipy's binomial test of the discordant reports gives the same p."""
    expected = binomtest(counts[0], sum(counts), 0.5).pvalue if sum(counts) else 1.0
    assert mcnemar_p(*counts) == pytest.approx(expected, rel=1e-9)


@given(COUNTS, st.integers(0, 100))
def test_p_equals_statsmodels_exact_mcnemar(counts: tuple[int, int], both: int) -> None:
    """statsmodels' exact test of the whole table gives the same p, however many reports both have right."""
    table = [[both, counts[0]], [counts[1], 3]]
    assert mcnemar_p(*counts) == pytest.approx(float(mcnemar(table, exact=True).pvalue), rel=1e-9)


def test_five_errors_against_none_are_not_significant() -> None:
    """The paper's arithmetic: of 300 reports 5 wrong before and none after gives p = 0.0625."""
    assert mcnemar_p(0, 5) == 0.0625
    low, high = accuracy_difference_interval(0, 5, 300)
    assert low < 0 < 5 / 300 < high
    assert discordant_needed(0, 5, 300) == 6


@given(DISCORDANT, st.sampled_from([0.9, 0.95, 0.99]))
def test_the_interval_leaves_out_nought_exactly_when_the_test_is_significant(
    counts: tuple[int, int, int], level: float
) -> None:
    """Interval and p never contradict each other."""
    low, high = accuracy_difference_interval(*counts, level)
    if counts[2]:
        assert (low > 0 or high < 0) == (mcnemar_p(*counts[:2]) < 1 - level)


@given(DISCORDANT.filter(lambda found: found[2] > 0))
def test_the_interval_holds_the_difference_and_turns_round_with_the_sides(counts: tuple[int, int, int]) -> None:
    """It lies within -1 to 1 around (only_b - only_a) / n; with a and b exchanged it is its own mirror image."""
    only_a, only_b, n = counts
    low, high = accuracy_difference_interval(only_a, only_b, n)
    assert -1 <= low <= (only_b - only_a) / n <= high <= 1
    assert low < high
    assert accuracy_difference_interval(only_b, only_a, n) == pytest.approx((-high, -low))


def melded(only_a: int, only_b: int, n: int, draws: int) -> tuple[float, float]:
    """The interval by simulation: bounds of both shares drawn from their beta distributions, as in the source."""
    rng, found = np.random.default_rng(0), only_a + only_b

    def beta(a: int, b: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        return rng.beta(a, b, draws) if a and b else np.full(draws, float(bool(a)))

    lows, highs = [], []
    for discordant in (beta(found, n - found + 1), beta(found + 1, n - found)):
        lows.append(np.quantile(discordant * (2 * beta(only_b, only_a + 1) - 1), 0.025))
        highs.append(np.quantile(discordant * (2 * beta(only_b + 1, only_a) - 1), 0.975))
    return float(min(lows)), float(max(highs))


@pytest.mark.parametrize(
    "counts", [(0, 0, 20), (0, 5, 300), (5, 0, 5), (3, 10, 300), (9, 2, 161), (30, 61, 3000), (1, 1, 2), (0, 1, 1)]
)
def test_the_interval_equals_a_simulation(counts: tuple[int, int, int]) -> None:
    """A million draws of the melded bounds have the same quantiles."""
    assert accuracy_difference_interval(*counts) == pytest.approx(melded(*counts, 1_000_000), abs=1.5e-3)


def test_the_interval_holds_the_truth_often_enough() -> None:
    """Over 2,000 simulated comparisons at least 95 % of the intervals hold the true difference."""
    drawn, times = np.unique(
        np.random.default_rng(1).multinomial(120, [0.03, 0.08, 0.89], 2_000), axis=0, return_counts=True
    )
    spans = [accuracy_difference_interval(only_a, only_b, 120) for only_a, only_b, _ in drawn.tolist()]
    held = sum(n for n, (low, high) in zip(times.tolist(), spans, strict=True) if low <= 0.05 <= high)
    assert held >= 1_900


def test_without_any_report_the_interval_is_undefined() -> None:
    """Nothing was compared."""
    assert all(math.isnan(bound) for bound in accuracy_difference_interval(0, 0, 0))


@settings(max_examples=60)
@given(st.integers(0, 12), st.integers(0, 12), st.integers(0, 60))
def test_as_many_as_needed_suffice_and_one_less_does_not(only_a: int, only_b: int, more: int) -> None:
    """A plain count upwards finds the same number, or none within the reports."""
    n = only_a + only_b + more
    share = max(only_a, only_b) / (only_a + only_b) if only_a + only_b else 0.0
    enough = [
        total
        for total in range(1, n + 1)
        if only_a + only_b
        and mcnemar_p(total - math.floor(share * total + 1e-9), math.floor(share * total + 1e-9)) < 0.05
    ]
    assert discordant_needed(only_a, only_b, n) == (enough[0] if enough else None)


@pytest.mark.parametrize(
    ("counts", "needed"),
    [((0, 5, 5), None), ((0, 1, 300), 6), ((4, 4, 300), None), ((0, 0, 300), None), ((0, 0, 0), None)],
)
def test_what_cannot_become_significant_needs_no_number(counts: tuple[int, int, int], needed: int | None) -> None:
    """Five reports are too few, an even split never suffices, and without a discordant report nothing is known."""
    assert discordant_needed(*counts) == needed


@pytest.mark.parametrize("counts", [(-1, 0, 5), (0, -1, 5), (4, 2, 5)])
def test_impossible_counts_are_refused(counts: tuple[int, int, int]) -> None:
    """Negative counts, and more discordant reports than reports."""
    with pytest.raises(InputError, match="expected counts"):
        accuracy_difference_interval(*counts)


def test_an_impossible_level_is_refused() -> None:
    """A level is a share."""
    with pytest.raises(InputError, match="level=95"):
        accuracy_difference_interval(0, 1, 5, 95)
