"""Reports that a command is given: a file or folder in any format, or a dataset by its name or card."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from ranscore.readers import ReportStream
    from ranscore.records import Report


def read_texts(source: Path, reader: str | None, encoding: str | None, sections: str) -> tuple[Report, ...]:
    """The reports with the text of these sections; what the user should know of them goes to standard error.

    A name that is no path is a dataset's. Raises InputError with all faults.
    """
    from ranscore.readers import read_table, remarks_of, reports_of
    from ranscore.sections import choose_sections, read_policy

    policy = read_policy(sections)
    if _is_dataset(source):
        from ranscore.cohort import open_reports

        _, reports, told = open_reports(source if source.exists() else str(source))
    else:
        table = read_table(source, reader, encoding=encoding)
        reports, told = reports_of(table, str(source)), remarks_of(table)
    chosen, lacking = choose_sections(reports, policy)
    for remark in dict.fromkeys((*told, *lacking)):
        typer.echo(remark, err=True)
    return chosen


def open_stream(source: Path, reader: str | None, encoding: str | None, sections: str) -> ReportStream:
    """The same reports to be gone through one by one; remarks go to standard error."""
    from ranscore.readers import stream_of, stream_reports
    from ranscore.sections import read_policy

    policy = read_policy(sections)
    if not _is_dataset(source):
        stream = stream_reports(source, reader=reader, encoding=encoding, policy=policy)
        told = stream.remarks
    else:
        from ranscore.cohort import open_reports

        card, reports, told = open_reports(source if source.exists() else str(source))
        stream = stream_of(card.name, reports, policy)
    for remark in told:
        typer.echo(remark, err=True)
    return stream


def _is_dataset(source: Path) -> bool:
    from ranscore.catalog import data_files

    if source.exists():
        return source.suffix in (".yaml", ".yml")
    return str(source) in data_files("datasets", "*/card.yaml")
