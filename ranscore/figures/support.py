"""How many positives each finding rests on, and how many the program labelled present."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

from ranscore.figures._evidence import Evidence, Side
from ranscore.figures._series import each_system
from ranscore.figures._style import BLACK, KIND_MARKS, Picture, make_figure, name_rows
from ranscore.figures._tables import Table, number, whole, words

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLE = "Support: positives of every finding"
FILL = "#CFE3F1"


def pictures(evidence: Evidence) -> Iterator[Picture]:
    """A bar a finding, for every system."""
    for name, title, system in each_system(evidence, "support", TITLE):
        yield Picture(
            name, title, _describe(evidence, system.main), _tabulate(name, title, evidence, system.main),
            partial(_draw, evidence, system.main),
        )  # fmt: skip


def _describe(evidence: Evidence, side: Side) -> str:
    few = [s.name for s in side.scores if s.positives < evidence.minimum_positives]
    most = max(side.scores, key=lambda s: s.positives)
    least = min(side.scores, key=lambda s: s.positives)
    return (
        f"Bars with the number of reports in which each of {len(side.scores)} findings is present in the reference, "
        f"from {least.positives} ({least.name}) to {most.positives} ({most.name}), and a mark for how many were "
        f"labelled present ({side.title.lower()}). "
        + (
            f"Fewer than {evidence.minimum_positives} positives: {', '.join(few)}."
            if few
            else f"All findings have at least {evidence.minimum_positives} positives."
        )
    )


def _tabulate(name: str, title: str, evidence: Evidence, side: Side) -> Table:
    rows = []
    for score in side.scores:
        labelled = score.tp + score.fp
        few = score.positives < evidence.minimum_positives
        rows.append((
            words(score.name), whole(score.positives), whole(labelled),
            number(labelled / score.positives if score.positives else None), whole(score.uncertain), whole(score.n),
            words(f"fewer than {evidence.minimum_positives}" if few else "enough"),
        ))  # fmt: skip
    columns = (
        "Finding",
        "Present in reference",
        "Labelled present",
        "Ratio",
        "Uncertain, left out",
        "Scored",
        "Positives",
    )
    return Table(name, f"{title} ({side.title.lower()})", columns, tuple(rows))


def _draw(evidence: Evidence, side: Side) -> Figure:
    scores = side.scores
    figure = make_figure(0.75 + 0.205 * len(scores))
    axes = figure.add_subplot()
    name_rows(axes, [s.name for s in scores], grid=False)
    mark = KIND_MARKS[side.kind]
    for row, score in enumerate(scores):
        few = score.positives < evidence.minimum_positives
        axes.barh(row, score.positives, height=0.66, color="white" if few else FILL, edgecolor=BLACK, linewidth=0.6,
                  hatch="////" if few else None)  # fmt: skip
        axes.barh(
            row, score.uncertain, left=score.positives, height=0.66, color="white", edgecolor="#888888", linewidth=0.6
        )
        axes.plot([score.tp + score.fp], [row], **mark.options(5.5) | {"markeredgecolor": "white"}, zorder=4)
        text = f"{score.positives}" + (" (few)" if few else "")
        axes.text(1.01, row, text, transform=axes.get_yaxis_transform(), va="center", fontsize=8)
    axes.text(1.01, -0.75, "positives", transform=axes.get_yaxis_transform(), va="bottom", fontsize=7.5)
    axes.axvline(evidence.minimum_positives, color=BLACK, linewidth=0.9, linestyle=(0, (4, 3)))
    axes.set_xlim(0, None)
    axes.set_xlabel(
        f"Reports; broken line at {evidence.minimum_positives} positives, the least for a figure of its own"
    )
    _legend(figure, evidence, side)
    return figure


def _legend(figure: Figure, evidence: Evidence, side: Side) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles = [
        Patch(facecolor=FILL, edgecolor=BLACK, linewidth=0.6, label="present in the reference"),
        Patch(
            facecolor="white",
            edgecolor=BLACK,
            hatch="////",
            linewidth=0.6,
            label=f"fewer than {evidence.minimum_positives} positives",
        ),
        Patch(facecolor="white", edgecolor="#888888", linewidth=0.6, label="uncertain, left out"),
        Line2D([], [], label=f"labelled present ({side.title.lower()})", **KIND_MARKS[side.kind].options(6)),
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=4, frameon=False)
