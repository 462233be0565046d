"""Which series a figure shows, and the words that several alternative texts share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from ranscore.figures._evidence import Evidence, Side, System
from ranscore.figures._style import KIND_MARKS, SYSTEM_MARKS, Mark
from ranscore.figures._tables import decimals
from ranscore.scoring import FindingScore

Series = list[tuple[str, Mark, Side]]


def series_of(evidence: Evidence) -> Series:
    """All sides of one system, or the figure to rely on of each of several: title, mark, side."""
    if len(evidence.systems) == 1:
        return [(side.title, KIND_MARKS[side.kind], side) for side in evidence.systems[0].sides]
    marks = [SYSTEM_MARKS[at % len(SYSTEM_MARKS)] for at in range(len(evidence.systems))]
    pairs = zip(evidence.systems, marks, strict=True)
    return [(evidence.label(system, system.main), mark, system.main) for system, mark in pairs]


def each_system(evidence: Evidence, name: str, title: str) -> Iterator[tuple[str, str, System]]:
    """A figure's name and title for every system; one alone needs no number."""
    for number, system in enumerate(evidence.systems, 1):
        alone = len(evidence.systems) == 1
        yield (name, title, system) if alone else (f"{name}-{number}", f"{title}: {system.name}", system)


def offsets(count: int, spread: float = 0.62) -> list[float]:
    """Where the series of one row stand, around its middle."""
    return [spread * ((at + 0.5) / count - 0.5) for at in range(count)]


def describe_range(
    title: str, scores: Iterable[FindingScore], figure: Callable[[FindingScore], float | None], what: str
) -> str:
    """One sentence: the range of a figure over the findings, with the findings at its ends."""
    known = [(value, score.name) for score in scores if (value := figure(score)) is not None]
    if not known:
        return f"{title}: {what} is undefined for every finding."
    low, high = min(known), max(known)
    return (
        f"{title}: {what} from {decimals(low[0])} ({low[1]}) to {decimals(high[0])} ({high[1]}) "
        f"over {len(known)} findings."
    )
