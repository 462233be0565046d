"""Tables of reports."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ranscore.errors import InputError
from ranscore.readers import read_reports

DATASETS = Path(__file__).parents[2] / "datasets"


def write(folder: Path, text: str) -> Path:
    """A CSV file with this text."""
    path = folder / "reports.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_sections_become_one_text_and_the_indication_is_not_read(tmp_path: Path) -> None:
    """Findings and impression stand under their headings; a blank section has none."""
    path = write(
        tmp_path, "report_id,indication,findings,impression\n1,cough,Clear.,Normal.\n2,cough,,Normal.\n3,x,Clear.,\n"
    )
    texts = [r.text for r in read_reports(path)]
    assert texts == ["FINDINGS: Clear.\nIMPRESSION: Normal.", "IMPRESSION: Normal.", "FINDINGS: Clear."]


def test_a_chinese_report_gets_chinese_headings(tmp_path: Path) -> None:
    """The headings are in the report's own script."""
    path = write(tmp_path, "report_id,findings,impression\n1,双肺清晰。,心肺膈未见异常。\n")
    assert read_reports(path)[0].text == "影像所见：双肺清晰。\n诊断意见：心肺膈未见异常。"


@pytest.mark.parametrize("name", ["report_id", "Report ID", "REPORT-ID", "id", "uid", "study_id", "Example_ID"])
def test_the_id_column_goes_by_several_names(tmp_path: Path, name: str) -> None:
    """Case, spaces and hyphens do not matter, and one other usual name is taken."""
    assert read_reports(write(tmp_path, f"{name},Report\n 7 , Clear. \n"))[0].model_dump(exclude={"terms"}) == {
        "report_id": "7",
        "text": "Clear.",
        "language": "",
        "group": "",
    }


def test_report_id_wins_over_other_id_columns(tmp_path: Path) -> None:
    """A table with report_id may hold other ids beside it; the patient becomes the group."""
    report = read_reports(write(tmp_path, "uid,subject_id,report_id,report\na,p1,r1,Clear.\n"))[0]
    assert (report.report_id, report.group) == ("r1", "p1")


def test_columns_and_language_can_be_given(tmp_path: Path) -> None:
    """A table's own names are mapped to roles, and a given language stands for all reports."""
    path = write(tmp_path, "accession,befund,language\n1,Clear.,fr\n")
    columns = {"report_id": "accession", "report": "befund"}
    assert read_reports(path, columns=columns)[0].language == "fr"
    assert read_reports(path, columns=columns, language="en")[0].language == "en"


def test_a_report_without_text_is_kept(tmp_path: Path) -> None:
    """A blank report is a report: its text is empty, not a heading."""
    reports = read_reports(write(tmp_path, "id,findings,impression\n1, ,\n2,Clear.,\n"))
    assert [r.text for r in reports] == ["", "FINDINGS: Clear."]


@pytest.mark.parametrize(("name", "count", "language"), [("demo-en", 300, "en"), ("demo-zh", 150, "zh")])
def test_the_demonstration_reports_hold_all_sections(name: str, count: int, language: str) -> None:
    """Each report's text holds its findings and its impression, and never its indication."""
    path = DATASETS / name / "reports.jsonl"
    rows = {r["id"]: r for r in map(json.loads, path.read_text(encoding="utf-8").splitlines())}
    reports = read_reports(path)
    assert len(reports) == count
    for report in reports:
        row = rows[report.report_id]
        assert report.language == language
        assert row["findings"] in report.text
        assert row["impression"] in report.text
        assert len(report.text) < len(row["findings"]) + len(row["impression"]) + 25


REFUSED = {
    "no id": ("reprot_id,report\n1,x\n", "no column is called 'report_id'; did you mean 'reprot_id'?"),
    "no text": ("report_id,finding\n1,x\n", "no column is called 'report'; columns there: report_id, finding"),
    "two ids": ("id,uid,report\n1,2,x\n", "'id' and 'uid' could each be it"),
    "same name": ("report_id,Report,report\n1,x,y\n", "'Report' and 'report' have the same name but for case"),
    "blank id": ("report_id,report\n1,x\n ,y\n", "row 3: the report id is blank"),
    "ids twice": ("id,report\n" + "".join(f"{i % 7},x\n" for i in range(14)), "'4' in row 6 and row 13; and 2 more"),
}


@pytest.mark.parametrize(("text", "says"), REFUSED.values(), ids=REFUSED)
def test_a_table_that_is_no_table_of_reports_is_refused(tmp_path: Path, text: str, says: str) -> None:
    """The error says what is there, what is missing and what comes near."""
    with pytest.raises(InputError) as fault:
        read_reports(write(tmp_path, text))
    assert says in str(fault.value)


def test_all_faults_come_at_once(tmp_path: Path) -> None:
    """Both missing columns, or each bad id, stand in one error."""
    with pytest.raises(InputError) as fault:
        read_reports(write(tmp_path, "a,b\n1,2\n"))
    assert len(str(fault.value).splitlines()) == 2
    with pytest.raises(InputError) as fault:
        read_reports(write(tmp_path, "id,report\n,x\n1,x\n,y\n1,x\n"))
    assert len(str(fault.value).splitlines()) == 3


def test_columns_that_are_not_there_are_refused(tmp_path: Path) -> None:
    """A given column must exist, and a role must be one that is read."""
    path = write(tmp_path, "uid,text\n1,x\n")
    with pytest.raises(InputError, match="no column is called 'txt'; did you mean 'text'"):
        read_reports(path, columns={"report": "txt"})
    with pytest.raises(InputError, match="columns are given for body, expected only report_id"):
        read_reports(path, columns={"body": "text"})
