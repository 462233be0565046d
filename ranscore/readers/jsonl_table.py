"""One JSON object a line, in UTF-8; a list or a mapping inside one stays JSON text."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ranscore.errors import InputError, list_faults
from ranscore.readers._json import kind_of
from ranscore.readers._opening import open_text, text_encoding
from ranscore.readers._tables import TableStream, as_text, text_table

if TYPE_CHECKING:
    import pandas as pd

SUFFIXES = (".jsonl", ".ndjson")


def read(path: Path) -> pd.DataFrame:
    """The table as text, its columns the union of all keys; raises InputError with all broken lines."""
    opened = stream(path)
    rows = dict(opened.rows())
    return text_table(path, opened.columns, list(rows.values()), list(rows), opened.place, escaped=True)


def stream(path: Path) -> TableStream:
    """The table line by line; its columns are the union of all keys, so that all lines are read once before.

    Raises InputError with all broken lines.
    """
    encoding = text_encoding(path)
    columns = dict.fromkeys(key for _, row in _lines(path, encoding) for key in row)
    if not columns and next(_lines(path, encoding), None) is None:
        raise InputError(f"{path}: the file is empty; expected one JSON object a line.")
    names = tuple(columns)

    def rows() -> Iterator[tuple[int, list[str]]]:
        return ((number, [row.get(name, "") for name in names]) for number, row in _lines(path, encoding))

    return TableStream(names, "line", rows)


def _lines(path: Path, encoding: str) -> Iterator[tuple[int, dict[str, str]]]:
    faults: list[str] = []
    with open_text(path, encoding) as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                yield number, _parse(line)
            except ValueError as fault:
                faults.append(f"line {number}: {fault}; expected one JSON object")
    if faults:
        raise list_faults(str(path), faults)


def _parse(line: str) -> dict[str, str]:
    try:
        found = json.loads(line)
    except json.JSONDecodeError as fault:
        raise ValueError(f"{fault.msg} at column {fault.colno}") from None
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(found, dict):
        raise ValueError(f"found {kind_of(found)}")
    row = {key.strip(): as_text(value) for key, value in found.items()}
    for key, text in row.items():
        if not _is_unicode(key + text):
            raise ValueError(f"{key!r:.60} holds half a character (a lone surrogate)")
    return row


def _is_unicode(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)
