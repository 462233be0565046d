"""What chexpert-labeler writes: `labeled_reports.csv`, the column Reports and fourteen observations.

Source: Irvin et al., CheXpert, AAAI 2019; https://github.com/stanfordmlgroup/chexpert-labeler.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ranscore.readers._chexpert import is_family
from ranscore.readers._glance import Glance
from ranscore.readers.chexbert_csv import labeler_table

if TYPE_CHECKING:
    import pandas as pd

SUFFIXES: tuple[str, ...] = ()
TEXT = "reports"


def recognises(glance: Glance) -> bool:
    """True for the labeler's text column beside its observations."""
    return TEXT in glance.columns and is_family(glance.columns)


def read(path: Path) -> pd.DataFrame:
    """Labels of our findings; report_id is the one in the table, or else the report's number. Raises InputError."""
    return labeler_table(path, TEXT, "what chexpert-labeler writes")
