"""The flow diagram of a cohort: how many reports fell out where, and what each part holds."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from textwrap import wrap
from typing import TYPE_CHECKING, Any

from ranscore.figures._style import BLACK, WIDTH, Picture, make_figure
from ranscore.figures._tables import Table, whole, words
from ranscore.sampling import Exclusion, Flow

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TITLE = "Flow of reports"
FILL, ASIDE, PART = "#FFFFFF", "#F3F3F3", "#CFE3F1"
LINE, PAD, GAP = 0.165, 0.1, 0.3  # inches
SIZE = 8.5
NUMBER = 0.6  # inches for a number of a list
LETTERS = 15  # an inch, at that size


def flow_picture(flow: Flow) -> Picture:
    """The diagram with its alternative text and table."""
    return Picture("flow", f"{TITLE}: {flow.source}", _describe(flow), _tabulate(flow), partial(_draw, flow))


def _describe(flow: Flow) -> str:
    fallen = "; ".join(f"{e.reports} {e.why}" for e in flow.excluded) or "none"
    passed = "; ".join(f"{e.reports} {e.why}" for e in flow.passed_over) or "none"
    parts = ", ".join(f"{name} {n}" for name, n in flow.parts.items())
    return (
        f"Of {flow.read} reports of {flow.source} these were left out: {fallen}. {flow.eligible} were eligible. Of "
        f"these the draw passed over: {passed}; {flow.not_needed} were not needed. The parts hold: {parts}."
    )


def _tabulate(flow: Flow) -> Table:
    rows = [
        ("read", "", flow.read),
        *(("excluded", e.why, e.reports) for e in flow.excluded),
        ("eligible", "", flow.eligible),
        *(("passed over", e.why, e.reports) for e in flow.passed_over),
        ("not needed", "all parts were full", flow.not_needed),
        *(("part", name, n) for name, n in flow.parts.items()),
    ]
    return Table(
        "flow", f"{TITLE}: {flow.source}", ("Step", "Reason or part", "Reports"),
        tuple((words(step), words(why), whole(n)) for step, why, n in rows), headers=2,
    )  # fmt: skip


def _draw(flow: Flow) -> Figure:
    main, aside = 2.9, 3.7
    left, right = main / 2, WIDTH - aside / 2
    notes = [
        _listed("Left out", flow.excluded, aside),
        _listed("Not drawn", (*flow.passed_over, *_unneeded(flow)), aside),
    ]
    steps = [
        ["Reports read", f"from {flow.source}", _number(flow.read, flow.read_patients)],
        ["Eligible reports", _number(flow.eligible, flow.eligible_patients)],
        ["Reports drawn", _number(sum(flow.parts.values()), _all(flow.patients.values()))],
    ]
    boxes, edges, at = [], [], 0.0
    for place, lines in enumerate(steps):
        lines = [part for line in lines for part in wrap(line, int(main * LETTERS))]
        height = _height(lines)
        boxes.append((left, at, main, height, lines, FILL, "center"))
        bottom = at + height
        if place < len(notes):
            tall = _height(notes[place])
            middle = bottom + GAP / 2 + tall / 2
            boxes.append((right, middle - tall / 2, aside, tall, notes[place], ASIDE, "left"))
            edges.append(((left, middle), (right - aside / 2, middle)))
            at = bottom + GAP + tall
            edges.append(((left, bottom), (left, at)))
        else:
            at = bottom
    height = _parts(flow, left, at, boxes, edges)
    figure = make_figure(height)
    figure.set_layout_engine("none")
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(-0.05, WIDTH + 0.05), ylim=(height + 0.05, -0.05))
    axes.axis("off")
    for box in boxes:
        _box(axes, *box)
    for start, end in edges:
        _arrow(axes, start, end)
    return figure


def _parts(
    flow: Flow, left: float, at: float, boxes: list[tuple[float, float, float, float, list[str], str, str]],
    edges: list[tuple[tuple[float, float], tuple[float, float]]],
) -> float:  # fmt: skip
    """Puts the parts in rows of up to four below the last step; the height of it all."""
    across = min(4, len(flow.parts))
    width = min(2.9, (WIDTH - 0.2 * (across - 1)) / across)
    bottom = at
    names = list(flow.parts)
    for first in range(0, len(names), across):
        row = names[first : first + across]
        texts = [
            [*wrap(name.capitalize(), int(width * LETTERS)), _number(flow.parts[name], flow.patients[name])]
            for name in row
        ]
        top = bottom + GAP + 0.12
        tall = max(map(_height, texts))
        for place, lines in enumerate(texts):
            x = width / 2 + place * (width + 0.2)
            boxes.append((x, top, width, tall, lines, PART, "center"))
            if not first:
                edges.append(((left, at), (x, top)))
        bottom = top + tall
    return bottom


def _unneeded(flow: Flow) -> tuple[Exclusion, ...]:
    if not flow.not_needed:
        return ()
    return (Exclusion(key="not_needed", why="all parts were full", reports=flow.not_needed),)


def _listed(title: str, items: tuple[Exclusion, ...], width: float) -> list[str]:
    total = sum(e.reports for e in items)
    lines = [f"{title}: {total:,}"]
    for item in items:
        first, *rest = wrap(item.why, int((width - NUMBER - 0.25) * LETTERS))
        lines += [f"{item.reports:,}\t{first}", *(f"\t{line}" for line in rest)]
    return lines


def _number(reports: int, patients: int | None) -> str:
    of = "" if patients is None else f" of {patients:,} patients"
    return f"n = {reports:,}{of}"


def _all(counts: Iterable[int | None]) -> int | None:
    found = list(counts)
    known = [n for n in found if n is not None]
    return sum(known) if len(known) == len(found) else None


def _height(lines: list[str]) -> float:
    return len(lines) * LINE + 2 * PAD


def _box(
    axes: Axes, x: float, top: float, width: float, height: float, lines: list[str], fill: str, align: str
) -> None:
    from matplotlib.patches import Rectangle

    axes.add_patch(Rectangle((x - width / 2, top), width, height, facecolor=fill, edgecolor=BLACK, linewidth=0.8))
    start = x if align == "center" else x - width / 2 + PAD
    for number, line in enumerate(lines):
        weight = "bold" if number == 0 else "normal"
        y = top + PAD + (number + 0.5) * LINE + (height - _height(lines)) / 2
        style: dict[str, Any] = {"va": "center", "fontsize": SIZE, "fontweight": weight}
        counted, tab, rest = line.partition("\t")
        if tab:
            axes.text(start + NUMBER, y, counted, ha="right", **style)
            axes.text(start + NUMBER + 0.08, y, rest, ha="left", **style)
        else:
            axes.text(start, y, line, ha=align, **style)


def _arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    """An arrow; one that leads down and aside goes round a corner."""
    if start[0] != end[0] and start[1] != end[1]:
        turn = end[1] - 0.2
        axes.plot([start[0], start[0], end[0]], [start[1], turn, turn], color=BLACK, linewidth=0.8)
        start = (end[0], turn)
    style = {"arrowstyle": "-|>", "color": BLACK, "linewidth": 0.8, "shrinkA": 0, "shrinkB": 0, "mutation_scale": 9}
    axes.annotate("", xy=end, xytext=start, arrowprops=style)
