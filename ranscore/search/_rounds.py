"""The loop of one finding: label, find errors, take the notes on them, propose edits, search, keep the best, again.

The development reports are all that is seen here. Cross-validation repeats the whole loop on each fold's other
reports, with the notes on the fold's own reports hidden, and scores the pooled answers: the honest figure beside the
tuned-on one.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from ranscore import catalog, registry
from ranscore.errors import InputError
from ranscore.feedback.disagreements import Disagreement, find_disagreements
from ranscore.feedback.discretion import are_restricted, withhold_text
from ranscore.feedback.edits import Rejected, propose_edits, unique_edits
from ranscore.feedback.mining import mine_edits
from ranscore.feedback.notes import notes_on
from ranscore.feedback.reading import read_notes_with_model
from ranscore.feedback.screening import screen_edits
from ranscore.records import UNANSWERED, Edit, ErrorNote, Program, Report
from ranscore.scoring import FindingScore, score_finding
from ranscore.search._objective import (
    BudgetSpentError,
    Candidate,
    Objective,
    Scored,
    Task,
    Watch,
    agreement,
    changed_labels,
)
from ranscore.search._recipe import Recipe
from ranscore.search._study import Pool
from ranscore.search._teleprompt import metered
from ranscore.search._writer import open_writer


@dataclass(frozen=True)
class Round:
    """One turn of the loop and the best candidate after it; round 0 is the seed.

    `dropped` says what the writing model did not read of the notes, or proposed in vain.
    """

    number: int
    scored: Scored
    errors: tuple[Disagreement, ...]
    notes: tuple[ErrorNote, ...] = ()
    proposed: tuple[Edit, ...] = ()
    rejected: tuple[Rejected, ...] = ()
    dropped: tuple[str, ...] = ()
    effects: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = field(default_factory=dict)
    calls: int = 0
    tokens: int = 0
    stopped: str = ""


@dataclass(frozen=True)
class CrossValidated:
    """The pooled out-of-fold scores and labels (by report id: 1, 0, -2)."""

    score: FindingScore
    labels: dict[str, int]
    folds: int


@dataclass(frozen=True)
class Optimized:
    """What optimizing one finding gave."""

    finding: str
    seed: Scored
    best: Scored
    rounds: tuple[Round, ...]
    crossed: CrossValidated | None
    calls: int
    tokens: int

    @property
    def program(self) -> Program:
        """The kept program."""
        return self.best.candidate.program


OnRound = Callable[[Round], None]


def optimize_finding(
    task: Task,
    notes: Sequence[ErrorNote],
    recipe: Recipe,
    *,
    start: Program | None = None,
    storage: Path | None = None,
    on_round: OnRound | None = None,
    watch: Watch | None = None,
) -> Optimized:
    """The best program for one finding after the recipe's rounds, with every round, and its cross-validated scores.

    The search begins with `start`, or else with the seed. Nothing is cross-validated from a `start`, which may have
    seen the reports that the folds hide. `watch` is told of the progress.
    """
    check_budget(task, recipe)
    program = start or catalog.seed_program(task.finding)
    task = _stratified(task, recipe.seed)
    objective = Objective(task, recipe, watch=watch)
    rounds = run_rounds(objective, program, notes, recipe.trials, storage, on_round)
    crossed = cross_validate(task, program, notes, recipe, watch) if recipe.folds > 1 and not start else None
    best = best_round(rounds, recipe).scored
    return Optimized(task.finding, rounds[0].scored, best, tuple(rounds), crossed, objective.calls, objective.tokens)


def check_budget(task: Task, recipe: Recipe) -> None:
    """Raises InputError where the budget does not suffice to label the reports once, or the text must not be kept."""
    writes = not getattr(registry.load("search", recipe.algorithm), "CHOOSES_EDITS", True)
    if writes and not recipe.keep_report_text and are_restricted(task.reports):
        raise InputError(
            f"recipe {recipe.name}: it puts whole passages of reports into programs, and these reports are restricted; "
            "expected a recipe that chooses among edits, such as exemplar-tpe, or --keep-report-text."
        )
    if recipe.budget is not None and recipe.budget < len(task.reports):
        raise InputError(
            f"recipe {recipe.name}: found a budget of {recipe.budget} calls, which cannot label {len(task.reports)} "
            f"reports once; expected at least {len(task.reports)} (--calls)."
        )


def best_round(rounds: Sequence[Round], recipe: Recipe) -> Round:
    """The round with the highest value, of those whose metric is no worse than the start's; of equals the last."""
    start = agreement(rounds[0].scored.score, recipe)
    return max(rounds, key=lambda r: (agreement(r.scored.score, recipe) >= start, r.scored.value, r.number))


