"""Text files of blocks with named fields, as some systems write their reports."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from ranscore.errors import InputError, list_faults
from ranscore.readers._opening import open_text

Block = tuple[int, dict[str, str]]  # the line in which it begins, and its fields


def read_blocks(
    path: Path,
    fields: Sequence[str],
    divider: re.Pattern[str],
    wanted: str,
    other: Sequence[str] = (),
    *,
    require: Sequence[str] = (),
) -> list[Block]:
    """The blocks between dividing lines; a field goes on until the next one, `other` ones are passed over.

    A group of the divider becomes the field "" of the block that it opens. Raises InputError where a block lacks the
    wanted field or one of `require`, or holds a field twice.
    """
    blocks: list[Block] = []
    faults: list[str] = []
    field, fresh = "", True
    with open_text(path) as file:
        for number, raw in enumerate(file, start=1):
            line = raw.rstrip("\r\n")
            divided = divider.fullmatch(line.strip())
            if divided:
                field, fresh = "", True
                if divided.groups():
                    blocks.append((number, {"": divided[1]}))
                    fresh = False
                continue
            name = next((f for f in (*fields, *other) if line.startswith(f"{f}:")), None)
            if name is None and (not field or not line.strip()):
                continue
            if fresh:
                blocks.append((number, {}))
                fresh = False
            field = _add(blocks[-1][1], field, name, line, number, faults)
    kept = [(n, {f: text.strip() for f, text in block.items() if f not in other}) for n, block in blocks]
    needed = require or (wanted,)
    faults += [f"line {n}: the block has no {f!r}" for n, block in kept for f in needed if f not in block]
    if faults:
        raise list_faults(str(path), faults)
    if not kept:
        raise InputError(f"{path}: found no {wanted + ': …'!r} at the beginning of a line; expected it in each block.")
    return kept


def _add(block: dict[str, str], field: str, name: str | None, line: str, number: int, faults: list[str]) -> str:
    """Adds a line to the field that it opens or goes on; gives that field."""
    if name is None:
        block[field] += f"\n{line}"
        return field
    if name in block:
        faults.append(f"line {number}: {name!r} stands twice in one block; is a dividing line missing before it?")
    block[name] = line[len(name) + 1 :]
    return name
