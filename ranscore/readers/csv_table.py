"""Comma-separated tables with a header row, in UTF-8."""

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
csv.field_size_limit(2**31 - 1)  # a long report is no fault


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
    number = 0
    try:
        for number, fields in enumerate(reader, start=1):
            if not header:
                header = [name.strip() for name in fields]
            elif fields and len(fields) != len(header):
                faults.append(f"row {number}: fields: found {len(fields)}, expected {len(header)} as in the header")
            elif fields:
                rows[number] = fields
    except csv.Error as fault:
        faults.append(f"row {number + 1}: {fault}; expected every opening quote to be closed and quotes inside doubled")
    return header, rows, faults


def _header_faults(header: list[str]) -> list[str]:
    if any("\x00" in name for name in header):
        return ["found NUL bytes, so the text is not UTF-8; save the file as UTF-8"]
    signs = [word for sign, word in ((";", "semicolons"), ("\t", "tabs")) if len(header) == 1 and sign in header[0]]
    return [f"the header is separated by {word}, expected commas; save the table as CSV with commas" for word in signs]
