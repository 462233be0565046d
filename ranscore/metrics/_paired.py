"""Two label sets of the same reports side by side: every figure of both, the differences, and the tests."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ranscore.errors import InputError
from ranscore.metrics import accuracy, f1, kappa, precision, recall
from ranscore.metrics._counts import (
    ABSENT,
    PRESENT,
    UNCERTAIN,
    Counts,
    Empty,
    FloatArray,
    LabelArray,
    count,
    mean_of_defined,
    settle,
    share_cells,
)
from ranscore.metrics._intervals import paired_bootstrap
from ranscore.metrics._mcnemar import accuracy_difference_interval, discordant_needed, mcnemar_p
from ranscore.metrics._randomisation import paired_randomisation

Interval = tuple[float, float]
FIGURES = ("f1", "kappa", "precision", "recall")  # after macro-F1, in the order of a row of `_figures`


@dataclass(frozen=True)
class Estimate:
    """A figure of both sides and b's less a's, each with a 95 % interval; None where undefined or not asked for."""

    a: float | None
    b: float | None
    difference: float | None
    a_interval: Interval | None = None
    b_interval: Interval | None = None
    interval: Interval | None = None


@dataclass(frozen=True)
class PairedFinding:
    """One finding: estimates by figure (f1, kappa, precision, recall, accuracy), discordant reports, exact McNemar.

    `n` cells are scored for both sides. `needed` is how many discordant reports, split as these, would give p < alpha.
    """

    n: int
    estimates: Mapping[str, Estimate]
    only_a_right: int
    only_b_right: int
    p: float
    needed: int | None


@dataclass(frozen=True)
class Paired:
    """Macro-F1 of both sides with its randomisation p (None if undefined), and all findings.

    `least` and `most` bound the difference if the unanswered cells of both sides were right or wrong.
    """

    macro_f1: Estimate
    p: float | None
    least: float | None
    most: float | None
    findings: tuple[PairedFinding, ...]


def compare_sides(
    reference: npt.ArrayLike,
    a: npt.ArrayLike,
    b: npt.ArrayLike,
    *,
    empty: Empty = "0",
    resamples: int = 1000,
    randomisations: int = 10_000,
    seed: int = 0,
) -> Paired:
    """Two sides' labels against one reference, all (n, k) as in `count`, on the cells that both answered.

    F1, kappa, precision, recall and macro-F1 carry percentile intervals from a bootstrap of the reports; `resamples` of
    0 leaves these out. Accuracy's difference carries the interval that fits exact McNemar. Raises InputError for no
    report.
    """
    truth, ours, theirs = share_cells(reference, a, b)
    if not truth.size:
        raise InputError("found no report and finding to compare; expected at least one.")

    def headline(counts: Counts) -> FloatArray:
        return mean_of_defined(settle(f1.compute(counts), counts, empty))

    figures = _estimates(truth, ours, theirs, empty, resamples, seed)
    _, p = paired_randomisation(truth, ours, theirs, headline, randomisations=randomisations, seed=seed)
    bounds = _bounds(_codes(reference), _codes(a), _codes(b), empty)
    findings = truth.shape[1]
    rows = [{name: figures[1 + place * findings + at] for place, name in enumerate(FIGURES)} for at in range(findings)]
    return Paired(
        macro_f1=figures[0],
        p=_number(float(p)),
        least=bounds[0],
        most=bounds[1],
        findings=tuple(_finding(truth[:, at], ours[:, at], theirs[:, at], rows[at]) for at in range(findings)),
    )


def _codes(values: npt.ArrayLike) -> LabelArray:
    return np.asarray(values, dtype=np.int8)


def _figures(counts: Counts, empty: Empty) -> FloatArray:
    """Macro-F1, then F1, kappa, precision and recall of every finding, in one row; counts are (r, k)."""
    scores = settle(f1.compute(counts), counts, empty)
    columns = [scores, kappa.compute(counts), precision.compute(counts), recall.compute(counts)]
    return np.concatenate([mean_of_defined(scores)[:, np.newaxis], *columns], axis=1)


def _estimates(
    truth: LabelArray, a: LabelArray, b: LabelArray, empty: Empty, resamples: int, seed: int
) -> list[Estimate]:
    once = np.ones((1, len(truth)))
    ours, theirs = (_figures(count(truth, side, once), empty)[0] for side in (a, b))
    values = [[_number(v) for v in row.tolist()] for row in (ours, theirs, theirs - ours)]
    if resamples == 0:
        return [Estimate(*row) for row in zip(*values, strict=True)]
    bounds = paired_bootstrap(truth, a, b, lambda counts: _figures(counts, empty), resamples=resamples, seed=seed)
    spans = [[_interval(*pair) for pair in zip(low.tolist(), high.tolist(), strict=True)] for low, high in bounds]
    return [Estimate(*row) for row in zip(*values, *spans, strict=True)]


def _finding(truth: LabelArray, a: LabelArray, b: LabelArray, estimates: Mapping[str, Estimate]) -> PairedFinding:
    scored = truth != UNCERTAIN
    ours, theirs = (a == truth) & scored, (b == truth) & scored
    only_a, only_b, n = int((ours & ~theirs).sum()), int((theirs & ~ours).sum()), int(scored.sum())
    values = [_number(float(accuracy.compute(count(truth, side)))) for side in (a, b)]
    difference = (only_b - only_a) / n if n else None
    interval = _interval(*accuracy_difference_interval(only_a, only_b, n))
    return PairedFinding(
        n=n,
        estimates={**estimates, "accuracy": Estimate(values[0], values[1], difference, interval=interval)},
        only_a_right=only_a,
        only_b_right=only_b,
        p=mcnemar_p(only_a, only_b),
        needed=discordant_needed(only_a, only_b, n),
    )


def _bounds(truth: LabelArray, a: LabelArray, b: LabelArray, empty: Empty) -> tuple[float | None, float | None]:
    """The least and the most that b's macro-F1 less a's could be, over the unanswered cells of both."""
    right = np.where(truth == PRESENT, PRESENT, ABSENT)

    def score(labels: LabelArray, fill: npt.NDArray[np.int_]) -> float:
        counts = count(truth, np.where((labels == PRESENT) | (labels == ABSENT), labels, fill))
        return float(mean_of_defined(settle(f1.compute(counts), counts, empty)))

    wrong = PRESENT - right
    return _number(score(b, wrong) - score(a, right)), _number(score(b, right) - score(a, wrong))


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value


def _interval(low: float, high: float) -> Interval | None:
    return None if math.isnan(low) else (low, high)
