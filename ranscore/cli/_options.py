"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from ranscore.models import Model
    from ranscore.policies import Policies

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

Sections = Annotated[
    str,
    typer.Option(
        "--sections", help="Sections of the texts that are read, with + between: impression, history …; or all."
    ),
]
Encoding = Annotated[
    str | None, typer.Option("--encoding", help="Encoding of text files that are not UTF-8: gb18030, latin-1 …")
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


def policies_of(
    policy: str,
    *,
    uncertain: str | None = None,
    empty: str | None = None,
    no_finding: str | None = None,
    allow_partial: bool = False,
    otherwise: str = "derived+devices",
) -> Policies:
    """The policies that the options name; a preset other than ranscore takes none of the single choices beside it.

    `otherwise` is what No Finding is without an option.
    """
    from pydantic import ValidationError

    from ranscore.catalog import validation_faults
    from ranscore.errors import InputError, UnknownNameError, list_faults
    from ranscore.policies import PRESETS, Policies

    chosen = {"uncertain": uncertain, "empty": empty, "no_finding": no_finding}
    given = {name: value for name, value in chosen.items() if value is not None}
    given |= {"unanswered": "allow-partial"} if allow_partial else {}
    if policy not in PRESETS:
        raise UnknownNameError("policy", policy, PRESETS)
    if policy != "ranscore":
        if given:
            names = ", ".join("--allow-partial" if n == "unanswered" else f"--{n.replace('_', '-')}" for n in given)
            raise InputError(f"--policy {policy} fixes every choice, so {names} cannot stand beside it; take one out.")
        return PRESETS[policy]
    try:
        return Policies.model_validate({"no_finding": otherwise} | given)
    except ValidationError as fault:
        raise list_faults("policies", validation_faults(fault)) from None
