"""Writes a report: one HTML page, and its figures and tables as files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ranscore.cli._options import DataFolder, Runs


def command(
    sources: Annotated[
        list[str] | None,
        typer.Argument(metavar="[RUN|FILE]...", help="Run ids (or their first digits) and frozen programs' files."),
    ] = None,
    output: Annotated[Path, typer.Option("-o", "--output", help="The page to write (.html).")] = Path("report.html"),
    newest: Annotated[
        bool, typer.Option("--all", help="The newest optimization of each finding and model on these reports.")
    ] = False,
    generated: Annotated[
        list[str] | None,
        typer.Option("--generated", help="Labels of these reports by another model or system: FILE or NAME=FILE."),
    ] = None,
    dataset: Annotated[
        str | None, typer.Option("--dataset", help="A dataset's name or card; that of the runs by default.")
    ] = None,
    data: DataFolder = None,
    split: Annotated[
        Path | None, typer.Option("--split", help="The development part of this split, if the runs used one.")
    ] = None,
    resamples: Annotated[
        int, typer.Option("--bootstrap", min=0, help="Resamples of the intervals; 0 leaves them out.")
    ] = 1000,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of the resamples.")] = 0,
    mlruns: Runs = None,
) -> None:
    """Write a report of runs, frozen programs and label tables: cohort, agreement, accuracy, before and after."""
    from ranscore.reporting import Wanted, check_output, folder_of, gather, make_report, write_report

    check_output(output)
    files = [text for text in sources or [] if Path(text).is_file()]
    wanted = Wanted(
        runs=[text for text in sources or [] if text not in files], programs=[Path(text) for text in files],
        labels=generated or [], newest=newest, dataset=dataset, data=data, split=split, mlruns=mlruns,
        resamples=resamples, seed=seed,
    )  # fmt: skip
    report = make_report(gather(wanted))
    write_report(report, output)
    typer.echo(
        f"{output}: {len(report.figures)} figures, {len(report.tables)} tables; as files in {folder_of(output)}."
    )
