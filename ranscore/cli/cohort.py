"""Draws the parts of a study from a dataset or a table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ranscore.cli._options import DataFolder, Encoding

if TYPE_CHECKING:
    from ranscore.cohort import Source
    from ranscore.drawing import DrawnCohort
    from ranscore.records import LabelTable


def command(
    source: Annotated[str, typer.Argument(help="A dataset's name, a card.yaml, or a table of reports.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="A new folder for the parts.")],
    data: DataFolder = None,
    recipe: Annotated[
        Path | None, typer.Option("--recipe", help="A YAML file with the recipe; without it the paper's.")
    ] = None,
    part: Annotated[
        list[str] | None, typer.Option("--part", help="NAME=N: the size of a part, 0 leaves it out; repeat.")
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", help="Seed of the draw.")] = None,
    enrich: Annotated[
        list[str] | None,
        typer.Option("--enrich", help="FINDING=K: at least K positives in the development part; repeat."),
    ] = None,
    labels: Annotated[
        str | None,
        typer.Option("--labels", help="A table of labels, or `reference`; without it the release program labels."),
    ] = None,
    studies: Annotated[
        Path | None, typer.Option("--studies", help="A table with more columns of the reports: modality, age, sex …")
    ] = None,
    chest: Annotated[
        str | None, typer.Option("--chest", help="Chest only: auto (columns, then headings), text (headings), off.")
    ] = None,
    minimum_words: Annotated[
        int | None, typer.Option("--minimum-words", help="Least words in Findings and in Impression.")
    ] = None,
    near_duplicates: Annotated[
        float | None, typer.Option("--near-duplicates", help="Least Jaccard similarity of near-duplicates; 0: off.")
    ] = None,
    reader: Annotated[
        str | None, typer.Option("--reader", help="The table's format, where its name does not tell.")
    ] = None,
    encoding: Encoding = None,
) -> None:
    """Draw parts for taxonomy, development and test that share no report, patient or near-duplicate."""
    from ranscore.cohort import open_source
    from ranscore.drawing import draw_cohort, write_cohort
    from ranscore.folders import check_new_folder
    from ranscore.sampling import read_recipe

    changes = {
        "parts": _counts("--part", part), "enrich": _counts("--enrich", enrich), "seed": seed, "chest": chest,
        "minimum_words": minimum_words, "near_duplicates": near_duplicates,
    }  # fmt: skip
    chosen = read_recipe(recipe, {k: v for k, v in changes.items() if v not in (None, {})})
    check_new_folder(output)
    opened = open_source(source, data, reader, encoding)
    if studies:
        opened = _with_columns(opened, studies)
    table, name = _labels(labels, opened, source, data)
    cohort = draw_cohort(opened, chosen, table, name)
    for remark in cohort.remarks:
        typer.echo(remark, err=True)
    record = write_cohort(cohort, output)
    _print(cohort, output, record.sha256)


def _counts(option: str, entries: list[str] | None) -> dict[str, int]:
    from ranscore.errors import InputError

    found = {}
    for entry in entries or ():
        name, _, number = entry.rpartition("=")
        if not name or not number.strip().isascii() or not number.strip().isdigit():
            raise InputError(f"{option} {entry}: expected NAME=N with a whole number, for example {option} test=500.")
        found[name.strip()] = int(number)
    return found


def _with_columns(opened: Source, path: Path) -> Source:
    from dataclasses import replace

    from ranscore.drawing import read_details

    more = read_details(path)
    details = {r.report_id: opened.details.get(r.report_id, {}) | more.get(r.report_id, {}) for r in opened.reports}
    missing = sum(r.report_id not in more for r in opened.reports)
    remark = (f"{path}: {missing} of {len(opened.reports)} reports have no row in it",) if missing else ()
    return replace(opened, details=details, remarks=(*opened.remarks, *remark))


def _labels(named: str | None, opened: Source, source: str, data: Path | None) -> tuple[LabelTable | None, str]:
    """The labels that the option names, and what they are called; none for the release program's."""
    if named is None:
        return None, ""
    if named == "reference":
        from ranscore.cohort import open_dataset
        from ranscore.errors import InputError

        if opened.card is None:
            raise InputError(f"--labels reference: {source} is a table without a card; name a table of labels.")
        dataset = open_dataset(Path(source) if Path(source).exists() else source, data)
        return dataset.reference, f"the reference of {dataset.name}"
    from ranscore.readers import read_labels

    return read_labels(Path(named)), f"the labels {Path(named).name}"


def _print(cohort: DrawnCohort, output: Path, digest: str) -> None:
    from ranscore.cli._print import console, table

    out, flow = console(), cohort.flow
    passed = [[f"  passed over: {e.why}", f"-{e.reports}"] for e in flow.passed_over]
    rest = [["  not needed, all parts were full", f"-{flow.not_needed}"]] if flow.not_needed else []
    rows = [
        ["read", str(flow.read)],
        *([f"  {e.why}", f"-{e.reports}"] for e in flow.excluded),
        ["eligible", str(flow.eligible)],
        *passed,
        *rest,
        *([name, str(n)] for name, n in flow.parts.items()),
    ]
    out.print(table((f"flow of {flow.source}", "reports"), rows))
    out.print()
    first, *others = cohort.table.columns
    out.print(table((first, *others), [[cell.text for cell in row] for row in cohort.table.rows]))
    for note in cohort.table.notes:
        out.print(note)
    out.print()
    out.print(f"{output}: {', '.join(f'{name}/card.yaml' for name in flow.parts)}, flow.svg, table1.csv, sampling.csv")
    out.print(digest)
