"""Several readers' labels to one reference."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ranscore.catalog import asked_ids, finding_id, finding_ids
from ranscore.cohort import read_rater_reference
from ranscore.errors import InputError
from ranscore.readers import read_labels
from ranscore.records import LabelTable
from ranscore.reference import build_reference, derive_no_finding

DATASETS = Path(__file__).parents[2] / "datasets"
LABELS = st.sampled_from([1, 0, -1, -2])


def one(*votes: int) -> list[LabelTable]:
    """One report and one finding, as each reader labels it."""
    return [LabelTable(report_ids=("r",), findings=("edema",), values=((v,),)) for v in votes]


def authored(name: str) -> LabelTable:
    """The labels that the authors of a demonstration cohort gave, No Finding derived."""
    lines = (DATASETS / name / "reports.jsonl").read_text(encoding="utf-8").splitlines()
    rows = {r["id"]: {finding_id(f): v for f, v in r["labels"].items()} for r in map(json.loads, lines)}
    values = tuple(tuple(row.get(f, 0) for f in asked_ids()) for row in rows.values())
    return derive_no_finding(LabelTable(report_ids=tuple(rows), findings=asked_ids(), values=values))


@pytest.mark.parametrize(("name", "count"), [("demo-en", 300), ("demo-zh", 150)])
def test_six_readers_agree_on_the_authored_labels(name: str, count: int) -> None:
    """The vote over the six readers, No Finding derived after it, equals the authors' labels in every cell."""
    paths = sorted((DATASETS / name / "raters").glob("*.csv"))
    reference = read_rater_reference(paths)
    assert (reference.raters, reference.minimum) == (6, 4)
    assert reference.table == authored(name)
    assert (len(reference.table.report_ids), reference.table.findings) == (count, finding_ids())


def test_no_finding_is_derived_after_the_vote_not_voted() -> None:
    """On three English reports the readers' own No Finding would have won another value."""
    paths = sorted((DATASETS / "demo-en" / "raters").glob("*.csv"))
    voted = build_reference([_only_no_finding(read_labels(p)) for p in paths]).table.column("no_finding")
    derived = read_rater_reference(paths).table.column("no_finding")
    assert len([r for r, value in derived.items() if voted[r] != value]) == 3


def _only_no_finding(table: LabelTable) -> LabelTable:
    column = table.column("no_finding")
    values = tuple((value,) for value in column.values())
    return LabelTable(report_ids=tuple(column), findings=("no_finding",), values=values)


@pytest.mark.parametrize(
    ("votes", "value", "reason"),
    [
        ((1, 1, 1, 1, 0, 0), 1, None),
        ((0, 0, 0, 0, -1, 1), 0, None),
        ((1, 1, 1, 0, 0, 0), -1, "no majority of 4 (3 present, 3 absent, 0 uncertain)"),
        ((-1, -1, -1, -1, 1, 1), -1, "the majority is uncertain (2 present, 0 absent, 4 uncertain)"),
        ((1, 1, 1, -1, -1, 0), -1, "no majority of 4 (3 present, 1 absent, 2 uncertain)"),
        ((1, 1, 1, -2, -2, -2), -1, "no majority of 4 (3 present, 0 absent, 0 uncertain)"),
        ((1,), 1, None),
        ((1, 0), -1, "no majority of 2 (1 present, 1 absent, 0 uncertain)"),
    ],
)
def test_the_majority_decides_and_the_rest_is_left_out(votes: tuple[int, ...], value: int, reason: str | None) -> None:
    """More than half of the readers decide; where they do not, the cell is uncertain and its reason is kept."""
    reference = build_reference(one(*votes))
    assert reference.table.values == ((value,),)
    assert [left.reason for left in reference.left_out] == ([] if reason is None else [reason])
    assert reference.votes == (((votes.count(1), votes.count(0), votes.count(-1)),),)


def test_a_minimum_asks_for_more_than_a_majority() -> None:
    """Four of six decide by default, and do not with a minimum of five."""
    votes = one(1, 1, 1, 1, 0, 0)
    assert build_reference(votes).table.values == ((1,),)
    assert build_reference(votes, minimum=5).table.values == ((-1,),)


