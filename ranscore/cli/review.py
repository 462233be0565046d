"""Opens the readers' page: disagreements one at a time, notes, and rounds that learn from them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ranscore.cli._options import AllowRemote, ApiBase, DataFolder, DatasetName, ModelName, Runs, model_of
from ranscore.cli._serving import check_port, stops_quietly

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ranscore.cohort import Dataset
    from ranscore.loop import Reviewed
    from ranscore.models import Model
    from ranscore.review.security import Gate

Many = list[str] | None


def command(
    label: Annotated[Many, typer.Option("--label", help="A finding to review; several times for more.")] = None,
    dataset: DatasetName = "demo-en",
    data: DataFolder = None,
    split: Annotated[
        Path | None, typer.Option("--split", help="Show the development part of this split alone.")
    ] = None,
    program: Annotated[
        Path | None, typer.Option("--program", help="A frozen program; else the best kept one, the release, the seed.")
    ] = None,
    seed_program: Annotated[
        bool, typer.Option("--seed-program", help="Review the seed: the guideline's own words.")
    ] = False,
    reader: Annotated[
        Many, typer.Option("--reader", help="Who writes the notes; several times for a link each.")
    ] = None,
    ledger: Annotated[
        Path | None, typer.Option("--ledger", help="The ledger of notes; notes.db in the tracking folder by default.")
    ] = None,
    model: ModelName = "lexical",
    api_base: ApiBase = None,
    allow_remote: AllowRemote = False,
    recipe: Annotated[str, typer.Option("--recipe", help="How a round searches.")] = "exemplar-tpe",
    rounds: Annotated[int | None, typer.Option("--rounds", help="Most rounds of one start.")] = None,
    trials: Annotated[int | None, typer.Option("--trials", help="Candidates a round.")] = None,
    folds: Annotated[int | None, typer.Option("--folds", help="Folds of cross-validation; 0 leaves it out.")] = None,
    host: Annotated[
        str, typer.Option("--host", help="Address to listen on; beyond this machine a token is asked for.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=1, max=65535, help="Port to listen on.")] = 8321,
    allow_host: Annotated[
        Many, typer.Option("--allow-host", help="A further name by which browsers call this machine.")
    ] = None,
    mlruns: Runs = None,
) -> None:
    """Review errors in the browser, write notes, see what each note did; Ctrl-C stops it."""
    from ranscore.feedback.ledger import LEDGER_FILE, open_ledger
    from ranscore.loop import panel_of
    from ranscore.review.app import serve
    from ranscore.review.desk import Desk
    from ranscore.review.rounds import Setting, open_cohort
    from ranscore.review.security import make_gate
    from ranscore.search._recipe import read_recipe
    from ranscore.tracking import runs_folder

    readers = _readers(reader or [])
    check_port(host, port, "ranscore review")
    chosen = read_recipe(recipe).changed(rounds=rounds, trials=trials, folds=folds)
    opened, used = open_cohort(dataset, data, split), model_of(model, api_base)
    reviewed = _review(opened, label or [], used, program, seed_program, mlruns)
    book = open_ledger(ledger or runs_folder(mlruns) / LEDGER_FILE)
    desk = Desk(opened, book, used, panel_of(dataset, data), mlruns, reviewed)
    setting = Setting(dataset, data, model, api_base, chosen, book.path, mlruns, split)
    gate = make_gate(readers, host, port, allow_host or [])
    with stops_quietly():
        serve(desk, gate, host, setting, lambda: announce(gate, host))


def _readers(names: Sequence[str]) -> list[str]:
    """The readers' names, `reader` where none is named."""
    from ranscore.errors import InputError

    bad = [n for n in names if n != n.strip() or not n.isprintable() or not 0 < len(n) <= 100]
    if bad or len(set(names)) < len(names):
        raise InputError(
            f"--reader: found {', '.join(map(repr, bad or names))}; expected different names of 1 to 100 printable "
            "characters, without spaces around them."
        )
    return list(names) or ["reader"]


def _review(
    opened: Dataset, labels: Sequence[str], model: Model, program: Path | None, seed_program: bool, mlruns: Path | None
) -> dict[str, Reviewed]:
    """The program of every finding under review with its labels."""
    from ranscore import catalog
    from ranscore.errors import InputError
    from ranscore.loop import open_review

    if program and seed_program:
        raise InputError("--program and --seed-program name two programs; take one of them out.")
    findings = tuple(dict.fromkeys(catalog.finding_id(x) for x in labels)) or catalog.asked_ids()
    calls = len(findings) * len(opened.reports)
    if not model.embedded and not labels:
        raise InputError(
            f"--model {model.name}: labelling all {len(findings)} findings would take {calls} calls; "
            "name the findings to review with --label."
        )
    asked = "" if model.embedded else f" ({calls} calls)"
    typer.echo(f"Labelling {len(opened.reports)} reports for {len(findings)} findings{asked} …", err=True)
    return {f: open_review(opened, f, model, program=program, mlruns=mlruns, seed=seed_program) for f in findings}


def announce(gate: Gate, host: str) -> None:
    """Prints the page's address, with a token for each reader where one is asked for."""
    name = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host and "[" not in host else host)
    root = f"http://{name}:{gate.port}/"
    if not gate.readers:
        typer.echo(f"Review page of {gate.reader}: {root}")
    for reader, token in gate.readers.items():
        typer.echo(f"Review page of {reader}: {root}?token={token}")
    if gate.readers:
        typer.echo("A link lets in whoever has it; it is shown once and ends with this server.")
    typer.echo("Ctrl-C stops it.")
