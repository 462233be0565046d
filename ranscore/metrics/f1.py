"""F1: the harmonic mean of precision and recall, 2 tp / (2 tp + fp + fn); undefined when neither side has a present.

What an undefined F1 counts for in a mean is a policy (`empty`), not a property of the metric.
"""

from __future__ import annotations

from ranscore.metrics._counts import Counts, FloatArray, ratio


def compute(counts: Counts) -> FloatArray:
    """The F1 in 0 to 1, of the shape of the counts; nan where neither side has a present."""
    twice = 2 * counts.tp
    return ratio(twice, twice + counts.fp + counts.fn)
