"""What R2GenGPT and LLM-RG4 write into `result/`: `test_result.json` (generated), `test_refs.json` (reference), each
`{id: [text]}`.

Source: Wang et al., R2GenGPT, Meta-Radiology 2023;1:100033, https://github.com/wang-zhanyu/R2GenGPT; Wang et al.,
LLM-RG4, AAAI 2025, https://github.com/Markin-Wang/LLM-RG4.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from ranscore.errors import InputError, list_faults
from ranscore.readers import radeval_lists
from ranscore.readers._glance import Glance
from ranscore.readers._json import kind_of, load_json
from ranscore.readers._tables import text_table

if TYPE_CHECKING:
    import pandas as pd

SUFFIXES: tuple[str, ...] = ()
_LIST = re.compile(r'\s*\{\s*"(?:[^"\\]|\\.)*"\s*:\s*\[\s*"')


def recognises(glance: Glance) -> bool:
    """True for an object whose first value is a list of text."""
    return glance.suffix == ".json" and bool(_LIST.match(glance.head)) and not radeval_lists.recognises(glance)


def read(path: Path) -> pd.DataFrame:
    """The columns report_id and report; `{id: text}` is read too. Raises InputError with all faults."""
    data = load_json(path)
    if not isinstance(data, dict):
        raise InputError(f"{path}: found {kind_of(data)}, expected an object of ids with one text each.")
    rows, faults = [], []
    for report_id, value in data.items():
        texts = value if isinstance(value, list) else [value]
        if len(texts) == 1 and isinstance(texts[0], str):
            rows.append([report_id, texts[0]])
        else:
            faults.append(f"key {report_id!r:.60}: found {kind_of(value)}, expected one text in a list")
    if faults:
        raise list_faults(str(path), faults)
    return text_table(path, ("report_id", "report"), rows, range(1, len(rows) + 1), "item")
