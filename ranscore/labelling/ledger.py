"""The ledger: what was answered, in one SQLite file, so that a run may be cut at any moment and go on.

A report's text never stands in it, only digests. A label is durable (committed and synchronised) before it is counted.
Processes that share a ledger claim reports before they ask; a claim ends with its owner, who says every few seconds
that it lives.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import sqlite3
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ranscore.errors import InputError

FORMAT = "ranscore-ledger-1"
FILE = "ledger.sqlite"
LEASE = 60.0  # seconds that an owner lives on without a sign
SIGN = 5.0

_SCHEMA = """
CREATE TABLE IF NOT EXISTS ledger.about (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS ledger.sources (id INTEGER PRIMARY KEY, finding TEXT NOT NULL, prompt TEXT NOT NULL,
    model TEXT NOT NULL, UNIQUE (finding, prompt, model));
CREATE TABLE IF NOT EXISTS ledger.units (source INTEGER NOT NULL, report BLOB NOT NULL, value INTEGER NOT NULL,
    log_odds REAL, PRIMARY KEY (source, report)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS ledger.failures (source INTEGER NOT NULL, report BLOB NOT NULL, reason TEXT NOT NULL,
    at REAL NOT NULL, PRIMARY KEY (source, report)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS ledger.sets (id INTEGER PRIMARY KEY, job TEXT NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS ledger.packed (job INTEGER NOT NULL, report BLOB NOT NULL, labels BLOB NOT NULL,
    PRIMARY KEY (job, report)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS ledger.owners (id INTEGER PRIMARY KEY AUTOINCREMENT, host TEXT NOT NULL,
    pid INTEGER NOT NULL, until REAL NOT NULL);
CREATE TABLE IF NOT EXISTS ledger.claims (model TEXT NOT NULL, report BLOB NOT NULL, owner INTEGER NOT NULL,
    PRIMARY KEY (model, report)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS ledger.spent (model TEXT PRIMARY KEY, calls INTEGER NOT NULL, seconds REAL NOT NULL,
    tokens_in INTEGER NOT NULL, tokens_cached INTEGER NOT NULL, tokens_out INTEGER NOT NULL) WITHOUT ROWID;
"""


@dataclass(frozen=True)
class Spent:
    """What calls of one model took: their number, seconds of wall time, tokens as the server counted them."""

    calls: int = 0
    seconds: float = 0.0
    tokens_in: int = 0
    tokens_cached: int = 0
    tokens_out: int = 0


class Ledger:
    """One open ledger; without a path a private one that ends with the process.

    Every change goes through `writing()`: one transaction, durable when the block ends.
    """

    def __init__(self) -> None:
        """A connection that knows no file yet; what is made in its schema `main` is private and ends with it."""
        self.where = "the ledger"
        self.owner = 0
        self._signed = 0.0
        self._fresh: Path | None = None
        self._made: list[Path] = []
        self.db = sqlite3.connect("", timeout=120, isolation_level=None)
        self.db.execute("PRAGMA synchronous=OFF")

    def open(self, folder: Path | None) -> None:
        """Opens or makes `folder`/ledger.sqlite, for its owner's eyes only; with None one that is not kept.

        Raises InputError where it cannot.
        """
        self.where = str(folder) if folder else self.where
        if folder and not (folder / FILE).exists():
            self._fresh, self._made = folder, [f for f in (folder, *folder.parents) if not f.exists()]
        with self._in_a_sentence():
            self.db.execute("ATTACH ? AS ledger", (str(_private_file(folder)) if folder else "",))
            self.db.execute("PRAGMA ledger.journal_mode=WAL")
            self.db.execute("PRAGMA ledger.synchronous=FULL")
            self.db.execute("PRAGMA ledger.cache_size=-65536")
            with self.writing():
                for statement in _SCHEMA.split(";\n"):
                    self.db.execute(statement)
                self.db.execute("INSERT OR IGNORE INTO about VALUES ('format', ?)", (FORMAT,))
            (found,) = self.db.execute("SELECT value FROM about WHERE key = 'format'").fetchone()
        if found != FORMAT:
            raise InputError(f"{self.where}: found the format {found!r}, expected {FORMAT!r}; name another ledger.")

    def close(self) -> None:
        """Gives back what is claimed and closes the file; one that was made for nothing is removed."""
        with contextlib.suppress(sqlite3.Error, InputError):
            self.leave()
        empty = False
        if self._fresh:
            with contextlib.suppress(sqlite3.Error):
                tables = ("units", "packed", "failures", "owners")
                found = " UNION ALL ".join(f"SELECT EXISTS (SELECT 1 FROM {t})" for t in tables)
                empty = not any(used for (used,) in self.db.execute(found))
        with contextlib.suppress(sqlite3.Error):
            self.db.close()
        if self._fresh and empty:
            _remove(self._fresh, self._made)

    @contextmanager
    def writing(self, kind: str = "IMMEDIATE") -> Iterator[sqlite3.Connection]:
        """One durable transaction (`DEFERRED` for the plan alone).

        Raises InputError where the disk is full or the file cannot be written.
        """
        with self._in_a_sentence():
            self.db.execute(f"BEGIN {kind}")
            try:
                yield self.db
                self.db.execute("COMMIT")
            except BaseException:
                with contextlib.suppress(sqlite3.Error):
                    self.db.execute("ROLLBACK")
                raise

    @contextmanager
    def _in_a_sentence(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.DatabaseError, OSError) as fault:
            said = (fault.strerror or str(fault)) if isinstance(fault, OSError) else str(fault)
            if isinstance(fault, sqlite3.DatabaseError) and "not a database" in said:
                raise InputError(f"{self.where}: is no ledger ({said}); name another with --ledger.") from None
            raise InputError(
                f"{self.where}: the ledger cannot be written ({said}). What was recorded before is kept: free some "
                "space, or see that you may write there, and run the same command again to go on."
            ) from None

    # Owners and claims.

    def enter(self) -> None:
        """Makes this process an owner, who may claim."""
        with self.writing() as db:
            row = db.execute(
                "INSERT INTO owners (host, pid, until) VALUES (?, ?, ?)", (_host(), os.getpid(), time.time() + LEASE)
            )
            self.owner = int(row.lastrowid or 0)
        self._signed = time.monotonic()

    def sign(self) -> None:
        """Says that this process lives; cheap to call often."""
        if self.owner and time.monotonic() - self._signed > SIGN:
            with self.writing() as db:
                db.execute("UPDATE owners SET until = ? WHERE id = ?", (time.time() + LEASE, self.owner))
            self._signed = time.monotonic()

    def leave(self) -> None:
        """Ends this process's claims."""
        if self.owner:
            with self.writing() as db:
                db.execute("DELETE FROM claims WHERE owner = ?", (self.owner,))
                db.execute("DELETE FROM owners WHERE id = ?", (self.owner,))
            self.owner = 0

    def bury(self, db: sqlite3.Connection) -> None:
        """Inside `writing()`: ends the claims of owners that are dead."""
        now, host = time.time(), _host()
        rows = db.execute("SELECT id, host, pid, until FROM owners WHERE id != ?", (self.owner,)).fetchall()
        for owner, where, pid, until in rows:
            if until < now or (where == host and not _lives(pid)):
                db.execute("DELETE FROM claims WHERE owner = ?", (owner,))
                db.execute("DELETE FROM owners WHERE id = ?", (owner,))

    def claim(self, db: sqlite3.Connection, model: str, reports: Iterable[bytes]) -> tuple[set[bytes], int]:
        """Inside `writing()`: the reports that are this process's now, and how many others are working on.

        One that this process has claimed already is in neither: it is under way.
        """
        self.bury(db)
        mine: set[bytes] = set()
        others = 0
        for report in reports:
            row = db.execute("SELECT owner FROM claims WHERE model = ? AND report = ?", (model, report)).fetchone()
            if row is None:
                mine.add(report)
            elif row[0] != self.owner:
                others += 1
        db.executemany("INSERT INTO claims VALUES (?, ?, ?)", [(model, r, self.owner) for r in mine])
        return mine, others

    def release(self, db: sqlite3.Connection, model: str, reports: Iterable[bytes]) -> None:
        """Inside `writing()`: gives reports back."""
        rows = [(model, r, self.owner) for r in reports]
        db.executemany("DELETE FROM claims WHERE model = ? AND report = ? AND owner = ?", rows)

    # Names.

    def source(self, finding: str, prompt: str, model: str) -> int:
        """The number of a finding's prompt asked of a model."""
        with self.writing() as db:
            db.execute(
                "INSERT OR IGNORE INTO sources (finding, prompt, model) VALUES (?, ?, ?)", (finding, prompt, model)
            )
            query = "SELECT id FROM sources WHERE finding = ? AND prompt = ? AND model = ?"
            return int(db.execute(query, (finding, prompt, model)).fetchone()[0])

    def set_of(self, job: str) -> int:
        """The number of a job, whose labels are packed."""
        with self.writing() as db:
            db.execute("INSERT OR IGNORE INTO sets (job) VALUES (?)", (job,))
            return int(db.execute("SELECT id FROM sets WHERE job = ?", (job,)).fetchone()[0])

    # Time and tokens.

    def spend(self, db: sqlite3.Connection, model: str, more: Spent) -> None:
        """Inside `writing()`: adds to what a model's calls took."""
        db.execute(
            "INSERT INTO spent VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (model) DO UPDATE SET calls = calls + "
            "excluded.calls, seconds = seconds + excluded.seconds, tokens_in = tokens_in + excluded.tokens_in, "
            "tokens_cached = tokens_cached + excluded.tokens_cached, tokens_out = tokens_out + excluded.tokens_out",
            (model, more.calls, more.seconds, more.tokens_in, more.tokens_cached, more.tokens_out),
        )

    def spent(self, model: str) -> Spent:
        """What this model's calls took so far, in all runs."""
        row = self.db.execute(
            "SELECT calls, seconds, tokens_in, tokens_cached, tokens_out FROM spent WHERE model = ?", (model,)
        ).fetchone()
        return Spent(*row) if row else Spent()


def _private_file(folder: Path) -> Path:
    """The ledger's file in a folder of mode 0700, itself of mode 0600; SQLite gives its side files the same mode."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / FILE
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    return path


def _remove(ledger: Path, folders: list[Path]) -> None:
    """Removes an empty ledger and the folders that were made for it, given from the innermost."""
    with contextlib.suppress(OSError):
        for name in (FILE, f"{FILE}-wal", f"{FILE}-shm"):
            (ledger / name).unlink(missing_ok=True)
        for folder in folders:
            folder.rmdir()


def _host() -> str:
    """This machine, and on Linux the space that its process numbers belong to."""
    try:
        space = os.readlink("/proc/self/ns/pid")
    except OSError:
        space = ""
    return json.dumps([platform.node(), space])


def _lives(pid: int) -> bool:
    if os.name != "posix":  # there signal 0 would end the process
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def default_folder(output: Path) -> Path:
    """Where a table's ledger lies when none is named: beside it."""
    return output.with_name(f"{output.name}.ledger")
