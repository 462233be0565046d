"""The plan of a run: the ids and digests of a table of reports, checked, in a private file that no name leads to."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from ranscore.errors import InputError, list_faults
from ranscore.labelling._units import text_digest
from ranscore.labelling.ledger import Ledger
from ranscore.readers import ReportStream
from ranscore.readers._columns import NAMED, blank_id, repeated_ids
from ranscore.records import Report

_AT_ONCE = 5_000
_SCHEMA = (
    "CREATE TABLE plan_rows (n INTEGER PRIMARY KEY, report_id TEXT NOT NULL, digest BLOB NOT NULL, place, blank)",
    "CREATE TABLE plan_texts (first INTEGER PRIMARY KEY, digest BLOB NOT NULL)",
)


class Plan:
    """What a table of reports holds, by row number (from 0): id, digest of the text, where each text stands first.

    It lies in the private part of the ledger's connection: on disk where it is large, and gone with the process.
    """

    def __init__(self, ledger: Ledger, stream: ReportStream) -> None:
        """Reads the table once; raises InputError with all faults: broken rows, blank and repeated ids."""
        self.ledger, self.stream, self.db = ledger, stream, ledger.db
        for statement in _SCHEMA:
            self.db.execute(statement)
        self._fill()
        self._check_ids()
        with ledger.writing("DEFERRED") as db:
            db.execute("INSERT INTO plan_texts SELECT min(n), digest FROM plan_rows GROUP BY digest")
            db.execute("CREATE UNIQUE INDEX by_digest ON plan_texts (digest)")
        count = "SELECT (SELECT count(*) FROM plan_rows), (SELECT count(*) FROM plan_texts), "
        self.reports, self.texts, self.blank = self.db.execute(
            count + "(SELECT count(*) FROM plan_rows WHERE blank)"
        ).fetchone()

    def _fill(self) -> None:
        rows = (
            (n, report_id, text_digest(text), place, not text)
            for n, (place, report_id, text) in enumerate(self.stream.reports())
        )
        while chunk := list(islice(rows, _AT_ONCE)):
            with self.ledger.writing("DEFERRED") as db:
                db.executemany("INSERT INTO plan_rows VALUES (?, ?, ?, ?, ?)", chunk)

    def _check_ids(self) -> None:
        place = f"{self.stream.place} {{}}"
        blank = self.db.execute("SELECT place FROM plan_rows WHERE report_id = '' ORDER BY n").fetchall()
        faults = [blank_id(place.format(at)) for (at,) in blank]
        twice = "SELECT min(n), report_id FROM plan_rows WHERE report_id != '' GROUP BY report_id HAVING count(*) > 1"
        (total,) = self.db.execute(f"SELECT count(*) FROM ({twice})").fetchone()
        named = self.db.execute(f"{twice} ORDER BY 1 LIMIT {NAMED}").fetchall() if total else []
        where = "SELECT place FROM plan_rows WHERE report_id = ? ORDER BY n LIMIT 3"
        places = {i: [place.format(at) for (at,) in self.db.execute(where, (i,))] for _, i in named}
        if places:
            faults.append(repeated_ids(places, total))
        if faults:
            raise list_faults(self.stream.where, faults)

    def batches(self, size: int) -> Iterator[tuple[int, dict[bytes, str]]]:
        """The table read again, `size` rows at a time: the first row's number, and the texts by digest.

        Raises InputError where the table is not the one that was planned.
        """
        first = 0
        for batch in self.stream.batches(size):
            texts = {text_digest(r.text): r.text for r in batch}
            self._check_same(first, batch)
            yield first, texts
            first += len(batch)
        if first != self.reports:
            raise self._changed()

    def _check_same(self, first: int, batch: list[Report]) -> None:
        query = "SELECT report_id, digest FROM plan_rows WHERE n >= ? AND n < ? ORDER BY n"
        planned = self.db.execute(query, (first, first + len(batch))).fetchall()
        if planned != [(r.report_id, text_digest(r.text)) for r in batch]:
            raise self._changed()

    def claimed_by_others(self, model: str) -> int:
        """How many of these texts living others are working on."""
        with self.ledger.writing() as db:
            self.ledger.bury(db)
            query = (
                "SELECT count(*) FROM claims c WHERE model = ? AND owner != ? "
                "AND EXISTS (SELECT 1 FROM plan_texts t WHERE t.digest = c.report)"
            )
            return int(db.execute(query, (model, self.ledger.owner)).fetchone()[0])

    def _changed(self) -> InputError:
        return InputError(
            f"{self.stream.where}: the file was changed while it was being labelled; expected it to stay as it is. "
            "What was answered is kept: run the same command again."
        )
