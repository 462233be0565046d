"""No Finding as an array, from the arrays of the other findings."""

from __future__ import annotations

import numpy as np

from ranscore.metrics._counts import ABSENT, PRESENT, LabelArray


def derive_no_finding(others: LabelArray) -> LabelArray:
    """`No Finding` of each report from its other findings, shape (n, k) to (n,).

    Absent when any is present; otherwise unanswered or uncertain when any is; present when all are absent.
    Source: the annotation guideline, row No Finding.
    """
    lowest = others.min(axis=1)
    derived: LabelArray = np.where((others == PRESENT).any(axis=1), ABSENT, np.where(lowest == ABSENT, PRESENT, lowest))
    return derived.astype(np.int8)
