"""Candidates are scored on the whole set, an exemplar's own report without it, and nothing is asked twice."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score, f1_score

from ranscore import catalog
from ranscore.cohort import Dataset
from ranscore.extraction.module import label_reports
from ranscore.feedback.disagreements import find_disagreements
from ranscore.feedback.edits import make_exemplar, make_rule, propose_edits, unique_edits
from ranscore.feedback.mining import mine_edits
from ranscore.models import Model, open_model, scripted
from ranscore.models._base import Message
from ranscore.models.lexical import LexicalReader
from ranscore.prompt import unwrap_report
from ranscore.records import Answer, AnswerForm, Clarification, Edit, Exemplar, Program, Provenance, Report
from ranscore.search._objective import BudgetSpentError, Candidate, Objective, Scored, Task, changed_labels
from ranscore.search._recipe import Recipe

FINDING = "pneumothorax"
PLAIN = Recipe(name="plain", algorithm="random", penalty_per_1000_tokens=0.0)
LONG = (
    "The left costophrenic sulcus is abnormally deep and lucent on this supine film. "
    "The lungs are clear and the heart is not enlarged and the bones are intact and the soft tissues are normal."
)


def reports_of(count: int) -> tuple[Report, ...]:
    """Reports that differ in one word."""
    return tuple(Report(report_id=f"r{i}", text=f"Study number {i} of the chest.") for i in range(count))


def task_of(values: Sequence[int], answers: Sequence[str] | Callable[[Sequence[Message]], str]) -> Task:
    """A task with this reference, whose model gives these answers by report."""
    reports = reports_of(len(values))
    told = dict(zip((r.text for r in reports), answers, strict=True)) if not callable(answers) else answers
    reference = {r.report_id: v for r, v in zip(reports, values, strict=True)}
    return Task(FINDING, "Pneumothorax", reports, reference, scripted.open_model(answers=told))


def exemplar(passage: str, report_id: str | None, answer: Answer = "present") -> Edit:
    """An exemplar taken from a report."""
    return make_exemplar(FINDING, passage, answer, "note", report_id=report_id)


def score_seed(task: Task, recipe: Recipe = PLAIN) -> Scored:
    """The seed scored."""
    return Objective(task, recipe).score(Candidate(catalog.seed_program(FINDING)))


def labels_from_scratch(candidate: Candidate, reports: Sequence[Report], model: Model) -> dict[str, str]:
    """Every report labelled by itself with the program less its own exemplars: the second implementation."""
    program = candidate.program
    found = {}
    for report in reports:
        others = tuple(e for e in program.exemplars if e.report_id != report.report_id)
        told = program.model_copy(update={"exemplars": others})
        (label,) = label_reports(told, [report], model).labels
        found[report.report_id] = label.value
    return found


CELLS = st.lists(
    st.tuples(st.sampled_from([1, 0, 0, -1]), st.sampled_from(["present", "absent", "?"])), min_size=1, max_size=40
)


@settings(max_examples=50)
@given(CELLS)
def test_the_objective_is_kappa_or_f1_of_the_whole_set(cells: list[tuple[int, str]]) -> None:
    """The value is scikit-learn's kappa (or F1) over the answered certain cells, less for each unanswered one."""
    task = task_of([v for v, _ in cells], [a for _, a in cells])
    kappa, f1 = score_seed(task), score_seed(task, PLAIN.changed(objective="f1"))
    certain = [(v, a) for v, a in cells if v >= 0]
    pairs = [(v, int(a == "present")) for v, a in certain if a != "?"]
    truth, given_ = [v for v, _ in pairs], [a for _, a in pairs]
    share = len(pairs) / max(1, len(pairs) + sum(a == "?" for _, a in cells))
    if len({*truth, *given_}) == 2:
        wanted = float(cohen_kappa_score(truth, given_))
        assert kappa.score.kappa == pytest.approx(wanted)
        assert kappa.value == pytest.approx(wanted * share if wanted > 0 else wanted - (1 - share))
    else:
        assert kappa.score.kappa is None
    f = float(f1_score(truth, given_, zero_division=0)) if pairs else 0.0
    assert f1.value == pytest.approx(f * share if f > 0 else share - 1)


