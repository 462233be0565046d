"""Scores generated reports, or their labels, against the reference's."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ranscore.cli._options import ApiBase, ProgramFile

if TYPE_CHECKING:
    from ranscore.api import RanScore
    from ranscore.scoring import Policies


def command(
    reference: Annotated[Path, typer.Option("--reference", help="Reference reports, or a table of their labels.")],
    generated: Annotated[Path, typer.Option("--generated", help="Generated reports, or a table of their labels.")],
    program: ProgramFile = None,
    model: Annotated[
        str | None, typer.Option("--model", help="Another model than the one the program was tuned for.")
    ] = None,
    api_base: ApiBase = None,
    empty: Annotated[
        str, typer.Option("--empty", help="F1 of a finding with no positive on either side: 0, 1 or skip.")
    ] = "0",
    no_finding: Annotated[
        str, typer.Option("--no-finding", help="derived+devices, derived-devices or as-given.")
    ] = "derived+devices",
    resamples: Annotated[
        int, typer.Option("--bootstrap", min=0, help="Resamples of the interval; 0 leaves it out.")
    ] = 1000,
    seed: Annotated[int, typer.Option("--seed", help="Seed of the bootstrap.")] = 0,
    per_report: Annotated[Path | None, typer.Option("--per-report", help="Write one row a report to this CSV.")] = None,
    allow_partial: Annotated[
        bool, typer.Option("--allow-partial", help="Score although some cells are unanswered.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
) -> None:
    """Score generated reports against reference reports: Ran Score with its interval, and every finding."""
    from ranscore.api import RanScore, score_files
    from ranscore.cli._print import print_score
    from ranscore.cli.extract import choose_model, progress_bar
    from ranscore.freezing import load_frozen, write_whole

    policies = _policies(empty, no_finding, allow_partial)

    def scorer() -> RanScore:
        frozen = load_frozen(program)
        return RanScore(frozen, model=choose_model(frozen, model, api_base))

    with progress_bar() as progress:
        report = score_files(reference, generated, scorer, policies, bootstrap=resamples, seed=seed, progress=progress)
    if per_report:
        write_whole(per_report, report.to_frame("reports").to_csv(index=False).encode("utf-8"))
    if as_json:
        typer.echo(report.to_json(indent=1))
    else:
        print_score(report)


def _policies(empty: str, no_finding: str, allow_partial: bool) -> Policies:
    from pydantic import ValidationError

    from ranscore.catalog import validation_faults
    from ranscore.errors import list_faults
    from ranscore.scoring import Policies

    unanswered = "allow-partial" if allow_partial else "refuse"
    try:
        return Policies.model_validate({"empty": empty, "no_finding": no_finding, "unanswered": unanswered})
    except ValidationError as fault:
        raise list_faults("policies", validation_faults(fault)) from None
