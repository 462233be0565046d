"""ReXGradient-160K's metadata: `train_metadata_view_position.json`, an object of studies, or the CSV beside it.

Source: Zhang et al., ReXGradient-160K, arXiv 2505.00228.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ranscore.readers._csv import read_layout
from ranscore.readers._glance import Glance
from ranscore.readers._json import load_json, object_records, records_table, require_keys

if TYPE_CHECKING:
    import pandas as pd

SUFFIXES: tuple[str, ...] = ()
NAMES = {
    "id": "report_id",
    "PatientID": "patient_id",
    "Findings": "findings",
    "Impression": "impression",
    "Indication": "indication",
    "Comparison": "comparison",
}
KEEP = tuple(dict.fromkeys(NAMES.values()))
CSV = {"id", "findings", "impression", "imagepath"}


def recognises(glance: Glance) -> bool:
    """True for its sections beside image fields."""
    if glance.suffix == ".csv":
        return glance.columns >= CSV
    return {"Findings", "Impression"} <= glance.keys and bool({"ImagePath", "ImageViewPosition"} & glance.keys)


def read(path: Path) -> pd.DataFrame:
    """A row a study: report_id, patient_id, findings, impression and the unread sections; raises InputError."""
    if Glance(path).suffix == ".csv":
        names = {"id": "report_id", "patientid": "patient_id"}
        return read_layout(path, ["id", "findings", "impression"], "ReXGradient's metadata", names)
    records = object_records(path, load_json(path))
    require_keys(path, records, ("Findings", "Impression"), "ReXGradient's metadata")
    return records_table(path, records, NAMES, KEEP)
