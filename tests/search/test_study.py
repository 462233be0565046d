"""A study chooses edits, their order and the answer form; it never ends worse, and goes on where it was stopped."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, TrialState

from ranscore import catalog, registry
from ranscore.feedback.edits import make_exemplar, make_rule
from ranscore.models import Model, open_model, scripted
from ranscore.models._base import Message
from ranscore.models.lexical import LexicalReader
from ranscore.records import Answer, Edit, Program, Provenance, Report
from ranscore.search._objective import Candidate, Objective, Scored, Task
from ranscore.search._recipe import Recipe
from ranscore.search._study import ORDERS, Pool, order_exemplars, run_study

FINDING = "pneumothorax"
PLAIN = Recipe(name="plain", algorithm="random", penalty_per_1000_tokens=0.01)
TRUE_SIGNS, FALSE_SIGNS = ("alpha", "bravo", "charlie"), ("delta", "echo")
EMPTY = catalog.seed_program(FINDING).model_copy(update={"rules": ()})


def rule(word: str) -> Edit:
    """A stating rule of one word."""
    return make_rule(FINDING, "states", [word], "note")


RULES = tuple(rule(w) for w in (*TRUE_SIGNS, *FALSE_SIGNS))


def texts() -> list[tuple[str, int]]:
    """Reports whose finding is told by three signs, and others that show two signs of nothing."""
    found = [(f"The {word} sign {i}.", 1) for i in range(4) for word in TRUE_SIGNS]
    return found + [(f"The {word} sign {i}.", 0) for i in range(4) for word in (*FALSE_SIGNS, "foxtrot")]


def task_of(cases: Sequence[tuple[str, int]], model: Model | None = None) -> Task:
    """A task of these reports, interleaved so that every leading part holds both classes."""
    mixed = [c for pair in zip(cases[: len(cases) // 2], cases[len(cases) // 2 :], strict=True) for c in pair]
    reports = tuple(Report(report_id=f"r{i}", text=text) for i, (text, _) in enumerate(mixed))
    reference = {f"r{i}": value for i, (_, value) in enumerate(mixed)}
    return Task(FINDING, "Pneumothorax", reports, reference, model or open_model("lexical"))


def start(objective: Objective, base: Program = EMPTY, *kept: Edit) -> Scored:
    """What a study begins with."""
    return objective.score(Candidate(base, kept))


def search(objective: Objective, pool: Pool, trials: int, storage: Path | None = None, seed: int = 0) -> Scored:
    """The best candidate of a random search."""
    return run_study(objective, pool, optuna.samplers.RandomSampler(seed=seed), trials, storage)


def trials_of(folder: Path) -> list[FrozenTrial]:
    """All trials in the only journal of a folder."""
    (path,) = folder.glob("*.log")
    storage = JournalStorage(JournalFileBackend(str(path)))
    return optuna.load_study(study_name=None, storage=storage).get_trials(deepcopy=False)


@pytest.mark.parametrize("algorithm", ["exemplar-tpe", "random"])
def test_the_edits_that_help_are_found_and_the_others_left_out(algorithm: str) -> None:
    """Of five rules the search keeps the three that tell the finding, and reaches a kappa of one."""
    objective = Objective(task_of(texts()), PLAIN)
    found = registry.load("search", algorithm).search(objective, Pool(start(objective), RULES), trials=90, seed=3)
    assert found.score.kappa == 1.0
    assert {e.id for e in found.candidate.edits} == {rule(w).id for w in TRUE_SIGNS}


@settings(max_examples=25)
@given(data=st.data())
def test_a_study_never_ends_worse_than_it_began(data: st.DataObject) -> None:
    """Whatever the pool and however few the trials, the value does not fall, and it is the candidate's own."""
    objective = Objective(task_of(texts()), PLAIN.changed(prior={"note": -0.01}, rungs=(0.5, 1.0)))
    some = st.lists(st.sampled_from(RULES), min_size=1, unique_by=lambda e: e.id)
    kept = data.draw(some)
    current = start(objective, EMPTY, *kept)
    pool = Pool(current, tuple(data.draw(some)))
    found = search(objective, pool, data.draw(st.integers(1, 6)), seed=data.draw(st.integers(0, 9)))
    assert found.value >= current.value
    assert found.value == Objective(objective.task, objective.recipe).score(found.candidate).value
    assert {e.id for e in found.candidate.edits} <= {e.id for e in (*pool.edits, *kept)}


def test_nothing_to_choose_from_asks_nothing() -> None:
    """Without edits and with one answer form the current candidate is returned as it is."""
    objective = Objective(task_of(texts()), PLAIN)
    current = start(objective)
    calls = objective.calls
    assert search(objective, Pool(current, ()), 10) is current
    assert objective.calls == calls


