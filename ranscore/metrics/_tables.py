"""Tables of labels as people keep them (a row a report, a column a finding) into codes that can be counted."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ranscore.catalog import finding_id, finding_name
from ranscore.errors import InputError, UnknownNameError, list_faults
from ranscore.metrics._counts import ABSENT, PRESENT, UNANSWERED, UNCERTAIN, FloatArray, LabelArray

if TYPE_CHECKING:
    import pandas as pd

Side = Literal["reference", "generated"]
OTHER_COLUMNS = frozenset(
    (
        "patient_id", "patient", "subject_id", "study_id", "dicom_id", "uid", "id", "group", "system", "model", "site",
        "source", "language", "split", "fold", "sex", "age", "unnamed_0",
    )
)  # fmt: skip
_ID = "report_id"
_WORDS = {"1": PRESENT, "1.0": PRESENT, "present": PRESENT, "true": PRESENT}
_WORDS |= {"0": ABSENT, "0.0": ABSENT, "absent": ABSENT, "false": ABSENT}
_OWN_WORDS: dict[Side, dict[str, int]] = {
    "reference": {"-1": UNCERTAIN, "-1.0": UNCERTAIN, "uncertain": UNCERTAIN},
    "generated": {"unanswered": UNANSWERED},
}
_EXPECTED: dict[Side, str] = {
    "reference": "1 (present), 0 (absent) or -1 (uncertain)",
    "generated": "1 (present), 0 (absent) or 'unanswered'",
}
_WRONG = -9


@dataclass(frozen=True)
class LabelTable:
    """Labels by report: `values` has shape (n, k), a row for each of `report_ids`, a column for each finding read."""

    report_ids: tuple[str, ...]
    values: LabelArray


def read_labels(
    frame: pd.DataFrame, side: Side, findings: Sequence[str], *, clip: bool = False, blanks: bool = False
) -> LabelTable:
    """The columns of `findings` (ids) as codes: 1, 0, -1 uncertain in a reference, -2 unanswered in a generated table.

    `report_id` is a column or the index. A column may have any name of its finding that the catalog knows. A blank cell
    is unanswered in a generated table and a fault in a reference, unless `blanks` are unanswered there too. With `clip`
    any whole number is cut to 0 to 1, and uncertain is 0. Raises InputError with all faults of the table.
    """
    if _fold(_ID) in {_fold(name) for name in frame.index.names}:
        frame = frame.reset_index()
    faults: list[str] = []
    ids = _read_ids(frame, side, faults)
    columns = _find_columns(frame, findings, faults)
    values = np.zeros((len(ids), len(findings)), dtype=np.int8)
    for place, finding in enumerate(findings):
        if finding in columns:
            column = frame.iloc[:, columns[finding]]
            values[:, place] = _codes(column, side, clip, blanks)
            faults += _cell_faults(column, ids, values[:, place], side, blanks)
    if faults:
        raise list_faults(side, faults)
    return LabelTable(tuple(ids), values)


def match_by_report_id(ours: LabelTable, theirs: LabelTable, join: str) -> tuple[list[str], LabelArray, LabelArray]:
    """The shared reports and both sides' values, in the order of the ids, so that the order of rows changes nothing.

    Raises InputError when a report stands on one side only, unless `join` is "inner", and when none is shared.
    """
    if join not in ("exact", "inner"):
        raise InputError(f"join: found {join!r}; expected 'exact' or 'inner'.")
    our_row = {report: row for row, report in enumerate(ours.report_ids)}
    their_row = {report: row for row, report in enumerate(theirs.report_ids)}
    shared = sorted(our_row.keys() & their_row.keys())
    alone = {
        "reference": [report for report in our_row if report not in their_row],
        "generated": [report for report in their_row if report not in our_row],
    }
    if not shared or (join == "exact" and any(alone.values())):
        found = [f"{len(ids)} only in the {side} table ({_some(ids)})" for side, ids in alone.items() if ids]
        raise InputError(
            f"report_id: {', '.join([*found, f'{len(shared)} in both'])}; expected the same reports on both sides: "
            "correct the ids, or score only the shared ones with join 'inner'."
        )
    return shared, ours.values[[our_row[r] for r in shared]], theirs.values[[their_row[r] for r in shared]]


def _fold(name: object) -> str:
    return re.sub(r"\W+", "_", str(name).strip().casefold())


def _some(names: Sequence[str], limit: int = 5) -> str:
    return ", ".join(repr(name) for name in names[:limit]) + (" …" if len(names) > limit else "")


def _read_ids(frame: pd.DataFrame, side: Side, faults: list[str]) -> list[str]:
    places = [place for place, column in enumerate(frame.columns) if _fold(column) == _ID]
    if len(places) != 1:
        raise InputError(
            f"{side}: {len(places)} columns are called {_ID!r}, found {_some([str(c) for c in frame.columns])}; "
            "expected one (or the index), as reports are matched by their id and never by their row."
        )
    column = frame.iloc[:, places[0]]
    ids = ["" if blank else _id_text(value) for value, blank in zip(column.tolist(), column.isna(), strict=True)]
    faults += [f"row {row + 1}: {_ID} is blank; expected the report's own id." for row, i in enumerate(ids) if not i]
    twice = [report for report, times in Counter(ids).items() if report and times > 1]
    if twice:
        faults.append(f"{len(twice)} {_ID} stand in more than one row: {_some(twice)}; expected one row a report.")
    return ids


def _id_text(value: object) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()


def _find_columns(frame: pd.DataFrame, findings: Sequence[str], faults: list[str]) -> dict[str, int]:
    """The place of each finding's column."""
    columns: dict[str, int] = {}
    for place, column in enumerate(frame.columns):
        if _fold(column) in OTHER_COLUMNS | {_ID}:
            continue
        try:
            finding = finding_id(str(column))
        except UnknownNameError as fault:
            faults.append(f"column {str(column)!r}: {fault} Rename the column or take it out.")
            continue
        if finding in columns:
            faults.append(
                f"column {str(column)!r}: {finding_name(finding)!r} once more; expected one column a finding."
            )
        columns[finding] = place
    missing = [repr(finding_name(finding)) for finding in findings if finding not in columns]
    if missing:
        faults.append(f"no column for {', '.join(missing)}; expected one for each finding.")
    return columns


