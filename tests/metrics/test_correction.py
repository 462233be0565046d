"""Corrections for the extractor's errors: by formula, by simulation, by the limits where they must change nothing."""

from __future__ import annotations

import random
from statistics import NormalDist

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ranscore.errors import InputError
from ranscore.metrics import f1
from ranscore.metrics._correction import Confusion, draw_accuracies, plausible_range, rogan_gladen
from ranscore.metrics._counts import FloatArray, count, mean_of_defined, settle
from ranscore.metrics._intervals import bootstrap

Codes = npt.NDArray[np.int8]
PERFECT: Confusion = (10**9, 0, 0, 10**9)
COUNTS = st.tuples(st.integers(1, 60), st.integers(0, 20), st.integers(0, 20), st.integers(1, 200))


def lang_reiczigel(k: int, n: int, confusion: Confusion, level: float = 0.95) -> tuple[float, float]:
    """The closed interval of Lang and Reiczigel (Preventive Veterinary Medicine 2014;113:13-22), a second opinion."""
    tp, fp, fn, tn = confusion
    z = NormalDist().inv_cdf(0.5 + level / 2)
    positives, negatives = tp + fn, tn + fp
    share = (k + z * z / 2) / (n + z * z)
    sensitivity, specificity = (tp + 1) / (positives + 2), (tn + 1) / (negatives + 2)
    youden = sensitivity + specificity - 1
    middle = (share + specificity - 1) / youden
    errors = sensitivity * (1 - sensitivity) / positives, specificity * (1 - specificity) / negatives
    shift = 2 * z * z * (middle * errors[0] - (1 - middle) * errors[1])
    deviation = (share * (1 - share) / (n + z * z) + middle**2 * errors[0] + (1 - middle) ** 2 * errors[1]) ** 0.5
    spread = z * deviation / youden
    return max(0.0, middle + shift - spread), min(1.0, middle + shift + spread)


@given(st.integers(0, 100), st.integers(100, 400), COUNTS)
@settings(max_examples=60)
def test_the_estimate_is_the_formula_cut_to_a_share(k: int, n: int, confusion: Confusion) -> None:
    """Worked with fractions: (k/n + specificity - 1) / (sensitivity + specificity - 1), within 0 to 1."""
    tp, fp, fn, tn = confusion
    sensitivity, specificity = tp / (tp + fn), tn / (tn + fp)
    if sensitivity + specificity <= 1.2:
        return
    found = rogan_gladen(k, n, confusion, draws=500)
    expected = (k / n + specificity - 1) / (sensitivity + specificity - 1)
    assert found.estimate == pytest.approx(min(1.0, max(0.0, expected)))
    assert 0 <= found.interval[0] <= found.interval[1] <= 1


@pytest.mark.parametrize(
    ("k", "n", "confusion"),
    [
        (60, 300, (45, 8, 5, 242)),
        (30, 150, (20, 10, 5, 265)),
        (150, 300, (90, 10, 10, 190)),
        (40, 273, (30, 12, 2, 256)),
    ],
)
def test_the_interval_is_near_lang_and_reiczigels(k: int, n: int, confusion: Confusion) -> None:
    """Two methods, the same answer to two hundredths."""
    assert rogan_gladen(k, n, confusion, draws=50_000).interval == pytest.approx(
        lang_reiczigel(k, n, confusion), abs=0.02
    )


def test_the_interval_equals_a_plain_loop() -> None:
    """Python's own beta variates, one draw after another."""
    rng, drawn = random.Random(0), []
    while len(drawn) < 40_000:
        sensitivity, specificity = rng.betavariate(18.5, 3.5), rng.betavariate(250.5, 6.5)
        if sensitivity + specificity > 1:
            drawn.append((rng.betavariate(30.5, 270.5) + specificity - 1) / (sensitivity + specificity - 1))
    drawn = sorted(min(1.0, max(0.0, value)) for value in drawn)
    found = rogan_gladen(30, 300, (18, 6, 3, 250), draws=40_000)
    assert found.interval == pytest.approx((drawn[1_000], drawn[39_000]), abs=4e-3)


