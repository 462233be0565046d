"""What the lexical reader sees in a report: rules that fire and do not count, cues, sections; quotes of a model."""

from __future__ import annotations

import json

import pytest

from ranscore import catalog
from ranscore.cohort import Dataset
from ranscore.extraction.module import label_reports
from ranscore.feedback.evidence import mark_report, quote_evidence
from ranscore.freezing import load_frozen
from ranscore.models import open_model, scripted
from ranscore.models._base import Model
from ranscore.records import Exemplar, Report, SynonymRule

TEXT = (
    "INDICATION: Pneumothorax?\nFINDINGS: No pneumothorax on the right. A deep lucent sulcus on the left. "
    "Skin fold.\nHISTORY: Old pneumothorax."
)
REPORT = Report(report_id="r1", text=TEXT)
SEED = catalog.seed_program("pneumothorax")
PROGRAM = SEED.model_copy(update={
    "rules": (
        SynonymRule(means="states", phrases=("air in the pleura", "pneumothorax")),
        SynonymRule(means="states", phrases=("fold",)),
        SynonymRule(means="does_not_count", phrases=("skin fold",)),
    ),
    "exemplars": (Exemplar(passage="a deep lucent sulcus on the left side", answer="present"),),
})  # fmt: skip


def test_marks_say_what_fired_and_why_it_does_not_count() -> None:
    """A negated mention, a look-alike and an exemplar's sentence are marked at their place with their phrase."""
    marked = mark_report(PROGRAM, REPORT)
    seen = {TEXT[m.start : m.end]: (m.kind, m.status, m.source) for m in marked.fired}
    assert seen["pneumothorax"] == ("rule", "negation", "pneumothorax")
    assert seen["fold"] == ("rule", "look-alike", "fold")
    sentence = next(m for m in marked.fired if m.kind == "exemplar")
    assert "deep lucent sulcus" in TEXT[sentence.start : sentence.end]
    assert sentence.status == "asserted"
    (mention,) = [m for m in marked.fired if m.status == "negation"]
    cue = marked.cue_of(mention)
    assert cue
    assert (TEXT[cue.start : cue.end], cue.kind) == ("No", "negation")
    assert marked.cue_of(sentence) is None


def test_sections_cover_the_report_and_say_what_is_skipped() -> None:
    """The indication and the history are parts that are not read; nothing fires there."""
    marked = mark_report(PROGRAM, REPORT)
    assert [(s.heading, s.read) for s in marked.sections] == [
        ("INDICATION", False), ("FINDINGS", True), ("HISTORY", False),
    ]  # fmt: skip
    assert "".join(TEXT[s.start : s.end] for s in marked.sections) == TEXT
    unread = [s for s in marked.sections if not s.read]
    assert not [m for m in marked.marks for s in unread if s.start <= m.start < s.end]


def test_offsets_count_characters() -> None:
    """An emoji before a mention moves it by one character."""
    text = "😀😀 Large pneumothorax."
    (mark,) = mark_report(SEED, Report(report_id="r", text=text)).fired
    assert text[mark.start : mark.end] == "pneumothorax"


def test_a_report_is_present_where_a_mark_counts(demo: Dataset) -> None:
    """On the demonstration cohort, the marks agree with the answers of the very program."""
    program = load_frozen().findings["pneumothorax"].program
    labels = label_reports(program, demo.reports[:120], open_model("lexical")).labels
    assert {label.value for label in labels} == {"present", "absent"}
    for report, label in zip(demo.reports, labels, strict=False):
        counted = [m for m in mark_report(program, report).fired if m.status == "asserted"]
        assert bool(counted) == (label.value == "present"), report.report_id


def quoting(said: str) -> Model:
    """A model that quotes this."""
    return scripted.open_model(answers=lambda messages: json.dumps({"quote": said}))


@pytest.mark.parametrize("said", ["deep lucent sulcus", '"Deep  lucent\nSULCUS"'])
def test_a_quote_is_placed_in_the_report(said: str) -> None:
    """What a model names is found whatever its spacing, case and quotation marks."""
    mark = quote_evidence(PROGRAM, REPORT, "present", quoting(said))
    assert mark
    assert (TEXT[mark.start : mark.end], mark.kind) == ("deep lucent sulcus", "quote")


@pytest.mark.parametrize("said", ["", "a large pneumothorax", "   "])
def test_a_quote_that_is_not_in_the_report_is_not_shown(said: str) -> None:
    """An invented passage, and none, give no mark."""
    assert quote_evidence(PROGRAM, REPORT, "present", quoting(said)) is None


def test_a_model_that_fails_gives_no_quote() -> None:
    """An answer that is no quote is no evidence."""
    broken = scripted.open_model(answers=lambda messages: "present")
    assert quote_evidence(PROGRAM, REPORT, "present", broken) is None
