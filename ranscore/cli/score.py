"""Scores generated reports, or their labels, against the reference's."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ranscore.cli._options import ApiBase, ProgramFile

if TYPE_CHECKING:
    from ranscore.freezing import FrozenProgram
    from ranscore.records import LabelTable
    from ranscore.scoring import ScoreReport


def command(
    reference: Annotated[Path, typer.Option("--reference", help="Reference reports, or a table of their labels.")],
    generated: Annotated[Path, typer.Option("--generated", help="Generated reports, or a table of their labels.")],
    program: ProgramFile = None,
    model: Annotated[str | None, typer.Option("--model", help="Another model than the one the program was tuned for.")] = None,
    api_base: ApiBase = None,
    empty: Annotated[str, typer.Option("--empty", help="F1 of a finding with no positive on either side: 0, 1 or skip.")] = "0",
    no_finding: Annotated[
        str, typer.Option("--no-finding", help="derived+devices, derived-devices or as-given.")
    ] = "derived+devices",
    resamples: Annotated[int, typer.Option("--bootstrap", min=0, help="Resamples of the interval; 0 leaves it out.")] = 1000,
    seed: Annotated[int, typer.Option("--seed", help="Seed of the bootstrap.")] = 0,
    per_report: Annotated[Path | None, typer.Option("--per-report", help="Write one row a report to this CSV.")] = None,
    allow_partial: Annotated[bool, typer.Option("--allow-partial", help="Score although some cells are unanswered.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
) -> None:
    """Score generated reports against reference reports: Ran Score with its interval, and every finding."""
    from ranscore.api import frame_of
    from ranscore.freezing import load_frozen, write_whole
    from ranscore.scoring import score_labels

    policies = _policies(empty, no_finding, allow_partial)
    tables = [_read_labels_if_any(path) for path in (reference, generated)]
    digest = None
    if None in tables:
        frozen = load_frozen(program)
        digest = frozen.sha256
        _check_ids(reference, generated)
        tables = [t or _label(p, frozen, model, api_base) for t, p in zip(tables, (reference, generated), strict=True)]
    frames = [frame_of(t) for t in tables if t is not None]
    report = score_labels(frames[0], frames[1], policies, bootstrap=resamples, seed=seed, program_digest=digest)
    if per_report:
        write_whole(per_report, report.to_frame("reports").to_csv(index=False).encode("utf-8"))
    if as_json:
        typer.echo(report.to_json(indent=1))
    else:
        print_score(report)


def _policies(empty: str, no_finding: str, allow_partial: bool):  # type: ignore[no-untyped-def]
    from pydantic import ValidationError

    from ranscore.catalog import validation_faults
    from ranscore.errors import list_faults
    from ranscore.scoring import Policies

    unanswered = "allow-partial" if allow_partial else "refuse"
    try:
        return Policies.model_validate({"empty": empty, "no_finding": no_finding, "unanswered": unanswered})
    except ValidationError as fault:
        raise list_faults("policies", validation_faults(fault)) from None


def _read_labels_if_any(path: Path) -> LabelTable | None:
    """The label table of a file that holds one; None for a file of reports."""
    from ranscore.readers import read_labels, read_table

    columns = {str(c).casefold() for c in read_table(path).columns}
    if columns & {"report", "findings", "impression"}:
        return None
    return read_labels(path)


def _check_ids(reference: Path, generated: Path) -> None:
    """Raises InputError before any call when the two files' ids differ."""
    from ranscore.errors import InputError
    from ranscore.readers import read_table

    sides = []
    for path in (reference, generated):
        table = read_table(path)
        column = next((c for c in table.columns if str(c).casefold() == "report_id"), None)
        if column is None:
            return  # an alias, or a fault that the reader words better
        sides.append(set(table[column].astype(str).str.strip()))
    missing, extra = sorted(sides[0] - sides[1]), sorted(sides[1] - sides[0])
    if missing or extra:
        raise InputError(
            f"{generated}: {len(missing)} of {len(sides[0])} reference ids are missing (such as {', '.join(missing[:3]) or 'none'}) and "
            f"{len(extra)} ids are not in the reference (such as {', '.join(extra[:3]) or 'none'}); expected the same report_id in both files."
        )


def _label(path: Path, frozen: FrozenProgram, model: str | None, api_base: str | None) -> LabelTable:
    from ranscore.cli.extract import choose_model, progress_bar
    from ranscore.labelling.batch import extract
    from ranscore.readers import read_reports

    reports = read_reports(path)
    with progress_bar(len(reports) * len(frozen.findings)) as advance:
        return extract(frozen, reports, choose_model(frozen, model, api_base), workers=2, progress=advance).table


def print_score(report: ScoreReport) -> None:
    """The score as tables and sentences."""
    from ranscore.cli._print import FINDING_COLUMNS, console, finding_row, number, table

    out = console()
    interval = report.ran_score_interval
    shown = f" [{interval[0]:.3f}, {interval[1]:.3f}]" if interval else ""
    out.print(f"Ran Score {report.ran_score:.3f}{shown}   {report.n_reports} reports, "
              f"{report.findings_with_support} of {len(report.findings)} findings have a positive in the reference")  # fmt: skip
    if report.coverage < 1:
        out.print(f"coverage {report.coverage:.2%}; Ran Score between {report.worst_case:.3f} and {report.best_case:.3f} "
                  "if every unanswered cell were wrong or right")  # fmt: skip
    out.print()
    out.print(table(FINDING_COLUMNS, [finding_row(f) for f in report.findings]))
    out.print()
    rows = [
        [name, number(a.precision), number(a.recall), number(a.f1), number(a.accuracy)]
        for name, a in (("macro", report.macro), ("micro", report.micro))
    ]
    out.print(table(("average", "precision", "recall", "F1", "accuracy"), rows))
    out.print()
    out.print(report.signature)
