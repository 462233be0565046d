"""An Optuna study over the edits of one pool: one boolean an edit, the order of exemplars, the answer form."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from ranscore.private import make_file, make_folder
from ranscore.records import AnswerForm, Edit, ErrorNote, digest_of
from ranscore.search._objective import BudgetSpentError, Candidate, Objective, Scored

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler

ORDERS = ("as proposed", "present first", "absent first", "alternating", "shuffled 1", "shuffled 2")


@dataclass(frozen=True)
class Pool:
    """What a search chooses from: `current` is the best so far, `edits` the choices, `fixed` what is kept unasked.

    `notes` are the error notes on the current candidate's wrong labels.
    """

    current: Scored
    edits: tuple[Edit, ...]
    fixed: tuple[Edit, ...] = ()
    promising: tuple[Edit, ...] = ()
    notes: tuple[ErrorNote, ...] = ()


def run_study(
    objective: Objective, pool: Pool, sampler: BaseSampler, trials: int, storage: Path | None = None
) -> Scored:
    """The best candidate that a study of `trials` trials finds, never worse than the current one.

    With a `storage` folder its trials are kept in a journal there. A stopped study is run again from its start with
    the values that it had measured, so that it ends as if it had never been stopped.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    logging.getLogger("optuna").setLevel(logging.ERROR)
    best = pool.current
    space = _Space(objective, pool)
    if not (space.edits or space.forms_count > 1):
        return best
    pruner = optuna.pruners.SuccessiveHalvingPruner(min_early_stopping_rate=0) if space.rungs[1:] else None
    study = optuna.create_study(direction="maximize", sampler=sampler, pruner=pruner)
    for start in space.starts():
        study.enqueue_trial(start, skip_if_exists=True)
    with suppress(BudgetSpentError):  # the best so far is kept
        study.optimize(space.value, n_trials=trials, catch=(), callbacks=[_journal(space, storage)] if storage else [])
    complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    if not complete:
        return best
    winner = max(complete, key=lambda t: (float("-inf") if t.value is None else t.value, -t.number))
    scored = objective.score(space.candidate(winner.params))
    return scored if scored.value > best.value else best


def _journal(space: _Space, folder: Path) -> Callable[[optuna.Study, FrozenTrial], None]:
    """What adds each new trial to the space's journal, in one write; what stands there already is remembered."""
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    path = make_file(make_folder(folder) / f"{space.name}.log")
    storage = JournalStorage(JournalFileBackend(str(path)))
    journal = optuna.create_study(direction="maximize", storage=storage, study_name=space.name, load_if_exists=True)
    known = journal.get_trials(deepcopy=False)
    space.remember(known)

    def keep(study: optuna.Study, trial: FrozenTrial) -> None:
        if trial.number >= len(known):
            journal.add_trial(trial)

    return keep


class _Space:
    """Maps a trial's parameters to a candidate."""

    def __init__(self, objective: Objective, pool: Pool) -> None:
        self.objective, self.pool = objective, pool
        self.edits = pool.edits
        self.forms = _forms(objective, pool)
        self.forms_count = len(self.forms)
        self.orderable = not objective.task.model.embedded and sum(e.exemplar is not None for e in self.edits) > 1
        self.rungs = objective.recipe.rungs
        task = objective.task
        key = [
            task.finding,
            task.model.name,
            task.model.settings,
            [r.digest() for r in task.reports],
            sorted(task.reference.items()),
            pool.current.candidate.program.digest(),
            [e.digest() for e in (*self.edits, *pool.fixed)],
            objective.recipe.model_dump(mode="json"),
        ]
        self.name = f"{task.finding}-{digest_of(key)[7:23]}"
        self.measured: dict[tuple[frozenset[tuple[str, Any]], int], float] = {}

    def starts(self) -> list[dict[str, Any]]:
        """Where the search begins: what is kept now, everything, the expert's, what helps by itself."""
        kept = {e.id for e in self.pool.current.candidate.edits}
        helpful = kept | {e.id for e in self.pool.promising}
        expert = kept | {e.id for e in self.edits if e.provenance.origin == "expert"}
        sets = [kept, {e.id for e in self.edits}, expert, helpful, expert | helpful]
        shared: dict[str, Any] = {"form": 0} if self.forms_count > 1 else {}
        shared |= {"order": ORDERS[0]} if self.orderable else {}
        return [{e.id: e.id in chosen for e in self.edits} | shared for chosen in sets]

    def candidate(self, params: dict[str, Any]) -> Candidate:
        """The candidate that a trial's parameters stand for."""
        chosen = [e for e in self.edits if params.get(e.id)]
        rules = [e for e in chosen if e.exemplar is None]
        exemplars = order_exemplars([e for e in chosen if e.exemplar], params.get("order", ORDERS[0]))
        base = self.pool.current.candidate.base
        return Candidate(base, (*self.pool.fixed, *rules, *exemplars), self.forms[params.get("form", 0)])

    def remember(self, trials: Sequence[FrozenTrial]) -> None:
        """Takes over what earlier trials measured, rung by rung."""
        for trial in trials:
            values = dict(trial.intermediate_values)
            if trial.state == TrialState.COMPLETE and trial.value is not None:
                values[len(self.rungs) - 1] = trial.value
            self.measured |= {(frozenset(trial.params.items()), step): value for step, value in values.items()}

    def measure(self, params: dict[str, Any], step: int) -> float:
        """The objective of some parameters on the reports of one rung."""
        key = (frozenset(params.items()), step)
        if key not in self.measured:
            reports = self.objective.task.reports
            part = reports[: max(1, round(self.rungs[step] * len(reports)))]
            self.measured[key] = self.objective.score(self.candidate(params), part).value
        return self.measured[key]

    def value(self, trial: optuna.Trial) -> float:
        """The objective of one trial, pruned at a rung where it falls behind."""
        params: dict[str, Any] = {e.id: trial.suggest_categorical(e.id, [False, True]) for e in self.edits}
        if self.orderable:
            params["order"] = trial.suggest_categorical("order", ORDERS)
        if self.forms_count > 1:
            params["form"] = trial.suggest_categorical("form", list(range(self.forms_count)))
        value = 0.0
        for step, share in enumerate(self.rungs):
            value = self.measure(params, step)
            if share < 1.0:
                trial.report(value, step)
                if trial.should_prune():
                    raise optuna.TrialPruned
        return value


def _forms(objective: Objective, pool: Pool) -> list[AnswerForm | None]:
    now = pool.current.candidate.program.form
    questions = (now.question, *(q for q in objective.recipe.questions if q != now.question))
    lengths = objective.recipe.exemplar_chars
    forms = [now.model_copy(update={"question": q, "exemplar_chars": n}) for q in questions for n in lengths]
    return [pool.current.candidate.form] if forms == [now] else [now, *(f for f in forms if f != now)]


def order_exemplars(edits: Sequence[Edit], order: str) -> list[Edit]:
    """The exemplar edits in a named order."""
    present = [e for e in edits if e.exemplar and e.exemplar.answer == "present"]
    absent = [e for e in edits if e.exemplar and e.exemplar.answer == "absent"]
    if order == "present first":
        return present + absent
    if order == "absent first":
        return absent + present
    if order == "alternating":
        pairs = zip(present, absent, strict=False)
        return [e for pair in pairs for e in pair] + present[len(absent) :] + absent[len(present) :]
    if order.startswith("shuffled"):
        mixed = list(edits)
        random.Random(order).shuffle(mixed)
        return mixed
    return list(edits)
