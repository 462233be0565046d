"""Checks a frozen program."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ranscore.cli._options import ApiBase, model_of


def command(
    file: Annotated[Path | None, typer.Argument(help="The frozen program; the release when none is named.")] = None,
    model: Annotated[str | None, typer.Option("--model", help="Run the golden cases with this model.")] = None,
    api_base: ApiBase = None,
) -> None:
    """Check a frozen program: its digest, its prompts byte for byte, and its golden cases."""
    from ranscore.freezing import load_frozen, release_path, verify

    path = file or release_path()
    for line in verify(load_frozen(path), model_of(model, api_base) if model else None, str(path)):
        typer.echo(line)
    typer.echo(f"{path}: verified.")
