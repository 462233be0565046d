"""Chooses the reader of a table, and what all readers share: decoding, the table of text, its faults."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from ranscore.errors import InputError, list_faults
from ranscore.registry import load, names

if TYPE_CHECKING:
    import pandas as pd


Row = tuple[Any, Sequence[str]]  # where it stands, its values


@dataclass(frozen=True)
class TableStream:
    """A table of text that can be gone through again and again: `rows()` gives each row's place and its values.

    `rows()` raises InputError with all broken rows after the last one. `place` is what a row is called in messages.
    """

    columns: tuple[str, ...]
    place: str
    rows: Callable[[], Iterator[Row]]


def read_table(path: Path | str, reader: str | None = None) -> pd.DataFrame:
    """A table of text in any registered format, chosen from the suffix or by the reader's name.

    Every value is a string, blank ones "". Raises InputError (missing, unknown, empty or broken file) and
    UnknownNameError.
    """
    table: pd.DataFrame = open_reader(Path(path), reader).read(Path(path))
    return table


def open_reader(path: Path, reader: str | None = None) -> Any:
    """The reader's module for a file, by its name or the file's suffix; raises InputError and UnknownNameError."""
    if not path.exists():
        raise InputError(f"{path}: no such file or folder; check the path.")
    return load("readers", reader or _reader_for(path))


def _reader_for(path: Path) -> str:
    wanted = "/" if path.is_dir() else path.suffix.lower()
    known: dict[str, str] = {}
    for name in names("readers"):
        for suffix in load("readers", name).SUFFIXES:
            known.setdefault(suffix, name)
    if wanted in known:
        return known[wanted]
    suffixes = ", ".join(sorted(known.keys() - {"/"}))
    found = f"found the suffix {wanted!r}" if wanted else "found no suffix"
    raise InputError(
        f"{path}: {found}, expected {suffixes} or a folder; save the table as CSV (UTF-8) or name its reader."
    )


@contextmanager
def open_text(path: Path) -> Iterator[TextIO]:
    """The file as UTF-8 text, with or without a byte order mark; raises InputError if it cannot be read as that."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield file
    except UnicodeDecodeError as fault:
        byte = fault.object[fault.start]
        raise InputError(
            f"{path}: found the byte 0x{byte:02x}, which is not UTF-8; expected text in UTF-8; save the file as UTF-8."
        ) from None
    except OSError as fault:
        raise InputError(f"{path}: {fault.strerror or fault}; expected a file that can be read.") from None


def text_table(
    path: Path, columns: Sequence[str], rows: Sequence[Sequence[str]], places: Sequence[Any], place: str
) -> pd.DataFrame:
    """A table of text whose index names each row's place; raises InputError if there is no row, or a column twice."""
    import pandas as pd

    if not rows:
        raise InputError(f"{path}: found no rows, expected at least one.")
    twice = [f"the column {name!r} stands {n} times, expected once" for name, n in Counter(columns).items() if n > 1]
    if twice:
        raise list_faults(str(path), twice)
    index = pd.Index(list(places), name=place, dtype=object)
    return pd.DataFrame(list(rows), columns=list(columns), index=index, dtype=object)


def as_text(value: Any) -> str:
    """A value of a typed format as text: nothing and not-a-number are "", lists and mappings are JSON."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, bytes):
        return value.decode("utf-8")
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False, default=str)
    return str(value)


def rows_of(table: pd.DataFrame) -> Iterator[tuple[str, dict[str, str]]]:
    """Each row's place, as it is named in messages, and its values by column."""
    columns = [str(c) for c in table.columns]
    for place, values in zip(table.index, table.itertuples(index=False, name=None), strict=True):
        yield f"{table.index.name} {place}", dict(zip(columns, values, strict=True))
