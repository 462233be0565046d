"""Tables of labels on disk: CSV, Parquet or JSONL by suffix; 1, 0, `unanswered`; written row by row."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TextIO

from ranscore import catalog
from ranscore.errors import InputError
from ranscore.records import ABSENT, PRESENT, UNANSWERED, UNCERTAIN, LabelTable

FORMATS = (".csv", ".parquet", ".jsonl")
ROW_GROUP = 10_000
Cell = int | str
WORDS: Mapping[int, Cell] = {PRESENT: 1, ABSENT: 0, UNCERTAIN: -1, UNANSWERED: "unanswered"}


def check_output(path: Path) -> None:
    """Raises InputError unless labels can be written there, before anything is asked; leaves nothing behind."""
    if path.suffix.lower() not in FORMATS:
        raise InputError(f"{path}: found the suffix {path.suffix!r}, expected one of {', '.join(FORMATS)}.")
    if path.is_dir():
        raise InputError(f"{path}: is a folder, expected the path of a file to write.")
    folder = path.parent
    while not folder.exists():
        folder = folder.parent
    probe = folder / f".{path.name}.probe"
    try:
        probe.touch()
        probe.unlink()
    except OSError as fault:
        raise InputError(
            f"{folder}: cannot be written ({fault.strerror}); name a folder that you may write to."
        ) from None


def write_labels(table: LabelTable, path: Path) -> None:
    """Writes the labels, one row a report and one column a finding by its name; whole or not at all."""
    names = [catalog.finding_name(f) for f in table.findings]
    rows = zip(table.report_ids, table.values, strict=True)
    write_rows(path, ["report_id", *names], ((i, *map(WORDS.__getitem__, row)) for i, row in rows))


def write_rows(path: Path, columns: Sequence[str], rows: Iterable[Sequence[Cell]]) -> None:
    """Writes a table as it comes, beside its place, and renames it; the same rows give the same bytes.

    A Parquet table holds text and has groups of 10,000 rows. Raises InputError where it cannot be written; then the
    old file stays.
    """
    suffix = path.suffix.lower()
    with beside(path) as part:
        if suffix == ".parquet":
            _write_parquet(part, columns, iter(rows))
            return
        with part.open("w", encoding="utf-8", newline="") as file:
            (_write_jsonl if suffix == ".jsonl" else _write_csv)(file, columns, rows)
            file.flush()
            os.fsync(file.fileno())


@contextmanager
def beside(path: Path) -> Iterator[Path]:
    """A path beside another, renamed to it at the end; removed, and told in a sentence, where writing fails."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield part
        os.replace(part, path)
    except OSError as fault:
        raise InputError(
            f"{path}: cannot be written ({fault.strerror or fault}); expected a folder that you may write to: "
            "choose another path or free some space."
        ) from None
    finally:
        if part.parent.is_dir() and os.access(part.parent, os.W_OK):
            part.unlink(missing_ok=True)


def _write_csv(file: TextIO, columns: Sequence[str], rows: Iterable[Sequence[Cell]]) -> None:
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)


def _write_jsonl(file: TextIO, columns: Sequence[str], rows: Iterable[Sequence[Cell]]) -> None:
    for row in rows:
        file.write(json.dumps(dict(zip(columns, row, strict=True)), ensure_ascii=False) + "\n")


def _write_parquet(path: Path, columns: Sequence[str], rows: Iterator[Sequence[Cell]]) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    schema = pa.schema([(name, pa.string()) for name in columns])
    with path.open("wb") as file:
        with parquet.ParquetWriter(file, schema) as writer:
            while group := list(islice(rows, ROW_GROUP)):
                values = [[str(v) for v in column] for column in zip(*group, strict=True)]
                writer.write_table(pa.table(values, schema=schema), row_group_size=ROW_GROUP)
        file.flush()
        os.fsync(file.fileno())
