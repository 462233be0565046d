"""The loop of one finding: honest folds, the same result for the same seed, and an end when it is told to."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ranscore
from ranscore import catalog
from ranscore.cohort import Dataset
from ranscore.errors import InputError
from ranscore.extraction.module import freeze_prompt
from ranscore.feedback.disagreements import find_disagreements
from ranscore.models import Model, open_model, scripted
from ranscore.models._base import Message
from ranscore.models.lexical import LexicalReader, bears_on
from ranscore.prompt import unwrap_report
from ranscore.records import Edit, ErrorNote, Program, Report
from ranscore.scoring import score_finding
from ranscore.search._objective import Objective, Task
from ranscore.search._recipe import Recipe, read_recipe
from ranscore.search._rounds import Optimized, cross_validate, optimize_finding, run_rounds, split_folds

FINDING = "pneumothorax"
EMPTY = catalog.seed_program(FINDING).model_copy(update={"rules": ()})
QUICK = read_recipe("exemplar-tpe").changed(trials=12, fold_trials=5, folds=0, rounds=2, lexicon=False)


@dataclass
class Recorder:
    """The embedded reader; every prompt it answers and every report that it tests an edit on, in their order."""

    events: list[tuple[str, str, str]] = field(default_factory=list)
    reader: LexicalReader = field(default_factory=LexicalReader)
    stop_after: int = 1_000_000

    @property
    def calls(self) -> int:
        """How often an answer was asked for."""
        return sum(kind == "asked" for kind, _, _ in self.events)

    def model(self) -> Model:
        """The reader as a model."""
        return Model("lexical", open_model("lexical").make_lm, {}, self.answer, self.bears_on)

    def answer(self, messages: Sequence[Message]) -> str:
        """The reader's answer; KeyboardInterrupt after so many."""
        head = "\n".join(text for _, text in messages[:-1])
        self.events.append(("asked", unwrap_report(messages[-1][1]), head))
        if self.calls > self.stop_after:
            raise KeyboardInterrupt
        return self.reader.answer(messages)

    def bears_on(self, edit: Edit, report: Report) -> bool:
        """The reader's own test."""
        self.events.append(("tested", report.text, edit.model_dump_json()))
        return bears_on(edit, report)


def task_of(data: Dataset, model: Model | None = None, finding: str = FINDING) -> Task:
    """One finding of a cohort."""
    reference = data.reference.column(finding)
    return Task(finding, catalog.finding_name(finding), data.reports, reference, model or open_model("lexical"))


def marked_task(model: Model, size: int = 24) -> tuple[Task, tuple[ErrorNote, ...]]:
    """Reports with a note each, where every text and every note holds a word of its own."""
    words = [f"zq{'abcdefghijklmnopqrstuvwxyz'[i]}x" for i in range(size)]
    told = [f"The {w} streak is a {'lucent' if i % 2 else 'dense'} sign." for i, w in enumerate(words)]
    reports = tuple(Report(report_id=w, text=text) for w, text in zip(words, told, strict=True))
    notes = [
        ErrorNote(note_id=f"n{w}", report_id=w, finding=FINDING, reads_as="present", evidence=f"{w} streak", why=w)
        for i, w in enumerate(words)
        if i % 2
    ]
    reference = {w: i % 2 for i, w in enumerate(words)}
    return Task(FINDING, "Pneumothorax", reports, reference, model), tuple(notes)


@settings(max_examples=60)
@given(
    values=st.lists(st.tuples(st.sampled_from([1, 0, -1]), st.integers(0, 12)), min_size=2, max_size=60),
    folds=st.integers(2, 8),
    seed=st.integers(0, 5),
    patients=st.booleans(),
)
def test_folds_are_disjoint_cover_all_and_are_stratified(
    values: list[tuple[int, int]], folds: int, seed: int, patients: bool
) -> None:
    """Every report is held out once, a patient's together, and each fold has its share of every reference value."""
    groups = [f"p{patient}" if patients else "" for _, patient in values]
    reports = tuple(Report(report_id=str(i), text="x", group=group) for i, group in enumerate(groups))
    reference = {str(i): value for i, (value, _) in enumerate(values)}
    held = split_folds(Task(FINDING, "x", reports, reference, open_model("lexical")), folds, seed)
    assert sorted(i for fold in held for i in fold) == sorted(reference)
    assert all(held)
    fold_of = {i: n for n, fold in enumerate(held) for i in fold}
    units: dict[str, list[str]] = {}
    for report in reports:
        units.setdefault(report.group or report.report_id, []).append(report.report_id)
    assert all(len({fold_of[i] for i in ids}) == 1 for ids in units.values())
    for value in (1, 0, -1):
        shares = [0] * len(held)
        for ids in units.values():
            shares[fold_of[ids[0]]] += max(reference[i] for i in ids) == value
        assert max(shares) - min(shares) <= 1


