"""Open-I reports as one CSV table: `uid, indication, comparison, findings, impression, mesh`.

Source: Demner-Fushman et al., JAMIA 2016;23(2):304-310.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ranscore.errors import InputError
from ranscore.readers import csv_table
from ranscore.readers._columns import listed
from ranscore.readers._tables import text_table

if TYPE_CHECKING:
    import pandas as pd

SUFFIXES: tuple[str, ...] = ()
REQUIRED = ("uid", "findings", "impression", "mesh")


def read(path: Path) -> pd.DataFrame:
    """The reports and their `;`-joined MeSH codes as text, with lower-case column names; raises InputError."""
    table = csv_table.read(path)
    names = [str(column).casefold() for column in table.columns]
    missing = [name for name in REQUIRED if name not in names]
    if missing:
        raise InputError(
            f"{path}: found the columns {listed(names)}, expected also {', '.join(missing)}; "
            "is this the table of Open-I reports?"
        )
    return text_table(path, names, table.to_numpy().tolist(), list(table.index), "row")
