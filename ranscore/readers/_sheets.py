"""Tables that people fill in with a spreadsheet, as CSV or XLSX: any text goes there and back unchanged.

A spreadsheet takes a cell that begins with `=`, `+`, `-`, `@`, a tab or a line break for a formula. In CSV such a cell
gets an apostrophe before it, which `unprotect` takes away again; in XLSX every cell is written as text.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ranscore.errors import InputError, list_faults

SHEETS = (".csv", ".xlsx")
LONGEST_CELL = 32_767  # characters, of Excel
CUT = " … [cut here: longer than a spreadsheet's cell]"
_FORMULA = re.compile(r"'*[=+\-@\t\r\n＝＋－＠]")
_PROTECTED = re.compile(r"''*[=+\-@\t\r\n＝＋－＠]")
_UNWRITABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ufffe\uffff]|_(?=x[0-9A-Fa-f]{4}_)")
_WIDE, _NARROW = 70, 18


def protect(text: str) -> str:
    """The text so that a spreadsheet takes it for text."""
    return f"'{text}" if _FORMULA.match(text) else text


def unprotect(text: str) -> str:
    """The text that was given to `protect`."""
    return text[1:] if _PROTECTED.match(text) else text


def check_sheet(path: Path) -> None:
    """Raises InputError unless the path ends in .csv or .xlsx."""
    if path.suffix.lower() not in SHEETS:
        raise InputError(f"{path}: found the suffix {path.suffix!r}, expected .csv or .xlsx.")


def encode_sheet(
    path: Path,
    columns: Sequence[str],
    rows: Sequence[Mapping[str, str]],
    *,
    choices: Mapping[str, Sequence[str]] | None = None,
    cut: Sequence[str] = (),
) -> bytes:
    """The table as the file's content, CSV or XLSX by its suffix; a column that a row lacks is blank.

    In XLSX `choices` gives a column a list to choose from, and the columns of `cut` are cut at Excel's limit of a cell;
    raises InputError where another column goes beyond it.
    """
    check_sheet(path)
    table = [[str(row.get(column, "")) for column in columns] for row in rows]
    if path.suffix.lower() == ".csv":
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\r\n")
        writer.writerows([[protect(cell) for cell in row] for row in [list(columns), *table]])
        return text.getvalue().encode("utf-8-sig")  # without the mark Excel does not read UTF-8
    return _workbook(path, columns, table, choices or {}, cut)


def _workbook(
    path: Path,
    columns: Sequence[str],
    table: list[list[str]],
    choices: Mapping[str, Sequence[str]],
    cut: Sequence[str],
) -> bytes:
    from openpyxl import Workbook

    book = Workbook()
    sheet = book.active
    faults = []
    for number, row in enumerate([list(columns), *table], start=1):
        for at, (column, text) in enumerate(zip(columns, row, strict=True), start=1):
            written = escape(text)
            if len(written) > LONGEST_CELL:
                if column not in cut:
                    faults.append(f"row {number}, {column}: {len(written)} characters, Excel takes {LONGEST_CELL}")
                    continue
                written = _shortened(text)
            _write_cell(sheet.cell(number, at), written)
    if faults:
        raise list_faults(str(path), [*faults, "write the table as .csv, which has no limit"])
    _dress(sheet, columns, choices, len(table) + 1)
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


def _shortened(text: str) -> str:
    kept = len(text)
    while len(escape(text[:kept])) > LONGEST_CELL - len(CUT):
        kept = kept * 9 // 10
    return escape(text[:kept]) + CUT


def _write_cell(cell: Any, written: str) -> None:
    """A cell of text, which stays text when it is edited."""
    cell.value = written
    if written:
        cell.data_type = "s"
    cell.number_format = "@"


def _dress(sheet: Any, columns: Sequence[str], choices: Mapping[str, Sequence[str]], last: int) -> None:
    """A header that stays in sight, columns of a readable width, lists to choose from."""
    from openpyxl.styles import Alignment, Font
    from openpyxl.utils import get_column_letter
    from openpyxl.worksheet.datavalidation import DataValidation

    sheet.freeze_panes = "A2"
    for at, column in enumerate(columns, start=1):
        letter = get_column_letter(at)
        cells = [cell for (cell,) in sheet[f"{letter}1:{letter}{last}"]]
        sheet.column_dimensions[letter].width = _WIDE if any(len(c.value or "") > _WIDE for c in cells) else _NARROW
        for cell in cells:
            cell.alignment = Alignment(wrap_text=True, vertical="top")
        cells[0].font = Font(bold=True)
        if column in choices and last > 1:
            listed = DataValidation(type="list", formula1=f'"{",".join(choices[column])}"', allow_blank=True)
            listed.add(f"{letter}2:{letter}{last}")
            sheet.add_data_validation(listed)


def escape(text: str) -> str:
    """The text with `_xHHHH_` for what XML cannot hold, as Office writes it."""
    return _UNWRITABLE.sub(lambda m: f"_x{ord(m[0]):04X}_", text)


def unescape(text: str) -> str:
    """The text that was given to `escape`."""
    return re.sub(r"_x([0-9A-Fa-f]{4})_", lambda m: chr(int(m[1], 16)), text)
