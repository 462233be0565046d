"""Error notes become edits that can be traced back, and edits become programs without changing anything else."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ranscore import catalog
from ranscore.cohort import Dataset
from ranscore.errors import InputError
from ranscore.feedback.edits import apply_edits, generalize, make_exemplar, make_rule, propose_edits, unique_edits
from ranscore.phrases import compile_phrase, normalize
from ranscore.records import Clarification, Edit, ErrorNote, Provenance, Report

FINDING = "pneumothorax"
SENTENCE = (
    "left right the of a no opacity effusion pneumothorax costophrenic angle blunted is are T8 2.5 cm well-defined "
    "fissure's i.e. Dr. mass/nodule (old) \"tram lines\" and, ; but: fluid, ... -- 3/4 Kerley's B-lines heart? lungs, "
    "air* & + <5 % of in on at to with by for"
)
WORDS = SENTENCE.split()
SIGNS = list("左右双侧肺叶野可见少许轻度胸腔积液气胸约30%，。、；：（）“”？?/ *&cm×.")
REPORT = Report(report_id="r1", text="Deep lucent left sulcus. Heart normal.")
NOTE = ErrorNote(
    note_id="n1", report_id="r1", finding=FINDING, reads_as="present", evidence="Deep lucent left sulcus", why="Air."
)


def note(**changes: str) -> ErrorNote:
    """The note with some fields changed."""
    return NOTE.model_validate(NOTE.model_dump() | changes)


def clarification(text: str) -> Edit:
    """An edit that adds a criterion."""
    source = Provenance(origin="model", edit_id=f"model:clarification:{text}")
    line = Clarification(absent_when=text)
    return Edit(id=source.edit_id, finding=FINDING, kind="clarification", clarification=line, provenance=source)


@pytest.fixture(scope="module")
def pool(demo: Dataset) -> tuple[Edit, ...]:
    """Real edits of all kinds for one finding: from notes, from the expert lexicon, and a clarification."""
    reports = {r.report_id: r for r in demo.reports}
    notes = [n for n in demo.notes if n.finding == FINDING]
    edits = (*propose_edits(notes, reports), *catalog.lexicon_edits(FINDING), clarification("a skin fold"))
    assert {e.kind for e in edits} == {"synonym_rule", "exemplar", "clarification"}
    return edits


@settings(max_examples=40)
@given(data=st.data())
def test_applying_edits_is_pure(pool: tuple[Edit, ...], data: st.DataObject) -> None:
    """The same edits always give the same new program, in one step or in two, and the old program stays as it was."""
    edits = data.draw(st.lists(st.sampled_from(pool), max_size=8))
    cut = data.draw(st.integers(0, len(edits)))
    program = catalog.seed_program(FINDING)
    before = program.model_dump_json()
    changed = apply_edits(program, edits)
    assert program.model_dump_json() == before
    assert changed == apply_edits(program, edits) == apply_edits(apply_edits(program, edits[:cut]), edits[cut:])
    assert (changed == program) == (not edits)


def test_an_edit_adds_its_content_at_the_end_and_nothing_else(pool: tuple[Edit, ...]) -> None:
    """Rules, exemplars and criteria of the edits follow the program's own, in the order of the edits."""
    program = catalog.seed_program(FINDING)
    changed = apply_edits(program, pool)
    assert changed.rules == (*program.rules, *(e.rule for e in pool if e.rule))
    assert changed.exemplars == (*program.exemplars, *(e.exemplar for e in pool if e.exemplar))
    lines = [e.clarification for e in pool if e.clarification]
    assert changed.present_when == (*program.present_when, *(c.present_when for c in lines if c.present_when))
    assert changed.absent_when == (*program.absent_when, *(c.absent_when for c in lines if c.absent_when))
    assert changed.absent_when[-1] == "a skin fold"
    left = {"rules", "exemplars", "present_when", "absent_when"}
    assert changed.model_dump(exclude=left) == program.model_dump(exclude=left)


def test_an_edit_of_another_finding_is_refused() -> None:
    """An edit names the finding that it is for, and a program of another one does not take it."""
    with pytest.raises(InputError, match=r"note:states:.* is for 'pneumothorax', the program for 'edema'"):
        apply_edits(catalog.seed_program("edema"), [make_rule(FINDING, "states", ["air"], "note")])


def test_every_edit_is_traceable_to_its_note(demo: Dataset, demo_zh: Dataset) -> None:
    """An edit names its note, the note's report and the clinician's reason, and what it adds to a program does too."""
    count = 0
    for data in (demo, demo_zh):
        reports = {r.report_id: r for r in data.reports}
        for one in data.notes:
            for edit in propose_edits([one], reports):
                count += 1
                content = edit.rule or edit.exemplar
                assert content is not None
                assert content.provenance == edit.provenance
                assert edit.provenance.edit_id == edit.id
                assert edit.provenance.origin == "note"
                assert edit.provenance.note_ids == (one.note_id,)
                assert edit.provenance.report_ids == (one.report_id,)
                assert edit.provenance.concept == " ".join(one.why.split())[:300]
                assert edit.finding == one.finding
    assert count > 300


