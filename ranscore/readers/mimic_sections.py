"""MIMIC-CXR's reports cut into sections by the scripts of its code repository (`create_section_files.py`).

Either `mimic_cxr_sectioned.csv` (study, impression, findings, last_paragraph, comparison …) or the files without a
header, `mimic_cxr_sections.csv` and `mimic_cxr_00.csv` (study, text).
Source: https://github.com/MIT-LCP/mimic-cxr, folder txt.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from ranscore.readers._csv import read_bare, read_layout
from ranscore.readers._glance import Glance
from ranscore.readers._opening import remark
from ranscore.readers._tables import rows_of, text_table

if TYPE_CHECKING:
    import pandas as pd

SUFFIXES: tuple[str, ...] = ()
CARD = "mimic-cxr"
SECTIONED = {"study", "findings", "impression"}
_BARE = re.compile(r'"?s\d{8}"?,')


def recognises(glance: Glance) -> bool:
    """True for the columns of the sectioned table, and for a first row that begins with a study."""
    return glance.columns >= SECTIONED or (glance.suffix == ".csv" and bool(_BARE.match(glance.head)))


def read(path: Path) -> pd.DataFrame:
    """The columns report_id (the study's number without `s`), findings and impression, or report; raises InputError.

    Where both sections are blank the last paragraph stands for the findings, as in the scripts; they are counted.
    """
    if _BARE.match(Glance(path).head):
        rows = [[study.strip().removeprefix("s"), text] for study, text in read_bare(path, 2)]
        return text_table(path, ("report_id", "report"), rows, range(1, len(rows) + 1), "row")
    table = read_layout(path, sorted(SECTIONED), "MIMIC-CXR's sectioned reports", {"study": "report_id"})
    rows, last = [], 0
    for _, row in rows_of(table):
        findings, impression, paragraph = row["findings"], row["impression"], row.get("last_paragraph", "")
        if paragraph.strip() and not findings.strip() + impression.strip():
            findings, last = paragraph, last + 1
        rows.append([row["report_id"].strip().removeprefix("s"), findings, impression])
    if last:
        remark(f"{path}: {last} reports have neither section, so their last paragraph is read")
    return text_table(path, ("report_id", "findings", "impression"), rows, list(table.index), "row")
