"""The fourteen observations of CheXpert, of its labelers and of MIMIC-CXR-JPG, as labels of our findings.

A blank cell means that the report does not mention it, which is absent here. A finding that includes another (as
`enlarged_cardiomediastinum` includes `cardiomegaly`) is at least as present as that one. No Finding is left out: there
it is the absence of thirteen observations, here of twenty findings.
Source: Irvin et al., CheXpert, AAAI 2019 (arXiv 1901.07031); Smit et al., CheXbert, EMNLP 2020 (arXiv 2004.09167).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ranscore.catalog import finding_id, findings
from ranscore.errors import InputError, UnknownNameError, list_faults
from ranscore.readers._columns import fold, listed
from ranscore.readers._opening import remark
from ranscore.readers._tables import text_table

if TYPE_CHECKING:
    import pandas as pd

NO_FINDING = "no_finding"
SAME = (
    "atelectasis", "cardiomegaly", "consolidation", "edema", "enlarged_cardiomediastinum", "fracture", "lung_lesion",
    "lung_opacity", "pleural_effusion", "pleural_other", "pneumonia", "pneumothorax", "support_devices",
)  # fmt: skip
LEAST = 5  # observations that tell a table of this family from another
_RANK = {"1": 3, "1.0": 3, "-1": 2, "-1.0": 2, "0": 1, "0.0": 1}


def observations(columns: Iterable[str]) -> dict[str, str]:
    """The columns that are observations, by finding; No Finding among them."""
    found: dict[str, str] = {}
    for column in columns:
        try:
            finding = finding_id(column.replace("_", " "))
        except UnknownNameError:
            continue
        if finding in SAME or finding == NO_FINDING:
            found.setdefault(finding, column)
    return found


def is_family(columns: Iterable[str]) -> bool:
    """True for the columns of a table with these observations."""
    return len(observations(columns)) >= LEAST


def label_table(path: Path, table: pd.DataFrame, ids: Sequence[str], patients: Sequence[str] = ()) -> pd.DataFrame:
    """The observations of a table as labels of our findings, a row an id (rows of one id must agree).

    Raises InputError with all faults.
    """
    columns = {fold(str(c)): str(c) for c in table.columns}
    found = {f: columns[fold(c)] for f, c in observations(map(str, table.columns)).items()}
    kept = [f for f in found if f != NO_FINDING]
    if len(kept) < LEAST:
        raise InputError(
            f"{path}: found {len(kept)} of CheXpert's observations among the columns {listed(list(columns))}; "
            "expected e.g. 'Cardiomegaly', 'Edema', 'Pneumothorax'."
        )
    rows: dict[str, list[str]] = {}
    first: dict[str, object] = {}
    closed: dict[tuple[str, ...], list[str]] = {}
    faults, blank = [], 0
    cells = [[str(v) for v in table[found[f]]] for f in kept]
    for number, (place, report_id) in enumerate(zip(table.index, ids, strict=True)):
        values = tuple(column[number].strip() for column in cells)
        blank += values.count("")
        row = closed.get(values)
        if row is None:
            given = dict(zip(kept, values, strict=True))
            row = closed[values] = [_closed(given, f) for f in kept]
        if rows.setdefault(report_id, row) != row:
            faults.append(f"{table.index.name} {place}: other labels of {report_id!r:.80} than in {first[report_id]}")
        first.setdefault(report_id, f"{table.index.name} {place}")
    if faults:
        raise list_faults(str(path), faults)
    _remark(path, found, len(table), len(rows), blank)
    group = dict(zip(ids, patients, strict=True)) if patients else {}
    extra = ["patient_id"] if group else []
    table_rows = [[i, *([group[i]] if group else []), *row] for i, row in rows.items()]
    places = [str(place).rsplit(" ", 1)[-1] for place in (first[i] for i in rows)]
    return text_table(path, ["report_id", *extra, *kept], table_rows, places, str(table.index.name))


def _closed(given: Mapping[str, str], finding: str) -> str:
    """A cell with blank as absent, raised to what the findings that it includes have."""
    values = [given[f] or "0" for f in (finding, *findings()[finding].includes) if f in given]
    if any(value not in _RANK for value in values):
        return values[0]
    return max(values, key=_RANK.__getitem__)


def _remark(path: Path, found: Mapping[str, str], n_rows: int, n_ids: int, blank: int) -> None:
    kept = len(found) - (NO_FINDING in found)
    out = ", left out: No Finding (derived of other findings there)" if NO_FINDING in found else ""
    remark(f"{path}: {kept} of {len(found)} observations are findings here{out}")
    if blank:
        remark(f"{path}: {blank} blank cells (not mentioned) were read as absent")
    if n_ids < n_rows:
        remark(f"{path}: {n_rows} rows of images are {n_ids} studies")
