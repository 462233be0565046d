"""Tables of reports, labels and error notes: one public file a format; each has `SUFFIXES` and `read(path)`.

A reader's `read` gives a table of text: every value is a string, a blank one is "", and the index names the place of
each row for messages (`row 5`, `line 5`, `file a/1.xml`; a CSV's header is row 1). A folder's suffix is written `/`.
A reader that also has `stream(path)`, a `TableStream`, is read row by row where a table may be of any size.
"""

from ranscore.readers._either import read_labels_or_reports
from ranscore.readers._labels import read_labels, scan_labels
from ranscore.readers._notes import inline_notes_of, read_notes
from ranscore.readers._reports import read_reports, reports_of, texts_by_id
from ranscore.readers._sheets import check_sheet, encode_sheet, unprotect
from ranscore.readers._streams import ReportStream, stream_reports
from ranscore.readers._tables import read_table, rows_of
from ranscore.readers._votes import CellValue, read_decisions, scan_votes

__all__ = [
    "CellValue",
    "ReportStream",
    "check_sheet",
    "encode_sheet",
    "inline_notes_of",
    "read_decisions",
    "read_labels",
    "read_labels_or_reports",
    "read_notes",
    "read_reports",
    "read_table",
    "reports_of",
    "rows_of",
    "scan_labels",
    "scan_votes",
    "stream_reports",
    "texts_by_id",
    "unprotect",
]
