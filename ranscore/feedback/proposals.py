"""Corrections of the reference that readers propose: nothing is edited, a new version is made with a command."""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from collections.abc import Iterable, Mapping

from ranscore.catalog import finding_name
from ranscore.feedback.entries import Entry
from ranscore.readers._sheets import protect
from ranscore.records import ABSENT, PRESENT, LabelTable, Record
from ranscore.reference.raters import Decision

COLUMNS = ("report_id", "finding", "value", "was", "why", "by")


class Proposal(Record):
    """A cell that readers hold to be wrong: who is for the correction, and who took the reference's side.

    `carried` is True where more readers are for it than against it.
    """

    decision: Decision
    in_favour: tuple[str, ...]
    against: tuple[str, ...]

    @property
    def carried(self) -> bool:
        """Whether most of the readers who spoke are for it."""
        return len(self.in_favour) > len(self.against)


def propose_corrections(entries: Iterable[Entry], reference: LabelTable) -> tuple[Proposal, ...]:
    """What `reference wrong` verdicts propose, a proposal a cell, of notes that stand.

    A verdict was on the reference's value of its day: one that the reference has not any more is answered, and left
    out. A verdict that the program is wrong takes the reference's side.
    """
    columns = {f: reference.column(f) for f in reference.findings}
    cells: dict[tuple[str, str], list[Entry]] = defaultdict(list)
    for entry in entries:
        if entry.finding in columns and entry.report_id in columns[entry.finding]:
            cells[entry.cell].append(entry)
    found = []
    for (report_id, finding), of in cells.items():
        now = columns[finding][report_id]
        if made := _proposal(report_id, finding, now, of):
            found.append(made)
    return tuple(found)


def _proposal(report_id: str, finding: str, now: int, entries: list[Entry]) -> Proposal | None:
    words: Mapping[int, str] = {PRESENT: "present", ABSENT: "absent"}
    wrong = [e for e in entries if e.verdict == "reference wrong" and e.reference in ("", words.get(now))]
    if now not in (PRESENT, ABSENT) or not wrong:
        return None
    right = {e.reader for e in entries if e.verdict in ("false present", "false absent")}
    readers = tuple(dict.fromkeys(e.reader for e in wrong))
    why = "; ".join(dict.fromkeys(" ".join(e.note.split()) for e in wrong if e.note.strip()))
    decision = Decision(
        report_id=report_id, finding=finding, value=1 if now == ABSENT else 0, was=now, why=why, by=", ".join(readers)
    )  # fmt: skip
    return Proposal(decision=decision, in_favour=readers, against=tuple(sorted(right - set(readers))))


def encode_corrections(proposals: Iterable[Proposal]) -> bytes:
    """The carried proposals as the table that `ranscore reference --correct` reads."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for proposal in proposals:
        if proposal.carried:
            d = proposal.decision
            texts = [f" {t}" if protect(t) != t else t for t in (d.why, d.by)]  # no formula; the reader strips it
            writer.writerow([d.report_id, finding_name(d.finding), d.value, d.was, *texts])
    return text.getvalue().encode("utf-8")
