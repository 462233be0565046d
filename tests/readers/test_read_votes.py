"""Readers' labels in long tables, Excel workbooks and reference files, and decisions on single cells."""

from __future__ import annotations

from pathlib import Path

import pytest
from openpyxl import Workbook

from ranscore.cohort import dataset_panel
from ranscore.errors import DigestError, InputError
from ranscore.readers import CellValue, read_decisions, read_labels, read_table, rows_of, scan_votes
from ranscore.records import LabelTable
from ranscore.reference import build_reference, first_version

LONG = "report_id,Reader,finding,value\n1,A,Edema,1\n1,A,fracture,\n1,B,Edema,0\n1,B,Fracture,-1\n"


def written(path: Path, text: str) -> Path:
    """A file with this text."""
    path.write_text(text, encoding="utf-8")
    return path


def workbook(path: Path, *sheets: list[list[object]]) -> Path:
    """A workbook with these sheets."""
    book = Workbook()
    book.remove(book.active)
    for rows in sheets:
        sheet = book.create_sheet()
        for row in rows:
            sheet.append(row)
    book.save(path)
    return path


def table(ids: str, **columns: list[int]) -> LabelTable:
    """A small label table."""
    rows = tuple(zip(*columns.values(), strict=True))
    return LabelTable(report_ids=tuple(ids), findings=tuple(columns), values=rows)


def test_a_long_table_holds_several_readers(tmp_path: Path) -> None:
    """Each reader's cells become his table; a blank value is no answer."""
    tables, faults = scan_votes(written(tmp_path / "a.csv", LONG))
    assert faults == []
    assert tables == {"A": table("1", edema=[1], fracture=[-2]), "B": table("1", edema=[0], fracture=[-1])}


def test_a_wide_table_is_one_reader_named_as_the_file(tmp_path: Path) -> None:
    """Any other table is read as a wide one."""
    tables, faults = scan_votes(written(tmp_path / "dr-lee.csv", "report_id,Edema\n1,1\n"))
    assert (list(tables), faults) == (["dr-lee"], [])


def test_all_faults_of_a_long_table_come_at_once(tmp_path: Path) -> None:
    """A wrong value, an unknown finding, blanks, a repeated and a missing cell, each with its row."""
    rows = ["1,A,Edema,2", "1,A,Edma,1", ",A,Edema,1", "1,,Edema,1", "2,A,Edema,0", "2,A,Edema,1", "2,A,Fracture,0"]
    tables, faults = scan_votes(written(tmp_path / "a.csv", "report_id,rater,finding,value\n" + "\n".join(rows)))
    said = "\n".join(faults)
    assert "row 2: report '1': value is '2', expected 1, 0, -1 or blank" in said
    assert "row 3: no finding is called 'Edma'; did you mean 'Edema'" in said
    assert "row 4: the report id is blank" in said
    assert "row 5: the rater is blank" in said
    assert "row 7: 'A' has another row for report '2', Edema; expected one" in said
    assert "reader 'A': 1 cells have no row (1, Fracture)" in said
    assert len(faults) == 6
    assert tables["A"].values == ((-2, -2), (0, 0))


def test_decisions_are_read_with_their_reasons(tmp_path: Path) -> None:
    """The value, and where they stand what it was, why and by whom."""
    text = "report_id,finding,value,was,why,by\n1,Edema,1,-1,seen on CT,Dr Lee\n2,Fracture,-1,,,\n"
    assert read_decisions(written(tmp_path / "a.csv", text)) == (
        CellValue("1", "edema", 1, -1, "seen on CT", "Dr Lee"),
        CellValue("2", "fracture", -1),
    )


