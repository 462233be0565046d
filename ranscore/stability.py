"""How much the labels of one program and model change when the same reports are labelled again: the noise floor."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import combinations
from pathlib import Path

from ranscore.catalog import asked_ids, finding_name
from ranscore.errors import InputError
from ranscore.freezing import FrozenProgram
from ranscore.labelling.batch import extract
from ranscore.metrics import f1
from ranscore.metrics._counts import Counts, Empty, FloatArray, count, mean_of_defined, settle
from ranscore.metrics._intervals import bootstrap, clopper_pearson, paired_bootstrap
from ranscore.models import Model, open_model
from ranscore.readers import read_reports
from ranscore.records import UNANSWERED, UNCERTAIN, LabelTable, Record, Report
from ranscore.splitting import open_development, tuned_on

Values = tuple[tuple[int, ...], ...]
Interval = tuple[float, float]
LEVEL = 0.95


class FlipRate(Record):
    """In how many of `cells` (one finding in one report) the answers of all runs are not the same.

    Cells that a run left unanswered are in `unanswered` and not in `cells`. The interval is exact, 95 %. An empty
    `finding` stands for all that were asked; `concurrency` is None where runs of every concurrency are meant.
    """

    finding: str = ""
    name: str = ""
    concurrency: int | None = None
    runs: int
    cells: int
    flips: int
    rate: float | None
    interval: Interval | None
    unanswered: int


class Agreement(Record):
    """Ran Score between two runs; findings that are present in neither are left out. None where none is present."""

    first: int
    second: int
    ran_score: float | None


class Noise(Record):
    """What moves a Ran Score against a reference although nothing was changed.

    `scores` holds each run's; `repeat_difference` is the 95th percentile of the absolute difference between two runs,
    `largest_difference` the largest. `paired_half_width` is half the widest 95 % bootstrap interval of the difference
    between two runs when reports are drawn again, the same for both. A difference between two label sets of the same
    reports means something only above `smallest_difference`, the larger of repeat difference and paired half-width.
    `sampling_half_width` is half the interval of one run's score: what other reports of the same kind would do.
    """

    scores: tuple[float, ...]
    repeat_difference: float
    largest_difference: float
    paired_half_width: float
    sampling_half_width: float
    smallest_difference: float


class StabilityReport(Record):
    """Flip rates of one program and model over several runs; `noise` only where there is a reference.

    `findings` are those of the table, No Finding among them where it can be derived; `overall` counts asked ones only.
    `deterministic` says that no cell changed and none stayed unanswered.
    """

    program: str
    model: str
    embedded: bool
    reports: int
    runs: tuple[int | None, ...]
    findings: tuple[FlipRate, ...]
    overall: FlipRate
    levels: tuple[FlipRate, ...]
    agreements: tuple[Agreement, ...]
    noise: Noise | None
    deterministic: bool
    resamples: int
    seed: int


def open_reports(
    reports: Path | None,
    dataset: str | None,
    data: Path | None = None,
    limit: int | None = None,
    *,
    split: Path | None = None,
    frozen: FrozenProgram | None = None,
) -> tuple[tuple[Report, ...], LabelTable | None]:
    """The reports of a file, or those of a dataset with their reference; the first `limit` where that is given.

    Of a dataset with a `split` the development part alone. Raises InputError for neither or both of file and dataset,
    and where `frozen` was tuned on a part of the dataset.
    """
    if (reports is None) == (dataset is None):
        raise InputError("found neither or both of REPORTS and --dataset; expected a file of reports or a dataset.")
    if dataset:
        cohort = open_development(dataset, data, split)
        if frozen:
            tuned_on(frozen, cohort)
        return cohort.reports[:limit], cohort.reference
    if split:
        raise InputError("--split belongs to a dataset; expected --dataset NAME beside it.")
    return (*read_reports(reports)[:limit],) if reports else (), None


def open_levels(chosen: Model, concurrency: Sequence[int], api_base: str | None = None) -> tuple[Model, ...]:
    """The model once for each concurrency, asked anew each time; an embedded one as it is.

    Raises InputError for a concurrency below 1, and for one given to an embedded model.
    """
    if chosen.embedded:
        if concurrency:
            raise InputError(
                f"--concurrency: model {chosen.name!r} runs in this process and is asked one report at a time; "
                "leave it out."
            )
        return (chosen,)
    if any(c < 1 for c in concurrency):
        raise InputError(f"--concurrency: found {min(concurrency)}, expected numbers from 1 on, such as 1,8.")
    settings = chosen.settings | {"cache": False} | ({"api_base": api_base} if api_base else {})
    levels = dict.fromkeys(concurrency) or [settings["concurrency"]]
    return tuple(open_model(chosen.name, **(settings | {"concurrency": c})) for c in levels)


def measure_stability(
    frozen: FrozenProgram,
    reports: Sequence[Report],
    models: Sequence[Model],
    repeats: int,
    reference: LabelTable | None = None,
    *,
    bootstrap: int = 1000,
    seed: int = 0,
    progress: Callable[[int], None] | None = None,
) -> StabilityReport:
    """The flip rates of `repeats` runs with each of the models (one model at several concurrencies).

    With a `reference` of the same reports also the noise of the Ran Score. `progress` is told of finished cells.
    Raises InputError for fewer than two runs.
    """
    if repeats * len(models) < 2:
        raise InputError(f"--repeats: found {repeats}, expected at least 2: one run alone cannot differ from itself.")
    order = [model for _ in range(repeats) for model in models]
    tables = [extract(frozen, reports, model, progress=progress).table for model in order]
    levels = tuple(None if m.embedded else int(m.settings["concurrency"]) for m in order)
    findings = tables[0].findings
    runs = [table.values for table in tables]
    overall = _flip_rate(runs, [i for i, f in enumerate(findings) if f in asked_ids()])
    noise = _noise(tables, reference, frozen.policies.empty, bootstrap, seed) if reference else None
    return StabilityReport(
        program=frozen.sha256,
        model=models[0].name,
        embedded=models[0].embedded,
        reports=len(reports),
        runs=levels,
        findings=tuple(_flip_rate(runs, [i], finding=f) for i, f in enumerate(findings)),
        overall=overall,
        levels=_level_rates(runs, findings, levels),
        agreements=_agreements(runs),
        noise=noise,
        deterministic=not overall.flips and not overall.unanswered,
        resamples=bootstrap if noise else 0,
        seed=seed,
    )


def _level_rates(runs: Sequence[Values], findings: Sequence[str], levels: Sequence[int | None]) -> tuple[FlipRate, ...]:
    """The flips between the runs of one concurrency each, where there are several."""
    columns = [i for i, f in enumerate(findings) if f in asked_ids()]
    rates = []
    for level in dict.fromkeys(levels):
        own = [values for values, at in zip(runs, levels, strict=True) if at == level]
        if level is not None and 1 < len(own) < len(runs):
            rates.append(_flip_rate(own, columns, concurrency=level))
    return tuple(rates)


def _flip_rate(
    runs: Sequence[Values], columns: Sequence[int], *, finding: str = "", concurrency: int | None = None
) -> FlipRate:
    cells = flips = unanswered = 0
    for rows in zip(*runs, strict=True):
        for column in columns:
            answers = {row[column] for row in rows}
            unanswered += UNANSWERED in answers
            cells += UNANSWERED not in answers
            flips += UNANSWERED not in answers and len(answers) > 1
    return FlipRate(
        finding=finding,
        name=finding_name(finding) if finding else "",
        concurrency=concurrency,
        runs=len(runs),
        cells=cells,
        flips=flips,
        rate=flips / cells if cells else None,
        interval=clopper_pearson(flips, cells, LEVEL) if cells else None,
        unanswered=unanswered,
    )


def _agreements(runs: Sequence[Values]) -> tuple[Agreement, ...]:
    pairs = combinations(range(len(runs)), 2)
    return tuple(
        Agreement(first=a + 1, second=b + 1, ran_score=_ran_score(_as_reference(runs[a]), runs[b], "skip"))
        for a, b in pairs
    )


def _as_reference(values: Values) -> Values:
    """A run's labels in the place of a reference, where what it did not answer is left out."""
    return tuple(tuple(UNCERTAIN if v == UNANSWERED else v for v in row) for row in values)


