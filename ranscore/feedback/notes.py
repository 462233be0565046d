"""Error notes: which of them speak to a set of disagreements, and whether they fit the reports they are about."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from ranscore.records import ErrorNote, Report


def notes_on(notes: Iterable[ErrorNote], finding: str, report_ids: Collection[str]) -> tuple[ErrorNote, ...]:
    """The notes on one finding about one of these reports."""
    return tuple(n for n in notes if n.finding == finding and n.report_id in report_ids)


def check_notes(notes: Sequence[ErrorNote], reports: Mapping[str, Report]) -> list[str]:
    """What is wrong with the notes, one line each: a report that is not there, evidence that is not in it."""
    faults = []
    for note in notes:
        report = reports.get(note.report_id)
        if report is None:
            faults.append(
                f"note {note.note_id}: report {note.report_id!r} is not one of the reports; expected an id of theirs."
            )
        elif note.evidence and _squeeze(note.evidence) not in _squeeze(report.text):
            faults.append(
                f"note {note.note_id}: the evidence {note.evidence!r:.60} is not in report {note.report_id!r}; "
                "expected a passage copied from it."
            )
    return faults


def _squeeze(text: str) -> str:
    return "".join(text.split()).casefold()
