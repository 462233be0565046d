"""No Finding as an array, from the arrays of the other findings."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ranscore.metrics._counts import ABSENT, PRESENT, LabelArray


def derive_no_finding(others: npt.ArrayLike) -> LabelArray:
    """`No Finding` of each report from its other findings, shape (n, k) to (n,).

    Absent when any is present; else unanswered when any is; else uncertain when any is; else present.
    Source: the annotation guideline, row No Finding.
    """
    values = np.asarray(others, dtype=np.int8)
    if not len(values):
        return np.zeros(0, dtype=np.int8)
    lowest = values.min(axis=1)
    derived: LabelArray = np.where((values == PRESENT).any(axis=1), ABSENT, np.where(lowest == ABSENT, PRESENT, lowest))
    return derived.astype(np.int8)
