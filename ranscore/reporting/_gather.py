"""Everything that a report shows, gathered from the tracking store, frozen programs, tables of labels and a dataset."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ranscore.cohort import Dataset, Panel, dataset_panel
from ranscore.describing import describe_cohort
from ranscore.errors import InputError, UnknownNameError
from ranscore.figures import Evidence, System
from ranscore.freezing import load_frozen
from ranscore.reporting._runs import Run, choose_runs, read_run
from ranscore.reporting._sides import Settings
from ranscore.reporting._systems import (
    Built,
    check_runs,
    group_runs,
    measure_panel,
    system_of_frozen,
    system_of_labels,
    system_of_runs,
)
from ranscore.splitting import narrow_panel, open_development
from ranscore.tracking import KeptProgram, Tracker


@dataclass(frozen=True)
class Wanted:
    """What a report is to be made of: run ids, frozen programs' files, tables of labels as NAME=FILE or FILE.

    `newest` adds the newest run of each finding and model. Without `dataset` it is the runs' or the programs' own.
    """

    runs: Sequence[str] = ()
    programs: Sequence[Path] = ()
    labels: Sequence[str] = ()
    newest: bool = False
    dataset: str | None = None
    data: Path | None = None
    split: Path | None = None
    mlruns: Path | None = None
    resamples: int = 1000
    seed: int = 0


def gather(wanted: Wanted) -> Evidence:
    """The evidence; raises InputError where a part is missing, or does not belong to the others."""
    if not (wanted.runs or wanted.programs or wanted.labels or wanted.newest):
        raise InputError("nothing to report on; expected run ids, frozen programs' files, --all or --generated FILE.")
    tracker = Tracker.open(wanted.mlruns, must_exist=True) if wanted.runs or wanted.newest else None
    chosen = choose_runs(tracker, wanted.runs, {}) if tracker and wanted.runs else []
    name = wanted.dataset or _dataset_name(wanted, chosen, tracker)
    dataset = _open(name, wanted)
    if tracker and wanted.newest:
        own = {"dataset_digest": dataset.digest, "reference_digest": dataset.reference_digest}
        known = {run.run_id for run in chosen}
        chosen += [run for run in choose_runs(tracker, (), own) if run.run_id not in known]
    runs = [read_run(tracker, run) for run in chosen] if tracker else []
    check_runs(runs, dataset)
    settings = Settings(wanted.resamples, wanted.seed)
    built = _build(runs, wanted, dataset, settings)
    panel = _panel(name, wanted, dataset)
    systems = _with_agreement(built, panel, settings)
    measured = next((system.agreement for system in systems if system.agreement), None)
    return Evidence(
        cohort=describe_cohort(dataset, name, wanted.data),
        systems=systems,
        agreement=measured or (measure_panel(panel, None, settings) if panel else None),
        minimum_votes=panel.minimum if panel else None,
        resamples=wanted.resamples,
        seed=wanted.seed,
    )


def _dataset_name(wanted: Wanted, chosen: Sequence[KeptProgram], tracker: Tracker | None) -> str:
    """The dataset that the runs, the newest run or the frozen programs were made on; InputError for none or several."""
    names = {run.tags.get("dataset", "") for run in chosen}
    if not names and tracker:
        names = {choose_runs(tracker, (), {})[0].tags.get("dataset", "")}
    if not names:
        frozen = [load_frozen(path) for path in wanted.programs]
        names = {x.data.dataset for program in frozen for x in program.findings.values() if x.data}
    if len(names) != 1:
        found = f"found {', '.join(sorted(names))}" if names else "and nothing else tells"
        raise InputError(f"it is not said on which reports the figures are, {found}; expected --dataset NAME.")
    return names.pop()


def _open(name: str, wanted: Wanted) -> Dataset:
    try:
        return open_development(name, wanted.data, wanted.split)
    except UnknownNameError as fault:
        if wanted.dataset:
            raise
        raise InputError(f"{fault} The runs name it so; give the path of its card with --dataset.") from None


def _build(runs: Sequence[Run], wanted: Wanted, dataset: Dataset, settings: Settings) -> list[Built]:
    built = [system_of_runs(name, group, dataset, settings) for name, group in group_runs(runs).items()]
    built += [system_of_frozen(path, dataset, settings) for path in wanted.programs]
    built += [system_of_labels(text, dataset, settings) for text in wanted.labels]
    names = [system.name for system, _ in built]
    renamed = []
    for at, (system, labels) in enumerate(built):
        number = names[: at + 1].count(system.name)
        renamed.append((replace(system, name=f"{system.name} ({number})") if number > 1 else system, labels))
    return renamed


def _panel(name: str, wanted: Wanted, dataset: Dataset) -> Panel | None:
    """The readers behind the reference, where it is a majority of readers."""
    if dataset.card.reference_kind != "raters":
        return None
    return narrow_panel(dataset_panel(name, wanted.data), dataset)


def _with_agreement(built: Sequence[Built], panel: Panel | None, settings: Settings) -> tuple[System, ...]:
    if panel is None:
        return tuple(system for system, _ in built)
    return tuple(
        replace(system, agreement=measure_panel(panel, labels, settings)) if labels else system
        for system, labels in built
    )
