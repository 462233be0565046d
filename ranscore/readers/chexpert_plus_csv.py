"""CheXpert Plus: `df_chexpert_plus_240401.csv`, an image a row with its study's report in sections.

Source: Chambon et al., CheXpert Plus, arXiv 2405.19538.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ranscore.errors import list_faults
from ranscore.readers._csv import read_layout
from ranscore.readers._glance import Glance
from ranscore.readers._opening import remark
from ranscore.readers._tables import rows_of, text_table
from ranscore.readers.chexpert_csv import study_of

if TYPE_CHECKING:
    import pandas as pd

SUFFIXES: tuple[str, ...] = ()
CARD = "chexpert-plus"
WANTED = {"path_to_image", "section_findings", "section_impression"}
COLUMNS = ("report_id", "patient_id", "findings", "impression", "split")


def recognises(glance: Glance) -> bool:
    """True for its columns of sections beside an image's path."""
    return glance.columns >= WANTED


def read(path: Path) -> pd.DataFrame:
    """A row a study: report_id (`patient00001/study1`), patient_id, findings, impression, split; raises InputError.

    A study with neither section has the text of `section_narrative` or `section_summary` as findings; they are counted.
    """
    table = read_layout(path, sorted(WANTED), "CheXpert Plus's table of reports")
    rows: dict[str, list[str]] = {}
    places, faults, other = [], [], 0
    for place, row in rows_of(table):
        study = study_of(row["path_to_image"])
        if study is None:
            faults.append(f"{place}: path_to_image is {row['path_to_image']!r:.80}, expected …/patient00001/study1/…")
            continue
        texts = [row["section_findings"].strip(), row["section_impression"].strip()]
        if not any(texts):
            texts[0] = row.get("section_narrative", "").strip() or row.get("section_summary", "").strip()
        if study[0] not in rows:
            other += bool(texts[0] and not row["section_findings"].strip())
            rows[study[0]] = [*study, *texts, row.get("split", "")]
            places.append(place.removeprefix("row "))
        elif rows[study[0]][2:4] != texts:
            faults.append(f"{place}: another report of {study[0]!r} than in the rows before; expected one a study")
    if faults:
        raise list_faults(str(path), faults)
    remark(f"{path}: {len(table)} rows of images are {len(rows)} studies")
    if other:
        remark(f"{path}: {other} studies have neither section, so their narrative or summary is read")
    return text_table(path, COLUMNS, list(rows.values()), places, "row")
