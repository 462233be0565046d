"""What readers of one layout of CSV share: the columns that must be there, renaming, files without a header."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ranscore.errors import InputError, list_faults
from ranscore.readers import csv_table
from ranscore.readers._columns import fold, listed
from ranscore.readers._opening import open_text
from ranscore.readers._tables import text_table

if TYPE_CHECKING:
    import pandas as pd


def read_layout(path: Path, wanted: Sequence[str], what: str, rename: Mapping[str, str] | None = None) -> pd.DataFrame:
    """A CSV table in one known layout, its columns named by their folded names and then renamed.

    Raises InputError where a wanted (folded) column is missing; `what` says what the table was taken for.
    """
    table = csv_table.read(path)
    given = [str(column) for column in table.columns]
    folded = [fold(name) for name in given]
    missing = [name for name in wanted if name not in folded]
    if missing:
        raise InputError(
            f"{path}: no column is called {' or '.join(map(repr, missing))}; columns there: {listed(given)}; "
            f"expected {what}."
        )
    names = [(rename or {}).get(name, name) for name in folded]
    return text_table(path, names, table.to_numpy().tolist(), list(table.index), str(table.index.name))


def read_bare(path: Path, width: int) -> list[list[str]]:
    """The rows of a CSV without a header; raises InputError with the rows of another width."""
    rows, faults = [], []
    with open_text(path) as file:
        reader = csv.reader(file, strict=True)
        number = 0
        try:
            for number, fields in enumerate(reader, start=1):
                if fields and len(fields) != width:
                    faults.append(f"row {number}, line {reader.line_num}: found {len(fields)} fields, expected {width}")
                rows.append(fields or [""] * width)
        except csv.Error as fault:
            faults.append(f"row {number + 1}, line {reader.line_num}: {fault}; expected every quote to be closed")
    if faults:
        raise list_faults(str(path), faults)
    if not rows:
        raise InputError(f"{path}: the file is empty; expected one report a row.")
    return rows
