"""Ties, adjudications, and references as versions that are corrected and never edited."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ranscore.catalog import asked_ids
from ranscore.cohort import dataset_panel, open_dataset, read_panel, read_rater_reference, read_version
from ranscore.errors import DigestError, InputError
from ranscore.records import LabelTable
from ranscore.reference import (
    Decision,
    Reference,
    ReferenceVersion,
    Ties,
    build_reference,
    correct_version,
    derive_no_finding,
    first_version,
    parse_version,
)

LABELS = st.sampled_from([1, 0, -1, -2])


def votes(*given: Sequence[int]) -> list[LabelTable]:
    """Reports r0, r1 … and one finding; `given` holds each report's votes, a reader a place."""
    ids = tuple(f"r{i}" for i in range(len(given)))
    readers = zip(*given, strict=True)
    return [LabelTable(report_ids=ids, findings=("edema",), values=tuple((v,) for v in r)) for r in readers]


def decided(report: str, value: int, **more: object) -> Decision:
    """A decision on edema in one report."""
    return Decision.model_validate({"report_id": report, "finding": "edema", "value": value, **more})


def version_of(reference: Reference) -> ReferenceVersion:
    """The first version of a reference."""
    return first_version(reference, [f"reader {k}" for k in range(reference.raters)], {"a.csv": "sha256:0"})


@pytest.mark.parametrize(
    ("ties", "values"),
    [("exclude", (1, -1, -1, -1, -1)), ("present", (1, 1, 1, -1, -1)), ("absent", (1, 0, 0, -1, -1))],
)
def test_a_tie_rule_decides_ties_alone(ties: Ties, values: tuple[int, ...]) -> None:
    """A majority stands; so does an uncertain majority; and where too few voted no rule guesses."""
    panel = votes((1, 1, 1, 0), (1, 1, 0, 0), (1, 1, 0, -1), (-1, -1, -1, 0), (1, 1, -2, -2))
    reference = build_reference(panel, ties=ties)
    assert tuple(v for (v,) in reference.table.values) == values
    assert [s.report_id for s in reference.settled] == ([] if ties == "exclude" else ["r1", "r2"])
    assert {s.how.split(" (")[0] for s in reference.settled} <= {f"tie rule {ties}"}
    assert [x.report_id for x in reference.left_out] == [f"r{i}" for i, v in enumerate(values) if v == -1]


def test_an_adjudicator_decides_what_readers_do_not() -> None:
    """Decided cells have the value and name the adjudicator; an open one stays uncertain and says so."""
    panel = votes((1, 0), (0, 1), (1, 0), (-1, -1))
    given = [decided("r0", 1, by="Dr Lee", why="air seen"), decided("r1", -1), decided("r3", 0)]
    reference = build_reference(panel, ties="adjudicate", decisions=given)
    assert reference.table.column("edema") == {"r0": 1, "r1": -1, "r2": -1, "r3": 0}
    assert reference.settled[0].how == "adjudicated by Dr Lee: air seen (1 present, 1 absent, 0 uncertain)"
    reasons = {x.report_id: x.reason for x in reference.left_out}
    assert reasons["r1"] == "adjudicated as uncertain"
    assert reasons["r2"] == "no majority of 2 (1 present, 1 absent, 0 uncertain), not adjudicated"


def test_an_adjudicator_may_not_overrule_a_majority() -> None:
    """All decisions that do not fit are named at once."""
    wrong = [decided("r0", 0), decided("r9", 1), Decision(report_id="r1", finding="fracture", value=1)]
    with pytest.raises(InputError) as fault:
        build_reference(votes((1, 1), (1, 0)), ties="adjudicate", decisions=wrong)
    said = str(fault.value).splitlines()
    assert len(said) == 3
    assert "report 'r0', Edema: has a majority (2 present, 0 absent, 0 uncertain)" in said[0]
    assert "report 'r9' is not one of the readers' reports" in said[1]
    assert "report 'r1', Fracture: no reader votes on it" in said[2]


