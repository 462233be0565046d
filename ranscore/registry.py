"""Names to extensions: one module in a package, or one entry point, is one extension.

A group is a package of ranscore (`readers`, `models`, `metrics`, `search`, `cli`, `labelling.engines` …); its public
modules are its extensions, named as their files with `-` for `_`. Other distributions add to a group by an entry point
in `ranscore.<group>`. Listing imports no extension.
"""

from __future__ import annotations

import pkgutil
import sys
from functools import lru_cache
from importlib import import_module, util
from importlib.metadata import EntryPoints, entry_points
from pathlib import Path
from typing import Any

from ranscore.errors import UnknownNameError

_KINDS = {"search": "optimizer", "labelling.engines": "engine"}


def _folder(group: str) -> list[str]:
    return [str(Path(__file__).parent.joinpath(*group.split(".")))]


@lru_cache(maxsize=32)
def _installed(group: str, path: tuple[str, ...]) -> EntryPoints:
    """A group's entry points in all distributions on a path: 20 ms to read, and asked for many times."""
    return entry_points(group=f"ranscore.{group}")


def _plugins(group: str) -> EntryPoints:
    return _installed(group, tuple(sys.path))


def names(group: str) -> list[str]:
    """The registered names of a group, sorted; nothing is imported."""
    own = [m.name.replace("_", "-") for m in pkgutil.iter_modules(_folder(group)) if not m.name.startswith("_")]
    return sorted({*own, *(e.name for e in _plugins(group))})


def load(group: str, name: str) -> Any:
    """The module (or the entry point's object) behind a name; raises UnknownNameError with the near misses."""
    module = f"ranscore.{group}.{name.replace('-', '_')}"
    if name in names(group):
        if util.find_spec(module) is not None:
            return import_module(module)
        for entry in _plugins(group).select(name=name):
            return entry.load()
    raise UnknownNameError(_KINDS.get(group, group.rstrip("s")), name, names(group))
