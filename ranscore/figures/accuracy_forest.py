"""Forest plot: the accuracy of every finding with its exact interval, a series a side or a system."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ranscore.figures._evidence import Evidence
from ranscore.figures._series import Series, describe_range, offsets, series_of
from ranscore.figures._style import Picture, lower_bound, make_figure, name_rows, put_legend, span
from ranscore.figures._tables import Cell, Table, share, words
from ranscore.scoring import FindingScore

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TITLE = "Accuracy of every finding"


def pictures(evidence: Evidence) -> Iterator[Picture]:
    """One forest plot of all findings."""
    series = series_of(evidence)
    alt = f"Forest plot of accuracy with exact 95 % intervals, a row for each of {len(evidence.findings)} findings. "
    alt += " ".join(describe_range(title, side.scores, lambda s: s.accuracy, "accuracy") for title, _, side in series)
    yield Picture("accuracy_forest", TITLE, alt, tabulate(evidence, series), lambda: _draw(evidence, series))


def tabulate(evidence: Evidence, series: Series) -> Table:
    """Correct labels of scored ones with exact intervals, a column a series."""
    rows = []
    for finding, name in evidence.findings:
        rows.append((words(name), *(accuracy_cell(side.of(finding)) for _, _, side in series)))
    columns = ("Finding", *(title for title, _, _ in series))
    return Table("accuracy", "Accuracy: correct of scored reports, exact 95 % interval", columns, tuple(rows))


def accuracy_cell(score: FindingScore | None) -> Cell:
    """Accuracy as k/n with its interval; a dash where the finding was not labelled."""
    if score is None:
        return Cell("\u2013", {"": None, " k": None, " n": None, " low": None, " high": None})
    return share(score.tp + score.tn, score.n, score.accuracy_interval)


def _draw(evidence: Evidence, series: Series) -> Figure:
    names = [name for _, name in evidence.findings]
    figure = make_figure(0.7 + len(names) * (0.13 + 0.075 * len(series)))
    axes = figure.add_subplot()
    name_rows(axes, names)
    lows = [s.accuracy_interval[0] for _, _, side in series for s in side.scores if s.accuracy_interval]
    left = lower_bound(lows, 0.05)
    for (_, mark, side), shift in zip(series, offsets(len(series)), strict=True):
        for row, (finding, _) in enumerate(evidence.findings):
            score = side.of(finding)
            if score is None or score.accuracy is None or score.accuracy_interval is None:
                continue
            span(axes, *score.accuracy_interval, row + shift, mark.colour)
            axes.plot([score.accuracy], [row + shift], **mark.options(4.5), zorder=3, clip_on=False)
    axes.set_xlim(left, 1.0)
    axes.axvline(0.95, color="#909090", linewidth=0.8, linestyle=(0, (4, 3)), zorder=1)
    axes.set_xlabel("Accuracy, with exact 95 % interval; broken line at 0.95")
    if len(evidence.systems) == 1:
        _annotate(axes, evidence, series)
    put_legend(figure, [(title, mark) for title, mark, _ in series])
    return figure


def _annotate(axes: Axes, evidence: Evidence, series: Series) -> None:
    """The last series' k/n at the right."""
    title, _, side = series[-1]
    axes.text(1.02, -0.75, f"{title}\ncorrect/scored", transform=axes.get_yaxis_transform(), va="bottom", fontsize=7.5)
    for row, (finding, _) in enumerate(evidence.findings):
        score = side.of(finding)
        text = "not labelled" if score is None else f"{score.tp + score.tn}/{score.n}"
        axes.text(1.02, row, text, transform=axes.get_yaxis_transform(), va="center", fontsize=8)
