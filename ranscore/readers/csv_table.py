"""Comma-separated tables with a header row, in UTF-8 or a declared encoding; gzip too."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ranscore.errors import InputError, list_faults
from ranscore.readers._opening import open_text, text_encoding
from ranscore.readers._tables import TableStream, text_table

if TYPE_CHECKING:
    import pandas as pd

SUFFIXES = (".csv",)
csv.field_size_limit(2**31 - 1)  # a long report is no fault


def read(path: Path) -> pd.DataFrame:
    """The table as text, one string a cell; raises InputError with all broken rows."""
    opened = stream(path)
    rows = dict(opened.rows())
    return text_table(path, opened.columns, list(rows.values()), list(rows), opened.place)


def stream(path: Path) -> TableStream:
    """The table row by row, numbered as a spreadsheet does; raises InputError for what is wrong with its header."""
    encoding = text_encoding(path)
    with open_text(path, encoding) as file:
        header: list[str] = []
        faults: list[str] = []
        first = 1
        try:
            found = ((n, fields) for n, fields in enumerate(csv.reader(file, strict=True), start=1) if fields)
            first, header = next(found, (1, []))
            header = [name.strip() for name in header]
        except csv.Error as fault:
            faults = [_broken(f"row {first}", fault)]
    if not header and not faults:
        raise InputError(f"{path}: the file is empty; expected a header row and at least one row of values.")
    faults = _header_faults(header) or faults
    if faults:
        raise list_faults(str(path), faults)
    return TableStream(tuple(header), "row", lambda: _rows(path, first, len(header), encoding))


def _rows(path: Path, first: int, width: int, encoding: str) -> Iterator[tuple[int, list[str]]]:
    faults: list[str] = []
    number = begins = 0
    with open_text(path, encoding) as file:
        reader = csv.reader(file, strict=True)
        try:
            for number, fields in enumerate(reader, start=1):
                if number > first and len(fields) == width:
                    yield number, fields
                elif number > first and fields:
                    at = _place(number, begins + 1)
                    faults.append(f"{at}: fields: found {len(fields)}, expected {width} as in the header")
                begins = reader.line_num
        except csv.Error as fault:
            faults.append(_broken(_place(number + 1, begins + 1), fault))
    if faults:
        raise list_faults(str(path), faults)


def _broken(place: str, fault: csv.Error) -> str:
    return f"{place}: {fault}; expected every opening quote to be closed and quotes inside doubled"


def _place(row: int, line: int) -> str:
    """A row as a spreadsheet counts it, with the file's line where that is another number."""
    return f"row {row}" if row == line else f"row {row}, line {line}"


def _header_faults(header: list[str]) -> list[str]:
    if any("\x00" in name for name in header):
        return ["found NUL bytes, so the text is not UTF-8; save the file as UTF-8"]
    signs = [word for sign, word in ((";", "semicolons"), ("\t", "tabs")) if len(header) == 1 and sign in header[0]]
    return [f"the header is separated by {word}, expected commas; save the table as CSV with commas" for word in signs]
