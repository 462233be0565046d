"""Chooses the reader of a table, and what all readers share: decoding, the table of text, its faults."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ranscore.errors import InputError, list_faults
from ranscore.readers._glance import Glance
from ranscore.readers._opening import open_text as open_text
from ranscore.readers._opening import session
from ranscore.readers._terms import terms_of
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


def read_table(path: Path | str, reader: str | None = None, *, encoding: str | None = None) -> pd.DataFrame:
    """A table of text in any registered format: by the reader's name, or as the path and what lies there tell.

    Every value is a string, blank ones "". `encoding` is that of text files that are not UTF-8. What the user should
    know of the file stands in `attrs["remarks"]`. Raises InputError (missing, unknown, empty or broken file) and
    UnknownNameError.
    """
    path = Path(path)
    module = open_reader(path, reader)
    with session(encoding) as now:
        table: pd.DataFrame = module.read(path)
    table.attrs |= {"remarks": tuple(now.remarks), "terms": terms_of(module)}
    return table


def open_reader(path: Path, reader: str | None = None) -> Any:
    """The reader's module for a file, by its name or the file's suffix; raises InputError and UnknownNameError."""
    if not path.exists():
        raise InputError(f"{path}: no such file or folder; check the path.")
    return load("readers", reader or _reader_for(path))


def remarks_of(table: pd.DataFrame) -> tuple[str, ...]:
    """What the user should know of the file that a table was read from."""
    return tuple(table.attrs.get("remarks", ()))


def _reader_for(path: Path) -> str:
    glance = Glance(path)
    readers = {name: load("readers", name) for name in names("readers")}
    own = [name for name, r in readers.items() if hasattr(r, "recognises") and r.recognises(glance)]
    if len(own) == 1:
        return own[0]
    if own:
        raise InputError(f"{path}: could be read as {' or '.join(own)}; name its reader.")
    known: dict[str, str] = {}
    for name, module in readers.items():
        for suffix in module.SUFFIXES:
            known.setdefault(suffix, name)
    if glance.suffix in known:
        return known[glance.suffix]
    suffixes = ", ".join(sorted(known.keys() - {"/"}))
    found = f"found the suffix {path.suffix.lower()!r}" if path.suffix else "found no suffix"
    raise InputError(
        f"{path}: {found}, expected {suffixes} or a folder; save the table as CSV (UTF-8) or name its reader."
    )


def text_table(
    path: Path,
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    places: Sequence[Any],
    place: str,
    *,
    escaped: bool = False,
) -> pd.DataFrame:
    """A table of text whose index names each row's place; raises InputError if there is no row, or a column twice.

    A NUL is a fault too, but where the format can hold it on purpose (`escaped`).
    """
    import pandas as pd

    if not rows:
        raise InputError(f"{path}: found no rows, expected at least one.")
    times = Counter(columns).items()
    twice = [f"the column {name!r:.60} stands {n} times, expected once" for name, n in times if n > 1]
    if twice:
        raise list_faults(str(path), twice)
    holes = [] if escaped else list(_nul_faults(columns, rows, places, place))
    if holes:
        raise list_faults(str(path), holes)
    index = pd.Index(list(places), name=place, dtype=object)
    return pd.DataFrame(list(rows), columns=list(columns), index=index, dtype=object)


def _nul_faults(
    columns: Sequence[str], rows: Sequence[Sequence[str]], places: Sequence[Any], place: str
) -> Iterator[str]:
    for at, row in zip(places, rows, strict=True):
        if not any("\x00" in cell for cell in row):
            continue
        for column, cell in zip(columns, row, strict=True):
            if "\x00" in cell:
                yield f"{place} {at}, column {column!r:.60}: found a NUL byte, which no text holds; save the file again"


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
