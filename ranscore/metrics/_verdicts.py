"""From p-values to words: Holm's adjustment, the verdict, and when there are too few positives for any."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from ranscore.errors import InputError
from ranscore.metrics._intervals import clopper_pearson

Verdict = Literal["better", "worse", "cannot tell"]
ALPHA = 0.05
MINIMUM_POSITIVES = 10


def holm(p_values: Sequence[float]) -> list[float]:
    """The p-values adjusted for being a family, in their order: the chance of any false claim stays below alpha.

    Raises InputError for what is no p-value. Source: Holm, Scandinavian Journal of Statistics 1979;6:65-70.
    """
    wrong = [p for p in p_values if not 0 <= p <= 1]
    if wrong:
        raise InputError(f"found the p-values {wrong[:3]}; expected numbers from 0 to 1.")
    adjusted, highest = [0.0] * len(p_values), 0.0
    for rank, place in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[place]))
        adjusted[place] = highest
    return adjusted


def decide(difference: float | None, p: float | None, alpha: float = ALPHA) -> Verdict:
    """`better` or `worse` by the difference's sign where p < alpha, else `cannot tell`."""
    if difference is None or p is None or not p < alpha or difference == 0:
        return "cannot tell"
    return "better" if difference > 0 else "worse"


def warn_of_few_positives(name: str, found: int, positives: int, minimum: int = MINIMUM_POSITIVES) -> str | None:
    """What to know of a finding whose F1 and recall rest on fewer positives than `minimum`; None where they do not.

    `found` of the `positives` reference cells are labelled present; the text gives the exact 95 % interval of recall.
    """
    if positives >= minimum:
        return None
    if positives == 0:
        return f"{name}: no positive"
    low, high = clopper_pearson(found, positives)
    return f"{name}: {positives} positive{'s' * (positives > 1)}, recall {found}/{positives} [{low:.3f}, {high:.3f}]"
