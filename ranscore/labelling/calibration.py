"""Decision thresholds on log-odds, one a finding, fitted on development reports and estimated by cross-validation.

A model that says absent too readily, or too rarely, often still ranks the reports well. The threshold is the place
on the log-odds where kappa (or F1) is best; it is kept only where it also helps on reports that it was not fitted on.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from ranscore.cohort import Dataset
from ranscore.errors import InputError
from ranscore.extraction.asking import Asked, ask_reports
from ranscore.freezing import (
    Calibration,
    DataUsed,
    FrozenFinding,
    FrozenModel,
    FrozenProgram,
    answer_golden,
    check_prompts,
)
from ranscore.labelling._tuning import folds_of
from ranscore.models import Model
from ranscore.records import ABSENT, PRESENT
from ranscore.scoring import FindingScore, score_finding

Objective = Literal["kappa", "f1"]


@dataclass(frozen=True)
class Fitted:
    """One finding's threshold (None: as the model says), and its scores: as answered, where fitted, cross-validated."""

    finding: str
    threshold: float | None
    as_answered: FindingScore
    tuned_on: FindingScore
    cross_validated: FindingScore
    with_odds: int


def fit_threshold(cells: Sequence[Asked], truth: Sequence[int], objective: Objective = "kappa") -> float | None:
    """The log-odds from which on a cell is best called present; None where no threshold beats what the model says.

    Of equal ones the nearest to 0 is taken. `truth` is 1, 0 or -1 (left out).
    """
    pairs = [(c, t) for c, t in zip(cells, truth, strict=True) if t in (PRESENT, ABSENT)]
    counted = [(c.log_odds, t) for c, t in pairs if c.log_odds is not None]
    positives = sum(t for _, t in counted)
    if not positives or positives == len(counted):
        return None
    told = [(c.value, t) for c, t in pairs if c.log_odds is not None]
    as_said = _value(score_finding([t for _, t in told], [v for v, _ in told]), objective)
    best, chosen = as_said, None
    for threshold, tp, fp in _cuts(counted, positives):
        fn, tn = positives - tp, len(counted) - positives - fp
        value = _kappa(tp, fp, fn, tn) if objective == "kappa" else 2 * tp / (2 * tp + fp + fn)
        nearer = chosen is not None and value == best and abs(threshold) < abs(chosen)
        if value > best + 1e-12 or nearer:
            best, chosen = value, threshold
    return chosen


def _cuts(counted: Iterable[tuple[float, int]], positives: int) -> list[tuple[float, int, int]]:
    """Thresholds half-way between neighbours, with the true and false positives from there on."""
    ordered = sorted(counted)
    found, below_true, below = [], 0, 0
    for (low, truth), (high, _) in pairwise(ordered):
        below_true, below = below_true + truth, below + 1
        if low < high:
            tp = positives - below_true
            found.append((_between(low, high), tp, len(ordered) - below - tp))
    return found


def _between(low: float, high: float) -> float:
    """A finite number above `low` and not above `high`."""
    middle = (low + high) / 2
    if math.isfinite(middle) and middle > low:
        return middle
    return high if math.isfinite(high) else low + 1


def _kappa(tp: int, fp: int, fn: int, tn: int) -> float:
    return 2 * (tp * tn - fp * fn) / ((tp + fp) * (fp + tn) + (tp + fn) * (fn + tn))


def _value(score: FindingScore, objective: Objective) -> float:
    value = score.kappa if objective == "kappa" else score.f1
    return 0.0 if value is None else value


