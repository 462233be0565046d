"""The clinician's loop: the program under review, its queue of errors, and rounds of the search that read the notes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from pathlib import Path

from ranscore import catalog
from ranscore.cohort import Dataset, Panel, dataset_panel, read_card
from ranscore.errors import InputError
from ranscore.feedback.evidence import MarkedReport, mark_report
from ranscore.feedback.queue import Compared, Marker, QueueItem, Votes, build_queue
from ranscore.freezing import FrozenProgram, load_frozen
from ranscore.models import Model
from ranscore.records import Label, LabelTable, Program, Record, Report
from ranscore.search._kept import best_kept
from ranscore.search._noted import NOTES_FILE
from ranscore.search._objective import Candidate, Objective, Scored, Task, Watch
from ranscore.search._recipe import Recipe
from ranscore.search._rounds import OnRound, Optimized
from ranscore.search._tracked import Session, optimize_label
from ranscore.tracking import DATABASE, Tracker, runs_folder

REVIEW = Recipe(name="review", algorithm="exemplar-tpe")  # an objective needs one; nothing is searched here


@dataclass(frozen=True)
class Choice:
    """A finding's program, and in words where it is from; `run_id` where a run kept it."""

    program: Program
    origin: str
    run_id: str = ""


@dataclass(frozen=True)
class Reviewed:
    """What is reviewed: one finding's program, its labels and score on a dataset's reports, and where it is from.

    `objective` and `scored` are what a preview takes; what was asked is not asked again.
    """

    dataset: Dataset
    finding: str
    choice: Choice
    objective: Objective
    scored: Scored

    @property
    def model(self) -> Model:
        """The model that gave the labels."""
        return self.objective.task.model

    @property
    def labels(self) -> tuple[Label, ...]:
        """A label for every report; that of an exemplar's own report was given without the exemplar."""
        return self.scored.labels

    @property
    def program(self) -> Program:
        """The program whose errors are looked at."""
        return self.choice.program

    @property
    def origin(self) -> str:
        """Where the program is from, in words."""
        return self.choice.origin

    @property
    def run_id(self) -> str:
        """The run that kept the program, or ""."""
        return self.choice.run_id

    @cached_property
    def values(self) -> dict[str, int]:
        """The labels by report id: 1, 0 or -2."""
        return {x.report_id: {"present": 1, "absent": 0}.get(x.value, -2) for x in self.labels}


def choose_program(
    dataset: Dataset, finding: str, model: Model, *, program: Path | None = None, mlruns: Path | None = None
) -> Choice:
    """The finding's program of a frozen file; without one the best kept for these reports and model, else the
    release where it was tuned for the model, else the seed.

    Raises InputError for a file that holds no program of the finding.
    """
    catalog.seed_program(finding)
    if program is not None:
        return Choice(_of(load_frozen(program), finding, str(program)), f"frozen {program.name}")
    if (runs_folder(mlruns) / DATABASE).is_file():
        kept = best_kept(Tracker.open(mlruns), dataset, model, finding)
        if kept is not None:
            return Choice(kept[1].program, f"kept, run {kept[0][:8]}", kept[0])
    release = load_frozen()
    if release.model.name == model.name and finding in release.findings:
        return Choice(release.findings[finding].program, "release")
    return Choice(catalog.seed_program(finding), "seed")


def _of(frozen: FrozenProgram, finding: str, where: str) -> Program:
    if finding not in frozen.findings:
        known = ", ".join(catalog.finding_name(f) for f in frozen.findings)
        raise InputError(f"{where}: holds no program of {catalog.finding_name(finding)}; it has {known}.")
    return frozen.findings[finding].program


def open_review(
    dataset: Dataset,
    finding: str,
    model: Model,
    *,
    program: Path | None = None,
    mlruns: Path | None = None,
    seed: bool = False,
) -> Reviewed:
    """A finding's program (see `choose_program`; the seed with `seed`) with its labels of the dataset's reports.

    An endpoint is asked once a report.
    """
    if seed:
        return review_program(dataset, Choice(catalog.seed_program(finding), "seed"), model)
    return review_program(dataset, choose_program(dataset, finding, model, program=program, mlruns=mlruns), model)


def review_program(dataset: Dataset, choice: Choice, model: Model) -> Reviewed:
    """A chosen program with its labels of the dataset's reports."""
    finding = choice.program.finding
    column = dataset.reference.column(finding)
    objective = Objective(Task(finding, choice.program.name, dataset.reports, column, model), REVIEW)
    return Reviewed(dataset, finding, choice, objective, objective.score(Candidate(choice.program)))