def _ran_score(reference: Values, labels: Values, empty: Empty) -> float | None:
    score = float(_mean_f1(empty)(count(reference, labels)))
    return None if math.isnan(score) else score


def _mean_f1(empty: Empty) -> Callable[[Counts], FloatArray]:
    return lambda counts: mean_of_defined(settle(f1.compute(counts), counts, empty))


def _noise(
    tables: Sequence[LabelTable], reference: LabelTable, empty: Empty, resamples: int, seed: int
) -> Noise | None:
    truth = _rows_of(reference, tables[0])
    runs = [table.values for table in tables]
    scores = [_ran_score(truth, values, empty) for values in runs]
    known = [score for score in scores if score is not None]
    if len(known) < len(scores):
        return None
    differences = sorted(abs(a - b) for a, b in combinations(known, 2))
    paired = max(_half_widths(truth, runs, empty, resamples, seed), default=0.0)
    low, high = bootstrap(truth, runs[0], _mean_f1(empty), resamples=resamples, seed=seed)
    repeat = quantile(differences, LEVEL)
    return Noise(
        scores=tuple(known),
        repeat_difference=repeat,
        largest_difference=differences[-1],
        paired_half_width=paired,
        sampling_half_width=float(high - low) / 2,
        smallest_difference=max(repeat, paired),
    )


def _half_widths(truth: Values, runs: Sequence[Values], empty: Empty, resamples: int, seed: int) -> list[float]:
    """Half the interval of the paired difference for each pair of runs that differ."""
    pairs = {(a, b) for a, b in combinations(dict.fromkeys(runs), 2)}
    bounds = [paired_bootstrap(truth, a, b, _mean_f1(empty), resamples=resamples, seed=seed)[2] for a, b in pairs]
    return [float(high - low) / 2 for low, high in bounds]


def _rows_of(reference: LabelTable, table: LabelTable) -> Values:
    """The reference of the table's reports and findings, in its order; raises InputError where one is missing."""
    lacking = [f for f in table.findings if f not in reference.findings]
    columns = [reference.findings.index(f) for f in table.findings if f not in lacking]
    rows = dict(zip(reference.report_ids, reference.values, strict=True))
    missing = [i for i in table.report_ids if i not in rows]
    if lacking or missing:
        raise InputError(
            f"the reference lacks {', '.join([*lacking[:3], *missing[:3]])}; expected every finding and report that is "
            "labelled."
        )
    return tuple(tuple(rows[i][c] for c in columns) for i in table.report_ids)


def quantile(ordered: Sequence[float], share: float) -> float:
    """The quantile of sorted numbers, between the two nearest in proportion (as numpy's default)."""
    place = share * (len(ordered) - 1)
    low = math.floor(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)
