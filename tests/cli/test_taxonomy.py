"""`ranscore taxonomy` as a person types it."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from ranscore.cli import main

TEXT = "There is a {} pneumothorax. Scoliosis is seen."


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    """The exit code of the command in this process."""
    monkeypatch.setattr("sys.argv", ["ranscore", "taxonomy", *map(str, arguments)])
    try:
        main()
    except SystemExit as end:
        return int(end.code or 0)
    return 0


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """A table of four reports without a card."""
    path = tmp_path / "reports.csv"
    sizes = ("small", "large", "new", "left")
    path.write_text("report_id,report\n" + "".join(f"{i},{TEXT.format(s)}\n" for i, s in enumerate(sizes)), "utf-8")
    return path


def test_tables_are_printed_and_written(
    table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Coverage, unstated terms and regions on the screen; all terms in CSV, everything in JSON."""
    assert run(monkeypatch, table, "-o", tmp_path / "terms.csv") == 0
    shown = capsys.readouterr().out
    assert "asserted mentions 8: a finding states 4 (0.500)" in shown
    assert "Pneumothorax" in shown
    assert "Bones and joints: scoliosis 4" in shown
    with (tmp_path / "terms.csv").open(encoding="utf-8") as file:
        rows = {r["term"]: r for r in csv.DictReader(file)}
    assert rows["pneumothorax"]["findings"] == "pneumothorax:4"
    assert rows["scoliosis"]["unstated_reports"] == "4"
    assert run(monkeypatch, table, "-o", tmp_path / "terms.json", "--sample", 3) == 0
    whole = json.loads((tmp_path / "terms.json").read_text(encoding="utf-8"))
    assert (whole["sampled"], whole["available"], whole["covered"]) == (3, 4, 0.5)
    assert len(whole["findings"]) == 20


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "found nothing to read; expected one of"),
        (("reports.csv", "--dataset", "demo-en"), "found reports.csv and demo-en; expected one of"),
        (("reports.csv", "--propose", "X"), "found reports.csv and --propose; expected one of"),
        (("reports.csv", "--term", "x"), "--term: belongs to a new finding"),
        (("reports.csv", "-o", "terms.txt"), "terms.txt: found the suffix '.txt', expected one of .csv, .json"),
        (("reports.csv", "--least", "1"), "--least 1: a term that stands in one report could tell whose it is"),
        (("--dataset", "demo-eng"), "demo-eng"),
        (("--propose", "Scoliosis", "--term", "scoliosis"), "RANSCORE_HOME names no folder"),
    ],
)
def test_a_mistake_is_one_sentence_and_writes_nothing(
    table: Path, arguments: tuple[str, ...], said: str,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """Exit code 2, no traceback, no file."""
    monkeypatch.chdir(table.parent)
    before = set(table.parent.iterdir())
    assert run(monkeypatch, *arguments) == 2
    told = capsys.readouterr().err
    assert said in " ".join(told.split())
    assert "Traceback" not in told
    assert set(table.parent.iterdir()) == before
