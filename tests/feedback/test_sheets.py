"""Notes and queues as spreadsheets: they come back unchanged, harmless, and with a sentence for each bad row."""

from __future__ import annotations

import csv
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ranscore.errors import InputError
from ranscore.feedback.entries import REASONS, VERDICTS, Entry
from ranscore.feedback.ledger import open_ledger
from ranscore.feedback.queue import QueueItem
from ranscore.feedback.sheets import HOW_KEPT, NOTE_COLUMNS, Source, encode_notes, encode_queue, read_filled
from ranscore.readers import read_table
from ranscore.readers._sheets import LONGEST_CELL, encode_sheet, escape, protect, unescape, unprotect
from ranscore.records import Report

TEXT = '=SUM(A1) The left sulcus is deep,\n肺炎 😀 "quoted".\t@end -1 +2 _x0041_ \'x'
REPORTS = {f"r{i}": Report(report_id=f"r{i}", text=TEXT) for i in range(5)}
SOURCE = Source(REPORTS, "small", "sha256:d", "sha256:ref")
STARTS = (
    "=",
    "+",
    "-",
    "@",
    "\t",
    "\r",
    "\n",
    "'=",
    "''-",
    "'",
    "",
    "肺",
    "😀",
    "\u202e",
    "_x0041_",
    " ",
    "＝",
)
BOTH = pytest.mark.parametrize("suffix", [".csv", ".xlsx"])


def note(number: int) -> Entry:
    """One of many notes, with every kind of beginning and content."""
    words = f'{STARTS[number % len(STARTS)]}note {number}, "quoted"\r\nline\ntwo\x07 \u2028 '
    return Entry(
        entry_id=f"id-{number}", time=datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=number, microseconds=number),
        reader=f"={number % 3}", dataset="small", dataset_digest="sha256:d", reference_digest="sha256:ref",
        program_digest="sha256:p", run_id="run", report_id=f"r{number % 5}", finding="edema",
        verdict=VERDICTS[number % 2], reason=(*REASONS, "")[number % 8], evidence=TEXT[: 5 + number % 60], start=0,
        end=5 + number % 60, note=words, answer="present", reference="absent",
    )  # fmt: skip


@BOTH
def test_500_notes_come_back_without_loss(tmp_path: Path, suffix: str) -> None:
    """Formulas, line breaks, quotes, Chinese, emoji, bidi and control characters, and an undo, survive the round."""
    entries = [note(i) for i in range(500)]
    undo = entries[7].model_copy(update={
        "entry_id": "undo", "verdict": None, "withdraws": "id-7", "reason": "", "evidence": "", "start": None,
        "end": None, "note": "", "answer": "", "reference": "",
    })  # fmt: skip
    path = tmp_path / f"notes{suffix}"
    path.write_bytes(encode_notes(path, [*entries, undo]))
    found = read_filled(path, SOURCE)
    assert found.faults == ()
    assert found.entries == (*entries, undo)
    ledger = open_ledger(tmp_path / "notes.db")
    assert ledger.append_all(found.entries) == 501
    assert read_filled(path, SOURCE, known=ledger.entries()).entries == ()


def test_no_cell_of_a_csv_is_a_formula(tmp_path: Path) -> None:
    """A spreadsheet sees no cell that begins as a formula, whatever a note or a name begins with."""
    path = tmp_path / "n.csv"
    path.write_bytes(encode_notes(path, [note(i) for i in range(60)]))
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.reader(file))
    assert len(rows) == 61
    assert not [cell for row in rows for cell in row if cell[:1] in ("=", "+", "-", "@", "\t", "\r", "\n", "＝")]


def test_every_cell_of_a_workbook_is_text(tmp_path: Path) -> None:
    """No formula, and a cell that is edited stays text; verdicts and reasons are chosen from a list."""
    path = tmp_path / "n.xlsx"
    path.write_bytes(encode_notes(path, [note(i) for i in range(60)]))
    sheet = openpyxl.load_workbook(path).active
    cells = [cell for row in sheet.iter_rows() for cell in row if cell.value is not None]
    assert {cell.data_type for cell in cells} == {"s"}
    assert {cell.number_format for cell in cells} == {"@"}
    assert [rule.formula1 for rule in sheet.data_validations.dataValidation] == [
        f'"{",".join(VERDICTS)}"', f'"{",".join(REASONS)}"',
    ]  # fmt: skip


