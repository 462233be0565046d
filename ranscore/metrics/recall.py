"""Recall: the share of what the reference has present that is labelled so, tp / (tp + fn); undefined without any."""

from __future__ import annotations

from ranscore.metrics._counts import Counts, FloatArray, ratio


def compute(counts: Counts) -> FloatArray:
    """The recall in 0 to 1, of the shape of the counts; nan where the reference has no present."""
    return ratio(counts.tp, counts.tp + counts.fn)
