"""Edits that a capable model reads from the words of error notes, beside those made from their evidence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ranscore.extraction.note_reader import ReadEdit, read_note
from ranscore.feedback.edits import make_exemplar, make_rule, unique_edits
from ranscore.models import Model
from ranscore.records import Clarification, Edit, ErrorNote, Program, Provenance, Report, digest_of

MOST_FAILURES = 3  # in a row


def read_notes_with_model(
    notes: Sequence[ErrorNote], reports: Mapping[str, Report], program: Program, model: Model
) -> tuple[tuple[Edit, ...], tuple[str, ...]]:
    """The edits that a model reads from the notes, and what was dropped or failed with its reason, one line each.

    After three failures in a row the rest of the notes is left unread.
    """
    edits: list[Edit] = []
    reasons: list[str] = []
    failures = 0
    readable = [n for n in notes if n.report_id in reports and (n.why.strip() or n.evidence.strip())]
    for number, note in enumerate(readable, 1):
        reading = read_note(note, reports[note.report_id], program, model)
        reasons += [f"note {note.note_id}: {reason}" for reason in reading.dropped]
        edits += [edit_of(read, note) for read in reading.edits]
        failures = failures + 1 if reading.failure else 0
        if reading.failure:
            reasons.append(f"note {note.note_id}: not read by {model.name}: {reading.failure}")
        if failures == MOST_FAILURES and number < len(readable):
            reasons.append(f"{len(readable) - number} notes left unread after {failures} failures of {model.name}")
            break
    return unique_edits(edits), tuple(reasons)


def edit_of(read: ReadEdit, note: ErrorNote) -> Edit:
    """A checked proposal as an edit of origin `model`, traceable to its note."""
    if read.kind == "synonym_rule" and read.means:
        return make_rule(note.finding, read.means, read.phrases, "model", [note], note.why)
    if read.kind == "exemplar" and read.answer:
        return make_exemplar(note.finding, read.passage, read.answer, "model", [note], note.why, note.report_id)
    return _clarification_of(read, note)


def _clarification_of(read: ReadEdit, note: ErrorNote) -> Edit:
    present = read.answer == "present"
    line = Clarification(present_when=read.criterion) if present else Clarification(absent_when=read.criterion)
    key = digest_of([note.finding, line.model_dump(mode="json")])[7:15]
    source = Provenance(
        origin="model",
        edit_id=f"model:clarification:{key}",
        concept=" ".join(note.why.split())[:300],
        note_ids=(note.note_id,),
        report_ids=(note.report_id,),
    )
    return Edit(id=source.edit_id, finding=note.finding, kind="clarification", clarification=line, provenance=source)
