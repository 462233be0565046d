"""Parquet tables."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ranscore.errors import InputError
from ranscore.readers._tables import as_text, text_table

if TYPE_CHECKING:
    import pandas as pd

SUFFIXES = (".parquet", ".pq")


def read(path: Path) -> pd.DataFrame:
    """The table as text, whole numbers without a decimal point; raises InputError if it is no Parquet or no text."""
    from pyarrow import ArrowException, parquet

    try:
        found = parquet.read_table(path)
        columns = [[as_text(value) for value in column.to_pylist()] for column in found.columns]
    except (ArrowException, OSError) as fault:
        first = str(fault).splitlines()[0]
        raise InputError(f"{path}: {first:.160}; expected a Parquet table; write the file again.") from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: found bytes that are not UTF-8 in a column; store the column as text.") from None
    rows = list(zip(*columns, strict=True))
    return text_table(path, found.column_names, rows, range(1, len(rows) + 1), "row")
