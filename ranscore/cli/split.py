"""Splits a dataset into a development part and a held-out part."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ranscore.cli._options import DataFolder, DatasetName

if TYPE_CHECKING:
    from ranscore.splitting import Split


def command(
    dataset: DatasetName,
    output: Annotated[Path, typer.Option("-o", "--output", help="The split file (.json).")],
    data: DataFolder = None,
    share: Annotated[float, typer.Option("--share", help="Share of the reports to hold out.")] = 0.3,
    seed: Annotated[int, typer.Option("--seed", help="Seed of the random choice.")] = 0,
) -> None:
    """Split a dataset by report (by patient where it names them), each finding's positives shared out evenly."""
    from ranscore.cli._files import check_json, write_once
    from ranscore.cohort import open_dataset
    from ranscore.splitting import split_reports

    check_json(output)
    opened = open_dataset(dataset, data)
    for remark in opened.remarks:
        typer.echo(remark, err=True)
    split = split_reports(opened, share, seed)
    write_once(output, split.encode())
    _print(split, output)


def _print(split: Split, path: Path) -> None:
    from ranscore.catalog import finding_ids, finding_name
    from ranscore.cli._print import console, table

    out = console()
    development, held = split.development, split.heldout
    out.print(
        f"{path}: {len(development.report_ids)} development and {len(held.report_ids)} held-out reports of "
        f"{split.dataset}, by {split.by}, seed {split.seed}",
        markup=False,
    )
    if split.same_text:
        out.print(f"{split.same_text} held-out reports have the same text as a development report")
    out.print()
    rows = []
    for finding in finding_ids():
        here, there = development.positives.get(finding, 0), held.positives.get(finding, 0)
        share = f"{there / (here + there):.3f}" if here + there else "undefined"
        rows.append([finding_name(finding), str(here), str(there), share])
    out.print(table(("present in the reference", "development", "held out", "share held out"), rows))
    out.print()
    out.print(split.sha256)
