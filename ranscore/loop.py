"""The clinician's loop: the program under review, its queue of errors, and rounds of the search that read the notes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ranscore import catalog
from ranscore.cohort import Dataset, Panel, dataset_panel, read_card
from ranscore.errors import InputError
from ranscore.extraction.module import label_reports
from ranscore.feedback.evidence import MarkedReport, mark_report
from ranscore.feedback.queue import Compared, Marker, QueueItem, Votes, build_queue
from ranscore.freezing import FrozenProgram, load_frozen
from ranscore.models import Model
from ranscore.records import Label, LabelTable, Program, Report
from ranscore.search._kept import best_kept
from ranscore.search._objective import Task
from ranscore.tracking import DATABASE, Tracker, runs_folder


@dataclass(frozen=True)
class Choice:
    """A finding's program, and in words where it is from; `run_id` where a run kept it."""

    program: Program
    origin: str
    run_id: str = ""


@dataclass(frozen=True)
class Reviewed:
    """What is reviewed: one finding's program, its labels of a dataset's reports, and where the program is from."""

    dataset: Dataset
    finding: str
    choice: Choice
    model: Model
    labels: tuple[Label, ...]

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

    def task(self) -> Task:
        """The finding's task on these reports, as a search or a preview takes it."""
        column = self.dataset.reference.column(self.finding)
        return Task(self.finding, catalog.finding_name(self.finding), self.dataset.reports, column, self.model)


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
    labels = label_reports(choice.program, dataset.reports, model).labels
    return Reviewed(dataset, choice.program.finding, choice, model, labels)


def review_queue(
    reviewed: Reviewed | Sequence[Reviewed], *, against: Sequence[Reviewed] = (), panel: Panel | None = None
) -> tuple[QueueItem, ...]:
    """The disagreements of programs with the reference, or with the programs `against` (one a finding), in order."""
    sides = [reviewed] if isinstance(reviewed, Reviewed) else list(reviewed)
    if not sides:
        return ()
    others = {other.finding: other for other in against}
    compared = [_compared(side, others.get(side.finding)) for side in sides]
    return build_queue(compared, sides[0].dataset.reports, marker_of(sides), votes_of(panel))


def _compared(side: Reviewed, other: Reviewed | None) -> Compared:
    name = catalog.finding_name(side.finding)
    if other is None:
        column = side.dataset.reference.column(side.finding)
        return Compared(side.finding, name, ("program", "reference"), side.values, column)
    return Compared(side.finding, name, (side.origin, other.origin), side.values, other.values, judged=False)


def rater_queue(
    tables: Mapping[str, LabelTable], findings: Sequence[str], reports: Sequence[Report], sides: Sequence[Reviewed] = ()
) -> tuple[QueueItem, ...]:
    """The disagreements of two raters; programs in `sides` group those in which they see the same."""
    (one, first), (two, second) = tables.items()
    compared = [
        Compared(f, catalog.finding_name(f), (one, two), first.column(f), second.column(f), judged=False)
        for f in findings
    ]
    return build_queue(compared, reports, marker_of(sides) if sides else None)


def marker_of(sides: Sequence[Reviewed]) -> Marker | None:
    """What marks a report with the evidence of these programs; None where the model is not embedded."""
    if not all(side.model.bears_on for side in sides):
        return None
    programs = {side.finding: side.program for side in sides}

    def mark(finding: str, report: Report) -> MarkedReport:
        return mark_report(programs[finding], report)

    return mark


def panel_of(name_or_path: str | Path, data: Path | None = None) -> Panel | None:
    """The raters behind a dataset's reference, where it is a majority of raters; else None."""
    card, _ = read_card(name_or_path)
    return dataset_panel(name_or_path, data) if card.reference.kind == "raters" else None


def votes_of(panel: Panel | None) -> Votes:
    """Every rater's values by finding and report id."""
    if panel is None:
        return {}
    return {
        name: {finding: table.column(finding) for finding in table.findings}
        for name, table in zip(panel.names, panel.tables, strict=True)
    }
