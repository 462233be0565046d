"""CheXpert's labels: `train.csv`, `valid.csv` (Path and fourteen observations) and `test_labels.csv` (Study).

Source: Irvin et al., CheXpert, AAAI 2019 (arXiv 1901.07031).
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from ranscore.errors import InputError, list_faults
from ranscore.readers._chexpert import is_family, label_table
from ranscore.readers._columns import listed
from ranscore.readers._csv import read_layout
from ranscore.readers._glance import Glance

if TYPE_CHECKING:
    import pandas as pd

SUFFIXES: tuple[str, ...] = ()
PLACES = ("path", "study", "path_to_image")
_STUDY = re.compile(r"(patient\d+)/(study\d+)")


def recognises(glance: Glance) -> bool:
    """True for a path or a study beside CheXpert's observations."""
    return bool(glance.columns & set(PLACES)) and "study_id" not in glance.columns and is_family(glance.columns)


def study_of(place: str) -> tuple[str, str] | None:
    """The study (`patient00001/study1`) and the patient in an image's path, or None."""
    found = _STUDY.search(place.replace("\\", "/"))
    return (found[0], found[1]) if found else None


def read(path: Path) -> pd.DataFrame:
    """Labels of our findings by report_id (`patient00001/study1`), a row a study; raises InputError."""
    table = read_layout(path, [], "CheXpert's labels")
    column = next((name for name in PLACES if name in table), None)
    if column is None:
        raise InputError(
            f"{path}: no column is called 'Path'; columns there: {listed([str(c) for c in table.columns])}; "
            "expected CheXpert's labels."
        )
    found = [study_of(str(place)) for place in table[column]]
    faults = [
        f"row {at}, column {column!r}: found {place!r:.80}, expected …/patient00001/study1/…"
        for at, place, study in zip(table.index, table[column], found, strict=True)
        if study is None
    ]
    if faults:
        raise list_faults(str(path), faults)
    studies = [study for study in found if study]
    return label_table(path, table, [s for s, _ in studies], [p for _, p in studies])
