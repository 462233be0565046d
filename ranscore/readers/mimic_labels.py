"""MIMIC-CXR-JPG's labels: `mimic-cxr-2.0.0-chexpert.csv`, `-negbio.csv` and the test set's, plain or as `.csv.gz`.

Source: Johnson et al., MIMIC-CXR-JPG, arXiv 1901.07042; https://physionet.org/content/mimic-cxr-jpg/.
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


def recognises(glance: Glance) -> bool:
    """True for a study's number beside CheXpert's observations."""
    return "study_id" in glance.columns and "report_id" not in glance.columns and is_family(glance.columns)


def read(path: Path) -> pd.DataFrame:
    """Labels of our findings by report_id (the study's number), as `_chexpert` says; raises InputError."""
    table = read_layout(path, ["study_id"], "MIMIC-CXR-JPG's labels")
    ids = [str(i).strip().removeprefix("s") for i in table["study_id"]]
    patients = [str(p).strip() for p in table["subject_id"]] if "subject_id" in table else []
    return label_table(path, table, ids, patients)
