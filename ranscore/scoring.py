"""Labels of generated reports against the reference's: Ran Score with its interval, and all that stands beside it."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from ranscore import records
from ranscore.catalog import finding_ids, finding_name
from ranscore.errors import IncompleteError, InputError
from ranscore.metrics import accuracy, f1, kappa, precision, recall
from ranscore.metrics._counts import (
    ABSENT,
    PRESENT,
    UNANSWERED,
    Counts,
    Empty,
    FloatArray,
    LabelArray,
    count,
    mean_of_defined,
    settle,
)
from ranscore.metrics._derived import derive_no_finding
from ranscore.metrics._intervals import bootstrap as bootstrap_interval
from ranscore.metrics._intervals import clopper_pearson
from ranscore.metrics._tables import LabelTable, Side, match_by_report_id, read_labels
from ranscore.policies import VERSION as VERSION
from ranscore.policies import Policies as Policies
from ranscore.policies import signature_line as signature_line
from ranscore.records import Record
from ranscore.reference.derive import DEVICES, NO_FINDING

if TYPE_CHECKING:
    import pandas as pd

Interval = tuple[float, float]


class FindingScore(Record):
    """One finding's scores; None where a number is undefined.

    `n` = tp + fp + fn + tn scored cells, `positives` = tp + fn of them present in the reference. `uncertain` and
    `unanswered` cells are outside `n`. `f1` follows the empty policy, so that Ran Score is its plain mean. Intervals
    are 95 %: exact for accuracy, by bootstrap over reports for F1 and kappa (None without a bootstrap).
    """

    finding: str
    name: str
    n: int
    positives: int
    uncertain: int
    unanswered: int
    tp: int
    fp: int
    fn: int
    tn: int
    precision: float | None
    recall: float | None
    f1: float | None
    f1_interval: Interval | None = None
    accuracy: float | None
    accuracy_interval: Interval | None
    kappa: float | None
    kappa_interval: Interval | None = None


class Averages(Record):
    """Macro (mean over findings) or micro (over all cells) averages; what is undefined follows the empty policy.

    Macro accuracy is the mean over the findings that have a scored cell. Intervals are 95 %, by bootstrap over reports
    (None without a bootstrap): the cells of one report are not independent, so none is exact.
    """

    precision: float | None
    recall: float | None
    f1: float | None
    accuracy: float | None
    precision_interval: Interval | None = None
    recall_interval: Interval | None = None
    f1_interval: Interval | None = None
    accuracy_interval: Interval | None = None


@dataclass(frozen=True, slots=True)
class ReportAgreement:
    """How one report's labels agree with its reference over the findings; `f1` is None if neither has a positive."""

    report_id: str
    true_present: int
    false_present: int
    false_absent: int
    true_absent: int
    uncertain: int
    unanswered: int
    f1: float | None


class ScoreReport(Record):
    """All scores of one set of generated reports; to be compared only with one of the same `signature`.

    `coverage` is answered cells over asked ones (a derived finding is not asked). `best_case` and `worst_case` are the
    Ran Score with every unanswered cell taken as right or as wrong; at full coverage they equal `ran_score`.
    `only_in_reference` and `only_in_generated` count reports that an inner join left out. Intervals are 95 %.
    """

    ran_score: float
    ran_score_interval: Interval | None
    findings_with_support: int
    n_reports: int
    coverage: float
    best_case: float
    worst_case: float
    macro: Averages
    micro: Averages
    findings: tuple[FindingScore, ...]
    per_report: tuple[ReportAgreement, ...]
    only_in_reference: int
    only_in_generated: int
    policies: Policies
    resamples: int
    seed: int
    signature: str

    def to_json(self, indent: int | None = None) -> str:
        """The report as JSON in full precision, null where undefined; `model_validate_json` reads it back."""
        return self.model_dump_json(indent=indent)

    def to_frame(self, rows: Literal["findings", "reports"] = "findings") -> pd.DataFrame:
        """One row a finding or a report, unrounded, NaN where undefined; an interval is two columns, low and high."""
        import pandas as pd

        if rows == "reports":
            return pd.DataFrame.from_records([_flat(asdict(report)) for report in self.per_report])
        return pd.DataFrame.from_records([_flat(finding.model_dump()) for finding in self.findings])


