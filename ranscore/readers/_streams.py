"""Tables of reports row by row: what is read does not grow with the file, where its reader can stream."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ranscore.errors import InputError, list_faults
from ranscore.readers._reports import HEADINGS, compose, roles_of
from ranscore.readers._tables import Row, TableStream, open_reader, read_table
from ranscore.records import Report


@dataclass(frozen=True)
class ReportStream:
    """The reports of a table in its order; `whole` where its format had to be read at once."""

    where: str
    place: str
    whole: bool
    _rows: Callable[[], Iterator[Row]]
    _report: Callable[[Sequence[str]], tuple[str, str]]

    def reports(self) -> Iterator[tuple[str, str, str]]:
        """Each report's place in the file, its id ("" where it is blank) and its text; as often as it is called."""
        for place, values in self._rows():
            yield str(place), *self._report(values)

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


def stream_reports(path: Path | str, *, reader: str | None = None) -> ReportStream:
    """The reports of a table of any registered format, to be read row by row; columns as in `read_reports`.

    Raises InputError for a missing, unknown or empty file, and for missing or repeated columns, before any row is
    read.
    """
    path = Path(path)
    module = open_reader(path, reader)
    opened: TableStream = module.stream(path) if hasattr(module, "stream") else _whole(path, reader)
    if len(set(opened.columns)) != len(opened.columns):
        twice = sorted({c for c in opened.columns if opened.columns.count(c) > 1})
        raise list_faults(str(path), [f"the column {c!r} stands more than once, expected once" for c in twice])
    found = roles_of(opened.columns, str(path), {})
    at = {role: opened.columns.index(column) for role, column in found.items()}
    if next(opened.rows(), None) is None:
        raise InputError(f"{path}: found no rows, expected at least one.")
    return ReportStream(str(path), opened.place, not hasattr(module, "stream"), opened.rows, _reader_of(at))


def _reader_of(at: dict[str, int]) -> Callable[[Sequence[str]], tuple[str, str]]:
    name, report = at["report_id"], at.get("report")
    sections = {s: at[s] for s in HEADINGS if s in at}

    def read(values: Sequence[str]) -> tuple[str, str]:
        if report is not None:
            return values[name].strip(), values[report].strip()
        return values[name].strip(), compose(**{s: values[i].strip() for s, i in sections.items()})

    return read


def _whole(path: Path, reader: str | None) -> TableStream:
    table = read_table(path, reader)

    def rows() -> Iterator[Row]:
        return iter(zip(table.index, table.itertuples(index=False, name=None), strict=True))

    return TableStream(tuple(map(str, table.columns)), str(table.index.name), rows)
