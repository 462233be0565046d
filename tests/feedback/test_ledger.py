"""The ledger of notes: what was acknowledged stays, once, unedited, whoever writes beside it and however he ends."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from ranscore.errors import InputError
from ranscore.feedback.entries import Entry, error_notes, locate_evidence, make_entry, place_evidence
from ranscore.feedback.ledger import Ledger, open_ledger
from ranscore.records import Report

WRITER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from ranscore.feedback.entries import Entry
from ranscore.feedback.ledger import open_ledger
ledger = open_ledger(Path(sys.argv[1]))
for i in range(int(sys.argv[3])):
    entry = Entry(entry_id=f"{sys.argv[2]}-{i}", time=datetime.now(UTC), reader=sys.argv[2], dataset_digest="sha256:d",
                  report_id="r1", finding="edema", verdict="false absent", note=f"note {i}")
    ledger.append(entry)
    print(entry.entry_id, flush=True)
"""
HOSTILE = "=1+1\r\n\t'\"\x01\x1b\u202e肺炎😀<script>"


def entry(entry_id: str = "e1", **changes: Any) -> Entry:
    """A note on one report."""
    fields: dict[str, Any] = {
        "entry_id": entry_id, "time": datetime(2026, 1, 2, tzinfo=UTC), "reader": "Dr A", "dataset_digest": "sha256:d",
        "report_id": "r1", "finding": "edema", "verdict": "false absent",
    }  # fmt: skip
    return Entry(**(fields | changes))


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    """An empty ledger."""
    return open_ledger(tmp_path / "notes.db")


def writer(path: Path, name: str, number: int) -> subprocess.Popen[str]:
    """A process of its own that writes notes and prints the id of each that was acknowledged."""
    arguments = [sys.executable, "-c", WRITER, str(path), name, str(number)]
    return subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)


def test_a_note_comes_back_as_it_was_written(ledger: Ledger) -> None:
    """Markup, quotes, controls, Chinese and emoji are kept to the character."""
    given = entry(note=HOSTILE, evidence=HOSTILE, start=3, end=3 + len(HOSTILE), reason="hedge")
    assert ledger.append(given) is True
    assert open_ledger(ledger.path).entries() == (given,)
    assert ledger.find("e1") == given
    assert ledger.find("e2") is None


def test_a_note_that_is_sent_twice_is_one_entry(ledger: Ledger) -> None:
    """The same id with the same content is acknowledged again and not written again; with another it is refused."""
    assert ledger.append(entry())
    assert not ledger.append(entry(time=datetime(2026, 1, 3, tzinfo=UTC)))
    with pytest.raises(InputError, match="'e1': stands in the ledger with another content"):
        ledger.append(entry(note="other"))
    assert ledger.entries() == (entry(),)


def test_a_killed_writer_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    """Kill -9 in the middle of 200 writes: every acknowledged note is there, none twice; sent again, all are."""
    path = tmp_path / "notes.db"
    process = writer(path, "Dr A", 200)
    assert process.stdout
    told = [process.stdout.readline().strip() for _ in range(70)]
    os.kill(process.pid, signal.SIGKILL)
    told += process.stdout.read().split("\n")[:-1]
    process.wait()
    ids = [e.entry_id for e in open_ledger(path).entries()]
    assert ids == [f"Dr A-{i}" for i in range(len(ids))]
    assert len(told) <= len(ids) < 200
    again = writer(path, "Dr A", 200)
    assert len(again.communicate()[0].split("\n")) == 201
    assert [e.entry_id for e in open_ledger(path).entries()] == [f"Dr A-{i}" for i in range(200)]


def test_readers_who_write_at_once_lose_nothing(tmp_path: Path) -> None:
    """Three processes that make the ledger together and write side by side: all notes are there, each in its order."""
    path = tmp_path / "notes.db"
    processes = [writer(path, f"Dr {name}", 40) for name in "ABC"]
    for process in processes:
        process.communicate()
        assert process.returncode == 0
    entries = open_ledger(path).entries()
    assert len(entries) == 120
    for name in "ABC":
        assert [e.note for e in entries if e.reader == f"Dr {name}"] == [f"note {i}" for i in range(40)]


def test_nothing_in_the_file_can_be_edited_or_deleted(ledger: Ledger) -> None:
    """The database itself refuses an update and a delete."""
    ledger.append(entry())
    connection = sqlite3.connect(ledger.path)
    for statement in ("UPDATE entries SET body = ''", "DELETE FROM entries"):
        with pytest.raises(sqlite3.IntegrityError, match="entries are not"):
            connection.execute(statement)
    connection.close()
    assert ledger.entries() == (entry(),)


def test_the_file_is_its_owners_alone(ledger: Ledger) -> None:
    """Nobody else may read the notes."""
    ledger.append(entry())
    assert {oct(p.stat().st_mode & 0o777) for p in ledger.path.parent.glob("notes.db*")} == {"0o600"}


def test_an_undo_is_an_entry_and_can_be_undone(ledger: Ledger) -> None:
    """A withdrawn note does not stand, stays in the ledger, and stands again when the withdrawal is withdrawn."""
    ledger.append_all([entry(), entry("e2", report_id="r2")])
    ledger.withdraw("e1", "Dr A", "w1")
    assert [e.entry_id for e in ledger.current()] == ["e2"]
    assert [e.entry_id for e in ledger.entries(finding="edema")] == ["e1", "e2", "w1"]
    ledger.withdraw("w1", "Dr A", "w2")
    assert [e.entry_id for e in ledger.current()] == ["e1", "e2"]
    assert ledger.entries(finding="pneumonia") == ()
    assert ledger.entries(dataset_digest="sha256:other") == ()


