"""Where label sets come from: tables of labels or reports, runs of the tracking store, frozen programs."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from ranscore.cohort import Dataset
from ranscore.comparing._pairs import System, check_reports
from ranscore.errors import IncompleteError, InputError
from ranscore.models import Model, open_model
from ranscore.readers import read_labels_or_reports
from ranscore.records import UNANSWERED, LabelTable, Report
from ranscore.splitting import open_development, tuned_on
from ranscore.tracking import PROGRAM_FILE, KeptProgram, Tracker

# DSPy comes with freezing and labelling: imported only where a program is used, so that comparing tables stays quick.
if TYPE_CHECKING:
    from ranscore.freezing import FrozenProgram

CROSSED = "cv_labels.csv"
Progress = Callable[[int], Callable[[int], None]]


def _own_model(frozen: FrozenProgram) -> Model:
    return frozen.open_model()


@dataclass(frozen=True)
class Sources:
    """What label sets are read with: a reference or a dataset, the tracking folder, and a program for texts of reports.

    Of a dataset with a `split` only the development part is opened. `model_of` gives the model of a frozen program.
    `clip` is as in `read_labels`.
    """

    reference: Path | None = None
    dataset: str | None = None
    data: Path | None = None
    split: Path | None = None
    program: Path | None = None
    mlruns: Path | None = None
    clip: bool = False
    model_of: Callable[[FrozenProgram], Model] = _own_model
    progress: Progress | None = None

    @cached_property
    def frozen(self) -> FrozenProgram:
        """The program that labels texts: the one named, or the release."""
        from ranscore.freezing import load_frozen

        return load_frozen(self.program)

    @cached_property
    def tracker(self) -> Tracker:
        """The tracking store; raises InputError where there is none."""
        return Tracker.open(self.mlruns, must_exist=True)

    def label(self, frozen: FrozenProgram, reports: Sequence[Report]) -> LabelTable:
        """A frozen program's labels of reports, by its model."""
        from ranscore.labelling.batch import extract

        advance = self.progress(len(reports) * len(frozen.findings)) if self.progress else None
        return extract(frozen, reports, self.model_of(frozen), progress=advance).table


@dataclass(frozen=True)
class Opened:
    """The reference and the systems, ready to be compared.

    `dataset` is None where the reference is a file; `labelled_by` is the digest of the program that labelled texts.
    """

    reference_name: str
    reference: LabelTable
    systems: tuple[System, ...]
    dataset: Dataset | None
    labelled_by: str | None


@dataclass(frozen=True)
class _Table:
    """A file of labels or of reports."""

    content: LabelTable | tuple[Report, ...]


@dataclass(frozen=True)
class _Program:
    """A frozen program."""

    frozen: FrozenProgram


Given = _Table | KeptProgram | _Program


def open_systems(specs: Sequence[str], sources: Sources) -> Opened:
    """The label sets of files (labels, reports, frozen programs) and run ids, with the reference they are held against.

    Raises InputError for what is none of these, for runs on other reports or another reference, for programs tuned on
    a part of the reports, and where it does not follow which reference is meant.
    """
    if len(specs) < 2:
        raise InputError(f"found {len(specs)} system to compare ({', '.join(specs)}); expected at least two.")
    if sources.reference and sources.dataset:
        raise InputError("--reference and --dataset are both given; expected one of them.")
    given = [_read(spec, sources) for spec in specs]
    names = _names(specs, given)
    if sources.reference:
        return _against_file(sources.reference, names, given, sources)
    dataset = open_development(_dataset_name(names, given, sources), sources.data, sources.split)
    _check_tables(names, given, dataset.reference.report_ids, f"dataset {dataset.name}")
    systems = [_system(name, one, dataset, sources) for name, one in zip(names, given, strict=True)]
    texts = any(s.kind == "reports" for s in systems)
    return Opened(
        f"dataset {dataset.name}", dataset.reference, tuple(systems), dataset, sources.frozen.sha256 if texts else None
    )


def _read(spec: str, sources: Sources) -> Given:
    path = Path(spec)
    if path.is_file() or path.is_dir():
        if path.suffix.lower() == ".json" and _is_frozen(path):
            from ranscore.freezing import load_frozen

            return _Program(load_frozen(path))
        return _Table(read_labels_or_reports(path, clip=sources.clip))
    if not re.fullmatch(r"[0-9a-f]{32}", spec):
        raise InputError(
            f"{spec}: there is no such file, and it is no run id; expected a table of labels or reports, a frozen "
            "program (.json), or the 32 hexadecimal digits of a run as `ranscore ui` shows them."
        )
    kept = [run for run in sources.tracker.kept_programs() if run.run_id == spec]
    if not kept:
        raise InputError(
            f"{sources.tracker.folder}: no finished optimization has the run id {spec}; expected the run of a finding "
            "(no round, no summary), as `ranscore optimize` prints it."
        )
    return kept[0]


def _check_tables(names: Sequence[str], given: Sequence[Given], ids: Sequence[str], reference_name: str) -> None:
    """Raises InputError for a table of other reports, before anything is labelled."""
    for name, one in zip(names, given, strict=True):
        if isinstance(one, _Table):
            check_reports(ids, _ids(one.content), name, reference_name)