def test_the_seed_decides_the_folds(small: Dataset) -> None:
    """The same seed gives the same folds, another seed others."""
    task = task_of(small)
    assert split_folds(task, 5, 0) == split_folds(task, 5, 0) != split_folds(task, 5, 1)


def phases_of(events: list[tuple[str, str, str]], folds: Sequence[frozenset[str]]) -> list[tuple[int, int, int]]:
    """Where each fold's search begins and ends, and where the labelling of its own reports ends."""
    found, at = [], 0
    for fold in folds:
        first = next(i for i in range(at, len(events)) if events[i][1] in fold)
        last = next(
            i
            for i in range(first, len(events))
            if sum(kind == "asked" for kind, _, _ in events[first : i + 1]) == len(fold)
        )
        found.append((at, first, last + 1))
        at = last + 1
    return found


@pytest.mark.parametrize("recipe", ["exemplar-tpe", "random"])
def test_a_folds_reports_and_notes_never_reach_its_search(recipe: str) -> None:
    """Until a fold's program is chosen none of its reports is read or tested, nor a word of them or of their notes."""
    recorder = Recorder()
    task, notes = marked_task(recorder.model())
    chosen = read_recipe(recipe).changed(folds=3, fold_trials=8, rounds=2, lexicon=False)
    crossed = cross_validate(task, EMPTY, notes, chosen)
    ids = {r.text: r.report_id for r in task.reports}
    events = [(kind, ids[text], said) for kind, text, said in recorder.events]
    folds = split_folds(task, 3, chosen.seed)
    said_of_others = 0
    for fold, (begin, ready, end) in zip(folds, phases_of(events, folds), strict=True):
        own = [said for _, _, said in events[begin:end]]
        assert {i for _, i, _ in events[begin:ready]} <= {r.report_id for r in task.reports} - fold
        assert {i for _, i, _ in events[ready:end]} == fold
        assert not [w for w in fold for said in own if w in said]
        assert len({said for kind, _, said in events[ready:end] if kind == "asked"}) == 1
        said_of_others += sum(r.report_id in said for r in task.reports for said in own)
    assert end == len(events)
    assert said_of_others > 0
    assert set(crossed.labels) == {r.report_id for r in task.reports}


def test_on_real_reports_a_fold_is_read_once_by_one_program(small: Dataset) -> None:
    """Each report of a fold is asked about once, by a program chosen on the other folds' reports alone."""
    recorder = Recorder()
    task = task_of(small, recorder.model())
    cross_validate(task, catalog.seed_program(FINDING), small.notes, QUICK.changed(folds=2, rounds=1))
    ids = {r.text: r.report_id for r in task.reports}
    events = [(kind, ids[text], said) for kind, text, said in recorder.events]
    folds = split_folds(task, 2, QUICK.seed)
    for fold, (begin, ready, end) in zip(folds, phases_of(events, folds), strict=True):
        assert not {i for _, i, _ in events[begin:ready]} & fold
        assert {i for _, i, _ in events[ready:end]} == fold
        assert len({said for kind, _, said in events[ready:end] if kind == "asked"}) == 1
    assert end == len(events)


def test_a_folds_answers_do_not_depend_on_what_is_hidden_from_it(small: Dataset) -> None:
    """What the notes on a fold's reports say changes nothing in its answers."""
    recipe = QUICK.changed(folds=2, rounds=1)
    task, program = task_of(small), catalog.seed_program(FINDING)
    honest = cross_validate(task, program, small.notes, recipe)
    for fold in split_folds(task, 2, recipe.seed):
        notes = [
            n.model_copy(update={"evidence": "Heart", "reads_as": "present"}) if n.report_id in fold else n
            for n in small.notes
        ]
        assert notes != list(small.notes)
        again = cross_validate(task, program, notes, recipe)
        assert {i: again.labels[i] for i in fold} == {i: honest.labels[i] for i in fold}


