"""Labels reports with a frozen program."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ranscore.cli._options import ApiBase, Encoding, ProgramFile, Sections, model_of

if TYPE_CHECKING:
    from ranscore.freezing import FrozenProgram
    from ranscore.models import Model


def command(
    reports: Annotated[
        Path,
        typer.Argument(help="Reports in any format (`ranscore guide formats`), or a dataset's name or card."),
    ],
    output: Annotated[Path, typer.Option("-o", "--output", help="Where the labels go: .csv, .parquet or .jsonl.")],
    program: ProgramFile = None,
    model: Annotated[
        str | None, typer.Option("--model", help="Another model than the one the program was tuned for.")
    ] = None,
    api_base: ApiBase = None,
    reader: Annotated[
        str | None, typer.Option("--reader", help="The reports' format, where the suffix does not tell.")
    ] = None,
    sections: Sections = "findings+impression",
    encoding: Encoding = None,
    workers: Annotated[int, typer.Option("--workers", min=1, help="Processes, embedded model.")] = 2,
    allow_partial: Annotated[
        bool, typer.Option("--allow-partial", help="Exit 0 although some cells stayed unanswered.")
    ] = False,
) -> None:
    """Label reports with a frozen program: 1, 0 or unanswered for every finding."""
    from ranscore.cli._reports import read_texts
    from ranscore.errors import IncompleteError
    from ranscore.freezing import load_frozen
    from ranscore.labelling._tables import check_output, write_labels
    from ranscore.labelling.batch import extract

    frozen = load_frozen(program)
    check_output(output)
    texts = read_texts(reports, reader, encoding, sections)
    answering = choose_model(frozen, model, api_base)
    with progress_bar() as progress:
        advance = progress(len(texts) * len(frozen.findings))
        result = extract(frozen, texts, answering, workers=workers, progress=advance)
    write_labels(result.table, output)
    blank = sum(not r.text.strip() for r in texts)
    typer.echo(
        f"{output}: {len(texts)} reports x {len(result.table.findings)} findings, coverage {result.coverage:.2%}."
    )
    if blank:
        typer.echo(f"{blank} reports have no text: every finding is absent in them.")
    if result.unanswered:
        reasons = sorted({label.reason for label in result.unanswered})
        message = (
            f"{len(result.unanswered)} cells stayed unanswered ({'; '.join(reasons[:3])}); they are marked in {output}"
        )
        if not allow_partial:
            raise IncompleteError(f"{message}: run again for them, or accept them with --allow-partial.")
        typer.echo(f"{message}.")


def choose_model(frozen: FrozenProgram, name: str | None, api_base: str | None) -> Model:
    """The model of the options, or else the one that the program was tuned for."""
    if name is None or name == frozen.model.name:
        return model_of(frozen.model.name, api_base or frozen.model.settings.get("api_base"))
    typer.echo(
        f"The program was tuned for {frozen.model.name}, not for {name}: its scores do not carry over.", err=True
    )
    return model_of(name, api_base)


@contextmanager
def progress_bar() -> Iterator[Callable[[int], Callable[[int], None]]]:
    """A progress bar where standard error is a terminal: called with a total, it gives what advances it."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("labelling"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_interactive) as bar:

        def begin(total: int) -> Callable[[int], None]:
            task = bar.add_task("labelling", total=total)
            return lambda done: bar.advance(task, done)

        yield begin
