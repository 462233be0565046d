"""How scores are printed: three decimals, `undefined` where a number has none, k/n beside every exact interval."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from ranscore.scoring import Averages, FindingScore, ScoreReport


def console() -> Console:
    """Standard output, wide enough that no figure is cut; a narrow terminal wraps the lines."""
    return Console(width=max(200, Console().width), highlight=False, markup=False)


def number(value: float | None) -> str:
    """Three decimals, or `undefined`."""
    return "undefined" if value is None else f"{value:.3f}"


def span(interval: tuple[float, float] | None, sign: str = "") -> str:
    """An interval after its figure, `[no width]` where no resample could differ; empty where there is none."""
    if interval is None:
        return ""
    low, high = interval
    return " [no width]" if low == high else f" [{low:{sign}.3f}, {high:{sign}.3f}]"


def share(k: int, n: int, value: float | None, interval: tuple[float, float] | None, places: int = 3) -> str:
    """k/n with the share and its exact 95 % interval, or `undefined`."""
    if value is None or interval is None:
        return "undefined"
    low, high = interval
    return f"{k}/{n} {value:.{places}f} [{low:.{places}f}, {high:.{places}f}]"


def exact(score: FindingScore) -> str:
    """Accuracy as k/n with its exact 95 % interval."""
    return share(score.tp + score.tn, score.n, score.accuracy, score.accuracy_interval)


def table(columns: Sequence[str], rows: Sequence[Sequence[str]], title: str = "") -> Table:
    """A plain table; the first column is text, the others are figures."""
    made = Table(title=title or None, title_justify="left", box=None, pad_edge=False)
    for i, column in enumerate(columns):
        made.add_column(column, justify="left" if i == 0 else "right", no_wrap=True)
    for row in rows:
        made.add_row(*row)
    return made


FINDING_COLUMNS = (
    "finding",
    "F1",
    "kappa",
    "precision",
    "recall",
    "accuracy [95 %]",
    "positives",
    "uncertain",
    "unanswered",
)


def finding_row(score: FindingScore) -> list[str]:
    """One finding's row under FINDING_COLUMNS."""
    return [
        score.name, number(score.f1), number(score.kappa), number(score.precision), number(score.recall), exact(score),
        str(score.positives), str(score.uncertain), str(score.unanswered),
    ]  # fmt: skip


AVERAGE_COLUMNS = ("average", "precision", "recall", "F1", "accuracy")


def _average_row(name: str, a: Averages) -> list[str]:
    return [
        name, number(a.precision) + span(a.precision_interval), number(a.recall) + span(a.recall_interval),
        number(a.f1) + span(a.f1_interval), number(a.accuracy) + span(a.accuracy_interval),
    ]  # fmt: skip


def print_score(report: ScoreReport) -> None:
    """A score as sentences and tables on standard output."""
    out = console()
    interval = span(report.ran_score_interval)
    out.print(f"Ran Score {report.ran_score:.3f}{interval} over {report.n_reports} reports")
    for line in _remarks(report):
        out.print(line)
    out.print()
    out.print(table(FINDING_COLUMNS, [finding_row(f) for f in report.findings]))
    out.print()
    out.print(table(AVERAGE_COLUMNS, [_average_row("macro", report.macro), _average_row("micro", report.micro)]))
    out.print()
    out.print(report.signature)


def _remarks(report: ScoreReport) -> list[str]:
    from ranscore.metrics._verdicts import MINIMUM_POSITIVES

    supported = [f.f1 or 0.0 for f in report.findings if f.positives]
    lines = [f"{len(supported)} of {len(report.findings)} findings have a positive in the reference"]
    if report.policies.empty == "0" and 0 < len(supported) < len(report.findings):
        lines.append(
            "a finding with no positive on either side counts 0 (--empty); "
            f"the mean F1 of the {len(supported)} with a positive is {sum(supported) / len(supported):.3f}"
        )
    few = [f"{f.name} ({f.positives})" for f in report.findings if 0 < f.positives < MINIMUM_POSITIVES]
    if few:
        lines.append(f"F1 rests on fewer than {MINIMUM_POSITIVES} positives for {', '.join(few)}")
    if report.coverage < 1:
        lines.append(
            f"coverage {report.coverage:.2%}; Ran Score between {report.worst_case:.3f} and {report.best_case:.3f} "
            "if every unanswered cell were wrong or right"
        )
    return lines


def print_evaluation(report: ScoreReport) -> None:
    """A program's score against a reference, with how many findings reach an accuracy of 0.95, and mean kappas."""
    print_score(report)
    enough = sum(f.accuracy is not None and f.accuracy >= 0.95 for f in report.findings)
    kappas = [(f.kappa, f.positives) for f in report.findings if f.kappa is not None]
    often = [kappa for kappa, positives in kappas if positives >= 10]
    out = console()
    out.print(f"accuracy >= 0.95 on {enough} of {len(report.findings)} findings")
    for values, which in (([k for k, _ in kappas], "where it is defined"), (often, "with at least 10 positives")):
        mean = sum(values) / len(values) if values else None
        out.print(f"mean kappa {number(mean)} over the {len(values)} findings {which}")
