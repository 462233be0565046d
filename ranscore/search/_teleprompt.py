"""What the searches by DSPy's optimizers share: the student, the metered models, and the way back to a candidate.

DSPy ranks programs by a mean over reports. Here every program that it tried on all training reports is ranked by the
recipe's own objective, and the best are scored like any other candidate; nothing else decides.
"""

from __future__ import annotations

import os
import sys
import threading
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, replace
from typing import Any

import dspy
from dspy.utils.exceptions import AdapterParseError
from dspy.utils.usage_tracker import track_usage

from ranscore.errors import InputError
from ranscore.extraction._quiet import quiet_logs
from ranscore.extraction.adapter import OneWordAdapter
from ranscore.extraction.module import CONCURRENCY, FindingModule
from ranscore.feedback.edits import make_exemplar
from ranscore.guard import check_destination
from ranscore.models import Model
from ranscore.prompt import ask_for_words, shorten
from ranscore.records import ABSENT, PRESENT, UNANSWERED, Answer, Edit, Program, Report
from ranscore.scoring import score_finding
from ranscore.search._objective import BudgetSpentError, Candidate, Objective, Scored
from ranscore.search._study import Pool

FINALISTS = 3
LEAST_FAILURES = 3
ANY_ERRORS = 1_000_000_000  # dspy stops after ten failed answers; here a failed answer is an unanswered report
_ANSWERS = {PRESENT: "present", ABSENT: "absent"}
_VALUES = {"present": PRESENT, "absent": ABSENT, "unanswered": UNANSWERED}
State = tuple[str, tuple[tuple[str, Answer], ...]]  # instructions, and demos as (report, answer)


class Meter:
    """Counts calls into the objective and refuses the one that would go beyond `cap`."""

    def __init__(self, objective: Objective, cap: int) -> None:
        self.objective, self.cap, self.spent = objective, cap, False
        self._lock = threading.Lock()

    def __deepcopy__(self, memo: dict[int, Any]) -> Meter:
        return self

    def refuse(self) -> None:
        """Raises BudgetSpentError."""
        self.spent = True
        raise BudgetSpentError(f"the budget of the search is used up after {self.objective.calls} calls")

    def take(self) -> None:
        """One call more; raises BudgetSpentError when there is none left."""
        with self._lock:
            if self.objective.calls >= self.cap:
                self.refuse()
            self.objective.calls += 1

    def add(self, tokens: int) -> None:
        """Tokens of a call that was made."""
        with self._lock:
            self.objective.tokens += tokens


class MeteredLM(dspy.LM):  # type: ignore[misc]
    """A model's LM whose calls are counted and, beyond the budget, refused; no answer of it is cached."""

    def __init__(self, inner: dspy.LM, meter: Meter) -> None:
        self.__dict__.update(inner.copy(cache=False).__dict__)
        self.meter = meter
        self.outcomes: list[str] = []

    def __call__(self, prompt: Any = None, *, messages: Any = None, **kwargs: Any) -> Any:
        """The model's outputs; raises BudgetSpentError beyond the budget."""
        self.meter.take()
        try:
            with track_usage() as usage:
                outputs = super().__call__(prompt, messages=messages, **kwargs)
        except Exception as fault:
            self.outcomes.append(type(fault).__name__)
            raise
        self.outcomes.append("")
        self.meter.add(sum(int(u.get("total_tokens") or 0) for u in usage.get_total_tokens().values()))
        return outputs

    def check_usable(self, name: str) -> None:
        """Raises InputError when calls were made and none of them was answered."""
        if self.outcomes and all(self.outcomes):
            raise InputError(
                f"--writer {name}: none of its {len(self.outcomes)} calls was answered ({self.outcomes[0]}); "
                "expected a model that answers: check the name, its address and the key in the environment."
            )


def metered(model: Model, objective: Objective) -> Model:
    """The model with its calls counted into the objective and kept within the recipe's budget."""
    budget = objective.recipe.budget
    meter = Meter(objective, sys.maxsize if budget is None else budget)
    return replace(model, make_lm=lambda: MeteredLM(model.make_lm(), meter))


