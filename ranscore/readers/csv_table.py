"""Comma-separated tables with a header row, in UTF-8 or a declared encoding; gzip too."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from ranscore.errors import InputError, list_faults
from ranscore.readers._tables import open_text, text_table

if TYPE_CHECKING:
    import pandas as pd

SUFFIXES = (".csv",)


def read(path: Path) -> pd.DataFrame:
    """The table as text, one string a cell; raises InputError with all broken rows."""
    with open_text(path) as file:
        header, rows, faults = _parse(file)
    if not header:
        raise InputError(f"{path}: the file is empty; expected a header row and at least one row of values.")
    faults = _header_faults(header) or faults
    if faults:
        raise list_faults(str(path), faults)
    return text_table(path, header, list(rows.values()), list(rows), "row")


def _parse(lines: Iterable[str]) -> tuple[list[str], dict[int, list[str]], list[str]]:
    """The header, the rows by number as a spreadsheet counts them, and what is broken."""
    header: list[str] = []
    rows: dict[int, list[str]] = {}
    faults: list[str] = []
    reader = csv.reader(lines, strict=True)
    number = begins = 0
    try:
        for number, fields in enumerate(reader, start=1):
            if not header:
                header = [name.strip() for name in fields]
            elif fields and len(fields) != len(header):
                at = _place(number, begins + 1)
                faults.append(f"{at}: fields: found {len(fields)}, expected {len(header)} as in the header")
            elif fields:
                rows[number] = fields
            begins = reader.line_num
    except csv.Error as fault:
        at = _place(number + 1, begins + 1)
        faults.append(f"{at}: {fault}; expected every opening quote to be closed and quotes inside doubled")
    return header, rows, faults


def _place(row: int, line: int) -> str:
    """A row as a spreadsheet counts it, with the file's line where that is another number."""
    return f"row {row}" if row == line else f"row {row}, line {line}"


def _header_faults(header: list[str]) -> list[str]:
    if any("\x00" in name for name in header):
        return ["found NUL bytes, so the text is not UTF-8; save the file as UTF-8"]
    signs = [word for sign, word in ((";", "semicolons"), ("\t", "tabs")) if len(header) == 1 and sign in header[0]]
    return [f"the header is separated by {word}, expected commas; save the table as CSV with commas" for word in signs]
