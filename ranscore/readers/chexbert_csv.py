"""What CheXbert writes: `labeled_reports.csv`, the column Report Impression and fourteen observations.

Source: Smit et al., CheXbert, EMNLP 2020 (arXiv 2004.09167); https://github.com/stanfordmlgroup/CheXbert.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ranscore.readers._chexpert import is_family, label_table
from ranscore.readers._csv import read_layout
from ranscore.readers._glance import Glance

if TYPE_CHECKING:
    import pandas as pd

SUFFIXES: tuple[str, ...] = ()
TEXT = "report_impression"


def recognises(glance: Glance) -> bool:
    """True for the labeler's text column beside its observations."""
    return TEXT in glance.columns and is_family(glance.columns)


def read(path: Path) -> pd.DataFrame:
    """Labels of our findings; report_id is the one in the table, or else the report's number. Raises InputError."""
    return labeler_table(path, TEXT, "what CheXbert writes")


def labeler_table(path: Path, text: str, what: str) -> pd.DataFrame:
    """A labeler's output, whose rows are the reports in the order in which it was given them."""
    table = read_layout(path, [text], what)
    given = next((name for name in ("report_id", "study_id", "id") if name in table), None)
    ids = [str(i).strip() for i in table[given]] if given else [str(n) for n in range(1, len(table) + 1)]
    return label_table(path, table.drop(columns=[text]), ids)