@pytest.mark.parametrize(
    ("values", "answers", "value"),
    [
        ([0, 0, 0], ["absent", "absent", "absent"], 0.0),
        ([1, 1, 1], ["present", "present", "present"], 1.0),
        ([-1, -1, 0], ["present", "absent", "absent"], 0.0),
        ([1, 0, 1], ["?", "?", "?"], -1.0),
    ],
)
def test_an_undefined_kappa_is_no_number(values: list[int], answers: list[str], value: float) -> None:
    """With one class on both sides kappa stays undefined in the score, and the search still has a value to compare."""
    scored = score_seed(task_of(values, answers))
    assert scored.score.kappa is None
    assert scored.value == value


@settings(max_examples=50)
@given(CELLS, st.data())
def test_an_unanswered_cell_lowers_the_value(cells: list[tuple[int, str]], data: st.DataObject) -> None:
    """A set of right answers is worth more than the same with some of them missing, and nothing beats by silence."""
    cells = [(v, "present" if v == 1 else "absent") for v, _ in cells] + [(1, "present"), (0, "absent")]
    certain = [i for i, (v, _) in enumerate(cells) if v >= 0]
    silent = data.draw(st.sets(st.sampled_from(certain), min_size=1))
    values, answers = [v for v, _ in cells], [a for _, a in cells]
    full = score_seed(task_of(values, answers))
    partial = score_seed(task_of(values, ["" if i in silent else a for i, a in enumerate(answers)]))
    wrong = score_seed(task_of(values, ["absent" if a == "present" else "present" for a in answers]))
    assert partial.score.unanswered == len(silent)
    assert partial.value < full.value == 1.0
    assert score_seed(task_of(values, ["" for _ in answers])).value <= wrong.value


def test_prompt_length_and_origin_weigh_as_the_recipe_says() -> None:
    """A longer candidate loses the penalty for its tokens; an edit gains or loses what its origin is worth."""
    task = task_of([1, 0], ["present", "absent"])
    edit = make_rule(FINDING, "states", ["x" * 400], "note")
    base = catalog.seed_program(FINDING)
    costly = PLAIN.changed(penalty_per_1000_tokens=1.0, prior={"note": 0.25})
    plain, weighed = (Objective(task, r).score(Candidate(base, (edit,))) for r in (PLAIN, costly))
    assert plain.value == 1.0
    assert weighed.value == pytest.approx(1.0 - 0.1 + 0.25)
    assert weighed.prompt_tokens > Objective(task, PLAIN).score(Candidate(base)).prompt_tokens


@pytest.mark.parametrize("where", ["edit", "program"])
def test_the_report_of_an_exemplar_is_read_without_it(where: str) -> None:
    """The prompt for a report never holds a passage of that report; every other report's prompt does."""
    asked: dict[str, str] = {}

    def answer(messages: Sequence[Message]) -> str:
        asked[unwrap_report(messages[-1][1])] = "\n".join(text for _, text in messages[:-1])
        return "absent"

    task = task_of([1, 0, 1, 0], answer)
    base = catalog.seed_program(FINDING)
    own = exemplar("A passage of the second.", "r1")
    other = exemplar("A passage of nobody.", None)
    candidate = Candidate(base, (other, own))
    if where == "program":
        candidate = Candidate(candidate.program)
    Objective(task, PLAIN).score(candidate)
    held = {r.report_id: "A passage of the second." in asked[r.text] for r in task.reports}
    assert held == {"r0": True, "r1": False, "r2": True, "r3": True}
    assert all("A passage of nobody." in head for head in asked.values())


def test_the_answer_for_an_exemplars_own_report_is_that_of_the_program_without_it(small: Dataset) -> None:
    """On real reports each positive is missed again by the candidate whose exemplar is its own sentence."""
    reference = small.reference.column(FINDING)
    task = Task(FINDING, "Pneumothorax", small.reports, reference, open_model("lexical"))
    objective, base = Objective(task, PLAIN), catalog.seed_program(FINDING)
    notes = [n for n in small.notes if n.finding == FINDING and n.reads_as == "present"]
    seed = {a.report_id: a.value for a in objective.score(Candidate(base)).labels}
    assert notes
    changed = 0
    for note in notes:
        edit = exemplar(note.evidence, note.report_id)
        answers = {a.report_id: a.value for a in objective.score(Candidate(base, (edit,))).labels}
        leaked = label_reports(Candidate(base, (edit,)).program, task.reports, task.model).column()
        assert answers[note.report_id] == seed[note.report_id]
        changed += leaked[note.report_id] == 1 and answers[note.report_id] == "absent"
    assert changed > 0


