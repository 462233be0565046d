"""The four counts of every finding, a small table a finding."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from textwrap import wrap
from typing import TYPE_CHECKING

from ranscore.figures._evidence import Evidence, Side
from ranscore.figures._series import each_system
from ranscore.figures._style import BLACK, VERMILLION, WIDTH, Picture, make_figure
from ranscore.figures._tables import Table, whole, words
from ranscore.scoring import FindingScore

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TITLE = "Confusion of every finding"
ACROSS, FEW = 7, 15


def pictures(evidence: Evidence) -> Iterator[Picture]:
    """A grid of four-cell tables, for every system."""
    for name, title, system in each_system(evidence, "confusion", TITLE):
        side = system.main
        yield Picture(
            name, f"{title} ({side.title.lower()})", _describe(side), _tabulate(name, title, side),
            partial(_draw, side),
        )  # fmt: skip


def _describe(side: Side) -> str:
    false_present, false_absent = sum(s.fp for s in side.scores), sum(s.fn for s in side.scores)
    worst = max(side.scores, key=lambda s: s.fp + s.fn)
    return (
        f"A small table for each of {len(side.scores)} findings: reference present or absent by labelled present or "
        f"absent ({side.title.lower()}). Over all findings {sum(s.tp for s in side.scores)} true present, "
        f"{false_present} false present, {false_absent} false absent, {sum(s.tn for s in side.scores)} true absent; "
        f"most errors in {worst.name} ({worst.fp} false present, {worst.fn} false absent)."
    )


def _tabulate(name: str, title: str, side: Side) -> Table:
    rows = []
    for s in side.scores:
        cells = (s.tp, s.fp, s.fn, s.tn, s.n, s.uncertain, s.unanswered)
        rows.append((words(s.name), *map(whole, cells)))
    columns = (
        "Finding",
        "True present",
        "False present",
        "False absent",
        "True absent",
        "Scored",
        "Uncertain",
        "Unanswered",
    )
    return Table(name, f"{title} ({side.title.lower()})", columns, tuple(rows))


def _draw(side: Side) -> Figure:
    across = min(ACROSS if len(side.scores) > FEW else 5, len(side.scores))
    down = -(-len(side.scores) // across)
    figure = make_figure(0.4 + 1.3 * down, width=min(WIDTH, 0.5 + 1.38 * across))
    grid = figure.subplots(down, across, squeeze=False)
    for place, axes in enumerate(grid.flat):
        if place >= len(side.scores):
            axes.set_visible(False)
            continue
        _panel(axes, side.scores[place], left=place % across == 0, bottom=place + across >= len(side.scores))
    figure.supxlabel("Labelled", fontsize=8.5)
    figure.supylabel("Reference", fontsize=8.5)
    return figure


def _panel(axes: Axes, score: FindingScore, left: bool, bottom: bool) -> None:
    from matplotlib.patches import Rectangle

    rows = ((score.tp, score.fn), (score.fp, score.tn))
    for row, counts in enumerate(rows):
        for column, count in enumerate(counts):
            part = count / sum(counts) if sum(counts) else 0.0
            wrong = row != column
            edge, width = (VERMILLION, 1.6) if wrong and count else ("#999999", 0.6)
            shade = f"{1 - 0.22 * part:.4f}"
            box = Rectangle((column + 0.03, row + 0.03), 0.94, 0.94, facecolor=shade, edgecolor=edge, linewidth=width)
            axes.add_patch(box)
            weight = "bold" if wrong and count else "normal"
            axes.text(
                column + 0.5, row + 0.5, str(count), ha="center", va="center", color=BLACK, weight=weight, fontsize=8
            )
    axes.set_xlim(0, 2)
    axes.set_ylim(2, 0)
    axes.set_xticks([0.5, 1.5], ["present", "absent"] if bottom else ["", ""], fontsize=6.5)
    axes.set_yticks([0.5, 1.5], ["present", "absent"] if left else ["", ""], fontsize=6.5, rotation=90, va="center")
    axes.tick_params(length=0)
    axes.set_title("\n".join(wrap(score.name, 18, break_long_words=False)), fontsize=6.8, pad=3)
    for spine in axes.spines.values():
        spine.set_visible(False)
