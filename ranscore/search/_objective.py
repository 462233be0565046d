"""Scores candidates on the development reports of one finding, by whole-set metrics, never by a mean over reports."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from ranscore.errors import RanscoreError
from ranscore.extraction.module import freeze_prompt, label_reports
from ranscore.feedback.edits import apply_edits
from ranscore.models import Model
from ranscore.models._base import count_tokens
from ranscore.prompt import shorten
from ranscore.records import UNANSWERED, AnswerForm, Edit, Label, Program, Report
from ranscore.scoring import FindingScore, score_finding
from ranscore.search._recipe import Recipe

_NAMES = {1: "present", 0: "absent", UNANSWERED: "unanswered"}


class BudgetSpentError(RanscoreError):
    """The calls that a search may make are used up."""


@dataclass(frozen=True)
class Progress:
    """How far a search is: its part (`round 1`, `fold 2 of 5, round 1`), the candidates scored in it, the calls."""

    part: str
    scored: int
    calls: int


Watch = Callable[[Progress], None]  # raises StoppedError to stop


@dataclass(frozen=True)
class Candidate:
    """A program with chosen edits, in order, and an answer form."""

    base: Program
    edits: tuple[Edit, ...] = ()
    form: AnswerForm | None = None

    @cached_property
    def program(self) -> Program:
        """The candidate as a program."""
        program = apply_edits(self.base, self.edits)
        return program.model_copy(update={"form": self.form}) if self.form else program

    def without_report(self, report_id: str) -> Candidate:
        """The candidate less the exemplars taken from one report."""
        kept = tuple(e for e in self.edits if e.exemplar is None or e.exemplar.report_id != report_id)
        base = self.base
        if any(e.report_id == report_id for e in base.exemplars):
            rest = tuple(e for e in base.exemplars if e.report_id != report_id)
            base = base.model_copy(update={"exemplars": rest})
        return Candidate(base, kept, self.form)

    @cached_property
    def exemplar_sources(self) -> frozenset[str]:
        """The reports whose text an exemplar of the candidate holds."""
        found = [e.exemplar for e in self.edits if e.exemplar] + list(self.base.exemplars)
        return frozenset(e.report_id for e in found if e.report_id)


@dataclass(frozen=True)
class Task:
    """What is to be solved: the development reports of one finding, their reference by id, the model."""

    finding: str
    name: str
    reports: tuple[Report, ...]
    reference: dict[str, int]
    model: Model

    def subset(self, report_ids: Iterable[str]) -> Task:
        """The task on some of its reports."""
        wanted = set(report_ids)
        reports = tuple(r for r in self.reports if r.report_id in wanted)
        reference = {i: v for i, v in self.reference.items() if i in wanted}
        return Task(self.finding, self.name, reports, reference, self.model)


@dataclass(frozen=True)
class Scored:
    """A candidate with its labels and scores on the development reports; `value` is what the search maximizes."""

    candidate: Candidate
    labels: tuple[Label, ...]
    score: FindingScore
    value: float
    prompt_tokens: int


@dataclass
class Objective:
    """Scores candidates; what was asked once is not asked again. `calls` and `tokens` count what was asked.

    `watch` is told of every candidate scored, and of the `part` of the search that it belongs to.
    """

    task: Task
    recipe: Recipe
    calls: int = 0
    tokens: int = 0
    watch: Watch | None = None
    part: str = ""
    scored: int = 0
    _known: dict[tuple[str, str], tuple[str, str]] = field(default_factory=dict, repr=False)
    _bearing: dict[tuple[str, int], frozenset[str]] = field(default_factory=dict, repr=False)

    def score(self, candidate: Candidate, reports: Sequence[Report] | None = None) -> Scored:
        """The candidate scored on some (or all) of the reports; the report of an exemplar is read without that
        exemplar.

        Raises BudgetSpentError when the recipe's calls are used up.
        """
        reports = self.task.reports if reports is None else reports
        labels = self.label(candidate, reports)
        reference = [self.task.reference[label.report_id] for label in labels]
        values = [{"present": 1, "absent": 0}.get(label.value, UNANSWERED) for label in labels]
        score = score_finding(reference, values, finding=self.task.finding, name=self.task.name)
        tokens = sum(count_tokens(text) for _, text in freeze_prompt(candidate.program).head)
        self.scored += 1
        if self.watch:
            self.watch(Progress(self.part, self.scored, self.calls))
        return Scored(candidate, tuple(labels), score, self._value(candidate, score), tokens)

    def _value(self, candidate: Candidate, score: FindingScore) -> float:
        costly = [e for e in candidate.edits if e.provenance.origin not in self.recipe.keep_unexercised]
        tokens = sum(count_tokens(_text(e)) for e in costly)
        prior = sum(self.recipe.prior.get(e.provenance.origin, 0.0) for e in candidate.edits)
        return agreement(score, self.recipe) - self.recipe.penalty_per_1000_tokens * tokens / 1000 + prior

    def label(self, candidate: Candidate, reports: Sequence[Report]) -> list[Label]:
        """The candidate's labels of some reports, in their order."""
        keys = self._keys(candidate, reports)
        groups: dict[str, list[Report]] = {}
        for report in reports:
            if keys[report.report_id] not in self._known:
                source = report.report_id if report.report_id in candidate.exemplar_sources else ""
                groups.setdefault(source, []).append(report)
        for source, missing in groups.items():
            self._ask(candidate.without_report(source) if source else candidate, missing, keys)
        finding = self.task.finding
        return [
            Label.model_construct(report_id=r.report_id, finding=finding, value=value, reason=reason)
            for r in reports
            for value, reason in [self._known[keys[r.report_id]]]
        ]

    def _keys(self, candidate: Candidate, reports: Sequence[Report]) -> dict[str, tuple[str, str]]:
        """By report id, what of the candidate can change that report's answer: its own exemplars are left out."""
        form = candidate.form.digest()[7:15] if candidate.form else ""
        bearing: dict[str, list[str]] = {r.report_id: [_base_key(candidate.base), form] for r in reports}
        shown_by = candidate.program.form
        for edit in candidate.edits:
            own = edit.exemplar.report_id if edit.exemplar else None
            for report_id in self.bearing(edit, shown_by):
                if report_id != own and report_id in bearing:
                    bearing[report_id].append(edit.id)
        return {i: (i, "|".join(edits)) for i, edits in bearing.items()}

    def _ask(self, candidate: Candidate, reports: list[Report], keys: dict[str, tuple[str, str]]) -> None:
        if self.recipe.budget is not None and self.calls + len(reports) > self.recipe.budget:
            raise BudgetSpentError(f"the budget of {self.recipe.budget} calls is used up after {self.calls} calls")
        labelled = label_reports(candidate.program, reports, self.task.model)
        self.calls += labelled.calls
        self.tokens += labelled.tokens
        for label in labelled.labels:
            self._known[keys[label.report_id]] = (label.value, label.reason)

    def bearing(self, edit: Edit, form: AnswerForm | None = None) -> frozenset[str]:
        """The ids of the reports whose answer the edit could change; all, unless the model can tell without a call.

        An exemplar is looked for as the answer form shows it.
        """
        shown = _shown(edit, form) if form else edit
        key = (edit.id, len(shown.exemplar.passage) if shown.exemplar else 0)
        if key not in self._bearing:
            test = self.task.model.bears_on
            self._bearing[key] = frozenset(r.report_id for r in self.task.reports if test is None or test(shown, r))
        return self._bearing[key]


