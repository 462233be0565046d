"""Label tables to scores with intervals, and two of them to a comparison."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ranscore.catalog import asked_ids, finding_ids, finding_name
from ranscore.comparing import FindingComparison, compare_systems
from ranscore.comparing import System as Labelled
from ranscore.figures import Change, Comparison, Kind, Side
from ranscore.metrics import f1, kappa
from ranscore.metrics._counts import settle
from ranscore.metrics._intervals import bootstrap
from ranscore.policies import Policies, pick_findings
from ranscore.records import ABSENT, UNANSWERED, UNCERTAIN, LabelTable
from ranscore.reference import derive_no_finding
from ranscore.scoring import FindingScore, Interval, frame_of, score_finding, score_labels


@dataclass(frozen=True)
class Settings:
    """The resamples of all bootstraps and their seed."""

    resamples: int = 1000
    seed: int = 0


def make_side(
    kind: Kind,
    reference: LabelTable,
    labels: LabelTable,
    settings: Settings,
    *,
    complete: bool = True,
    program_digest: str | None = None,
) -> Side:
    """The scores of a table of labels; with all findings, and `complete` labels, also the Ran Score."""
    findings = [f for f in labels.findings if f in reference.findings]
    ids = sorted(reference.report_ids)
    ran_score = None
    if complete and set(findings) == set(finding_ids()):
        gaps = any(UNANSWERED in row for row in labels.values)
        policies = Policies(no_finding="as-given", unanswered="allow-partial" if gaps else "refuse")
        ran_score = score_labels(
            frame_of(reference), frame_of(labels), policies, bootstrap=settings.resamples, seed=settings.seed,
            program_digest=program_digest,
        )  # fmt: skip
    scores = []
    for finding in findings:
        truth, given = reference.column(finding), labels.column(finding)
        scores.append(_score(finding, [truth[i] for i in ids], [given[i] for i in ids], settings))
    return Side(kind, tuple(scores), ran_score)


def _score(finding: str, truth: list[int], given: list[int], settings: Settings) -> FindingScore:
    score = score_finding(truth, given, finding=finding, name=finding_name(finding))
    if not settings.resamples:
        return score
    options = {"resamples": settings.resamples, "seed": settings.seed}
    spans = [
        bootstrap(truth, given, lambda counts: settle(f1.compute(counts), counts, "0"), **options),
        bootstrap(truth, given, kappa.compute, **options),
    ]
    f1_interval, kappa_interval = (_interval(float(low), float(high)) for low, high in spans)
    return score.model_copy(update={"f1_interval": f1_interval, "kappa_interval": kappa_interval})


def _interval(low: float, high: float) -> Interval | None:
    return (low, high) if low == low else None


def gather_columns(reference: LabelTable, columns: Mapping[str, Mapping[str, int]]) -> LabelTable:
    """One table of each finding's labels by report id; with all asked findings No Finding is derived.

    A label that was not kept (uncertain) matters only where No Finding depends on it, and makes that unanswered there.
    """
    findings = tuple(f for f in reference.findings if f in columns)
    ids = reference.report_ids
    table = LabelTable(
        report_ids=ids, findings=findings, values=tuple(tuple(columns[f][i] for f in findings) for i in ids)
    )
    if set(asked_ids()) <= set(findings):
        table = derive_no_finding(table)
    truth = [reference.column(f) for f in table.findings if f in reference.findings]
    values = [
        tuple(_known(value, column[i]) for value, column in zip(row, truth, strict=True))
        for i, row in zip(ids, table.values, strict=True)
    ]
    return table.model_copy(update={"values": tuple(values)})


def _known(value: int, truth: int) -> int:
    if value != UNCERTAIN:
        return value
    return ABSENT if truth == UNCERTAIN else UNANSWERED  # not scored, whatever it was; or not known


def compare_sides(
    reference: LabelTable, before: tuple[Side, LabelTable], after: tuple[Side, LabelTable], settings: Settings
) -> Comparison:
    """One side of a system against another on the findings that both labelled."""
    shared = [f for f in before[1].findings if f in after[1].findings]
    sides = [Labelled(side.kind, "labels", pick_findings(table, shared)) for side, table in (before, after)]
    found = compare_systems(
        reference, sides, Policies(no_finding="as-given", unanswered="allow-partial"),
        resamples=settings.resamples, seed=settings.seed,
    )  # fmt: skip
    pair = found.pairs[0]
    return Comparison(
        before=before[0],
        after=after[0],
        changes=tuple(_change(one) for one in pair.findings),
        headline=found.headline,
        macro_f1=pair.macro_f1,
        p=pair.p,
        verdict=pair.verdict,
    )


def _change(found: FindingComparison) -> Change:
    return Change(
        finding=found.finding,
        name=found.name,
        n=found.n,
        right_before=found.right_a,
        right_after=found.right_b,
        only_before=found.only_a_right,
        only_after=found.only_b_right,
        estimates=found.figures,
        p=found.p,
        p_adjusted=found.p_adjusted,
        verdict=found.verdict,
        needed=found.needed,
    )


def shared_findings(tables: Sequence[LabelTable]) -> list[str]:
    """The findings that all tables hold, in the first one's order."""
    return [f for f in tables[0].findings if all(f in table.findings for table in tables)]