@pytest.fixture(scope="module", params=[FINDING, "pleural_effusion"])
def bench(request: pytest.FixtureRequest, small: Dataset, demo_zh: Dataset) -> tuple[Objective, Program, list[Edit]]:
    """An objective on English and Chinese reports that lives through all examples, and real edits of every source."""
    finding: str = request.param
    base, zh = catalog.seed_program(finding), demo_zh.reports[:25]
    reports = small.reports[::2] + zh
    reference = {**small.reference.column(finding), **demo_zh.reference.column(finding)}
    task = Task(finding, "x", reports, {r.report_id: reference[r.report_id] for r in reports}, open_model("lexical"))
    by_id = {r.report_id: r for r in reports}
    notes = [n for n in (*small.notes, *demo_zh.notes) if n.finding == finding]
    errors = find_disagreements(task.reference, label_reports(base, reports, task.model).labels)
    edits = [*propose_edits(notes, by_id), *catalog.lexicon_edits(finding)]
    edits += mine_edits(base, errors, by_id, task.reference)
    for report in reports[::6]:
        edits.append(make_exemplar(finding, report.text, "present", "note", report_id=report.report_id))
    source = Provenance(origin="model", edit_id="line")
    line = Clarification(present_when="air")
    edits.append(Edit(id="line", finding=finding, kind="clarification", clarification=line, provenance=source))
    assert {e.provenance.origin for e in edits} >= {"note", "expert", "model"}
    return Objective(task, PLAIN), base, list(unique_edits(edits))


@settings(max_examples=25)
@given(data=st.data())
def test_remembered_answers_are_those_of_labelling_from_scratch(
    bench: tuple[Objective, Program, list[Edit]], data: st.DataObject
) -> None:
    """For any choice of real edits in any order, at any length of exemplars, no answer comes from memory wrongly."""
    objective, base, edits = bench
    chosen = tuple(data.draw(st.lists(st.sampled_from(edits), max_size=14, unique_by=lambda e: e.id)))
    chars = data.draw(st.sampled_from([None, 40, 90, 400]))
    form = base.form.model_copy(update={"exemplar_chars": chars}) if chars else None
    objective.label(Candidate(base, chosen[: data.draw(st.integers(0, len(chosen)))], form), objective.task.reports)
    candidate = Candidate(base, chosen, form)
    remembered = {a.report_id: a.value for a in objective.label(candidate, objective.task.reports)}
    assert remembered == labels_from_scratch(candidate, objective.task.reports, open_model("lexical"))


def test_an_edit_bears_on_a_report_as_its_shortened_passage_does() -> None:
    """An exemplar that is cut in the prompt is looked for as it is shown, so that its answer is not missed."""
    report = Report(report_id="r", text=LONG.split(". ")[0] + ".")
    task = Task(FINDING, "Pneumothorax", (report,), {"r": 1}, open_model("lexical"))
    objective, edit = Objective(task, PLAIN), exemplar(LONG, None)
    base = catalog.seed_program(FINDING)
    answers = {}
    for chars in (400, 90):
        candidate = Candidate(base, (edit,), AnswerForm(exemplar_chars=chars))
        objective.label(Candidate(base, (), candidate.form), task.reports)
        (label,) = objective.label(candidate, task.reports)
        answers[chars] = label.value
        assert label.value == labels_from_scratch(candidate, task.reports, task.model)["r"]
    assert answers == {400: "absent", 90: "present"}


