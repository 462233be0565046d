"""Paired approximate randomisation: would the difference of two systems be as large if their reports were exchanged?"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt

from ranscore.errors import InputError
from ranscore.metrics._counts import PRESENT, UNCERTAIN, Counts, FloatArray, share_cells

_CHUNK = 4_000_000  # swaps held in memory at a time
_TIE = 1e-12


def paired_randomisation(
    reference: npt.ArrayLike,
    a: npt.ArrayLike,
    b: npt.ArrayLike,
    statistic: Callable[[Counts], FloatArray],
    *,
    randomisations: int = 10_000,
    seed: int = 0,
) -> tuple[FloatArray, FloatArray]:
    """The difference of a statistic, b's less a's, and its two-sided p-value (c + 1) / (randomisations + 1).

    In each randomisation every report's labels change sides with chance 1/2; c counts those whose difference is at
    least as large as the found one. All three arrays are (n, k), as in `count`; a cell that either side left unanswered
    counts for neither. `statistic` gets counts of shape (r, k) and gives (r, ...); both results have the shape (...). A
    randomisation where it is nan counts as large; where the difference itself is nan, so is p.
    Source: Noreen, Computer-Intensive Methods for Testing Hypotheses, 1989; Yeh, COLING 2000:947-953.
    """
    if randomisations < 1:
        raise InputError(f"found randomisations={randomisations!r}; expected at least 1.")
    truth, ours, theirs = share_cells(reference, a, b)
    cells = [_present(truth, side) for side in (ours, theirs)]
    totals = [side.sum(axis=0)[np.newaxis] for side in cells]
    sizes = np.stack([(truth == PRESENT).sum(axis=0), ((truth != PRESENT) & (truth != UNCERTAIN)).sum(axis=0)])

    def difference(moved: FloatArray) -> FloatArray:
        return statistic(_counts(totals[1] - moved, sizes)) - statistic(_counts(totals[0] + moved, sizes))

    moves = cells[1] - cells[0]
    moves = moves[moves.any(axis=(1, 2))]
    found = difference(np.zeros_like(totals[0]))[0]
    extreme = np.zeros(found.shape, dtype=np.int64)
    flat = moves.reshape(len(moves), 2 * truth.shape[1]).astype(np.float32)
    for swaps in draw_swaps(len(moves), randomisations, seed):
        drawn = difference((swaps @ flat).astype(np.float64).reshape(len(swaps), *moves.shape[1:]))
        extreme += (np.isnan(drawn) | (np.abs(drawn) >= np.abs(found) - _TIE)).sum(axis=0)
    p: FloatArray = np.where(np.isnan(found), np.nan, (extreme + 1) / (randomisations + 1))
    return found, p


def draw_swaps(n: int, randomisations: int, seed: int) -> Iterator[npt.NDArray[np.float32]]:
    """Which of n reports change sides, in chunks of shape (r, n) of ones and zeros, each with chance 1/2."""
    rng = np.random.default_rng(seed)
    rows = max(1, _CHUNK // max(1, n))
    for start in range(0, randomisations, rows):
        size = (min(rows, randomisations - start), -(-n // 8))
        bits = rng.integers(0, 256, size=size, dtype=np.uint8)
        yield np.unpackbits(bits, axis=1, count=n).astype(np.float32)


def _present(truth: npt.NDArray[np.int8], labels: npt.NDArray[np.int8]) -> FloatArray:
    """Ones where a present label is right and where it is wrong, shape (n, 2, k)."""
    given = labels == PRESENT
    right = truth == PRESENT
    return np.stack([given & right, given & ~right & (truth != UNCERTAIN)], axis=1).astype(np.float64)


def _counts(present: FloatArray, sizes: npt.NDArray[np.int64]) -> Counts:
    """The four cells from tp and fp, shape (r, 2, k): what is present or absent in the reference does not move."""
    tp, fp = present[:, 0], present[:, 1]
    return Counts(tp=tp, fp=fp, fn=sizes[0] - tp, tn=sizes[1] - fp)
