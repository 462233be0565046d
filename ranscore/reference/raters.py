"""Several readers' labels to one reference: a majority for each cell, and No Finding derived after the vote."""

from __future__ import annotations

from collections.abc import Sequence

from ranscore.catalog import asked_ids, finding_ids, finding_name
from ranscore.errors import InputError, list_faults
from ranscore.records import ABSENT, PRESENT, UNCERTAIN, LabelTable, Record
from ranscore.reference.derive import NO_FINDING, derive_no_finding

Votes = tuple[int, int, int]
NAMED = 5


class LeftOut(Record):
    """A report and finding on which the readers did not agree: uncertain in the reference, counted by no score."""

    report_id: str
    finding: str
    reason: str


class Reference(Record):
    """The labels that readers agreed on.

    `votes[i][j]` counts the readers who gave present, absent and uncertain for report i and finding j of `table`; a
    derived No Finding has (0, 0, 0). A blank cell is no vote.
    """

    table: LabelTable
    votes: tuple[tuple[Votes, ...], ...]
    left_out: tuple[LeftOut, ...]
    raters: int
    minimum: int


def build_reference(
    tables: Sequence[LabelTable], minimum: int | None = None, names: Sequence[str] | None = None
) -> Reference:
    """The readers' majority: present or absent with at least `minimum` votes (default: more than half), else
    uncertain.

    No Finding is derived after the vote where all other findings are there; else it is voted on like the others.
    Raises InputError with all faults: a report or a finding that one reader has and another lacks, a value that is
    no label.
    """
    names = _names(tables, names)
    needed = _minimum(len(tables), minimum)
    faults = rater_faults(tables, names)
    if faults:
        raise list_faults("readers", faults)
    derived = set(asked_ids()) <= set(tables[0].findings)
    findings = tuple(f for f in finding_ids() if f in tables[0].findings and not (derived and f == NO_FINDING))
    votes = _count(tables, findings)
    values = tuple(tuple(_verdict(v, needed) for v in row) for row in votes)
    table = LabelTable(report_ids=tables[0].report_ids, findings=findings, values=values)
    if derived:
        table = derive_no_finding(table)
        at = table.findings.index(NO_FINDING)
        votes = tuple((*row[:at], (0, 0, 0), *row[at:]) for row in votes)
    left_out = tuple(_left_out(table, votes, needed, derived))
    return Reference(table=table, votes=votes, left_out=left_out, raters=len(tables), minimum=needed)


def rater_faults(tables: Sequence[LabelTable], names: Sequence[str] | None = None) -> list[str]:
    """What keeps the tables from a vote, one line a fault: missing reports and findings, values that are no label."""
    names = _names(tables, names)
    reports = dict.fromkeys(r for table in tables for r in table.report_ids)
    findings = dict.fromkeys(f for table in tables for f in table.findings)
    known, faults = set(finding_ids()), []
    for name, table in zip(names, tables, strict=True):
        own = set(table.report_ids)
        if absent := [r for r in reports if r not in own]:
            faults.append(
                f"{name}: no row for {_some(absent)}; expected a row for every report that another reader has"
            )
        if lacking := [finding_name(f) if f in known else f for f in findings if f not in table.findings]:
            faults.append(
                f"{name}: no column for {_some(lacking)}; expected a column for every finding that another has"
            )
        faults += [f"{name}: {f!r} is no finding of this program set" for f in table.findings if f not in known]
        faults += [
            f"{name}, report {report!r}, finding {finding!r}: found {value!r}, expected 1, 0, -1 or -2 (no answer)"
            for report, row in zip(table.report_ids, table.values, strict=True)
            for finding, value in zip(table.findings, row, strict=True)
            if value not in (1, 0, -1, -2)
        ]
    return faults


def _names(tables: Sequence[LabelTable], names: Sequence[str] | None) -> Sequence[str]:
    if not tables:
        raise InputError("found no reader's labels, expected at least one table.")
    return names or [f"reader {n}" for n in range(1, len(tables) + 1)]


def _minimum(raters: int, minimum: int | None) -> int:
    least = raters // 2 + 1
    if minimum is not None and not least <= minimum <= raters:
        raise InputError(
            f"a minimum of {minimum} votes does not decide among {raters} readers; expected {least} to {raters}."
        )
    return minimum or least


def _count(tables: Sequence[LabelTable], findings: Sequence[str]) -> tuple[tuple[Votes, ...], ...]:
    by_report = [dict(zip(t.report_ids, t.values, strict=True)) for t in tables]
    at = [[t.findings.index(f) for f in findings] for t in tables]
    rows = []
    for report_id in tables[0].report_ids:
        given = zip(*([by_report[k][report_id][j] for j in at[k]] for k in range(len(tables))), strict=True)
        rows.append(tuple((v.count(PRESENT), v.count(ABSENT), v.count(UNCERTAIN)) for v in given))
    return tuple(rows)


def _verdict(votes: Votes, needed: int) -> int:
    present, absent, _ = votes
    return PRESENT if present >= needed else ABSENT if absent >= needed else UNCERTAIN


def _left_out(table: LabelTable, votes: Sequence[Sequence[Votes]], needed: int, derived: bool) -> Sequence[LeftOut]:
    return [
        LeftOut(report_id=report_id, finding=finding, reason=_reason(cell, needed, derived and finding == NO_FINDING))
        for report_id, row, counts in zip(table.report_ids, table.values, votes, strict=True)
        for finding, value, cell in zip(table.findings, row, counts, strict=True)
        if value == UNCERTAIN
    ]


def _reason(votes: Votes, needed: int, derived: bool) -> str:
    if derived:
        return "derived: no other finding is present and at least one is uncertain"
    present, absent, uncertain = votes
    counts = f"{present} present, {absent} absent, {uncertain} uncertain"
    return f"the majority is uncertain ({counts})" if uncertain >= needed else f"no majority of {needed} ({counts})"


def _some(names: Sequence[str]) -> str:
    rest = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + rest
