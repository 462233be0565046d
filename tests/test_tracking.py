"""Runs, prompts and artifacts as they stand in a real MLflow database."""

from __future__ import annotations

import csv
import io
import math
import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import ranscore
from ranscore.errors import InputError
from ranscore.tracking import Tracker, find_database, prompt_name, runs_folder
from ranscore.tracking._store import persist

ENVIRONMENT = os.environ | {"PYTHONPATH": str(Path(ranscore.__file__).parents[1])}


@pytest.fixture(scope="module")
def tracker(tmp_path_factory: pytest.TempPathFactory) -> Tracker:
    """One tracker on a fresh folder; every test uses a finding of its own."""
    return Tracker.open(tmp_path_factory.mktemp("runs with space") / "mlruns")


@pytest.fixture
def rows(tracker: Tracker) -> Iterator[sqlite3.Connection]:
    """The database as SQLite sees it: the second implementation."""
    with closing(sqlite3.connect(tracker.folder / "mlflow.db")) as connection:
        yield connection


def run_python(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A fresh interpreter's output."""
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=ENVIRONMENT, timeout=300)


def tags_of(rows: sqlite3.Connection, run_id: str) -> dict[str, str]:
    """All tags of a run."""
    return dict(rows.execute("select key, value from tags where run_uuid = ?", (run_id,)))


def points_of(rows: sqlite3.Connection, run_id: str, metric: str) -> list[tuple[int, float]]:
    """A metric's (step, value) in the order of writing."""
    query = "select step, value from metrics where run_uuid = ? and key = ? order by step, timestamp"
    return list(rows.execute(query, (run_id, metric)))


def latest_of(rows: sqlite3.Connection, run_id: str) -> dict[str, float]:
    """The value of each metric that MLflow's table of runs shows."""
    return dict(rows.execute("select key, value from latest_metrics where run_uuid = ?", (run_id,)))


def keep(tracker: Tracker, finding: str, **tags: str) -> str:
    """A finished optimization that kept a program."""
    run_id = tracker.start_optimize(finding, name=finding.title(), tags=tags)
    tracker.finish(run_id, metrics={"kappa": 0.9}, texts={"program.json": "{}"})
    return run_id


def test_importing_the_module_imports_no_mlflow() -> None:
    """A command that only names the module pays nothing for MLflow."""
    done = run_python("import sys, ranscore.tracking; print([m for m in ('mlflow', 'sqlalchemy') if m in sys.modules])")
    assert done.stdout.strip() == "[]", done.stderr


def test_an_optimization_names_its_finding(tracker: Tracker, rows: sqlite3.Connection) -> None:
    """The run is named for the reader, tagged for the machine, and running until it is finished."""
    run_id = tracker.start_optimize(
        "edema", name="Edema", tags={"model": "lexical"}, params={"trials": 40, "seeds": [1, 2]}
    )
    tags = tags_of(rows, run_id)
    assert tags["mlflow.runName"] == "optimize Edema"
    assert (tags["ranscore.kind"], tags["ranscore.finding"], tags["model"]) == ("optimize", "edema", "lexical")
    assert dict(rows.execute("select key, value from params where run_uuid = ?", (run_id,))) == {
        "trials": "40",
        "seeds": "[1, 2]",
    }
    assert rows.execute("select status from runs where run_uuid = ?", (run_id,)).fetchone() == ("RUNNING",)


def test_a_round_is_nested_and_draws_the_parents_curve(tracker: Tracker, rows: sqlite3.Connection) -> None:
    """Three rounds are three finished children, and their kappas one curve of the parent."""
    parent = tracker.start_optimize("nodule", name="Nodule")
    children = [tracker.log_round(parent, n, metrics={"kappa": n / 4, "n_rules": n}) for n in (1, 2, 3)]
    for number, child in enumerate(children, 1):
        tags = tags_of(rows, child)
        assert (tags["mlflow.runName"], tags["mlflow.parentRunId"]) == (f"round {number}", parent)
        assert (tags["ranscore.kind"], tags["ranscore.finding"]) == ("round", "nodule")
        assert latest_of(rows, child) == {"kappa": number / 4, "n_rules": number}
        assert rows.execute("select status from runs where run_uuid = ?", (child,)).fetchone() == ("FINISHED",)
    assert points_of(rows, parent, "kappa") == [(1, 0.25), (2, 0.5), (3, 0.75)]


