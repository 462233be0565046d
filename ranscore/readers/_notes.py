"""Error notes: as a table of their own, or inside the table of reports."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

from ranscore.catalog import finding_id
from ranscore.errors import UnknownNameError, list_faults, shown
from ranscore.readers._columns import by_meaning, id_column, missing_column
from ranscore.readers._reports import texts_by_id
from ranscore.readers._tables import as_text, read_table, rows_of
from ranscore.records import ErrorNote, digest_of

if TYPE_CHECKING:
    import pandas as pd

Reading = Literal["present", "absent", "uncertain"]
REQUIRED = ("finding", "reads_as", "evidence", "why")
OPTIONAL = ("note_id", "reader")
READINGS: dict[str, Reading] = {
    **{"1": "present", "0": "absent", "-1": "uncertain", "1.0": "present", "0.0": "absent", "-1.0": "uncertain"},
    **{"present": "present", "absent": "absent", "uncertain": "uncertain"},
}


def read_notes(path: Path | str, reader: str | None = None) -> tuple[ErrorNote, ...]:
    """The error notes of a table: report_id, finding, reads_as, evidence, why, and where it has them note_id and
    reader.

    `reads_as` is present, absent or uncertain (or 1, 0, -1). A note without an id gets one that depends on its
    content alone. Raises InputError with all faults, each with its row.
    """
    frame = read_table(path, reader)
    found, faults = by_meaning(map(str, frame.columns))
    name, more = id_column(found)
    names = list(found.values())
    faults += [*more, *(missing_column(c, names) for c in REQUIRED if c not in found)]
    if faults:
        raise list_faults(str(path), faults)
    fields = {"report_id": name, **{f: found[f] for f in (*REQUIRED, *OPTIONAL) if f in found}}
    rows = ((place, {field: row[column] for field, column in fields.items()}) for place, row in rows_of(frame))
    return _notes(str(path), rows)


def inline_notes_of(
    table: pd.DataFrame, where: str, *, columns: Mapping[str, str] | None = None
) -> tuple[ErrorNote, ...]:
    """The error notes in the `notes` column of a table of reports, a JSON list each; raises InputError."""
    rows: list[tuple[str, dict[str, str]]] = []
    faults = []
    for report_id, text in texts_by_id(table, where, "notes", columns=columns).items():
        try:
            notes = json.loads(text or "[]")
        except ValueError:
            notes = None
        if not isinstance(notes, list) or not all(isinstance(note, dict) for note in notes):
            faults.append(f"report {report_id!r}: notes are {shown(text)}, expected a list of objects")
            continue
        for number, note in enumerate(notes, start=1):
            fields = {key: as_text(value) for key, value in note.items()}
            rows.append((f"report {report_id!r}, note {number}", {**fields, "report_id": report_id}))
    if faults:
        raise list_faults(where, faults)
    return _notes(where, rows)


def _notes(where: str, rows: Iterable[tuple[str, Mapping[str, str]]]) -> tuple[ErrorNote, ...]:
    notes: dict[str, ErrorNote] = {}
    first: dict[str, str] = {}
    faults: list[str] = []
    for place, row in rows:
        fields = {field: text.strip() for field, text in row.items()}
        wrong, finding = _row_faults(fields)
        if wrong:
            faults += [f"{place}: {fault}" for fault in wrong]
            continue
        note = _note(fields, finding)
        if note.note_id in notes:
            same = f"the note id {note.note_id!r}" if fields.get("note_id") else "the same note"
            faults.append(f"{place}: {same} stands in {first[note.note_id]} already; take one of them out")
        notes.setdefault(note.note_id, note)
        first.setdefault(note.note_id, place)
    if faults:
        raise list_faults(where, faults)
    return tuple(notes.values())


def _row_faults(fields: Mapping[str, str]) -> tuple[list[str], str]:
    faults, finding = [], ""
    if not fields.get("report_id"):
        faults.append("the report id is blank; expected the id of the report that the note is about")
    try:
        finding = finding_id(fields.get("finding", ""))
    except UnknownNameError as fault:
        faults.append(str(fault))
    reading = fields.get("reads_as", "")
    if reading.casefold() not in READINGS:
        faults.append(f"reads_as is {shown(reading)}, expected present, absent or uncertain (or 1, 0, -1)")
    return faults, finding


def _note(fields: Mapping[str, str], finding: str) -> ErrorNote:
    content = {
        "report_id": fields["report_id"],
        "finding": finding,
        "reads_as": READINGS[fields["reads_as"].casefold()],
        **{field: fields.get(field, "") for field in ("evidence", "why", "reader")},
    }
    digest = digest_of(content).removeprefix("sha256:")[:12]
    return ErrorNote(
        note_id=fields.get("note_id") or digest,
        report_id=content["report_id"],
        finding=finding,
        reads_as=cast(Reading, content["reads_as"]),
        evidence=content["evidence"],
        why=content["why"],
        reader=content["reader"],
    )
