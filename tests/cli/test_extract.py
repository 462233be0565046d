"""`ranscore extract`: forecast, limits, lists of what is missing, ways; a run is gone on with by the same command."""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ranscore import registry
from ranscore.cli import main
from ranscore.freezing import FrozenProgram, save_frozen

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Runs the command in an empty folder: exit code and both streams."""
    monkeypatch.chdir(tmp_path)

    def start(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["ranscore", "extract", *map(str, arguments)])
        code: Any = 0
        try:
            main()
        except SystemExit as end:
            code = end.code
        told = capsys.readouterr()
        return int(code or 0), told.out, told.err

    return start


@pytest.fixture
def program(frozen_seed: FrozenProgram, tmp_path: Path) -> Path:
    """A program of two findings, and eight reports of which two are the same."""
    kept = {f: frozen_seed.findings[f] for f in ("pneumothorax", "pleural_effusion")}
    cut = frozen_seed.model_copy(update={"findings": kept, "golden": ()})
    save_frozen(cut.model_copy(update={"sha256": cut.content_digest()}), tmp_path / "p.json")
    with (tmp_path / "r.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerows([("report_id", "report"), ("x", "Clear lungs. 0")])
        writer.writerows((f"r{n}", f"Clear lungs. {n}") for n in range(7))
    return tmp_path / "p.json"


def test_a_dry_run_asks_nothing_and_leaves_nothing(run: Run, program: Path, endpoint: Any, tmp_path: Path) -> None:
    """The figures, one a line, unknown where nobody knows; no ledger and no table."""
    asked: list[str] = []
    endpoint.answer = lambda text: asked.append(text) or "absent"
    base = ["r.csv", "-o", "o.csv", "--program", program, "--model", "hosted_vllm/x"]
    code, out, _ = run(*base, "--api-base", f"http://{endpoint.address}", "--dry-run")
    lines = out.splitlines()
    assert (code, asked) == (0, [])
    assert lines[:3] == [
        "reports    8, 7 distinct texts",
        "labels     16, 0 in the ledger",
        "calls      14",
    ]
    assert lines[3].startswith("tokens in  ")
    assert lines[5:] == [
        "money      unknown: no price is listed for this model",
        "time       unknown: no call was made",
    ]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["p.json", "r.csv"]


def test_a_limit_ends_with_a_list_and_the_same_command_goes_on(
    run: Run, program: Path, endpoint: Any, tmp_path: Path
) -> None:
    """--max-calls: exit 3, a table with what there is, all that is missing by name; run again, the list is gone."""
    endpoint.answer = lambda text: "present"
    base = ["r.csv", "-o", "o.csv", "--program", program, "--model", "hosted_vllm/x"]
    base += ["--api-base", f"http://{endpoint.address}", "--ways", "w.csv"]
    code, out, err = run(*base, "--max-calls", 5)
    listed = (tmp_path / "o.csv.missing.csv").read_text(encoding="utf-8").splitlines()
    assert (code, len(listed) - 1) == (3, 9 + listed.count("x,pneumothorax,not asked"))
    assert "ranscore: stopped by --max-calls 5: " in err
    assert "(not asked); they are marked in o.csv and listed in o.csv.missing.csv" in err
    assert run(*base, "--max-calls", 0, "--allow-partial")[0] == 0
    code, out, _ = run(*base)
    assert (code, out) == (0, "o.csv: 8 reports x 2 findings, coverage 100.00%.\n")
    assert not (tmp_path / "o.csv.missing.csv").exists()
    ways = (tmp_path / "w.csv").read_text(encoding="utf-8").splitlines()
    assert ways[1:3] == ["x,model,model", "r0,duplicate,duplicate"]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--engine", "locl"], "no engine is called 'locl'; did you mean 'local'?"),
        (["--rpm", "60"], "--rpm: model 'lexical' runs in this process and calls nobody; leave it out."),
        (["--ledger", "r.csv"], "r.csv: the ledger cannot be written (File exists)"),
        (["--ways", "w.txt"], "w.txt: found the suffix '.txt', expected one of .csv, .parquet, .jsonl."),
    ],
)
def test_a_wrong_option_is_one_sentence(run: Run, program: Path, options: list[str], told: str) -> None:
    """Exit code 2, and no table."""
    code, out, err = run("r.csv", "-o", "o.csv", "--program", program, *options)
    assert (code, out) == (2, "")
    assert err.startswith(f"ranscore: {told}")
    assert not Path("o.csv").exists()


@pytest.mark.parametrize("name", registry.names("labelling.engines"))
def test_an_engine_labels_and_asks(name: str) -> None:
    """Each engine's file has both, and says what it is."""
    engine = registry.load("labelling.engines", name)
    assert callable(engine.label)
    assert callable(engine.ask)
    assert engine.__doc__