def run_rounds(
    objective: Objective,
    program: Program,
    notes: Sequence[ErrorNote],
    trials: int,
    storage: Path | None = None,
    on_round: OnRound | None = None,
) -> list[Round]:
    """The rounds from a program on; the last one says why it was the last."""
    where = objective.part
    objective.part = f"{where}start"
    scored = objective.score(Candidate(program))
    current = _round(objective, 0, scored, 0, 0)
    rounds = [_with_stop(current, objective.recipe)]
    while True:
        if on_round:
            on_round(rounds[-1])
        if rounds[-1].stopped:
            return rounds
        objective.part = f"{where}round {len(rounds)}"
        rounds.append(
            _with_stop(_next_round(objective, rounds[-1], notes, trials, storage), objective.recipe, rounds[-1])
        )


def _with_stop(current: Round, recipe: Recipe, before: Round | None = None) -> Round:
    score = current.scored.score
    stopped = ""
    kappa = 1.0 if score.kappa is None else score.kappa
    if (score.accuracy or 0.0) >= recipe.target_accuracy and kappa >= recipe.target_kappa:
        stopped = "targets reached"
    elif current.number >= recipe.rounds:
        stopped = f"{recipe.rounds} rounds done"
    elif before is not None and current.stopped:
        stopped = current.stopped
    elif before is not None and current.scored.value <= before.scored.value:
        stopped = "nothing better was found"
    return replace(current, stopped=stopped)


def _round(objective: Objective, number: int, scored: Scored, calls: int, tokens: int) -> Round:
    errors = find_disagreements(objective.task.reference, scored.labels)
    return Round(number, scored, errors, calls=objective.calls - calls, tokens=objective.tokens - tokens)


def _next_round(
    objective: Objective, before: Round, notes: Sequence[ErrorNote], trials: int, storage: Path | None
) -> Round:
    recipe, task, calls, tokens = objective.recipe, objective.task, objective.calls, objective.tokens
    algorithm = registry.load("search", recipe.algorithm)
    wrong = {e.report_id for e in before.errors}
    on_errors = notes_on(notes, task.finding, wrong)
    wanted = getattr(algorithm, "CHOOSES_EDITS", True)
    proposed, dropped = _propose(objective, before, on_errors) if wanted else ((), ())
    stopped = ""
    effects: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {}
    try:
        pool, rejected, effects = _make_pool(objective, before, proposed, on_errors)
        best = algorithm.search(objective, pool, trials=trials, seed=recipe.seed, storage=storage)
    except BudgetSpentError as fault:
        best, rejected, stopped = before.scored, (), str(fault)
    return replace(
        _round(objective, before.number + 1, best, calls, tokens),
        notes=on_errors, proposed=proposed, rejected=rejected, dropped=dropped, effects=effects, stopped=stopped,
    )  # fmt: skip


def _propose(
    objective: Objective, before: Round, notes: Sequence[ErrorNote]
) -> tuple[tuple[Edit, ...], tuple[str, ...]]:
    """The edits of a round, those made of the notes first, and what the writing model did not read."""
    task, recipe = objective.task, objective.recipe
    program = before.scored.candidate.program
    reports = {r.report_id: r for r in task.reports}
    edits, dropped = list(propose_edits(notes, reports)), tuple[str, ...]()
    if recipe.writer:
        writer = metered(open_writer(recipe, task.model), objective)
        read, dropped = read_notes_with_model(notes, reports, program, writer)
        edits += read
    if recipe.lexicon:
        edits += catalog.lexicon_edits(task.finding)
    if recipe.mine:
        edits += mine_edits(program, before.errors, reports, task.reference)
    proposed = unique_edits(edits)
    if recipe.keep_report_text or not are_restricted(task.reports):
        return proposed, dropped
    proposed, withheld = withhold_text(proposed)
    unread = (f"{len(dropped)} proposals of {recipe.writer} were not taken",) if dropped else ()
    return proposed, (*unread, *withheld)


