"""What the optimization changed in F1 and in accuracy, with intervals and verdicts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

from ranscore.figures._evidence import Comparison, Evidence, System
from ranscore.figures._series import each_system, offsets
from ranscore.figures._style import BLACK, KIND_MARKS, Picture, make_figure, name_rows, put_legend, span
from ranscore.figures.before_after import TITLE as BEFORE_AFTER
from ranscore.figures.before_after import findings_of, tabulate

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TITLE = "Differences from the seed"
FIGURES = {"f1": "F1", "accuracy": "Accuracy"}


def pictures(evidence: Evidence) -> Iterator[Picture]:
    """Two panels that share their rows, for every system that has a seed to compare with."""
    names = each_system(evidence, "changes", BEFORE_AFTER)
    for (name, title, system), (table, caption, _) in zip(
        each_system(evidence, "difference", TITLE), names, strict=True
    ):
        if system.comparisons:
            yield Picture(name, title, _describe(system), tabulate(table, caption, system), partial(_draw, system))


def _describe(system: System) -> str:
    parts = []
    for comparison in system.comparisons:
        counts = [
            f"{v} on {sum(c.verdict == v for c in comparison.changes)}" for v in ("better", "worse", "cannot tell")
        ]
        parts.append(f"{comparison.after.title} against seed: {', '.join(counts)}")
    return (
        "Forest plot of differences in F1 and in accuracy from the seed, with 95 % intervals, a row for each of "
        f"{len(system.comparisons[0].changes)} findings. Verdicts by exact McNemar with Holm: {'; '.join(parts)}."
    )


def _draw(system: System) -> Figure:
    findings = findings_of(system)
    names = [name for _, name in findings]
    figure = make_figure(0.75 + len(names) * (0.1 + 0.07 * len(system.comparisons)))
    grid = figure.subplots(1, len(FIGURES), sharey=True)
    for axes, (key, title) in zip(grid, FIGURES.items(), strict=True):
        for row in range(0, len(names), 2):
            axes.axhspan(row - 0.5, row + 0.5, color="#F5F5F5", linewidth=0, zorder=0)
        for comparison, shift in zip(system.comparisons, offsets(len(system.comparisons), 0.5), strict=True):
            _series(axes, comparison, key, [finding for finding, _ in findings], shift)
        axes.axvline(0, color=BLACK, linewidth=0.9)
        axes.set_title(f"Difference in {title if title == 'F1' else title.lower()}", fontsize=9)
        axes.tick_params(axis="y", length=0)
    figure.supxlabel(
        "Right of 0: better than the seed. Intervals are of one finding; verdicts allow for all of them.", fontsize=8
    )
    name_rows(grid[0], names, grid=False)
    _verdicts(grid[-1], system.comparisons[-1], [finding for finding, _ in findings])
    put_legend(figure, [(f"{c.after.title} less seed", KIND_MARKS[c.after.kind]) for c in system.comparisons])
    return figure


def _series(axes: Axes, comparison: Comparison, key: str, findings: Sequence[str], shift: float) -> None:
    mark = KIND_MARKS[comparison.after.kind]
    for row, finding in enumerate(findings):
        found = comparison.estimate(finding, key)
        if found.difference is None:
            continue
        if found.interval:
            span(axes, *found.interval, row + shift, mark.colour)
        axes.plot([found.difference], [row + shift], **mark.options(4.5), zorder=3)


def _verdicts(axes: Axes, comparison: Comparison, findings: Sequence[str]) -> None:
    place = axes.get_yaxis_transform()
    axes.text(1.03, -0.75, f"Verdict,\n{comparison.after.title.lower()}", transform=place, va="bottom", fontsize=7.5)
    for row, finding in enumerate(findings):
        one = comparison.of(finding)
        verdict = one.verdict if one else "not done"
        weight = "bold" if verdict in ("better", "worse") else "normal"
        axes.text(1.03, row, verdict, transform=place, va="center", fontsize=8, weight=weight)
