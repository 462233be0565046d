"""Reading an error note's own words: what a model proposes is checked, and becomes edits that name the note."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from ranscore import catalog
from ranscore.extraction.note_reader import find_sentence, read_note
from ranscore.feedback.edits import apply_edits
from ranscore.feedback.reading import read_notes_with_model
from ranscore.models import open_model, scripted
from ranscore.models._base import Message, Model
from ranscore.phrases import compile_phrase, normalize
from ranscore.records import ErrorNote, Report

PROGRAM = catalog.seed_program("pneumothorax")
REPORT = Report(
    report_id="r1",
    text="Supine film. The left sulcus is deep\nand lucent, new since the line. The heart is not enlarged.",
)
NOTE = ErrorNote(
    note_id="n1",
    report_id="r1",
    finding="pneumothorax",
    reads_as="present",
    evidence="sulcus is deep and lucent",
    why="On a supine film a deep sulcus is pleural air.",
)
RULE = {"kind": "synonym_rule", "means": "states", "phrases": ["sulcus & deep", "deep lucent sulcus"]}
EXEMPLAR = {"kind": "exemplar", "passage": "the left sulcus is deep and lucent", "answer": "present"}
CRITERION = {"kind": "clarification", "criterion": "a deep sulcus on a supine film", "answer": "present"}


def proposing(*proposals: dict[str, Any]) -> Model:
    """A model that proposes these."""
    return scripted.open_model(answers=lambda messages: json.dumps({"proposals": list(proposals)}))


def test_each_kind_of_proposal_becomes_an_edit_of_its_note() -> None:
    """A rule, an exemplar and a criterion are applied to the program, all traceable to the note."""
    edits, reasons = read_notes_with_model([NOTE], {"r1": REPORT}, PROGRAM, proposing(RULE, EXEMPLAR, CRITERION))
    assert reasons == ()
    assert [e.kind for e in edits] == ["synonym_rule", "exemplar", "clarification"]
    assert {(e.provenance.origin, e.provenance.note_ids, e.provenance.report_ids) for e in edits} == {
        ("model", ("n1",), ("r1",))
    }
    program = apply_edits(PROGRAM, edits)
    assert program.rules[-1].phrases == ("sulcus & deep", "deep lucent sulcus")
    assert (program.exemplars[-1].report_id, program.exemplars[-1].answer) == ("r1", "present")
    assert program.present_when[-1] == "a deep sulcus on a supine film"
    assert compile_phrase(program.rules[-1].phrases[0]).find(normalize(REPORT.text))


def test_criterion_for_absent_goes_to_the_absent_list() -> None:
    """The answer of a criterion decides on which side of the definition it stands."""
    edits, _ = read_notes_with_model([NOTE], {"r1": REPORT}, PROGRAM, proposing(CRITERION | {"answer": "absent"}))
    program = apply_edits(PROGRAM, edits)
    assert program.absent_when[-1] == "a deep sulcus on a supine film"
    assert program.present_when == PROGRAM.present_when


@pytest.mark.parametrize(
    ("proposal", "reason"),
    [
        (RULE | {"phrases": ["sulcus ("]}, "sulcus ("),
        (RULE | {"phrases": ['the "sulcus"']}, "quotation mark"),
        (RULE | {"phrases": [" "]}, "no phrase"),
        (RULE | {"phrases": None}, "no phrase"),
        (RULE | {"means": "suggests"}, "'suggests'"),
        (EXEMPLAR | {"passage": "a deep sulcus sign"}, "does not stand in the report"),
        (EXEMPLAR | {"passage": ""}, "does not stand in the report"),
        (EXEMPLAR | {"answer": "maybe"}, "'maybe'"),
        (CRITERION | {"criterion": "x" * 201}, "201 characters"),
        (CRITERION | {"criterion": None}, "0 characters"),
        (CRITERION | {"answer": None}, "present or absent"),
        ({"kind": "rule"}, "'rule'"),
        ({}, "no kind"),
    ],
)
def test_bad_proposal_is_dropped_with_its_reason_and_the_good_one_kept(proposal: dict[str, Any], reason: str) -> None:
    """One wrong proposal costs only itself."""
    reading = read_note(NOTE, REPORT, PROGRAM, proposing(proposal, CRITERION))
    assert [e.kind for e in reading.edits] == ["clarification"]
    assert len(reading.dropped) == 1
    assert reason in reading.dropped[0]
    assert reading.failure == ""


def test_more_proposals_than_asked_for_are_dropped() -> None:
    """A flood of proposals is cut at the limit that the model was told."""
    many = [CRITERION | {"criterion": f"sign {i}"} for i in range(9)]
    reading = read_note(NOTE, REPORT, PROGRAM, proposing(*many))
    assert (len(reading.edits), len(reading.dropped)) == (6, 3)


def test_model_is_told_the_note_the_sentence_and_the_definition_and_nothing_else_of_the_report() -> None:
    """Only the sentence that the note is about leaves the report, without the prompt's own markers."""
    heard: list[str] = []

    def listen(messages: Sequence[Message]) -> str:
        heard.append("\n".join(text for _, text in messages))
        return '{"proposals": []}'

    report = REPORT.model_copy(update={"text": REPORT.text.replace("sulcus is", "sulcus is </report>")})
    note = NOTE.model_copy(update={"evidence": "sulcus is </report> deep and lucent"})
    reading = read_note(note, report, PROGRAM, scripted.open_model(answers=listen))
    assert (len(heard), reading.edits, reading.failure) == (1, (), "")
    assert NOTE.why in heard[0]
    assert " ".join(PROGRAM.definition.split()) in heard[0]
    assert "new since the line" in heard[0]
    assert "heart is not enlarged" not in heard[0]
    assert "</report>" not in heard[0]


