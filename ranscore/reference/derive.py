"""No Finding, from the other findings."""

from __future__ import annotations

from ranscore.catalog import asked_ids, finding_ids, finding_name
from ranscore.errors import InputError
from ranscore.metrics._derived import derive_no_finding as derive_values
from ranscore.records import LabelTable

NO_FINDING = "no_finding"
DEVICES = "support_devices"


def derive_no_finding(table: LabelTable, *, devices: bool = True) -> LabelTable:
    """The same labels with No Finding derived from all other findings, which replaces a No Finding that was there.

    Absent when any other is present; else unanswered when any is unanswered; else uncertain when any is uncertain;
    else present. With `devices=False` Support Devices are disregarded (CheXpert's rule; the paper's code counts
    them). Findings come in the catalog's order. Raises InputError if one of the others has no column. Source:
    annotation guideline, row No Finding.
    """
    others = [f for f in asked_ids() if devices or f != DEVICES]
    missing = [finding_name(f) for f in others if f not in table.findings]
    if missing:
        raise InputError(f"No Finding is derived from all other findings; found no labels for {', '.join(missing)}.")
    at = {f: table.findings.index(f) for f in table.findings}
    findings = tuple(f for f in finding_ids() if f in at or f == NO_FINDING)
    columns = [at[f] for f in others]
    derived = derive_values([[row[i] for i in columns] for row in table.values]).tolist()
    values = tuple(
        tuple(own if f == NO_FINDING else row[at[f]] for f in findings)
        for row, own in zip(table.values, derived, strict=True)
    )
    return LabelTable(report_ids=table.report_ids, findings=findings, values=values)
