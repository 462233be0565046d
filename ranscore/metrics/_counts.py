"""The four cells of a present/absent table, which every metric starts from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from ranscore.errors import InputError

PRESENT, ABSENT, UNCERTAIN, UNANSWERED = 1, 0, -1, -2

Empty = Literal["0", "1", "skip"]
FloatArray = npt.NDArray[np.float64]
LabelArray = npt.NDArray[np.int8]
CountArray = npt.NDArray[Any]

_STRIDE, _INVALID = 4, 100
_REFERENCE_PLACE = np.full(256, _INVALID, dtype=np.uint8)
_REFERENCE_PLACE[[UNCERTAIN % 256, ABSENT, PRESENT]] = 0, _STRIDE, 2 * _STRIDE
_LABEL_PLACE = np.full(256, _INVALID, dtype=np.uint8)
_LABEL_PLACE[[UNANSWERED % 256, ABSENT, PRESENT]] = 0, 1, 2


@dataclass(frozen=True)
class Counts:
    """How many cells were right and wrong; all arrays have the same shape.

    `uncertain` counts cells whose reference is uncertain and `unanswered` cells without a label (a cell can be both);
    neither kind is in the four others.
    """

    tp: CountArray
    fp: CountArray
    fn: CountArray
    tn: CountArray
    uncertain: CountArray = field(default_factory=lambda: np.zeros((), dtype=np.int64))
    unanswered: CountArray = field(default_factory=lambda: np.zeros((), dtype=np.int64))

    @property
    def n(self) -> CountArray:
        """The scored cells."""
        return self.tp + self.fp + self.fn + self.tn

    @property
    def positives(self) -> CountArray:
        """The scored cells that are present in the reference."""
        return self.tp + self.fn

    def total(self) -> Counts:
        """The sums over the last axis, for micro averages."""
        return Counts(*(cell.sum(axis=-1) for cell in self._cells()))

    def at(self, place: int | slice) -> Counts:
        """The counts at one place of the last axis, for one finding, or at several."""
        return Counts(*(cell[..., place] for cell in self._cells()))

    def _cells(self) -> Iterator[CountArray]:
        cells = (self.tp, self.fp, self.fn, self.tn, self.uncertain, self.unanswered)
        return (np.broadcast_to(cell, np.shape(self.tp)) for cell in cells)


def counts_of(tp: Sequence[int], fp: Sequence[int], fn: Sequence[int], tn: Sequence[int]) -> Counts:
    """The counts of k findings, where they are known already; shape (k,)."""
    return Counts(*(np.asarray(cells, dtype=np.int64) for cells in (tp, fp, fn, tn)))


def count(reference: npt.ArrayLike, labels: npt.ArrayLike, weights: npt.ArrayLike | None = None) -> Counts:
    """How often labels and reference agree and differ, for each finding.

    `reference` (n reports, k findings) holds 1, 0, -1 uncertain; `labels`, of the same shape, 1, 0, -2 unanswered; one
    finding alone may be of shape (n,). Without weights the counts are integers of shape (k,). `weights` of shape
    (..., n) weighs the reports and gives counts of shape (..., k). Raises InputError for other values or shapes.
    """
    if weights is not None:
        return tally(np.asarray(weights, dtype=np.float64), indicators(reference, labels))
    places = _places(reference, labels)
    findings = places.shape[1:]
    if findings:
        places = places + np.arange(findings[0], dtype=np.intp) * 3 * _STRIDE
    cells = np.bincount(places.ravel(), minlength=(findings[0] if findings else 1) * 3 * _STRIDE)
    table = cells.reshape(*findings, 3, _STRIDE)
    return Counts(
        tp=table[..., 2, 2],
        fp=table[..., 1, 2],
        fn=table[..., 2, 1],
        tn=table[..., 1, 1],
        uncertain=table[..., 0, :].sum(axis=-1),
        unanswered=table[..., 0].sum(axis=-1),
    )


def indicators(reference: npt.ArrayLike, labels: npt.ArrayLike, dtype: npt.DTypeLike = np.float64) -> npt.NDArray[Any]:
    """Ones where a cell is tp, fp, fn, tn, uncertain, unanswered: shape (n, 6) or (n, 6, k), in that order.

    Takes what `count` takes, and raises the same errors.
    """
    row, column = np.divmod(_places(reference, labels), _STRIDE)
    tests = (
        (row == 2) & (column == 2),
        (row == 1) & (column == 2),
        (row == 2) & (column == 1),
        (row == 1) & (column == 1),
        row == 0,
        column == 0,
    )
    return np.stack(tests, axis=1).astype(dtype)


def tally(weights: npt.NDArray[Any], cells: npt.NDArray[Any]) -> Counts:
    """Weighted counts: weights (..., n) and the first four or all of `indicators` (n, 4 or 6, k) give (..., k)."""
    if weights.shape[-1:] != cells.shape[:1]:
        raise InputError(f"weights have shape {weights.shape}; expected {len(cells)}, one a report, on the last axis.")
    sums = weights @ cells.reshape(len(cells), prod(cells.shape[1:]))
    split = sums.reshape(*weights.shape[:-1], *cells.shape[1:]).astype(np.float64)
    axis = weights.ndim - 1
    return Counts(*(split.take(i, axis=axis) for i in range(cells.shape[1])))


def share_cells(reference: npt.ArrayLike, *labels: npt.ArrayLike) -> tuple[LabelArray, ...]:
    """The reference and each side's labels, shape (n, k), with the cells that any side left unanswered as uncertain.

    So all sides are scored on the same cells. Raises InputError for other values or shapes.
    """
    for side in labels:
        _places(reference, side)
    truth, *sides = (_as_labels("labels", values) for values in (reference, *labels))
    if truth.ndim != 2:
        raise InputError(f"reference is of shape {truth.shape}; expected (n, k), a row a report.")
    open_cells = np.any([side == UNANSWERED for side in sides], axis=0)
    shared = np.where(open_cells, UNCERTAIN, truth).astype(np.int8)
    return shared, *(np.where(open_cells, ABSENT, side).astype(np.int8) for side in sides)


def mean_of_defined(values: FloatArray) -> FloatArray:
    """The mean over the last axis of what is not nan; nan where all are."""
    return ratio(np.nansum(values, axis=-1), (~np.isnan(values)).sum(axis=-1))


def settle(values: FloatArray, counts: Counts, empty: Empty) -> FloatArray:
    """Values of precision, recall or F1 with a number where they are undefined, so that they can be averaged.

    A finding with no positive on either side gets what `empty` says: 0, 1, or nan for "skip". A finding that has a
    positive on one side gets 0, and so does, save under "skip", one without a single scored cell.
    """
    nothing = (counts.tp + counts.fp + counts.fn) == 0
    instead = {"0": 0.0, "1": 1.0, "skip": np.nan}[empty]
    fill = np.where(nothing, instead, 0.0)
    if empty == "1":
        fill = np.where(counts.n == 0, 0.0, fill)
    settled: FloatArray = np.where(np.isnan(values), fill, values)
    return settled


def ratio(above: CountArray, below: CountArray) -> FloatArray:
    """`above / below`, nan where `below` is 0."""
    result = np.full(np.shape(below), np.nan)
    np.divide(above, below, out=result, where=np.asarray(below) != 0)
    return result


def _places(reference: npt.ArrayLike, labels: npt.ArrayLike) -> npt.NDArray[np.intp]:
    """Where each cell stands in the 3 x 4 table (reference -1, 0, 1; label -2, 0, 1, not used)."""
    ours, theirs = _as_labels("reference", reference), _as_labels("labels", labels)
    if ours.shape != theirs.shape or ours.ndim not in (1, 2):
        raise InputError(
            f"reference is of shape {ours.shape}, labels {theirs.shape}; expected the same, (n,) or (n, k)."
        )
    rows, columns = _REFERENCE_PLACE[ours.view(np.uint8)], _LABEL_PLACE[theirs.view(np.uint8)]
    places = rows + columns
    if places.size and places.max() >= _INVALID:
        _refuse("reference", ours, rows, "1, 0 or -1 (uncertain)")
        _refuse("labels", theirs, columns, "1, 0 or -2 (unanswered)")
    return places.astype(np.intp)


def _as_labels(where: str, values: npt.ArrayLike) -> LabelArray:
    array = np.asarray(values)
    if array.dtype == np.int8:
        return np.ascontiguousarray(array)
    small = array.astype(np.int8)
    if not np.array_equal(small, array):
        raise InputError(f"{where}: holds values that are not small whole numbers; expected 1, 0, -1 or -2")
    return small


def _refuse(where: str, values: LabelArray, places: npt.NDArray[np.uint8], expected: str) -> None:
    wrong = np.argwhere(places >= _INVALID)
    if len(wrong):
        at = tuple(int(i) for i in wrong[0])
        raise InputError(f"{where}{list(at)}: found {int(values[at])}; expected {expected}")
