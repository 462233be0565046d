"""How far readers agree, and the human ceiling: each reader, and a program in that place, against the other readers."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

import numpy as np

from ranscore.catalog import finding_ids, finding_name
from ranscore.errors import InputError
from ranscore.metrics._agreement import (
    Features,
    Resampled,
    Statistic,
    cohen,
    f1_of,
    fleiss,
    krippendorff,
    observed,
    pair_features,
    panel_features,
    raw_agreement,
    resample,
)
from ranscore.metrics._counts import ABSENT, PRESENT, UNCERTAIN, FloatArray, LabelArray, mean_of_defined
from ranscore.metrics._verdicts import MINIMUM_POSITIVES, Verdict, decide, holm
from ranscore.records import LabelTable, Record
from ranscore.reference import build_reference

Uncertain = Literal["category", "exclude"]
Place = Literal["below", "within", "above", "undefined"]
POOLED, MEAN = "all cells", "mean of the findings"
METRICS: dict[str, Callable[[FloatArray], FloatArray]] = {"kappa": cohen, "f1": f1_of, "accuracy": observed}


class Figure(Record):
    """A value with its 95 % bootstrap interval by report; None where it is undefined, or was not resampled."""

    value: float | None
    interval: tuple[float, float] | None = None


class PairAgreement(Record):
    """Two readers: Cohen's kappa and raw agreement over the `n` cells that both answered."""

    rater: str
    other: str
    n: int | None
    kappa: Figure
    raw: Figure


class FindingAgreement(Record):
    """Agreement on one finding, on all cells pooled, or as the mean over the findings (then without `n`).

    `n` cells were answered by two readers or more, `complete` by all (those alone count for Fleiss' kappa), and
    `present` of the panel's answers are present. `mean_kappa` is the mean of the pairs' kappas (Light 1971).
    """

    finding: str
    name: str
    n: int | None
    complete: int | None
    present: int | None
    raw: Figure
    mean_kappa: Figure
    fleiss: Figure
    alpha: Figure
    pairs: tuple[PairAgreement, ...]


class Ceiling(Record):
    """One metric of each reader against the majority of the others, and of a program in each reader's place.

    `program` is the mean over the places, `difference` the program less the reader it replaces, averaged over the
    places. `place` says where the program stands to the readers' range; `verdict` is what the difference shows, by its
    bootstrap p-value, Holm-adjusted over the findings, and "cannot tell" with fewer than 10 positives.
    """

    raters: dict[str, Figure]
    mean: Figure
    lowest: float | None
    highest: float | None
    program: Figure | None = None
    difference: Figure | None = None
    place: Place | None = None
    verdict: Verdict | None = None


class FindingCeiling(Record):
    """The human ceiling of one finding; `positives` and `n` are the cells that the whole panel's majority decides."""

    finding: str
    name: str
    n: int | None
    positives: int | None
    kappa: Ceiling
    f1: Ceiling
    accuracy: Ceiling


class AgreementReport(Record):
    """All figures of a panel of readers; the last two rows of each table are all cells, and the findings' mean."""

    raters: tuple[str, ...]
    reports: int
    uncertain: Uncertain
    agreement: tuple[FindingAgreement, ...]
    ceiling: tuple[FindingCeiling, ...]
    program: str | None = None
    resamples: int
    seed: int


def measure_agreement(
    tables: Sequence[LabelTable],
    names: Sequence[str],
    program: LabelTable | None = None,
    *,
    uncertain: Uncertain = "category",
    bootstrap: int = 2000,
    seed: int = 0,
    program_digest: str | None = None,
) -> AgreementReport:
    """Pairwise Cohen's kappa, Fleiss' kappa, Krippendorff's alpha, raw agreement, and the human ceiling.

    The tables hold the same reports and findings, one table a reader; `program` holds a program's labels of those
    reports. `uncertain` answers are a third category, or left out like blanks. A majority of the others is more than
    half of them, and cells where it is neither present nor absent are in no ceiling. Raises InputError for fewer than
    two readers, for tables that do not fit, and for a program that labelled other reports.
    """
    if len(tables) < 2:
        raise InputError(f"found {len(tables)} reader, expected at least two: agreement is between readers.")
    whole = build_reference(tables, None, names).table
    findings = tuple(f for f in finding_ids() if f in tables[0].findings)
    cells = _Cells(tuple(names), whole, findings, uncertain, bootstrap, seed)
    codes = np.stack([cells.codes(t) for t in tables])
    return AgreementReport(
        raters=tuple(names),
        reports=len(whole.report_ids),
        uncertain=uncertain,
        agreement=tuple(_agreement(cells, codes)),
        ceiling=tuple(_ceiling(cells, tables, codes, program)),
        program=program_digest,
        resamples=bootstrap,
        seed=seed,
    )