def test_no_finding_follows_a_settled_tie() -> None:
    """It is derived after the tie rule, so a tie that counts as present makes it absent."""
    findings = asked_ids()

    def reader(value: int) -> LabelTable:
        row = tuple(value if f == "edema" else 0 for f in findings)
        return LabelTable(report_ids=("r",), findings=findings, values=(row,))

    panel = [reader(1), reader(0)]
    assert build_reference(panel).table.column("no_finding") == {"r": -1}
    assert build_reference(panel, ties="present").table.column("no_finding") == {"r": 0}
    assert build_reference(panel, ties="absent").table.column("no_finding") == {"r": 1}


@given(st.lists(st.tuples(LABELS, LABELS, LABELS), min_size=1, max_size=6), st.sampled_from(["exclude", "present"]))
def test_a_version_holds_what_was_voted_and_reads_back(given: list[tuple[int, ...]], ties: Ties) -> None:
    """Labels, votes and reasons survive the file; its digest is of its content and of nothing else."""
    reference = build_reference(votes(*given), ties=ties)
    version = version_of(reference)
    again = parse_version(version.encode().decode("utf-8"), "a.json")
    assert again == version == version_of(build_reference(votes(*given), ties=ties))
    assert again.table == reference.table
    assert [row.votes for row in again.rows] == list(reference.votes)
    uncertain = {r for r, (v,) in zip(reference.table.report_ids, reference.table.values, strict=True) if v == -1}
    assert {x.report_id for x in again.left_out} == uncertain


def test_a_correction_makes_a_version_that_names_its_parent() -> None:
    """The parent stays as it was; the child holds the change, its reason, and all older changes."""
    first = version_of(build_reference(votes((1, 0), (1, 1), (0, 0)), ties="present"))
    before = first.encode()
    second = correct_version(first, [decided("r0", -1, why="not agreed", by="Dr Lee")])
    third = correct_version(second, [decided("r1", 0, was=1)])
    assert first.encode() == before
    assert [v.version for v in (first, second, third)] == [1, 2, 3]
    assert [v.parent for v in (first, second, third)] == ["", first.sha256, second.sha256]
    assert len({v.sha256 for v in (first, second, third)}) == 3
    assert third.table.column("edema") == {"r0": -1, "r1": 0, "r2": 0}
    assert [(c.version, c.report_id, c.was, c.value) for c in third.corrections] == [(2, "r0", 1, -1), (3, "r1", 1, 0)]
    assert [s.report_id for s in first.settled] == ["r0"]
    assert second.settled == ()
    assert [x.reason for x in third.left_out] == ["corrected to uncertain by Dr Lee: not agreed"]
    assert [row.votes for row in third.rows] == [row.votes for row in first.rows]


def test_a_correction_derives_no_finding_again() -> None:
    """Correcting one finding changes the derived one with it."""
    panel = dataset_panel("demo-en")
    first = version_of(build_reference(panel.tables, panel.minimum))
    report = next(i for i, v in first.table.column("no_finding").items() if v == 1)
    second = correct_version(first, [decided(report, 1)])
    assert second.table.column("no_finding")[report] == 0
    assert second.table == derive_no_finding(second.table)
    other = Decision(report_id=report, finding="no_finding", value=0)
    with pytest.raises(InputError, match="No Finding: is derived from the other findings; correct those"):
        correct_version(first, [other])


def test_all_faults_of_corrections_come_at_once() -> None:
    """An unknown report, a finding that the reference has not, a cell that is another, one that is so already."""
    version = version_of(build_reference(votes((1, 1), (0, 0))))
    wrong = [
        decided("r9", 1),
        Decision(report_id="r0", finding="fracture", value=1),
        decided("r0", 0, was=-1),
        decided("r1", 0),
    ]
    with pytest.raises(InputError) as fault:
        correct_version(version, wrong)
    said = str(fault.value).splitlines()
    assert [line.rpartition(": ")[2].split(";")[0] for line in said] == [
        "the reference has no such report",
        "the reference has no such finding",
        "is 1, and the correction says that it was -1",
        "is 0 already",
    ]
    with pytest.raises(InputError, match="found none, expected at least one row"):
        correct_version(version, [])


