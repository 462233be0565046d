"""Precision: the share of present labels that the reference confirms, tp / (tp + fp); undefined without one."""

from __future__ import annotations

from ranscore.metrics._counts import Counts, FloatArray, ratio


def compute(counts: Counts) -> FloatArray:
    """The precision in 0 to 1, of the shape of the counts; nan where no label is present."""
    return ratio(counts.tp, counts.tp + counts.fp)
