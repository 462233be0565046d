"""Confidence intervals: exact for proportions, bootstrap by report for everything else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import betaincinv

from ranscore.errors import InputError
from ranscore.metrics._counts import Counts, FloatArray, indicators, share_cells, tally

_CHUNK = 2_000_000  # weights held in memory at a time


def clopper_pearson(k: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """The exact interval of a proportion of k in n, as (low, high) in 0 to 1; (nan, nan) for n = 0.

    Raises InputError unless 0 <= k <= n and 0 < level < 1. Source: Clopper and Pearson, Biometrika 1934;26:404-413.
    """
    if not (0 <= k <= n and 0 < level < 1):
        raise InputError(f"found k={k!r}, n={n!r}, level={level!r}; expected 0 <= k <= n and 0 < level < 1.")
    if n == 0:
        return float("nan"), float("nan")
    tail = (1 - level) / 2
    low = 0.0 if k == 0 else float(betaincinv(k, n - k + 1, tail))
    high = 1.0 if k == n else float(betaincinv(k + 1, n - k, 1 - tail))
    return low, high


def bootstrap(
    reference: npt.ArrayLike,
    labels: npt.ArrayLike,
    statistic: Callable[[Counts], FloatArray],
    *,
    resamples: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> tuple[FloatArray, FloatArray]:
    """The percentile interval of a statistic when whole reports are drawn again with replacement, as (low, high).

    `reference` and `labels` are as in `count`. `statistic` gets counts of shape (r, k), one row a resample, and gives
    (r, ...); low and high have the shape (...). A resample where it is nan is left out; if all are, so is the interval.
    Source: Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13.
    """
    if resamples < 1 or not 0 < level < 1:
        raise InputError(f"found resamples={resamples!r}, level={level!r}; expected at least 1 and 0 < level < 1.")
    cells = indicators(reference, labels, np.float32)[:, :4]
    if not len(cells):
        raise InputError("found no report to draw from; expected at least one.")
    values = np.concatenate([statistic(tally(w, cells)) for w in draw_weights(len(cells), resamples, seed)])
    return percentiles(values, level)


Bounds = tuple[FloatArray, FloatArray]


def paired_bootstrap(
    reference: npt.ArrayLike,
    a: npt.ArrayLike,
    b: npt.ArrayLike,
    statistic: Callable[[Counts], FloatArray],
    *,
    resamples: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> tuple[Bounds, Bounds, Bounds]:
    """The percentile intervals of a statistic of a, of b, and of b's less a's; the same reports are drawn for both.

    All three arrays are (n, k), as in `count`; a cell that either side left unanswered counts for neither. `statistic`
    and the bounds are as in `bootstrap`. Source: Efron and Tibshirani, An Introduction to the Bootstrap, 1993.
    """
    if resamples < 1 or not 0 < level < 1:
        raise InputError(f"found resamples={resamples!r}, level={level!r}; expected at least 1 and 0 < level < 1.")
    truth, ours, theirs = share_cells(reference, a, b)
    if not len(truth):
        raise InputError("found no report to draw from; expected at least one.")
    sides = [indicators(truth, side, np.float32)[:, :4] for side in (ours, theirs)]
    cells, findings = np.concatenate(sides, axis=-1), truth.shape[1]
    drawn = [tally(weights, cells) for weights in draw_weights(len(truth), resamples, seed)]
    first = np.concatenate([statistic(counts.at(slice(None, findings))) for counts in drawn])
    second = np.concatenate([statistic(counts.at(slice(findings, None))) for counts in drawn])
    return percentiles(first, level), percentiles(second, level), percentiles(second - first, level)


def draw_weights(n: int, resamples: int, seed: int) -> Iterator[npt.NDArray[np.float32]]:
    """How often each of n reports is drawn in each resample, in chunks of shape (r, n); each row sums to n."""
    rng = np.random.default_rng(seed)
    rows = max(1, _CHUNK // n)
    dtype: type[np.unsignedinteger[Any]] = np.uint16 if n <= 2**16 else np.uint32
    for start in range(0, resamples, rows):
        drawn = rng.integers(0, n, size=(min(rows, resamples - start), n), dtype=dtype)
        weights = np.empty(drawn.shape, dtype=np.float32)
        for row, reports in enumerate(drawn):
            weights[row] = np.bincount(reports, minlength=n)
        yield weights


def percentiles(values: FloatArray, level: float) -> Bounds:
    """The bounds that leave out equal tails of resampled values (r, ...), each of shape (...); nan where all are."""
    flat = values.reshape(len(values), -1)
    bounds = np.full((2, flat.shape[1]), np.nan)
    known = ~np.isnan(flat).all(axis=0)
    tail = (1 - level) / 2
    if known.any():
        bounds[:, known] = np.nanquantile(flat[:, known], [tail, 1 - tail], axis=0)
    low, high = bounds.reshape(2, *values.shape[1:])
    return low, high
