"""Delphi rounds: medians and spreads as a second implementation gives them, the rule of consensus, the next sheet."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from ranscore.delphi import Vote, next_round, read_votes, summarize_rounds
from ranscore.errors import InputError

HEADER = "round,reader,finding,accuracy,kappa\n"
ROUNDS = HEADER + (
    "1,A,Edema,0.90,0.70\n1,B,Edema,0.95,0.80\n1,C,Edema,0.99,0.90\n1,D,Edema,0.97,\n"
    "2,A,Edema,0.95,0.80\n2,B,Edema,0.95,0.80\n2,C,Edema,0.96,0.81\n"
    "1,A,Fracture,0.9,0.7\n1,B,Fracture,0.9,0.7\n"
)


def votes_of(tmp_path: Path, text: str) -> tuple[Vote, ...]:
    """The proposals of a file with this text."""
    path = tmp_path / "d.csv"
    path.write_text(text, encoding="utf-8")
    return read_votes([path])


def test_median_and_spread_are_numpys(tmp_path: Path) -> None:
    """Each round's median and interquartile range are those of NumPy's linear interpolation."""
    first, second, *_ = summarize_rounds(votes_of(tmp_path, ROUNDS)).standings
    low, middle, high = np.percentile([0.9, 0.95, 0.99, 0.97], [25, 50, 75])
    assert (first.accuracy.median, first.accuracy.iqr) == (pytest.approx(middle), pytest.approx(high - low))
    assert (first.accuracy.n, first.kappa.n, first.agreed) == (4, 3, False)
    assert (second.round, second.accuracy.median, second.kappa.median, second.agreed) == (2, 0.95, 0.8, True)


def test_a_finding_is_settled_in_the_first_round_that_agrees(tmp_path: Path) -> None:
    """A later round of a settled finding changes nothing; too few readers settle nothing."""
    later = "3,A,Edema,0.5,0.1\n3,B,Edema,0.9,0.5\n3,C,Edema,0.99,0.9\n"
    found = summarize_rounds(votes_of(tmp_path, ROUNDS + later))
    assert found.targets()["edema"] == {"target_accuracy": 0.95, "target_kappa": 0.8}
    assert found.open() == ("fracture",)
    assert summarize_rounds(votes_of(tmp_path, ROUNDS), readers=2).open() == ()
    assert summarize_rounds(votes_of(tmp_path, ROUNDS), spread=0.001).open() == ("edema", "fracture")


def test_the_next_sheet_asks_for_what_is_open_and_shows_nobodys_proposal(tmp_path: Path) -> None:
    """A row a reader and open finding, blank, with the group's figures; it is read as no proposal until filled in."""
    votes = votes_of(tmp_path, ROUNDS.replace("A,Fracture", "=A,Fracture"))
    path = tmp_path / "next.csv"
    path.write_bytes(next_round(path, votes, summarize_rounds(votes)))
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(r["round"], r["reader"], r["finding"], r["accuracy"], r["kappa"]) for r in rows] == [
        ("2", "'=A", "Fracture", "", ""), ("2", "B", "Fracture", "", ""),
    ]  # fmt: skip
    assert {r["group_accuracy"] for r in rows} == {"0.900"}
    with pytest.raises(InputError, match="found no proposal"):
        read_votes([path])
    path.write_bytes(path.read_bytes().replace(b"Fracture,,,", b"Fracture,0.9,0.7,"))
    assert {(v.round, v.reader) for v in read_votes([path])} == {(2, "=A"), (2, "B")}


def test_all_faults_of_all_files_are_told(tmp_path: Path) -> None:
    """Each wrong value, name and repetition is a line with its row; a blank row is none."""
    bad = HEADER + (
        "0,A,Edema,0.9,0.9\n1,,Edema,0.9,0.9\n1,A,Edem,0.9,0.9\n1,A,Edema,95,0.9\n1,A,Edema,0.9,x\n"
        "1,A,No Finding,0.9,0.9\n1,B,Edema,0.9,0.9\n1,B,Edema,0.9,0.9\n1,C,Edema,,\n"
    )
    with pytest.raises(InputError) as raised:
        votes_of(tmp_path, bad)
    lines = str(raised.value).splitlines()
    wanted = ["round is '0'", "reader is blank", "'Edem'", "accuracy is '95'", "kappa is 'x'", "derived", "another row"]
    assert len(lines) == len(wanted)
    for line, said in zip(lines, wanted, strict=True):
        assert said in line
    assert "row 2" in lines[0]
    with pytest.raises(InputError, match="no column is called 'kappa'"):
        votes_of(tmp_path, "round,reader,finding,accuracy\n1,A,Edema,0.9\n")
