"""Optimization of one finding or of all, every round tracked, and the kept programs ready to be frozen."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from functools import cached_property
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from ranscore import catalog
from ranscore.assessing import log_feedback
from ranscore.cohort import Dataset
from ranscore.errors import InputError, StoppedError
from ranscore.extraction.derived import gather
from ranscore.extraction.module import freeze_prompt, label_reports
from ranscore.freezing import DataUsed, FrozenFinding, freeze_finding, holds_report_text
from ranscore.models import Model, open_model
from ranscore.records import UNANSWERED, ErrorNote, LabelTable, Program
from ranscore.scoring import FindingScore, score_finding
from ranscore.search._kept import pick_best, tags_of
from ranscore.search._logged import as_json, effect_rows, error_rows, round_texts
from ranscore.search._noted import NOTES_FILE, all_note_rows, feedback_of, note_rows
from ranscore.search._objective import Task, Watch
from ranscore.search._recipe import Recipe
from ranscore.search._rounds import OnRound, Optimized, Round, check_budget, optimize_finding
from ranscore.tracking import Tracker

_VALUES = {"present": 1, "absent": 0}


@dataclass(frozen=True)
class Session:
    """What one `optimize` works with."""

    dataset: Dataset
    model: Model
    recipe: Recipe
    notes: tuple[ErrorNote, ...]
    mlruns: Path | None = None
    log_text: bool = False
    targets: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    def recipe_of(self, finding: str) -> Recipe:
        """The recipe with the finding's own targets (`target_accuracy`, `target_kappa`), where it has some."""
        return self.recipe.changed(**self.targets.get(finding, {}))

    @cached_property
    def tracker(self) -> Tracker:
        """The tracking store, made when it is first needed; raises InputError where it cannot be written."""
        return Tracker.open(self.mlruns)

    def task(self, finding: str) -> Task:
        """The task of one finding; raises InputError for a derived one."""
        catalog.seed_program(finding)
        reference = self.dataset.reference.column(finding)
        return Task(finding, catalog.finding_name(finding), self.dataset.reports, reference, self.model)

    def tags(self, finding: str) -> dict[str, str]:
        """What identifies the work in the tracking store."""
        return {
            "finding": finding,
            "model": self.model.name,
            "dataset": self.dataset.name,
            "dataset_digest": self.dataset.digest,
            "reference_digest": self.dataset.reference_digest,
            "recipe": self.recipe.name,
        }

    def marks(self, program: Program | None = None) -> dict[str, str]:
        """The tag of a run whose artifacts hold text of reports that are not open: in tables, or in the program."""
        quoted = program is not None and holds_report_text(program)
        return {"contains_report_text": "true"} if self.dataset.access != "open" and (self.log_text or quoted) else {}

    def data(self) -> DataUsed:
        """The data's digests for the frozen file."""
        data = self.dataset
        return DataUsed(
            dataset=data.name, reports=len(data.reports), dataset_digest=data.digest,
            reference_digest=data.reference_digest, access=data.access,
        )  # fmt: skip


def check_model(session: Session, finding: str) -> None:
    """Raises InputError before anything is written when the model cannot be used, or not often enough.

    An endpoint is asked once.
    """
    check_budget(session.task(finding), session.recipe)
    if not session.model.embedded:
        label_reports(catalog.seed_program(finding), session.dataset.reports[:1], session.model)


def optimize_label(
    session: Session,
    finding: str,
    on_round: OnRound | None = None,
    *,
    start: Program | None = None,
    watch: Watch | None = None,
) -> tuple[Optimized, str]:
    """One finding optimized and tracked round by round, from `start` or the seed on; the result and its run id.

    `watch` is told of every scored candidate and may raise StoppedError; the run then ends as killed and keeps nothing.
    """
    task = session.task(finding)
    run_id = _start(session, finding)
    before: list[Round] = []

    def track(current: Round) -> None:
        _log_round(session, run_id, current, before[-1] if before else None)
        before.append(current)
        if on_round:
            on_round(current)

    try:
        found = optimize_finding(
            task, session.notes, session.recipe_of(finding),
            start=start, storage=session.tracker.folder / "optuna", on_round=track, watch=watch,
        )  # fmt: skip
    except BaseException as fault:
        stopped = isinstance(fault, KeyboardInterrupt | StoppedError)
        session.tracker.finish(run_id, status="KILLED" if stopped else "FAILED")
        raise
    _finish(session, run_id, found)
    return found, run_id