def score_labels(
    reference: pd.DataFrame,
    generated: pd.DataFrame,
    policies: Policies | None = None,
    *,
    bootstrap: int = 1000,
    seed: int = 0,
    program_digest: str | None = None,
    join: Literal["exact", "inner"] = "exact",
) -> ScoreReport:
    """The Ran Score of generated reports' labels against the reference, with intervals, and rows by finding and report.

    Both tables hold `report_id` (column or index) and the findings under any known name; they are joined by report_id,
    never by row, and scored in the order of the ids. Reference cells are 1, 0, -1; generated cells 1, 0, "unanswered"
    or blank; "present" and "absent" are understood on both sides. `join="inner"` scores the shared reports when the ids
    differ. `bootstrap` is the number of resamples; 0 leaves its intervals out. Raises InputError for tables that cannot
    be scored, IncompleteError for unanswered cells under the policy "refuse".
    Source: the Ran Score paper (macro-averaged F1 over 21 findings).
    """
    policies = policies or Policies()
    signature = signature_line(policies, program_digest)
    ours, theirs = _read(reference, "reference", policies), _read(generated, "generated", policies)
    report_ids, truth, labels = match_by_report_id(ours, theirs, join)
    coverage, best, worst = _completeness(truth, labels, policies)
    labels = _take_gaps(labels, policies)
    counts = count(truth, labels)
    ran_score = float(_headline(counts, policies.empty))
    if math.isnan(ran_score):
        raise InputError("no finding has a positive on either side, so empty 'skip' leaves none; use empty '0' or '1'.")
    intervals = _bootstrap(truth, labels, policies.empty, bootstrap, seed)
    return ScoreReport(
        ran_score=ran_score,
        ran_score_interval=intervals.ran_score,
        findings_with_support=int((counts.positives > 0).sum()),
        n_reports=len(report_ids),
        coverage=coverage,
        best_case=best,
        worst_case=worst,
        macro=_named_averages(_macro(counts, policies.empty), intervals.macro),
        micro=_named_averages(_micro(counts, policies.empty), intervals.micro),
        findings=_findings(counts, policies.empty, intervals.findings),
        per_report=_per_report(report_ids, count(truth.T, labels.T)),
        only_in_reference=len(ours.report_ids) - len(report_ids),
        only_in_generated=len(theirs.report_ids) - len(report_ids),
        policies=policies,
        resamples=bootstrap,
        seed=seed,
        signature=signature,
    )


def score_finding(
    reference: npt.ArrayLike, labels: npt.ArrayLike, *, finding: str = "", name: str = "", empty: Empty = "0"
) -> FindingScore:
    """One finding's scores without bootstrap, fast enough for a search's inner loop.

    `reference` of shape (n,) holds 1, 0, -1 uncertain; `labels`, of the same shape, 1, 0, -2 unanswered. Other values
    raise InputError. Without a bootstrap `f1_interval` and `kappa_interval` are None.
    """
    return _finding_score(finding, name, count(reference, labels), empty)


def frame_of(table: records.LabelTable) -> pd.DataFrame:
    """A label table as a data frame with `report_id` and one column a finding; unanswered cells hold that word."""
    import pandas as pd

    data: dict[str, Any] = {"report_id": list(table.report_ids)}
    for at, finding in enumerate(table.findings):
        column = [row[at] for row in table.values]
        data[finding] = ["unanswered" if v == UNANSWERED else v for v in column] if UNANSWERED in column else column
    return pd.DataFrame(data)


def _read(frame: pd.DataFrame, side: Side, policies: Policies) -> LabelTable:
    asked = [f for f in finding_ids() if f != NO_FINDING or policies.no_finding == "as-given"]
    blanks = policies.unanswered == "absent"
    table = read_labels(frame, side, asked, clip=policies.uncertain == "absent", blanks=blanks)
    values = (
        np.where(table.values == UNANSWERED, ABSENT, table.values) if side == "reference" and blanks else table.values
    )
    return LabelTable(table.report_ids, _with_no_finding(values.astype(np.int8), policies))


def _with_no_finding(values: LabelArray, policies: Policies) -> LabelArray:
    """All findings' labels, from those of the asked ones where No Finding is derived."""
    if policies.no_finding == "as-given":
        return values
    without = DEVICES if policies.no_finding == "derived-devices" else ""
    others = [finding for finding in finding_ids() if finding != NO_FINDING]
    decisive = [place for place, finding in enumerate(others) if finding != without]
    return np.insert(values, finding_ids().index(NO_FINDING), derive_no_finding(values[:, decisive]), axis=1)


def _take_gaps(labels: LabelArray, policies: Policies) -> LabelArray:
    """The labels with unanswered cells as absent, where the policy takes them so."""
    if policies.unanswered != "absent":
        return labels
    filled = np.where(labels == UNANSWERED, ABSENT, labels).astype(np.int8)
    given = policies.no_finding == "as-given"
    return _with_no_finding(filled if given else np.delete(filled, finding_ids().index(NO_FINDING), axis=1), policies)


def _completeness(truth: LabelArray, labels: LabelArray, policies: Policies) -> tuple[float, float, float]:
    """Coverage, and the Ran Score of the best and the worst completion; raises IncompleteError if gaps are refused."""
    gaps = labels == UNANSWERED
    asked = gaps if policies.no_finding == "as-given" else np.delete(gaps, finding_ids().index(NO_FINDING), axis=1)
    right = np.where(truth == PRESENT, PRESENT, ABSENT)
    filled = (np.where(gaps, fill, labels) for fill in (right, PRESENT - right))
    best, worst = (float(_headline(count(truth, complete), policies.empty)) for complete in filled)
    answered = asked.size - int(asked.sum())
    if gaps.any() and policies.unanswered == "refuse":
        percent = 10_000 * answered // asked.size / 100  # never 100 while a cell is missing
        raise IncompleteError(
            f"{answered} of {asked.size} cells are answered (coverage {percent:.2f} %), so the Ran Score lies between "
            f"{worst:.3f} (worst case) and {best:.3f} (best case); label the missing cells, or accept a partial score "
            "with --allow-partial."
        )
    return answered / asked.size, best, worst