def test_the_cross_validated_score_is_that_of_the_pooled_answers(small: Dataset) -> None:
    """Every report has one out-of-fold answer, and the score is taken over all of them together."""
    task = task_of(small)
    recipe = QUICK.changed(folds=3, rounds=1)
    crossed = cross_validate(task, catalog.seed_program(FINDING), small.notes, recipe)
    ids = [r.report_id for r in task.reports]
    wanted = score_finding([task.reference[i] for i in ids], [crossed.labels[i] for i in ids])
    fields = {"tp", "fp", "fn", "tn", "kappa", "f1", "n", "positives", "accuracy_interval"}
    assert crossed.score.model_dump(include=fields) == wanted.model_dump(include=fields)
    assert crossed.score.n + crossed.score.uncertain == 60
    assert crossed.folds == 3


OptimizeSmall = Callable[..., Optimized]


@pytest.fixture(scope="module")
def optimize_small(small: Dataset) -> OptimizeSmall:
    """Optimizes one finding of the small cohort without the lexicon, so that there is something to search for."""
    return lambda **changes: optimize_finding(
        task_of(small, changes.pop("model", None)), small.notes, changes.pop("recipe", QUICK), **changes
    )


@pytest.fixture(scope="module")
def whole(optimize_small: OptimizeSmall, tmp_path_factory: pytest.TempPathFactory) -> tuple[Optimized, int]:
    """One uninterrupted optimization with a journal, and the calls that it took."""
    recorder = Recorder()
    found = optimize_small(model=recorder.model(), storage=tmp_path_factory.mktemp("whole"))
    return found, recorder.calls


def test_the_same_seed_gives_the_same_program(
    optimize_small: OptimizeSmall, whole: tuple[Optimized, int], tmp_path: Path
) -> None:
    """On a fresh store, on a finished one, and without any, the kept program has the same digest."""
    digest = whole[0].program.digest()
    assert optimize_small(storage=tmp_path).program.digest() == digest
    again = optimize_small(storage=tmp_path)
    assert again.program.digest() == digest
    assert again.calls < whole[0].calls
    assert optimize_small().program.digest() == digest


@pytest.mark.parametrize("share", [0.5, 0.75, 0.95])
def test_a_stopped_optimization_ends_in_the_same_program(
    optimize_small: OptimizeSmall, whole: tuple[Optimized, int], tmp_path: Path, share: float
) -> None:
    """Interrupted in the middle of a search and begun again, the same program is kept, with every round the same."""
    found, calls = whole
    stopping = Recorder(stop_after=int(share * calls))
    with pytest.raises(KeyboardInterrupt):
        optimize_small(model=stopping.model(), storage=tmp_path)
    again = optimize_small(storage=tmp_path)
    assert again.program.digest() == found.program.digest()
    assert [r.scored.candidate for r in again.rounds] == [r.scored.candidate for r in found.rounds]


def test_another_process_keeps_the_same_program(whole: tuple[Optimized, int], small_card: Path) -> None:
    """With other hashes of text, as every new process has them, the digest is the same."""
    code = """
import sys
from ranscore import cohort, catalog, models
from ranscore.search._recipe import Recipe
from ranscore.search._rounds import Task, optimize_finding
data = cohort.open_dataset(sys.argv[1])
task = Task(sys.argv[2], "Pneumothorax", data.reports, data.reference.column(sys.argv[2]), models.open_model("lexical"))
print(optimize_finding(task, data.notes, Recipe.model_validate_json(sys.argv[3])).program.digest())
"""
    environment = os.environ | {"PYTHONPATH": str(Path(ranscore.__file__).parents[1]), "PYTHONHASHSEED": "7"}
    command = [sys.executable, "-c", code, str(small_card), FINDING, QUICK.model_dump_json()]
    found = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300)
    assert found.stdout.strip() == whole[0].program.digest(), found.stderr


def test_the_order_of_the_reports_does_not_matter(
    small: Dataset, optimize_small: OptimizeSmall, whole: tuple[Optimized, int]
) -> None:
    """A table sorted otherwise gives the same program."""
    task = replace(task_of(small), reports=tuple(reversed(small.reports)))
    assert optimize_finding(task, small.notes, QUICK).program.digest() == whole[0].program.digest()


def test_every_leading_part_of_the_reports_has_its_share_of_positives(small: Dataset) -> None:
    """A rung sees positives and negatives as the whole does."""
    recorder = Recorder()
    task = task_of(small, recorder.model())
    optimize_finding(task, (), QUICK.changed(target_accuracy=0, target_kappa=-1))
    ids = {r.text: r.report_id for r in task.reports}
    asked = [task.reference[ids[text]] for kind, text, _ in recorder.events if kind == "asked"]
    assert len(asked) == 60
    share = asked.count(1) / 60
    assert all(abs(asked[:n].count(1) - share * n) <= 1 for n in range(1, 61))


