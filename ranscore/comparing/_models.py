"""One frozen program with several models on one dataset."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from ranscore.cohort import Dataset
from ranscore.errors import InputError
from ranscore.models import Model
from ranscore.policies import Policies
from ranscore.records import Record
from ranscore.scoring import FindingScore, ScoreReport, frame_of, score_labels
from ranscore.splitting import tuned_on

if TYPE_CHECKING:
    from ranscore.freezing import FrozenProgram

Progress = Callable[[int], Callable[[int], None]]


class ModelScore(Record):
    """What one model made of the program: its name as given, its route, and the score of its labels."""

    model: str
    route: str
    tuned_for: bool
    unanswered: int
    reasons: tuple[str, ...]
    score: ScoreReport


class ModelTable(Record):
    """The scores of all models, on the same reports and reference with the same program.

    `tuned_here` says that the program was tuned on reports of this dataset, so that all scores are too good.
    """

    program_digest: str
    tuned_for: str
    tuned_here: bool = False
    dataset: str
    dataset_digest: str
    reference_digest: str
    n_reports: int
    models: tuple[ModelScore, ...]

    def rows(self) -> list[dict[str, object]]:
        """One row a model and finding, unrounded, and one a model for macro-F1 (`all`); None where undefined."""
        rows: list[dict[str, object]] = []
        for model in self.models:
            named = {"model": model.model, "route": model.route}
            rows.append({**named, "finding": "all", "f1": model.score.macro.f1, "unanswered": model.unanswered})
            rows += [{**named, **_row(found)} for found in model.score.findings]
        return rows


def _row(found: FindingScore) -> dict[str, object]:
    low, high = found.accuracy_interval or (None, None)
    accuracy = {"accuracy": found.accuracy, "accuracy_low": low, "accuracy_high": high}
    counts = {"right": found.tp + found.tn, "n": found.n, "positives": found.positives}
    row: dict[str, object] = {"finding": found.name, "f1": found.f1, "unanswered": found.unanswered}
    return row | accuracy | counts | {"kappa": found.kappa}


def score_models(
    frozen: FrozenProgram,
    dataset: Dataset,
    models: Sequence[tuple[str, Model]],
    *,
    bootstrap: int = 1000,
    seed: int = 0,
    progress: Progress | None = None,
) -> ModelTable:
    """The frozen program's labels of the dataset by each named model, scored against the dataset's reference.

    Unanswered cells are left out and counted. Before anything is labelled, every endpoint is asked once; raises
    InputError where one cannot be used, for a name that is given twice, and for a program tuned on a part of the
    reports.
    """
    from ranscore.extraction.module import label_reports

    tuned_here = tuned_on(frozen, dataset)
    names = [name for name, _ in models]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice or not names:
        raise InputError(f"--model {', '.join(twice) or '(none)'}: expected at least one model, and each only once.")
    for _, model in models:
        if not model.embedded:
            label_reports(frozen.programs()[0], dataset.reports[:1], model)
    return ModelTable(
        program_digest=frozen.sha256,
        tuned_for=frozen.model.name,
        tuned_here=tuned_here,
        dataset=dataset.name,
        dataset_digest=dataset.digest,
        reference_digest=dataset.reference_digest,
        n_reports=len(dataset.reports),
        models=tuple(_score(frozen, dataset, name, model, bootstrap, seed, progress) for name, model in models),
    )


def _score(
    frozen: FrozenProgram,
    dataset: Dataset,
    name: str,
    model: Model,
    bootstrap: int,
    seed: int,
    progress: Progress | None,
) -> ModelScore:
    from ranscore.labelling.batch import extract

    advance = progress(len(dataset.reports) * len(frozen.findings)) if progress else None
    found = extract(frozen, dataset.reports, model, progress=advance)
    policies = Policies(unanswered="allow-partial", no_finding="as-given")
    frames = frame_of(dataset.reference), frame_of(found.table)
    score = score_labels(*frames, policies, bootstrap=bootstrap, seed=seed, program_digest=frozen.sha256)
    return ModelScore(
        model=name,
        route=model.name,
        tuned_for=model.name == frozen.model.name,
        unanswered=len(found.unanswered),
        reasons=tuple(sorted({label.reason for label in found.unanswered})[:3]),
        score=score,
    )