def test_an_edited_version_is_refused(tmp_path: Path) -> None:
    """Another value, another version number, another parent: none passes the digest; nor does a cut file."""
    version = version_of(build_reference(votes((1, 1), (0, 0))))
    for old, new in (
        ('"values": [1]', '"values": [0]'),
        ('"version": 1', '"version": 2'),
        ('"parent": ""', '"parent": "x"'),
    ):
        text = version.encode().decode()
        assert old in text
        with pytest.raises(DigestError, match=r"a\.json: its content differs from its digest"):
            parse_version(text.replace(old, new, 1), "a.json")
    with pytest.raises(DigestError, match="cut or edited"):
        parse_version(version.encode().decode()[:-30], "a.json")
    with pytest.raises(InputError, match="expected a file made by `ranscore reference`"):
        read_version(tmp_path / "nothing.json")
    with pytest.raises(InputError, match="has not one value and one vote count for each of 1 findings"):
        parse_version(json.dumps(version.model_dump() | {"rows": [{"report_id": "r", "values": [], "votes": []}]}), "a")


def test_a_panel_may_be_split_over_files_and_formats(tmp_path: Path) -> None:
    """A wide file and a long one with two readers make one panel of three."""
    (tmp_path / "A.csv").write_text("report_id,Edema\n1,1\n2,0\n", encoding="utf-8")
    rows = [f"{i},{r},Edema,{v}" for r, values in (("B", "11"), ("C", "00")) for i, v in zip("12", values, strict=True)]
    (tmp_path / "rest.csv").write_text("report_id,rater,finding,value\n" + "\n".join(rows), encoding="utf-8")
    panel = read_panel([tmp_path / "A.csv", tmp_path / "rest.csv"])
    assert panel.names == ("A", "B", "C")
    assert list(panel.sources) == ["A.csv", "rest.csv"]
    assert build_reference(panel.tables).table.column("edema") == {"1": 1, "2": 0}


def test_files_of_one_name_in_several_folders_are_several_readers(tmp_path: Path) -> None:
    """The folder tells them apart."""
    for name in ("lee", "kim"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "labels.csv").write_text("report_id,Edema\n1,1\n", encoding="utf-8")
    paths = [tmp_path / name / "labels.csv" for name in ("lee", "kim")]
    assert read_panel(paths).names == ("labels", "kim/labels")
    with pytest.raises(InputError, match="reader 'lee/labels' stands in another file too"):
        read_panel([*paths, paths[0], paths[0]])


def test_a_report_that_one_reader_alone_has_read_is_refused(tmp_path: Path) -> None:
    """Missing rows and rows without any value count alike; all files' faults come at once."""
    texts = {"a": "1,1,0\n2,1,0\n", "b": "1,0,0\n2,,\n", "c": "1,2,0\n"}
    for name, text in texts.items():
        (tmp_path / f"{name}.csv").write_text("report_id,Edema,Fracture\n" + text, encoding="utf-8")
    with pytest.raises(InputError) as fault:
        read_panel(sorted(tmp_path.glob("*.csv")))
    said = str(fault.value)
    assert "a alone has read 2; expected at least two readers of every report" in said
    assert "c.csv: no row for 2" in said
    assert "c.csv: row 2, report '1', column 'Edema': found '2'" in said
    assert read_rater_reference([tmp_path / "a.csv"]).raters == 1


def test_a_dataset_without_readers_has_no_panel(small_card: Path) -> None:
    """A table of agreed labels does not say who gave them."""
    with pytest.raises(InputError, match="its reference is of kind 'labels'"):
        dataset_panel(small_card)


def test_a_card_takes_a_reference_file(small_card: Path, tmp_path: Path) -> None:
    """A card of kind `labels` may name a version; the dataset has its labels."""
    data = open_dataset(small_card)
    version = version_of(build_reference([data.reference] * 3))
    for path in small_card.parent.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "reference.json").write_bytes(version.encode())
    card = json.loads(small_card.read_text()) | {"reference": {"kind": "labels", "paths": ["reference.json"]}}
    (tmp_path / "card.yaml").write_text(json.dumps(card), encoding="utf-8")
    assert open_dataset(tmp_path / "card.yaml").reference.report_ids == data.reference.report_ids