def fit_finding(
    finding: str, name: str, cells: Sequence[Asked], truth: Sequence[int], folds: Sequence[int], objective: Objective
) -> Fitted:
    """A finding's threshold with its cross-validated estimate; one that does not help there is not kept."""
    crossed = [c.value for c in cells]
    for fold in folds:
        rest = [i for i in range(len(cells)) if not fold >> i & 1]
        threshold = fit_threshold([cells[i] for i in rest], [truth[i] for i in rest], objective)
        for i in (i for i in range(len(cells)) if fold >> i & 1):
            crossed[i] = cells[i].decided(threshold)

    def score(values: Sequence[int]) -> FindingScore:
        return score_finding(list(truth), list(values), finding=finding, name=name)

    as_answered, cross_validated = score([c.value for c in cells]), score(crossed)
    threshold = fit_threshold(cells, truth, objective)
    helps = _value(cross_validated, objective) > _value(as_answered, objective)
    kept = threshold if helps else None
    return Fitted(
        finding,
        kept,
        as_answered,
        score([c.decided(kept) for c in cells]),
        cross_validated if kept is not None else as_answered,
        sum(c.log_odds is not None for c in cells),
    )


def calibrate(
    frozen: FrozenProgram,
    dataset: Dataset,
    model: Model,
    objective: Objective = "kappa",
    progress: Callable[[int], None] | None = None,
) -> tuple[Fitted, ...]:
    """Each finding's threshold for a model, from its log-odds on a dataset's reports.

    Raises InputError where the model tells no log-odds, DigestError where this version would send another prompt.
    """
    check_prompts(frozen)
    cells = ask_reports(frozen.programs(), dataset.reports, model, progress)
    if all(c.log_odds is None for column in cells.values() for c in column):
        raise InputError(
            f"--model {model.name}: it tells no log-probabilities of its answers, so no threshold can be fitted; "
            "expected an endpoint that does, such as vLLM, llama.cpp or gguf:PATH."
        )
    folds = folds_of(dataset.reports)
    fitted = []
    for program in frozen.programs():
        column = dataset.reference.column(program.finding)
        truth = [column[r.report_id] for r in dataset.reports]
        fitted.append(fit_finding(program.finding, program.name, cells[program.finding], truth, folds, objective))
    return tuple(fitted)


def with_thresholds(
    frozen: FrozenProgram,
    dataset: Dataset,
    model: Model,
    fitted: Iterable[Fitted],
    objective: Objective,
    *,
    golden: bool = True,
) -> FrozenProgram:
    """The program frozen anew for this model with these thresholds; with `golden` it answers the golden reports."""
    data = DataUsed(
        dataset=dataset.name,
        reports=len(dataset.reports),
        dataset_digest=dataset.digest,
        reference_digest=dataset.reference_digest,
        access=dataset.access,
    )
    rows = tuple(fitted)
    findings: dict[str, FrozenFinding] = dict(frozen.findings)
    for row in rows:
        made = Calibration(
            model=model.name,
            data=data,
            objective=objective,
            n=row.as_answered.n,
            positives=row.as_answered.positives,
            as_answered=row.as_answered.kappa,
            tuned_on=row.tuned_on.kappa,
            cross_validated=row.cross_validated.kappa,
        )
        findings[row.finding] = findings[row.finding].model_copy(
            update={"threshold": row.threshold, "calibration": made}
        )
    reports = [(g.id, g.report) for g in frozen.golden]
    draft = frozen.model_copy(
        update={
            "model": FrozenModel(name=model.name, settings=model.settings),
            "findings": findings,
            "golden": answer_golden(frozen.programs(), model, reports) if golden else (),
            "scores": frozen.scores | mean_scores(rows),
        }
    )
    return draft.model_copy(update={"sha256": draft.content_digest()})


def mean_scores(fitted: Sequence[Fitted]) -> dict[str, float | None]:
    """Mean kappa and macro-F1 over the findings where they are defined, as answered and cross-validated."""

    def mean(values: Iterable[float | None]) -> float | None:
        known = [v for v in values if v is not None]
        return sum(known) / len(known) if known else None

    return {
        "kappa_as_answered": mean(f.as_answered.kappa for f in fitted),
        "kappa_calibrated": mean(f.cross_validated.kappa for f in fitted),
        "macro_f1_as_answered": mean(f.as_answered.f1 for f in fitted),
        "macro_f1_calibrated": mean(f.cross_validated.f1 for f in fitted),
    }
