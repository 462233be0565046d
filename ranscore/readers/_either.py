"""A table that holds reports, or the labels of reports."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ranscore.readers._columns import fold, with_roles
from ranscore.readers._labels import labels_of
from ranscore.readers._reports import Side, reports_of
from ranscore.readers._tables import read_table, remarks_of
from ranscore.records import LabelTable, Report

TEXTS = {"report", "findings", "impression", "reference", "generated"}


@dataclass(frozen=True)
class ReadSide:
    """What one file gives, and what the user should know of it."""

    content: LabelTable | tuple[Report, ...]
    remarks: tuple[str, ...] = ()


def read_labels_or_reports(path: Path | str, *, clip: bool = False) -> LabelTable | tuple[Report, ...]:
    """The reports of a table that has a column of text, else its labels (`clip` as in `read_labels`)."""
    return read_side(path, clip=clip).content


def read_side(
    path: Path | str, side: Side = "", *, clip: bool = False, reader: str | None = None, encoding: str | None = None
) -> ReadSide:
    """The reports of one side (see `read_reports`) of a table with a column of text, else its labels."""
    table = read_table(path, reader, encoding=encoding)
    roles = with_roles({fold(str(column)): str(column) for column in table.columns})
    if TEXTS & roles.keys():
        return ReadSide(reports_of(table, str(path), side=side), remarks_of(table))
    return ReadSide(labels_of(table, str(path), clip=clip), remarks_of(table))
