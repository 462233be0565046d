"""Agreement of readers on categories: kappas, alpha and raw agreement from sums over reports, so that weights resample.

Every figure is a function of sums of `features` over reports. A bootstrap over reports is then one matrix product a
finding. Codes are 0 to `categories - 1`, and a negative code is no answer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ranscore.errors import InputError
from ranscore.metrics._counts import FloatArray, LabelArray, mean_of_defined, ratio
from ranscore.metrics._intervals import draw_weights, percentiles

Features = Callable[[int], FloatArray]
Statistic = Callable[[FloatArray], FloatArray]


def pair_features(ours: LabelArray, theirs: LabelArray, categories: int) -> FloatArray:
    """Ones where a report falls into a cell of the table ours x theirs: shape (n,) each to (n, categories squared).

    A report that either side did not answer is all zeros.
    """
    place = np.where((ours >= 0) & (theirs >= 0), ours.astype(np.intp) * categories + theirs, -1)
    features: FloatArray = (place[:, np.newaxis] == np.arange(categories**2)).astype(np.float64)
    return features


def cohen(tables: FloatArray) -> FloatArray:
    """Cohen's kappa of contingency tables (..., q, q), to (...); nan where both sides give one category, the same.

    Source: Cohen, Educational and Psychological Measurement 1960;20:37-46.
    """
    n = tables.sum(axis=(-2, -1))
    chance = (tables.sum(axis=-1) * tables.sum(axis=-2)).sum(axis=-1)
    return ratio(n * np.trace(tables, axis1=-2, axis2=-1) - chance, n * n - chance)


def observed(tables: FloatArray) -> FloatArray:
    """The share of answers that agree, of contingency tables (..., q, q); nan where there is none."""
    return ratio(np.trace(tables, axis1=-2, axis2=-1), tables.sum(axis=(-2, -1)))


def f1_of(tables: FloatArray, category: int = 1) -> FloatArray:
    """The F1 of one category, of contingency tables (..., q, q); nan where neither side gives it."""
    both = tables.sum(axis=-1)[..., category] + tables.sum(axis=-2)[..., category]
    return ratio(2 * tables[..., category, category], both)


def panel_features(codes: LabelArray, categories: int) -> FloatArray:
    """What `fleiss`, `krippendorff` and `raw_agreement` need of each report: codes (raters, n) to (n, 4 + 2 q)."""
    votes = (codes[:, :, np.newaxis] == np.arange(categories)).sum(axis=0).astype(np.float64)
    given = votes.sum(axis=1)
    agreeing, pairs = (votes * (votes - 1)).sum(axis=1), given * (given - 1)
    complete = (given == len(codes)).astype(np.float64)
    pairable = (given > 1).astype(np.float64)
    by_others = agreeing / np.maximum(given - 1, 1)
    columns = [agreeing, pairs, by_others * pairable, complete * agreeing]
    return np.column_stack([*columns, votes * complete[:, np.newaxis], votes * pairable[:, np.newaxis]])


def raw_agreement(sums: FloatArray) -> FloatArray:
    """The share of pairs of answers to the same cell that agree, from sums of `panel_features` (..., 4 + 2 q)."""
    return ratio(sums[..., 0], sums[..., 1])


def fleiss(sums: FloatArray, raters: int) -> FloatArray:
    """Fleiss' kappa over the cells that all raters answered, from sums of `panel_features`; nan with one category.

    Source: Fleiss, Psychological Bulletin 1971;76:378-382.
    """
    totals = _halves(sums)[0]
    answers = totals.sum(axis=-1)
    chance = (totals**2).sum(axis=-1)
    return ratio(sums[..., 3] * answers / max(raters - 1, 1) - chance, answers**2 - chance)


def krippendorff(sums: FloatArray) -> FloatArray:
    """Krippendorff's alpha for nominal data with gaps, from sums of `panel_features`; nan with one category.

    Source: Hayes and Krippendorff, Communication Methods and Measures 2007;1:77-89.
    """
    totals = _halves(sums)[1]
    answers = totals.sum(axis=-1)
    alike = (totals**2).sum(axis=-1)
    return 1 - ratio((answers - 1) * (answers - sums[..., 2]), answers**2 - alike)


def _halves(sums: FloatArray) -> tuple[FloatArray, FloatArray]:
    categories = (sums.shape[-1] - 4) // 2
    return sums[..., 4 : 4 + categories], sums[..., 4 + categories :]


@dataclass(frozen=True)
class Resampled:
    """Figures by row (the findings, all cells pooled, the mean over the findings) and column, with their intervals.

    `p` is the two-sided bootstrap p-value that a figure is 0: twice the smaller of the shares of resamples on either
    side, both (b + 1) / (n + 1). It is nan without resamples, as `low` and `high`.
    """

    value: FloatArray
    low: FloatArray
    high: FloatArray
    p: FloatArray


def resample(
    features: Features, findings: int, n: int, statistic: Statistic, *, resamples: int, seed: int, level: float = 0.95
) -> Resampled:
    """Figures with percentile intervals over reports, each array of shape (findings + 2, figures).

    `features(j)` of shape (n, f) belong to finding j; `statistic` turns their sums (r, f) into figures (r, s). The
    mean over the findings is over those where a figure is defined. A resample in which a figure is undefined is left
    out. Source: Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapters 13 and 15.
    """
    if resamples < 0 or n < 1:
        raise InputError(f"found resamples={resamples!r} and {n} reports; expected at least 0 and at least 1.")
    value = _rows(features, findings, np.ones((1, n)), statistic)[0]
    if resamples == 0:
        nothing = np.full_like(value, np.nan)
        return Resampled(value, nothing, nothing, nothing)
    drawn = (w.astype(np.float64) for w in draw_weights(n, resamples, seed))
    values = np.concatenate([_rows(features, findings, weights, statistic) for weights in drawn])
    low, high = percentiles(values, level)
    known = (~np.isnan(values)).sum(axis=0)
    sides = np.minimum((values <= 0).sum(axis=0), (values >= 0).sum(axis=0))
    return Resampled(value, low, high, np.minimum(1.0, 2 * (sides + 1) / (known + 1)))


def _rows(features: Features, findings: int, weights: FloatArray, statistic: Statistic) -> FloatArray:
    sums = [weights @ features(j) for j in range(findings)]
    figures = np.stack([statistic(s) for s in [*sums, np.sum(sums, axis=0)]], axis=1)
    mean = mean_of_defined(figures[:, :-1].swapaxes(1, 2))
    return np.concatenate([figures, mean[:, np.newaxis]], axis=1)