def _codes(column: pd.Series[Any], side: Side, clip: bool, blanks: bool) -> LabelArray:
    blank = column.isna().to_numpy(dtype=bool)
    if getattr(column.dtype, "kind", "O") in "iufb":
        codes = _numeric_codes(column.to_numpy(dtype=np.float64, na_value=np.nan), side, clip)
    else:
        words = _WORDS | _OWN_WORDS[side] | {"": UNANSWERED} | (_OWN_WORDS["generated"] if blanks else {})
        if clip:
            words |= {"uncertain": ABSENT}
        codes = np.array([_word_code(value, words, side, clip) for value in column.tolist()], dtype=np.int8)
    codes[blank] = UNANSWERED
    return codes


def _word_code(value: object, words: dict[str, int], side: Side, clip: bool) -> int:
    word = str(value).strip().casefold()
    with suppress(ValueError):
        if clip:
            return int(_numeric_codes(np.array([float(word)]), side, clip)[0])
    return words.get(word, _WRONG)


def _numeric_codes(numbers: FloatArray, side: Side, clip: bool) -> LabelArray:
    if clip:
        whole = np.isfinite(numbers) & (np.floor(numbers) == numbers)
        return np.where(whole, np.clip(np.where(whole, numbers, 0.0), ABSENT, PRESENT), _WRONG).astype(np.int8)
    allowed = (PRESENT, ABSENT, UNCERTAIN) if side == "reference" else (PRESENT, ABSENT)
    codes = np.full(numbers.shape, _WRONG, dtype=np.int8)
    for value in allowed:
        codes[numbers == value] = value
    return codes


def _cell_faults(column: pd.Series[Any], ids: list[str], codes: LabelArray, side: Side, blanks: bool) -> Iterator[str]:
    for row in np.flatnonzero(codes == _WRONG).tolist():
        found = column.iloc[[row]].tolist()[0]
        yield f"{_cell(row, ids, column.name)}: found {found!r}; expected {_EXPECTED[side]}."
    blank = np.flatnonzero(codes == UNANSWERED).tolist()
    if side == "reference" and len(blank) and not blanks:
        yield (
            f"{_cell(blank[0], ids, column.name)}: found a blank (not read), one of {len(blank)} in the column; "
            f"expected {_EXPECTED[side]}: fill it, or leave the report out."
        )


def _cell(row: int, ids: list[str], column: object) -> str:
    return f"row {row + 1} ({_ID} {ids[row]!r}), column {str(column)!r}"