@pytest.mark.parametrize("budget", [60, 61, 150, 10_000])
def test_the_calls_of_an_optimization_are_counted_and_kept_within_the_budget(small: Dataset, budget: int) -> None:
    """The model is asked exactly as often as is reported, and never beyond the budget."""
    answers = LexicalReader().answer
    calls = 0

    def answer(messages: Sequence[Message]) -> str:
        nonlocal calls
        calls += 1
        return answers(messages)

    task = task_of(small, scripted.open_model(answers=answer))
    found = optimize_finding(task, small.notes, QUICK.changed(budget=budget, rounds=1, trials=4))
    assert found.calls == calls <= budget
    assert sum(r.calls for r in found.rounds) == calls
    assert found.best.value >= found.seed.value
    assert len(found.best.labels) == 60


def test_a_budget_below_one_labelling_is_a_mistake_of_the_user(small: Dataset) -> None:
    """Where the calls do not suffice to label the reports once, the sentence says how many are needed."""
    with pytest.raises(InputError, match=r"a budget of 59 calls, which cannot label 60 reports"):
        optimize_finding(task_of(small), small.notes, QUICK.changed(budget=59))


@pytest.mark.parametrize(
    ("changes", "rounds", "reason"),
    [
        ({"target_accuracy": 0.0, "target_kappa": -1.0}, 0, "targets reached"),
        ({"target_accuracy": 0.7, "target_kappa": 0.99, "rounds": 1}, 1, "1 rounds done"),
        ({"target_accuracy": 0.9, "target_kappa": 0.8, "rounds": 5}, 1, "targets reached"),
        ({"target_accuracy": 1.0, "target_kappa": 1.0, "rounds": 5, "mine": False}, None, "nothing better was found"),
    ],
)
def test_the_rounds_end_at_the_targets_or_when_nothing_better_is_found(
    optimize_small: OptimizeSmall, changes: dict[str, object], rounds: int | None, reason: str
) -> None:
    """Both targets together end the loop, else the number of rounds, else a round without a better candidate."""
    seen = []
    found = optimize_small(recipe=QUICK.changed(**changes), on_round=seen.append)
    assert found.rounds[-1].stopped == reason
    assert [r.stopped for r in found.rounds[:-1]] == [""] * (len(found.rounds) - 1)
    assert rounds is None or found.rounds[-1].number == rounds
    assert seen == list(found.rounds)


@pytest.mark.parametrize("algorithm", ["exemplar-tpe", "random"])
@pytest.mark.parametrize("finding", [FINDING, "pulmonary_vascular_abnormal", "no positives"])
def test_the_kept_program_is_never_worse_than_the_start(small: Dataset, algorithm: str, finding: str) -> None:
    """Value and kappa of what is kept are at least the seed's, and it is the best of the rounds."""
    task = task_of(small, finding=FINDING if finding == "no positives" else finding)
    if finding == "no positives":
        task = task.subset(i for i, v in task.reference.items() if v != 1)
    found = optimize_finding(task, small.notes, read_recipe(algorithm).changed(trials=4, folds=0, rounds=2))
    assert found.best.value == max(r.scored.value for r in found.rounds) >= found.seed.value
    assert (found.best.score.kappa or 0.0) >= (found.seed.score.kappa or 0.0)
    if finding == "no positives":
        assert found.seed.score.kappa is None or found.best.score.kappa is not None


def test_a_liking_for_edits_never_pays_for_wrong_answers() -> None:
    """Edits that a recipe favours are given up where they make the program worse than the start."""
    signs = [f"{word} streak" for word in ("alpha", "bravo", "charlie", "delta", "echo")]
    cases = [("Stated air.", 1)] * 10 + [(f"Seen {', '.join(signs)}.", 1)] * 2
    cases += [(f"Seen {sign}.", 0) for sign in signs] + [("Clear.", 0)] * 7
    reports = tuple(Report(report_id=f"r{i}", text=text) for i, (text, _) in enumerate(cases))
    reference = {f"r{i}": value for i, (_, value) in enumerate(cases)}
    notes = [
        ErrorNote(note_id=s, report_id="r10", finding=FINDING, reads_as="present", evidence=s, why="") for s in signs
    ]
    base = EMPTY.model_copy(update={"rules": (catalog.seed_program(FINDING).rules[0],)})
    base = base.model_copy(update={"rules": (base.rules[0].model_copy(update={"phrases": ("stated air",)}),)})
    recipe = QUICK.changed(prior={"note": 0.2}, mine=False, rounds=1, target_accuracy=1.0)
    task = Task(FINDING, "Pneumothorax", reports, reference, open_model("lexical"))
    found = optimize_finding(task, notes, recipe, start=base)
    assert (found.rounds[1].scored.score.kappa or 0) < (found.seed.score.kappa or 0)
    assert found.rounds[1].scored.value > found.seed.value
    assert found.best.score.kappa == found.seed.score.kappa


