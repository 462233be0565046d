"""Tables of reports without what identifies patients."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from ranscore.deidentification import Key
from ranscore.deidentifying import Cleaned, clean_table, encode_rows, review_rows
from ranscore.errors import InputError

KEY, OTHER = Key(b"k" * 32), Key(b"o" * 32)
ROWS: list[dict[str, Any]] = [
    {"report_id": "r1", "patient_id": "p1", "patient_name": "Zed Quill", "study_date": "2023-03-14", "age": "95",
     "sex": "F", "ward": "7B", "Pneumothorax": 1,
     "report": "Zed Quill, MRN 0012345, compared with 03/04/2023. Small pneumothorax. Signed by: Ann Lee, MD"},
    {"report_id": "r2", "patient_id": "p1", "patient_name": "Zed Quill", "study_date": "2023-03-24 08:15:00",
     "age": "089Y", "sex": "F", "ward": "7B", "Pneumothorax": 0,
     "report": "Quill again. Lungs clear. Seen by Maria at noon. =SUM(A1) transferred from MGH."},
    {"report_id": "r3", "patient_id": "p2", "patient_name": "", "study_date": "soon", "age": "100 days", "sex": "M",
     "ward": "", "Pneumothorax": "", "report": "The lungs are clear."},
]  # fmt: skip


def written(folder: Path, rows: list[dict[str, Any]], name: str = "reports.jsonl") -> Path:
    path = folder / name
    path.write_text("".join(json.dumps(r) + "\n" for r in rows), encoding="utf-8")
    return path


@pytest.fixture
def done(tmp_path: Path) -> Cleaned:
    return clean_table(written(tmp_path, ROWS), KEY)


def test_every_column_is_treated_by_its_role(done: Cleaned) -> None:
    """Ids get marks, texts are cleaned, dates move, ages over 89 are cut, findings stay, the rest is left out."""
    assert done.columns == ("report_id", "patient_id", "study_date", "age", "sex", "Pneumothorax", "report")
    assert set(done.left_out) == {"patient_name", "ward"}
    assert [r["age"] for r in done.rows] == ["90+", "089Y", "100 days"]
    assert [r["Pneumothorax"] for r in done.rows] == ["1", "0", ""]
    assert [r["sex"] for r in done.rows] == ["F", "F", "M"]
    assert "Small pneumothorax." in done.rows[0]["report"]
    assert done.rows[2]["report"] == "The lungs are clear."


def test_ids_can_be_joined_and_not_read(done: Cleaned) -> None:
    """One patient has one mark, two reports have two, and no id is left."""
    assert done.rows[0]["patient_id"] == done.rows[1]["patient_id"] != done.rows[2]["patient_id"]
    assert len({r["report_id"] for r in done.rows}) == 3
    assert not {"r1", "r2", "r3", "p1", "p2"} & {v for r in done.rows for v in r.values()}


def test_dates_of_a_patient_keep_their_interval_in_columns_and_texts(done: Cleaned) -> None:
    """Ten days between two studies, and ten from the prior named in a text, are ten days afterwards."""
    first, second = (date.fromisoformat(r["study_date"]) for r in done.rows[:2])
    assert (second - first).days == 10
    assert first < date(2023, 3, 14)
    prior = f"{date.fromordinal(first.toordinal() - 10):%m/%d/%Y}"
    assert prior in done.rows[0]["report"]


def test_a_date_that_cannot_be_read_is_empty_and_listed(done: Cleaned) -> None:
    """No date is passed on as it came, and none is lost in silence."""
    assert done.rows[2]["study_date"] == ""
    assert [(r.text, r.sure) for r in done.replacements if r.rule == "date that cannot be read"] == [("soon", False)]


def test_a_name_of_a_column_is_found_in_the_text(done: Cleaned) -> None:
    """The patient's name is replaced in the texts, though the column of names itself is left out."""
    text = " ".join(r["report"] for r in done.rows)
    assert "Zed Quill" not in text
    assert "0012345" not in text
    assert "Ann Lee" not in text
    assert "[NAME-" in text


