"""The human ceiling: the range of the readers against each other's majority, and where the program stands in it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

from ranscore.agreement import AgreementReport, Ceiling, FindingCeiling
from ranscore.figures._evidence import Evidence, System
from ranscore.figures._series import each_system
from ranscore.figures._style import (
    BLACK,
    GREY,
    KIND_MARKS,
    PALE,
    Mark,
    Picture,
    lower_bound,
    make_figure,
    name_rows,
    put_legend,
    span,
)
from ranscore.figures._tables import Cell, Table, change, estimate, number, whole, words

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TITLE = "Human ceiling"
READER = Mark("|", BLACK)
NOTE = (
    "Place: the program's kappa below, within or above the readers' range. Verdict: the program less the reader it "
    "replaces, by the bootstrap, adjusted over the findings by Holm; \u201ccannot tell\u201d with too few positives."
)


def pictures(evidence: Evidence) -> Iterator[Picture]:
    """A row a finding, for every system that labelled what the readers read."""
    for name, title, system in each_system(evidence, "human_ceiling", TITLE):
        report = system.agreement
        if report and all(row.kappa.program for row in report.ceiling):
            yield Picture(
                name, title, _describe(report, system), _tabulate(name, title, report, system),
                partial(_draw, report, system),
            )  # fmt: skip


def _describe(report: AgreementReport, system: System) -> str:
    findings = report.ceiling[:-2]
    counts = [(place, sum(row.kappa.place == place for row in findings)) for place in ("below", "within", "above")]
    unclear = sum(row.kappa.place == "undefined" for row in findings)
    kind = system.main.title.lower()
    return (
        f"For each of {len(findings)} findings the range of {len(report.raters)} readers' kappa against the majority "
        f"of the other readers, and the program's kappa ({kind}) with its 95 % interval. The program is "
        + ", ".join(f"{place} the readers' range on {count}" for place, count in counts)
        + (f", undefined on {unclear}" if unclear else "")
        + " findings."
    )


def _tabulate(name: str, title: str, report: AgreementReport, system: System) -> Table:
    columns = (
        "Finding", "Positives", "Lowest reader", "Mean reader", "Highest reader",
        system.main.who, "Program less reader", "Place", "Verdict",
    )  # fmt: skip
    caption = f"{title}: Cohen's kappa against the majority of the other readers, 95 % bootstrap interval"
    return Table(name, caption, columns, tuple(_row(row) for row in report.ceiling), (NOTE,))


def _row(row: FindingCeiling) -> tuple[Cell, ...]:
    found: Ceiling = row.kappa
    program, difference = found.program, found.difference
    return (
        words(row.name), words("") if row.positives is None else whole(row.positives), number(found.lowest),
        estimate(found.mean.value, found.mean.interval), number(found.highest),
        estimate(program.value, program.interval) if program else number(None),
        change(difference.value, difference.interval) if difference else number(None),
        words(found.place or ""), words(found.verdict or "cannot tell"),
    )  # fmt: skip


def _draw(report: AgreementReport, system: System) -> Figure:
    rows = report.ceiling
    figure = make_figure(0.8 + 0.205 * len(rows))
    axes = figure.add_subplot()
    name_rows(axes, [row.name for row in rows], grid=False)
    mark = KIND_MARKS[system.main.kind]
    for at, row in enumerate(rows):
        _readers(axes, at, row.kappa)
        program = row.kappa.program
        if program and program.value is not None:
            if program.interval:
                span(axes, *program.interval, at, mark.colour)
            axes.plot([program.value], [at], **mark.options(5), zorder=4, clip_on=False)
        text = f"{row.kappa.place}; {row.kappa.verdict or 'cannot tell'}"
        axes.text(1.02, at, text, transform=axes.get_yaxis_transform(), va="center", fontsize=7.5)
    axes.axhline(len(rows) - 2.5, color=BLACK, linewidth=0.8)
    lows = [r.kappa.program.interval[0] for r in rows if r.kappa.program and r.kappa.program.interval]
    axes.set_xlim(lower_bound([*lows, *(r.kappa.lowest for r in rows if r.kappa.lowest is not None)], 0.1, -1.0), 1.0)
    axes.set_xlabel("Cohen's kappa against the majority of the other readers; bar: the readers' range")
    axes.text(
        1.02,
        -0.75,
        "Place to the range;\nprogram less reader",
        transform=axes.get_yaxis_transform(),
        va="bottom",
        fontsize=7.5,
    )
    put_legend(
        figure,
        [("A reader", READER), ("The readers' mean", Mark("d", GREY)), (system.main.who, mark)],
    )
    return figure


def _readers(axes: Axes, at: int, found: Ceiling) -> None:
    if found.lowest is None or found.highest is None:
        return
    axes.barh(
        at, found.highest - found.lowest, left=found.lowest, height=0.62, color=PALE, edgecolor="#8A8A8A", linewidth=0.5
    )
    for figure in found.raters.values():
        if figure.value is not None:
            axes.plot([figure.value] * 2, [at - 0.31, at + 0.31], color=BLACK, linewidth=0.8, zorder=2, clip_on=False)
    if found.mean.value is not None:
        axes.plot([found.mean.value], [at], **Mark("d", GREY).options(4), zorder=3, clip_on=False)
