"""How scores are printed: three decimals, `undefined` where a number has none, k/n beside every exact interval."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from ranscore.scoring import FindingScore


def console() -> Console:
    """Standard output, wide enough that no figure is cut; a narrow terminal wraps the lines."""
    return Console(width=max(200, Console().width), highlight=False)


def number(value: float | None) -> str:
    """Three decimals, or `undefined`."""
    return "undefined" if value is None else f"{value:.3f}"


def exact(score: FindingScore) -> str:
    """Accuracy as k/n with its exact 95 % interval."""
    if score.accuracy is None or score.accuracy_interval is None:
        return "undefined"
    low, high = score.accuracy_interval
    return f"{score.tp + score.tn}/{score.n} {score.accuracy:.3f} [{low:.3f}, {high:.3f}]"


def table(columns: Sequence[str], rows: Sequence[Sequence[str]], title: str = "") -> Table:
    """A plain table; the first column is text, the others are figures."""
    made = Table(title=title or None, title_justify="left", box=None, pad_edge=False)
    for i, column in enumerate(columns):
        made.add_column(column, justify="left" if i == 0 else "right", no_wrap=True)
    for row in rows:
        made.add_row(*row)
    return made


FINDING_COLUMNS = ("finding", "F1", "kappa", "precision", "recall", "accuracy [95 %]", "positives", "uncertain", "unanswered")


def finding_row(score: FindingScore) -> list[str]:
    """One finding's row under FINDING_COLUMNS."""
    return [
        score.name, number(score.f1), number(score.kappa), number(score.precision), number(score.recall), exact(score),
        str(score.positives), str(score.uncertain), str(score.unanswered),
    ]  # fmt: skip
