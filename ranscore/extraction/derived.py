"""The labels of all findings together: those that were asked for and those that follow from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ranscore import catalog
from ranscore.records import LabelTable, Report
from ranscore.reference.derive import derive_no_finding


def gather(reports: Sequence[Report], columns: Mapping[str, Mapping[str, int]]) -> LabelTable:
    """One table in the catalog's order from each asked finding's values by report id; No Finding is derived."""
    asked = tuple(f for f in catalog.finding_ids() if f in columns)
    ids = tuple(r.report_id for r in reports)
    table = LabelTable(report_ids=ids, findings=asked, values=tuple(tuple(columns[f][i] for f in asked) for i in ids))
    return derive_no_finding(table) if set(catalog.asked_ids()) <= set(asked) else table