def test_a_round_lasts_from_the_end_of_the_one_before(tracker: Tracker, rows: sqlite3.Connection) -> None:
    """The duration that MLflow shows is the round's work, not the time that writing it took."""
    parent = tracker.start_optimize("duration", name="Duration")
    first, second = (tracker.log_round(parent, n) for n in (1, 2))
    times = {
        r: rows.execute("select start_time, end_time from runs where run_uuid = ?", (r,)).fetchone()
        for r in (parent, first, second)
    }
    assert times[first][0] >= times[parent][0]
    assert times[second][0] >= times[first][1] > times[first][0]


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "not defined on these reports"),
        (math.nan, "not a finite number: nan"),
        (math.inf, "not a finite number: inf"),
    ],
)
def test_an_undefined_metric_is_a_reason_not_a_number(
    tracker: Tracker, rows: sqlite3.Connection, value: float | None, reason: str
) -> None:
    """Neither the round nor the parent's curve gets a number for it."""
    parent = tracker.start_optimize("undefined", name="Undefined")
    child = tracker.log_round(parent, 1, metrics={"kappa": value, "f1": 0.5})
    assert tags_of(rows, child)["undefined/kappa"] == reason
    assert points_of(rows, child, "kappa") == points_of(rows, parent, "kappa") == []
    assert points_of(rows, parent, "f1") == [(1, 0.5)]
    assert "undefined/f1" not in tags_of(rows, child)


def test_the_callers_reason_wins(tracker: Tracker, rows: sqlite3.Connection) -> None:
    """Who knows why a metric is undefined says it in a tag."""
    said = {"undefined/kappa": "every report is absent"}
    parent = tracker.start_optimize("reason", name="Reason")
    child = tracker.log_round(parent, 1, metrics={"kappa": None}, tags=said)
    tracker.finish(parent, metrics={"kappa": None}, tags=said)
    assert said.items() <= tags_of(rows, child).items()
    assert said.items() <= tags_of(rows, parent).items()


def test_finishing_shows_the_kept_value_not_the_last_rounds(tracker: Tracker, rows: sqlite3.Connection) -> None:
    """The table of runs shows what was kept, though a later round scored less."""
    parent = tracker.start_optimize("kept", name="Kept")
    for number, kappa in enumerate((0.6, 0.9, 0.7), 1):
        tracker.log_round(parent, number, metrics={"kappa": kappa})
    tracker.finish(parent, metrics={"kappa": 0.9, "held_out/kappa": 0.8}, tags={"result": "improved"})
    assert latest_of(rows, parent) == {"kappa": 0.9, "held_out/kappa": 0.8}
    assert tags_of(rows, parent)["result"] == "improved"


@pytest.mark.parametrize("status", ["FAILED", "KILLED"])
def test_a_run_can_end_badly(tracker: Tracker, rows: sqlite3.Connection, status: Any) -> None:
    """Its status says so, and it keeps no program."""
    run_id = tracker.start_optimize(status.lower(), name=status)
    tracker.finish(run_id, texts={"program.json": "{}"}, status=status)
    assert rows.execute("select status from runs where run_uuid = ?", (run_id,)).fetchone() == (status,)
    assert tracker.kept_programs(finding=status.lower()) == []