def _ids(content: LabelTable | tuple[Report, ...]) -> tuple[str, ...]:
    return content.report_ids if isinstance(content, LabelTable) else tuple(r.report_id for r in content)


def _is_frozen(path: Path) -> bool:
    from ranscore.freezing import FORMAT

    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return True  # load_frozen says what is wrong with it
    return isinstance(data, dict) and data.get("format") == FORMAT


def _names(specs: Sequence[str], given: Sequence[Given]) -> list[str]:
    """Short names where these differ, else the arguments as they were given, numbered if even they are the same."""
    short = [f"run {s[:8]}" if isinstance(g, KeptProgram) else Path(s).name for s, g in zip(specs, given, strict=True)]
    names = short if len(set(short)) == len(short) else list(specs)
    return names if len(set(names)) == len(names) else [f"{name} ({at})" for at, name in enumerate(names, 1)]


def _dataset_name(names: Sequence[str], given: Sequence[Given], sources: Sources) -> str:
    """The dataset that was named, or else the one that all runs were made on."""
    if sources.dataset:
        return sources.dataset
    runs = {one.tags.get("dataset", "") for one in given if isinstance(one, KeptProgram)}
    if not runs:
        raise InputError("it is not said against what to compare; expected --reference FILE or --dataset NAME.")
    if len(runs) > 1:
        raise InputError(
            f"the runs {', '.join(names)} were made on different datasets ({', '.join(sorted(runs))}); "
            "expected runs on the same one."
        )
    return runs.pop()


def _against_file(reference: Path, names: Sequence[str], given: Sequence[Given], sources: Sources) -> Opened:
    tables = [one for one in given if isinstance(one, _Table)]
    if len(tables) < len(given):
        raise InputError(
            f"{reference}: runs and frozen programs are compared on a dataset, whose reports and reference are known "
            "by their digests; expected --dataset NAME instead of --reference."
        )
    ours = read_labels_or_reports(reference, clip=sources.clip)
    _check_tables(names, given, _ids(ours), reference.name)
    texts = any(not isinstance(one, LabelTable) for one in (ours, *(t.content for t in tables)))
    if not isinstance(ours, LabelTable):
        ours = sources.label(sources.frozen, ours)
        if any(UNANSWERED in row for row in ours.values):
            raise IncompleteError(f"{reference}: some of its labels stayed unanswered; label them again.")
    systems = tuple(_from_table(name, one, sources) for name, one in zip(names, tables, strict=True))
    return Opened(reference.name, ours, systems, None, sources.frozen.sha256 if texts else None)


def _system(name: str, given: Given, dataset: Dataset, sources: Sources) -> System:
    if isinstance(given, _Table):
        return _from_table(name, given, sources)
    if isinstance(given, KeptProgram):
        return _from_run(name, given, dataset, sources)
    frozen = given.frozen
    tuned_on(frozen, dataset)
    tuned = [x for x in frozen.findings.values() if x.data and x.data.dataset_digest == dataset.digest]
    remarks = (
        (f"{len(tuned)} of its programs were tuned on these very reports, so it is shown too good",) if tuned else ()
    )
    return System(
        name, "program", sources.label(frozen, dataset.reports), frozen.sha256, sources.model_of(frozen).name, remarks
    )


def _from_table(name: str, given: _Table, sources: Sources) -> System:
    if isinstance(given.content, LabelTable):
        return System(name, "labels", given.content)
    frozen = sources.frozen
    return System(name, "reports", sources.label(frozen, given.content), frozen.sha256, sources.model_of(frozen).name)


def _from_run(name: str, run: KeptProgram, dataset: Dataset, sources: Sources) -> System:
    """A run's cross-validated labels, or else those of the program it kept."""
    own = {"reports": dataset.digest, "reference": dataset.reference_digest}
    found = {"reports": run.tags.get("dataset_digest", ""), "reference": run.tags.get("reference_digest", "")}
    differing = [f"{what} {found[what][:19] or 'unknown'}…" for what in own if own[what] != found[what]]
    if differing:
        raise InputError(
            f"{name}: it was made on {' and '.join(differing)}, other than those of dataset {dataset.name} "
            f"({' and '.join(f'{own[w][:19]}…' for w in own if own[w] != found[w])}); systems can be compared on the "
            "same reports and reference only."
        )
    model, program = run.tags.get("model", ""), run.tags.get("program_digest")
    if "cv_f1" in run.metrics or "cv_kappa" in run.metrics:
        table = _crossed_labels(run, sources.tracker.read_text(run.run_id, CROSSED))
        return System(name, "run", table, program, model, ("labels of the cross-validation",))
    from ranscore.extraction.module import label_table
    from ranscore.freezing import FrozenFinding

    kept = FrozenFinding.model_validate_json(sources.tracker.read_text(run.run_id, PROGRAM_FILE))
    table, _ = label_table([kept.program], dataset.reports, open_model(model))
    remark = "it was not cross-validated; its program was tuned on these very reports, so it is shown too good"
    return System(name, "run", table, program, model, (remark,))


def _crossed_labels(run: KeptProgram, text: str) -> LabelTable:
    rows = [line.rsplit(",", 1) for line in text.splitlines()[1:]]
    return LabelTable(
        report_ids=tuple(i for i, _ in rows), findings=(run.finding,), values=tuple((int(v),) for _, v in rows)
    )
