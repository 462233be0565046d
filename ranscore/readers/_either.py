"""A table that holds reports, or the labels of reports."""

from __future__ import annotations

from pathlib import Path

from ranscore.readers._labels import read_labels
from ranscore.readers._reports import read_reports
from ranscore.readers._tables import read_table
from ranscore.records import LabelTable, Report

TEXTS = {"report", "findings", "impression"}


def read_labels_or_reports(path: Path | str, *, clip: bool = False) -> LabelTable | tuple[Report, ...]:
    """The reports of a table that has a column of text, else its labels (`clip` as in `read_labels`)."""
    columns = {str(c).casefold() for c in read_table(path).columns}
    return read_reports(path) if columns & TEXTS else read_labels(path, clip=clip)
