"""Reference files made by `ranscore reference`, as a table of their labels."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ranscore.errors import DigestError, InputError
from ranscore.readers._tables import open_text, text_table
from ranscore.records import digest_of

if TYPE_CHECKING:
    import pandas as pd

SUFFIXES = (".json",)
FORMAT = "ranscore-reference-1"


def read(path: Path) -> pd.DataFrame:
    """The labels as text, a row a report and a column a finding's id.

    Raises InputError for what is no reference file, DigestError for one that was changed or cut.
    """
    with open_text(path) as file:
        data = _parse(path, file.read())
    columns = ["report_id", *data["findings"]]
    rows = [[row["report_id"], *map(str, row["values"])] for row in data["rows"]]
    return text_table(path, columns, rows, range(1, len(rows) + 1), "row")


def _parse(path: Path, text: str) -> dict[str, Any]:
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as fault:
        raise DigestError(f"{path}: not readable as JSON ({fault}), so it is cut or edited; copy it again.") from None
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise InputError(
            f"{path}: this JSON is no reference file; expected one made by `ranscore reference`, or a table "
            "as CSV, XLSX, Parquet or JSONL."
        )
    if digest_of({key: value for key, value in data.items() if key != "sha256"}) != data.get("sha256"):
        raise DigestError(
            f"{path}: its content differs from its digest, so it was edited; a correction is made with "
            "`ranscore reference --correct`, which writes a new version."
        )
    return data
