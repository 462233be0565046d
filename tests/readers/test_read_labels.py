"""Wide label tables."""

from __future__ import annotations

from pathlib import Path

import pytest

from ranscore.catalog import finding_ids, findings
from ranscore.errors import InputError
from ranscore.readers import read_labels

DATASETS = Path(__file__).parents[2] / "datasets"


def write(folder: Path, text: str) -> Path:
    """A CSV file with this text."""
    path = folder / "labels.csv"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *[("1", 1), ("0", 0), ("-1", -1), ("", -2), ("1.0", 1), ("0.0", 0), ("-1.0", -1), (" ", -2)],
        *[("present", 1), ("Absent", 0), ("UNCERTAIN", -1), ("unanswered", -2)],
    ],
)
def test_every_way_to_write_a_value_is_read(tmp_path: Path, text: str, value: int) -> None:
    """Numbers, numbers with a decimal point, words, and blank for unanswered."""
    table = read_labels(write(tmp_path, f"report_id,Pneumothorax\nr1,{text}\n"))
    assert table.column("pneumothorax") == {"r1": value}


@pytest.mark.parametrize("text", ["2", "-2", "0.5", "yes", "nan", "inf", "1,5", "true", "P"])
def test_another_value_is_refused_with_its_place(tmp_path: Path, text: str) -> None:
    """The error names report, column and value, and what is accepted; nothing is read."""
    with pytest.raises(InputError) as fault:
        read_labels(write(tmp_path, f'report_id,Edema\nr1,1\nr2,"{text}"\n'))
    assert f"row 3, report 'r2', column 'Edema': found {text!r}, expected 1, 0, -1 or blank" in str(fault.value)
    assert "r1" not in str(fault.value).replace(str(tmp_path), "")


def test_columns_are_findings_by_any_name_in_the_catalogs_order(tmp_path: Path) -> None:
    """Ids, names and aliases are findings; what stands beside them is passed over, what is missing is not there."""
    table = read_labels(write(tmp_path, "uid,age,support devices,EDEMA,system\nb,60,1,0,x\na,61,0,-1,x\n"))
    assert table.findings == ("edema", "support_devices")
    assert table.report_ids == ("b", "a")
    assert table.values == ((0, 1), (-1, 0))


@pytest.mark.parametrize("name", [n for f in findings().values() for n in (f.id, f.name, *f.aliases)])
def test_each_name_of_each_finding_is_a_column(tmp_path: Path, name: str) -> None:
    """No alias of the catalog is refused or mistaken for a column beside the labels."""
    assert len(read_labels(write(tmp_path, f'id,"{name}"\n1,1\n')).findings) == 1


REFUSED = {
    "near miss": (
        "report_id,Pneumotorax\n1,1\n",
        "column 'Pneumotorax': no finding is called 'Pneumotorax'; did you mean",
    ),
    "same finding": ("report_id,Support Devices,support_devices\n1,1,1\n", "have the same name but for case"),
    "no finding": ("report_id,age\n1,60\n", "no column is a finding; columns there: age"),
    "no id": ("report,Edema\n1,60\n", "no column is called 'report_id'"),
    "id twice": ("report_id,Edema\n1,1\n1,0\n", "'1' in row 2 and row 3"),
    "blank id": ("report_id,Edema\n1,1\n,0\n", "row 3: the report id is blank"),
}


@pytest.mark.parametrize(("text", "says"), REFUSED.values(), ids=REFUSED)
def test_a_table_that_is_no_label_table_is_refused(tmp_path: Path, text: str, says: str) -> None:
    """The error says which column or row is wrong."""
    with pytest.raises(InputError) as fault:
        read_labels(write(tmp_path, text))
    assert says in str(fault.value)


def test_all_faults_come_at_once(tmp_path: Path) -> None:
    """A wrong column, two wrong values and a repeated id stand in one error."""
    with pytest.raises(InputError) as fault:
        read_labels(write(tmp_path, "report_id,Edema,Foo\n1,2,1\n1,yes,1\n"))
    assert len(str(fault.value).splitlines()) == 4


def test_a_readers_table_is_read_whole() -> None:
    """The first reader's table holds 21 findings of 300 reports, as a second reading of the file confirms."""
    import pandas as pd

    path = DATASETS / "demo-en" / "raters" / "rater_1.csv"
    table, plain = read_labels(path), pd.read_csv(path).set_index("report_id")
    assert table.findings == finding_ids()
    assert len(table.report_ids) == 300
    for finding in table.findings:
        assert table.column(finding) == plain[findings()[finding].name].to_dict()