@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=100)
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
def test_protection_and_escape_are_undone(text: str) -> None:
    """Any text comes back from the apostrophe and from Office's escapes."""
    assert unprotect(protect(text)) == text
    assert unescape(escape(text)) == text


@pytest.mark.parametrize("text", ["_x005F_x0041_", "__x0041__", "'=a", "''=a", "'a", "\ufffe", "_x000D_\r"])
def test_text_that_looks_escaped_comes_back(text: str) -> None:
    """What looks like an escape or a protection is no such thing for being written."""
    assert unprotect(protect(text)) == text == unescape(escape(text))


@BOTH
def test_rows_that_cannot_be_taken_are_told_one_by_one(tmp_path: Path, suffix: str) -> None:
    """Each bad row gives its number, what was found and what is expected; the good ones are read."""
    good = {
        "report_id": "r1", "finding": "Edema", "verdict": "False  Absent", "reason": "HEDGE", "evidence": "LEFT sulcus",
        "note": "-1", "reader": "Dr A",
    }  # fmt: skip
    rows: list[dict[str, str]] = [
        good, good | {"verdict": "false positive"}, good | {"finding": "Edem"}, good | {"report_id": "r9"},
        good | {"evidence": "right sulcus"}, good | {"reader": ""}, good | {"reason": "typo"},
        good | {"verdict": "", "reason": "", "evidence": "", "note": ""}, good | {"verdict": ""},
        good | {"dataset_digest": "sha256:other"}, good | {"time": "yesterday"}, good | {"entry_id": "x"},
        good | {"entry_id": "x"},
    ]  # fmt: skip
    path = tmp_path / f"filled{suffix}"
    path.write_bytes(encode_sheet(path, [*good, "dataset_digest", "time", "entry_id"], rows))
    found = read_filled(path, SOURCE)
    wanted = {
        3: "verdict: found 'false positive', expected one of false present", 4: "no finding is called 'Edem'",
        5: "report_id: found 'r9', expected the id of a report of small", 6: "evidence: found 'right sulcus'",
        7: "reader: found nothing", 8: "reason: found 'typo'", 10: "verdict: found nothing",
        11: "dataset_digest: found 'sha256:other'", 12: "time: ", 14: "entry_id: 'x' stands in row 13 already",
    }  # fmt: skip
    assert len(found.faults) == len(wanted)
    for fault, (row, said) in zip(found.faults, wanted.items(), strict=True):
        assert fault.startswith(f"row {row}: ")
        assert said in fault
    assert found.blank == 1
    assert [(e.verdict, e.reason, e.evidence, e.note) for e in found.entries] == [
        ("false absent", "hedge", "left sulcus", "-1")
    ] * 2
    assert found.entries[0].dataset_digest == "sha256:d"


@BOTH
def test_a_filled_queue_becomes_notes_once(tmp_path: Path, suffix: str) -> None:
    """A queue has blank columns; what is filled in is a note with the queue's digests, the same when read again."""
    items = [
        QueueItem(
            item_id=f"edema:r{i}", report_id=f"r{i}", finding="edema", name="Edema", kind="false absent",
            answer="absent", reference="present", sides=("program", "reference"), votes={"a": "present"}, why="=why",
        )
        for i in range(3)
    ]  # fmt: skip
    path = tmp_path / f"queue{suffix}"
    path.write_bytes(encode_queue(path, items, SOURCE, {"edema": {"program_digest": "sha256:p", "run_id": "run"}}))
    assert read_filled(path, SOURCE, "Dr A").entries == ()
    table = read_table(path)
    assert list(table["report"].map(unprotect if suffix == ".csv" else str)) == [TEXT] * 3
    rows = [{c: unprotect(v) if suffix == ".csv" else v for c, v in row.items()} for row in table.to_dict("records")]
    rows[1] |= {"verdict": "false absent", "evidence": "sulcus is deep", "note": "=why"}
    path.write_bytes(encode_sheet(path, list(table.columns), rows))
    found = read_filled(path, SOURCE, "Dr A")
    (entry,) = found.entries
    assert (entry.report_id, entry.reader, entry.program_digest, entry.run_id, entry.note) == (
        "r1", "Dr A", "sha256:p", "run", "=why",
    )  # fmt: skip
    assert (entry.answer, entry.reference, found.blank) == ("absent", "present", 2)
    assert read_filled(path, SOURCE, "Dr A").entries[0].entry_id == entry.entry_id
    assert read_filled(path, SOURCE, "Dr A", [entry]).entries == ()


