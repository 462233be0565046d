"""Tables of reports row by row: what is read does not grow with the file, where its reader can stream."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ranscore.errors import InputError, list_faults
from ranscore.readers._opening import session
from ranscore.readers._reports import HEADINGS, compose, roles_of, sources_of
from ranscore.readers._tables import Row, TableStream, open_reader, read_table, remarks_of
from ranscore.readers._terms import terms_of
from ranscore.records import Report, Terms, strip_invisible
from ranscore.sections import Policy, SectionCount

UNDECLARED = Terms()


@dataclass(frozen=True)
class ReportStream:
    """The reports of a table in its order; `whole` where its format had to be read at once.

    `terms` say where its text may go, `remarks` what the user should know of the file; with a `policy` the text is that
    of the sections it reads.
    """

    where: str
    place: str
    whole: bool
    remarks: tuple[str, ...]
    _rows: Callable[[], Iterator[Row]]
    _report: Callable[[Sequence[str]], tuple[str | None, str]]
    _policy: Policy | None = None
    terms: Terms = UNDECLARED
    _count: SectionCount = field(default_factory=SectionCount)

    def reports(self) -> Iterator[tuple[str, str, str]]:
        """Each report's place in the file, its id ("" where it is blank) and its text; as often as it is called."""
        self._count.begin()
        for number, (place, values) in enumerate(self._rows(), start=1):
            report_id, text = self._report(values)
            text = strip_invisible(text)
            if self._policy:
                text = self._count.take(text, self._policy)
            yield str(place), str(number) if report_id is None else report_id, text

    def lacking(self) -> tuple[str, ...]:
        """What is to be told of reports without the sections that are read, once all were gone through."""
        return self._count.remarks(self._policy) if self._policy else ()

    def batches(self, size: int) -> Iterator[list[Report]]:
        """The reports, `size` at a time, ids as they stand."""
        batch: list[Report] = []
        for _, report_id, text in self.reports():
            batch.append(Report.model_construct(report_id=report_id, text=text, language="", group=""))
            if len(batch) == size:
                yield batch
                batch = []
        if batch:
            yield batch


def stream_reports(
    path: Path | str, *, reader: str | None = None, encoding: str | None = None, policy: Policy | None = None
) -> ReportStream:
    """The reports of a table of any registered format, to be read row by row; columns as in `read_reports`.

    `encoding` is that of text files that are not UTF-8; of a text a `policy` takes some sections alone. Raises
    InputError for a missing, unknown or empty file, and for missing or repeated columns, before any row is read.
    """
    path = Path(path)
    module = open_reader(path, reader)
    if hasattr(module, "stream"):
        with session(encoding) as now:
            opened, remarks = module.stream(path), tuple(now.remarks)
    else:
        opened, remarks = _whole(path, reader, encoding)
    if len(set(opened.columns)) != len(opened.columns):
        twice = sorted({c for c in opened.columns if opened.columns.count(c) > 1})
        raise list_faults(str(path), [f"the column {c!r} stands more than once, expected once" for c in twice])
    found = roles_of(opened.columns, str(path), {})
    if next(opened.rows(), None) is None:
        raise InputError(f"{path}: found no rows, expected at least one.")
    whole, read = not hasattr(module, "stream"), _reader_of(found, opened.columns)
    return ReportStream(str(path), opened.place, whole, remarks, opened.rows, read, policy, terms=terms_of(module))


def stream_of(name: str, reports: Sequence[Report], policy: Policy | None = None) -> ReportStream:
    """Reports that are in memory already, gone through as those of a table; raises InputError where there is none."""
    if not reports:
        raise InputError(f"{name}: found no reports, expected at least one.")
    rows = [(number, (r.report_id, r.text)) for number, r in enumerate(reports, start=1)]
    terms = reports[0].terms
    return ReportStream(name, "report", True, (), lambda: iter(rows), lambda row: (row[0], row[1]), policy, terms=terms)


def _reader_of(found: dict[str, str], columns: Sequence[str]) -> Callable[[Sequence[str]], tuple[str | None, str]]:
    """What takes id and text out of a row; the id is None where the rows have none."""
    at = {role: columns.index(column) for role, column in found.items()}
    name, sources = at.get("report_id"), sources_of(found)
    sections = {s: at[s] for s in sources}
    composed = HEADINGS.keys() >= sections.keys()

    def read(values: Sequence[str]) -> tuple[str | None, str]:
        texts = {s: values[i].strip() for s, i in sections.items()}
        report_id = None if name is None else values[name].strip()
        return report_id, compose(**texts) if composed else texts[sources[0]]

    return read


def _whole(path: Path, reader: str | None, encoding: str | None) -> tuple[TableStream, tuple[str, ...]]:
    table = read_table(path, reader, encoding=encoding)

    def rows() -> Iterator[Row]:
        return iter(zip(table.index, table.itertuples(index=False, name=None), strict=True))

    return TableStream(tuple(map(str, table.columns)), str(table.index.name), rows), remarks_of(table)
