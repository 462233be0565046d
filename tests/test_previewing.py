"""What a note would change, before a search: exact for the embedded model, an estimate with its price for others."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ranscore import catalog
from ranscore.cohort import Dataset
from ranscore.extraction.module import label_reports
from ranscore.feedback.edits import apply_edits, propose_edits
from ranscore.loop import REVIEW, Choice, Reviewed, review_program
from ranscore.models import Model, open_model, scripted
from ranscore.models._base import Message
from ranscore.models.lexical import LexicalReader
from ranscore.previewing import preview_note
from ranscore.records import ErrorNote
from ranscore.search._objective import BudgetSpentError, Objective

FINDING = "pneumothorax"


def reviewed(data: Dataset, model: Model | None = None) -> Reviewed:
    """The seed under review."""
    return review_program(data, Choice(catalog.seed_program(FINDING), "seed"), model or open_model("lexical"))


def remote() -> tuple[Model, list[int]]:
    """A model that is asked like an endpoint and reads as the embedded one does; it counts what it is asked."""
    reader, asked = LexicalReader(), [0]

    def answer(messages: list[Message]) -> str:
        asked[0] += 1
        return reader.answer(messages)

    made = scripted.open_model(answers=answer)
    return replace(made, answer=None, bears_on=None), asked


def note_on(data: Dataset, evidence: str, reads_as: str = "present") -> ErrorNote:
    """A note on the first report that holds some words."""
    report = next(r for r in data.reports if evidence.casefold() in r.text.casefold())
    return ErrorNote.model_validate({
        "note_id": "n", "report_id": report.report_id, "finding": FINDING, "reads_as": reads_as, "evidence": evidence,
    })  # fmt: skip


def test_a_preview_is_what_the_edited_program_answers(demo: Dataset) -> None:
    """For every option of every note, the reports that it turns are those that labelling all reports again turns."""
    page = reviewed(demo)
    truth = demo.reference.column(FINDING)
    notes = [n for n in demo.notes if n.finding == FINDING]
    checked = 0
    for note in notes:
        preview = preview_note(page.objective, page.scored, note)
        edits = {e.id: e for e in propose_edits([note], {r.report_id: r for r in demo.reports})}
        for option in preview.options:
            edit = edits[option.edit_id]
            if edit.exemplar:
                continue  # its own report is scored without it
            again = label_reports(apply_edits(page.program, [edit]), demo.reports, page.model).column()
            changed = [i for i, value in again.items() if value != page.values[i] and truth[i] in (0, 1)]
            assert {i for i in changed if again[i] == truth[i]} == set(option.right_ids)
            assert {i for i in changed if again[i] != truth[i]} == set(option.wrong_ids)
            checked += 1
    assert checked > 10


def test_the_best_option_is_first_and_the_sentence_says_its_count(demo: Dataset) -> None:
    """A wording of two missed reports: the sentence counts what would turn right and wrong; nothing is spent."""
    page = reviewed(demo)
    preview = preview_note(page.objective, page.scored, note_on(demo, "broken in two places"))
    assert preview.exact
    assert preview.calls == 0
    gains = [o.gain for o in preview.options]
    assert gains == sorted(gains, reverse=True)
    assert preview.best
    right, wrong = len(preview.right_ids), len(preview.wrong_ids)
    if right + wrong:
        assert f"{right + wrong} development report" in preview.sentence
        assert f"{right} right, {wrong} wrong" in preview.sentence


def test_a_note_without_evidence_says_so(demo: Dataset) -> None:
    """No rule can be made of nothing, nor of a note that does not say how to read."""
    page = reviewed(demo)
    note = note_on(demo, "sulcus")
    for silent in (note.model_copy(update={"evidence": ""}), note.model_copy(update={"reads_as": "uncertain"})):
        preview = preview_note(page.objective, page.scored, silent)
        assert preview.options == preview.right_ids == preview.wrong_ids == ()
        assert "mark the words" in preview.sentence


def test_an_endpoint_is_asked_only_when_that_is_wanted(demo: Dataset) -> None:
    """The estimate makes no call and names the price; paid, it costs what it said and is what the model answers."""
    model, asked = remote()
    data = replace(demo, reports=demo.reports[:60])
    page = reviewed(data, model)
    note = next(n for n in data.notes if n.finding == FINDING and n.reads_as == "present" and n.evidence)
    before = asked[0]
    estimate = preview_note(page.objective, page.scored, note)
    assert asked[0] == before
    assert not estimate.exact
    assert estimate.calls > 0
    assert f"takes {estimate.calls} calls" in estimate.sentence
    exact = preview_note(page.objective, page.scored, note, spend=True)
    assert exact.exact
    assert asked[0] - before == exact.calls == estimate.calls
    embedded = reviewed(data)
    rules = {o.edit_id: (o.right_ids, o.wrong_ids) for o in exact.options if o.kind == "states"}
    wanted = {o.edit_id: o for o in preview_note(embedded.objective, embedded.scored, note).options}
    assert rules == {i: (wanted[i].right_ids, wanted[i].wrong_ids) for i in rules}
    assert rules


def test_a_spent_budget_stops_a_preview(demo: Dataset) -> None:
    """An endpoint's calls are never more than the recipe allows."""
    model, asked = remote()
    data = replace(demo, reports=demo.reports[:20])
    page = reviewed(data, model)
    poor = Objective(page.objective.task, REVIEW.changed(budget=1), calls=1)
    note = next(n for n in data.notes if n.finding == FINDING and n.evidence)
    before = asked[0]
    with pytest.raises(BudgetSpentError):
        preview_note(poor, page.scored, note, spend=True)
    assert asked[0] == before


def test_a_preview_reads_few_reports_anew(demo: Dataset) -> None:
    """Of 300 reports a preview labels only those in which its words stand, and none of them twice."""
    page = reviewed(demo)
    notes = [n for n in demo.notes if n.finding == FINDING and n.evidence]
    before = page.objective.calls
    for note in notes:
        preview_note(page.objective, page.scored, note)
    spent = page.objective.calls - before
    assert 0 < spent < len(demo.reports)
    for note in notes:
        preview_note(page.objective, page.scored, note)
    assert page.objective.calls == before + spent
