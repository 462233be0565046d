"""The commands as a person types them: what they print, what they write, and how they refuse."""

from __future__ import annotations

import csv
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import ranscore
from ranscore import catalog
from ranscore.cli import main
from ranscore.cohort import Dataset
from ranscore.extraction.module import freeze_prompt
from ranscore.freezing import FrozenProgram, load_frozen, save_frozen
from ranscore.labelling.batch import extract

REPORTS = [
    ("b-2", "Small left apical pneumothorax. No effusion."),
    ("a-1", "Right pleural effusion, no pneumothorax."),
    ("007", "The lungs are clear."),
    ("c-3", "左侧气胸。"),
]
KEYS = ("OPENAI_API_KEY", "HOSTED_VLLM_API_KEY", "HOSTED_VLLM_API_BASE", "RANSCORE_OPENI")
QUICK = ["--trials", "5", "--rounds", "1", "--folds", "2"]


@dataclass(frozen=True)
class Result:
    """How a command ended."""

    code: int
    out: str
    err: str


Run = Callable[..., Result]


def run_main(arguments: Sequence[object]) -> int:
    """The exit code of the command line in this process."""
    before = sys.argv
    sys.argv = ["ranscore", *map(str, arguments)]
    try:
        main()
    except SystemExit as end:
        return int(end.code or 0)
    finally:
        sys.argv = before
    return 0


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command in this process, without keys in the environment."""
    for name in KEYS:
        monkeypatch.delenv(name, raising=False)

    def run(*arguments: object) -> Result:
        capsys.readouterr()
        code = run_main(arguments)
        shown = capsys.readouterr()
        return Result(code, shown.out, shown.err)

    return run


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small_card: Path, program: Path) -> Path:
    """A folder with right and wrong files, in which the command is run."""
    text = program.read_text(encoding="utf-8")
    files = {
        "reports.csv": "report_id,report\na,Clear.\nb,Left pneumothorax.\n",
        "generated.csv": "report_id,report\nb,Clear.\na,Clear.\n",
        "other.csv": "report_id,report\na,Clear.\nz,Clear.\n",
        "column.csv": "report_id,text\na,Clear.\n",
        "twice.csv": "report_id,report\na,Clear.\nb,Clear.\na,Clear.\n",
        "empty.csv": "",
        "header.csv": "report_id,report\n",
        "all.csv": ",".join(["report_id", *catalog.finding_ids()]) + "\na" + ",1" * 21 + "\nb" + ",0" * 21 + "\n",
        "labels.csv": "report_id,Edema\na,1\nb,0\n",
        "two.csv": "report_id,Edema\na,2\nb,0\n",
        "notes.csv": "report_id,finding,reads_as,evidence,why\nen-005,Fracture,present,never said,x\n",
        "program.json": text,
        "edited.json": text.replace("air in the pleural space of any size", "air in the pleural space of a size", 1),
        "cut.json": text[: len(text) // 2],
        "file": "a file",
        "recipe.yaml": "name: recipe\nalgorithm: nothing\n",
    }
    for name, content in files.items():
        (tmp_path / name).write_text(content, encoding="utf-8")
    (tmp_path / "small").symlink_to(small_card.parent)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="session")
def program(frozen_seed: FrozenProgram, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The frozen seed as a file."""
    path = tmp_path_factory.mktemp("program") / "program.json"
    save_frozen(frozen_seed, path)
    return path