@dataclass(frozen=True)
class _Cells:
    """The panel's frame: which reports and findings, how labels become codes, how figures are resampled."""

    names: tuple[str, ...]
    whole: LabelTable
    findings: tuple[str, ...]
    uncertain: Uncertain
    resamples: int
    seed: int

    @property
    def categories(self) -> int:
        return 3 if self.uncertain == "category" else 2

    def figures(self, features: Features, statistic: Statistic) -> _Figures:
        reports, findings = len(self.whole.report_ids), len(self.findings)
        return _Figures(resample(features, findings, reports, statistic, resamples=self.resamples, seed=self.seed))

    def codes(self, table: LabelTable, decided: bool = False) -> LabelArray:
        """A table's labels in the panel's order (reports, findings): 0 absent, 1 present, 2 uncertain, -1 none."""
        rows = dict(zip(table.report_ids, table.values, strict=True))
        at = [table.findings.index(f) for f in self.findings]
        values = np.array([[rows[i][j] for j in at] for i in self.whole.report_ids], dtype=np.int8)
        third = -1 if decided or self.uncertain == "exclude" else 2
        return np.where(values == UNCERTAIN, third, np.maximum(values, -1)).astype(np.int8)

    def titles(self) -> list[tuple[str, str]]:
        """The id and the name of each row, the two last ones included."""
        return [*((f, finding_name(f)) for f in self.findings), ("", POOLED), ("", MEAN)]


def _agreement(cells: _Cells, codes: LabelArray) -> Iterator[FindingAgreement]:
    raters, q = len(codes), cells.categories
    pairs = [(a, b) for a in range(raters) for b in range(a + 1, raters)]

    def features(j: int) -> FloatArray:
        own = [pair_features(codes[a, :, j], codes[b, :, j], q) for a, b in pairs]
        return np.concatenate([*own, panel_features(codes[:, :, j], q)], axis=1)

    def statistic(sums: FloatArray) -> FloatArray:
        split = len(pairs) * q * q
        between = sums[:, :split].reshape(len(sums), len(pairs), q, q)
        panel, kappas = sums[:, split:], cohen(between)
        shared = (raw_agreement(panel), mean_of_defined(kappas), fleiss(panel, raters), krippendorff(panel))
        return np.column_stack([*shared, kappas, observed(between)])

    figures = cells.figures(features, statistic)
    answered = codes >= 0
    for row, (finding, name) in enumerate(cells.titles()):
        part = _part(row, len(cells.findings))
        given = None if part is None else answered[:, :, part]
        yield FindingAgreement(
            finding=finding,
            name=name,
            n=None if given is None else int((given.sum(axis=0) > 1).sum()),
            complete=None if given is None else int(given.all(axis=0).sum()),
            present=None if part is None else int((codes[:, :, part] == PRESENT).sum()),
            raw=figures.at(row, 0),
            mean_kappa=figures.at(row, 1),
            fleiss=figures.at(row, 2),
            alpha=figures.at(row, 3),
            pairs=tuple(
                PairAgreement(
                    rater=cells.names[a],
                    other=cells.names[b],
                    n=None if given is None else int((given[a] & given[b]).sum()),
                    kappa=figures.at(row, 4 + k),
                    raw=figures.at(row, 4 + len(pairs) + k),
                )
                for k, (a, b) in enumerate(pairs)
            ),
        )


def _ceiling(
    cells: _Cells, tables: Sequence[LabelTable], codes: LabelArray, program: LabelTable | None
) -> Iterator[FindingCeiling]:
    shown = [j for j, f in enumerate(cells.findings) if program is None or f in program.findings]
    part = replace(cells, findings=tuple(cells.findings[j] for j in shown))
    own, others = codes[:, :, shown], np.stack(list(_others(part, tables)))
    sides = [own]
    if program is not None:
        replaced = _program_codes(part, program)
        own = np.where(replaced >= 0, own, -1).astype(np.int8)
        sides = [own, np.where(own >= 0, replaced, -1).astype(np.int8)]
    figures = part.figures(
        lambda j: _place_features(sides, others, j, part.categories),
        partial(_place_figures, len(tables), len(sides), part.categories),
    )
    decided = part.codes(cells.whole, decided=True)
    positives = (decided == PRESENT).sum(axis=0).tolist()
    metrics = {
        name: list(_metric(part.names, figures, k * (len(tables) + 3), positives, program is not None))
        for k, name in enumerate(METRICS)
    }
    for row, (finding, name) in enumerate(part.titles()):
        at = _part(row, len(shown))
        yield FindingCeiling(
            finding=finding,
            name=name,
            n=None if at is None else int((decided[:, at] >= ABSENT).sum()),
            positives=None if at is None else int((decided[:, at] == PRESENT).sum()),
            **{metric: rows[row] for metric, rows in metrics.items()},
        )


