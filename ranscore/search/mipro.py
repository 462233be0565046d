"""Instructions and exemplars together, by DSPy's MIPROv2 (Opsahl-Ong et al., EMNLP 2024); needs a writing model."""

from __future__ import annotations

from pathlib import Path

import dspy

from ranscore.search._objective import Objective, Scored
from ranscore.search._study import Pool
from ranscore.search._teleprompt import ANY_ERRORS, Bench, exact_match, optimize_with
from ranscore.search._writer import open_writer

CHOOSES_EDITS = False
LEAST_CANDIDATES, MOST_CANDIDATES = 3, 10
BOOTSTRAPPED, LABELLED = 4, 4


def search(objective: Objective, pool: Pool, *, trials: int, seed: int, storage: Path | None = None) -> Scored:
    """The best candidate found; never worse than the pool's current one. Nothing is stored.

    Raises InputError without a writer, or with one that is of no use.
    """
    writer = open_writer(objective.recipe, objective.task.model)
    return optimize_with(objective, pool, _compile, trials=trials, seed=seed, writer=writer)


def _compile(bench: Bench) -> dspy.Module:
    optimizer = dspy.MIPROv2(
        metric=exact_match,
        prompt_model=bench.writer,
        task_model=bench.labeller,
        auto=None,
        num_candidates=min(MOST_CANDIDATES, max(LEAST_CANDIDATES, bench.trials // 2)),
        max_bootstrapped_demos=BOOTSTRAPPED,
        max_labeled_demos=LABELLED,
        num_threads=bench.threads,
        max_errors=ANY_ERRORS,
        seed=bench.seed,
        track_stats=False,
    )
    return optimizer.compile(
        bench.student,
        trainset=bench.trainset,
        valset=bench.valset,
        num_trials=max(1, bench.trials - 1),
        minibatch=False,
        program_aware_proposer=False,
    )
