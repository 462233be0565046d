"""Several readers' labels to one reference: a majority for each cell, a rule for the ties, No Finding derived last."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from ranscore.catalog import asked_ids, finding_ids, finding_name
from ranscore.errors import InputError, list_faults
from ranscore.records import ABSENT, PRESENT, UNANSWERED, UNCERTAIN, LabelTable, Record
from ranscore.reference.derive import NO_FINDING, derive_no_finding

Votes = tuple[int, int, int]
Cell = tuple[str, str]
Ties = Literal["exclude", "present", "absent", "adjudicate"]
NAMED = 5
DERIVED_REASON = "derived: no other finding is present and at least one is uncertain"


class Decision(Record):
    """What somebody decided on one report and finding: an adjudication of a tie, or a correction of a reference."""

    report_id: str
    finding: str
    value: Literal[1, 0, -1]
    was: int | None = None
    why: str = ""
    by: str = ""

    @property
    def cell(self) -> Cell:
        """The report and the finding."""
        return self.report_id, self.finding

    def says(self, verb: str) -> str:
        """Who decided and why, after a verb."""
        return verb + (f" by {self.by}" if self.by else "") + (f": {self.why}" if self.why else "")


class Settled(Record):
    """A cell without a majority that the tie rule or an adjudicator decided."""

    report_id: str
    finding: str
    value: int
    how: str


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
    ties: Ties = "exclude"
    settled: tuple[Settled, ...] = ()
    derived: bool = False


def build_reference(
    tables: Sequence[LabelTable],
    minimum: int | None = None,
    names: Sequence[str] | None = None,
    *,
    ties: Ties = "exclude",
    decisions: Sequence[Decision] = (),
) -> Reference:
    """The readers' majority: present or absent with at least `minimum` votes (default: more than half), else
    what the tie rule says: uncertain (`exclude`), `present`, `absent`, or an adjudicator's decision.

    The tie rule decides cells on which at least `minimum` readers voted and no value got that many votes; where the
    majority is uncertain, or too few voted, only an adjudicator may decide. No Finding is derived after the vote where
    all other findings are there; else it is voted on like the others. Raises InputError with all faults: a report or a
    finding that one reader has and another lacks, a value that is no label, a decision on a cell that has a majority.
    """
    names = _names(tables, names)
    needed = _minimum(len(tables), minimum)
    if faults := rater_faults(tables, names):
        raise list_faults("readers", faults)
    derived = set(asked_ids()) <= set(tables[0].findings)
    findings = tuple(f for f in finding_ids() if f in tables[0].findings and not (derived and f == NO_FINDING))
    votes = _count(tables, findings)
    vote = _Vote(needed, ties, {d.cell: d for d in decisions})
    reports = tables[0].report_ids
    if faults := list(vote.faults(reports, findings, votes)):
        raise list_faults("decisions", faults)
    values = tuple(
        tuple(vote.value((i, f), v) for f, v in zip(findings, row, strict=True))
        for i, row in zip(reports, votes, strict=True)
    )
    table = LabelTable(report_ids=reports, findings=findings, values=values)
    settled = tuple(vote.settled(table, votes))
    if derived:
        table = derive_no_finding(table)
        at = table.findings.index(NO_FINDING)
        votes = tuple((*row[:at], (0, 0, 0), *row[at:]) for row in votes)
    return Reference(
        table=table, votes=votes, left_out=tuple(vote.left_out(table, votes, derived)), raters=len(tables),
        minimum=needed, ties=ties, settled=settled, derived=derived,
    )  # fmt: skip


class _Vote:
    """How one cell's votes become a value."""

    def __init__(self, needed: int, ties: Ties, decisions: Mapping[Cell, Decision]) -> None:
        self.needed, self.ties, self.decisions = needed, ties, decisions

    def majority(self, votes: Votes) -> int | None:
        return PRESENT if votes[0] >= self.needed else ABSENT if votes[1] >= self.needed else None

    def value(self, cell: Cell, votes: Votes) -> int:
        found = self.majority(votes)
        if found is not None:
            return found
        if cell in self.decisions:
            return self.decisions[cell].value
        tied = sum(votes) >= self.needed > votes[2]
        return {"present": PRESENT, "absent": ABSENT}.get(self.ties, UNCERTAIN) if tied else UNCERTAIN

    def faults(
        self, reports: Sequence[str], findings: Sequence[str], votes: Sequence[Sequence[Votes]]
    ) -> Iterator[str]:
        row, column = {r: i for i, r in enumerate(reports)}, {f: j for j, f in enumerate(findings)}
        for report, finding in self.decisions:
            if report not in row:
                yield f"report {report!r} is not one of the readers' reports"
            elif finding not in column:
                yield f"report {report!r}, {finding_name(finding)}: no reader votes on it (No Finding is derived)"
            elif self.majority(cell := votes[row[report]][column[finding]]) is not None:
                yield (
                    f"report {report!r}, {finding_name(finding)}: has a majority ({_counts(cell)}); an adjudicator "
                    "decides only where there is none: correct it with --correct"
                )

    def settled(self, table: LabelTable, votes: Sequence[Sequence[Votes]]) -> Iterator[Settled]:
        for report, finding, value, cell in _cells(table, votes):
            if value != UNCERTAIN and self.majority(cell) is None:
                by_hand = self.decisions.get((report, finding))
                how = by_hand.says("adjudicated") if by_hand else f"tie rule {self.ties}"
                yield Settled(report_id=report, finding=finding, value=value, how=f"{how} ({_counts(cell)})")

    def left_out(self, table: LabelTable, votes: Sequence[Sequence[Votes]], derived: bool) -> Iterator[LeftOut]:
        for report, finding, value, cell in _cells(table, votes):
            if value == UNCERTAIN:
                by_hand = self.decisions.get((report, finding))
                reason = by_hand.says("adjudicated as uncertain") if by_hand else self.reason(cell)
                reason = DERIVED_REASON if derived and finding == NO_FINDING else reason
                yield LeftOut(report_id=report, finding=finding, reason=reason)

    def reason(self, votes: Votes) -> str:
        counts = _counts(votes)
        if votes[2] >= self.needed:
            return f"the majority is uncertain ({counts})"
        return f"no majority of {self.needed} ({counts})" + (", not adjudicated" if self.ties == "adjudicate" else "")


def _cells(table: LabelTable, votes: Sequence[Sequence[Votes]]) -> Iterator[tuple[str, str, int, Votes]]:
    for report, row, counts in zip(table.report_ids, table.values, votes, strict=True):
        yield from ((report, f, v, c) for f, v, c in zip(table.findings, row, counts, strict=True))


def _counts(votes: Votes) -> str:
    return f"{votes[0]} present, {votes[1]} absent, {votes[2]} uncertain"


def lonely_faults(tables: Sequence[LabelTable], names: Sequence[str]) -> list[str]:
    """The reports that one reader alone has read (gave any value), as one line a reader."""
    read_by: dict[str, list[str]] = {}
    for name, table in zip(names, tables, strict=True):
        for report, row in zip(table.report_ids, table.values, strict=True):
            readers = read_by.setdefault(report, [])
            readers += [name] if any(v != UNANSWERED for v in row) else []
    alone: dict[str, list[str]] = {}
    for report, readers in read_by.items():
        if len(readers) == 1:
            alone.setdefault(readers[0], []).append(report)
    return [
        f"{name} alone has read {_some(reports)}; expected at least two readers of every report"
        for name, reports in alone.items()
    ]


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


def _some(names: Sequence[str]) -> str:
    rest = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + rest
