"""What R2Gen and R2GenCMN and their many heirs write: `res.csv` (generated) and `gts.csv` (reference), one text a row
and no header. A report's id is its row's number, so that the two files pair row by row.

Source: Chen et al., R2Gen, EMNLP 2020, and R2GenCMN, ACL 2021; https://github.com/zhjohnchan/R2GenCMN.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ranscore.errors import InputError
from ranscore.readers._csv import read_bare
from ranscore.readers._glance import Glance
from ranscore.readers._tables import text_table

if TYPE_CHECKING:
    import pandas as pd

SUFFIXES: tuple[str, ...] = ()
FILES = ("res.csv", "gts.csv")


def recognises(glance: Glance) -> bool:
    """True for the two names, unless the first row is a table's header."""
    known = {"report_id", "report", "reference", "generated", "findings", "prediction"}
    return glance.path.name.lower() in FILES and not glance.columns & known


def read(path: Path) -> pd.DataFrame:
    """The columns report_id (the row's number) and report; raises InputError."""
    texts = read_bare(path, 1)
    if not any(text.strip() for (text,) in texts):
        raise InputError(f"{path}: found only blank rows; expected one report a row.")
    rows = [[str(number), text] for number, (text,) in enumerate(texts, start=1)]
    return text_table(path, ("report_id", "report"), rows, range(1, len(rows) + 1), "row")