def test_texts_and_tables_come_back_as_they_went_in(tracker: Tracker) -> None:
    """Braces, Chinese, line ends, commas and missing cells survive; a lone surrogate is spelled out."""
    text = "{{ report }} {x} 气胸\na\r\nb, no newline at the end"
    table: list[dict[str, object]] = [{"report_id": "a,1", "note": 'says "no"\nline'}, {"report_id": "b", "kappa": 0.1}]
    parent = tracker.start_optimize("texts", name="Texts")
    child = tracker.log_round(
        parent, 1, texts={"deep/prompt.txt": text, "odd.txt": "a\udc80b"}, tables={"errors": table, "none.csv": []}
    )
    assert tracker.read_text(child, "deep/prompt.txt") == text
    assert tracker.read_text(child, "odd.txt") == "a\\udc80b"
    assert tracker.read_text(child, "none.csv").strip() == ""
    read = list(csv.DictReader(io.StringIO(tracker.read_text(child, "errors.csv"), newline="")))
    assert read == [
        {"report_id": "a,1", "note": 'says "no"\nline', "kappa": ""},
        {"report_id": "b", "note": "", "kappa": "0.1"},
    ]


def test_a_missing_artifact_is_named(tracker: Tracker) -> None:
    """One sentence says which run lacks which name."""
    run_id = tracker.start_optimize("missing", name="Missing")
    with pytest.raises(InputError, match=rf"{run_id} has no artifact 'program.json'"):
        tracker.read_text(run_id, "program.json")


def test_a_summary_holds_every_finding(tracker: Tracker, rows: sqlite3.Connection) -> None:
    """More metrics and reasons than one of MLflow's batches takes are all there."""
    metrics: dict[str, float | None] = {f"kappa/{n}": n / 1000 for n in range(1100)}
    metrics |= {f"f1/{n}": None for n in range(120)}
    run_id = tracker.log_summary(
        name="all findings", metrics=metrics, tags={"model": "lexical"}, texts={"summary.md": "#"}
    )
    tags = tags_of(rows, run_id)
    assert (tags["ranscore.kind"], tags["mlflow.runName"], tags["model"]) == ("summary", "all findings", "lexical")
    assert len(latest_of(rows, run_id)) == 1100
    assert sum(key.startswith("undefined/f1/") for key in tags) == 120
    assert tracker.read_text(run_id, "summary.md") == "#"


def test_long_values_are_cut_not_refused(tracker: Tracker, rows: sqlite3.Connection) -> None:
    """MLflow's limits on tags and parameters are met without a word on stderr."""
    run_id = tracker.start_optimize("long", name="Long", tags={"t": "x" * 9000}, params={"p": "y" * 9000})
    assert tags_of(rows, run_id)["t"] == "x" * 8000
    assert rows.execute("select value from params where run_uuid = ?", (run_id,)).fetchone() == ("y" * 6000,)


def test_prompts_get_versions_and_an_alias(tracker: Tracker, rows: sqlite3.Connection) -> None:
    """Each registration is one version more, its text byte for byte, findable from the experiment's page."""
    from mlflow import MlflowClient

    text = "Is {{ name }} there? {present} {% raw %} {{{{x}}}} 气胸"
    assert [tracker.register_prompt("cavity-and-cyst", text + str(n), message=f"round {n}") for n in (1, 2)] == [1, 2]
    tracker.set_alias("cavity-and-cyst", "frozen", 1)
    uri = f"sqlite:///{tracker.folder}/mlflow.db"
    client = MlflowClient(uri, uri)
    frozen = client.load_prompt("prompts:/ranscore-cavity_and_cyst@frozen")
    assert (frozen.version, frozen.template, frozen.commit_message) == (1, text + "1", "round 1")
    found = client.search_prompts(filter_string=f'experiment_id = "{tracker.experiment_id}"')
    assert "ranscore-cavity_and_cyst" in [prompt.name for prompt in found]


def test_prompt_names_hold_only_what_the_registry_takes() -> None:
    """Blanks, slashes, hyphens and foreign letters become `_`."""
    assert prompt_name("pleural-effusion") == "ranscore-pleural_effusion"
    assert prompt_name("a b/c:d气") == "ranscore-a_b_c_d_"


