"""The readers' notes in one append-only SQLite file: nothing that was acknowledged is lost, edited or deleted."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError

from ranscore.errors import InputError
from ranscore.feedback.entries import Entry, current_entries
from ranscore.feedback.quotation import hide_text, show_text
from ranscore.private import make_file, make_folder
from ranscore.records import Report

LEDGER_FILE = "notes.db"
APPLICATION_ID, VERSION = 0x52534E4C, 1  # "RSNL"
WAIT_SECONDS = 60.0
_STATEMENTS = (
    """CREATE TABLE entries (seq INTEGER PRIMARY KEY AUTOINCREMENT, entry_id TEXT NOT NULL UNIQUE,
    dataset_digest TEXT NOT NULL, finding TEXT NOT NULL, body TEXT NOT NULL)""",
    "CREATE INDEX entries_by_dataset ON entries (dataset_digest, seq)",
    "CREATE TRIGGER no_update BEFORE UPDATE ON entries BEGIN SELECT RAISE(ABORT, 'entries are not edited'); END",
    "CREATE TRIGGER no_delete BEFORE DELETE ON entries BEGIN SELECT RAISE(ABORT, 'entries are not deleted'); END",
    f"PRAGMA application_id = {APPLICATION_ID}",
    f"PRAGMA user_version = {VERSION}",
)


@dataclass(frozen=True)
class Ledger:
    """One ledger file; every call opens it anew, so that threads and processes may share one. See `open_ledger`."""

    path: Path
    reports: Mapping[str, Report] = field(default_factory=dict, repr=False)

    def about(self, reports: Iterable[Report]) -> Ledger:
        """The same ledger with the reports at hand, so that it keeps words of none that is not open, and shows them."""
        return replace(self, reports={r.report_id: r for r in reports})

    def append(self, entry: Entry) -> bool:
        """Writes one entry durably; False where the very entry was there already.

        Raises InputError where the id belongs to another content, for a withdrawal of what is not there or of another
        reader's entry, and where the file cannot be written.
        """
        return self.append_all([entry]) == 1

    def append_all(self, entries: Iterable[Entry]) -> int:
        """Writes all entries or, on a fault (see `append`), none; how many were new."""
        with self._connect() as connection:
            connection.execute("BEGIN IMMEDIATE")
            new = sum(self._insert(connection, entry) for entry in entries)
            connection.execute("COMMIT")
        return new

    def entries(self, *, dataset_digest: str | None = None, finding: str | None = None) -> tuple[Entry, ...]:
        """All entries in the order in which they were written, of one dataset where it is named.

        With `finding` the notes on it and their withdrawals.
        """
        where, values = ("WHERE dataset_digest = ?", (dataset_digest,)) if dataset_digest else ("", ())
        with self._connect() as connection:
            rows = connection.execute(f"SELECT entry_id, body FROM entries {where} ORDER BY seq", values).fetchall()
        found = tuple(self._shown(_parse(self.path, *row)) for row in rows)
        if finding is None:
            return found
        wanted: set[str] = set()
        for entry in found:  # a withdrawal names what stands before it
            if (entry.verdict is not None and entry.finding == finding) or entry.withdraws in wanted:
                wanted.add(entry.entry_id)
        return tuple(e for e in found if e.entry_id in wanted)

    def current(self, *, dataset_digest: str | None = None, finding: str | None = None) -> tuple[Entry, ...]:
        """The notes that stand (see `current_entries`), oldest first."""
        return current_entries(self.entries(dataset_digest=dataset_digest, finding=finding))

    def find(self, entry_id: str) -> Entry | None:
        """The entry of an id, or None."""
        with self._connect() as connection:
            row = connection.execute("SELECT entry_id, body FROM entries WHERE entry_id = ?", (entry_id,)).fetchone()
        return self._shown(_parse(self.path, *row)) if row else None

    def _shown(self, entry: Entry) -> Entry:
        return show_text(entry, self.reports.get(entry.report_id))

    def _insert(self, connection: sqlite3.Connection, entry: Entry) -> bool:
        report = self.reports.get(entry.report_id)
        return _insert(connection, hide_text(entry, report), report)

    def withdraw(self, entry_id: str, reader: str, new_id: str) -> Entry:
        """Takes back a reader's own entry by a new one (an undo), which may be withdrawn too (a redo)."""
        entry = self.find(entry_id)
        if entry is None:
            raise InputError(f"{self.path}: there is no entry {entry_id!r:.60} to withdraw.")
        fields = {
            **entry.model_dump(include={"dataset", "dataset_digest", "reference_digest", "report_id", "finding"}),
            "entry_id": new_id, "time": datetime.now(UTC), "reader": reader, "withdraws": entry_id,
        }  # fmt: skip
        made = Entry.model_validate(fields)
        self.append(made)
        return made

    @contextmanager
    def _connect(self) -> Iterator[sqlite3.Connection]:
        """A connection, closed at the end; what was not committed is rolled back."""
        connection: sqlite3.Connection | None = None
        try:
            connection = sqlite3.connect(self.path, timeout=WAIT_SECONDS, isolation_level=None)
            connection.execute("PRAGMA synchronous = FULL")
            yield connection
        except sqlite3.Error as fault:
            raise InputError(
                f"{self.path}: {fault}; expected a ledger of notes that can be read and written."
            ) from None
        finally:
            if connection is not None:
                connection.close()