OnDone = Callable[[Optimized], None]


def optimize_all(session: Session, findings: Sequence[str], workers: int, on_done: OnDone) -> dict[str, Optimized]:
    """All findings optimized, an embedded model's side by side in `workers` processes, with one summary run."""
    results: dict[str, Optimized] = {}
    for finding, found in _run_all(session, findings, workers):
        if found is None:
            found, _ = optimize_label(session, finding)
        else:
            run_id = _start(session, finding)
            previous = None
            for current in found.rounds:
                _log_round(session, run_id, current, previous)
                previous = current
            _finish(session, run_id, found)
        results[finding] = found
        on_done(found)
    summary = summarize(session.dataset, results)
    metrics = {f"{name}/{score.finding}": value for score in summary.tuned for name, value in _headline(score)}
    metrics |= {f"cv_{name}/{score.finding}": value for score in summary.crossed for name, value in _headline(score)}
    session.tracker.log_summary(
        name=f"all findings · {session.model.name} · {session.dataset.name}",
        metrics={**metrics, **summary.macro()},
        tags={k: v for k, v in session.tags("all").items()},
    )
    return results


def _run_all(session: Session, findings: Sequence[str], workers: int) -> Iterator[tuple[str, Optimized | None]]:
    if workers < 2 or not session.model.embedded:
        yield from ((f, None) for f in findings)
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        jobs = {
            pool.submit(
                _optimize_apart, f, session.dataset, session.notes, session.recipe_of(f), session.model.name,
                session.model.settings, session.tracker.folder / "optuna",
            ): f
            for f in findings
        }  # fmt: skip
        try:
            for job in as_completed(jobs):
                yield jobs[job], job.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _optimize_apart(
    finding: str,
    dataset: Dataset,
    notes: tuple[ErrorNote, ...],
    recipe: Recipe,
    model: str,
    settings: dict[str, Any],
    storage: Path,
) -> Optimized:
    """One finding in a process of its own; the model is opened there."""
    reference = dataset.reference.column(finding)
    task = Task(finding, catalog.finding_name(finding), dataset.reports, reference, open_model(model, **settings))
    return optimize_finding(task, notes, recipe, storage=storage)


@dataclass(frozen=True)
class Summary:
    """All findings together (No Finding derived): the seed's, tuned-on and cross-validated scores."""

    seed: tuple[FindingScore, ...]
    tuned: tuple[FindingScore, ...]
    crossed: tuple[FindingScore, ...]

    def macro(self) -> dict[str, float | None]:
        """The plain means over the findings."""
        found: dict[str, float | None] = {}
        for name, scores in (("seed_", self.seed), ("", self.tuned), ("cv_", self.crossed)):
            if scores:
                found[f"{name}macro_f1"] = mean_f1(scores)
                found[f"{name}macro_kappa"] = _mean([s.kappa for s in scores if s.kappa is not None])
                found[f"{name}macro_accuracy"] = _mean([s.accuracy for s in scores if s.accuracy is not None])
        return found


def mean_f1(scores: Sequence[FindingScore]) -> float | None:
    """Macro-F1 under the paper's policy: an undefined F1 counts as 0."""
    return _mean([s.f1 or 0.0 for s in scores])


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None