def test_only_ones_own_entry_can_be_withdrawn(ledger: Ledger) -> None:
    """Another reader's note, and one that is not there, are left alone."""
    ledger.append(entry())
    with pytest.raises(InputError, match="it is 'Dr A''s"):
        ledger.withdraw("e1", "Dr B", "w1")
    with pytest.raises(InputError, match="there is no entry 'e9'"):
        ledger.withdraw("e9", "Dr A", "w1")
    assert ledger.current() == (entry(),)


def test_one_bad_entry_of_many_keeps_all_out(ledger: Ledger) -> None:
    """Several entries are written together or not at all."""
    ledger.append(entry())
    with pytest.raises(InputError):
        ledger.append_all([entry("e2"), entry("e1", note="other")])
    assert ledger.entries() == (entry(),)


def test_a_readers_later_verdict_takes_the_place_of_an_earlier(ledger: Ledger) -> None:
    """Of one reader and cell the last verdict stands, with all its notes; another reader's stands beside it."""
    ledger.append_all([
        entry("a1"), entry("b1", reader="Dr B"), entry("a2", verdict="reference wrong", reference="present"),
        entry("a3", verdict="reference wrong", reference="present", note="again"),
    ])  # fmt: skip
    assert [e.entry_id for e in ledger.current()] == ["b1", "a2", "a3"]


@pytest.mark.parametrize("content", [b"not a database, but long enough to be taken for a header" * 30, None])
def test_another_file_is_not_taken_for_a_ledger(tmp_path: Path, content: bytes | None) -> None:
    """A text file and another program's database are refused in a sentence and stay as they are."""
    path = tmp_path / "other.db"
    if content is None:
        connection = sqlite3.connect(path)
        connection.execute("CREATE TABLE t (x)")
        connection.close()
    else:
        path.write_bytes(content)
    before = sqlite3.connect(path) if content is None else None
    with pytest.raises(InputError, match="expected a ledger"):
        open_ledger(path)
    if before:
        assert before.execute("SELECT name FROM sqlite_master").fetchall() == [("t",)]
        before.close()
    else:
        assert path.read_bytes() == content


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"verdict": "wrong"}, "verdict: "),
        ({"finding": "no_finding"}, "asked for"),
        ({"report_id": ""}, "names a report"),
        ({"reader": " Dr A"}, "reader: "),
        ({"reader": "Dr\u202eA"}, "reader: "),
        ({"time": "2026-01-01T00:00:00"}, "time: "),
        ({"evidence": "deep", "start": 3, "end": 9}, "start and end"),
        ({"start": 3, "end": 9}, "both a start and an end"),
        ({"withdraws": "e0"}, "either gives a verdict or withdraws"),
        ({"note": "\ud800"}, "note: "),
    ],
)
def test_a_faulty_entry_is_refused_without_its_words(changes: dict[str, Any], fault: str) -> None:
    """Each fault is one line, which repeats neither note nor evidence."""
    fields = entry(note="SECRET", evidence="").model_dump() | changes
    with pytest.raises(InputError, match=fault) as raised:
        make_entry(fields)
    assert "SECRET" not in str(raised.value)


def test_times_are_kept_in_utc(ledger: Ledger) -> None:
    """A time of another zone is the same moment in UTC."""
    east = datetime(2026, 1, 2, 8, tzinfo=timezone(timedelta(hours=8)))
    assert entry(time=east).time.isoformat() == "2026-01-02T00:00:00+00:00"


def test_verdicts_become_error_notes() -> None:
    """A wrong program gives a note that says how to read, an unclear guideline an uncertain one, the rest none."""
    verdicts = ("false present", "false absent", "guideline unclear", "reference wrong", "cannot tell")
    entries = [entry(f"e{i}", verdict=v, reason="hedge", note=" why ") for i, v in enumerate(verdicts)]
    notes = error_notes(entries)
    assert [(n.note_id, n.reads_as, n.why) for n in notes] == [
        ("e0", "absent", "hedge: why"), ("e1", "present", "hedge: why"), ("e2", "uncertain", "hedge: why"),
    ]  # fmt: skip
    assert entry(verdict="reference wrong", reference="present").reads_as == "absent"
    assert entry(verdict="reference wrong").reads_as is None


def test_evidence_is_found_whatever_its_spacing_and_counted_in_characters() -> None:
    """A passage is placed by characters, not by bytes; one that is not in the report is refused."""
    report = Report(report_id="r1", text="😀 The Left\n  sulcus is deep.")
    placed = place_evidence(entry(evidence="the left sulcus"), report)
    assert (placed.start, placed.end, placed.evidence) == (2, 19, "The Left\n  sulcus")
    assert place_evidence(placed, report) == placed
    assert place_evidence(entry(evidence=" \n"), report).evidence == ""
    assert locate_evidence("right", report.text) is None
    with pytest.raises(ValueError, match="not in report 'r1'"):
        place_evidence(entry(evidence="right sulcus"), report)
