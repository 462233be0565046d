"""Shows Delphi rounds in which readers settle the thresholds of accuracy and kappa."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from ranscore.delphi import Delphi


def command(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="Proposals: round, reader, finding, accuracy, kappa.")
    ],
    spread: Annotated[
        float, typer.Option("--spread", min=0, max=1, help="Agreed: the middle half of the proposals lies within this.")
    ] = 0.02,
    readers: Annotated[int, typer.Option("--readers", min=2, help="… of at least so many readers.")] = 3,
    following: Annotated[
        Path | None, typer.Option("--next", help="Write the sheet of the next round, for what is open (.csv, .xlsx).")
    ] = None,
) -> None:
    """Show the readers' proposed thresholds round by round: median, spread, and where they agree."""
    from ranscore.cli._files import write_once
    from ranscore.delphi import next_round, read_votes, summarize_rounds
    from ranscore.readers import check_sheet

    if following:
        check_sheet(following)
    votes = read_votes(files)
    found = summarize_rounds(votes, spread=spread, readers=readers)
    _print(found)
    if following and found.open():
        write_once(following, next_round(following, votes, found))
        typer.echo(f"{following}: the next round's sheet; fill in accuracy and kappa.")


def _print(found: Delphi) -> None:
    from ranscore.cli._print import console, number, table

    rows = [
        [
            s.name, str(s.round), str(max(s.accuracy.n, s.kappa.n)), number(s.accuracy.median), number(s.accuracy.iqr),
            number(s.kappa.median), number(s.kappa.iqr), "agreed" if s.agreed else "open",
        ]
        for s in found.standings
    ]  # fmt: skip
    columns = ("finding", "round", "readers", "accuracy: median", "IQR", "kappa: median", "IQR", "")
    out = console()
    out.print(table(columns, rows))
    out.print(f"agreed: an IQR of at most {found.spread:g} for both, of at least {found.readers} readers")
    last, left = found.last(), found.open()
    if left:
        names = ", ".join(last[f].name for f in left)
        out.print(f"{len(last) - len(left)} of {len(last)} findings agreed; another round for: {names}.")
    else:
        out.print(f"Consensus on all {len(last)} findings: stop here and use `ranscore optimize --target-from`.")