def summarize(dataset: Dataset, results: Mapping[str, Optimized]) -> Summary:
    """The scores of all findings that were optimized; with all twenty, No Finding is derived and scored too."""

    def scores(columns: dict[str, dict[str, int]]) -> tuple[FindingScore, ...]:
        return score_table(dataset.reference, gather(dataset.reports, columns)) if columns else ()

    def column(found: Optimized, seed: bool) -> dict[str, int]:
        labels = (found.seed if seed else found.best).labels
        return {label.report_id: _VALUES.get(label.value, UNANSWERED) for label in labels}

    crossed = {f: o.crossed.labels for f, o in results.items() if o.crossed}
    return Summary(
        seed=scores({f: column(o, True) for f, o in results.items()}),
        tuned=scores({f: column(o, False) for f, o in results.items()}),
        crossed=scores(crossed) if len(crossed) == len(results) else (),
    )


def score_table(reference: LabelTable, labels: LabelTable) -> tuple[FindingScore, ...]:
    """Each finding's scores of a table of labels against a reference, joined by report id."""
    found = []
    for finding in labels.findings:
        expected, given = reference.column(finding), labels.column(finding)
        pairs = [(expected[i], given[i]) for i in labels.report_ids]
        name = catalog.finding_name(finding)
        found.append(score_finding([a for a, _ in pairs], [b for _, b in pairs], finding=finding, name=name))
    return tuple(found)


def _headline(score: FindingScore) -> Iterator[tuple[str, float | None]]:
    yield "kappa", score.kappa
    yield "f1", score.f1
    yield "accuracy", score.accuracy


def _start(session: Session, finding: str) -> str:
    recipe = session.recipe_of(finding).model_dump(mode="json")
    params = {
        "seed": session.recipe.seed,
        **{k: json.dumps(v) for k, v in recipe.items() if k not in ("title", "seed")},
    }
    return session.tracker.start_optimize(
        finding,
        name=catalog.finding_name(finding),
        tags=session.tags(finding) | session.marks(),
        params=params,
    )


def _score_metrics(score: FindingScore, prefix: str = "") -> dict[str, float | None]:
    low, high = score.accuracy_interval or (None, None)
    values: dict[str, float | None] = {
        "kappa": score.kappa, "f1": score.f1, "precision": score.precision, "recall": score.recall,
        "accuracy": score.accuracy, "accuracy_low": low, "accuracy_high": high,
        "n": score.n, "positives": score.positives, "uncertain": score.uncertain, "unanswered": score.unanswered,
    }  # fmt: skip
    return {prefix + name: value for name, value in values.items()}


def _log_round(session: Session, run_id: str, current: Round, before: Round | None) -> None:
    candidate = current.scored.candidate
    noted = note_rows(current, before, session.dataset.reference.column(candidate.program.finding))
    reports = {r.report_id: r.text for r in session.dataset.reports} if session.log_text else None
    metrics = _score_metrics(current.scored.score) | {
        "errors": len(current.errors), "edits": len(candidate.edits), "calls": current.calls, "tokens": current.tokens,
        "prompt_tokens": current.scored.prompt_tokens, "objective": current.scored.value,
    }  # fmt: skip
    tags = session.tags(candidate.program.finding) | {"program_digest": candidate.program.digest()}
    tags |= session.marks(candidate.program)
    tables = {"errors.csv": error_rows(current, reports), "effects.csv": effect_rows(current)}
    round_id = session.tracker.log_round(
        run_id, current.number, metrics=metrics, tags=tags, texts=round_texts(current, before, noted, session.log_text),
        tables={k: v for k, v in tables.items() if v},
    )  # fmt: skip
    log_feedback(session.tracker, round_id, feedback_of(noted))


