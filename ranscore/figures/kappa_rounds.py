"""Kappa over the rounds of an optimization, a panel a finding, beside what cross-validation gave."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

from ranscore.figures._evidence import Curve, Evidence
from ranscore.figures._series import each_system
from ranscore.figures._style import GREY, KIND_MARKS, VERMILLION, Mark, Picture, lower_bound, make_figure, put_legend
from ranscore.figures._tables import Table, number, whole, words

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TITLE = "Kappa over the rounds"
ACROSS = 4
KEPT = Mark("o", VERMILLION)


def pictures(evidence: Evidence) -> Iterator[Picture]:
    """A grid of panels for every system that was optimized in rounds."""
    for name, title, system in each_system(evidence, "kappa_rounds", TITLE):
        if system.curves:
            yield Picture(
                name,
                title,
                _describe(system.curves),
                _tabulate(name, title, system.curves),
                partial(_draw, system.curves),
            )


def _describe(curves: Sequence[Curve]) -> str:
    known = [(c.kappas[0], c.kappas[c.kept], c.crossed) for c in curves]
    means = []
    for title, at in (("seed", 0), ("kept program, on the reports that tuned it", 1), ("cross-validated", 2)):
        values = [figures[at] for figures in known if figures[at] is not None]
        means += [f"{title} {sum(v for v in values if v is not None) / len(values):.3f}"] if values else []
    longest = max(len(c.kappas) for c in curves) - 1
    return (
        f"Small panels, one for each of {len(curves)} findings, with Cohen's kappa from the seed (round 0) to at most "
        f"round {longest}, and the cross-validated kappa at the right. Mean over the findings: {', '.join(means)}."
    )


def _tabulate(name: str, title: str, curves: Sequence[Curve]) -> Table:
    longest = max(len(c.kappas) for c in curves)
    rows = []
    for curve in curves:
        missing = [words("")] * (longest - len(curve.kappas))
        crossed = number(curve.crossed) if curve.has_crossed else words("not done")
        rows.append((words(curve.name), *(number(k) for k in curve.kappas), *missing, whole(curve.kept), crossed))
    rounds = ("Seed", *(f"Round {n}" for n in range(1, longest)))
    return Table(name, f"{title}: Cohen's kappa", ("Finding", *rounds, "Kept round", "Cross-validated"), tuple(rows))


def _draw(curves: Sequence[Curve]) -> Figure:
    across = min(ACROSS, len(curves))
    down = -(-len(curves) // across)
    figure = make_figure(0.6 + 1.2 * down, width=0.3 + 1.78 * across)
    grid = figure.subplots(down, across, sharex=True, sharey=True, squeeze=False)
    values = [k for c in curves for k in (*c.kappas, c.crossed) if k is not None]
    last = max(len(c.kappas) for c in curves) - 1
    low = lower_bound(values, 0.2, -1.0)
    for place, axes in enumerate(grid.flat):
        if place >= len(curves):
            axes.set_visible(False)
            continue
        _panel(axes, curves[place], last)
        axes.set_ylim(low - 0.03, 1.04)
        axes.set_xlim(-0.35, last + 1.2)
        axes.set_xticks([*range(last + 1), last + 0.8], [*map(str, range(last + 1)), "CV"])
        axes.xaxis.set_tick_params(labelbottom=place + across >= len(curves))
    figure.supxlabel("Round (0 is the seed; CV: cross-validated)", fontsize=8.5)
    figure.supylabel("Cohen's kappa", fontsize=8.5)
    marks = [("Seed", KIND_MARKS["seed"]), ("Kept round", KEPT), ("Cross-validated", KIND_MARKS["cross-validated"])]
    put_legend(figure, marks)
    return figure


def _panel(axes: Axes, curve: Curve, last: int) -> None:
    axes.set_title(f"{curve.name}\n{curve.positives} positives", fontsize=7.5)
    axes.grid(axis="y", color="#E4E4E4", linewidth=0.6)
    rounds = [n for n, k in enumerate(curve.kappas) if k is not None]
    known = [k for k in curve.kappas if k is not None]
    axes.plot(rounds, known, color=GREY, linewidth=1.2, marker=".", markersize=4, zorder=2)
    seed, kept = curve.kappas[0], curve.kappas[curve.kept]
    if seed is not None:
        axes.plot([0], [seed], **KIND_MARKS["seed"].options(), zorder=3)
    if kept is not None and curve.kept:
        axes.plot([curve.kept], [kept], **KEPT.options(), zorder=4)
    if curve.crossed is not None:
        axes.axvline(last + 0.4, color="#D0D0D0", linewidth=0.6)
        axes.plot([last + 0.8], [curve.crossed], **KIND_MARKS["cross-validated"].options(), zorder=4)
    missing = [str(n) for n, k in enumerate(curve.kappas) if k is None]
    if missing:
        axes.text(
            0.5, 0.08, f"undefined: round {', '.join(missing)}", transform=axes.transAxes, ha="center", fontsize=7
        )
