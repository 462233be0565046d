"""What a path looks like at little cost: enough to tell whose format it is."""

from __future__ import annotations

import csv
import os
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path

from ranscore.readers._columns import fold
from ranscore.readers._opening import open_bytes

HEAD = 1 << 16
LOOKED_AT = 400


@dataclass(frozen=True)
class Glance:
    """A path as readers see it before they read it."""

    path: Path

    @cached_property
    def suffix(self) -> str:
        """The lower-case suffix (that before `.gz`), "/" for a folder, "" without one."""
        if self.path.is_dir():
            return "/"
        name = self.path.name.lower().removesuffix(".gz")
        return Path(name).suffix

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The first files of a folder or a zip archive at any depth, relative, with `/`."""
        if self.suffix == "/":
            return tuple(islice(files_below(self.path), LOOKED_AT))
        if self.suffix == ".zip":
            try:
                with zipfile.ZipFile(self.path) as archive:
                    return tuple(islice((n for n in archive.namelist() if not n.endswith("/")), LOOKED_AT))
            except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, struct.error):
                return ()
        return ()

    @cached_property
    def head(self) -> str:
        """The first characters of a file, whatever is wrong with them."""
        if self.suffix in ("/", ".zip", ".parquet", ".xlsx"):
            return ""
        try:
            with open_bytes(self.path) as file:
                return file.read(HEAD).decode("utf-8-sig", errors="replace")
        except (OSError, EOFError, zlib.error):
            return ""

    @cached_property
    def columns(self) -> frozenset[str]:
        """The folded names in a CSV's first row; empty for anything else."""
        if self.suffix != ".csv":
            return frozenset()
        try:
            first = next(csv.reader(self.head.splitlines()), [])
        except csv.Error:
            return frozenset()
        return frozenset(fold(name) for name in first)

    @cached_property
    def keys(self) -> frozenset[str]:
        """The names before a colon at the beginning of a JSON or JSONL file."""
        if self.suffix not in (".json", ".jsonl", ".ndjson"):
            return frozenset()
        return frozenset(re.findall(r'"((?:[^"\\\n]|\\.){1,80})"\s*:', self.head))


def files_below(folder: Path) -> Iterator[str]:
    """The files of a folder at any depth in the order of their names, relative, with `/`; hidden ones left out."""
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(f for f in folders if not f.startswith((".", "__")))
        inside = Path(place).relative_to(folder).as_posix()
        for name in sorted(files):
            if not name.startswith("."):
                yield name if inside == "." else f"{inside}/{name}"