def _finish(session: Session, run_id: str, found: Optimized) -> None:
    metrics = _score_metrics(found.best.score)
    metrics |= {f"seed_{name}": value for name, value in _headline(found.seed.score)}
    tables: dict[str, list[dict[str, object]]] = {}
    if found.crossed:
        metrics |= _score_metrics(found.crossed.score, "cv_")
        tuned, honest = dict(_headline(found.best.score)), dict(_headline(found.crossed.score))
        pairs = {name: (tuned[name], honest[name]) for name in tuned}
        metrics |= {f"optimism_{n}": a - b for n, (a, b) in pairs.items() if a is not None and b is not None}
        tables["cv_labels.csv"] = [{"report_id": i, "label": v} for i, v in found.crossed.labels.items()]
    frozen = freeze_program(session, found, run_id)
    prompt = freeze_prompt(found.program).text()
    version = session.tracker.register_prompt(
        found.finding,
        prompt,
        message=f"run {run_id}",
        tags={"model": session.model.name, "dataset": session.dataset.name},
    )
    texts = {"program.json": frozen.model_dump_json(indent=1), "prompt.txt": prompt}
    if noted := all_note_rows(found, session.dataset.reference.column(found.finding)):
        texts[NOTES_FILE] = as_json(noted)
    tags = {
        "program_digest": found.program.digest(),
        "prompt_version": str(version),
        "stopped": found.rounds[-1].stopped,
    } | session.marks(found.program)
    session.tracker.finish(run_id, metrics=metrics, tags=tags, texts=texts, tables=tables)


def freeze_program(session: Session, found: Optimized, run_id: str) -> FrozenFinding:
    """The kept program of one finding with its scores, as it goes into a frozen file."""
    return freeze_finding(
        found.program, source="optimized", run_id=run_id, recipe=session.recipe.name, data=session.data(),
        tuned_on=found.best.score, cross_validated=found.crossed.score if found.crossed else None,
    )  # fmt: skip


def gather_programs(
    tracker: Tracker, dataset: Dataset, model: Model
) -> tuple[dict[str, FrozenFinding], dict[str, dict[str, int]], list[str]]:
    """The best kept program of every finding for this data and model, its cross-validated labels, and the findings
    left to the seed.

    Best is the highest cross-validated kappa, else the highest tuned-on kappa; of equals the newest.
    """
    kept = tracker.kept_programs(filters=tags_of(dataset, model))
    if not kept:
        raise InputError(
            f"{tracker.folder}: no kept program for dataset {dataset.name} with model {model.name}; "
            "run `ranscore optimize --label all` first (or name its --dataset and --model)."
        )
    findings: dict[str, FrozenFinding] = {}
    crossed: dict[str, dict[str, int]] = {}
    missing = []
    for finding in catalog.asked_ids():
        runs = [k for k in kept if k.finding == finding]
        if not runs:
            missing.append(finding)
            findings[finding] = freeze_finding(catalog.seed_program(finding), source="seed")
            continue
        best = pick_best(runs)
        findings[finding] = FrozenFinding.model_validate_json(tracker.read_text(best.run_id, "program.json"))
        if "cv_kappa" in best.metrics or "cv_f1" in best.metrics:
            rows = csv.DictReader(io.StringIO(tracker.read_text(best.run_id, "cv_labels.csv")))
            crossed[finding] = {row["report_id"]: int(row["label"]) for row in rows}
    return findings, crossed, missing


def score_programs(
    dataset: Dataset, findings: Mapping[str, FrozenFinding], crossed: Mapping[str, Mapping[str, int]]
) -> dict[str, float | None]:
    """Macro-F1 over all findings: tuned-on as the mean of the recorded scores, cross-validated from the pooled labels.

    None where a finding was never scored. No Finding's tuned-on score is that of the derived labels, known only from
    the pooled ones, so
    the tuned-on mean is over the asked findings.
    """
    tuned = [f.tuned_on for f in findings.values() if f.tuned_on]
    found: dict[str, float | None] = {"macro_f1": None, "cv_macro_f1": None, "cv_macro_accuracy": None}
    if len(tuned) == len(findings):
        found["macro_f1"] = mean_f1(tuned)
    if set(crossed) == set(findings):
        scores = score_table(dataset.reference, gather(dataset.reports, {f: dict(v) for f, v in crossed.items()}))
        found["cv_macro_f1"] = mean_f1(scores)
        found["cv_macro_accuracy"] = _mean([s.accuracy for s in scores if s.accuracy is not None])
    return found
