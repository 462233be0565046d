"""Freezes the best programs of all findings into one file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ranscore.cli._options import ApiBase, DataFolder, DatasetName, ModelName, Runs, model_of


def command(
    output: Annotated[Path, typer.Option("-o", "--output", help="The frozen program's file.")] = Path(
        "ranscore-program.json"
    ),
    dataset: DatasetName = "demo-en",
    data: DataFolder = None,
    model: ModelName = "lexical",
    api_base: ApiBase = None,
    golden: Annotated[
        bool, typer.Option(help="Let the model answer the golden reports, for `ranscore verify`.")
    ] = True,
    split: Annotated[
        Path | None, typer.Option("--split", help="The programs tuned on the development part of this split.")
    ] = None,
    mlruns: Runs = None,
) -> None:
    """Freeze the best program of every finding into one readable JSON file for scoring."""
    from ranscore import catalog
    from ranscore.cli._print import number
    from ranscore.cohort import open_dataset
    from ranscore.freezing import freeze, save_frozen
    from ranscore.search._tracked import gather_programs, score_programs
    from ranscore.splitting import development_part, load_split
    from ranscore.tracking import Tracker

    chosen, cohort = model_of(model, api_base), open_dataset(dataset, data)
    cohort = development_part(cohort, load_split(split)) if split else cohort
    tracker = Tracker.open(mlruns, must_exist=True)
    findings, crossed, missing = gather_programs(tracker, cohort, chosen)
    scores = score_programs(cohort, findings, crossed)
    frozen = freeze(findings, chosen, scores, golden=golden)
    save_frozen(frozen, output)
    for finding in missing:
        typer.echo(f"{catalog.finding_name(finding)}: no kept program, so its seed was taken.")
    typer.echo(
        f"{output}: {len(findings)} programs ({len(missing)} from the seed), tuned on {dataset} for {chosen.name}."
    )
    typer.echo(
        "macro-F1 over the findings: "
        f"tuned-on {number(scores.get('macro_f1'))}, cross-validated {number(scores.get('cv_macro_f1'))}."
    )
    if frozen.contains_report_text:
        typer.echo(
            "It contains report text (exemplars or rules learned from reports): treat it as you treat the reports."
        )
    typer.echo(f"{frozen.sha256}")
