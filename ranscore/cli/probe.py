"""Probes a program with texts of known effect."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ranscore.cli._options import AllowRemote, ApiBase, ProgramFile, SplitFile

if TYPE_CHECKING:
    from ranscore.probing import Failure, ProbeReport, Share

EXPECTED = {
    "becomes_absent": "becomes absent",
    "not_present": "is not present",
    "stays": "stays present",
    "unchanged": "unchanged",
}


def command(
    program: ProgramFile = None,
    model: Annotated[
        str | None, typer.Option("--model", help="Another model than the one the program was tuned for.")
    ] = None,
    api_base: ApiBase = None,
    allow_remote: AllowRemote = False,
    datasets: Annotated[
        list[str] | None,
        typer.Option("--dataset", help="An open dataset, repeat for several; the demonstration cohorts otherwise."),
    ] = None,
    split: SplitFile = None,
    names: Annotated[
        list[str] | None, typer.Option("--probe", help="Only this transformation; repeat for several.")
    ] = None,
    reports: Annotated[int, typer.Option("--reports", min=0, help="Reports of each dataset to change.")] = 50,
    carriers: Annotated[
        int, typer.Option("--carriers", min=0, help="Reports of each dataset that each statement is put into.")
    ] = 2,
    seed: Annotated[int, typer.Option("--seed", help="Seed of what is drawn.")] = 0,
    examples: Annotated[int, typer.Option("--examples", min=0, help="Failing texts shown a probe and finding.")] = 1,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Also write the shares by probe and finding to this CSV file.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print everything as JSON, all failing texts with it.")
    ] = False,
) -> None:
    """Negate, hedge, shuffle, swap …: how often a program reacts to a changed text as it should."""
    from ranscore.cli._compared import write_rows
    from ranscore.cli.extract import choose_model, progress_bar
    from ranscore.errors import InputError
    from ranscore.freezing import load_frozen
    from ranscore.labelling._tables import check_output
    from ranscore.probes import pick_probes
    from ranscore.probing import open_probed, run_probes
    from ranscore.splitting import development_part, load_split, tuned_on

    if output:
        if output.suffix.lower() != ".csv":
            raise InputError(f"{output}: found the suffix {output.suffix!r}, expected .csv.")
        check_output(output)
    frozen, probes = load_frozen(program), pick_probes(names or ())
    answering, cohorts = choose_model(frozen, model, api_base), open_probed(datasets or ())
    if split and len(cohorts) != 1:
        raise InputError(f"--split {split}: it belongs to one dataset; expected one --dataset beside it.")
    if split:
        cohorts = (development_part(cohorts[0], load_split(split)),)
    for cohort in cohorts:
        tuned_on(frozen, cohort)  # what may be its held-out part is not shown
    with progress_bar() as progress:
        found = run_probes(
            frozen, probes, cohorts, answering, reports=reports, carriers=carriers, seed=seed, progress=progress
        )
    if output:
        write_rows(found.rows(), output)
    if as_json:
        typer.echo(found.model_dump_json(indent=1))
    else:
        print_probes(found, examples)


def print_probes(found: ProbeReport, examples: int) -> None:
    """The shares by probe, and by probe and finding where one failed, with failing texts."""
    from ranscore.cli._print import console, table

    out = console()
    out.print(f"model {found.model}, program {found.program[:19]}…, {', '.join(found.datasets)}, seed {found.seed}")
    out.print()
    rows = [[s.kind, s.language, exact(s), f"{s.present_k}/{s.present_n}"] for s in found.sources]
    out.print(table(("untouched", "language", "as labelled [95 %]", "of those present"), rows))
    out.print()
    columns = ("probe", "expected", "on", "language", "as expected [95 %]", "began present", "not read before")
    out.print(table((*columns, "unanswered"), [_probe_row(s) for s in found.probes]))
    out.print()
    failing = [s for s in found.findings if s.k < s.n]
    rows = [[f"{s.probe}: {s.finding}", exact(s), f"{s.present_k}/{s.present_n}"] for s in failing]
    if rows:
        out.print(table(("probe and finding", "as expected [95 %]", "began present"), rows))
    pairs = len(found.findings)
    out.print(f"As expected on all texts: {pairs - len(failing)} of {pairs} pairs of a probe and a finding.")
    for share in failing:
        mine = [f for f in found.failures if (f.probe, f.finding) == (share.probe, share.finding)]
        for failure in mine[:examples]:
            out.print(f"\n{_told(failure)}", markup=False)
    out.print(f"\nall reactions: {exact(found.overall)}")


def exact(share: Share) -> str:
    """k/n with the share and its exact 95 % interval."""
    from ranscore.cli import _print

    return _print.share(share.k, share.n, share.share, share.interval)


def _probe_row(share: Share) -> list[str]:
    expected = EXPECTED[share.expects] if share.expects else ""
    counts = (f"{share.present_k}/{share.present_n}", str(share.source_wrong), str(share.unanswered))
    return [share.probe, expected, share.kind, share.language, exact(share), *counts]


def _told(failure: Failure) -> str:
    """A failing text: the lines that were not there before, or all of it where only their order or side changed."""
    before = failure.text_before.splitlines()
    added = [line for line in failure.text_after.splitlines() if line not in before]
    head = f"{failure.probe}, {failure.finding}, {failure.source}: {failure.before} -> {failure.after}"
    return "\n".join([f"{head}, expected: {EXPECTED[failure.expects]}", *(f"  {line}" for line in added)])
