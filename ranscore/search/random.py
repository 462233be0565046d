"""Random subsets of edits, seeded: the yardstick of every other search."""

from __future__ import annotations

from pathlib import Path

import optuna

from ranscore.search._objective import Objective, Scored
from ranscore.search._study import Pool, run_study


def search(objective: Objective, pool: Pool, *, trials: int, seed: int, storage: Path | None = None) -> Scored:
    """The best candidate found; never worse than the pool's current one."""
    return run_study(objective, pool, optuna.samplers.RandomSampler(seed=seed), trials, storage)
