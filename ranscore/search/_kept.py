"""The program that finished optimizations kept of one finding, for some data and one model."""

from __future__ import annotations

from collections.abc import Sequence

from ranscore.cohort import Dataset
from ranscore.freezing import FrozenFinding
from ranscore.models import Model
from ranscore.tracking import KeptProgram, Tracker


def tags_of(dataset: Dataset, model: Model) -> dict[str, str]:
    """What a run on this data and model is tagged with."""
    return {"model": model.name, "dataset_digest": dataset.digest, "reference_digest": dataset.reference_digest}


def pick_best(runs: Sequence[KeptProgram]) -> KeptProgram:
    """The run with the highest cross-validated kappa, else the highest tuned-on kappa; of equals the newest."""
    return max(runs, key=lambda k: (k.metrics.get("cv_kappa", -2.0), k.metrics.get("kappa", -2.0), k.start_time))


def best_kept(tracker: Tracker, dataset: Dataset, model: Model, finding: str) -> tuple[str, FrozenFinding] | None:
    """The best kept program of one finding (see `pick_best`) and its run's id; None where no run kept one."""
    runs = tracker.kept_programs(finding=finding, filters=tags_of(dataset, model))
    if not runs:
        return None
    best = pick_best(runs)
    return best.run_id, FrozenFinding.model_validate_json(tracker.read_text(best.run_id, "program.json"))