@pytest.mark.parametrize("minimum", [0, 3, 7, -1])
def test_a_minimum_that_cannot_decide_is_refused(minimum: int) -> None:
    """Half of the readers or fewer could agree on both values; more than all of them on none."""
    with pytest.raises(
        InputError, match=f"a minimum of {minimum} votes does not decide among 6 readers; expected 4 to 6"
    ):
        build_reference(one(1, 1, 1, 0, 0, 0), minimum=minimum)


@given(data=st.data(), raters=st.integers(1, 7), reports=st.integers(1, 4))
def test_the_vote_depends_on_ids_alone(data: st.DataObject, raters: int, reports: int) -> None:
    """A second wording of the vote agrees, and neither the readers' order nor that of their rows matters."""
    ids = tuple(f"r{i}" for i in range(reports))
    tables, shuffled = [], []
    for _ in range(raters):
        values = tuple(tuple(data.draw(st.lists(LABELS, min_size=2, max_size=2))) for _ in ids)
        tables.append(LabelTable(report_ids=ids, findings=("edema", "fracture"), values=values))
        order = data.draw(st.permutations(range(reports)))
        flipped = tuple(tuple(reversed(values[i])) for i in order)
        shuffled.append(
            LabelTable(report_ids=tuple(ids[i] for i in order), findings=("fracture", "edema"), values=flipped)
        )
    found = build_reference(tables).table
    for finding in found.findings:
        for report_id in ids:
            value, times = Counter(t.column(finding)[report_id] for t in tables).most_common(1)[0]
            expected = value if times > raters / 2 and value in (0, 1) else -1
            assert found.column(finding)[report_id] == expected
    again = build_reference(data.draw(st.permutations(shuffled))).table
    assert {f: again.column(f) for f in again.findings} == {f: found.column(f) for f in found.findings}


def test_the_digest_follows_the_content() -> None:
    """The same votes have the same digest; one other vote has another."""
    assert build_reference(one(1, 1, 0)).digest() == build_reference(one(0, 1, 1)).digest()
    assert build_reference(one(1, 1, 0)).digest() != build_reference(one(1, 1, 1)).digest()


def test_no_readers_are_refused() -> None:
    """A reference needs at least one reader."""
    with pytest.raises(InputError, match="found no reader's labels"):
        build_reference([])


def test_all_faults_of_all_readers_come_at_once(tmp_path: Path) -> None:
    """A wrong value, an unknown finding, a missing report and a broken file stand in one error, each with its file."""
    texts = {
        "a.csv": "report_id,Edema,Fracture\n1,1,0\n2,0,0\n3,0,0\n",
        "b.csv": "report_id,Edema,Fracture\n1,2,0\n2,0,0\n",
        "c.csv": "report_id,Edema,Fractur\n1,1,0\n2,0,0\n3,0,0\n",
        "d.csv": "report_id,Edema,Fracture\n1,1\n",
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as fault:
        read_rater_reference(sorted(tmp_path.glob("*.csv")))
    said = str(fault.value)
    assert "b.csv: row 2, report '1', column 'Edema': found '2'" in said
    assert "c.csv: column 'Fractur': no finding is called 'Fractur'; did you mean 'Fracture'" in said
    assert "d.csv: row 2: fields: found 2, expected 3" in said
    assert "b.csv: no row for 3; expected a row for every report" in said
    assert "c.csv: no column for Fracture" in said
    assert "a.csv" not in said


def test_tables_that_differ_are_refused() -> None:
    """A report or a finding that one reader lacks, and a value that is no label, are named by reader."""
    a = LabelTable(report_ids=("1", "2"), findings=("edema",), values=((1,), (0,)))
    b = LabelTable(report_ids=("1",), findings=("edema", "fracture"), values=((2, 0),))
    with pytest.raises(InputError) as fault:
        build_reference([a, b])
    assert str(fault.value).splitlines() == [
        "readers: reader 1: no column for Fracture; expected a column for every finding that another has",
        "readers: reader 2: no row for 2; expected a row for every report that another reader has",
        "readers: reader 2, report '1', finding 'edema': found 2, expected 1, 0, -1 or -2 (no answer)",
    ]