def test_a_users_mlflow_variables_change_nothing(tracker: Tracker, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another tracking server and experiment in the environment are neither asked nor written to, and stay set."""
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "somebody else's")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    assert tracker.register_prompt("variables", "text") == 1
    assert keep(tracker, "variables") == tracker.kept_programs(finding="variables")[0].run_id
    assert os.environ["MLFLOW_EXPERIMENT_NAME"] == "somebody else's"


def test_kept_programs_are_filtered_and_newest_first(tracker: Tracker) -> None:
    """Only finished optimizations of the finding, with a program and equal tags, even where a value holds a quote."""
    mine = {"model": "a 'b' \"c\"", "dataset_digest": "sha256:1"}
    old = keep(tracker, "mass", **mine)
    keep(tracker, "mass", **mine | {"model": "other"})
    new = keep(tracker, "mass", **mine)
    keep(tracker, "mass-like", **mine)
    tracker.start_optimize("mass", name="Still running", tags=mine)
    without = tracker.start_optimize("mass", name="No program", tags=mine)
    tracker.log_round(without, 1, texts={"program.json": "{}"})
    tracker.finish(without)
    found = tracker.kept_programs(finding="mass", filters=mine)
    assert [program.run_id for program in found] == [new, old]
    assert (found[0].finding, found[0].metrics["kappa"]) == ("mass", 0.9)
    assert mine.items() <= found[0].tags.items()
    assert timedelta(0) <= datetime.now(UTC) - found[0].start_time < timedelta(minutes=10)
    assert tracker.kept_programs(finding="mass", filters={"reference_digest": "sha256:1"}) == []


def test_no_run_is_left_running_by_another_thread(tracker: Tracker, rows: sqlite3.Connection) -> None:
    """MLflow's active run is local to a thread; rounds logged by threads make no stray runs."""
    parent = tracker.start_optimize("threads", name="Threads")
    before = rows.execute("select count(*) from runs").fetchone()[0]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: tracker.log_round(parent, number, metrics={"kappa": 0.5}), range(4)))
    assert rows.execute("select count(*) from runs").fetchone()[0] == before + 4
    assert len(points_of(rows, parent, "kappa")) == 4


WRITER = """
import sys
from pathlib import Path
from ranscore.tracking import Tracker
tracker = Tracker.open(Path(sys.argv[1]))
parent = tracker.start_optimize("shared", name=sys.argv[2])
for number in range(1, 9):
    tracker.log_round(parent, number, metrics={"kappa": number / 10}, texts={"program.json": "{}"})
    tracker.register_prompt("shared", f"{sys.argv[2]} {number}")
tracker.finish(parent, texts={"program.json": "{}"})
"""


def test_two_processes_on_one_fresh_folder_lose_nothing(tmp_path: Path) -> None:
    """Both make the database and write at once; every run and prompt version is there, and nothing is said."""
    with ThreadPoolExecutor() as pool:
        writers = list(pool.map(run_python, [WRITER] * 2, [str(tmp_path)] * 2, ["one", "two"]))
    assert [(writer.returncode, writer.stdout, writer.stderr) for writer in writers] == [(0, "", "")] * 2
    with closing(sqlite3.connect(tmp_path / "mlflow.db")) as rows:
        assert rows.execute("select count(*) from runs where status = 'FINISHED'").fetchone() == (18,)
        assert rows.execute("select count(*) from experiments where name = 'ranscore'").fetchone() == (1,)
        versions = [v for (v,) in rows.execute("select version from model_versions order by version")]
    assert versions == list(range(1, 17))


def test_a_locked_database_is_waited_for(tmp_path: Path) -> None:
    """SQLite's refusal is not the end: the call comes again until the other writer is done."""
    other = sqlite3.connect(tmp_path / "a.db", isolation_level=None, check_same_thread=False)
    other.execute("BEGIN EXCLUSIVE")
    with closing(other), closing(sqlite3.connect(tmp_path / "a.db", timeout=0, isolation_level=None)) as hasty:
        with pytest.raises(sqlite3.OperationalError, match="database is locked"):
            hasty.execute("BEGIN IMMEDIATE")
        threading.Timer(0.5, other.execute, ["ROLLBACK"]).start()
        persist(tmp_path, hasty.execute, "BEGIN IMMEDIATE")
        assert hasty.in_transaction


