"""Compares label sets of the same reports."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ranscore.cli._options import AllowRemote, ApiBase, DataFolder, ProgramFile, Runs


def command(
    systems: Annotated[
        list[str],
        typer.Argument(
            metavar="A B [C]...",
            help="Tables of labels or of generated reports, frozen programs, or ids of tracked runs. Each after the "
            "first is compared with the first.",
        ),
    ],
    reference: Annotated[
        Path | None, typer.Option("--reference", help="Reference reports, or a table of their labels.")
    ] = None,
    dataset: Annotated[
        str | None, typer.Option("--dataset", help="Instead: a dataset, by name or card.yaml; a run knows its own.")
    ] = None,
    data: DataFolder = None,
    split: Annotated[
        Path | None, typer.Option("--split", help="Compare on the development part of this split of the dataset.")
    ] = None,
    program: ProgramFile = None,
    api_base: ApiBase = None,
    allow_remote: AllowRemote = False,
    policy: Annotated[
        str, typer.Option("--policy", help="ranscore, or authors: the released scorer's definition.")
    ] = "ranscore",
    empty: Annotated[
        str | None, typer.Option("--empty", help="F1 of a finding with no positive on either side: 0, 1 or skip.")
    ] = None,
    no_finding: Annotated[
        str | None,
        typer.Option("--no-finding", help="derived+devices, derived-devices or as-given (default with a dataset)."),
    ] = None,
    resamples: Annotated[
        int, typer.Option("--bootstrap", min=0, help="Resamples of the intervals; 0 leaves them out.")
    ] = 1000,
    randomisations: Annotated[
        int, typer.Option("--randomisations", min=1, help="Randomisations behind the p-value of the Ran Score.")
    ] = 10_000,
    seed: Annotated[int, typer.Option("--seed", help="Seed of both.")] = 0,
    allow_partial: Annotated[
        bool, typer.Option("--allow-partial", help="Compare the cells that both sides answered.")
    ] = False,
    mlruns: Runs = None,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Also write one row a finding here.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
) -> None:
    """Compare systems on the same reports: differences with intervals, adjusted p-values, and a verdict a finding."""
    from ranscore.cli._compared import print_comparison, write_rows
    from ranscore.cli._options import policies_of
    from ranscore.cli.extract import choose_model, progress_bar
    from ranscore.comparing import Sources, compare_systems, open_systems

    given = "derived+devices" if reference else "as-given"
    policies = policies_of(policy, empty=empty, no_finding=no_finding, allow_partial=allow_partial, otherwise=given)
    with progress_bar() as progress:
        sources = Sources(
            reference=reference, dataset=dataset, data=data, split=split, program=program, mlruns=mlruns,
            clip=policies.uncertain == "absent", model_of=lambda frozen: choose_model(frozen, None, api_base),
            progress=progress,
        )  # fmt: skip
        opened = open_systems(systems, sources)
    found = compare_systems(
        opened.reference, opened.systems, policies, reference_name=opened.reference_name,
        dataset_digest=opened.dataset.digest if opened.dataset else None, labelled_by=opened.labelled_by,
        resamples=resamples, randomisations=randomisations, seed=seed,
    )  # fmt: skip
    if output:
        write_rows(list(found.rows()), output)
    if as_json:
        typer.echo(found.model_dump_json(indent=1))
    else:
        print_comparison(found)
