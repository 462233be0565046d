"""Labelling a table of reports of any size: what is missing in the ledger is asked, then the table is written.

Memory does not grow with the table. However often a run is cut, the finished table is the same, byte for byte.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import Literal

from ranscore import catalog, registry
from ranscore.errors import InputError, StoppedError
from ranscore.extraction.derived import gather
from ranscore.extraction.grouped import GroupPrompt, grouped_model
from ranscore.extraction.module import freeze_prompt
from ranscore.freezing import FrozenProgram, check_prompts
from ranscore.guard import check_terms
from ranscore.labelling._brakes import Brakes, Stop
from ranscore.labelling._desk import Desk, Gate, Progress
from ranscore.labelling._plan import Plan
from ranscore.labelling._shapes import Packed, Row, Shape, Units
from ranscore.labelling._tables import WORDS, Cell, write_rows
from ranscore.labelling._units import Job, Question, job_of
from ranscore.labelling.ledger import Ledger
from ranscore.models import Model, is_endpoint
from ranscore.models._prices import Price, price_of
from ranscore.readers import ReportStream
from ranscore.records import UNANSWERED, LabelTable, Report, Terms

Grouping = Literal["finding", "report"]
ENGINES = "labelling.engines"
AT_ONCE = 2_000  # rows of the table in memory
REASONS = 100


@dataclass(frozen=True)
class Outcome:
    """How a run ended; `stopped` is why it ended early, "" where it did not."""

    progress: Progress
    stopped: str
    signalled: bool


def questions_of(frozen: FrozenProgram, model: Model, group: GroupPrompt | None = None) -> tuple[Question, ...]:
    """A frozen program's questions for a model, in the catalog's order; with `group` they share one call a report."""
    if group:
        before, after = group.around
        words = ("present", "absent")
        return tuple(Question(f, group.digest(), group.head_of(f), before, after, words) for f in group.findings)
    made, thresholds = [], frozen.thresholds(model)
    for program in frozen.programs():
        prompt = freeze_prompt(program)
        threshold = thresholds.get(program.finding)
        words = (program.form.present, program.form.absent)
        asked = Question(
            program.finding, prompt.digest(), prompt.head, prompt.before, prompt.after, words, threshold=threshold
        )
        made.append(asked)
    return tuple(made)


def check_engine(name: str) -> None:
    """Raises UnknownNameError, or InputError where the engine's library is missing."""
    work = registry.load(ENGINES, name)
    if hasattr(work, "check"):
        work.check()


