"""Optimizations as the tracking store holds them: the kept program, kappa by round, and what was wrong in a round."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ranscore.catalog import finding_name
from ranscore.errors import InputError
from ranscore.freezing import FrozenFinding
from ranscore.records import ABSENT, PRESENT, UNANSWERED, UNCERTAIN
from ranscore.tracking import PROGRAM_FILE, KeptProgram, TrackedRound, Tracker

CROSSED, ERRORS = "cv_labels.csv", "errors.csv"
LEAST_DIGITS = 6
_WRONG = {"false present": PRESENT, "false absent": ABSENT, "unanswered": UNANSWERED}


@dataclass(frozen=True)
class Round:
    """One round's kappa, how many reports it scored and had right, and the wrong labels by report id."""

    kappa: float | None
    accuracy: float | None
    n: int
    errors: Mapping[str, int]

    def labels(self, reference: Mapping[str, int]) -> dict[str, int]:
        """Every report's label; that of a report whose reference is uncertain was not kept, and is uncertain here."""
        return {i: self.errors.get(i, value) for i, value in reference.items()}


@dataclass(frozen=True)
class Run:
    """One finding's optimization; `crossed` are the cross-validated labels by report id."""

    kept: KeptProgram
    program: FrozenFinding
    rounds: tuple[Round, ...]
    kept_round: int
    crossed: Mapping[str, int] | None

    @property
    def name(self) -> str:
        """The finding in print."""
        return finding_name(self.kept.finding)


def choose_runs(tracker: Tracker, asked: Sequence[str], digests: Mapping[str, str]) -> list[KeptProgram]:
    """The runs of these ids (or their first digits), or, where none is asked for, the newest of each finding and model.

    The newest are taken among the runs whose tags equal `digests`. Raises InputError for an id that no finished
    optimization has, or that several have.
    """
    kept = tracker.kept_programs(filters=digests if not asked else {})
    if asked:
        return list({run.run_id: run for text in asked for run in [_find(kept, text, tracker)]}.values())
    newest: dict[tuple[str, str], KeptProgram] = {}
    for run in kept:
        newest.setdefault((run.finding, run.tags.get("model", "")), run)
    if not newest:
        raise InputError(
            f"{tracker.folder}: no finished optimization{' of these reports' if digests else ''}; "
            "run `ranscore optimize` first, or name another --dataset or --mlruns."
        )
    return list(newest.values())


def _find(kept: Sequence[KeptProgram], text: str, tracker: Tracker) -> KeptProgram:
    digits = bool(re.fullmatch(rf"[0-9a-f]{{{LEAST_DIGITS},32}}", text))
    found = [run for run in kept if digits and run.run_id.startswith(text)]
    if len(found) != 1:
        what = f"{len(found)} finished optimizations have" if found else "no finished optimization has"
        raise InputError(
            f"{tracker.folder}: {what} a run id that begins with {text!r}, and it is no file; expected the run id of a "
            "finding (no round, no summary) as `ranscore optimize` prints it, or the path of a frozen program."
        )
    return found[0]


def read_run(tracker: Tracker, kept: KeptProgram) -> Run:
    """One run with its rounds; raises InputError where the store does not hold what `optimize` writes."""
    program = FrozenFinding.model_validate_json(tracker.read_text(kept.run_id, PROGRAM_FILE))
    found = tracker.rounds(kept.run_id)
    numbers = [one.number for one in found]
    if numbers != list(range(len(numbers))) or not numbers:
        raise InputError(f"{tracker.folder}: run {kept.run_id} has the rounds {numbers}; expected 0, 1 and so on.")
    digest = kept.tags.get("program_digest", "")
    same = [one.number for one in found if one.tags.get("program_digest") == digest]
    if not same:
        raise InputError(f"{tracker.folder}: run {kept.run_id} kept a program that none of its rounds has.")
    crossed = "cv_kappa" in kept.metrics or "cv_f1" in kept.metrics
    labels = _rows(tracker.read_text(kept.run_id, CROSSED)) if crossed else ()
    return Run(
        kept=kept,
        program=program,
        rounds=tuple(_round(tracker, one) for one in found),
        kept_round=same[-1],
        crossed={row["report_id"]: int(row["label"]) for row in labels} if crossed else None,
    )


def _round(tracker: Tracker, one: TrackedRound) -> Round:
    metrics = one.metrics
    rows = _rows(tracker.read_text(one.run_id, ERRORS)) if metrics.get("errors") else ()
    return Round(
        kappa=metrics.get("kappa"),
        accuracy=metrics.get("accuracy"),
        n=int(metrics.get("n", 0)),
        errors={row["report_id"]: _WRONG[row["kind"]] for row in rows},
    )


def _rows(text: str) -> Iterator[dict[str, str]]:
    return csv.DictReader(io.StringIO(text))


def check_round(run: Run, at: int, reference: Mapping[str, int]) -> None:
    """Raises InputError where a round's wrong labels do not give the accuracy that was tracked."""
    current = run.rounds[at]
    labels = current.labels(reference)
    scored = [i for i, value in reference.items() if value != UNCERTAIN and labels[i] != UNANSWERED]
    right = sum(labels[i] == reference[i] for i in scored)
    if current.n != len(scored) or (current.n and abs((current.accuracy or 0.0) - right / current.n) > 1e-9):
        raise InputError(
            f"run {run.kept.run_id} ({run.name}): round {at} has {right} of {len(scored)} labels right by its table of "
            f"errors, and was tracked with an accuracy of {current.accuracy} over {current.n}; expected the same: "
            "the tracking folder was changed, or the run is of other reports."
        )