class Trail:
    """What every tried program answered to every training report.

    `shown` gives, by a demo's text, the passage that is sent; `sources` the report that it comes from, if not itself.
    """

    def __init__(self, meter: Meter, shown: dict[str, str], sources: dict[str, str]) -> None:
        self.meter, self.shown, self.sources = meter, shown, sources
        self.answers: dict[State, dict[str, str]] = {}

    def __deepcopy__(self, memo: dict[int, Any]) -> Trail:
        return self

    def ranked(self, objective: Objective, valset: Sequence[dspy.Example]) -> list[State]:
        """The programs that were asked about all training reports, best first by the recipe's objective."""
        expected = [_VALUES[e.answer] for e in valset]
        placed = []
        for state, answers in list(self.answers.items()):
            if all(e.report in answers for e in valset):
                given = [_VALUES[answers[e.report]] for e in valset]
                score = score_finding(expected, given, finding=objective.task.finding, name=objective.task.name)
                metric = score.kappa if objective.recipe.objective == "kappa" else score.f1
                placed.append(((metric or 0.0) * score.n / max(1, score.n + score.unanswered), state))
        return [state for _, state in sorted(placed, key=lambda x: -x[0])]


class ShownAdapter(OneWordAdapter):
    """Sends what a candidate would send: passages cut as in its form, and never the report's own exemplar."""

    def __init__(self, program: Program, trail: Trail) -> None:
        super().__init__(program.name, program.form)
        self.trail = trail

    def format(
        self, signature: type[dspy.Signature], demos: list[dict[str, Any]], inputs: dict[str, Any]
    ) -> list[dict[str, Any]]:
        """The messages for one report."""
        shown, sources = self.trail.shown, self.trail.sources
        others = [d for d in demos if sources.get(d["report"], d["report"]) != inputs["report"]]
        kept = [{"report": shown.get(d["report"], d["report"]), "answer": d["answer"]} for d in others]
        messages: list[dict[str, Any]] = super().format(signature, kept, inputs)
        messages[0]["content"] = ask_for_words(messages[0]["content"], self.form)
        return messages


class Student(FindingModule):
    """The finding's module as DSPy's optimizers change it; what it answers goes into the trail."""

    def __init__(self, program: Program, trail: Trail) -> None:
        super().__init__(program)
        self.adapter = ShownAdapter(program, trail)
        self.trail = trail

    def forward(self, report: str) -> dspy.Prediction:
        """One prediction for one report; raises as FindingModule does, and BudgetSpentError."""
        if self.trail.meter.spent:
            self.trail.meter.refuse()
        answers = self.trail.answers.setdefault(state_of(self), {})
        try:
            prediction = super().forward(report)
        except BudgetSpentError:
            raise
        except Exception:
            answers[report] = "unanswered"
            raise
        answers[report] = prediction.answer
        return prediction


def state_of(module: FindingModule) -> State:
    """What an optimizer may have changed in a module."""
    demos = tuple((d["report"], d["answer"]) for d in module.label.demos)
    return module.label.signature.instructions, demos


@dataclass(frozen=True)
class Bench:
    """What an optimizer is given: reports as examples (`trainset` may become demos), the models, what it may spend."""

    student: Student
    trainset: list[dspy.Example]
    valset: list[dspy.Example]
    labeller: MeteredLM
    writer: MeteredLM | None
    trials: int
    calls: int
    threads: int
    seed: int

    def is_over(self) -> bool:
        """True where the budget is spent, or the writer has failed from the start."""
        tried = self.writer.outcomes if self.writer else []
        return self.labeller.meter.spent or (len(tried) >= LEAST_FAILURES and all(tried))


Compile = Callable[[Bench], dspy.Module]


def exact_match(example: dspy.Example, prediction: dspy.Prediction, trace: object = None) -> bool:
    """The per-report metric that DSPy needs: the very answer of the reference."""
    return bool(example.answer == prediction.answer)


def optimize_with(
    objective: Objective, pool: Pool, run: Compile, *, trials: int, seed: int, writer: Model | None = None
) -> Scored:
    """The best candidate that a DSPy optimizer finds within the budget; never worse than the pool's current one.

    Without a budget it is `trials` times the number of reports; one evaluation of it is kept for the final scoring.
    """
    task, recipe = objective.task, objective.recipe
    total = objective.calls + trials * len(task.reports) if recipe.budget is None else recipe.budget
    meter = Meter(objective, total - len(task.reports))
    bench = _bench(objective, pool, meter, trials, seed, writer)
    if bench is None:
        return pool.current
    begun = state_of(bench.student)
    compiled = _compile(run, bench, recipe.writer)
    meter.spent = True  # for a straggler of dspy's threads
    states = bench.student.trail.ranked(objective, bench.valset) + ([state_of(compiled)] if compiled else [])
    best = pool.current
    for state in [s for s in dict.fromkeys(states) if s != begun and s[0].strip()][:FINALISTS]:
        if objective.calls + len(task.reports) > total:
            break
        scored = objective.score(_candidate(objective, pool, begun, state))
        best = scored if scored.value > best.value else best
    return best


