"""`ranscore score` on files that hold both sides, and on several systems at once, as a person types it."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from ranscore.cohort import Dataset
from tests.cli.conftest import call

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command in this process: exit code, what was printed, what went to standard error."""
    return partial(call, capsys, monkeypatch)


@pytest.fixture(scope="module")
def texts(demo: Dataset) -> dict[str, str]:
    """Forty demonstration reports by id."""
    return {r.report_id: r.text for r in demo.reports[:40]}


@pytest.fixture(scope="module")
def pairs(texts: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three systems in one table: the same text for all, the reference itself, and every second one exchanged."""
    path = tmp_path_factory.mktemp("pairs") / "pairs.csv"
    ids, rows = list(texts), []
    for system in ("template", "oracle", "half"):
        for at, report_id in enumerate(ids):
            other = texts[ids[(at + 1) % len(ids)]] if at % 2 else texts[report_id]
            made = {"template": "The lungs are clear.", "oracle": texts[report_id], "half": other}[system]
            rows.append([system, report_id, texts[report_id], made])
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([["system", "uid", "reference", "generated"], *rows])
    return path


def test_systems_of_one_file_are_scored_and_put_in_order(run: Run, pairs: Path) -> None:
    """One command: the oracle on top with 1 on what it holds, the template at the bottom, each with an interval."""
    code, out, err = run("score", "--pairs", pairs, "--by", "system", "--bootstrap", 50, "--json")
    assert (code, err) == (0, "")
    found = json.loads(out)
    assert [s["system"] for s in found["systems"]] == ["oracle", "half", "template"]
    assert {s["group"] for s in found["systems"]} == {"A"}
    scores = [s["score"] for s in found["systems"]]
    assert scores[0]["micro"]["f1"] == 1.0
    assert all(s["n_reports"] == 40 and s["ran_score_interval"][0] <= s["ran_score"] for s in scores)
    code, out, _ = run("score", "--pairs", pairs, "--by", "system", "--bootstrap", 50)
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()[1:4]] == ["oracle", "half", "template"]
    assert "[" in out.splitlines()[1]
    assert "reports have no section" in out


def test_a_system_in_the_table_scores_as_it_does_alone(run: Run, pairs: Path, tmp_path: Path) -> None:
    """The same figures as from two files joined by id."""
    with pairs.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["system"] == "half"]
    for side in ("reference", "generated"):
        with (tmp_path / f"{side}.csv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([["uid", "report"], *((r["uid"], r[side]) for r in rows)])
    _, ranked, _ = run("score", "--pairs", pairs, "--by", "system", "--bootstrap", 0, "--json")
    code, alone, _ = run(
        "score", "--reference", tmp_path / "reference.csv", "--generated", tmp_path / "generated.csv",
        "--bootstrap", 0, "--json",
    )  # fmt: skip
    assert code == 0
    half = next(s["score"] for s in json.loads(ranked)["systems"] if s["system"] == "half")
    assert half == json.loads(alone)


def test_a_file_with_both_sides_is_taken_for_each(run: Run, texts: dict[str, str], tmp_path: Path) -> None:
    """ReXrank's and RadFact's files need no cutting up: the same path twice, or --pairs."""
    rex, fact = tmp_path / "rex.json", tmp_path / "fact.csv"
    rex.write_text(
        json.dumps(
            {i: {"section_findings": t, "section_impression": "", "model_prediction": t} for i, t in texts.items()}
        ),
        encoding="utf-8",
    )
    with fact.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([["example_id", "prediction", "target"], *((i, t, t) for i, t in texts.items())])
    for path in (rex, fact):
        code, out, _ = run("score", "--reference", path, "--generated", path, "--bootstrap", 0, "--json")
        assert code == 0
        assert json.loads(out)["micro"]["f1"] == 1.0
        code, out, _ = run("score", "--pairs", path, "--bootstrap", 0, "--json")
        assert json.loads(out)["systems"][0]["score"]["micro"]["f1"] == 1.0


def test_a_folder_of_systems_against_one_reference(run: Run, texts: dict[str, str], tmp_path: Path) -> None:
    """One file a system in its own format; another set of ids is refused with the file that has it."""
    (tmp_path / "out").mkdir()
    reference = tmp_path / "reference.jsonl"
    reference.write_text("".join(json.dumps({"id": i, "report": t}) + "\n" for i, t in texts.items()), encoding="utf-8")
    (tmp_path / "out" / "r2gengpt.json").write_text(json.dumps({i: [t] for i, t in texts.items()}), encoding="utf-8")
    answers = "".join(json.dumps({"question_id": i, "text": "Clear lungs."}) + "\n" for i in texts)
    (tmp_path / "out" / "libra.jsonl").write_text(answers, encoding="utf-8")
    command = ("score", "--reference", reference, "--generated", tmp_path / "out", "--by", "file", "--bootstrap", 0)
    code, out, _ = run(*command, "--json")
    assert code == 0
    assert [s["system"] for s in json.loads(out)["systems"]] == ["r2gengpt", "libra"]
    (tmp_path / "out" / "libra.jsonl").write_text(answers.replace('"question_id": "', '"question_id": "x'), "utf-8")
    code, out, err = run(*command)
    assert (code, out) == (2, "")
    assert "libra.jsonl: 40 of 40 ids" in err


REFUSED = {
    "nothing": ([], "expected --reference and --generated, or --pairs"),
    "both": (["--pairs", "P", "--reference", "P"], "--pairs holds both sides"),
    "no such column": (["--pairs", "P", "--by", "sistem"], "no column is called 'sistem'; did you mean 'system'?"),
    "systems unnamed": (["--pairs", "P"], "give --by system, where several systems stand in one file"),
    "by without pairs": (["--reference", "P", "--generated", "P", "--by", "system"], "expected --by file"),
    "beside a correction": (["--pairs", "P", "--by", "system", "--per-report", "x.csv"], "--per-report cannot stand"),
    "sections": (["--pairs", "P", "--by", "system", "--sections", "finding"], "sections: found 'finding'"),
    "encoding": (["--pairs", "P", "--by", "system", "--encoding", "latin-9000"], "no encoding is called 'latin-9000'"),
}


@pytest.mark.parametrize(("arguments", "says"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_scored_is_one_sentence(run: Run, pairs: Path, arguments: list[str], says: str) -> None:
    """Exit 2, nothing printed, no traceback."""
    code, out, err = run("score", *(str(pairs) if a == "P" else a for a in arguments))
    assert (code, out) == (2, "")
    assert says in err
    assert "Traceback" not in err


def test_real_systems_on_open_i_come_in_their_known_order(run: Run, shared: Path, tmp_path: Path) -> None:
    """Oracles that saw the reference stand on top, constant templates at the bottom (sixty reports of five systems)."""
    path = shared / "generated_iu" / "pairs.csv"
    if not path.is_file():
        pytest.skip(f"no {path}")
    with path.open(encoding="utf-8", newline="") as file:
        rows = [r for r in csv.DictReader(file) if any(w in r["system"] for w in ("oracle", "emplate", "logp"))]
    used = set(sorted({r["uid"] for r in rows})[:60])
    with (tmp_path / "pairs.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(r for r in rows if r["uid"] in used)
    code, out, _ = run("score", "--pairs", tmp_path / "pairs.csv", "--by", "system", "--bootstrap", 0, "--json")
    assert code == 0
    order = [s["system"] for s in json.loads(out)["systems"]]
    assert len(order) == 5
    assert all("reference-aware" in name for name in order[:2])
    assert all("emplate" in name for name in order[-2:])
