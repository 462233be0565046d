"""What a score or a prevalence could be if the program that labelled the reports had made no errors.

A program's errors on a reference (its confusion) tell how often a present finding is labelled present (sensitivity) and
an absent one absent (specificity). Both are drawn from their posteriors, Beta(tp + 1/2, fn + 1/2) and Beta(tn + 1/2,
fp + 1/2), limited to programs better than chance (sensitivity + specificity > 1). Assumed: the program errs as often on
these reports as on that reference, and its errors on two reports of a pair, and on two findings, are independent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ranscore.errors import InputError
from ranscore.metrics import f1
from ranscore.metrics._counts import ABSENT, PRESENT, Counts, Empty, FloatArray, LabelArray, mean_of_defined, settle
from ranscore.metrics._derived import derive_no_finding
from ranscore.metrics._intervals import draw_weights

Interval = tuple[float, float]
Points = tuple[float, float, float]
Confusion = tuple[int, int, int, int]  # tp, fp, fn, tn
_ATTEMPTS = 200
_UNSCORED = 4  # the place after the four pairs


@dataclass(frozen=True)
class Prevalence:
    """A finding's prevalence as labelled (`k` of `n` reports) and as estimated, with its 95 % interval."""

    k: int
    n: int
    estimate: float | None
    interval: Interval


@dataclass(frozen=True)
class PlausibleRange:
    """The 2.5 %, 50 % and 97.5 % points of the macro-F1 and of each finding's F1; None where it is never defined."""

    macro_f1: Points | None
    f1: tuple[Points | None, ...]


