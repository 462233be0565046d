"""Makes a reference of several readers' labels, or the next version of one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from ranscore.cli._options import DataFolder

if TYPE_CHECKING:
    from ranscore.reference import ReferenceVersion, Ties

SHOWN = 10


def command(
    output: Annotated[Path, typer.Option("-o", "--output", help="The reference file (.json).")],
    raters: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Readers' labels: a wide table a reader, or a long one (report_id, rater, finding, value)."
        ),
    ] = None,
    dataset: Annotated[str | None, typer.Option("--dataset", help="The readers of this dataset instead.")] = None,
    data: DataFolder = None,
    minimum: Annotated[
        int | None, typer.Option("--minimum", help="Votes that decide; more than half of the readers by default.")
    ] = None,
    ties: Annotated[
        str | None, typer.Option("--ties", help="A cell without majority is: exclude (uncertain), present or absent.")
    ] = None,
    adjudicate: Annotated[
        Path | None, typer.Option("--adjudicate", help="Decisions on such cells: report_id, finding, value, why, by.")
    ] = None,
    correct: Annotated[
        Path | None, typer.Option("--correct", help="Corrections of --from: report_id, finding, value, was, why, by.")
    ] = None,
    parent: Annotated[Path | None, typer.Option("--from", help="The version that --correct corrects.")] = None,
    table: Annotated[
        Path | None, typer.Option("--table", help="Also write the labels (.csv, .parquet, .jsonl).")
    ] = None,
) -> None:
    """Make a versioned reference of readers' labels: majority, votes, ties, what is left out and why."""
    from ranscore.cli._files import check_json, write_once
    from ranscore.errors import InputError
    from ranscore.labelling._tables import check_output, write_labels

    check_json(output)
    if table:
        check_output(table)
    if correct or parent:
        if raters or dataset or minimum is not None or ties or adjudicate:
            raise InputError("--correct and --from go together with -o and --table only; take the others out.")
        version = _corrected(correct, parent)
    else:
        version = _built(raters or [], dataset, data, minimum, ties, adjudicate)
    write_once(output, version.encode())
    if table:
        write_labels(version.table, table)
    _print(version, output)


def _corrected(correct: Path | None, parent: Path | None) -> ReferenceVersion:
    from ranscore.cohort import read_adjudication, read_version
    from ranscore.errors import InputError
    from ranscore.reference import correct_version

    if not correct or not parent:
        raise InputError(
            "expected both --correct FILE and --from OLD.json: a correction names the version it corrects."
        )
    return correct_version(read_version(parent), read_adjudication(correct))


def _built(
    raters: list[Path],
    dataset: str | None,
    data: Path | None,
    minimum: int | None,
    ties: str | None,
    adjudicate: Path | None,
) -> ReferenceVersion:
    from ranscore.cohort import choose_panel, read_adjudication
    from ranscore.errors import InputError, UnknownNameError
    from ranscore.reference import build_reference, first_version

    if ties and adjudicate:
        raise InputError("--ties and --adjudicate are both given; expected one of them.")
    rules = ("exclude", "present", "absent")
    if ties and ties not in rules:
        raise UnknownNameError("tie rule", ties, rules, "For a file of decisions: --adjudicate FILE.")
    panel = choose_panel(raters, dataset, data)
    decisions = read_adjudication(adjudicate) if adjudicate else ()
    rule = cast("Ties", "adjudicate" if adjudicate else ties or "exclude")
    needed = panel.minimum if minimum is None else minimum
    reference = build_reference(panel.tables, needed, panel.names, ties=rule, decisions=decisions)
    return first_version(reference, panel.names, panel.sources)


def _print(version: ReferenceVersion, path: Path) -> None:
    from ranscore.catalog import finding_name
    from ranscore.cli._print import console
    from ranscore.cli._print import table as as_table

    out, labels = console(), version.table
    out.print(
        f"{path}: version {version.version}, {len(version.rows)} reports x {len(version.findings)} findings, "
        f"{len(version.raters)} readers ({', '.join(version.raters)}), "
        f"majority of {version.minimum}, ties: {version.ties}",
        markup=False,
    )
    if version.parent:
        new = [c for c in version.corrections if c.version == version.version]
        out.print(f"corrects {version.parent}: {len(new)} cells")
    out.print()
    rows = []
    for at, finding in enumerate(version.findings):
        column = list(labels.column(finding).values())
        unanimous = sum(max(row.votes[at]) == len(version.raters) for row in version.rows)
        settled = sum(s.finding == finding for s in version.settled)
        rows.append([
            finding_name(finding), str(column.count(1)), str(column.count(0)), str(column.count(-1)), str(settled),
            "derived" if finding in version.derived else str(unanimous),
        ])  # fmt: skip
    out.print(as_table(("finding", "present", "absent", "left out", "settled", "unanimous"), rows))
    out.print()
    out.print(f"{len(version.left_out)} cells left out (uncertain){':' if version.left_out else ''}")
    for cell in version.left_out[:SHOWN]:
        out.print(f"  {cell.report_id}, {finding_name(cell.finding)}: {cell.reason}", markup=False)
    if len(version.left_out) > SHOWN:
        out.print(f"  … and {len(version.left_out) - SHOWN} more; all stand in the file under left_out")
    out.print(version.sha256)
