"""One JSON object a line, in UTF-8; a list or a mapping inside one stays JSON text."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from ranscore.errors import InputError, list_faults
from ranscore.readers._tables import as_text, open_text, text_table

if TYPE_CHECKING:
    import pandas as pd

SUFFIXES = (".jsonl", ".ndjson")


def read(path: Path) -> pd.DataFrame:
    """The table as text, its columns the union of all keys; raises InputError with all broken lines."""
    rows: dict[int, dict[str, str]] = {}
    faults: list[str] = []
    with open_text(path) as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                rows[number] = _parse(line)
            except ValueError as fault:
                faults.append(f"line {number}: {fault}; expected one JSON object")
    if faults:
        raise list_faults(str(path), faults)
    if not rows:
        raise InputError(f"{path}: the file is empty; expected one JSON object a line.")
    columns = list(dict.fromkeys(key for row in rows.values() for key in row))
    values = [[row.get(column, "") for column in columns] for row in rows.values()]
    return text_table(path, columns, values, list(rows), "line")


def _parse(line: str) -> dict[str, str]:
    try:
        found = json.loads(line)
    except json.JSONDecodeError as fault:
        raise ValueError(f"{fault.msg} at column {fault.colno}") from None
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(found, dict):
        raise ValueError(f"found {line.strip()!r:.40}")
    row = {key.strip(): as_text(value) for key, value in found.items()}
    for key, text in row.items():
        if not _is_unicode(text):
            raise ValueError(f"{key!r} holds half a character (a lone surrogate)")
    return row


def _is_unicode(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)
