"""Precision, recall, F1 and accuracy of every finding before and after the optimization."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

from ranscore.figures._evidence import Evidence, System, f1_of
from ranscore.figures._series import each_system, offsets
from ranscore.figures._style import KIND_MARKS, Picture, lower_bound, make_figure, name_rows, put_legend
from ranscore.figures._tables import Cell, Table, change, number, words
from ranscore.metrics._paired import Estimate
from ranscore.scoring import FindingScore

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TITLE = "Before and after"
KEYS = {"precision": "Precision", "recall": "Recall", "f1": "F1", "accuracy": "Accuracy"}
NOTES = (
    "Intervals of the differences: bootstrap of the reports, the same ones drawn for both sides; of accuracy's, the "
    "interval that fits exact McNemar.",
    "\u201cno width\u201d: no resample can differ, since both sides err on the same reports or on none.",
    "Verdict: exact McNemar on accuracy, adjusted over the findings by Holm; for all findings together a paired "
    "randomisation test.",
)
Figures = dict[str, Callable[[FindingScore], float | None]]
FIGURES: Figures = {
    "Precision": lambda s: s.precision,
    "Recall": lambda s: s.recall,
    "F1": f1_of,
    "Accuracy": lambda s: s.accuracy,
}


def pictures(evidence: Evidence) -> Iterator[Picture]:
    """Four panels that share their rows, for every system that has a seed to compare with."""
    for name, title, system in each_system(evidence, "before_after", TITLE):
        if system.comparisons:
            findings = findings_of(system)
            yield Picture(
                name, title, _describe(system, findings),
                tabulate(name.replace("before_after", "changes"), title, system), partial(_draw, system, findings),
            )  # fmt: skip


def findings_of(system: System) -> list[tuple[str, str]]:
    """The findings that are compared with the seed, id and name."""
    return [(c.finding, c.name) for c in system.comparisons[0].changes]


def _describe(system: System, findings: list[tuple[str, str]]) -> str:
    parts = []
    for title, figure in FIGURES.items():
        means = []
        for side in system.sides:
            values = [figure(s) for s in side.scores if s.finding in dict(findings)]
            known = [v for v in values if v is not None]
            means.append(
                f"{side.title.lower()} {sum(known) / len(known):.3f}" if known else f"{side.title.lower()} undefined"
            )
        parts.append(f"{title}: {', '.join(means)}")
    return (
        f"Four panels, precision, recall, F1 and accuracy, with a row for each of {len(findings)} findings and a mark "
        f"for each of {', '.join(s.title.lower() for s in system.sides)}. Means over the findings where defined: "
        f"{'; '.join(parts)}."
    )


def tabulate(name: str, title: str, system: System) -> Table:
    """Each figure of each finding at the seed and after, with differences; the verdict is that of the last ones."""
    rows: list[tuple[Cell, ...]] = []
    last = system.comparisons[-1]
    for finding, name_of_it in findings_of(system):
        for figure, shown in KEYS.items():
            found = [c.estimate(finding, figure) for c in system.comparisons]
            own = last.of(finding)
            verdict = own.verdict if own and figure == "accuracy" else ""
            rows.append((words(name_of_it), words(shown), *_cells(found), words(verdict)))
    total = _cells([c.macro_f1 for c in system.comparisons])
    rows.append((words("All findings"), words(last.headline), *total, words(last.verdict)))
    columns = ["Finding", "Figure", "Seed"]
    for comparison in system.comparisons:
        columns += [comparison.after.title, f"Difference, {comparison.after.title.lower()}"]
    caption = f"{title}: difference from the seed with 95 % interval"
    return Table(name, caption, (*columns, f"Verdict, {last.after.title.lower()}"), tuple(rows), NOTES, headers=2)


def _cells(found: Sequence[Estimate]) -> list[Cell]:
    cells = [number(found[0].a)]
    for one in found:
        cells += [number(one.b), change(one.difference, one.interval)]
    return cells


def _draw(system: System, findings: list[tuple[str, str]]) -> Figure:
    figure = make_figure(0.8 + 0.2 * len(findings))
    grid = figure.subplots(1, len(FIGURES), sharey=True)
    for axes, (title, value) in zip(grid, FIGURES.items(), strict=True):
        _panel(axes, system, findings, value)
        axes.set_title(title, fontsize=9)
    name_rows(grid[0], [name for _, name in findings], grid=False)
    figure.supxlabel("Each panel has its own scale; a line joins the seed and the figure to rely on", fontsize=8)
    put_legend(figure, [(side.title, KIND_MARKS[side.kind]) for side in system.sides])
    return figure


def _panel(
    axes: Axes, system: System, findings: list[tuple[str, str]], value: Callable[[FindingScore], float | None]
) -> None:
    drawn: list[float] = []
    for row, (finding, _) in enumerate(findings):
        if row % 2 == 0:
            axes.axhspan(row - 0.5, row + 0.5, color="#F5F5F5", linewidth=0, zorder=0)
        points = []
        for side, shift in zip(system.sides, offsets(len(system.sides), 0.45), strict=True):
            score = side.of(finding)
            at = value(score) if score else None
            if at is not None:
                points.append((at, row + shift))
                axes.plot([at], [row + shift], **KIND_MARKS[side.kind].options(4.5), zorder=3, clip_on=False)
                drawn.append(at)
        if len(points) > 1:
            (start, top), (end, bottom) = points[0], points[-1]
            axes.plot([start, end], [top, bottom], color="#9A9A9A", linewidth=0.9, zorder=1)
    low = lower_bound(drawn)
    step = 1 if low >= 0.7 else 2
    axes.set_xticks([at / 10 for at in range(10, round(low * 10) - 1, -step)])
    axes.set_xlim(low, 1.0)
    axes.tick_params(axis="y", length=0)
