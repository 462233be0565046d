"""PadChest: `PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv`, an image a row; its reports are Spanish.

Source: Bustos et al., PadChest, Med Image Anal 2020;66:101797.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ranscore.errors import list_faults
from ranscore.readers._csv import read_layout
from ranscore.readers._glance import Glance
from ranscore.readers._opening import remark
from ranscore.readers._tables import rows_of, text_table

if TYPE_CHECKING:
    import pandas as pd

SUFFIXES: tuple[str, ...] = ()
CARD = "padchest"
WANTED = {"imageid", "studyid", "patientid", "report"}
COLUMNS = ("report_id", "patient_id", "report", "language", "labels", "method")


def recognises(glance: Glance) -> bool:
    """True for its ids of image, study and patient beside a report."""
    return glance.columns >= WANTED


def read(path: Path) -> pd.DataFrame:
    """A row a study: report_id, patient_id, report, language (`es`), PadChest's own labels, method; raises InputError.

    The reports are the stemmed text that PadChest publishes. Its labels are no column of findings.
    """
    table = read_layout(path, sorted(WANTED), "PadChest's table of images")
    rows: dict[str, list[str]] = {}
    places, faults = [], []
    for place, row in rows_of(table):
        study = row["studyid"].strip()
        new = [study, row["patientid"].strip(), row["report"].strip(), "es", row.get("labels", ""),
               row.get("methodlabel", "")]  # fmt: skip
        if study not in rows:
            rows[study] = new
            places.append(place.removeprefix("row "))
        elif rows[study][2] != new[2]:
            faults.append(f"{place}: another report of study {study!r:.60} than before; expected one a study")
    if faults:
        raise list_faults(str(path), faults)
    remark(f"{path}: {len(table)} rows of images are {len(rows)} studies")
    return text_table(path, COLUMNS, list(rows.values()), places, "row")
