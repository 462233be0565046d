"""Notes on restricted reports are kept without the report's words, and read as they were written."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ranscore.errors import InputError
from ranscore.feedback.entries import Entry
from ranscore.feedback.ledger import open_ledger
from ranscore.feedback.quotation import BLANK, hide_text, show_text
from ranscore.records import Report, Terms

SEALED = Terms(source="ward", access="restricted", remote="refused")
TEXT = "Zarbomir, MRN 9081726354: a vexolith crescent at the apex. 左侧玄隙征，心影增大。"


def _report(text: str = TEXT, terms: Terms = SEALED) -> Report:
    return Report(report_id="r1", text=text, terms=terms)


def _entry(note: str, evidence: str = "vexolith crescent", text: str = TEXT, entry_id: str = "e1") -> Entry:
    start = text.index(evidence) if evidence else None
    return Entry(
        entry_id=entry_id, time=datetime(2026, 1, 1, tzinfo=UTC), reader="anna", dataset_digest="d", report_id="r1",
        finding="pneumothorax", verdict="false absent", evidence=evidence, start=start,
        end=None if start is None else start + len(evidence), note=note,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("note", "kept"),
    [
        ("The vexolith of Zarbomir shows a pneumothorax.", "The □□□□□□□□ of □□□□□□□□ shows a pneumothorax."),
        ("two vexoliths, MRN 9081726354", "two □□□□□□□□s, □□□ □□□□□□□□□□"),
        ("因为左侧玄隙征就是气胸", "因为□□□□□就是气胸"),
        ("nothing of it", "nothing of it"),
    ],
)
def test_words_of_the_report_become_blanks(note: str, kept: str) -> None:
    """Names, numbers and passages of the report are blanks in what is kept, and all else stands; nothing is lost."""
    entry = _entry(note)
    hidden = hide_text(entry, _report())
    assert hidden.note == kept
    assert hidden.evidence == BLANK * len("vexolith crescent")
    assert (hidden.start, hidden.end) == (entry.start, entry.end)
    assert show_text(hidden, _report()) == entry
    assert hide_text(hidden, _report()) == hidden


@given(st.text("vexolithQ crest左侧玄隙征甄 9817.ßİ\n□", max_size=60))
def test_any_note_comes_back(note: str) -> None:
    """Whatever was written comes back to the letter, but for the case of the report's own words."""
    entry = _entry(note)
    hidden = hide_text(entry, _report())
    shown = show_text(hidden, _report())
    assert shown.note.lower() == note.lower()
    assert len(hidden.note) == len(note)
    assert "vexolith" not in hidden.note.lower()
    assert "玄隙" not in hidden.note


def test_notes_on_open_reports_stay_whole() -> None:
    """Open text may be kept."""
    entry = _entry("The vexolith.")
    assert hide_text(entry, _report(terms=Terms(access="open"))) == entry
    assert hide_text(entry, None) == entry


def test_another_text_shows_nothing() -> None:
    """A place means nothing in another report: the blanks stay."""
    hidden = hide_text(_entry("The vexolith."), _report())
    assert show_text(hidden, _report("A vexolith crescent, once more and longer than before, to be sure.")) == hidden
    assert show_text(hidden, None) == hidden


def test_the_ledger_holds_no_word_and_gives_all_back(tmp_path: Path) -> None:
    """The file has blanks; with the reports at hand the entries are whole, and the same note is known again."""
    entry, path = _entry("The vexolith of Zarbomir."), tmp_path / "notes.db"
    book = open_ledger(path, [_report()])
    assert book.append(entry)
    assert not book.append(entry)
    assert book.entries() == book.current() == (entry,)
    assert book.find("e1") == entry
    stored = b"".join(f.read_bytes() for f in tmp_path.iterdir())
    assert BLANK.encode() in stored
    assert not [w for w in ("vexolith", "Zarbomir") if w.encode() in stored]
    assert open_ledger(path).entries()[0].evidence == BLANK * len(entry.evidence)
    with pytest.raises(InputError, match="another content"):
        book.append(_entry("The vexolith of another."))


def test_a_note_that_was_kept_whole_is_known_again(tmp_path: Path) -> None:
    """A ledger from before holds words: the same note sent again is no other note."""
    entry, path = _entry("The vexolith."), tmp_path / "notes.db"
    assert open_ledger(path).append(entry)
    assert not open_ledger(path, [_report()]).append(entry)
    with sqlite3.connect(path) as database:
        assert database.execute("SELECT count(*) FROM entries").fetchone() == (1,)