def test_another_key_gives_other_marks(tmp_path: Path, done: Cleaned) -> None:
    """Nothing of one key's marks is found under another."""
    other = clean_table(written(tmp_path, ROWS), OTHER)
    assert not {r["report_id"] for r in done.rows} & {r["report_id"] for r in other.rows}
    assert clean_table(written(tmp_path, ROWS), KEY) == done


def test_a_table_that_this_key_made_is_refused(tmp_path: Path, done: Cleaned) -> None:
    """A second pass under one key changes nothing, since it is refused."""
    path = tmp_path / "done.csv"
    path.write_bytes(encode_rows(done.columns, done.rows, ".csv"))
    with pytest.raises(InputError, match="de-identified before"):
        clean_table(path, KEY)
    assert clean_table(path, OTHER).rows


def test_kept_columns_are_named(tmp_path: Path) -> None:
    """--keep takes a column along as it is, and a name that is none is refused with those there."""
    path = written(tmp_path, ROWS)
    assert [r["ward"] for r in clean_table(path, KEY, keep=("ward",)).rows] == ["7B", "7B", ""]
    with pytest.raises(InputError, match=r"--keep names bed; columns there: report_id, patient_id"):
        clean_table(path, KEY, keep=("bed",))


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([{"report_id": "1", "words": "x"}], "with the reports' text; rename it"),
        ([{"number": "1", "report": "x"}], "with the reports' ids; rename it"),
    ],
)
def test_a_table_without_id_or_text_is_refused(tmp_path: Path, rows: list[dict[str, Any]], says: str) -> None:
    """One sentence says what was found and what was expected."""
    with pytest.raises(InputError, match=says) as refused:
        clean_table(written(tmp_path, rows), KEY)
    assert "\n" not in str(refused.value)


def test_the_review_list_starts_with_what_is_doubtful(done: Cleaned) -> None:
    """Doubtful places first, each with what stood there, and no cell that a spreadsheet would compute."""
    rows = list(csv.DictReader(io.StringIO(review_rows(done).decode("utf-8"))))
    sure = [r["sure"] for r in rows]
    assert sure == sorted(sure)
    assert {"False", "True"} == set(sure)
    assert {"MGH", "soon"} <= {r["text"] for r in rows if r["sure"] == "False"}


def test_the_review_list_is_harmless_in_a_spreadsheet(tmp_path: Path) -> None:
    """A place whose text starts like a formula is written as text."""
    row = {"report_id": "1", "report": "clear", "study_date": "=HYPERLINK(1)"}
    rows = list(csv.DictReader(io.StringIO(review_rows(clean_table(written(tmp_path, [row]), KEY)).decode())))
    assert [r["text"] for r in rows] == ["'=HYPERLINK(1)"]


def test_a_second_opinion_goes_to_the_doubtful_places(tmp_path: Path) -> None:
    """What another finder sees beside the rules is listed and replaced nowhere."""

    def lungs(text: str) -> Iterator[tuple[int, int, str]]:
        at = text.find("lungs")
        if at >= 0:
            yield at, at + 5, "organ"

    done = clean_table(written(tmp_path, ROWS), KEY, second_opinion=lungs)
    assert done.rows[2]["report"] == "The lungs are clear."
    assert [(r.text, r.category) for r in done.doubtful() if r.rule == "second opinion"] == [("lungs", "organ")]


def test_columns_in_chinese_are_known(tmp_path: Path) -> None:
    """A hospital's own headings are enough."""
    row = {
        "检查号": "X1",
        "患者姓名": "张小伟",
        "年龄": "95岁",
        "检查日期": "2023年5月16日",
        "影像所见": "张小伟，左侧气胸。",
    }
    done = clean_table(written(tmp_path, [row]), KEY)
    assert done.columns == ("检查号", "年龄", "检查日期", "影像所见")
    assert done.rows[0]["年龄"] == "90+"
    assert "张小伟" not in str(done.rows)
    assert "左侧气胸。" in done.rows[0]["影像所见"]
