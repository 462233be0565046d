"""JSON files that hold reports: read once, with line and column of what is wrong, and no key lost."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ranscore.errors import InputError, list_faults
from ranscore.readers._opening import open_text
from ranscore.readers._tables import as_text, text_table

if TYPE_CHECKING:
    import pandas as pd

Records = Sequence[tuple[str, Mapping[str, Any]]]
_HALF = re.compile(r"\\u[dD][89a-fA-F]")


class _TwiceError(ValueError):
    pass


def load_json(path: Path) -> Any:
    """The value of a JSON file; raises InputError for broken JSON, keys that stand twice, and an empty file."""
    with open_text(path) as file:
        text = file.read()
    if not text.strip():
        raise InputError(f"{path}: the file is empty; expected JSON.")
    try:
        value = json.loads(text, object_pairs_hook=_unique)
    except json.JSONDecodeError as fault:
        raise InputError(
            f"{path}: line {fault.lineno}, column {fault.colno}: {fault.msg}; expected whole JSON; copy the file again."
        ) from None
    except _TwiceError as fault:
        raise InputError(f"{path}: the key {fault!s:.60} stands twice in one object; expected each once.") from None
    except (RecursionError, ValueError) as fault:
        what = "nested too deeply" if isinstance(fault, RecursionError) else str(fault)
        raise InputError(f"{path}: {what:.120}; expected a JSON file of reports.") from None
    if _HALF.search(text):
        _refuse_half_characters(path, value)
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        names = [name for name, _ in pairs]
        raise _TwiceError(repr(next(name for name in names if names.count(name) > 1)))
    return made


def _refuse_half_characters(path: Path, value: Any) -> None:
    text = json.dumps(value, ensure_ascii=False)
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise InputError(
            f"{path}: holds half a character (a lone surrogate); expected whole characters; write it again."
        ) from None


def object_records(path: Path, value: Any) -> Records:
    """The objects of a list, or of an object of objects (its keys become `report_id` where none stands inside).

    The first of each pair names the place. Raises InputError with all faults.
    """
    items: Iterable[tuple[str, Any]]
    if isinstance(value, dict):
        items = ((f"key {key!r:.60}", item) for key, item in value.items())
        keys: list[str] = list(value)
    elif isinstance(value, list):
        items = ((str(number), item) for number, item in enumerate(value, start=1))
        keys = []
    else:
        raise InputError(f"{path}: found {kind_of(value)}, expected a list or an object of reports.")
    found, faults = [], []
    for number, (place, item) in enumerate(items):
        if isinstance(item, dict):
            given = {"report_id": keys[number], **item} if keys else item
            found.append((place, given))
        else:
            faults.append(f"item {place}: found {kind_of(item)}, expected an object")
    if faults:
        raise list_faults(str(path), faults)
    return found


def records_table(
    path: Path, records: Records, rename: Mapping[str, str] | None = None, keep: Sequence[str] | None = None
) -> pd.DataFrame:
    """Records as a table of text, their keys renamed; with `keep` only those of the renamed keys."""
    rename = rename or {}
    rows = [{rename.get(key, key): as_text(value) for key, value in record.items()} for _, record in records]
    columns = [c for c in dict.fromkeys(key for row in rows for key in row) if keep is None or c in keep]
    values = [[row.get(column, "") for column in columns] for row in rows]
    return text_table(path, columns, values, [place for place, _ in records], "item")


def require_keys(path: Path, records: Records, wanted: Sequence[str], what: str) -> None:
    """Raises InputError, naming each record that lacks one of the keys."""
    faults = list(_missing(records, wanted, what))
    if faults:
        raise list_faults(str(path), faults)


def _missing(records: Records, wanted: Sequence[str], what: str) -> Iterator[str]:
    for place, record in records:
        lacking = [key for key in wanted if key not in record]
        if lacking:
            there = ", ".join(f"{key:.40}" for key in list(record)[:8]) or "none"
            named = ", ".join(map(repr, lacking))
            yield f"item {place}: no key is called {named}; keys there: {there}; expected {what}"


def kind_of(value: Any) -> str:
    """What a JSON value is, in words: its content could be a report's."""
    if isinstance(value, bool):
        return "true or false"
    names = {str: "a text", int: "a number", float: "a number", list: "a list", dict: "an object", type(None): "null"}
    return names.get(type(value), "another value")


def texts_of(path: Path, value: Any, name: str) -> list[str]:
    """A JSON list of texts; raises InputError with the items that are none."""
    if not isinstance(value, list):
        raise InputError(f"{path}: {name!r} is {kind_of(value)}, expected a list of texts.")
    faults = [f"{name!r}, item {n}: found {kind_of(t)}, expected a text" for n, t in enumerate(value, 1) if _no_text(t)]
    if faults:
        raise list_faults(str(path), faults)
    return ["" if text is None else text for text in value]


def _no_text(value: Any) -> bool:
    return value is not None and not isinstance(value, str)
