"""Scores a frozen program against a dataset's reference."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ranscore.cli._options import ApiBase, DataFolder, DatasetName, ProgramFile


def command(
    dataset: DatasetName,
    data: DataFolder = None,
    program: ProgramFile = None,
    seed_program: Annotated[
        bool, typer.Option("--seed-program", help="The unimproved seed instead of a frozen program.")
    ] = False,
    model: Annotated[
        str | None, typer.Option("--model", help="Another model than the one the program was tuned for.")
    ] = None,
    api_base: ApiBase = None,
    resamples: Annotated[
        int, typer.Option("--bootstrap", min=0, help="Resamples of the intervals; 0 leaves them out.")
    ] = 1000,
    allow_partial: Annotated[
        bool, typer.Option("--allow-partial", help="Score although some cells are unanswered.")
    ] = False,
    labels: Annotated[Path | None, typer.Option("-o", "--output", help="Also write the labels to this file.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
) -> None:
    """Score a program against a dataset's reference: every finding, and how many reach an accuracy of 0.95."""
    from ranscore.api import frame_of
    from ranscore.cli._print import print_evaluation
    from ranscore.cli.extract import choose_model, progress_bar
    from ranscore.cohort import open_dataset
    from ranscore.errors import InputError
    from ranscore.freezing import freeze_seed, load_frozen
    from ranscore.labelling._tables import check_output, write_labels
    from ranscore.labelling.batch import extract
    from ranscore.scoring import Policies, score_labels

    if seed_program and program:
        raise InputError("--seed-program and --program are both given; expected one of them.")
    if labels:
        check_output(labels)
    frozen = freeze_seed() if seed_program else load_frozen(program)
    cohort = open_dataset(dataset, data)
    with progress_bar() as progress:
        advance = progress(len(cohort.reports) * len(frozen.findings))
        result = extract(frozen, cohort.reports, choose_model(frozen, model, api_base), workers=2, progress=advance)
    policies = Policies(unanswered="allow-partial" if allow_partial else "refuse", no_finding="as-given")
    report = score_labels(
        frame_of(cohort.reference), frame_of(result.table), policies, bootstrap=resamples, program_digest=frozen.sha256
    )
    if labels:
        write_labels(result.table, labels)
    if as_json:
        typer.echo(report.to_json(indent=1))
        return
    print_evaluation(report)
