"""MIMIC-CXR-JPG's tables of images: `mimic-cxr-2.0.0-split.csv` and `-metadata.csv`, plain or as `.csv.gz`.

Source: Johnson et al., MIMIC-CXR-JPG, arXiv 1901.07042; https://physionet.org/content/mimic-cxr-jpg/.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ranscore.readers._csv import read_layout
from ranscore.readers._glance import Glance
from ranscore.readers._opening import remark
from ranscore.readers._tables import rows_of, text_table

if TYPE_CHECKING:
    import pandas as pd

SUFFIXES: tuple[str, ...] = ()
WANTED = {"dicom_id", "study_id", "subject_id"}


def recognises(glance: Glance) -> bool:
    """True for a table of images with their studies and patients."""
    return glance.columns >= WANTED and "report_id" not in glance.columns


def read(path: Path) -> pd.DataFrame:
    """A row a study: report_id, patient_id, and every other column with its images' different values, `;` between.

    Raises InputError.
    """
    table = read_layout(path, sorted(WANTED), "a table of images with dicom_id, study_id and subject_id")
    others = [str(c) for c in table.columns if c not in ("study_id", "subject_id")]
    studies: dict[str, dict[str, dict[str, None]]] = {}
    patients: dict[str, str] = {}
    for _, row in rows_of(table):
        study = row["study_id"].strip().removeprefix("s")
        patients.setdefault(study, row["subject_id"].strip())
        values = studies.setdefault(study, {column: {} for column in others})
        for column in others:
            if row[column].strip():
                values[column][row[column].strip()] = None
    remark(f"{path}: {len(table)} rows of images are {len(studies)} studies")
    rows = [[i, patients[i], *(";".join(values[c]) for c in others)] for i, values in studies.items()]
    return text_table(path, ("report_id", "patient_id", *others), rows, range(1, len(rows) + 1), "study")