def test_the_first_trials_are_what_is_known_to_be_promising(tmp_path: Path) -> None:
    """A study begins with what is kept, then everything, then the expert's edits, then what helps by itself."""
    objective = Objective(task_of(texts()), PLAIN)
    expert = RULES[3].model_copy(update={"provenance": Provenance(origin="expert", edit_id=RULES[3].id)})
    edits = (*RULES[:3], expert, RULES[4])
    current = start(objective, EMPTY, RULES[0])
    search(objective, Pool(current, edits, promising=(RULES[1],)), 5, tmp_path)
    chosen = [tuple(i for i, e in enumerate(edits) if t.params[e.id]) for t in trials_of(tmp_path)]
    assert chosen == [(0,), (0, 1, 2, 3, 4), (0, 3), (0, 1), (0, 1, 3)]


def test_fixed_edits_are_in_every_candidate() -> None:
    """What is kept unasked stands before what is chosen."""
    objective = Objective(task_of(texts()), PLAIN)
    found = search(objective, Pool(start(objective), RULES[:3], fixed=(rule("zulu"),)), 12)
    assert [e.id for e in found.candidate.edits] == [rule("zulu").id, *(e.id for e in RULES[:3])]


def test_a_value_of_exactly_zero_beats_a_negative_one() -> None:
    """Zero is a value like any other: a candidate that reaches it wins over one below."""
    cases = [("Clear.", 1), ("Clear.", 1), ("The alpha sign.", 0), ("The alpha sign.", 0)]
    objective = Objective(task_of(cases), PLAIN.changed(penalty_per_1000_tokens=0.0))
    current = start(objective, EMPTY, rule("alpha"))
    assert current.value < -0.9
    found = search(objective, Pool(current, (rule("alpha"), rule("clear"))), 12)
    assert found.value == 1.0
    objective = Objective(task_of(cases), PLAIN.changed(penalty_per_1000_tokens=0.0))
    found = search(objective, Pool(start(objective, EMPTY, rule("alpha")), (rule("alpha"), rule("alpha sign"))), 12)
    assert (found.value, found.candidate.edits) == (0.0, ())


def test_a_bad_candidate_is_given_up_at_a_rung(tmp_path: Path) -> None:
    """With rungs some trials are pruned on a part of the reports, and the best candidate is still found."""
    recipe = PLAIN.changed(rungs=(0.34, 0.67, 1.0))
    objective = Objective(task_of(texts()), recipe)
    found = search(objective, Pool(start(objective), RULES), 30, tmp_path)
    trials = trials_of(tmp_path)
    states = {t.state for t in trials}
    assert states == {TrialState.COMPLETE, TrialState.PRUNED}
    assert all(len(t.intermediate_values) == 2 for t in trials if t.state == TrialState.COMPLETE)
    assert found.score.kappa == 1.0
    assert found.score.n == len(objective.task.reports)


PASSAGES = [(f"passage {i}", answer) for i in range(4) for answer in ("present", "absent")]


@given(st.lists(st.sampled_from(PASSAGES), unique=True), st.sampled_from(ORDERS))
def test_an_order_of_exemplars_loses_none_and_is_as_named(chosen: list[tuple[str, Answer]], order: str) -> None:
    """Every order is a rearrangement, always the same one, and sorts or mixes as its name says."""
    edits = [make_exemplar(FINDING, passage, answer, "note") for passage, answer in chosen]
    found = order_exemplars(edits, order)
    assert sorted(e.id for e in found) == sorted(e.id for e in edits)
    assert found == order_exemplars(edits, order)
    answers = [e.exemplar.answer for e in found if e.exemplar]
    fewer = min(answers.count("present"), answers.count("absent"))
    if order == "as proposed":
        assert found == edits
    elif order.endswith(" first"):
        assert answers == sorted(answers, reverse=order == "present first")
    elif order == "alternating":
        assert answers[: 2 * fewer] == ["present", "absent"] * fewer


def endpoint(answer: Callable[[Sequence[Message]], str]) -> Model:
    """A model that is asked through DSPy, as an endpoint is."""
    return replace(scripted.open_model(answers=answer), answer=None, name="endpoint/x")


def test_a_language_model_is_searched_for_the_order_of_exemplars() -> None:
    """Where the model's answer hangs on the order of exemplars, the search finds the order that serves best."""
    signs = ("One alpha sign.", "Two bravo signs.")

    def answer(messages: Sequence[Message]) -> str:
        turns = [text for _, text in messages[1:-1:2]]
        right = len(turns) == 2 and "bravo" in turns[0]
        return "present" if right == ("sign" in messages[-1][1]) else "absent"

    cases = [(f"A sign {i}.", 1) for i in range(3)] + [(f"Clear {i}.", 0) for i in range(3)]
    edits = tuple(make_exemplar(FINDING, s, a, "note") for s, a in zip(signs, ("present", "absent"), strict=True))
    objective = Objective(task_of(cases, endpoint(answer)), PLAIN.changed(penalty_per_1000_tokens=0.0))
    current = start(objective)
    found = search(objective, Pool(current, edits), 60, seed=2)
    assert (current.score.kappa, found.score.kappa) == (-1.0, 1.0)
    assert [e.exemplar.passage for e in found.candidate.edits if e.exemplar] == [signs[1], signs[0]]


