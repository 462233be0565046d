"""Error notes: which speak to given errors, and whether they fit their reports."""

from __future__ import annotations

from ranscore.cohort import Dataset
from ranscore.feedback.notes import check_notes, notes_on
from ranscore.records import ErrorNote, Report

REPORTS = {"a": Report(report_id="a", text="Deep\nlucent left sulcus."), "b": Report(report_id="b", text="Clear.")}


def note(note_id: str, report_id: str = "a", finding: str = "pneumothorax", evidence: str = "Deep lucent") -> ErrorNote:
    """A note that reads its finding as present."""
    return ErrorNote(note_id=note_id, report_id=report_id, finding=finding, reads_as="present", evidence=evidence)


def test_only_notes_on_the_finding_and_the_reports_are_taken() -> None:
    """A note on another finding or another report is left out; the order stays."""
    notes = [note("1"), note("2", "b"), note("3", finding="edema"), note("4")]
    assert [n.note_id for n in notes_on(notes, "pneumothorax", {"a"})] == ["1", "4"]
    assert notes_on(notes, "pneumothorax", {"c"}) == ()
    assert notes_on(notes, "fracture", {"a", "b"}) == ()


def test_the_notes_of_the_demonstration_cohorts_fit_their_reports(demo: Dataset, demo_zh: Dataset) -> None:
    """Every shipped note quotes a passage of a report that is there."""
    for data in (demo, demo_zh):
        assert data.notes
        assert check_notes(data.notes, {r.report_id: r for r in data.reports}) == []


def test_each_note_that_does_not_fit_is_named_with_what_was_expected() -> None:
    """A report that is missing and a passage that is not in its report are one line each; the others pass."""
    faults = check_notes([note("1"), note("2", "z"), note("3", "b"), note("4", evidence="")], REPORTS)
    assert faults == [
        "note 2: report 'z' is not one of the reports; expected an id of theirs.",
        "note 3: the evidence 'Deep lucent' is not in report 'b'; expected a passage copied from it.",
    ]


def test_a_passage_may_differ_in_case_and_line_breaks() -> None:
    """What was copied from a page with other line breaks still counts as copied."""
    assert check_notes([note("1", evidence="deep  LUCENT\nleft")], REPORTS) == []
    assert check_notes([note("1", evidence="deep lucency")], REPORTS) != []