def test_a_round_takes_the_notes_on_its_own_errors(whole: tuple[Optimized, int], small: Dataset) -> None:
    """Notes on right labels are left alone; the edits of a round come from its notes or are marked as mined."""
    before, after = whole[0].rounds[:2]
    wrong = {e.report_id for e in before.errors}
    assert before.errors == find_disagreements(small.reference.column(FINDING), before.scored.labels)
    assert after.notes
    assert {n.report_id for n in after.notes} <= wrong
    noted = {n.note_id for n in after.notes}
    for edit in after.proposed:
        assert set(edit.provenance.note_ids) <= noted
        assert (edit.provenance.origin == "mined") == (not edit.provenance.note_ids)
    kept = {e.id for e in after.scored.candidate.edits}
    assert kept <= {e.id for e in after.proposed}
    assert not kept & {r.edit.id for r in after.rejected}


def test_an_optimization_may_start_from_a_given_program(small: Dataset, whole: tuple[Optimized, int]) -> None:
    """From the program that an earlier one kept, the new one starts with its score."""
    found = optimize_finding(task_of(small), (), QUICK, start=whole[0].program)
    assert found.seed.score == whole[0].best.score
    assert found.seed.candidate.program == whole[0].program


def test_a_derived_finding_has_no_program_to_improve(small: Dataset) -> None:
    """No Finding follows from the others, and the sentence says so."""
    with pytest.raises(InputError, match=r"'No Finding' is derived .* no program of its own; name one of the other"):
        optimize_finding(task_of(small, finding="no_finding"), (), QUICK)


def test_a_failing_model_is_unanswered_in_every_round(small: Dataset) -> None:
    """Unreadable answers are errors of their own kind, lower the value, and never become absent."""
    silent = {r.report_id for r in small.reports[:6]}
    texts = {r.text for r in small.reports if r.report_id in silent}
    reader = LexicalReader()

    def answer(messages: Sequence[Message]) -> str:
        return "" if unwrap_report(messages[-1][1]) in texts else reader.answer(messages)

    model = partial(scripted.open_model, answers=answer)
    found = optimize_finding(task_of(small, model()), small.notes, QUICK.changed(rounds=1, trials=3, folds=2))
    for current in found.rounds:
        missing = {e.report_id for e in current.errors if e.kind == "unanswered"}
        assert missing == silent
        assert current.scored.score.unanswered == 6
    assert found.crossed is not None
    assert {i for i, v in found.crossed.labels.items() if v == -2} == silent


def test_the_prompt_of_the_kept_program_holds_the_kept_edits(whole: tuple[Optimized, int]) -> None:
    """What is kept is what the model is told: every kept rule stands in the prompt, and nothing of the rejected."""
    best = whole[0].best
    prompt = freeze_prompt(best.candidate.program).text()
    assert best.candidate.edits
    for edit in best.candidate.edits:
        for phrase in edit.rule.phrases if edit.rule else ():
            assert f'"{phrase}"' in prompt


def test_run_rounds_reports_each_round_as_it_ends(small: Dataset) -> None:
    """Round 0 is the start, later ones count on, and calls add up to the objective's."""
    objective = Objective(task_of(small), QUICK)
    rounds = run_rounds(objective, catalog.seed_program(FINDING), small.notes, 4)
    assert [r.number for r in rounds] == list(range(len(rounds)))
    assert sum(r.calls for r in rounds) == objective.calls
    assert sum(r.tokens for r in rounds) == objective.tokens > 0


def test_a_recipe_with_a_wrong_value_is_refused() -> None:
    """A setting out of its range is named with what was found."""
    with pytest.raises(InputError, match=r"recipe exemplar-tpe: folds: .* found 99"):
        QUICK.changed(folds=99)
    assert isinstance(QUICK.changed(folds=3), Recipe)
    assert isinstance(EMPTY, Program)
