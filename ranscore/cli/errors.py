"""Lists a program's errors in the order in which a note would teach most."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ranscore.cli._options import AllowRemote, ApiBase, DataFolder, DatasetName, ModelName, Runs, model_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ranscore.cohort import Dataset
    from ranscore.feedback.queue import QueueItem
    from ranscore.loop import Reviewed
    from ranscore.models import Model

SUFFIXES = (".csv", ".xlsx", ".json")


def command(
    label: Annotated[str, typer.Option("--label", help="The finding, or all.")],
    dataset: DatasetName = "demo-en",
    data: DataFolder = None,
    program: Annotated[
        Path | None,
        typer.Option("--program", help="A frozen program; else the best kept, else the release, else the seed."),
    ] = None,
    seed_program: Annotated[
        bool, typer.Option("--seed-program", help="The unimproved seed instead of a kept program or the release.")
    ] = False,
    against: Annotated[
        Path | None, typer.Option("--against", help="Another frozen program, instead of the reference.")
    ] = None,
    raters: Annotated[
        list[Path] | None, typer.Option("--rater", help="Two readers' tables of labels, instead of a program.")
    ] = None,
    model: ModelName = "lexical",
    api_base: ApiBase = None,
    allow_remote: AllowRemote = False,
    split: Annotated[Path | None, typer.Option("--split", help="The development part of this split alone.")] = None,
    shown: Annotated[int, typer.Option("--show", min=0, help="Errors printed; 0 prints all.")] = 30,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="Also write all, with the reports: .csv or .xlsx to fill in, .json."),
    ] = None,
    mlruns: Runs = None,
) -> None:
    """List where a program and the reference disagree, those first on which a note would teach most."""
    from ranscore import catalog
    from ranscore.cohort import open_dataset
    from ranscore.errors import InputError
    from ranscore.splitting import development_part, load_split

    if output and output.suffix.lower() not in SUFFIXES:
        raise InputError(f"{output}: found the suffix {output.suffix!r}, expected one of {', '.join(SUFFIXES)}.")
    if program and seed_program:
        raise InputError("--seed-program and --program are both given; expected one of them.")
    findings = catalog.asked_ids() if label.casefold() == "all" else (catalog.finding_id(label),)
    for finding in findings:
        catalog.seed_program(finding)
    opened, answering = open_dataset(dataset, data), model_of(model, api_base)
    cohort = development_part(opened, load_split(split)) if split else opened
    if raters:
        _check_raters(raters, against, program)
        sides, items = [], _rater_items(cohort, findings, raters, answering, mlruns)
    else:
        sides = _review(cohort, findings, answering, program, seed_program, mlruns)
        items = _items(sides, dataset, data, against)
    _print(items, sides, shown)
    if output:
        _write(output, items, cohort, sides)


def _check_raters(raters: list[Path], against: Path | None, program: Path | None) -> None:
    from ranscore.errors import InputError

    if len(raters) != 2 or against:
        raise InputError(f"--rater is given {len(raters)} times; expected two readers' tables and no --against.")
    if program:
        raise InputError("--rater compares two readers, so --program has no place beside it; take one of them out.")


def _review(
    cohort: Dataset, findings: Sequence[str], model: Model, program: Path | None, seed: bool, mlruns: Path | None
) -> list[Reviewed]:
    from ranscore.cli.extract import progress_bar
    from ranscore.loop import open_review

    found = []
    with progress_bar() as begin:
        advance = begin(len(findings))
        for finding in findings:
            found.append(open_review(cohort, finding, model, program=program, mlruns=mlruns, seed=seed))
            advance(1)
    return found


def _items(sides: list[Reviewed], dataset: str, data: Path | None, against: Path | None) -> tuple[QueueItem, ...]:
    from ranscore.loop import choose_program, panel_of, review_program, review_queue

    others = [
        review_program(s.dataset, choose_program(s.dataset, s.finding, s.model, program=against), s.model)
        for s in sides
        if against
    ]
    return review_queue(sides, against=others, panel=panel_of(dataset, data))


def _rater_items(
    cohort: Dataset, findings: Sequence[str], paths: list[Path], model: Model, mlruns: Path | None
) -> tuple[QueueItem, ...]:
    from ranscore.cohort import read_panel
    from ranscore.errors import InputError
    from ranscore.loop import choose_program, rater_queue

    panel = read_panel(paths)
    if len(panel.names) != 2:
        raise InputError(f"--rater: the files hold {len(panel.names)} readers, expected one in each.")
    lacking = [f for f in findings if f not in panel.tables[0].findings]
    if lacking:
        raise InputError(f"--rater: the readers' tables have no labels of {', '.join(lacking)}.")
    programs = {f: choose_program(cohort, f, model, mlruns=mlruns).program for f in findings} if model.embedded else {}
    return rater_queue(dict(zip(panel.names, panel.tables, strict=True)), findings, cohort.reports, programs)


def _print(items: tuple[QueueItem, ...], sides: list[Reviewed], shown: int) -> None:
    from rich.markup import escape

    from ranscore.cli._print import console, table

    out = console()
    origins = ", ".join(dict.fromkeys(s.origin for s in sides))
    out.print(f"{len(items)} disagreements{f'; program: {origins}' if origins else ''}", markup=False)
    if not items:
        return
    listed = items[:shown] if shown else items
    rows = [
        [str(n), escape(i.report_id), i.name, i.kind, f"{i.answer} / {i.reference}", _votes(i), escape(i.why)]
        for n, i in enumerate(listed, start=1)
    ]
    sides_said = escape(" / ".join(items[0].sides))
    made = table(("", "report", "finding", "error", sides_said, "votes for present", "why it is here"), rows)
    for column in (*made.columns[1:4], made.columns[6]):
        column.justify = "left"
    made.columns[6].no_wrap, made.columns[6].overflow = False, "fold"
    out.print(made)
    if len(listed) < len(items):
        out.print(f"… and {len(items) - len(listed)} more (--show 0 prints all, -o FILE writes all)")


def _votes(item: QueueItem) -> str:
    said = list(item.votes.values())
    return f"{said.count('present')}/{len(said)}" if said else ""


def _write(output: Path, items: tuple[QueueItem, ...], cohort: Dataset, sides: list[Reviewed]) -> None:
    from ranscore.cli._files import write_once
    from ranscore.feedback.sheets import Source, encode_queue

    source = Source({r.report_id: r for r in cohort.reports}, cohort.name, cohort.digest, cohort.reference_digest)
    programs = {s.finding: {"program_digest": s.program.digest(), "run_id": s.run_id} for s in sides}
    write_once(output, encode_queue(output, items, source, programs))
    typer.echo(f"{output}: {len(items)} rows. It holds report text: treat it as you treat the reports.")
