"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from ranscore.cohort import Dataset
    from ranscore.freezing import FrozenProgram
    from ranscore.models import Model
    from ranscore.policies import Policies

ModelName = Annotated[
    str,
    typer.Option(
        "--model", help="lexical (in this process), an endpoint by its litellm name, or gguf:PATH.", show_default=True
    ),
]
ApiBase = Annotated[
    str | None, typer.Option("--api-base", help="Address of the endpoint, e.g. http://127.0.0.1:8000/v1.")
]
DatasetName = Annotated[str, typer.Option("--dataset", help="A dataset's name, or the path of a card.yaml.")]
DataFolder = Annotated[
    Path | None, typer.Option("--data", help="The folder with a dataset's files, where you bring them.")
]


def _log_leaves(folder: Path | None) -> Path | None:
    if folder is not None:
        from ranscore.guard import log_to

        log_to(folder)
    return folder


Runs = Annotated[Path | None, typer.Option("--mlruns", help="Folder of the tracking database.", callback=_log_leaves)]
SplitFile = Annotated[
    Path | None, typer.Option("--split", help="Only the development part of this split of the dataset.")
]
ProgramFile = Annotated[
    Path | None, typer.Option("--program", help="A frozen program; the release when none is named.")
]
GroupBy = Annotated[
    str, typer.Option("--grouping", help="A call for each finding, or one a report for all: finding or report.")
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


def warn_if_tuned(frozen: FrozenProgram, dataset: Dataset) -> None:
    """Says on standard error that the program's figures are too good; InputError if a part is its held-out one."""
    from ranscore.splitting import tuned_on

    if tuned_on(frozen, dataset):
        typer.echo(f"The program was tuned on reports of {dataset.name}: its figures here are too good.", err=True)


def _give_leave(given: bool) -> bool:
    if given:
        from ranscore.guard import allow_remote

        allow_remote()
    return given


AllowRemote = Annotated[
    bool,
    typer.Option(
        "--allow-remote",
        help="Restricted reports, and tables without a card, may go to a model elsewhere.",
        callback=_give_leave,
    ),
]


def model_of(
    name: str,
    api_base: str | None,
    *,
    logprobs: bool = False,
    max_tokens: int | None = None,
    limits: Mapping[str, float | None] | None = None,
) -> Model:
    """The model that the options name; a served one is asked for log-odds, and for answers as long as told.

    `limits` are a served model's `rpm`, `tpm` and `timeout`. Raises InputError where one is given to another model.
    """
    from ranscore.errors import InputError
    from ranscore.models import is_endpoint, is_served, open_model

    if name.split(":", 1)[0] == "scripted":
        raise InputError("--model scripted: that model is for tests from Python; name lexical or an endpoint.")
    given = {k: v for k, v in (limits or {}).items() if v is not None}
    if given and not is_served(name):
        named = ", ".join(f"--{k}" for k in given)
        raise InputError(f"{named}: model {name!r} runs in this process and calls nobody; leave it out.")
    wished: dict[str, Any] = {"logprobs": logprobs or None, "max_tokens": max_tokens} | given
    told = {k: v for k, v in wished.items() if v is not None} if is_served(name) else {}
    if not is_endpoint(name):
        if api_base:
            raise InputError(
                f"--api-base {api_base}: model {name!r} runs in this process and has no address; leave it out."
            )
        return open_model(name, **told)
    return open_model(name, api_base=api_base, **told)


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
