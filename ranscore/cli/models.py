"""Runs one frozen program with several models."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from ranscore.cli._options import AllowRemote, DataFolder, ProgramFile, SplitFile


def command(
    models: Annotated[
        list[str] | None,
        typer.Option("--model", help="A preset, a model of this process, or a litellm name; repeat for several."),
    ] = None,
    dataset: Annotated[
        str, typer.Option("--dataset", help="A dataset's name, or the path of a card.yaml.")
    ] = "demo-en",
    data: DataFolder = None,
    split: SplitFile = None,
    program: ProgramFile = None,
    api_bases: Annotated[
        list[str] | None,
        typer.Option("--api-base", help="MODEL=ADDRESS of one endpoint, or an address for all servers of your own."),
    ] = None,
    allow_remote: AllowRemote = False,
    list_presets: Annotated[bool, typer.Option("--list", help="Show the presets: the paper's models.")] = False,
    resamples: Annotated[
        int, typer.Option("--bootstrap", min=0, help="Resamples of the intervals; 0 leaves them out.")
    ] = 1000,
    allow_partial: Annotated[
        bool, typer.Option("--allow-partial", help="Exit 0 although some cells stayed unanswered.")
    ] = False,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Also write one row a finding here.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
) -> None:
    """Run one frozen program with several models: accuracy with its exact interval for every finding and model."""
    from ranscore.cli._compared import print_models, print_presets, write_rows
    from ranscore.errors import IncompleteError

    if list_presets:
        print_presets()
        return
    from ranscore.cli._options import model_of
    from ranscore.cli.extract import progress_bar
    from ranscore.comparing import score_models
    from ranscore.freezing import load_frozen
    from ranscore.models._presets import route_of
    from ranscore.splitting import open_development

    names = models or []
    routes = [route_of(name) for name in names]
    addresses = _addresses(names, routes, api_bases or [])
    opened = [(name, model_of(route, addresses.get(name))) for name, route in zip(names, routes, strict=True)]
    frozen, cohort = load_frozen(program), open_development(dataset, data, split)
    with progress_bar() as progress:
        found = score_models(frozen, cohort, opened, bootstrap=resamples, progress=progress)
    if output:
        write_rows(found.rows(), output)
    if as_json:
        typer.echo(found.model_dump_json(indent=1))
    else:
        print_models(found)
    unanswered = [f"{m.model} {m.unanswered} ({'; '.join(m.reasons)})" for m in found.models if m.unanswered]
    if unanswered and not allow_partial:
        raise IncompleteError(f"unanswered cells: {', '.join(unanswered)}; accept them with --allow-partial.")


def _addresses(names: Sequence[str], routes: Sequence[str], given: Sequence[str]) -> dict[str, str]:
    """Each model's address: its own, or for servers of one's own the one without a name."""
    from ranscore.errors import InputError, UnknownNameError
    from ranscore.models.endpoint import LOCAL

    found: dict[str, str] = {}
    for value in given:
        name, sign, address = value.partition("=")
        if "://" not in name and sign:
            if name not in names:
                raise UnknownNameError("--model", name, names, f"(--api-base {value})")
            found[name] = address
            continue
        own = [n for n, route in zip(names, routes, strict=True) if route.split("/", 1)[0] in LOCAL]
        if not own:
            raise InputError(f"--api-base {value}: no model runs on a server of your own; expected MODEL=ADDRESS.")
        found = {n: value for n in own} | found
    return found