def draw_accuracies(confusion: Confusion, draws: int, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    """Sensitivities and specificities, each of shape (draws,), from their posteriors, limited to better than chance."""
    tp, fp, fn, tn = confusion
    if min(confusion) < 0 or draws < 1:
        raise InputError(f"found the confusion {confusion} and draws={draws}; expected counts, and at least one draw.")
    kept = np.empty((0, 2))
    for _ in range(_ATTEMPTS):
        drawn = np.stack([rng.beta(tp + 0.5, fn + 0.5, draws), rng.beta(tn + 0.5, fp + 0.5, draws)], axis=1)
        kept = np.concatenate([kept, drawn[drawn.sum(axis=1) > 1]])
        if len(kept) >= draws:
            return kept[:draws, 0], kept[:draws, 1]
    raise InputError(
        f"a confusion of tp {tp}, fp {fp}, fn {fn}, tn {tn} is no better than chance; nothing follows from such labels."
    )


def rogan_gladen(k: int, n: int, confusion: Confusion, *, draws: int = 10_000, seed: int = 0) -> Prevalence:
    """The prevalence behind k of n reports labelled present: (k/n + specificity - 1) / (sensitivity + specificity - 1).

    The estimate takes the shares of the confusion as they are, and is None where these have no value or are no better
    than chance; the interval holds 95 % of the estimates over draws of k/n, from Beta(k + 1/2, n - k + 1/2), and of
    both accuracies. All are cut to 0 to 1. Source: Rogan and Gladen, American Journal of Epidemiology 1978;107:71-76.
    """
    if not 0 <= k <= n:
        raise InputError(f"found k={k!r}, n={n!r}; expected 0 <= k <= n.")
    rng = np.random.default_rng(seed)
    sensitivity, specificity = draw_accuracies(confusion, draws, rng)
    apparent = rng.beta(k + 0.5, n - k + 0.5, draws)
    drawn = np.clip((apparent + specificity - 1) / (sensitivity + specificity - 1), 0.0, 1.0)
    low, high = np.quantile(drawn, [0.025, 0.975]).tolist()
    return Prevalence(k, n, _estimate(k, n, confusion), (low, high))


def _estimate(k: int, n: int, confusion: Confusion) -> float | None:
    tp, fp, fn, tn = confusion
    if not (n and tp + fn and fp + tn):
        return None
    sensitivity, specificity = tp / (tp + fn), tn / (fp + tn)
    if sensitivity + specificity <= 1:
        return None
    return min(1.0, max(0.0, (k / n + specificity - 1) / (sensitivity + specificity - 1)))


def plausible_range(
    reference: npt.ArrayLike,
    generated: npt.ArrayLike,
    confusions: Sequence[Confusion],
    *,
    both: bool = True,
    derived: tuple[int, Sequence[int]] | None = None,
    empty: Empty = "0",
    draws: int = 1000,
    seed: int = 0,
) -> PlausibleRange:
    """Where the macro-F1 would lie between what the reports truly say, given one confusion for each finding.

    Labels are (n, k) as in `count`. `both` says that the reference's labels are the program's too, otherwise they are
    taken as true. Each draw takes accuracies; the shares of the four pairs of labels, from Dirichlet(counts + 1/2), and
    from these the true shares, by inverting the matrix of errors; a true value for every labelled cell, given its
    labels; and the reports with replacement. `derived` is the place that No Finding gets (it is no column here) and the
    places of the findings that it is derived from. Source: Barron, Biometrics 1977;33:414-418 (the matrix method).
    """
    truth, labels = (np.asarray(side, dtype=np.int8) for side in (reference, generated))
    rng = np.random.default_rng(seed)
    accuracies = np.stack([draw_accuracies(confusion, draws, rng) for confusion in confusions])
    scored = ((truth == PRESENT) | (truth == ABSENT)) & ((labels == PRESENT) | (labels == ABSENT))
    pairs = np.where(scored, 2 * (truth == PRESENT) + (labels == PRESENT), _UNSCORED).astype(np.intp)
    shares = _draw_shares(pairs, draws, rng)
    rows = []
    for draw, weight in enumerate(row for chunk in draw_weights(len(truth), draws, seed) for row in chunk):
        chances = _true_given_labels(shares[draw], *accuracies[:, :, draw].T, both=both)
        sides = truth.copy(), labels.copy()
        _put_true_values(sides, pairs, chances, rng)
        rows.append(_scores(*sides, weight, derived, empty))
    points = [_points(column) for column in np.stack(rows, axis=1)]
    return PlausibleRange(points[0], tuple(points[1:]))


def _points(drawn: FloatArray) -> Points | None:
    known = drawn[~np.isnan(drawn)]
    if not known.size:
        return None
    low, middle, high = np.quantile(known, [0.025, 0.5, 0.975]).tolist()
    return low, middle, high


def _draw_shares(pairs: npt.NDArray[np.intp], draws: int, rng: np.random.Generator) -> FloatArray:
    """Shares of each pair of labels (reference, generated) of each finding, shape (draws, k, 2, 2)."""
    findings = pairs.shape[1]
    places = pairs + (_UNSCORED + 1) * np.arange(findings)
    cells = np.bincount(places.ravel(), minlength=(_UNSCORED + 1) * findings).reshape(findings, -1)[:, :_UNSCORED]
    drawn = rng.standard_gamma(cells + 0.5, (draws, findings, _UNSCORED))
    shares: FloatArray = drawn / drawn.sum(axis=2, keepdims=True)
    return shares.reshape(draws, findings, 2, 2)


def _true_given_labels(
    shares: FloatArray, sensitivity: FloatArray, specificity: FloatArray, *, both: bool
) -> FloatArray:
    """The chance of each true pair given each pair of labels, shape (k, 4 labels, 4 true)."""
    errors = np.stack([np.stack([specificity, 1 - sensitivity]), np.stack([1 - specificity, sensitivity])])
    seen = errors.transpose(2, 0, 1)  # (k, label, true)
    ours = seen if both else np.broadcast_to(np.eye(2), seen.shape)
    true = np.linalg.inv(ours) @ shares @ np.linalg.inv(seen).transpose(0, 2, 1)
    true = np.clip(true, 0.0, None)
    joint = np.einsum("kij,kai,kbj->kabij", true, ours, seen).reshape(len(shares), 4, 4)
    total = joint.sum(axis=2, keepdims=True)
    given: FloatArray = np.where(total > 0, joint / np.where(total > 0, total, 1.0), np.eye(4))
    return given


def _put_true_values(
    sides: tuple[LabelArray, LabelArray], pairs: npt.NDArray[np.intp], chances: FloatArray, rng: np.random.Generator
) -> None:
    """Draws a true pair for each scored cell and writes it into both sides, in place."""
    changing = 1.0 - np.append(np.diagonal(chances, axis1=1, axis2=2), np.ones((len(chances), 1)), axis=1)
    cells = np.nonzero(rng.random(pairs.shape, dtype=np.float32) < changing[np.arange(len(chances)), pairs])
    given = pairs[cells]
    others = chances[cells[1], given]
    others[np.arange(len(given)), given] = 0.0
    steps = others.cumsum(axis=1)
    drawn = (rng.random((len(given), 1)) * steps[:, -1:] > steps).sum(axis=1)
    sides[0][cells], sides[1][cells] = drawn // 2, drawn % 2


def _scores(
    ours: LabelArray,
    theirs: LabelArray,
    weight: npt.NDArray[np.float32],
    derived: tuple[int, Sequence[int]] | None,
    empty: Empty,
) -> FloatArray:
    """Macro-F1, then the F1 of each finding, with No Finding derived where it has a place."""
    if derived is not None:
        place, others = derived
        ours, theirs = (
            np.insert(side, place, derive_no_finding(side[:, list(others)].astype(np.int8)), axis=1)
            for side in (ours, theirs)
        )
    cells = [(ours == i) & (theirs == j) for i, j in ((1, 1), (0, 1), (1, 0), (0, 0))]
    found = Counts(*((weight @ cell).astype(np.float64) for cell in cells))
    scores = settle(f1.compute(found), found, empty)
    return np.concatenate([mean_of_defined(scores)[np.newaxis], scores])