def _shown(edit: Edit, form: AnswerForm) -> Edit:
    """The edit with its exemplar's passage as long as the form shows it."""
    if edit.exemplar is None or len(edit.exemplar.passage) <= form.exemplar_chars:
        return edit
    passage = shorten(edit.exemplar.passage, form.exemplar_chars)
    return edit.model_copy(update={"exemplar": edit.exemplar.model_copy(update={"passage": passage})})


def agreement(score: FindingScore, recipe: Recipe) -> float:
    """The recipe's metric (kappa or F1) as a number, less for unanswered cells."""
    metric = score.kappa if recipe.objective == "kappa" else score.f1
    if metric is None:  # one class is missing on both sides: nothing to agree on beyond chance
        metric = score.accuracy if score.accuracy is not None and score.positives else 0.0
    answered = score.n / max(1, score.n + score.unanswered)
    return metric * answered if metric > 0 else metric - (1.0 - answered)  # silence never pays


_base_keys: dict[int, tuple[Program, str]] = {}


def _base_key(program: Program) -> str:
    known = _base_keys.get(id(program))
    if known is None or known[0] is not program:
        _base_keys[id(program)] = known = (program, program.digest()[7:23])
    return known[1]


def _text(edit: Edit) -> str:
    if edit.rule:
        return ", ".join(edit.rule.phrases)
    if edit.exemplar:
        return edit.exemplar.passage
    return str(edit.clarification.present_when or edit.clarification.absent_when) if edit.clarification else ""


def changed_labels(objective: Objective, before: Scored, edit: Edit) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The reports that one more edit would turn right, and those that it would turn wrong (ids)."""
    candidate = Candidate(before.candidate.base, (*before.candidate.edits, edit), before.candidate.form)
    bearing = objective.bearing(edit, candidate.program.form)
    touched = [r for r in objective.task.reports if r.report_id in bearing]
    if not touched:
        return (), ()
    old = {label.report_id: label.value for label in before.labels}
    helped, hurt = [], []
    for label in objective.label(candidate, touched):
        right = _NAMES.get(objective.task.reference[label.report_id])
        if right is None or label.value == old[label.report_id]:
            continue
        if label.value == right:
            helped.append(label.report_id)
        elif old[label.report_id] == right:
            hurt.append(label.report_id)
    return tuple(helped), tuple(hurt)