def _headline(counts: Counts, empty: Empty) -> FloatArray:
    return mean_of_defined(settle(f1.compute(counts), counts, empty))


@dataclass(frozen=True)
class _Intervals:
    """The intervals of Ran Score, of both averages in the order of `AVERAGES`, and of all F1s and then all kappas."""

    ran_score: Interval | None
    macro: list[Interval | None]
    micro: list[Interval | None]
    findings: list[Interval | None]


def _bootstrap(truth: LabelArray, labels: LabelArray, empty: Empty, resamples: int, seed: int) -> _Intervals:
    if resamples == 0:
        nothing: list[Interval | None] = [None] * 4
        return _Intervals(None, nothing, nothing, [None] * (2 * truth.shape[1]))

    def sample(counts: Counts) -> FloatArray:
        scores = settle(f1.compute(counts), counts, empty)
        columns = [_macro(counts, empty), _micro(counts, empty), scores, kappa.compute(counts)]
        return np.concatenate([mean_of_defined(scores)[:, np.newaxis], *columns], axis=1)

    low, high = bootstrap_interval(truth, labels, sample, resamples=resamples, seed=seed)
    row = [_interval(a, b) for a, b in zip(low.tolist(), high.tolist(), strict=True)]
    return _Intervals(row[0], row[1:5], row[5:9], row[9:])


def _interval(low: float, high: float) -> Interval | None:
    return None if math.isnan(low) else (low, high)


def _number(value: FloatArray) -> float | None:
    number = float(value)
    return None if math.isnan(number) else number


def _finding_score(
    finding: str,
    name: str,
    counts: Counts,
    empty: Empty,
    intervals: tuple[Interval | None, Interval | None] = (None, None),
) -> FindingScore:
    n = int(counts.n)
    return FindingScore(
        finding=finding,
        name=name,
        n=n,
        positives=int(counts.positives),
        uncertain=int(counts.uncertain),
        unanswered=int(counts.unanswered),
        tp=int(counts.tp),
        fp=int(counts.fp),
        fn=int(counts.fn),
        tn=int(counts.tn),
        precision=_number(precision.compute(counts)),
        recall=_number(recall.compute(counts)),
        f1=_number(settle(f1.compute(counts), counts, empty)),
        f1_interval=intervals[0],
        accuracy=_number(accuracy.compute(counts)),
        accuracy_interval=_interval(*clopper_pearson(int(counts.tp + counts.tn), n)),
        kappa=_number(kappa.compute(counts)),
        kappa_interval=intervals[1],
    )


def _findings(counts: Counts, empty: Empty, intervals: list[Interval | None]) -> tuple[FindingScore, ...]:
    findings = finding_ids()
    pairs = list(zip(intervals[: len(findings)], intervals[len(findings) :], strict=True))
    return tuple(
        _finding_score(finding, finding_name(finding), counts.at(i), empty, pairs[i])
        for i, finding in enumerate(findings)
    )


AVERAGES = ("precision", "recall", "f1", "accuracy")


def _four(counts: Counts, empty: Empty) -> list[FloatArray]:
    """Precision, recall, F1 and accuracy, what is undefined settled by the empty policy."""
    settled = [settle(metric.compute(counts), counts, empty) for metric in (precision, recall, f1)]
    return [*settled, accuracy.compute(counts)]


def _macro(counts: Counts, empty: Empty) -> FloatArray:
    """The means over the findings in the order of `AVERAGES`: counts (..., k) to (..., 4)."""
    return np.stack([mean_of_defined(values) for values in _four(counts, empty)], axis=-1)


def _micro(counts: Counts, empty: Empty) -> FloatArray:
    """The same of all cells pooled: counts (..., k) to (..., 4)."""
    return np.stack(_four(counts.total(), empty), axis=-1)


def _named_averages(values: FloatArray, intervals: list[Interval | None]) -> Averages:
    named = {name: _number(value) for name, value in zip(AVERAGES, values, strict=True)}
    spans = {f"{name}_interval": span for name, span in zip(AVERAGES, intervals, strict=True)}
    return Averages.model_validate(named | spans)


def _per_report(report_ids: list[str], counts: Counts) -> tuple[ReportAgreement, ...]:
    cells = (counts.tp, counts.fp, counts.fn, counts.tn, counts.uncertain, counts.unanswered)
    scores = [None if math.isnan(score) else score for score in f1.compute(counts).tolist()]
    return tuple(map(ReportAgreement, report_ids, *(cell.tolist() for cell in cells), scores))


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in row.items():
        if key.endswith("_interval"):
            stem = key.removesuffix("_interval")
            flat[f"{stem}_low"], flat[f"{stem}_high"] = value or (math.nan, math.nan)
        else:
            flat[key] = math.nan if value is None else value
    return flat
