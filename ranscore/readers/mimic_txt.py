"""MIMIC-CXR's reports as PhysioNet gives them: `files/p10/p10000032/s50414267.txt`, as a tree or as a zip archive.

Source: Johnson et al., MIMIC-CXR, Sci Data 2019;6:317; https://physionet.org/content/mimic-cxr/.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from ranscore.errors import InputError
from ranscore.readers._archive import read_texts
from ranscore.readers._glance import Glance
from ranscore.readers._opening import remark
from ranscore.readers._tables import text_table

if TYPE_CHECKING:
    import pandas as pd

SUFFIXES: tuple[str, ...] = ()
CARD = "mimic-cxr"
_REPORT = re.compile(r"(?:^|/)p(\d{8})/s(\d{8})\.txt$")


def recognises(glance: Glance) -> bool:
    """True for a tree or an archive with a patient's folder that holds a study's report."""
    return any(_REPORT.search(name) for name in glance.names)


def read(path: Path) -> pd.DataFrame:
    """The columns report_id (the study's number), patient_id and report (the whole text); raises InputError."""
    other: list[str] = []
    texts = read_texts(path, lambda name: _wanted(name, other))
    if not texts:
        raise InputError(f"{path}: found no report as p10000032/s50414267.txt; expected MIMIC-CXR's tree of reports.")
    if other:
        remark(f"{path}: {len(other)} other .txt files were passed over, such as {other[0]}")
    rows = []
    for name, text in texts.items():
        found = _REPORT.search(name)
        rows.append([found[2], found[1], text] if found else ["", "", text])
    return text_table(path, ("report_id", "patient_id", "report"), rows, list(texts), "file")


def _wanted(name: str, other: list[str]) -> bool:
    if _REPORT.search(name):
        return True
    if name.lower().endswith(".txt"):
        other.append(name)
    return False