def _bench(
    objective: Objective, pool: Pool, meter: Meter, trials: int, seed: int, writer: Model | None
) -> Bench | None:
    """The bench of a search, None without a report to learn from; raises BudgetSpentError without a trial left."""
    task = objective.task
    for model in (task.model, writer) if writer else (task.model,):
        check_destination(model, task.reports)
    known = [r for r in task.reports if task.reference[r.report_id] in _ANSWERS and r.text.strip()]
    valset = [_example(task.reference, r) for r in known]
    times = Counter(_squeeze(r.text) for r in task.reports)  # a twin would be read beside its own answer
    trainset = [_example(task.reference, r) for r in known if times[_squeeze(r.text)] == 1]
    if not trainset:
        return None
    left = meter.cap - objective.calls
    if left < len(valset):
        raise BudgetSpentError(f"{max(0, left)} calls are left for trials, and one takes {len(valset)}")
    return Bench(
        student=_student(_begin(objective, pool).program, task.reports, meter),
        trainset=trainset,
        valset=valset,
        labeller=MeteredLM(task.model.make_lm(), meter),
        writer=MeteredLM(writer.make_lm(), meter) if writer else None,
        trials=min(trials, left // len(valset)),
        calls=min(trials * len(valset), left),
        threads=1 if task.model.embedded else int(task.model.settings.get("concurrency", CONCURRENCY)),
        seed=seed,
    )


def _student(program: Program, reports: Sequence[Report], meter: Meter) -> Student:
    chars, texts = program.form.exemplar_chars, {r.report_id: r.text for r in reports}
    shown = {text: shorten(_squeeze(text), chars) for text in texts.values()}
    sources = {shorten(e.passage, chars): texts.get(e.report_id or "", "") for e in program.exemplars}
    return Student(program, Trail(meter, shown, sources))


def _squeeze(text: str) -> str:
    return " ".join(text.split())


def _example(reference: dict[str, int], report: Report) -> dspy.Example:
    return dspy.Example(report=report.text, answer=_ANSWERS[reference[report.report_id]]).with_inputs("report")


def _begin(objective: Objective, pool: Pool) -> Candidate:
    """The current candidate, its form made wide enough for the recipe's longest exemplar."""
    current = pool.current.candidate
    form, chars = current.program.form, max(objective.recipe.exemplar_chars)
    if form.exemplar_chars == chars:
        return current
    return Candidate(current.base, current.edits, form.model_copy(update={"exemplar_chars": chars}))


def _compile(run: Compile, bench: Bench, name: str) -> dspy.Module | None:
    """The optimizer's own choice, None where the budget ended it; raises InputError for a writer that is of no use."""
    try:
        with _quiet(), dspy.context(lm=bench.labeller, disable_history=True):
            compiled = run(bench)
    except AdapterParseError:
        raise InputError(
            f"--writer {name}: its answer could not be read as an instruction; expected a model that keeps "
            "to the form it is asked for: name a more capable one."
        ) from None
    except Exception:
        if bench.writer:
            bench.writer.check_usable(name)
        if not bench.labeller.meter.spent:
            raise
        return None
    if bench.writer:
        bench.writer.check_usable(name)
    return compiled


@contextmanager
def _quiet() -> Iterator[None]:
    """No progress bar, no print, no warning and no log line of an optimizer."""
    with (
        open(os.devnull, "w", encoding="utf-8") as sink,
        redirect_stdout(sink),
        redirect_stderr(sink),
        warnings.catch_warnings(),
        quiet_logs("dspy", "gepa", "optuna"),
    ):
        warnings.simplefilter("ignore")
        yield


def _candidate(objective: Objective, pool: Pool, begun: State, state: State) -> Candidate:
    """The candidate that sends a tried program's prompts: demos as exemplars, new instructions as its text."""
    start = _begin(objective, pool)
    base, chars = start.base, start.program.form.exemplar_chars
    own = {(shorten(e.passage, chars), e.answer): e for e in base.exemplars}
    kept = {(shorten(e.exemplar.passage, chars), e.exemplar.answer): e for e in start.edits if e.exemplar}
    ids = {r.text: r.report_id for r in objective.task.reports}
    instructions, demos = state
    exemplars: list[Edit] = []
    for text, answer in demos:
        if (text, answer) in kept:
            exemplars.append(kept[text, answer])
        elif (text, answer) not in own:
            exemplars.append(make_exemplar(base.finding, text, answer, "model", report_id=ids[text]))
    changes: dict[str, Any] = {"exemplars": tuple(e for key, e in own.items() if key in demos)}
    if instructions != begun[0]:
        changes["text"] = instructions
    rules = [e for e in start.edits if e.exemplar is None]
    return Candidate(base.model_copy(update=changes), (*rules, *exemplars), start.form)
