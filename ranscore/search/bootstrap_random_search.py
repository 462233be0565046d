"""Whole reports as exemplars, by DSPy's BootstrapFewShotWithRandomSearch (Khattab et al., ICLR 2024)."""

from __future__ import annotations

import random
from pathlib import Path

import dspy

from ranscore.search._objective import Objective, Scored
from ranscore.search._study import Pool
from ranscore.search._teleprompt import ANY_ERRORS, Bench, exact_match, optimize_with

CHOOSES_EDITS = False
BOOTSTRAPPED, LABELLED = 4, 8
FIXED_PROGRAMS = 3  # without exemplars, with labelled ones, with the first that bootstrap


def search(objective: Objective, pool: Pool, *, trials: int, seed: int, storage: Path | None = None) -> Scored:
    """The best candidate found; never worse than the pool's current one. Nothing is stored."""
    return optimize_with(objective, pool, _compile, trials=trials, seed=seed)


def _compile(bench: Bench) -> dspy.Module:
    trainset = list(bench.trainset)
    random.Random(bench.seed).shuffle(trainset)
    optimizer = dspy.BootstrapFewShotWithRandomSearch(
        metric=exact_match,
        max_bootstrapped_demos=BOOTSTRAPPED,
        max_labeled_demos=LABELLED,
        num_candidate_programs=max(0, bench.trials - FIXED_PROGRAMS),
        num_threads=bench.threads,
        max_errors=ANY_ERRORS,
    )
    return optimizer.compile(bench.student, trainset=trainset, valset=bench.valset)