def review_queue(
    reviewed: Reviewed | Sequence[Reviewed], *, against: Sequence[Reviewed] = (), panel: Panel | None = None
) -> tuple[QueueItem, ...]:
    """The disagreements of programs with the reference, or with the programs `against` (one a finding), in order."""
    sides = [reviewed] if isinstance(reviewed, Reviewed) else list(reviewed)
    if not sides:
        return ()
    others = {other.finding: other for other in against}
    compared = [_compared(side, others.get(side.finding)) for side in sides]
    embedded = all(side.model.bears_on for side in sides)
    marker = marker_of({side.finding: side.program for side in sides}) if embedded else None
    return build_queue(compared, sides[0].dataset.reports, marker, votes_of(panel))


def _compared(side: Reviewed, other: Reviewed | None) -> Compared:
    name = catalog.finding_name(side.finding)
    if other is None:
        column = side.dataset.reference.column(side.finding)
        return Compared(side.finding, name, ("program", "reference"), side.values, column)
    return Compared(side.finding, name, (side.origin, other.origin), side.values, other.values, judged=False)


def rater_queue(
    tables: Mapping[str, LabelTable],
    findings: Sequence[str],
    reports: Sequence[Report],
    programs: Mapping[str, Program] | None = None,
) -> tuple[QueueItem, ...]:
    """The disagreements of two raters; the findings' programs, where given, group those in which they see the same."""
    (one, first), (two, second) = tables.items()
    compared = [
        Compared(f, catalog.finding_name(f), (one, two), first.column(f), second.column(f), judged=False)
        for f in findings
    ]
    return build_queue(compared, reports, marker_of(programs) if programs else None)


def marker_of(programs: Mapping[str, Program]) -> Marker:
    """What marks a report with the evidence of these programs, as the lexical reader sees it."""

    def mark(finding: str, report: Report) -> MarkedReport:
        return mark_report(programs[finding], report)

    return mark


def panel_of(name_or_path: str | Path, data: Path | None = None) -> Panel | None:
    """The raters behind a dataset's reference, where it is a majority of raters; else None."""
    card, _ = read_card(name_or_path)
    source = card.reference
    return dataset_panel(name_or_path, data) if source and source.kind == "raters" else None


def votes_of(panel: Panel | None) -> Votes:
    """Every rater's values by finding and report id."""
    if panel is None:
        return {}
    return {
        name: {finding: table.column(finding) for finding in table.findings}
        for name, table in zip(panel.names, panel.tables, strict=True)
    }


def run_round(
    session: Session,
    finding: str,
    *,
    start: Program | None = None,
    folds: int | None = None,
    on_round: OnRound | None = None,
    watch: Watch | None = None,
) -> tuple[Optimized, str]:
    """One tracked round of the search with the session's notes, from a program or the seed on; its run's id.

    With `folds` 0, and from a program, nothing is cross-validated. `watch` may raise StoppedError: the run ends as
    killed, nothing is kept.
    """
    once = replace(session, recipe=session.recipe.changed(rounds=1, folds=folds))
    return optimize_label(once, finding, on_round, start=start, watch=watch)


def reviewed_after(session: Session, found: Optimized, run_id: str) -> Reviewed:
    """The program that a search kept, with the labels that it was scored by; no call is made."""
    task = session.task(found.finding)
    choice = Choice(found.program, f"kept, run {run_id[:8]}", run_id)
    return Reviewed(session.dataset, found.finding, choice, Objective(task, REVIEW), found.best)


class NoteEffect(Record):
    """What became of one edit that one note proposed, in one round of one run.

    `status` is kept, rejected, not chosen or nothing proposed, `reason` why, and `in_program` whether the run's kept
    program holds the edit. `helped` and `hurt` are the reports that the edit alone turns right and wrong (known of the
    embedded model alone), `round_helped` and `round_hurt` those that the round turned. A kappa is None where undefined.
    """

    note_id: str
    reader: str
    report_id: str
    finding: str
    reads_as: str
    run_id: str
    started: datetime
    round: int
    edit: str
    kind: str
    status: str
    reason: str
    in_program: bool
    kappa_before: float | None
    kappa_after: float | None
    helped: tuple[str, ...]
    hurt: tuple[str, ...]
    round_helped: tuple[str, ...]
    round_hurt: tuple[str, ...]


def note_effects(
    tracker: Tracker, *, finding: str | None = None, dataset_digest: str | None = None
) -> tuple[NoteEffect, ...]:
    """What became of every note in the finished optimizations of a tracking folder, the newest run first."""
    filters = {"dataset_digest": dataset_digest} if dataset_digest else {}
    effects: list[NoteEffect] = []
    for run in tracker.kept_programs(finding=finding, filters=filters):
        if tracker._has(run.run_id, NOTES_FILE):
            rows = json.loads(tracker.read_text(run.run_id, NOTES_FILE))
            effects += [NoteEffect(**row, run_id=run.run_id, started=run.start_time) for row in rows]
    return tuple(effects)
