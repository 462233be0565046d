"""What a program may keep of restricted reports."""

from __future__ import annotations

import pytest

from ranscore.feedback.discretion import are_restricted, own_vocabulary, withhold_text
from ranscore.feedback.edits import make_exemplar, make_rule, propose_edits
from ranscore.records import ErrorNote, Report, Terms

RESTRICTED = Terms(source="ward", access="restricted", remote="refused")


def _note(evidence: str) -> tuple[ErrorNote, dict[str, Report]]:
    note = ErrorNote(
        note_id="n1", report_id="r1", finding="pneumothorax", reads_as="present", evidence=evidence,
        why="Mrs Zworykin's pleural line is seen",
    )  # fmt: skip
    return note, {"r1": Report(report_id="r1", text=f"FINDINGS: {evidence}.", terms=RESTRICTED)}


def test_a_rule_of_known_words_stays_and_forgets_the_note() -> None:
    """A wording made of ranscore's own vocabulary is kept; what the reader wrote about the patient is not."""
    note, reports = _note("visceral pleural line")
    kept, left = withhold_text(propose_edits([note], reports))
    assert [e.rule.phrases for e in kept if e.rule] == [("visceral pleural line",)]
    assert "Zworykin" not in "".join(e.model_dump_json() for e in kept)
    assert left == (
        "1 edits of kind exemplar were left out, as they quote restricted reports (--keep-report-text keeps them)",
    )


@pytest.mark.parametrize(
    "evidence", ["Zworykin pleural line", "pleural line at 4711 Xylo Lane", "右侧胸膜线，患者诸葛孔明"]
)
def test_a_rule_with_a_foreign_word_is_left_out(evidence: str) -> None:
    """A name, a number or a place in the evidence reaches no edit that is kept."""
    note, reports = _note(evidence)
    kept, left = withhold_text(propose_edits([note], reports))
    text = "".join(e.model_dump_json() for e in kept)
    assert not any(word in text for word in ("workykin", "zworykin", "4711", "xylo", "诸葛", "孔明"))
    assert left


def test_what_comes_from_no_report_is_never_touched() -> None:
    """The lexicon's edits pass as they are."""
    expert = make_rule("pneumothorax", "states", ["qqq zzz"], "expert", concept="an eponym")
    assert withhold_text([expert]) == ((expert,), ())


def test_an_exemplar_of_a_report_is_left_out() -> None:
    """No passage of a restricted report goes into a program."""
    shown = make_exemplar("pneumothorax", "pleural line", "present", "mined", report_id="r1")
    kept, left = withhold_text([shown])
    assert kept == ()
    assert len(left) == 1


def test_the_vocabulary_is_ranscores_own_in_both_languages() -> None:
    """It knows the guideline's words in English and Chinese, and no name or number of a patient."""
    assert {"pneumothorax", "pleural", "气胸", "胸膜"} <= own_vocabulary()
    assert not {"zworykin", "4711", "诸葛"} & own_vocabulary()


def test_one_restricted_report_restricts_all() -> None:
    """A mixture is restricted; open and undeclared reports alone are not."""
    report = Report(report_id="a", text="x")
    assert not are_restricted([report])
    assert are_restricted([report, report.model_copy(update={"terms": RESTRICTED})])
