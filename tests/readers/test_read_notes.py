"""Error notes, as a table and inside the reports."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ranscore.errors import InputError
from ranscore.readers import inline_notes_of, read_notes, read_reports, read_table

DATASETS = Path(__file__).parents[2] / "datasets"
HEADER = "report_id,finding,reads_as,evidence,why\n"


def write(folder: Path, text: str, name: str = "notes.csv") -> Path:
    """A file with this text."""
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("text", "reading"),
    [("present", "present"), ("1", "present"), ("0", "absent"), ("Absent", "absent"), ("-1", "uncertain")],
)
def test_a_note_is_read(tmp_path: Path, text: str, reading: str) -> None:
    """A finding goes by any of its names, a reading by word or number; the id depends on the content alone."""
    note = read_notes(write(tmp_path, f"{HEADER}r1,Pleural Effusion,{text},blunted angle,It is fluid.\n"))[0]
    assert (note.report_id, note.finding, note.reads_as) == ("r1", "pleural_effusion", reading)
    assert (note.evidence, note.why, note.reader) == ("blunted angle", "It is fluid.", "")
    again = read_notes(
        write(tmp_path, f"{HEADER}r2,Edema,1,,\nr1,pleural_effusion,{text},blunted angle,It is fluid.\n")
    )
    assert again[1] == note
    assert len(note.note_id) == 12
    assert again[0].note_id != note.note_id


def test_a_notes_own_id_and_reader_are_kept(tmp_path: Path) -> None:
    """JSON lines hold the same fields as a table."""
    note = {
        "note_id": "n7",
        "report_id": "r1",
        "finding": "Edema",
        "reads_as": 0,
        "evidence": "e",
        "why": "w",
        "reader": "A",
    }
    found = read_notes(write(tmp_path, json.dumps(note), "notes.jsonl"))[0]
    assert (found.note_id, found.reader, found.reads_as) == ("n7", "A", "absent")


def test_all_faults_of_notes_come_at_once_with_their_rows(tmp_path: Path) -> None:
    """Blank ids, unknown findings, wrong readings and repeated notes stand in one error."""
    rows = [",Edema,1,e,w", "r1,Oedemma,1,e,w", "r1,Edema,maybe,e,w", "r1,Edema,1,e,w", "r1,edema,present,e,w"]
    with pytest.raises(InputError) as fault:
        read_notes(write(tmp_path, HEADER + "\n".join(rows)))
    lines = str(fault.value).splitlines()
    assert [line.split(": ")[1] for line in lines] == ["row 2", "row 3", "row 4", "row 6"]
    assert "did you mean 'Edema'" in lines[1]
    assert "reads_as is 'maybe', expected present, absent or uncertain" in lines[2]
    assert "the same note stands in row 5 already" in lines[3]


def test_missing_columns_are_named_at_once(tmp_path: Path) -> None:
    """Each missing column is one line, with the near miss."""
    with pytest.raises(InputError) as fault:
        read_notes(write(tmp_path, "report_id,finding,reads,evidence\n1,Edema,1,e\n"))
    lines = str(fault.value).splitlines()
    assert len(lines) == 2
    assert "no column is called 'reads_as'; did you mean 'reads'?" in lines[0]
    assert "no column is called 'why'" in lines[1]


@pytest.mark.parametrize(("name", "count"), [("demo-en", 105), ("demo-zh", 15)])
def test_the_demonstration_notes_are_read_and_quote_their_reports(name: str, count: int) -> None:
    """Each inline note's evidence is a passage of the text that a program reads."""
    path = DATASETS / name / "reports.jsonl"
    texts = {r.report_id: r.text for r in read_reports(path)}
    notes = inline_notes_of(read_table(path), str(path))
    assert len({n.note_id for n in notes}) == count
    assert [n for n in notes if n.evidence not in texts[n.report_id]] == []


@pytest.mark.parametrize(
    ("notes", "says"),
    [
        ("soon", "report '1': notes are 'soon', expected a list of objects"),
        ({"finding": "Edema"}, "expected a list of objects"),
        ([{"finding": "Edemma", "reads_as": 1}], "report '1', note 1: no finding is called 'Edemma'"),
        ([{"finding": "Edema"}], "report '1', note 1: reads_as is ''"),
    ],
)
def test_broken_inline_notes_are_refused(tmp_path: Path, notes: object, says: str) -> None:
    """The error names the report and the note."""
    path = write(tmp_path, json.dumps({"id": "1", "report": "x", "notes": notes}), "a.jsonl")
    with pytest.raises(InputError) as fault:
        inline_notes_of(read_table(path), str(path))
    assert says in str(fault.value)


def test_reports_without_notes_give_none(tmp_path: Path) -> None:
    """A blank or empty list of notes is no note."""
    path = write(tmp_path, '{"id": 1, "notes": []}\n{"id": 2, "notes": null}\n{"id": 3}\n', "a.jsonl")
    assert inline_notes_of(read_table(path), str(path)) == ()
