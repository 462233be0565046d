"""Exact McNemar: is one label set right on more reports than another? Only reports where just one is right can tell."""

from __future__ import annotations

import numpy as np
from scipy.special import bdtr, betainc, betaincinv

from ranscore.errors import InputError
from ranscore.metrics._counts import FloatArray

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(96)
_HALVINGS = 60


def mcnemar_p(only_a: int, only_b: int) -> float:
    """The two-sided exact p-value from the reports that only a has right and those that only b has right.

    The smaller count is binomial with chance 1/2 if both are right equally often; p is twice its lower tail, at most 1,
    and 1 without any such report. Source: McNemar, Psychometrika 1947;12:153-157, with the binomial in place of chi2.
    """
    _check(only_a, only_b)
    return min(1.0, 2.0 * float(bdtr(min(only_a, only_b), only_a + only_b, 0.5)))


def discordant_needed(only_a: int, only_b: int, n: int, alpha: float = 0.05) -> int | None:
    """How many discordant reports would give p < alpha if they were split as the found ones; None if n do not suffice.

    The larger side is rounded down, so the number is rather too large. None also for an even split or none at all.
    """
    _check(only_a, only_b, n)
    found = only_a + only_b
    if not found:
        return None
    total = np.arange(1, n + 1)
    smaller = total - np.floor(total * (max(only_a, only_b) / found) + 1e-9)
    enough = 2.0 * bdtr(smaller, total, 0.5) < alpha
    return int(total[enough.argmax()]) if enough.any() else None


def accuracy_difference_interval(only_a: int, only_b: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """The interval of b's accuracy less a's, (only_b - only_a) / n, in -1 to 1; (nan, nan) for n = 0.

    It leaves out 0 if and only if `mcnemar_p` is at most 1 - level, and has a width even without a discordant report.
    Source: Fay and Lumbard, Statistics in Medicine 2021;40:1147-1159: Clopper-Pearson bounds of the share of discordant
    reports and of b's share among them, melded.
    """
    _check(only_a, only_b, n)
    if not 0 < level < 1:
        raise InputError(f"found level={level!r}; expected 0 < level < 1.")
    if n == 0:
        return float("nan"), float("nan")
    tail = (1 - level) / 2
    return _lower(only_b, only_a + only_b, n, tail), -_lower(only_a, only_a + only_b, n, tail)


def _check(only_a: int, only_b: int, n: int | None = None) -> None:
    if only_a < 0 or only_b < 0 or (n is not None and only_a + only_b > n):
        total = "" if n is None else f", n={n!r}"
        raise InputError(f"found only_a={only_a!r}, only_b={only_b!r}{total}; expected counts, together at most n.")


def _lower(wins: int, discordant: int, n: int, tail: float) -> float:
    """The `tail` quantile of (2 B - 1) T: B below the share of wins, T on the side of 0 away from the estimate."""
    if wins == 0:  # B is 0, so the bound is -T with T the upper bound of the share of discordant reports
        return -1.0 if discordant == n else -float(betaincinv(discordant + 1, n - discordant, 1 - tail))
    losing = float(betainc(wins, discordant - wins + 1, 0.5))
    if losing >= tail and discordant == n:  # T is 1
        return 2.0 * float(betaincinv(wins, discordant - wins + 1, tail)) - 1.0
    start, end = (losing, 1.0) if losing < tail else (0.0, losing)
    mass = (end - start) / 2 * _WEIGHTS
    share = 2 * betaincinv(wins, discordant - wins + 1, start + (end - start) / 2 * (1 + _NODES)) - 1
    low, high = (0.0, 1.0) if losing < tail else (-1.0, 0.0)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if _below(middle, share, mass, losing, discordant, n) < tail:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _below(x: float, share: FloatArray, mass: FloatArray, losing: float, discordant: int, n: int) -> float:
    """How likely (2 B - 1) T is at most x, by quadrature over B; `share` holds 2 B - 1 on the side of x."""
    bound = np.clip(np.divide(x, share, out=np.ones_like(share), where=share != 0), 0.0, 1.0)
    if x >= 0:
        return losing + float(mass @ betainc(discordant, n - discordant + 1, bound))
    return float(mass @ (1.0 - betainc(discordant + 1, n - discordant, bound)))
