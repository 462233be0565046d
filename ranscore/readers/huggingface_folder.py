"""A folder as Hugging Face keeps datasets: Parquet files such as `data/train-00000-of-00002.parquet`, a split a prefix.

Only columns of text and numbers are read; images and other bytes stay on disk. Without a column of ids a row's id is
its split and number.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ranscore.errors import InputError, list_faults
from ranscore.readers._columns import fold, id_column
from ranscore.readers._glance import Glance, files_below
from ranscore.readers._opening import remark
from ranscore.readers._tables import as_text, text_table

if TYPE_CHECKING:
    import pandas as pd

SUFFIXES: tuple[str, ...] = ()
_SPLIT = re.compile(r"^(.+?)(?:-\d{5}-of-\d{5}.*)?$")


def recognises(glance: Glance) -> bool:
    """True for a folder with Parquet files at any depth."""
    return glance.suffix == "/" and any(name.endswith(".parquet") for name in glance.names)


def read(path: Path) -> pd.DataFrame:
    """All splits' rows, with a column `split`, and `report_id` where no column is one; raises InputError."""
    files = [name for name in files_below(path) if name.endswith(".parquet")] if path.is_dir() else []
    if not files:
        raise InputError(
            f"{path}: found no .parquet file; expected a folder such as data/train-00000-of-00001.parquet."
        )
    parts, faults, skipped = [], [], dict[str, None]()
    for name in files:
        try:
            parts.append((name, *_read_part(path / name, skipped)))
        except InputError as fault:
            faults.append(str(fault).removeprefix(f"{path}/"))
    if faults:
        raise list_faults(str(path), faults)
    if skipped:
        remark(f"{path}: columns that hold no text were not read: {', '.join(skipped)}")
    return _joined(path, parts)


def _read_part(path: Path, skipped: dict[str, None]) -> tuple[list[str], list[tuple[str, ...]]]:
    from pyarrow import ArrowException, parquet

    try:
        with parquet.ParquetFile(path) as file:
            names = [field.name for field in file.schema_arrow if _is_plain(field.type)]
            skipped |= {field.name: None for field in file.schema_arrow if not _is_plain(field.type)}
            found = file.read(columns=names)
        columns = [[as_text(value) for value in column.to_pylist()] for column in found.columns]
    except (ArrowException, OSError) as fault:
        first = (str(fault).splitlines() or [type(fault).__name__])[0]
        raise InputError(f"{path}: {first:.160}; expected a Parquet table; download it again.") from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: found bytes that are not UTF-8 in a column of text.") from None
    return [str(name) for name in found.column_names], list(zip(*columns, strict=True))


def _is_plain(kind: Any) -> bool:
    from pyarrow import types

    text = types.is_string(kind) or types.is_large_string(kind) or types.is_dictionary(kind)
    return bool(text or types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind))


def _joined(path: Path, parts: list[tuple[str, list[str], list[tuple[str, ...]]]]) -> pd.DataFrame:
    columns = list(dict.fromkeys(name for _, names, _ in parts for name in names))
    by_fold = {fold(name): name for name in columns}
    own_id = bool(id_column(by_fold)[0]) or "report_id" in by_fold
    extra = [*([] if "split" in by_fold else ["split"]), *([] if own_id else ["report_id"])]
    rows, places = [], []
    count: dict[str, int] = {}
    for file, names, values in parts:
        split = (_SPLIT.match(Path(file).stem) or [file, file])[1]
        for number, row in enumerate(values, start=1):
            count[split] = count.get(split, 0) + 1
            given = dict(zip(names, row, strict=True)) | {"split": split}
            given.setdefault("report_id", f"{split}-{count[split]}")
            rows.append([given.get(name, "") for name in (*columns, *extra)])
            places.append(f"{number} of {file}")
    return text_table(path, (*columns, *extra), rows, places, "row")