def test_a_program_without_errors_leaves_the_prevalence_as_it_is() -> None:
    """Then the estimate is k/n."""
    found = rogan_gladen(30, 300, PERFECT)
    assert found.estimate == pytest.approx(0.1)
    assert found.interval[0] < 0.1 < found.interval[1]


def test_the_prevalence_interval_holds_the_truth_often_enough() -> None:
    """A true prevalence of 0.1 through a program of known errors, 400 times: at least 93 % of intervals hold it."""
    rng, held = np.random.default_rng(0), 0
    for _ in range(400):
        tp, tn = int(rng.binomial(40, 0.85)), int(rng.binomial(260, 0.97))
        k = int(rng.binomial(400, 0.1 * 0.85 + 0.9 * 0.03))
        low, high = rogan_gladen(k, 400, (tp, 260 - tn, 40 - tp, tn), draws=1_000).interval
        held += low <= 0.1 <= high
    assert held >= 0.93 * 400


@pytest.mark.parametrize(
    ("confusion", "estimate"), [((0, 3, 0, 97), None), ((5, 0, 5, 0), None), ((1, 9, 1, 9), None), ((5, 0, 0, 9), 0.1)]
)
def test_where_the_reference_lacks_a_class_or_the_program_is_chance_there_is_no_estimate(
    confusion: Confusion, estimate: float | None
) -> None:
    """The interval is still given, from what little is known."""
    found = rogan_gladen(10, 100, confusion, draws=500)
    assert found.estimate == (None if estimate is None else pytest.approx(estimate))
    assert 0 <= found.interval[0] <= found.interval[1] <= 1


def test_a_program_worse_than_chance_corrects_nothing() -> None:
    """Labels that say the opposite of the truth."""
    with pytest.raises(InputError, match="no better than chance"):
        rogan_gladen(10, 100, (1, 99, 99, 1))


@pytest.mark.parametrize(("k", "n"), [(-1, 10), (11, 10)])
def test_impossible_counts_are_refused(k: int, n: int) -> None:
    """More present reports than reports."""
    with pytest.raises(InputError, match="expected 0 <= k <= n"):
        rogan_gladen(k, n, PERFECT)


def test_accuracies_are_drawn_from_their_betas() -> None:
    """Mean of Beta(tp + 1/2, fn + 1/2), and none at or below chance."""
    sensitivity, specificity = draw_accuracies((20, 5, 10, 200), 20_000, np.random.default_rng(0))
    assert float(sensitivity.mean()) == pytest.approx(20.5 / 31, abs=3e-3)
    assert float(specificity.mean()) == pytest.approx(200.5 / 206, abs=3e-3)
    low, high = draw_accuracies((1, 1, 1, 1), 2_000, np.random.default_rng(0))
    assert ((low + high) > 1).all()


def score(reference: Codes, labels: Codes) -> float:
    """Macro-F1."""
    counts = count(reference, labels)
    return float(mean_of_defined(settle(f1.compute(counts), counts, "0")))


def labelled(truth: Codes, sensitivity: float, specificity: float, rng: np.random.Generator) -> Codes:
    """What a program with these accuracies makes of true values."""
    return np.where(rng.random(truth.shape) < np.where(truth == 1, sensitivity, specificity), truth, 1 - truth).astype(
        np.int8
    )


def some_pairs(n: int, k: int, rng: np.random.Generator) -> tuple[Codes, Codes]:
    """True values of reference and generated reports."""
    reference = (rng.random((n, k)) < 0.2).astype(np.int8)
    return reference, labelled(reference, 0.8, 0.95, rng)


def test_a_program_without_errors_leaves_the_scores_bootstrap_interval() -> None:
    """Then only the reports vary: the range is the percentile interval of the same draws."""
    rng = np.random.default_rng(0)
    reference, generated = some_pairs(200, 3, rng)
    reference[:5, 0], generated[5:9, 1] = -1, -2
    found = plausible_range(reference, generated, [PERFECT] * 3, draws=400, seed=3)

    def headline(counts: object) -> FloatArray:
        return mean_of_defined(settle(f1.compute(counts), counts, "0"))  # type: ignore[arg-type]

    low, high = bootstrap(reference, generated, headline, resamples=400, seed=3)
    assert found.macro_f1 is not None
    assert found.macro_f1[::2] == pytest.approx((float(low), float(high)))


