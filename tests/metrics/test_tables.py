"""Reading tables of labels: the forms that are understood, and the faults that are named."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from ranscore.errors import InputError
from ranscore.metrics._tables import LabelTable, Side, match_by_report_id, read_labels

TWO = ("pneumothorax", "support_devices")


def table(*values: object, name: str = "Pneumothorax", **columns: object) -> pd.DataFrame:
    """A table with one column to look at."""
    ids = [f"r{i}" for i in range(len(values))]
    return pd.DataFrame({"report_id": ids, name: list(values), "Support Devices": [0] * len(values), **columns})


def read(frame: pd.DataFrame, side: Side = "reference") -> list[int]:
    """The codes of the first finding."""
    return [int(code) for code in read_labels(frame, side, TWO).values[:, 0]]


@pytest.mark.parametrize(
    "values",
    [
        [1, 0, -1],
        [1.0, 0.0, -1.0],
        ["1", "0", "-1"],
        ["1.0", "0.0", "-1.0"],
        ["present", "Absent", " UNCERTAIN "],
        pd.array([1, 0, -1], dtype="Int64"),
        pd.Categorical(["present", "absent", "uncertain"]),
        np.array([np.int64(1), "absent", -1.0], dtype=object),
    ],
)
def test_a_reference_cell_may_be_a_number_or_a_word(values: Any) -> None:
    """Numbers, their texts and the three words mean the same in every dtype."""
    assert read(table(*values)) == [1, 0, -1]
    assert read(table(0, 0, 0).assign(Pneumothorax=values)) == [1, 0, -1]


@pytest.mark.parametrize("nothing", ["unanswered", "Unanswered", "", " ", None, float("nan"), pd.NA])
def test_a_generated_cell_without_an_answer_is_unanswered(nothing: object) -> None:
    """The word and a blank in any form are unanswered, and never absent."""
    assert read(table(1, nothing, 0), "generated") == [1, -2, 0]


def test_a_numeric_column_with_blanks_is_unanswered_there() -> None:
    """A blank in a column of numbers is NaN after reading a CSV."""
    assert read(table(1.0, float("nan"), 0.0), "generated") == [1, -2, 0]


def test_truth_values_are_labels() -> None:
    """True is present, False is absent."""
    assert read(table(True, False), "generated") == [1, 0]


@pytest.mark.parametrize(
    ("side", "value", "found"),
    [
        ("reference", 2, "found 2; expected 1 (present), 0 (absent) or -1 (uncertain)"),
        ("reference", 0.5, "found 0.5"),
        ("reference", "maybe", "found 'maybe'"),
        ("reference", "unanswered", "found 'unanswered'"),
        ("generated", -1, "found -1; expected 1 (present), 0 (absent) or 'unanswered'"),
        ("generated", "uncertain", "found 'uncertain'"),
        ("generated", "-2", "found '-2'"),
    ],
)
def test_a_wrong_value_is_named_with_its_row_and_column(side: Side, value: object, found: str) -> None:
    """The error says which cell, what stands there and what was expected."""
    with pytest.raises(InputError) as caught:
        read(table(0, value), side)
    assert str(caught.value).startswith(f"{side}: row 2 (report_id 'r1'), column 'Pneumothorax': {found}")


def test_a_blank_reference_cell_is_refused_in_one_sentence() -> None:
    """Not read is not absent: the first blank is named and the others counted."""
    with pytest.raises(InputError) as caught:
        read(table(0, None, None, 1))
    assert str(caught.value) == (
        "reference: row 2 (report_id 'r1'), column 'Pneumothorax': found a blank (not read), one of 2 in the column; "
        "expected 1 (present), 0 (absent) or -1 (uncertain): fill it, or leave the report out."
    )


@pytest.mark.parametrize("name", ["Pneumothorax", "pneumothorax", "PNEUMOTHORAX", " Pneumothorax "])
def test_a_column_may_have_any_known_name_of_its_finding(name: str) -> None:
    """Id, name and case do not matter."""
    assert read(table(1, 0, name=name)) == [1, 0]


def test_columns_that_are_no_findings_are_known_by_name() -> None:
    """A patient, a system or a written index beside the findings is no fault."""
    extra: dict[str, Any] = {"Patient ID": ["p", "q"], "system": ["a", "a"], "Unnamed: 0": [0, 1]}
    assert read(table(1, 0).assign(**extra)) == [1, 0]


def test_an_unknown_column_is_named_with_its_near_misses() -> None:
    """A misspelt finding is not dropped silently."""
    with pytest.raises(InputError) as caught:
        read(table(1, 0, Pneumothoraks=[0, 0]))
    assert "column 'Pneumothoraks'" in str(caught.value)
    assert "did you mean 'Pneumothorax'" in str(caught.value)


def test_all_faults_of_a_table_are_told_at_once() -> None:
    """A missing column, a column twice, a wrong value and an id twice stand in one message."""
    frame = pd.DataFrame({"report_id": ["a", "a"], "pneumothorax": [0, 2], "Pneumothorax": [0, 2]})
    with pytest.raises(InputError) as caught:
        read(frame)
    lines = str(caught.value).splitlines()
    assert [line.split(";")[0] for line in lines] == [
        "reference: 1 report_id stand in more than one row: 'a'",
        "reference: column 'Pneumothorax': 'Pneumothorax' once more",
        "reference: no column for 'Support Devices'",
        "reference: row 2 (report_id 'a'), column 'Pneumothorax': found 2",
    ]


def test_the_report_id_may_be_the_index() -> None:
    """A table indexed by report_id reads as one with the column."""
    frame = table(1, 0)
    np.testing.assert_array_equal(
        read_labels(frame.set_index("report_id"), "reference", TWO).values, read_labels(frame, "reference", TWO).values
    )


def test_a_plain_row_number_is_no_report_id() -> None:
    """Rows are never matched by their place, so a table without ids is refused."""
    with pytest.raises(InputError, match="never by their row"):
        read(table(1, 0).drop(columns="report_id"))


@pytest.mark.parametrize(
    "ids", [[7, 12], [7.0, 12.0], ["7", "12"], [" 7", "12 "], pd.array([7, 12], dtype="Int64"), [np.int64(7), 12]]
)
def test_ids_of_any_type_become_the_same_text(ids: Any) -> None:
    """A number read as text on one side and as a float on the other still matches."""
    frame = table(1, 0)
    frame["report_id"] = ids
    assert read_labels(frame, "reference", TWO).report_ids == ("7", "12")


def test_a_blank_report_id_is_named_with_its_row() -> None:
    """A report without an id cannot be matched."""
    frame = table(1, 0)
    frame["report_id"] = ["a", None]
    with pytest.raises(InputError, match="row 2: report_id is blank"):
        read(frame)


def labelled(*ids: str) -> LabelTable:
    """A table whose values tell the rows apart."""
    return LabelTable(ids, np.arange(len(ids), dtype=np.int8)[:, np.newaxis])


def test_reports_are_matched_by_id_in_the_order_of_the_ids() -> None:
    """Both sides' rows follow the ids, wherever they stood."""
    ids, ours, theirs = match_by_report_id(labelled("b", "a", "c"), labelled("c", "b", "a"), "exact")
    assert (ids, ours.ravel().tolist(), theirs.ravel().tolist()) == (["a", "b", "c"], [1, 0, 2], [2, 1, 0])


def test_reports_on_one_side_only_are_named() -> None:
    """The counts of both sides and some ids are told, with the way out."""
    with pytest.raises(InputError) as caught:
        match_by_report_id(labelled(*"abcdefgh"), labelled("b", "z"), "exact")
    assert str(caught.value) == (
        "report_id: 7 only in the reference table ('a', 'c', 'd', 'e', 'f' …), 1 only in the generated table ('z'), "
        "1 in both; expected the same reports on both sides: correct the ids, or score only the shared ones with join "
        "'inner'."
    )


@pytest.mark.parametrize("join", ["exact", "inner"])
@pytest.mark.parametrize(("ours", "theirs"), [("a", "b"), ("", "b"), ("", "")])
def test_tables_that_share_no_report_are_refused(ours: str, theirs: str, join: str) -> None:
    """Nothing to score is an error under every join."""
    with pytest.raises(InputError, match="0 in both"):
        match_by_report_id(labelled(*ours), labelled(*theirs), join)


def test_an_unknown_join_is_refused() -> None:
    """An outer join would score reports against nothing."""
    with pytest.raises(InputError, match="found 'outer'; expected 'exact' or 'inner'"):
        match_by_report_id(labelled("a"), labelled("a"), "outer")