def test_all_faults_of_decisions_come_at_once(tmp_path: Path) -> None:
    """Unknown findings, wrong, blank and repeated decisions, and missing columns."""
    text = "report_id,finding,value\n1,Edema,3\n1,Edma,1\n1,Fracture,\n2,Edema,1\n2,edema,0\n"
    with pytest.raises(InputError) as fault:
        read_decisions(written(tmp_path / "a.csv", text))
    said = str(fault.value)
    assert "row 2: report '1': value is '3'" in said
    assert "row 3: no finding is called 'Edma'" in said
    assert "row 4: the value is blank; expected 1, 0 or -1" in said
    assert "row 6: report '2', Edema: decided in another row already" in said
    with pytest.raises(InputError, match="no column is called 'value'"):
        read_decisions(written(tmp_path / "b.csv", "report_id,finding\n1,Edema\n"))


def test_a_workbook_is_read_as_its_csv(tmp_path: Path) -> None:
    """Numbers gain no decimal point, empty rows and columns are passed over, rows keep their numbers."""
    rows = [["report_id", "Edema", "Fracture", None], [101, 1, -1.0, None], [None] * 4, ["r2", None, 0, None]]
    path = workbook(tmp_path / "a.xlsx", rows, [])
    assert list(rows_of(read_table(path))) == [
        ("row 2", {"report_id": "101", "Edema": "1", "Fracture": "-1"}),
        ("row 4", {"report_id": "r2", "Edema": "", "Fracture": "0"}),
    ]
    assert read_labels(path).values == ((1, -1), (-2, 0))


def test_a_workbook_that_hides_something_is_refused(tmp_path: Path) -> None:
    """Two filled sheets, merged cells, formulas without a value and columns without a name are named."""
    head = ["report_id", "Edema"]
    with pytest.raises(InputError, match=r"sheets with values: 'Sheet', 'Sheet1'; expected exactly one"):
        read_table(workbook(tmp_path / "two.xlsx", [head, ["1", 1]], [["note"]]))
    with pytest.raises(InputError, match="sheets with values: none"):
        read_table(workbook(tmp_path / "empty.xlsx", []))
    with pytest.raises(InputError) as fault:
        read_table(workbook(tmp_path / "odd.xlsx", [head, ["1", "=1+0"], ["2", 0, "why"]]))
    assert "cell B2: holds a formula without a stored value" in str(fault.value)
    assert "cell C3: found 'why' in a column without a name" in str(fault.value)
    book = Workbook()
    book.active.append(head)
    book.active.append(["1", 1])
    book.active.merge_cells("A2:A3")
    book.save(tmp_path / "merged.xlsx")
    with pytest.raises(InputError, match="the cells A2:A3 are merged"):
        read_table(tmp_path / "merged.xlsx")


@pytest.mark.parametrize("content", [b"", b"PK", b"report_id,Edema\n1,1\n", b"PK\x05\x06" + bytes(18)])
def test_what_is_no_workbook_is_refused(tmp_path: Path, content: bytes) -> None:
    """A CSV with the wrong suffix, an empty and a broken file are refused in words."""
    path = tmp_path / "a.xlsx"
    path.write_bytes(content)
    with pytest.raises(InputError, match="expected an Excel workbook"):
        read_table(path)


def test_a_reference_file_is_read_as_labels(tmp_path: Path) -> None:
    """What `ranscore reference` writes is a table of labels for everything else."""
    panel = dataset_panel("demo-zh")
    reference = build_reference(panel.tables, panel.minimum)
    path = tmp_path / "reference.json"
    path.write_bytes(first_version(reference, panel.names, panel.sources).encode())
    assert read_labels(path) == reference.table


def test_an_edited_reference_file_is_refused(tmp_path: Path) -> None:
    """One other value, a cut file, and JSON that is no reference."""
    version = first_version(build_reference([table("ab", edema=[1, 0])] * 3), ("A", "B", "C"), {})
    text = version.encode().decode()
    with pytest.raises(DigestError, match="it was edited; a correction is made with"):
        read_labels(written(tmp_path / "a.json", text.replace('"values": [1]', '"values": [0]')))
    with pytest.raises(DigestError, match="so it is cut or edited"):
        read_labels(written(tmp_path / "b.json", text[:-20]))
    with pytest.raises(InputError, match="this JSON is no reference file"):
        read_labels(written(tmp_path / "c.json", '{"report_id": 1}'))
