"""Edits mined from development errors: shared wordings only, never one that speaks elsewhere."""

from __future__ import annotations

import pytest

from ranscore import catalog
from ranscore.cohort import Dataset
from ranscore.extraction.module import label_reports
from ranscore.feedback.disagreements import Disagreement, find_disagreements
from ranscore.feedback.mining import mine_edits
from ranscore.models import open_model
from ranscore.phrases import compile_phrase, normalize
from ranscore.records import Edit, Program, Report

FINDINGS = ("pneumothorax", "pulmonary_vascular_abnormal")


def mine(data: Dataset, program: Program) -> tuple[tuple[Edit, ...], tuple[Disagreement, ...]]:
    """The mined edits of a program on a cohort, and its errors."""
    reference = data.reference.column(program.finding)
    errors = find_disagreements(reference, label_reports(program, data.reports, open_model("lexical")).labels)
    return mine_edits(program, errors, {r.report_id: r for r in data.reports}, reference), errors


def reports(**texts: str) -> dict[str, Report]:
    """Reports by id."""
    return {i: Report(report_id=i, text=text) for i, text in texts.items()}


def missed(*ids: str) -> list[Disagreement]:
    """Reports whose finding was missed."""
    return [Disagreement(report_id=i, finding="pneumothorax", kind="false absent", reference=1) for i in ids]


@pytest.fixture(scope="module")
def bare() -> Program:
    """A program that knows one broad wording."""
    seed = catalog.seed_program("pneumothorax")
    broad = seed.rules[0].model_copy(update={"phrases": ("line",)})
    return seed.model_copy(update={"rules": (broad,)})


@pytest.mark.parametrize("finding", FINDINGS)
def test_a_mined_wording_stands_in_several_errors_and_in_no_report_that_says_otherwise(
    demo: Dataset, demo_zh: Dataset, finding: str
) -> None:
    """A stating rule fits several missed reports and no absent one; a look-alike a false alarm and no present one."""
    for data in (demo, demo_zh):
        edits, errors = mine(data, catalog.seed_program(finding))
        texts = {r.report_id: normalize(r.text) for r in data.reports}
        reference = data.reference.column(finding)
        kinds = {"states": ("false absent", 0), "does_not_count": ("false present", 1)}
        for edit in edits:
            assert edit.rule is not None
            kind, against = kinds[edit.rule.means]
            (phrase,) = edit.rule.phrases
            holders = {i for i, text in texts.items() if compile_phrase(phrase).find(text)}
            assert holders >= set(edit.provenance.report_ids)
            assert {e.report_id for e in errors if e.kind == kind} >= set(edit.provenance.report_ids)
            assert len(edit.provenance.report_ids) >= (2 if edit.rule.means == "states" else 1)
            assert not [i for i in holders if reference[i] == against], phrase


def test_mined_edits_are_marked_and_hold_no_note(small: Dataset) -> None:
    """A mined edit says that nobody wrote it, names its reports, and those of most reports come first."""
    edits, _ = mine(small, catalog.seed_program("pneumothorax"))
    assert edits
    for edit in edits:
        assert edit.id.startswith("mined:")
        assert (edit.provenance.origin, edit.provenance.source) == ("mined", "development error")
        assert edit.provenance.note_ids == ()
        assert edit.rule is not None
        assert edit.rule.provenance == edit.provenance
    sizes = [len(e.provenance.report_ids) for e in edits if e.rule and e.rule.means == "states"]
    assert sizes == sorted(sizes, reverse=True)
    assert edits == mine(small, catalog.seed_program("pneumothorax"))[0]


def shared(text: str, **others: str) -> tuple[dict[str, Report], list[str]]:
    """Six reports of one text, other reports beside them, and the ids of the six."""
    ids = [f"m{i}" for i in range(6)]
    return reports(**dict.fromkeys(ids, text), **others), ids


def test_what_a_single_report_says_is_left_to_the_notes(bare: Program) -> None:
    """A wording counts only where several errors share it, and nothing is mined without errors."""
    texts, ids = shared("Lucent deep recess.", c="Clear lungs.")
    reference = {**dict.fromkeys(ids, 1), "c": 0}
    found = mine_edits(bare, missed(*ids), texts, reference)
    assert [e.provenance.report_ids for e in found if e.rule and e.rule.phrases == ("lucent deep recess",)] == [
        tuple(ids)
    ]
    assert mine_edits(bare, missed(ids[0]), texts, reference) == ()
    assert mine_edits(bare, [], texts, reference) == ()


@pytest.mark.parametrize(
    ("text", "elsewhere"),
    [
        ("Lucent deep recess.", "Lucent deep recesses."),
        ("Pleural cavity lucent.", "Pleural cavities lucent."),
        ("Lucent patient's recess.", "Lucent patient's recess's end."),
    ],
)
def test_a_wording_of_an_absent_report_is_not_mined_even_in_another_ending(
    bare: Program, text: str, elsewhere: str
) -> None:
    """A phrase also finds plurals, so a plural in an absent report speaks against it; an uncertain one does not."""
    texts, ids = shared(text, c=elsewhere)
    assert mine_edits(bare, missed(*ids), texts, {**dict.fromkeys(ids, 1), "c": 0}) == ()
    assert mine_edits(bare, missed(*ids), texts, {**dict.fromkeys(ids, 1), "c": -1})


def test_look_alikes_are_mined_around_what_misled_the_program(bare: Program) -> None:
    """Where a broad wording gave false alarms, the words around it become a rule that they do not count."""
    texts, ids = shared("New venous line.", c="Pleural line at the apex.", d="New pleural line.")
    errors = [Disagreement(report_id=i, finding="pneumothorax", kind="false present", reference=0) for i in ids]
    edits = mine_edits(bare, errors, texts, {**dict.fromkeys(ids, 0), "c": 1, "d": 1})
    assert edits
    for edit in edits:
        assert edit.rule is not None
        assert edit.rule.means == "does_not_count"
        (phrase,) = edit.rule.phrases
        assert "venous" in phrase
        assert edit.provenance.report_ids == tuple(ids)
        found = {i for i, r in texts.items() if compile_phrase(phrase).find(normalize(r.text))}
        assert found == set(ids)