@pytest.mark.parametrize(("reads_as", "means"), [("present", "states"), ("absent", "does_not_count")])
def test_a_note_proposes_rules_and_an_exemplar_that_say_what_it_reads(reads_as: str, means: str) -> None:
    """A note that reads present gives stating rules and a present exemplar; one that reads absent, look-alikes."""
    edits = propose_edits([note(reads_as=reads_as)], {"r1": REPORT})
    assert {e.rule.means for e in edits if e.rule} == {means}
    (exemplar,) = [e.exemplar for e in edits if e.exemplar]
    assert (exemplar.answer, exemplar.passage, exemplar.report_id) == (reads_as, "Deep lucent left sulcus", "r1")


@pytest.mark.parametrize(
    "silent", [note(reads_as="uncertain"), note(evidence=""), note(evidence=" \n"), note(report_id="elsewhere")]
)
def test_a_note_that_shows_nothing_proposes_nothing(silent: ErrorNote) -> None:
    """Without a clear reading, a passage and its report a note gives no edit by itself."""
    assert propose_edits([silent], {"r1": REPORT}) == ()
    assert propose_edits([NOTE], {"r1": REPORT})


def test_repeated_edits_are_kept_once_where_they_stand_first() -> None:
    """The same evidence in two notes gives the same edits once, in the order of the first, traceable to both notes."""
    both = propose_edits([NOTE, note(note_id="n2", report_id="r2")], {i: REPORT for i in ("r1", "r2")})
    alone = propose_edits([NOTE], {"r1": REPORT})
    assert [e.id for e in both] == [e.id for e in alone]
    assert {e.provenance.note_ids for e in both} == {("n1", "n2")} != {e.provenance.note_ids for e in alone}
    assert {e.provenance.report_ids for e in both} == {("r1", "r2")}
    parts = [x for e in both for x in (e.rule, e.exemplar) if x]
    assert {x.provenance.note_ids for x in parts if x.provenance} == {("n1", "n2")}
    a, b = make_rule(FINDING, "states", ["air"], "note"), make_rule(FINDING, "states", ["gas"], "note")
    assert unique_edits([a, b, a]) == (a, b)


def test_the_id_of_an_edit_follows_its_content() -> None:
    """Two edits share an id exactly when finding, meaning, phrases, answer and origin are the same."""
    edits = [
        make_rule(FINDING, "states", ["air"], "note"),
        make_rule(FINDING, "denies", ["air"], "note"),
        make_rule(FINDING, "states", ["gas"], "note"),
        make_rule(FINDING, "states", ["air"], "mined"),
        make_rule("edema", "states", ["air"], "note"),
        make_exemplar(FINDING, "Air is seen.", "present", "note"),
        make_exemplar(FINDING, "Air is seen.", "absent", "note"),
    ]
    assert len({e.id for e in edits}) == len(edits)
    assert make_exemplar(FINDING, "Air  is\nseen.", "present", "note").id == edits[5].id


@settings(max_examples=120)
@given(
    st.one_of(
        st.lists(st.sampled_from(WORDS), min_size=1, max_size=18).map(" ".join),
        st.text(st.sampled_from(SIGNS), min_size=1, max_size=25),
        st.text(max_size=40),
    )
)
def test_generalized_phrases_stand_in_their_own_evidence(evidence: str) -> None:
    """Every phrase made of a passage can be written into a prompt and finds that very passage."""
    for phrase in generalize(evidence):
        assert compile_phrase(phrase).find(normalize(evidence)), phrase
        assert '"' not in phrase


def test_the_notes_of_both_cohorts_give_phrases_that_stand_in_their_reports(demo: Dataset, demo_zh: Dataset) -> None:
    """Each phrase of a demonstration note, English or Chinese, is found in its evidence and its report."""
    for data in (demo, demo_zh):
        texts = {r.report_id: normalize(r.text) for r in data.reports}
        found = [(n, generalize(n.evidence)) for n in data.notes]
        assert sum(bool(phrases) for _, phrases in found) >= 0.95 * len(data.notes)
        for one, phrases in found:
            for phrase in phrases:
                assert compile_phrase(phrase).find(normalize(one.evidence)), (one.note_id, phrase)
                assert compile_phrase(phrase).find(texts[one.report_id]), (one.note_id, phrase)


@pytest.mark.parametrize(
    ("evidence", "elsewhere"),
    [
        ("A small left apical pneumothorax", "Moderate right apical pneumothorax."),
        ("the left costophrenic sulcus is deep", "The right costophrenic sulcus appears deep."),
        ("Giant bullous disease, not pneumothorax", "Giant bullous disease: not a pneumothorax."),
        ("左侧可见少许胸腔积液", "右侧胸腔积液"),
    ],
)
def test_side_size_and_filler_words_are_left_out(evidence: str, elsewhere: str) -> None:
    """A phrase of one passage finds the same statement about another side or size, and none in an empty report."""
    phrases = generalize(evidence)
    assert any(compile_phrase(p).find(normalize(elsewhere)) for p in phrases)
    assert not any(compile_phrase(p).find(normalize("The lungs are clear. 双肺纹理清晰。")) for p in phrases)


@pytest.mark.parametrize("evidence", ["", " ", "the left", "2.5 cm", "...", "左", "，。"])
def test_a_passage_without_content_words_supports_no_phrase(evidence: str) -> None:
    """Side, size and punctuation alone are no wording."""
    assert generalize(evidence) == ()