def _make_pool(
    objective: Objective, before: Round, proposed: Sequence[Edit], notes: tuple[ErrorNote, ...]
) -> tuple[Pool, tuple[Rejected, ...], dict[str, tuple[tuple[str, ...], tuple[str, ...]]]]:
    """A round's choices: kept edits and screened proposals; what nothing can test is kept by the recipe's word."""
    scored, recipe = before.scored, objective.recipe
    embedded = objective.task.model.bears_on is not None
    effects: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {}

    def effect(edit: Edit) -> tuple[tuple[str, ...], tuple[str, ...]]:
        if embedded:
            effects[edit.id] = changed_labels(objective, scored, edit)
        return effects.get(edit.id, ((), ()))

    kept = scored.candidate.edits
    edits, rejected = screen_edits(scored.candidate.base, proposed, kept, effect)
    if not embedded:
        return Pool(scored, edits[: max(recipe.most_edits, len(kept))], notes=notes), rejected, effects
    tested = [e for e in edits if objective.bearing(e, scored.candidate.program.form)]
    untested = tuple(e for e in edits if e not in tested and e.provenance.origin in recipe.keep_unexercised)
    helpful = tuple(e for e in tested if effects.get(e.id, ((), ()))[0])
    return Pool(scored, tuple(tested), untested, helpful, notes), rejected, effects


def cross_validate(
    task: Task, program: Program, notes: Sequence[ErrorNote], recipe: Recipe, watch: Watch | None = None
) -> CrossValidated:
    """The loop repeated on each fold's other reports; the pooled answers for the reports that each loop did not see."""
    labels: dict[str, int] = {}
    folds = split_folds(task, recipe.folds, recipe.seed)
    for number, held in enumerate(folds, start=1):
        train = task.subset(r.report_id for r in task.reports if r.report_id not in held)
        visible = [n for n in notes if n.report_id not in held]
        objective = Objective(train, recipe, watch=watch, part=f"fold {number} of {len(folds)}, ")
        rounds = run_rounds(objective, program, visible, recipe.fold_trials)
        best = best_round(rounds, recipe).scored.candidate
        test = task.subset(held)
        for label in Objective(test, recipe.changed(budget=None)).label(best, test.reports):
            labels[label.report_id] = {"present": 1, "absent": 0}.get(label.value, UNANSWERED)
    ids = [r.report_id for r in task.reports]
    score = score_finding(
        [task.reference[i] for i in ids], [labels[i] for i in ids], finding=task.finding, name=task.name
    )
    return CrossValidated(score, labels, recipe.folds)


def split_folds(task: Task, folds: int, seed: int) -> list[frozenset[str]]:
    """Report ids in folds, stratified by the reference's value; a patient's reports stay together."""
    groups: dict[str, list[Report]] = {}
    for report in task.reports:
        groups.setdefault(report.group or f"\u0001{report.report_id}", []).append(report)
    order = sorted(groups)
    random.Random(seed).shuffle(order)
    order.sort(key=lambda g: -max(task.reference[r.report_id] for r in groups[g]))
    held: list[set[str]] = [set() for _ in range(min(folds, len(order)))]
    for i, group in enumerate(order):
        held[i % len(held)].update(r.report_id for r in groups[group])
    return [frozenset(ids) for ids in held]


def _stratified(task: Task, seed: int) -> Task:
    """The task with its reports in an order in which every leading part has its share of positives."""
    by_value: dict[int, list[Report]] = {}
    for report in sorted(task.reports, key=lambda r: r.report_id):
        by_value.setdefault(task.reference[report.report_id], []).append(report)
    placed = []
    for value, reports in sorted(by_value.items()):
        random.Random(f"{seed} {value}").shuffle(reports)
        placed += [((i + 0.5) / len(reports), value, r) for i, r in enumerate(reports)]
    ordered = tuple(r for _, _, r in sorted(placed, key=lambda x: (x[0], x[1])))
    return Task(task.finding, task.name, ordered, task.reference, task.model)
