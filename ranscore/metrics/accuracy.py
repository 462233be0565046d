"""Accuracy: the share of scored cells where label and reference agree, (tp + tn) / n; undefined with no such cell."""

from __future__ import annotations

from ranscore.metrics._counts import Counts, FloatArray, ratio


def compute(counts: Counts) -> FloatArray:
    """The accuracy in 0 to 1, of the shape of the counts; nan where no cell is scored."""
    return ratio(counts.tp + counts.tn, counts.n)