def open_ledger(path: Path, reports: Iterable[Report] = ()) -> Ledger:
    """The ledger of a file, made (for its owner alone to read) where there is none; see `Ledger.about` for `reports`.

    Raises InputError for a folder that cannot be written and a file that is no ledger. The file must lie on a local
    disk: SQLite's write-ahead log does not work over a network.
    """
    try:
        make_folder(path.parent)
        make_file(path)
    except OSError as fault:
        raise InputError(f"{path}: {fault.strerror or fault}; expected a file that can be written.") from None
    ledger = Ledger(path).about(reports)
    with ledger._connect() as connection:
        _prepare(path, connection)
    return ledger


def _prepare(path: Path, connection: sqlite3.Connection) -> None:
    if connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("BEGIN IMMEDIATE")  # one process makes the tables, the others find them
    made = connection.execute("PRAGMA application_id").fetchone()[0]
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if made != APPLICATION_ID:
        if made or connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            raise InputError(f"{path}: another program's database, expected a ledger of notes; name another file.")
        for statement in _STATEMENTS:
            connection.execute(statement)
    elif version != VERSION:
        raise InputError(f"{path}: a ledger of version {version}, expected {VERSION}; use the ranscore that wrote it.")
    connection.execute("COMMIT")


def _insert(connection: sqlite3.Connection, entry: Entry, report: Report | None) -> bool:
    old = _stored(connection, entry.entry_id)
    if old is not None:
        if not entry.same_content(hide_text(old, report)):
            raise InputError(
                f"entry {entry.entry_id!r}: stands in the ledger with another content; give it another id."
            )
        return False
    if entry.withdraws:
        target = _stored(connection, entry.withdraws)
        if target is None or target.reader != entry.reader:
            found = "there is no such entry" if target is None else f"it is {target.reader!r}'s"
            raise InputError(
                f"entry {entry.entry_id!r}: cannot withdraw {entry.withdraws!r:.60}: {found}; "
                "a reader withdraws entries of his own."
            )
    row = (entry.entry_id, entry.dataset_digest, entry.finding, entry.model_dump_json())
    connection.execute("INSERT INTO entries (entry_id, dataset_digest, finding, body) VALUES (?, ?, ?, ?)", row)
    return True


def _stored(connection: sqlite3.Connection, entry_id: str) -> Entry | None:
    row = connection.execute("SELECT body FROM entries WHERE entry_id = ?", (entry_id,)).fetchone()
    return Entry.model_validate_json(row[0]) if row else None


def _parse(path: Path, entry_id: str, body: str) -> Entry:
    try:
        return Entry.model_validate_json(body)
    except ValidationError:
        raise InputError(f"{path}: entry {entry_id!r:.60} cannot be read by this ranscore; use a newer one.") from None
