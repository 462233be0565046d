"""How `ranscore score` scores several systems at once, and prints them in order."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ranscore.cli._print import console, number, table

if TYPE_CHECKING:
    from ranscore.ranking import Ranking

COLUMNS = ("system", "Ran Score [95 %]", "reports", "group", "findings with a positive", "micro F1", "coverage")


def check_inputs(reference: Path | None, generated: Path | None, pairs: Path | None, by: str | None) -> None:
    """Raises InputError unless the options name one way to give both sides."""
    from ranscore.errors import InputError

    if pairs is not None and (reference or generated):
        raise InputError("--pairs holds both sides, so --reference and --generated cannot stand beside it.")
    if pairs is None and not (reference and generated):
        raise InputError("expected --reference and --generated, or --pairs with a file that holds both sides.")
    if by is not None and pairs is None and by != "file":
        raise InputError(f"--by {by}: names a column of --pairs; with --reference and --generated expected --by file.")


def print_ranking(found: Ranking) -> None:
    """The systems in order, a row each, and what is to be told of them."""
    out = console()
    rows = []
    for one in found.systems:
        score, interval = one.score, one.score.ran_score_interval
        shown = f" [{interval[0]:.3f}, {interval[1]:.3f}]" if interval else ""
        supported = f"{score.findings_with_support} of {len(score.findings)}"
        rows.append([
            one.system, f"{score.ran_score:.3f}{shown}", str(score.n_reports), one.group, supported,
            number(score.micro.f1), f"{score.coverage:.2%}",
        ])  # fmt: skip
    out.print(table(COLUMNS, rows))
    out.print()
    for remark in found.remarks:
        out.print(remark)
    out.print(found.signature)
