"""Tables of labels on disk: CSV, Parquet or JSONL by suffix; 1, 0, `unanswered`."""

from __future__ import annotations

import io
import json
from pathlib import Path

from ranscore import catalog
from ranscore.errors import InputError
from ranscore.freezing import write_whole
from ranscore.records import LabelTable

FORMATS = (".csv", ".parquet", ".jsonl")
_WORDS: dict[int, int | str] = {1: 1, 0: 0, -1: -1, -2: "unanswered"}


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
    rows = [
        {"report_id": i, **{n: _WORDS[v] for n, v in zip(names, row, strict=True)}}
        for i, row in zip(table.report_ids, table.values, strict=True)
    ]
    write_whole(path, _encode(rows, ["report_id", *names], path.suffix.lower()))


def _encode(rows: list[dict[str, int | str]], columns: list[str], suffix: str) -> bytes:
    if suffix == ".jsonl":
        return "".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows).encode("utf-8")
    import pandas as pd

    frame = pd.DataFrame(rows, columns=columns)
    if suffix == ".csv":
        return frame.to_csv(index=False, lineterminator="\n").encode("utf-8")
    buffer = io.BytesIO()
    frame.astype(str).to_parquet(buffer, index=False)
    return buffer.getvalue()