def _others(cells: _Cells, tables: Sequence[LabelTable]) -> Iterator[LabelArray]:
    """The majority of all readers but one, for each reader in turn, without what it leaves uncertain."""
    for k in range(len(tables)):
        rest = [t for i, t in enumerate(tables) if i != k]
        yield cells.codes(build_reference(rest).table, decided=True)


def _program_codes(cells: _Cells, program: LabelTable) -> LabelArray:
    missing = set(cells.whole.report_ids) - set(program.report_ids)
    if missing:
        named = ", ".join(sorted(missing)[:5])
        raise InputError(
            f"{len(missing)} reports of the readers were not labelled by the program ({named}); expected the program's "
            "labels of the reports that the readers read: name their --dataset."
        )
    return cells.codes(program, decided=True)


def _place_features(sides: Sequence[LabelArray], others: LabelArray, j: int, categories: int) -> FloatArray:
    places = range(len(others))
    own = [pair_features(side[k, :, j], others[k, :, j], categories) for k in places for side in sides]
    return np.concatenate(own, axis=1)


def _place_figures(raters: int, sides: int, categories: int, sums: FloatArray) -> FloatArray:
    """Each metric's row: every reader, the readers' mean, the program's, and their difference."""
    tables = sums.reshape(len(sums), raters, sides, categories, categories)
    columns = []
    for metric in METRICS.values():
        values = metric(tables)
        human, program = values[:, :, 0], values[:, :, -1]
        means = [mean_of_defined(v) for v in (human, program, program - human)]
        columns += [human, *(m[:, np.newaxis] for m in means)]
    return np.concatenate(columns, axis=1)


def _metric(
    names: Sequence[str], figures: _Figures, start: int, positives: Sequence[int], program: bool
) -> Iterator[Ceiling]:
    """One metric's rows; its columns begin at `start`: the readers, their mean, the program's, the difference."""
    mean, replaced, difference = (start + len(names) + k for k in range(3))
    for row, verdict in enumerate(figures.verdicts(difference, positives)):
        raters = {name: figures.at(row, start + k) for k, name in enumerate(names)}
        known = [f.value for f in raters.values() if f.value is not None]
        low, high = (min(known), max(known)) if known else (None, None)
        found = Ceiling(raters=raters, mean=figures.at(row, mean), lowest=low, highest=high)
        if program:
            own = figures.at(row, replaced)
            compared = {"program": own, "difference": figures.at(row, difference), "verdict": verdict}
            found = found.model_copy(update=compared | {"place": _place(own.value, low, high)})
        yield found


def _place(value: float | None, low: float | None, high: float | None) -> Place:
    if value is None or low is None or high is None:
        return "undefined"
    return "below" if value < low else "above" if value > high else "within"


def _part(row: int, findings: int) -> slice | int | None:
    """The findings behind a row: one, all for the pooled row, none for the mean."""
    return row if row < findings else slice(None) if row == findings else None


class _Figures:
    """Values and intervals by row and column."""

    def __init__(self, found: Resampled) -> None:
        self.found = found

    def at(self, row: int, column: int) -> Figure:
        value, low, high = (float(a[row, column]) for a in (self.found.value, self.found.low, self.found.high))
        if math.isnan(value):
            return Figure(value=None)
        return Figure(value=value, interval=None if math.isnan(low) else (low, high))

    def verdicts(self, column: int, positives: Sequence[int]) -> list[Verdict]:
        """What a column of differences shows, row by row."""
        known = [(None if math.isnan(v) else v, 1.0 if math.isnan(p) else p) for v, p in self._pairs(column)]
        adjusted = [*holm([p for _, p in known[:-2]]), *(p for _, p in known[-2:])]
        enough = [*(n >= MINIMUM_POSITIVES for n in positives), True, True]
        rows = zip(known, adjusted, enough, strict=True)
        return [decide(value, p) if many else "cannot tell" for (value, _), p, many in rows]

    def _pairs(self, column: int) -> Iterator[tuple[float, float]]:
        yield from zip(self.found.value[:, column].tolist(), self.found.p[:, column].tolist(), strict=True)
