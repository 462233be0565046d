"""The ledger: private, without text, durable, and shared without doing anything twice."""

from __future__ import annotations

import os
import sqlite3
import stat
import time
from pathlib import Path

import pytest

from ranscore.errors import InputError
from ranscore.labelling import ledger as ledgers
from ranscore.labelling.ledger import Ledger, Spent

MODEL = '["m", {}]'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where a ledger goes."""
    return tmp_path / "new" / "labels.csv.ledger"


def open_ledger(folder: Path | None) -> Ledger:
    """An open ledger with an owner."""
    made = Ledger()
    made.open(folder)
    made.enter()
    return made


def claim(ledger: Ledger, *reports: bytes) -> tuple[set[bytes], int]:
    """Claims in a transaction of its own."""
    with ledger.writing() as db:
        return ledger.claim(db, MODEL, reports)


def test_it_is_for_its_owners_eyes_only(folder: Path) -> None:
    """Folder 0700, every file in it 0600, while it is open too."""
    ledger = open_ledger(folder)
    modes = {p.name: stat.S_IMODE(p.stat().st_mode) for p in folder.iterdir()}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert modes == {"ledger.sqlite": 0o600, "ledger.sqlite-wal": 0o600, "ledger.sqlite-shm": 0o600}
    ledger.close()


def test_one_that_was_made_for_nothing_is_removed(folder: Path) -> None:
    """Nothing was answered: no file and no folder stays; a folder that was there before does."""
    open_ledger(folder).close()
    assert list(folder.parents[1].iterdir()) == []
    folder.mkdir(parents=True)
    open_ledger(folder).close()
    assert list(folder.iterdir()) == []


def test_a_report_is_claimed_by_one_of_two(folder: Path) -> None:
    """What one has claimed the other does not get, and the first does not get again; given back, it is free."""
    one, two = open_ledger(folder), open_ledger(folder)
    assert claim(one, b"a", b"b") == ({b"a", b"b"}, 0)
    assert claim(one, b"a", b"c") == ({b"c"}, 0)
    assert claim(two, b"a", b"b", b"d") == ({b"d"}, 2)
    with one.writing() as db:
        one.release(db, MODEL, [b"a", b"d"])
    assert claim(two, b"a", b"b") == ({b"a"}, 1)
    with two.writing() as db:
        assert two.claim(db, '["other", {}]', [b"b"]) == ({b"b"}, 0)


def test_leaving_gives_all_back(folder: Path) -> None:
    """The claims of a process that ended in order are free at once."""
    one, two = open_ledger(folder), open_ledger(folder)
    claim(one, b"a")
    one.close()
    assert claim(two, b"a") == ({b"a"}, 0)


def test_a_dead_owners_claims_are_taken_over(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At once where its process is gone from this machine; elsewhere when its lease has run out, and not before."""
    dead = os.fork()
    if not dead:
        os._exit(0)
    os.waitpid(dead, 0)
    one, two = open_ledger(folder), open_ledger(folder)
    claim(one, b"a")
    with one.writing() as db:
        db.execute("UPDATE owners SET pid = ? WHERE id = ?", (dead, one.owner))
    assert claim(two, b"a") == ({b"a"}, 0)

    far = open_ledger(folder)
    claim(far, b"b")
    with far.writing() as db:
        db.execute("UPDATE owners SET pid = ?, host = 'elsewhere' WHERE id = ?", (dead, far.owner))
    assert claim(two, b"b") == (set(), 1)
    later = time.time() + ledgers.LEASE + 1
    monkeypatch.setattr(ledgers.time, "time", lambda: later)
    assert claim(two, b"b") == ({b"b"}, 0)


def test_a_sign_of_life_makes_the_lease_longer(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An owner elsewhere that says that it lives keeps its claims beyond its first lease."""
    one, two = open_ledger(folder), open_ledger(folder)
    claim(one, b"a")
    with one.writing() as db:
        db.execute("UPDATE owners SET host = 'elsewhere' WHERE id = ?", (one.owner,))
    now, ticking = time.time(), time.monotonic()
    monkeypatch.setattr(ledgers.time, "time", lambda: now + ledgers.LEASE - 1)
    monkeypatch.setattr(ledgers.time, "monotonic", lambda: ticking + ledgers.LEASE)
    one.sign()
    monkeypatch.setattr(ledgers.time, "time", lambda: now + ledgers.LEASE + 1)
    assert claim(two, b"a") == (set(), 1)


def test_a_transaction_that_fails_leaves_nothing(folder: Path) -> None:
    """All of it or nothing; the ledger goes on afterwards."""
    ledger = open_ledger(folder)

    def fail() -> None:
        with ledger.writing() as db:
            ledger.claim(db, MODEL, [b"a"])
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert claim(ledger, b"a") == ({b"a"}, 0)


def test_names_have_one_number_each(folder: Path) -> None:
    """A source or job asked for again, also by another process, is the same; anything different is another."""
    one, two = open_ledger(folder), open_ledger(folder)
    first = one.source("edema", "sha256:1", MODEL)
    assert two.source("edema", "sha256:1", MODEL) == first
    others = {one.source(*names) for names in (("x", "sha256:1", MODEL), ("edema", "2", MODEL), ("edema", "1", "n"))}
    assert first not in others
    assert len(others) == 3
    assert one.set_of("a") == two.set_of("a") != one.set_of("b")


def test_what_calls_took_adds_up(folder: Path) -> None:
    """Over transactions and over runs, each model by itself."""
    one, two = open_ledger(folder), open_ledger(folder)
    for ledger in (one, two):
        with ledger.writing() as db:
            ledger.spend(db, MODEL, Spent(2, 0.5, 100, 60, 4))
    assert two.spent(MODEL) == Spent(4, 1.0, 200, 120, 8)
    assert two.spent("other") == Spent()


def test_a_file_that_is_no_ledger_is_told(tmp_path: Path) -> None:
    """Another file in its place, and a ledger of another format, are named and left as they are."""
    other = tmp_path / "x.ledger"
    other.mkdir()
    (other / "ledger.sqlite").write_text("report_id,report\n" * 200)
    with pytest.raises(InputError, match=rf"^{other}: is no ledger \(file is not a database\); name another"):
        open_ledger(other)
    assert (other / "ledger.sqlite").read_text().startswith("report_id")
    newer = tmp_path / "y.ledger"
    newer.mkdir()
    with sqlite3.connect(newer / "ledger.sqlite") as db:
        db.execute("CREATE TABLE about (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID")
        db.execute("INSERT INTO about VALUES ('format', 'ranscore-ledger-2')")
    with pytest.raises(InputError, match="found the format 'ranscore-ledger-2', expected 'ranscore-ledger-1'"):
        open_ledger(newer)


def test_a_place_where_it_cannot_be_made_is_told(tmp_path: Path) -> None:
    """A file in the folder's place ends with one sentence."""
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match=r"file/x\.ledger: the ledger cannot be written \(Not a directory\)"):
        open_ledger(tmp_path / "file" / "x.ledger")