@pytest.fixture(scope="session")
def narrow(frozen_seed: FrozenProgram, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A frozen program of two findings."""
    kept = {f: frozen_seed.findings[f] for f in ("pneumothorax", "pleural_effusion")}
    cut = frozen_seed.model_copy(update={"findings": kept, "golden": ()})
    path = tmp_path_factory.mktemp("narrow") / "narrow.json"
    save_frozen(cut.model_copy(update={"sha256": cut.content_digest()}), path)
    return path


def tree(folder: Path) -> dict[str, bytes | None]:
    """Every file and folder with its content."""
    return {str(p.relative_to(folder)): p.read_bytes() if p.is_file() else None for p in folder.rglob("*")}


EXTRACT = ["extract", "-o", "out/labels.csv", "--program", "program.json"]
SCORE = ["score", "--program", "program.json", "--bootstrap", "0", "--per-report", "out/rows.csv"]
OPTIMIZE = ["optimize", "--dataset", "small/card.yaml", "--mlruns", "runs", *QUICK]
WRONG: dict[str, tuple[list[str], str]] = {
    "unknown label": (
        [*OPTIMIZE, "--label", "Pneumotorax"],
        r"no finding is called 'Pneumotorax'; did you mean 'Pneumothorax'",
    ),
    "derived label": (
        [*OPTIMIZE, "--label", "No Finding"],
        r"'No Finding' is derived \(present when every other finding is absent\), so it has no program of its own; "
        r"name one of the other findings, or --label all\.",
    ),
    "missing column": (
        [*EXTRACT, "column.csv"],
        r"column\.csv: no column is called 'report'; .*columns there: report_id, text",
    ),
    "duplicate ids": ([*EXTRACT, "twice.csv"], r"twice\.csv: found report ids more than once: 'a' in row 2 and row 4"),
    "ids that do not join": (
        [*SCORE, "--reference", "reports.csv", "--generated", "other.csv"],
        r"other\.csv: 1 of 2 ids of reports\.csv are missing \(such as b\) and 1 ids are not in it \(such as z\)",
    ),
    "empty file": ([*EXTRACT, "empty.csv"], r"empty\.csv: the file is empty; expected a header row"),
    "a header alone": ([*EXTRACT, "header.csv"], r"header\.csv: found no rows, expected at least one"),
    "missing file": ([*EXTRACT, "nowhere.csv"], r"nowhere\.csv: no such file"),
    "a reference value of 2": (
        [*SCORE, "--reference", "two.csv", "--generated", "labels.csv"],
        r"two\.csv: row 2, report 'a', column 'Edema': found '2', expected 1, 0, -1 or blank",
    ),
    "edited program, verify": (
        ["verify", "edited.json"],
        r"edited\.json: its content has digest .*the file was edited",
    ),
    "edited program, extract": (
        ["extract", "reports.csv", "-o", "out/labels.csv", "--program", "edited.json"],
        r"edited\.json: its content has",
    ),
    "edited program, score": (
        ["score", "--program", "edited.json", "--reference", "reports.csv", "--generated", "generated.csv"],
        r"edited\.json: its content has digest",
    ),
    "edited program, evaluate": (
        ["evaluate", "--dataset", "small/card.yaml", "--program", "edited.json"],
        r"edited\.json: its content has digest",
    ),
    "truncated program, verify": (
        ["verify", "cut.json"],
        r"cut\.json: not readable as JSON .*so the file is cut or edited",
    ),
    "truncated program, extract": (
        ["extract", "reports.csv", "-o", "out/labels.csv", "--program", "cut.json"],
        r"cut\.json: not readable as JSON",
    ),
    "no program": (["verify", "nowhere.json"], r"nowhere\.json: No such file or directory; expected a frozen program"),
    "no key": (
        [*EXTRACT, "reports.csv", "--model", "openai/gpt-4o-mini"],
        r"--model openai/gpt-4o-mini: the environment variable OPENAI_API_KEY is not set; expected the provider's",
    ),
    "no address": (
        [*OPTIMIZE, "--label", "Edema", "--model", "hosted_vllm/x"],
        r"--model hosted_vllm/x: no address is given",
    ),
    "an address for the embedded model": (
        [*OPTIMIZE, "--label", "Edema", "--api-base", "http://127.0.0.1:1"],
        r"--api-base http://127\.0\.0\.1:1: model 'lexical'",
    ),
    "unwritable folder, extract": (
        ["extract", "reports.csv", "-o", "file/labels.csv", "--program", "program.json"],
        r"file: cannot be written",
    ),
    "unwritable folder, optimize": (
        ["optimize", "--dataset", "small/card.yaml", "--mlruns", "file/runs", "--label", "Edema", *QUICK],
        r"\S*/file/runs: runs cannot be written here",
    ),
    "unwritable folder, score": (
        [
            "score",
            "--reference",
            "all.csv",
            "--generated",
            "all.csv",
            "--bootstrap",
            "0",
            "--per-report",
            "file/rows.csv",
        ],
        r"file/rows\.csv: cannot be written",
    ),
    "output of an unknown kind": (
        ["extract", "reports.csv", "-o", "labels.xlsx", "--program", "program.json"],
        r"labels\.xlsx: found the suffix '\.xlsx'",
    ),
    "unknown recipe": (
        [*OPTIMIZE, "--label", "Edema", "--recipe", "exemplar-tp"],
        r"no recipe is called 'exemplar-tp'; did you mean",
    ),
    "unknown optimizer": (
        [*OPTIMIZE, "--label", "Edema", "--recipe", "recipe.yaml"],
        r"no optimizer is called 'nothing'",
    ),
    "unknown dataset": (
        ["evaluate", "--dataset", "demo-eng", "--seed-program"],
        r"no dataset is called 'demo-eng'; did you mean 'demo-en'",
    ),
    "unknown model": (
        [*EXTRACT, "reports.csv", "--model", "lexica"],
        r"no model is called 'lexica'; did you mean 'lexical'",
    ),
    "the model of the tests": (
        [*EXTRACT, "reports.csv", "--model", "scripted"],
        r"--model scripted: that model is for tests",
    ),
    "a setting out of range": (
        [*OPTIMIZE, "--label", "Edema", "--folds", "99"],
        r"recipe exemplar-tpe: folds: .* found 99",
    ),
    "too few calls": (
        [*OPTIMIZE, "--label", "Edema", "--calls", "5"],
        r"recipe exemplar-tpe: found a budget of 5 calls",
    ),
    "notes that do not fit": (
        [*OPTIMIZE, "--label", "Edema", "--notes", "notes.csv"],
        r"notes\.csv: note \w+: the evidence 'never said' is not in report 'en-005'",
    ),
    "two programs": (
        ["evaluate", "--dataset", "demo-en", "--seed-program", "--program", "program.json"],
        r"--seed-program and --program are both given",
    ),
    "nothing tracked": (
        ["compile", "--dataset", "small/card.yaml", "--mlruns", "runs", "-o", "p.json"],
        r"\S+/runs/mlflow\.db: there is no",
    ),
    "no reports of openi": (
        ["evaluate", "--dataset", "openi", "--seed-program"],
        r"dataset openi: its reports do not come with",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_input_is_one_sentence_and_exit_code_2(run: Run, desk: Path, name: str) -> None:
    """A mistake ends with code 2 and one line that begins with the place; nothing else is printed or written."""
    arguments, text = WRONG[name]
    before = tree(desk)
    found = run(*arguments)
    lines = [line for line in found.err.splitlines() if not line.startswith("The program was tuned for ")]
    assert found.code == 2, found
    assert len(lines) == 1, found.err
    assert re.match(rf"ranscore: {text}", lines[0]), found.err
    assert found.out == ""
    assert tree(desk) == before


def table(path: Path) -> pd.DataFrame:
    """A table of any of the formats, as text."""
    if path.suffix == ".parquet":
        return pd.read_parquet(path).astype(str)
    if path.suffix == ".jsonl":
        return pd.DataFrame([json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]).astype(str)
    return pd.read_csv(path, dtype=str)


def write_reports(path: Path) -> Path:
    """The reports as a table of the path's format."""
    frame = pd.DataFrame(REPORTS, columns=["report_id", "report"])
    if path.suffix == ".parquet":
        frame.to_parquet(path)
    elif path.suffix == ".jsonl":
        frame.to_json(path, orient="records", lines=True, force_ascii=False)
    else:
        frame.to_csv(path, index=False)
    return path


@pytest.mark.parametrize("source", [".csv", ".parquet", ".jsonl"])
def test_extract_reads_and_writes_every_format(run: Run, tmp_path: Path, program: Path, source: str) -> None:
    """From any table to any table: a row a report in its order, a column a finding by its name, 1 and 0."""
    reports = write_reports(tmp_path / f"in{source}")
    for target in (".csv", ".parquet", ".jsonl"):
        output = tmp_path / "new" / f"out{target}"
        found = run("extract", reports, "-o", output, "--program", program)
        assert (found.code, found.err) == (0, "")
        assert found.out == f"{output}: 4 reports x 21 findings, coverage 100.00%.\n"
        labels = table(output)
        assert list(labels["report_id"]) == [i for i, _ in REPORTS]
        assert list(labels.columns[1:]) == [f.name for f in catalog.findings().values()]
        assert list(labels["Pneumothorax"]) == ["1", "0", "0", "1"]
        assert list(labels["Pleural Effusion"]) == ["0", "1", "0", "0"]
        assert list(labels["No Finding"]) == ["0", "0", "1", "0"]


def test_one_worker_and_two_write_the_same_file(run: Run, desk: Path) -> None:
    """The number of processes changes nothing in the table."""
    for workers in (1, 2):
        run("extract", "reports.csv", "-o", f"{workers}.csv", "--program", "program.json", "--workers", workers)
    assert (desk / "1.csv").read_bytes() == (desk / "2.csv").read_bytes()


def test_blank_reports_are_counted(run: Run, tmp_path: Path, narrow: Path) -> None:
    """A report without text is labelled absent, and said to be blank."""
    (tmp_path / "r.csv").write_text("report_id,report\na,\nb,Pneumothorax.\n", encoding="utf-8")
    found = run("extract", tmp_path / "r.csv", "-o", tmp_path / "o.csv", "--program", narrow)
    assert found.out.splitlines()[1] == "1 reports have no text: every finding is absent in them."


def test_unanswered_cells_are_written_and_end_with_code_3(
    run: Run, tmp_path: Path, narrow: Path, endpoint: Any
) -> None:
    """What a model failed to answer stands in the table by that word; only --allow-partial ends with 0."""
    reports = write_reports(tmp_path / "in.csv")
    endpoint.answer = lambda text: "perhaps" if "clear" in text else "present" if "气胸" in text else "absent"
    command = ["extract", reports, "--program", narrow, "--model", "hosted_vllm/x"]
    command += ["--api-base", f"http://{endpoint.address}"]
    strict = run(*command, "-o", tmp_path / "out.csv")
    assert strict.code == 3
    warning, sentence = strict.err.splitlines()
    assert warning == "The program was tuned for lexical, not for hosted_vllm/x: its scores do not carry over."
    assert re.fullmatch(
        r"ranscore: 2 cells stayed unanswered \(the answer \(7 characters\) was not one of the words .*\); they are "
        r"marked in \S+out\.csv and listed in \S+out\.csv\.missing\.csv: run again for them, or accept them with "
        r"--allow-partial\.",
        sentence,
    )
    listed = (tmp_path / "out.csv.missing.csv").read_text(encoding="utf-8").splitlines()
    assert [line.split(",")[:2] for line in listed[1:]] == [["007", "pleural_effusion"], ["007", "pneumothorax"]]
    assert strict.out.endswith("coverage 75.00%.\n")
    labels = table(tmp_path / "out.csv")
    assert list(labels["Pneumothorax"]) == ["0", "0", "unanswered", "1"]
    partial = run(*command, "-o", tmp_path / "partial.csv", "--allow-partial")
    assert partial.code == 0
    assert (tmp_path / "partial.csv").read_bytes() == (tmp_path / "out.csv").read_bytes()
    scored = run("score", "--reference", reports, "--generated", reports, *command[2:], "--bootstrap", 0)
    assert scored.code == 3
    assert "stayed unanswered" in scored.err


@pytest.mark.parametrize("answer", [401, None])
def test_an_endpoint_that_cannot_be_used_is_a_mistake_of_the_user(
    run: Run, desk: Path, narrow: Path, endpoint: Any, answer: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Refused or nobody there: one sentence that names the model and what to check, code 2, no table and no key."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-verysecret-0123456789")
    monkeypatch.setattr(time, "sleep", lambda seconds: None)  # between the attempts to connect
    endpoint.answer = lambda text: answer or "absent"
    address = f"http://{endpoint.address}" if answer else "http://127.0.0.1:9/v1"
    before = tree(desk)
    command = ["extract", "reports.csv", "-o", "out.csv", "--program", narrow, "--model", "openai/gpt-4o-mini"]
    found = run(*command, "--api-base", address)
    assert found.code == 2
    last = found.err.splitlines()[-1]
    assert last.startswith("ranscore: --model openai/gpt-4o-mini: the first call failed (")
    assert last.endswith("check the name, --api-base, the key in the environment, and that the server runs.")
    assert len(found.err.splitlines()) == 2
    assert "sk-verysecret" not in found.out + found.err
    assert tree(desk) == before


@pytest.fixture(scope="module")
def kept(small_card: Path, mlruns: Path) -> tuple[str, str]:
    """One optimization from the command line: what it printed on both streams."""
    command = ["optimize", "--label", "ptx", "--dataset", small_card, "--mlruns", mlruns, "--seed", "5", *QUICK]
    with redirect_stdout(StringIO()) as out, redirect_stderr(StringIO()) as err:
        assert run_main(command) == 0
    return out.getvalue(), err.getvalue()


def test_optimize_prints_its_rounds_and_both_figures(kept: tuple[str, str], mlruns: Path) -> None:
    """Every round with kappa, F1 and the exact interval of accuracy; tuned-on, cross-validated and their difference."""
    out, progress = kept
    lines = out.splitlines()
    assert lines[0].rstrip() == "Rounds of Pneumothorax"
    assert lines[1].split()[:5] == ["round", "kappa", "F1", "precision", "recall"]
    assert re.match(
        r"seed +0\.\d{3} +0\.\d{3} +\S+ +\S+ +\d+/59 0\.\d{3} \[0\.\d{3}, [01]\.\d{3}\] +20 +1 +0 ", lines[2]
    )
    assert lines[3].startswith("1 ")
    figures = [re.match(r"(tuned-on|cross-validated|optimism) +kappa +([-+]?\d\.\d{3}) +F1", line) for line in lines]
    named = {m[1]: float(m[2]) for m in figures if m}
    assert named["optimism"] == pytest.approx(named["tuned-on"] - named["cross-validated"], abs=0.0011)
    assert re.search(rf"Kept program sha256:[0-9a-f]{{64}} \(run \w{{32}} in {mlruns}\)\.", out)
    assert progress.splitlines()[0].startswith("Optimizing ptx on small (60 reports) with lexical, recipe exemplar-tpe")
    assert "Traceback" not in progress


def test_the_same_seed_keeps_the_same_program(run: Run, kept: tuple[str, str], small_card: Path, mlruns: Path) -> None:
    """A second run with the same seed, under the finding's full name, keeps a program of the same digest."""
    command = ["optimize", "--label", "Pneumothorax", "--dataset", small_card, "--mlruns", mlruns, "--seed", "5"]
    again = run(*command, *QUICK)
    assert again.code == 0
    digests = [re.findall(r"Kept program (\S+)", out) for out in (kept[0], again.out)]
    assert digests[0] == digests[1] != []


def test_what_is_kept_is_compiled_verified_and_used(
    run: Run, kept: tuple[str, str], small_card: Path, mlruns: Path, tmp_path: Path, small: Dataset
) -> None:
    """From the tracking store to a frozen file, its check, a table of labels, and the scores of the program."""
    file = tmp_path / "program.json"
    compiled = run("compile", "--dataset", small_card, "--mlruns", mlruns, "-o", file)
    assert (compiled.code, compiled.err) == (0, "")
    frozen = load_frozen(file)
    lines = compiled.out.splitlines()
    assert "Edema: no kept program, so its seed was taken." in lines
    assert "Pneumothorax: no kept program, so its seed was taken." not in lines
    assert any("tuned-on undefined, cross-validated undefined" in line for line in lines)
    assert lines[-1] == frozen.sha256
    assert re.findall(r"Kept program (\S+)", kept[0]) == [frozen.findings["pneumothorax"].program.digest()]
    assert frozen.contains_report_text == any("It contains report text" in line for line in lines)

    checked = run("verify", file)
    assert checked.code == 0
    assert checked.out.splitlines()[-1] == f"{file}: verified."
    assert checked.out.splitlines()[1] == "20 prompts rebuilt byte for byte"

    labels = tmp_path / "labels.csv"
    assert run("extract", small_card.parent / "reports.jsonl", "-o", labels, "--program", file).code == 0
    with labels.open(encoding="utf-8") as rows:
        told = {row["report_id"]: int(row["Pneumothorax"]) for row in csv.DictReader(rows)}
    assert told == extract(frozen, small.reports).table.column("pneumothorax")

    shown = run("evaluate", "--dataset", small_card, "--program", file, "--bootstrap", 0, "--json")
    report = json.loads(shown.out)
    (own,) = [f for f in report["findings"] if f["finding"] == "pneumothorax"]
    assert own["kappa"] == pytest.approx(frozen.findings["pneumothorax"].tuned_on.kappa)  # type: ignore[union-attr]
    assert report["signature"].split("|")[-2] == f"program:sha256:{frozen.sha256[7:15]}"


def test_optimize_all_prints_a_row_a_finding(run: Run, small_card: Path, mlruns: Path, tmp_path: Path) -> None:
    """With --label all every finding is optimized, No Finding derived, and the plain means stand below."""
    card = json.loads(small_card.read_text(encoding="utf-8")) | {"name": "eight"}
    for name in ("reports", "notes", "labels"):
        lines = (small_card.parent / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()[:8]
        (tmp_path / f"{name}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    ids = {json.loads(line)["report_id"] for line in (tmp_path / "reports.jsonl").open(encoding="utf-8")}
    notes = [line for line in (tmp_path / "notes.jsonl").open(encoding="utf-8") if json.loads(line)["report_id"] in ids]
    (tmp_path / "notes.jsonl").write_text("".join(notes), encoding="utf-8")
    (tmp_path / "card.yaml").write_text(json.dumps(card), encoding="utf-8")
    targets = ["--target-accuracy", "0", "--target-kappa", "-1"]
    command = ["optimize", "--label", "all", "--dataset", tmp_path / "card.yaml", "--mlruns", mlruns, "--workers", 1]
    found = run(*command, *targets, "--folds", 0)
    assert found.code == 0, found.err
    lines = found.out.splitlines()
    assert lines[0].rstrip() == "eight, lexical, recipe exemplar-tpe"
    names = [f.name for f in catalog.findings().values()]
    assert [line[: len(name)] for line, name in zip(lines[2:23], names, strict=True)] == names
    assert re.match(
        r"macro-F1 over 21 findings: seed 0\.\d{3}, tuned-on 0\.\d{3}, cross-validated undefined", lines[24]
    )
    assert any("undefined" in line for line in lines[2:23])
    assert all("not done" in line for line in lines[2:23])


def test_score_prints_the_score_its_support_and_its_signature(run: Run, desk: Path) -> None:
    """Reports against themselves: the headline, how many findings have support, undefined where there is no number."""
    rows = [(i, t) for i, t in REPORTS]
    pd.DataFrame(rows, columns=["report_id", "report"]).to_csv(desk / "refs.csv", index=False)
    pd.DataFrame(rows[::-1], columns=["report_id", "report"]).to_json(desk / "hyps.jsonl", orient="records", lines=True)
    command = ["score", "--program", "program.json", "--reference", "refs.csv", "--generated", "hyps.jsonl"]
    found = run(*command, "--bootstrap", 20, "--per-report", "rows.csv")
    assert (found.code, found.err) == (0, "")
    lines = found.out.splitlines()
    assert re.fullmatch(r"Ran Score 0\.143 \[0\.\d{3}, 0\.\d{3}\] over 4 reports", lines[0])
    assert lines[1] == "3 of 21 findings have a positive in the reference"
    edema = next(line for line in lines if line.startswith("Edema "))
    air = next(line for line in lines if line.startswith("Pneumothorax "))
    assert edema.split()[1:3] == ["0.000", "undefined"]
    assert air.split()[1:5] == ["1.000", "1.000", "1.000", "1.000"]
    assert "4/4 1.000 [0.398, 1.000]" in air
    assert lines[-1].startswith("ranscore|findings:21|uncertain:exclude|empty:0|")
    assert sorted(pd.read_csv(desk / "rows.csv", dtype=str)["report_id"]) == sorted(i for i, _ in REPORTS)
    as_json = json.loads(run(*command, "--bootstrap", 0, "--json").out)
    assert as_json["findings_with_support"] == 3
    assert as_json["ran_score"] == pytest.approx(3 / 21)


def test_scoring_tables_of_labels_needs_no_program(run: Run, desk: Path) -> None:
    """Two tables of labels are scored without a program, under the policy that is asked for."""
    found = run(
        "score", "--reference", "all.csv", "--generated", "all.csv", "--bootstrap", 0, "--empty", "skip", "--json"
    )
    assert found.code == 0, found.err
    report = json.loads(found.out)
    assert report["signature"].split("|")[-2] == "program:none"
    assert report["ran_score"] == 1.0


def test_evaluate_shows_how_many_findings_are_accurate(run: Run, small_card: Path, desk: Path) -> None:
    """The seed against the reference: the table, accuracies of 0.95, mean kappas; its labels on request."""
    found = run("evaluate", "--dataset", small_card, "--seed-program", "--bootstrap", 0, "-o", desk / "labels.parquet")
    assert (found.code, found.err) == (0, "")
    assert re.search(r"^accuracy >= 0\.95 on \d+ of 21 findings$", found.out, re.MULTILINE)
    assert re.search(
        r"^mean kappa [01]\.\d{3} over the \d+ findings with at least 10 positives$", found.out, re.MULTILINE
    )
    assert len(table(desk / "labels.parquet")) == 60


def test_the_package_runs_as_a_program(tmp_path: Path, desk: Path) -> None:
    """`python -m ranscore` prints its version, and a wrong name as one line with code 2, without a traceback."""
    environment = os.environ | {"PYTHONPATH": str(Path(ranscore.__file__).parents[1])}

    def ranscore_as_program(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "ranscore", *arguments]
        return subprocess.run(command, capture_output=True, text=True, env=environment, cwd=desk, timeout=120)

    assert ranscore_as_program("--version").stdout == f"ranscore {ranscore.__version__}\n"
    wrong = ranscore_as_program("optimize", "--label", "No finding")
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert re.fullmatch(r"ranscore: 'No Finding' is derived [^\n]+\n", wrong.stderr)


def test_the_shown_prompt_has_no_braces_left(frozen_seed: FrozenProgram) -> None:
    """A prompt as a person reads it marks only where the report goes."""
    for one in frozen_seed.findings.values():
        text = freeze_prompt(one.program).text()
        assert text.count("{{report}}") == 1
        assert "{name}" not in text
