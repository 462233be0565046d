"""Heat maps: how far the readers agree in pairs, and each reader and the program with the other readers' majority."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

from ranscore.agreement import AgreementReport, FindingAgreement
from ranscore.figures._evidence import Evidence, System
from ranscore.figures._series import each_system
from ranscore.figures._style import BLACK, Picture, make_figure
from ranscore.figures._tables import Cell, Table, decimals, number, words

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TITLE = "Agreement of the readers"
Grid = list[list[float | None]]


def pictures(evidence: Evidence) -> Iterator[Picture]:
    """Two heat maps side by side, for the readers and every system in their place."""
    for name, title, system in each_system(evidence, "rater_agreement", TITLE):
        report = system.agreement
        if report:
            yield Picture(
                name, title, _describe(report, system), _tabulate(name, title, report, system),
                partial(_draw, report, system),
            )  # fmt: skip


def pooled(report: AgreementReport) -> FindingAgreement:
    """The readers' agreement on all cells pooled."""
    return report.agreement[-2]


def pair_grid(report: AgreementReport) -> Grid:
    """The readers' pairwise kappas on all cells, a row and a column a reader; None on the diagonal."""
    found = {(p.rater, p.other): p.kappa.value for p in pooled(report).pairs}
    return [[found.get((a, b), found.get((b, a))) for b in report.raters] for a in report.raters]


def _ceiling_grid(report: AgreementReport) -> Grid:
    return [
        [*(row.kappa.raters[r].value for r in report.raters), row.kappa.program.value if row.kappa.program else None]
        for row in report.ceiling
    ]


def _describe(report: AgreementReport, system: System) -> str:
    values = [v for row in pair_grid(report) for v in row if v is not None]
    mean = report.ceiling[-1].kappa
    program = mean.program.value if mean.program else None
    return (
        f"Two heat maps of Cohen's kappa. Left: each pair of {len(report.raters)} readers on all cells, from "
        f"{decimals(min(values, default=None))} to {decimals(max(values, default=None))}. Right: a row for each "
        "finding, a column for each reader and the program, each against the majority of the other readers; the mean "
        f"over the findings is {decimals(mean.lowest)} to {decimals(mean.highest)} for the readers and "
        f"{decimals(program)} for the program ({system.main.title.lower()})."
    )


def _tabulate(name: str, title: str, report: AgreementReport, system: System) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for rater, values in zip(report.raters, pair_grid(report), strict=True):
        cells = [
            words("\u2013") if other == rater else number(v) for other, v in zip(report.raters, values, strict=True)
        ]
        rows.append((words(f"{rater} with"), *cells, words("")))
    for row, values in zip(report.ceiling, _ceiling_grid(report), strict=True):
        rows.append((words(f"{row.name}, with the others' majority"), *map(number, values)))
    columns = ("Cohen's kappa", *report.raters, system.main.who)
    return Table(name, f"{title}: pairs on all cells, then each finding", columns, tuple(rows))


def _draw(report: AgreementReport, system: System) -> Figure:
    figure = make_figure(max(1.0 + 0.19 * len(report.ceiling), 0.9 + 0.4 * len(report.raters)))
    left, right = figure.subplots(1, 2, width_ratios=(len(report.raters), len(report.raters) + 1))
    ceiling = _ceiling_grid(report)
    last = "Labels" if system.main.kind == "labels" else "Program"
    values = [v for row in [*pair_grid(report), *ceiling] for v in row if v is not None]
    low = min([0.9, *values])
    _heat(left, pair_grid(report), report.raters, report.raters, low)
    left.set_title("Pairs of readers, all cells", fontsize=9)
    left.set_box_aspect(1)
    left.set_anchor("N")
    _heat(right, ceiling, [row.name for row in report.ceiling], [*report.raters, last], low)
    right.set_title("Against the majority of the other readers", fontsize=9)
    right.axvline(len(report.raters) - 0.5, color=BLACK, linewidth=1.5)
    right.axhline(len(report.ceiling) - 2.5, color=BLACK, linewidth=1.0)
    figure.supxlabel(f"Cohen's kappa; darker is lower; last column: {system.main.who.lower()}", fontsize=8.5)
    return figure


def _heat(axes: Axes, grid: Grid, rows: Sequence[str], columns: Sequence[str], low: float) -> None:
    from matplotlib import colormaps
    from matplotlib.patches import Rectangle

    scale = colormaps["cividis"]
    for y, values in enumerate(grid):
        for x, value in enumerate(values):
            if value is None:
                own = list(rows) == list(columns) and x == y
                axes.text(x, y, "\u2013" if own else "undef.", ha="center", va="center", fontsize=6)
                continue
            part = (value - low) / (1.0 - low) if low < 1.0 else 1.0
            axes.add_patch(Rectangle((x - 0.5, y - 0.5), 1, 1, facecolor=scale(part), edgecolor="white", linewidth=0.6))
            ink = _ink(scale(part))
            axes.text(x, y, f"{value:.2f}".replace("-", "\u2212"), ha="center", va="center", fontsize=7, color=ink)
    axes.set_xlim(-0.5, len(columns) - 0.5)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_yticks(range(len(rows)), list(rows), fontsize=7.5)
    axes.set_xticks(range(len(columns)), list(columns), rotation=45, ha="right", rotation_mode="anchor", fontsize=7.5)
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _ink(colour: tuple[float, float, float, float]) -> str:
    """White or black, whichever is read more easily on a colour (WCAG's relative luminance)."""
    linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in colour[:3]]
    light = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return "white" if 1.05 / (light + 0.05) > (light + 0.05) / 0.05 else BLACK