def test_the_answer_form_is_searched_where_the_recipe_names_several() -> None:
    """Another closing question is taken where it serves better, and the program that is kept asks it."""

    def answer(messages: Sequence[Message]) -> str:
        asked = messages[-1][1].splitlines()[-1] == "Pneumothorax: yes or no?"
        return "present" if asked and "sign" in messages[-1][1] else "absent"

    cases = [(f"A sign {i}.", 1) for i in range(3)] + [(f"Clear {i}.", 0) for i in range(3)]
    recipe = PLAIN.changed(questions=("{name}: yes or no?",), exemplar_chars=(400, 90))
    objective = Objective(task_of(cases, scripted.open_model(answers=answer)), recipe)
    found = search(objective, Pool(start(objective), ()), 8)
    assert found.score.kappa == 1.0
    assert found.candidate.program.form.question == "{name}: yes or no?"


def test_a_spent_budget_keeps_the_best_so_far() -> None:
    """A study that runs out of calls returns the best complete candidate, having made no call too many."""
    recipe = PLAIN.changed(budget=55)
    objective = Objective(task_of(texts(), scripted.open_model(answers=LexicalReader().answer)), recipe)
    current = start(objective)
    found = search(objective, Pool(current, RULES[:3]), 40)
    assert objective.calls == 48
    assert found.score.kappa == 1.0


class Stopping:
    """The embedded reader, which is interrupted after some calls."""

    def __init__(self, after: int) -> None:
        self.left, self.reader = after, LexicalReader()

    def model(self) -> Model:
        """The reader as a model that cannot tell which reports an edit bears on."""
        return Model("lexical", open_model("lexical").make_lm, {}, self.answer)

    def answer(self, messages: Sequence[Message]) -> str:
        """The reader's answer, or KeyboardInterrupt."""
        self.left -= 1
        if self.left < 0:
            raise KeyboardInterrupt
        return self.reader.answer(messages)


@pytest.mark.parametrize("algorithm", ["exemplar-tpe", "random"])
@pytest.mark.parametrize("after", [30, 130, 170])
def test_a_stopped_study_ends_as_if_it_had_not_been_stopped(tmp_path: Path, algorithm: str, after: int) -> None:
    """Interrupted at any call and begun again, a study asks only for what is missing and finds the same candidate."""
    run = registry.load("search", algorithm).search
    recipe = PLAIN.changed(rungs=(0.5, 1.0))

    def study(model: Model, folder: Path) -> tuple[Scored, int]:
        objective = Objective(task_of(texts(), model), recipe)
        pool = Pool(start(objective), RULES, promising=RULES[:1])
        return run(objective, pool, trials=14, seed=1, storage=folder), objective.calls

    whole, calls = study(Stopping(10_000).model(), tmp_path / "whole")
    assert calls > after
    with pytest.raises(KeyboardInterrupt):
        study(Stopping(after).model(), tmp_path / "stopped")
    again, fewer = study(Stopping(10_000).model(), tmp_path / "stopped")
    assert again.candidate == whole.candidate
    assert again.value == whole.value
    assert fewer < calls or after == 30
    values = [[(t.state, t.params, t.value) for t in trials_of(tmp_path / f)] for f in ("whole", "stopped")]
    assert values[0] == values[1]


def test_a_finished_study_is_not_run_again(tmp_path: Path) -> None:
    """From the journal of a finished study the winner is read, and asked for once more; no trial is added."""
    results, calls = [], []
    model = scripted.open_model(answers=LexicalReader().answer)
    for _ in range(2):
        objective = Objective(task_of(texts(), model), PLAIN)
        pool = Pool(start(objective), RULES)
        results.append(search(objective, pool, 20, tmp_path))
        calls.append(objective.calls)
    assert results[0].candidate == results[1].candidate
    assert len(trials_of(tmp_path)) == 20
    assert calls[1] == len(texts()) + len(results[1].labels)


def test_another_pool_has_a_journal_of_its_own(tmp_path: Path) -> None:
    """What was measured with other edits, another recipe or other reports is never taken for this study's."""
    for edits, recipe, cases in (
        (RULES, PLAIN, texts()),
        (RULES[:4], PLAIN, texts()),
        (RULES, PLAIN.changed(seed=1), texts()),
        (RULES, PLAIN, texts()[1:-1]),
    ):
        objective = Objective(task_of(cases), recipe)
        search(objective, Pool(start(objective), edits), 2, tmp_path)
    assert len(list(tmp_path.glob(f"{FINDING}-*.log"))) == 4
