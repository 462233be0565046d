"""JSON tables: a list of objects, or an object of objects whose keys are the ids."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from ranscore.readers import rexgradient_json, rexrank_json
from ranscore.readers._glance import Glance
from ranscore.readers._json import load_json, object_records, records_table
from ranscore.readers.reference_json import FORMAT

if TYPE_CHECKING:
    import pandas as pd

SUFFIXES: tuple[str, ...] = ()
_SHAPE = re.compile(r'\s*(?:\[\s*\{|\{\s*"(?:[^"\\]|\\.)*"\s*:\s*\{)')


def recognises(glance: Glance) -> bool:
    """True for a list or an object of objects that is no other reader's."""
    if glance.suffix != ".json" or FORMAT in glance.head or not _SHAPE.match(glance.head):
        return False
    return not (rexrank_json.recognises(glance) or rexgradient_json.recognises(glance))


def read(path: Path) -> pd.DataFrame:
    """The table as text, its columns the union of all keys; raises InputError with all items that are no objects."""
    return records_table(path, object_records(path, load_json(path)))
