"""A new system message by reflection on errors and clinicians' notes: GEPA (Agrawal et al., arXiv 2507.19457)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import dspy

from ranscore.records import ErrorNote
from ranscore.search._objective import Objective, Scored
from ranscore.search._study import Pool
from ranscore.search._teleprompt import Bench, optimize_with
from ranscore.search._writer import open_writer

CHOOSES_EDITS = False
WRITER_TEMPERATURE = 1.0


def search(objective: Objective, pool: Pool, *, trials: int, seed: int, storage: Path | None = None) -> Scored:
    """The best candidate found; never worse than the pool's current one. Nothing is stored.

    Raises InputError without a writer, or with one that never answers.
    """
    writer = open_writer(objective.recipe, objective.task.model)
    metric = make_metric(objective, pool.notes)
    return optimize_with(objective, pool, partial(_compile, metric), trials=trials, seed=seed, writer=writer)


def _compile(metric: Callable[..., dspy.Prediction], bench: Bench) -> dspy.Module:
    assert bench.writer is not None
    optimizer = dspy.GEPA(
        metric=metric,
        max_metric_calls=bench.calls,
        reflection_lm=bench.writer.copy(temperature=WRITER_TEMPERATURE),
        use_merge=False,
        num_threads=bench.threads,
        warn_on_score_mismatch=False,
        seed=bench.seed,
        gepa_kwargs={"stop_callbacks": [lambda state: bench.is_over()]},
    )
    return optimizer.compile(bench.student, trainset=bench.trainset, valset=bench.valset)


def make_metric(objective: Objective, notes: Sequence[ErrorNote]) -> Callable[..., dspy.Prediction]:
    """The per-report metric with feedback in words: the clinicians' notes on the report, else one sentence."""
    texts = {r.report_id: r.text for r in objective.task.reports}
    remarks: dict[str, list[str]] = {}
    for note in notes:
        if note.report_id in texts:
            remarks.setdefault(texts[note.report_id], []).append(_remark(note))

    def metric(
        gold: dspy.Example,
        pred: dspy.Prediction,
        trace: object = None,
        pred_name: object = None,
        pred_trace: object = None,
    ) -> dspy.Prediction:
        right = gold.answer == pred.answer
        said = "The answer is right." if right else f"The answer is {pred.answer}, the right one is {gold.answer}."
        return dspy.Prediction(score=float(right), feedback=" ".join([said, *remarks.get(gold.report, [])]))

    return metric


def _remark(note: ErrorNote) -> str:
    said = [f"A clinician reads it as {note.reads_as}."]
    if note.evidence.strip():
        said.append(f'The evidence is: "{" ".join(note.evidence.split())}".')
    if note.why.strip():
        said.append(f"The reason: {' '.join(note.why.split())}")
    return " ".join(said)
