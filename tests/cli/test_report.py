"""`ranscore report` as a process: from a real optimization to a page, and each mistake in one sentence."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import ranscore
from ranscore.cli import report
from ranscore.errors import InputError

ENVIRONMENT = os.environ | {"PYTHONPATH": str(Path(ranscore.__file__).parents[1]), "PYTHONUTF8": "1"}


def run(*arguments: str | Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """What a command prints, and how it ends."""
    command = [sys.executable, "-m", "ranscore", *map(str, arguments)]
    return subprocess.run(
        command, cwd=folder, env=ENVIRONMENT, capture_output=True, encoding="utf-8", timeout=600, check=False
    )


@pytest.fixture(scope="module")
def optimized(small_card: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A folder with one real optimization in `mlruns`, and its run id."""
    folder = tmp_path_factory.mktemp("work")
    settings = ("--rounds", "1", "--trials", "2", "--folds", "2")
    done = run("optimize", "--label", "Pneumothorax", "--dataset", small_card, *settings, folder=folder)
    found = re.search(r"\(run ([0-9a-f]{32}) in", done.stdout)
    assert found, done.stdout + done.stderr
    return folder, found[1]


def test_a_run_becomes_a_page_with_its_files(optimized: tuple[Path, str], small_card: Path) -> None:
    """The id that `optimize` printed makes a page and a folder beside it; --all makes the same page."""
    folder, run_id = optimized
    options = ("--dataset", small_card, "--bootstrap", "50")
    done = run("report", run_id[:8], *options, "-o", "out/report.html", folder=folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert re.fullmatch(r"out.report\.html: 6 figures, \d+ tables; as files in out.report_files\.\n", done.stdout)
    page = (folder / "out" / "report.html").read_text(encoding="utf-8")
    assert run_id in page
    assert "What these numbers do not show" in page
    assert len(list((folder / "out" / "report_files").glob("*.svg"))) == 6
    again = run("report", "--all", *options, "-o", "all.html", folder=folder)
    assert again.returncode == 0, again.stderr
    assert (folder / "all.html").read_text(encoding="utf-8") == page


def test_a_mistake_is_one_sentence_and_exit_code_2(optimized: tuple[Path, str]) -> None:
    """No traceback, and nothing is written."""
    folder, _ = optimized
    before = sorted(folder.rglob("report*"))
    done = run("report", folder=folder)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("ranscore: nothing to report on; expected run ids")
    assert "Traceback" not in done.stderr
    assert sorted(folder.rglob("report*")) == before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"output": Path("report.pdf")}, "report.pdf: found the suffix '.pdf', expected .html or .htm."),
        ({"sources": ["0123456789"]}, "no finished optimization has a run id that begins with '0123456789'"),
        ({"newest": True, "dataset": "demo-eng"}, "no dataset is called 'demo-eng'; did you mean 'demo-en'"),
        ({"newest": True, "mlruns": Path("nowhere")}, "there is no tracking database yet"),
        ({"dataset": "demo-en", "generated": ["no.csv"]}, "no.csv"),
    ],
)
def test_each_wrong_input_says_what_is_expected(
    options: dict[str, Any], message: str, optimized: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wrong suffix, an unknown run, an unknown dataset, no store, no table."""
    monkeypatch.chdir(optimized[0])
    with pytest.raises(InputError, match=re.escape(message)):
        report.command(**options)


def test_the_help_costs_no_picture_library(tmp_path: Path) -> None:
    """Asking for help imports neither matplotlib nor what reads runs."""
    code = (
        "import atexit, sys\n"
        "atexit.register(lambda: print([m for m in ('matplotlib', 'mlflow', 'pandas', 'numpy') if m in sys.modules]))\n"
        "sys.argv = ['ranscore', 'report', '--help']\n"
        "from ranscore.cli import main\n"
        "main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=ENVIRONMENT, capture_output=True, encoding="utf-8", timeout=300
    )
    assert "[RUN|FILE]..." in done.stdout
    assert done.stdout.rstrip().endswith("[]"), done.stderr
