"""A finding of one's own: its proposed file, and that this one file takes it through the whole way."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from ranscore import catalog
from ranscore.cli import main
from ranscore.cohort import Dataset
from ranscore.errors import InputError
from ranscore.feedback import discretion
from ranscore.models import _reading
from ranscore.taxonomy import propose


def _forget() -> None:
    for module in (catalog, _reading, discretion):
        for value in vars(module).values():
            if hasattr(value, "cache_clear"):
                value.cache_clear()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of the user's own data; nothing read before is remembered, before and after."""
    _forget()
    monkeypatch.setenv("RANSCORE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("RANSCORE_MLRUNS", str(tmp_path / "mlruns"))
    yield tmp_path / "home"
    monkeypatch.undo()
    _forget()


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    """The exit code of a command in this process."""
    monkeypatch.setattr("sys.argv", ["ranscore", *map(str, arguments)])
    try:
        main()
    except SystemExit as end:
        return int(end.code or 0)
    return 0


PROPOSE = (
    "taxonomy",
    "--propose",
    "Hiatal Hernia",
    "--term",
    "hiatal hernia",
    "--term",
    "膈疝",
    "--author",
    "A. Reader",
)


def test_a_proposed_finding_is_a_valid_file_that_waits_for_its_definition(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is read as a finding, says what is to be written, and is never written over."""
    assert run(monkeypatch, *PROPOSE) == 0
    path = home / "programs/cxr21/findings/hiatal_hernia.yaml"
    text = path.read_text(encoding="utf-8")
    assert text.count("# To be written") == 2
    _forget()
    own = catalog.findings()["hiatal_hernia"]
    assert (own.name, own.authors, own.rules[0].phrases) == ("Hiatal Hernia", ("A. Reader",), ("hiatal hernia", "膈疝"))
    assert catalog.finding_ids()[-1] == "hiatal_hernia"
    assert run(monkeypatch, *PROPOSE) == 2
    assert path.read_text(encoding="utf-8") == text


@pytest.mark.parametrize(
    ("name", "terms", "said"),
    [
        ("Pneumothorax", ["x"], "the name 'Pneumothorax' belongs to the finding Pneumothorax"),
        ("normal study", ["x"], "belongs to the finding No Finding"),
        ("膈疝", ["膈疝"], "expected English letters and digits"),
        ("Hernia", [], "found no term"),
        ("Hernia", ["hiatal (hernia"], "a parenthesis is not closed"),
    ],
)
def test_a_finding_that_cannot_be_is_refused(home: Path, name: str, terms: list[str], said: str) -> None:
    """A taken name, a name without letters, no term, a term that is no phrase."""
    with pytest.raises(InputError) as caught:
        propose(name, terms)
    assert said in str(caught.value)
    assert not home.exists()


def test_a_finding_needs_a_folder_and_its_own_file_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without RANSCORE_HOME a file is to be named; its name is the id."""
    monkeypatch.delenv("RANSCORE_HOME", raising=False)
    with pytest.raises(InputError, match="RANSCORE_HOME names no folder"):
        propose("Hernia", ["hernia"])
    with pytest.raises(InputError, match=r"expected hernia\.yaml"):
        propose("Hernia", ["hernia"], path=tmp_path / "other.yaml")
    assert propose("Hernia", ["hernia"], path=tmp_path / "hernia.yaml").id == "hernia"


def test_a_term_that_another_finding_states_is_told(home: Path) -> None:
    """A wording of two findings counts for both, which its author should know."""
    assert "a wording of Pneumothorax too" in propose("Free Air", ["pneumothorax"]).remarks[0]
    assert propose("Scoliosis", ["scoliosis"]).remarks == ()


def put_cohort(folder: Path, demo: Dataset) -> Path:
    """Forty demonstration reports, every fourth with a hernia in words that only half of them name."""
    folder.mkdir(parents=True)
    rows, labels = [], []
    pairs = list(zip(demo.reports, demo.reference.values, strict=True))[:40]
    for number, (report, values) in enumerate(pairs):
        label = dict(zip(demo.reference.findings, values, strict=True)) | {"hiatal_hernia": int(number % 4 == 0)}
        said = ""
        if number % 4 == 0:
            said = " There is a hiatal hernia." if number % 8 else " Retrocardiac stomach with an air-fluid level."
            label["no_finding"] = 0
        rows.append({"report_id": report.report_id, "report": report.text + said})
        labels.append(label | {"report_id": report.report_id})
    for name, table in (("reports", rows), ("labels", labels)):
        (folder / f"{name}.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in table), encoding="utf-8")
    card = {
        "name": folder.name, "title": "Hernias", "access": "open", "remote": "permitted", "licence": "as demo-en",
        "source": "demo-en", "reports": {"path": "reports.jsonl"}, "language": "en",
        "reference": {"kind": "labels", "paths": ["labels.jsonl"]},
    }  # fmt: skip
    (folder / "card.yaml").write_text(json.dumps(card), encoding="utf-8")
    return folder


def test_one_file_takes_a_22nd_finding_through_optimize_compile_extract_and_score(
    home: Path, demo: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The search improves it, the frozen program asks for 21, tables have 22 columns, the signature says so."""
    data = put_cohort(home / "datasets/hernias", demo)
    assert run(monkeypatch, *PROPOSE) == 0
    _forget()
    program, labels = tmp_path / "program.json", tmp_path / "labels.csv"
    quick = ("--rounds", "1", "--trials", "4", "--folds", "0")
    assert run(monkeypatch, "optimize", "--dataset", "hernias", "--label", "Hiatal Hernia", *quick) == 0
    assert run(monkeypatch, "compile", "--dataset", "hernias", "-o", program) == 0
    frozen = json.loads(program.read_text(encoding="utf-8"))["findings"]
    assert len(frozen) == 21
    assert {f: x["source"] for f, x in frozen.items() if x["source"] == "optimized"} == {"hiatal_hernia": "optimized"}
    assert run(monkeypatch, "verify", program) == 0
    assert run(monkeypatch, "extract", data / "reports.jsonl", "--program", program, "-o", labels) == 0
    with labels.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows[0]) == 23
    assert {r["No Finding"] for r in rows if r["Hiatal Hernia"] == "1"} == {"0"}
    assert [int(r["Hiatal Hernia"]) for r in rows] == [int(i % 4 == 0) for i in range(40)]
    capsys.readouterr()
    assert (
        run(monkeypatch, "score", "--reference", data / "labels.jsonl", "--generated", labels, "--bootstrap", "0") == 0
    )
    shown = capsys.readouterr().out
    assert "ranscore|findings:22|" in shown
    assert "of 22 findings have a positive" in shown
    assert run(monkeypatch, "evaluate", "--dataset", "hernias", "--program", program) == 0
    assert "findings:22" in capsys.readouterr().out


def test_the_release_says_that_it_lacks_a_finding_of_ones_own(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its 20 findings are labelled; that No Finding is left out is told, with what to do."""
    assert run(monkeypatch, *PROPOSE) == 0
    _forget()
    table = tmp_path / "reports.csv"
    table.write_text("report_id,report\na,Left pneumothorax.\n", encoding="utf-8")
    assert run(monkeypatch, "extract", table, "-o", tmp_path / "labels.csv") == 0
    assert "frozen without Hiatal Hernia" in capsys.readouterr().err
    assert "No Finding" not in (tmp_path / "labels.csv").read_text(encoding="utf-8")
