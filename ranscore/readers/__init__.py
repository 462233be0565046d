"""Tables of reports, labels and error notes: one public file a format; each has `SUFFIXES` and `read(path)`.

A reader may also have `recognises(glance)`, true for a path (see `Glance`) that is in its format whatever the suffix;
no two may claim the same path. In `read`, `remark` tells the user something of the file.

A reader's `read` gives a table of text: every value is a string, a blank one is "", and the index names the place of
each row for messages (`row 5`, `line 5`, `file a/1.xml`; a CSV's header is row 1). A folder's suffix is written `/`.
A reader of the format of one restricted dataset names its card in `CARD`: a table in it is under that card's terms.
A reader that also has `stream(path)`, a `TableStream`, is read row by row where a table may be of any size.
"""

from ranscore.readers._either import ReadSide, read_labels_or_reports, read_side
from ranscore.readers._glance import Glance
from ranscore.readers._labels import labels_of, read_labels, scan_labels
from ranscore.readers._notes import inline_notes_of, read_notes
from ranscore.readers._opening import remark
from ranscore.readers._pairs import Pairs, SystemReports, read_folder, read_pairs
from ranscore.readers._reports import Side, read_reports, reports_of, texts_by_id
from ranscore.readers._sheets import check_sheet, encode_sheet, unprotect
from ranscore.readers._streams import ReportStream, stream_of, stream_reports
from ranscore.readers._tables import read_table, remarks_of, rows_of
from ranscore.readers._votes import CellValue, read_decisions, scan_votes

__all__ = [
    "CellValue",
    "Glance",
    "Pairs",
    "ReadSide",
    "ReportStream",
    "Side",
    "SystemReports",
    "check_sheet",
    "encode_sheet",
    "inline_notes_of",
    "labels_of",
    "read_decisions",
    "read_folder",
    "read_labels",
    "read_labels_or_reports",
    "read_notes",
    "read_pairs",
    "read_reports",
    "read_side",
    "read_table",
    "remark",
    "remarks_of",
    "reports_of",
    "rows_of",
    "scan_labels",
    "scan_votes",
    "stream_of",
    "stream_reports",
    "texts_by_id",
    "unprotect",
]