@pytest.mark.parametrize("both", [True, False])
def test_the_range_finds_the_score_behind_the_errors(both: bool) -> None:
    """Errors pull the observed score far below the truth; the range holds the truth and not the observed score."""
    rng = np.random.default_rng(1)
    truth = some_pairs(2_000, 4, rng)
    generated = labelled(truth[1], 0.85, 0.98, rng)
    reference = labelled(truth[0], 0.85, 0.98, rng) if both else truth[0]
    found = plausible_range(reference, generated, [(170, 16, 30, 784)] * 4, both=both, draws=300)
    assert found.macro_f1 is not None
    assert found.macro_f1[0] <= score(*truth) <= found.macro_f1[2]
    assert not found.macro_f1[0] <= score(reference, generated) <= found.macro_f1[2]


def test_the_range_holds_the_truth_often_enough() -> None:
    """Over 60 simulated data sets, each with a confusion measured anew, at least nine in ten ranges hold the truth."""
    rng, held = np.random.default_rng(2), 0
    expected = score(*some_pairs(200_000, 2, rng))
    for _ in range(60):
        truth = some_pairs(300, 2, rng)
        sides = [labelled(side, 0.85, 0.97, rng) for side in truth]
        tp, tn = int(rng.binomial(60, 0.85)), int(rng.binomial(240, 0.97))
        confusion = (tp, 240 - tn, 60 - tp, tn)
        found = plausible_range(*sides, [confusion] * 2, draws=200, seed=int(rng.integers(10**6))).macro_f1
        held += found is not None and found[0] <= expected <= found[2]
    assert held >= 54


def test_no_finding_is_derived_from_the_corrected_findings() -> None:
    """With a program without errors it is what derivation gives; its place is where it is asked for."""
    reference = np.array([[0, 0], [1, 0], [0, 0], [0, 1]], dtype=np.int8)
    generated = np.array([[0, 0], [1, 0], [0, 1], [0, 1]], dtype=np.int8)
    found = plausible_range(reference, generated, [PERFECT] * 2, derived=(1, [0, 1]), draws=300)
    assert len(found.f1) == 3
    middle = [points[1] for points in found.f1 if points]
    assert middle[0] == 1.0
    assert middle[1] == pytest.approx(2 / 3, abs=0.15)


def test_a_finding_that_was_never_seen_keeps_an_open_range() -> None:
    """No positive label among 30 reports, from a program that misses half: F1 is not claimed to be 0."""
    nothing = np.zeros((30, 1), dtype=np.int8)
    found = plausible_range(nothing, nothing, [(3, 0, 3, 50)], draws=500).f1[0]
    assert found is not None
    assert found[0] == 0.0
    assert found[2] > 0.5


def test_a_finding_that_is_never_defined_has_no_range() -> None:
    """Under `skip` a finding without a positive in any draw has no F1."""
    nothing = np.zeros((5, 1), dtype=np.int8)
    found = plausible_range(nothing, nothing, [PERFECT], empty="skip", draws=50)
    assert found.f1 == (None,)
    assert found.macro_f1 is None


@given(st.integers(1, 4), st.integers(0, 10_000))
@settings(max_examples=25)
def test_one_report_and_any_labels_give_a_range(n: int, seed: int) -> None:
    """Few reports, uncertain and unanswered cells: the points are shares in order."""
    rng = np.random.default_rng(seed)
    reference, generated = rng.choice([-1, 0, 1], (n, 2)), rng.choice([-2, 0, 1], (n, 2))
    found = plausible_range(reference, generated, [(5, 1, 1, 20)] * 2, draws=20)
    assert found.macro_f1 is not None
    assert 0 <= found.macro_f1[0] <= found.macro_f1[1] <= found.macro_f1[2] <= 1
