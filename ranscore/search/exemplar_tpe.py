"""Subsets of edits by Optuna's tree-structured Parzen estimator (Bergstra et al., NeurIPS 2011), seeded."""

from __future__ import annotations

from pathlib import Path

import optuna

from ranscore.search._objective import Objective, Scored
from ranscore.search._study import Pool, run_study


def search(objective: Objective, pool: Pool, *, trials: int, seed: int, storage: Path | None = None) -> Scored:
    """The best candidate found; never worse than the pool's current one."""
    sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=10, multivariate=True, constant_liar=True)
    return run_study(objective, pool, sampler, trials, storage)