def test_a_report_that_an_edit_does_not_touch_is_not_asked_again(small: Dataset) -> None:
    """Each new call is for a report that the new edit bears on; a second scoring makes none."""
    asked: list[str] = []
    reader = LexicalReader()

    def answer(messages: Sequence[Message]) -> str:
        asked.append(unwrap_report(messages[-1][1]))
        return reader.answer(messages)

    embedded = open_model("lexical")
    model = Model("lexical", embedded.make_lm, {}, answer, embedded.bears_on)
    task = Task(FINDING, "Pneumothorax", small.reports, small.reference.column(FINDING), model)
    objective, base = Objective(task, PLAIN), catalog.seed_program(FINDING)
    objective.score(Candidate(base))
    assert len(asked) == objective.calls == len(small.reports)
    edit = make_rule(FINDING, "states", ["costophrenic ... deep ... lucent"], "note")
    objective.score(Candidate(base, (edit,)))
    new = asked[len(small.reports) :]
    assert 0 < len(new) == objective.calls - len(small.reports) < 10
    assert {r.report_id for r in small.reports if r.text in new} == objective.bearing(edit)
    before = (objective.calls, objective.tokens)
    objective.score(Candidate(base, (edit,)))
    objective.score(Candidate(base), small.reports[:7])
    assert (objective.calls, objective.tokens) == before == (len(asked), objective.tokens)


def test_a_model_that_cannot_tell_is_asked_about_every_report() -> None:
    """Without a test of its own an edit bears on all reports."""
    task = task_of([1, 0, 1], lambda messages: "absent")
    objective = Objective(task, PLAIN)
    edit = make_rule(FINDING, "states", ["nowhere"], "note")
    assert objective.bearing(edit) == {"r0", "r1", "r2"}
    base = catalog.seed_program(FINDING)
    objective.score(Candidate(base))
    objective.score(Candidate(base, (edit,)))
    assert objective.calls == 6


@settings(max_examples=50)
@given(budget=st.integers(1, 40), picks=st.lists(st.integers(0, 4), min_size=1, max_size=12))
def test_a_budget_is_never_passed(budget: int, picks: list[int]) -> None:
    """However many candidates are scored, the model is asked at most as often as the budget allows."""
    count = 0

    def answer(messages: Sequence[Message]) -> str:
        nonlocal count
        count += 1
        return "absent"

    objective = Objective(task_of([1, 0, 1, 0, 1], answer), PLAIN.changed(budget=budget))
    edits = [make_rule(FINDING, "states", [f"word{i}x"], "note") for i in range(5)]
    base, spent = catalog.seed_program(FINDING), False
    for pick in picks:
        try:
            objective.score(Candidate(base, tuple(edits[:pick])))
        except BudgetSpentError:
            spent = True
    assert count == objective.calls <= budget
    assert spent == (len(set(picks)) * 5 > budget)


def test_the_effect_of_an_edit_is_what_changes_between_two_scorings(small: Dataset) -> None:
    """The reports that an edit helps and hurts are those whose rightness differs from scratch."""
    reference = small.reference.column(FINDING)
    task = Task(FINDING, "Pneumothorax", small.reports, reference, open_model("lexical"))
    objective, base = Objective(task, PLAIN), catalog.seed_program(FINDING)
    before = objective.score(Candidate(base))
    old, effects = labels_from_scratch(Candidate(base), task.reports, task.model), 0
    words = {1: "present", 0: "absent"}
    for edit in [*catalog.lexicon_edits(FINDING)[::3], make_rule(FINDING, "does_not_count", ["pneumothora*"], "note")]:
        new = labels_from_scratch(Candidate(base, (edit,)), task.reports, task.model)
        right = [i for i in new if new[i] == words.get(reference[i]) != old[i]]
        wrong = [i for i in new if old[i] == words.get(reference[i]) != new[i]]
        assert changed_labels(objective, before, edit) == (tuple(right), tuple(wrong))
        effects += len(right) + len(wrong)
    assert effects > 0


def test_a_candidate_without_a_report_keeps_all_that_is_not_of_that_report() -> None:
    """Only exemplars of the report go; rules, other exemplars, order and answer form stay."""
    form = AnswerForm(exemplar_chars=90)
    kept = Exemplar(passage="Of b.", answer="absent", report_id="b")
    base = catalog.seed_program(FINDING).model_copy(
        update={"exemplars": (Exemplar(passage="Of a.", answer="present", report_id="a"), kept)}
    )
    rule = make_rule(FINDING, "states", ["air"], "note", report_ids=["a"])
    edits = (exemplar("More of b.", "b"), rule, exemplar("More of a.", "a"))
    less = Candidate(base, edits, form).without_report("a")
    assert (less.base.exemplars, less.edits, less.form) == ((kept,), edits[:2], form)
    assert Candidate(base, edits).exemplar_sources == {"a", "b"}
    assert less.exemplar_sources == {"b"}