def cores() -> int:
    """The processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Corpus:
    """A table of reports, a frozen program, a model and a ledger, opened by `open_corpus`."""

    def __init__(
        self,
        frozen: FrozenProgram,
        stream: ReportStream,
        model: Model,
        ledger: Ledger,
        gate: Gate | None,
        grouping: Grouping = "finding",
        terms: Terms | None = None,
    ) -> None:
        self.terms = terms or Terms()
        group = None
        if grouping == "report":
            model, group = grouped_model(model, frozen.programs())
        self.model, self.ledger, self.gate, self.grouped = model, ledger, gate, group is not None
        self.job: Job = job_of(questions_of(frozen, model, group), model)
        self.plan = Plan(ledger, stream)
        self.shape: Shape

    def open(self, folder: Path | None) -> None:
        """Opens the ledger in a folder; with None one that is not kept."""
        self.ledger.open(folder)
        if self.model.embedded:
            self.shape = Packed(self.plan, self.job)
        else:
            self.shape = Units(self.plan, self.job, self.gate.digest() if self.gate else "")

    def label(
        self,
        *,
        engine: str = "local",
        workers: int | None = None,
        brakes: Brakes | None = None,
        watch: Callable[[Progress], None] | None = None,
    ) -> Outcome:
        """Asks what is missing, what failed before included; what was answered is never asked again.

        `workers` processes for an embedded model (all cores when None). Raises InputError where the ledger cannot be
        written or the endpoint cannot be used, and StoppedError at a second signal.
        """
        check_terms(self.model, self.terms, self.plan.reports)
        if self.grouped and engine != "local":
            raise InputError(f"--grouping report: --engine {engine} cannot do that; expected --engine local.")
        stop, brakes = Stop(), brakes or Brakes()
        work = registry.load(ENGINES, engine)
        self.ledger.enter()
        desk = Desk(self.shape, stop, brakes, gate=self.gate, price=self.price(), watch=watch)
        try:
            with stop.on_signals():
                give = work.label if self.model.embedded else work.ask
                give(self.job, self.model, desk, workers or cores())
        except KeyboardInterrupt:
            raise StoppedError(
                f"stopped at once: what is in {self.ledger.where} is kept, and what was in flight will be asked again; "
                "run the same command again to go on."
            ) from None
        finally:
            desk.flush()
            self.ledger.leave()
        return Outcome(desk.progress, stop.why, stop.signalled)

    def price(self) -> Price | None:
        """The price of the model's tokens, where the list that ships knows it."""
        return price_of(self.model.name) if is_endpoint(self.model.name) else None

    def count_without_odds(self) -> int:
        """Labels of distinct texts that a threshold was to decide, and that came without log-odds."""
        return self.shape.count_without_odds() if isinstance(self.shape, Units) else 0

    @property
    def findings(self) -> int:
        """How many findings the table has, derived ones included."""
        return len(_completed(self.job)[0])

    def write(self, output: Path, ways: Path | None = None) -> int:
        """Writes the table of labels, and to `ways` how each came; gives how many asked cells have no label.

        A way is `model`, `gate` (no call was needed), `duplicate` (an identical text before it in the table),
        `derived`, or `unanswered`.
        """
        findings, complete = _completed(self.job)
        columns = ["report_id", *map(catalog.finding_name, findings)]
        missing = 0

        def labels() -> Iterator[Sequence[Cell]]:
            nonlocal missing
            for rows, _ in self._chunks():
                for row in rows:
                    missing += row.values.count(UNANSWERED)
                    yield row.report_id, *complete(row.values)

        write_rows(output, columns, labels())
        if ways:
            write_rows(ways, columns, self._ways(findings))
        return missing

    def _ways(self, findings: Sequence[str]) -> Iterator[Sequence[Cell]]:
        at = {q.finding: place for place, q in enumerate(self.job.questions)}
        for rows, _ in self._chunks():
            for row in rows:
                ways = (row.ways[at[f]] or "unanswered" if f in at else "derived" for f in findings)
                yield row.report_id, *ways

    def write_missing(self, path: Path) -> list[str]:
        """Writes report id, finding and reason of every missing cell as CSV, and gives the reasons, sorted.

        Where nothing is missing an old list is removed.
        """
        found = self.missing()
        first = next(found, None)
        if first is None:
            path.unlink(missing_ok=True)
            return []
        reasons: set[str] = set()

        def rows() -> Iterator[Sequence[Cell]]:
            for row in chain([first], found):
                if len(reasons) < REASONS:
                    reasons.add(row[2])
                yield row

        write_rows(path, ("report_id", "finding", "reason"), rows())
        return sorted(reasons)

    def missing(self) -> Iterator[tuple[str, str, str]]:
        """Report id, finding and reason of each cell without a label, in the input's order."""
        for rows, first in self._chunks():
            if not any(UNANSWERED in row.values for row in rows):
                continue
            reasons = self.shape.reasons(first, first + len(rows))
            for n, row in enumerate(rows, start=first):
                for place, value in enumerate(row.values):
                    if value == UNANSWERED:
                        finding = self.job.questions[place].finding
                        yield row.report_id, finding, reasons.get((n, place), "not asked")

    def _chunks(self) -> Iterator[tuple[list[Row], int]]:
        for first in range(0, self.plan.reports, AT_ONCE):
            yield self.shape.rows(first, first + AT_ONCE), first


def _completed(job: Job) -> tuple[tuple[str, ...], Callable[[tuple[int, ...]], tuple[Cell, ...]]]:
    """The table's findings, and what makes a row of asked labels a row of the table, derived ones included."""
    asked = [q.finding for q in job.questions]
    one = [Report(report_id="", text="")]

    def table(values: Sequence[int]) -> LabelTable:
        return gather(one, {f: {"": v} for f, v in zip(asked, values, strict=True)})

    @lru_cache(maxsize=65_536)
    def complete(values: tuple[int, ...]) -> tuple[Cell, ...]:
        return tuple(WORDS[v] for v in table(values).values[0])

    return table([UNANSWERED] * len(asked)).findings, complete


@contextmanager
def open_corpus(
    frozen: FrozenProgram,
    stream: ReportStream,
    model: Model,
    folder: Path | None,
    *,
    gate: Gate | None = None,
    grouping: Grouping = "finding",
    terms: Terms | None = None,
) -> Iterator[Corpus]:
    """A corpus and its ledger in a folder (None: one that is not kept), closed at the end.

    A `gate` answers what needs no call; with a `grouping` by report an endpoint is asked for all findings at once.

    Reads the table of reports once, and raises InputError with all its faults before the ledger is made or anything
    is asked; DigestError where this version would send another prompt than the frozen one. Text under
    these `terms` (without them: those of the stream) is sent only where the guard allows it.
    """
    check_prompts(frozen)
    ledger = Ledger()
    try:
        corpus = Corpus(frozen, stream, model, ledger, gate, grouping, terms or stream.terms)
        corpus.open(folder)
        yield corpus
    finally:
        ledger.close()
