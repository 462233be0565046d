"""Wide label tables: one row a report, one column a finding."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

from ranscore.catalog import finding_id, finding_ids
from ranscore.errors import UnknownNameError, list_faults, shown
from ranscore.readers._columns import ID, OTHER_IDS, by_meaning, fold, id_column, id_faults, listed
from ranscore.readers._tables import read_table, rows_of
from ranscore.records import ABSENT, PRESENT, UNANSWERED, UNCERTAIN, LabelTable

if TYPE_CHECKING:
    import pandas as pd

BESIDE = {"patient_id", "subject_id", "system", "language", "program", "model", "age", "sex", "site", ID, *OTHER_IDS}
WORDS = {"present": PRESENT, "absent": ABSENT, "uncertain": UNCERTAIN, "unanswered": UNANSWERED, "": UNANSWERED}
NUMBERS = {1.0: PRESENT, 0.0: ABSENT, -1.0: UNCERTAIN}
ACCEPTED = "1, 0, -1 or blank (or present, absent, uncertain, unanswered)"


def read_labels(
    path: Path | str, reader: str | None = None, *, clip: bool = False, encoding: str | None = None
) -> LabelTable:
    """The labels of a wide table: a row a report in the table's order, a column a finding in the catalog's order.

    1, 0, -1 and blank (also 1.0, or present, absent, uncertain, unanswered) are read; blank is unanswered (-2). A
    column is named by a finding's id, name or alias. With `clip` other whole numbers are 1 if positive and 0 if not.
    Raises InputError with all faults: values, columns, blank and repeated ids.
    """
    return labels_of(read_table(path, reader, encoding=encoding), str(path), clip=clip)


def labels_of(table: pd.DataFrame, where: str, *, clip: bool = False) -> LabelTable:
    """The labels of a table that was read already, as `read_labels`; `where` names it in messages."""
    labels, faults = _scan(table, clip)
    if faults:
        raise list_faults(where, faults)
    return labels


def scan_labels(path: Path | str, reader: str | None = None, *, clip: bool = False) -> tuple[LabelTable, list[str]]:
    """The labels that could be read, and all faults of the file as one line each.

    A wrong value is unanswered there, a repeated id keeps its first row. Raises InputError only where nothing can be
    read.
    """
    return _scan(read_table(path, reader), clip)


def _scan(frame: pd.DataFrame, clip: bool) -> tuple[LabelTable, list[str]]:
    found, faults = by_meaning(map(str, frame.columns))
    name, more = id_column(found)
    columns, wrong = _finding_columns([str(c) for c in frame.columns if c != name])
    faults += [*more, *wrong]
    findings = tuple(f for f in finding_ids() if f in columns)
    rows: dict[str, tuple[int, ...]] = {}
    ids, places = [], []
    for place, row in rows_of(frame) if name else ():
        report_id = row[name].strip()
        ids.append(report_id)
        places.append(place)
        values = {f: label_value(row[columns[f]], clip=clip) for f in findings}
        bad = [f for f, value in values.items() if value is None]
        faults += [_wrong_value(place, report_id, columns[f], row[columns[f]]) for f in bad]
        rows.setdefault(report_id, tuple(UNANSWERED if v is None else v for v in values.values()))
    faults += id_faults(ids, places)
    return LabelTable(report_ids=tuple(rows), findings=findings, values=tuple(rows.values())), faults


def _finding_columns(columns: list[str]) -> tuple[dict[str, str], list[str]]:
    found: dict[str, str] = {}
    faults = []
    for column in columns:
        if fold(column) in BESIDE:
            continue
        try:
            finding = finding_id(column)
        except UnknownNameError as fault:
            faults.append(f"column {column!r:.60}: {fault!s:.300} Rename the column or take it out")
            continue
        first = found.setdefault(finding, column)
        if fold(first) != fold(column):
            faults.append(f"the columns {first!r} and {column!r} are the same finding; take one of them out")
    if not found and not faults:
        there = listed(columns) or "none beside the id"
        faults.append(f"no column is a finding; columns there: {there}; expected e.g. 'Pneumothorax'")
    return found, faults


def label_value(text: str, *, clip: bool = False) -> int | None:
    """The value that a cell's text means (blank is unanswered), or None; `clip` as in `read_labels`."""
    word = text.strip().casefold()
    if word in WORDS:
        return WORDS[word]
    with contextlib.suppress(ValueError):
        number = float(word)
        if clip and number.is_integer() and number not in NUMBERS:
            return PRESENT if number > 0 else ABSENT
        return NUMBERS.get(number)
    return None


def _wrong_value(place: str, report_id: str, column: str, value: str) -> str:
    return f"{place}, report {report_id!r:.60}, column {column!r:.60}: found {shown(value)}, expected {ACCEPTED}"
