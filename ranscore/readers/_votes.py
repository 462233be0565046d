"""Readers' votes as one long table (a row a reader, report and finding), and decisions on single cells."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from ranscore.catalog import finding_id, finding_ids, finding_name
from ranscore.errors import UnknownNameError, list_faults, shown
from ranscore.readers._columns import by_meaning, id_column, missing_column
from ranscore.readers._labels import ACCEPTED, label_value, scan_labels
from ranscore.readers._tables import read_table, rows_of
from ranscore.records import UNANSWERED, LabelTable

RATERS = ("rater", "reader")
DECISION = ("finding", "value", "was", "why", "by")
NAMED = 3


class CellValue(NamedTuple):
    """A decision on one report and finding, with what else its row says (`was`, `why`, `by`; "" where blank)."""

    report_id: str
    finding: str
    value: int
    was: int | None = None
    why: str = ""
    by: str = ""


@dataclass
class _Votes:
    """One reader's cells in the order of the table."""

    cells: dict[tuple[str, str], int] = field(default_factory=dict)

    def table(self) -> tuple[LabelTable, list[tuple[str, str]]]:
        reports = tuple(dict.fromkeys(report for report, _ in self.cells))
        given = {finding for _, finding in self.cells}
        findings = tuple(f for f in finding_ids() if f in given)
        missing = [(r, f) for r in reports for f in findings if (r, f) not in self.cells]
        values = tuple(tuple(self.cells.get((r, f), UNANSWERED) for f in findings) for r in reports)
        return LabelTable(report_ids=reports, findings=findings, values=values), missing


def scan_votes(path: Path | str, reader: str | None = None) -> tuple[dict[str, LabelTable], list[str]]:
    """The labels by reader that could be read, and all faults of the file as one line each.

    A long table has the columns report_id, rater (or reader), finding and value; a blank value is no vote, a cell
    without a row is a fault. Any other table is one reader's wide table (see `scan_labels`), and the reader is named
    as the file. Raises InputError only where nothing can be read.
    """
    frame = read_table(path, reader)
    found, faults = by_meaning(map(str, frame.columns))
    rater = next((found[name] for name in RATERS if name in found), None)
    if rater is None or not {"finding", "value"} <= found.keys():
        table, faults = scan_labels(path, reader)
        return {Path(path).stem: table}, faults
    name, more = id_column(found)
    if more:
        return {}, [*faults, *more]
    columns = {"report_id": name, "rater": rater, "finding": found["finding"], "value": found["value"]}
    votes: dict[str, _Votes] = defaultdict(_Votes)
    for place, row in rows_of(frame):
        fields = {role: row[column].strip() for role, column in columns.items()}
        faults += [f"{place}: {fault}" for fault in _take_vote(fields, votes)]
    tables: dict[str, LabelTable] = {}
    for own, cells in votes.items():
        table, missing = cells.table()
        tables[own] = table
        if missing:
            faults.append(_gaps(own, missing))
    return tables, faults


def read_decisions(path: Path | str, reader: str | None = None) -> tuple[CellValue, ...]:
    """Decisions on single cells: report_id, finding, value (1, 0, -1), and where it has them `was`, `why`, `by`.

    Raises InputError with all faults: missing columns, unknown findings, wrong or blank values, repeated cells.
    """
    frame = read_table(path, reader)
    found, faults = by_meaning(map(str, frame.columns))
    name, more = id_column(found)
    faults += [*more, *(missing_column(c, list(found.values())) for c in ("finding", "value") if c not in found)]
    if faults:
        raise list_faults(str(path), faults)
    columns: dict[str, str] = {"report_id": name}
    columns.update((role, found[role]) for role in DECISION if role in found)
    cells: dict[tuple[str, str], CellValue] = {}
    for place, row in rows_of(frame):
        fields = {role: row[column].strip() for role, column in columns.items()}
        wrong, finding = _cell_faults(fields)
        value, was = label_value(fields["value"]), label_value(fields.get("was", ""))
        if value == UNANSWERED:
            wrong.append("the value is blank; expected 1, 0 or -1")
        if finding and (fields["report_id"], finding) in cells:
            wrong.append(f"report {fields['report_id']!r}, {finding_name(finding)}: decided in another row already")
        faults += [f"{place}: {fault}" for fault in wrong]
        if value is not None and not wrong:
            given = was if fields.get("was") else None
            cell = (fields["report_id"], finding)
            cells[cell] = CellValue(*cell, value, given, fields.get("why", ""), fields.get("by", ""))
    if faults:
        raise list_faults(str(path), faults)
    return tuple(cells.values())


def _take_vote(fields: Mapping[str, str], votes: dict[str, _Votes]) -> Iterator[str]:
    wrong, finding = _cell_faults(fields)
    if not fields["rater"]:
        wrong.append("the rater is blank; expected the reader's name")
    yield from wrong
    if not (finding and fields["report_id"] and fields["rater"]):
        return
    own, cell, value = votes[fields["rater"]].cells, (fields["report_id"], finding), label_value(fields["value"])
    if cell in own:
        yield f"{fields['rater']!r} has another row for report {cell[0]!r}, {finding_name(finding)}; expected one"
    own.setdefault(cell, UNANSWERED if value is None else value)


def _cell_faults(fields: Mapping[str, str]) -> tuple[list[str], str]:
    faults, finding = [], ""
    if not fields["report_id"]:
        faults.append("the report id is blank; expected one in every row")
    try:
        finding = finding_id(fields["finding"])
    except UnknownNameError as fault:
        faults.append(str(fault))
    for role in ("value", "was"):
        text = fields.get(role, "")
        if label_value(text) is None:
            faults.append(f"report {fields['report_id']!r}: {role} is {shown(text)}, expected {ACCEPTED}")
    return faults, finding


def _gaps(rater: str, missing: list[tuple[str, str]]) -> str:
    named = "; ".join(f"{report}, {finding_name(finding)}" for report, finding in missing[:NAMED])
    rest = "; …" if len(missing) > NAMED else ""
    return (
        f"reader {rater!r}: {len(missing)} cells have no row ({named}{rest}); expected a row for every finding of each "
        "report that was read, with a blank value where the reader gave none"
    )