def test_an_artifact_that_cannot_be_written_is_one_sentence(tracker: Tracker) -> None:
    """A file in the way of a run's artifacts is named, with what to do."""
    run_id = tracker.start_optimize("in the way", name="In the way")
    (tracker.folder / "artifacts").mkdir(exist_ok=True)
    (tracker.folder / "artifacts" / run_id).write_text("")
    with pytest.raises(InputError, match=rf"a run could not be recorded \(.*{run_id}.*\); make the folder writable"):
        tracker.finish(run_id, texts={"program.json": "{}"})


def test_the_folder_is_argument_then_variable_then_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The nearest word wins."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RANSCORE_MLRUNS", raising=False)
    assert runs_folder() == tmp_path / "mlruns"
    monkeypatch.setenv("RANSCORE_MLRUNS", str(tmp_path / "elsewhere"))
    assert runs_folder() == tmp_path / "elsewhere"
    assert runs_folder(Path("given")) == tmp_path / "given"
    assert list(tmp_path.iterdir()) == []


TRY = """
import sys
from pathlib import Path
from ranscore.errors import InputError
from ranscore.tracking import Tracker
for place in sys.argv[1:]:
    try:
        Tracker.open(Path(place))
    except InputError as error:
        print(error)
"""


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    """A file in the way and a folder of the kernel are both refused before MLflow is imported."""
    (tmp_path / "file").write_text("")
    code = TRY + "print('mlflow' in sys.modules)"
    done = run_python(
        code, str(tmp_path / "file"), str(tmp_path / "file" / "runs"), "/proc/runs", str(tmp_path / "50%")
    )
    lines = done.stdout.splitlines()
    assert len(lines) == 5, done
    assert all("runs cannot be written here" in line and "--mlruns" in line for line in lines[:3])
    assert "'%' or '?'" in lines[3]
    assert lines[4] == "False"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_file_that_is_no_database_is_one_sentence(tmp_path: Path) -> None:
    """The file is named and left as it is."""
    (tmp_path / "mlflow.db").write_text("not a database, only some text that is long enough to hold a header" * 20)
    before = (tmp_path / "mlflow.db").read_bytes()
    with pytest.raises(InputError, match=r"mlflow\.db: cannot be written as a tracking database .*not a database"):
        Tracker.open(tmp_path)
    assert (tmp_path / "mlflow.db").read_bytes() == before


def test_another_mlflows_database_says_how_to_upgrade(tmp_path: Path) -> None:
    """The sentence holds the command."""
    Tracker.open(tmp_path)
    with closing(sqlite3.connect(tmp_path / "mlflow.db")) as rows, rows:
        rows.execute("update alembic_version set version_num = '0123456789ab'")
    done = run_python(TRY, str(tmp_path))
    assert "mlflow.db: made by another version of MLflow; " in done.stdout, done
    assert f"'mlflow db upgrade sqlite:///{tmp_path}/mlflow.db'" in done.stdout
    assert len(done.stdout.splitlines()) == 1


def test_a_moved_folder_and_a_deleted_experiment_are_said(tmp_path: Path) -> None:
    """MLflow would look for artifacts where they no longer are, and refuse runs, long after the work was done."""
    Tracker.open(tmp_path / "old")
    (tmp_path / "old").rename(tmp_path / "new")
    with pytest.raises(InputError, match=r"new: made as .*/old"):
        Tracker.open(tmp_path / "new")
    (tmp_path / "new").rename(tmp_path / "old")
    with closing(sqlite3.connect(tmp_path / "old" / "mlflow.db")) as rows, rows:
        rows.execute("update experiments set lifecycle_stage = 'deleted' where name = 'ranscore'")
    with pytest.raises(InputError, match=r"was deleted here; .*mlflow experiments restore --experiment-id 1"):
        Tracker.open(tmp_path / "old")


def test_reading_makes_no_database(tmp_path: Path) -> None:
    """Who only looks is told which command makes one, and finds the folder as it was."""
    for look in (find_database, lambda folder: Tracker.open(folder, must_exist=True)):
        with pytest.raises(InputError, match="'ranscore optimize' makes one"):
            look(tmp_path)
    assert list(tmp_path.iterdir()) == []
