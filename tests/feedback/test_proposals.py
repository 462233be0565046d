"""Votes that the reference is wrong: they propose a version and edit nothing."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ranscore.cohort import read_adjudication
from ranscore.feedback.entries import Entry
from ranscore.feedback.proposals import encode_corrections, propose_corrections
from ranscore.records import LabelTable

REFERENCE = LabelTable(report_ids=("r1", "r2", "r3"), findings=("edema",), values=((1,), (0,), (-1,)))


def vote(reader: str, report_id: str, **changes: Any) -> Entry:
    """A reader's verdict on one report."""
    fields: dict[str, Any] = {
        "entry_id": f"{reader}-{report_id}", "time": datetime(2026, 1, 1, tzinfo=UTC), "reader": reader,
        "dataset_digest": "sha256:d", "report_id": report_id, "finding": "edema", "verdict": "reference wrong",
    }  # fmt: skip
    return Entry(**(fields | changes))


def test_a_proposal_is_carried_by_more_readers_than_oppose_it(tmp_path: Path) -> None:
    """Two for and one against carry a correction, one and one do not; the table is what `--correct` reads."""
    entries = [
        vote("A", "r1", note="=Clear lungs\nthroughout", reference="present"), vote("B", "r1", note="fluid only"),
        vote("C", "r1", verdict="false absent"), vote("A", "r2"), vote("B", "r2", verdict="false present"),
    ]  # fmt: skip
    one, two = propose_corrections(entries, REFERENCE)
    assert (one.in_favour, one.against, one.carried) == (("A", "B"), ("C",), True)
    assert (two.in_favour, two.against, two.carried) == (("A",), ("B",), False)
    path = tmp_path / "c.csv"
    path.write_bytes(encode_corrections([one, two]))
    assert ",=" not in path.read_text(encoding="utf-8")
    (decision,) = read_adjudication(path)
    assert decision == one.decision
    assert (decision.value, decision.was, decision.by) == (0, 1, "A, B")
    assert decision.why == "=Clear lungs throughout; fluid only"


def test_what_the_reference_has_corrected_already_is_not_proposed_again() -> None:
    """A verdict on a value that the reference has no more, on an uncertain cell and on another report is left out."""
    entries = [
        vote("A", "r1", reference="absent"),
        vote("B", "r3"),
        vote("C", "r9"),
        vote("D", "r2", verdict="cannot tell"),
    ]
    assert propose_corrections(entries, REFERENCE) == ()