def test_a_note_that_was_edited_in_the_sheet_takes_the_place_of_the_old(tmp_path: Path) -> None:
    """The old note is withdrawn and a new one written; another reader's name in its row is refused."""
    ledger = open_ledger(tmp_path / "notes.db")
    ledger.append_all([note(1), note(2)])
    path = tmp_path / "n.csv"
    path.write_bytes(encode_notes(path, ledger.entries()))
    text = path.read_text(encoding="utf-8-sig")
    path.write_text(text.replace("note 1,", "better 1,"), encoding="utf-8")
    found = read_filled(path, SOURCE, known=ledger.entries())
    assert ledger.append_all(found.entries) == 2
    assert sorted(e.note[1:9].strip() for e in ledger.current()) == ["better 1", "note 2,"]
    assert len(ledger.entries()) == 4
    assert read_filled(path, SOURCE, known=ledger.entries()).entries == ()
    path.write_text(text.replace("note 1,", "third 1,").replace("'=1", "Dr B"), encoding="utf-8")
    found = read_filled(path, SOURCE, known=ledger.entries())
    assert (len(found.faults), found.entries) == (1, ())
    assert "reader: found 'Dr B', expected '=1'" in found.faults[0]


def test_a_table_that_is_none_is_refused(tmp_path: Path) -> None:
    """Missing columns are named, and another suffix is not written."""
    path = tmp_path / "n.csv"
    path.write_text("report_id,finding,verdikt\nr1,Edema,false absent\n", encoding="utf-8")
    with pytest.raises(InputError, match="no column is called 'verdict'; did you mean 'verdikt'"):
        read_filled(path, SOURCE)
    with pytest.raises(InputError, match=r"expected \.csv or \.xlsx"):
        encode_notes(tmp_path / "n.ods", [])


def test_long_reports_are_cut_in_a_workbook_and_long_notes_refused(tmp_path: Path) -> None:
    """Excel's cell is limited: a report says that it was cut, a CSV holds it whole, and no note is ever cut."""
    long = Report(report_id="r1", text="deep\x07 sulcus " * 20_000)
    source = Source({"r1": long}, "small", "sha256:d")
    item = QueueItem(
        item_id="edema:r1", report_id="r1", finding="edema", name="Edema", kind="differs", answer="absent",
        reference="present", sides=("a", "b"),
    )  # fmt: skip
    for name in ("q.xlsx", "q.csv", "q.json"):
        (tmp_path / name).write_bytes(encode_queue(tmp_path / name, [item], source))
    (cut,) = read_table(tmp_path / "q.xlsx")["report"]
    assert cut.endswith("[cut here: longer than a spreadsheet's cell]")
    assert long.text.startswith(cut[:20_000])
    assert list(read_table(tmp_path / "q.csv")["report"]) == [long.text]
    assert json.loads((tmp_path / "q.json").read_text(encoding="utf-8"))["items"][0]["report"] == long.text
    with pytest.raises(InputError, match=f"Excel takes {LONGEST_CELL}"):
        encode_sheet(tmp_path / "n.xlsx", ["note"], [{"note": "x" * (LONGEST_CELL + 1)}])


def test_the_columns_hold_the_whole_entry() -> None:
    """A field that the table lacked would be lost."""
    assert set(Entry.model_fields) - HOW_KEPT <= set(NOTE_COLUMNS)
