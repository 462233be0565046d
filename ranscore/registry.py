"""Names to extensions: one module in a package, or one entry point, is one extension.

A group is a package of ranscore (`readers`, `models`, `metrics`, `search`, `cli` …); its public modules are its
extensions, named as their files with `-` for `_`. Other distributions add to a group by an entry point in
`ranscore.<group>`. Listing imports no extension.
"""

from __future__ import annotations

import pkgutil
from functools import lru_cache
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from ranscore.errors import UnknownNameError


def _folder(group: str) -> list[str]:
    return [str(Path(__file__).parent / group)]


def names(group: str) -> list[str]:
    """The registered names of a group, sorted; nothing is imported."""
    return sorted({*_own(group), *(e.name for e in entry_points(group=f"ranscore.{group}"))})


@lru_cache(maxsize=64)
def _own(group: str) -> tuple[str, ...]:
    return tuple(m.name.replace("_", "-") for m in pkgutil.iter_modules(_folder(group)) if not m.name.startswith("_"))


def load(group: str, name: str) -> Any:
    """The module (or the entry point's object) behind a name; raises UnknownNameError with the near misses."""
    if name in _own(group):
        return import_module(f"ranscore.{group}.{name.replace('-', '_')}")
    if name in names(group):
        for entry in entry_points(group=f"ranscore.{group}", name=name):
            return entry.load()
    raise UnknownNameError(group.rstrip("s") if group != "search" else "optimizer", name, names(group))