@pytest.mark.parametrize(
    ("passage", "sentence"),
    [
        ("SULCUS is deep and", "The left sulcus is deep and lucent, new since the line"),
        ("heart is", "The heart is not enlarged"),
        ("no such words", "no such words"),
        ("", ""),
    ],
)
def test_sentence_of_a_passage_is_found_across_lines_and_case(passage: str, sentence: str) -> None:
    """A passage is found however it is wrapped; one that stands nowhere is given back."""
    assert find_sentence(REPORT.text, passage).rstrip(".") == sentence


def raising(messages: Sequence[Message]) -> str:
    """A model that cannot be reached."""
    raise ConnectionError("secret report text")


@pytest.mark.parametrize(
    ("answers", "reason"),
    [(lambda messages: "I would rather not.", "could not be read"), (raising, "the call failed (LMUnexpectedError)")],
)
def test_failure_is_a_reason_and_quotes_nothing(
    answers: Callable[[Sequence[Message]], str], reason: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """A model that fails or talks gives no edit, no traceback, no log line, and a reason without its text."""
    reading = read_note(NOTE, REPORT, PROGRAM, scripted.open_model(answers=answers))
    assert reading.edits == ()
    assert reason in reading.failure
    assert "secret" not in reading.failure
    assert "rather" not in reading.failure
    assert capfd.readouterr() == ("", "")


def test_embedded_reader_proposes_nothing() -> None:
    """The lexical model cannot read notes, and that is a reason, not a crash."""
    edits, reasons = read_notes_with_model([NOTE], {"r1": REPORT}, PROGRAM, open_model("lexical"))
    assert edits == ()
    assert reasons == ("note n1: not read by lexical: the answer could not be read as a list of proposals",)


def test_rest_is_left_unread_after_three_failures_in_a_row() -> None:
    """A dead model is asked three times, not once a note."""
    asked: list[int] = []

    def fail(messages: Sequence[Message]) -> str:
        asked.append(1)
        raise ConnectionError

    notes = [NOTE.model_copy(update={"note_id": f"n{i}"}) for i in range(8)]
    edits, reasons = read_notes_with_model(notes, {"r1": REPORT}, PROGRAM, scripted.open_model(answers=fail))
    assert (edits, len(asked), len(reasons)) == ((), 3, 4)
    assert reasons[-1] == "5 notes left unread after 3 failures of scripted"


def test_note_without_words_or_without_its_report_is_not_sent() -> None:
    """Nothing is asked about a note that says nothing, or whose report is not among the development reports."""

    def never(messages: Sequence[Message]) -> str:
        raise AssertionError("asked")

    notes = [NOTE.model_copy(update={"why": " ", "evidence": ""}), NOTE.model_copy(update={"report_id": "r9"})]
    assert read_notes_with_model(notes, {"r1": REPORT}, PROGRAM, scripted.open_model(answers=never)) == ((), ())
