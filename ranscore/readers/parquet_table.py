"""Parquet tables."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ranscore.errors import InputError
from ranscore.readers._tables import TableStream, as_text, text_table

if TYPE_CHECKING:
    import pandas as pd

SUFFIXES = (".parquet", ".pq")
BATCH = 4096


def read(path: Path) -> pd.DataFrame:
    """The table as text, whole numbers without a decimal point; raises InputError if it is no Parquet or no text."""
    opened = stream(path)
    rows = dict(opened.rows())
    return text_table(path, opened.columns, list(rows.values()), list(rows), opened.place)


def stream(path: Path) -> TableStream:
    """The table row by row, some thousands in memory at a time; raises InputError if it is no Parquet."""
    from pyarrow import parquet

    with _said_in_a_sentence(path), parquet.ParquetFile(path) as file:
        columns = tuple(file.schema_arrow.names)
    return TableStream(columns, "row", lambda: _rows(path))


def _rows(path: Path) -> Iterator[tuple[int, tuple[str, ...]]]:
    from pyarrow import parquet

    number = 0
    with _said_in_a_sentence(path), parquet.ParquetFile(path) as file:
        for batch in file.iter_batches(batch_size=BATCH):
            columns = [[as_text(value) for value in column.to_pylist()] for column in batch.columns]
            for values in zip(*columns, strict=True):
                number += 1
                yield number, values


@contextmanager
def _said_in_a_sentence(path: Path) -> Iterator[None]:
    from pyarrow import ArrowException

    try:
        yield
    except (ArrowException, OSError) as fault:
        first = str(fault).splitlines()[0]
        raise InputError(f"{path}: {first:.160}; expected a Parquet table; write the file again.") from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: found bytes that are not UTF-8 in a column; store the column as text.") from None
