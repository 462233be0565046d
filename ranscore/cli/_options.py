"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from ranscore.models import Model

ModelName = Annotated[
    str,
    typer.Option("--model", help="lexical (in this process), or an endpoint by its litellm name.", show_default=True),
]
ApiBase = Annotated[
    str | None, typer.Option("--api-base", help="Address of the endpoint, e.g. http://127.0.0.1:8000/v1.")
]
DatasetName = Annotated[str, typer.Option("--dataset", help="A dataset's name, or the path of a card.yaml.")]
DataFolder = Annotated[
    Path | None, typer.Option("--data", help="The folder with a dataset's files, where you bring them.")
]
Runs = Annotated[Path | None, typer.Option("--mlruns", help="Folder of the tracking database.")]
ProgramFile = Annotated[
    Path | None, typer.Option("--program", help="A frozen program; the release when none is named.")
]


def model_of(name: str, api_base: str | None) -> Model:
    """The model that the options name."""
    from ranscore.errors import InputError
    from ranscore.models import open_model

    if name.split(":", 1)[0] == "scripted":
        raise InputError("--model scripted: that model is for tests from Python; name lexical or an endpoint.")
    if "/" not in name:
        if api_base:
            raise InputError(
                f"--api-base {api_base}: model {name!r} runs in this process and has no address; leave it out."
            )
        return open_model(name)
    return open_model(name, api_base=api_base)
