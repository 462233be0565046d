"""ReXrank's files: the test sets (`section_findings`, `section_impression`, `reports` …) and submissions to it, which
add `model_prediction`.

Source: Zhang et al., ReXrank, arXiv 2411.15122; https://github.com/rajpurkarlab/ReXrank.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ranscore.errors import list_faults
from ranscore.readers._glance import Glance
from ranscore.readers._json import load_json, object_records, records_table

if TYPE_CHECKING:
    import pandas as pd

SUFFIXES: tuple[str, ...] = ()
NAMES = {
    "section_findings": "findings",
    "section_impression": "impression",
    "model_prediction": "generated",
    "study_id": "report_id",
    "subject_id": "patient_id",
}
KEEP = ("report_id", "patient_id", "findings", "impression", "generated", "split")
TEXTS = {"findings", "impression", "section_findings", "section_impression", "model_prediction"}


def recognises(glance: Glance) -> bool:
    """True for the keys of its test sets or of a submission."""
    return glance.suffix == ".json" and bool({"model_prediction", "section_findings"} & glance.keys)


def read(path: Path) -> pd.DataFrame:
    """A row a study: report_id, findings and impression of the reference, and where there are any `generated`.

    Raises InputError.
    """
    records = object_records(path, load_json(path))
    faults = [
        f"item {place}: has none of the keys {', '.join(sorted(TEXTS))}"
        for place, record in records
        if not TEXTS & record.keys()
    ]
    if faults:
        raise list_faults(str(path), faults)
    plain = [
        (place, {k: v for k, v in record.items() if k not in NAMES.values() or f"section_{k}" not in record})
        for place, record in records
    ]
    table = records_table(path, [(p, _one_id(r)) for p, r in plain], NAMES, KEEP)
    if "report_id" not in table:
        table.insert(0, "report_id", [str(n) for n in range(1, len(table) + 1)])
    return table


def _one_id(record: dict[str, object]) -> dict[str, object]:
    """The record with its key in the file for an id, or else its study's number."""
    return {k: v for k, v in record.items() if k != "study_id"} if "report_id" in record else record
