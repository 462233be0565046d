"""`ranscore ui` as a person sees it: one real start of MLflow's server, and the ways in which it must not start."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.request import ProxyHandler, build_opener

import pytest

import ranscore
from ranscore.cli import ui
from ranscore.errors import InputError, RanscoreError
from ranscore.tracking import Tracker

RUN = "from ranscore.cli import main; main()"
ENVIRONMENT = os.environ | {"PYTHONPATH": str(Path(ranscore.__file__).parents[1])}
OPENER = build_opener(ProxyHandler({}))


@pytest.fixture
def taken_port() -> Iterator[int]:
    """A port on which another program listens."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield other.getsockname()[1]


def free_port() -> int:
    """A port on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def read_until(path: Path, text: str, server: subprocess.Popen[bytes]) -> str:
    """What the program has printed, once it holds the text."""
    deadline = time.monotonic() + 240
    while text not in path.read_text() and server.poll() is None and time.monotonic() < deadline:
        time.sleep(0.1)
    return path.read_text()


def answers(port: int) -> bool:
    """Whether anything listens on the port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_the_pages_start_show_the_runs_and_stop_with_ctrl_c(tmp_path: Path) -> None:
    """The printed address names a view that exists, the runs are served, and Ctrl-C ends all without a traceback."""
    tracker = Tracker.open(tmp_path)
    run_id = tracker.start_optimize("edema", name="Edema")
    tracker.log_round(run_id, 1, metrics={"kappa": 0.5}, tables={"errors": [{"report_id": "r1"}]})
    port, said = free_port(), tmp_path / "said.txt"
    command = [sys.executable, "-c", RUN, "ui", "--mlruns", str(tmp_path), "--port", str(port)]
    with said.open("wb") as out:
        server = subprocess.Popen(
            command, env=ENVIRONMENT, stdout=out, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        root = f"http://127.0.0.1:{port}"
        text = read_until(said, "Ctrl-C stops it.", server)
        page = rf"^Rounds and scores: {root}/#/experiments/{tracker.experiment_id}/runs\?.*viewStateShareKey=(\w+)$"
        key = re.search(page, text, re.MULTILINE)
        assert key, text
        assert f"Prompts: {root}/#/experiments/{tracker.experiment_id}/prompts" in text
        experiment = f"{root}/api/2.0/mlflow/experiments/get?experiment_id={tracker.experiment_id}"
        tags = json.load(OPENER.open(experiment))["experiment"]["tags"]
        views = {tag["key"]: json.loads(tag["value"]) for tag in tags if "View" in tag["key"]}
        assert views[f"mlflow.sharedViewState.{key[1]}"]["name"] == "Rounds"
        run = json.load(OPENER.open(f"{root}/api/2.0/mlflow/runs/get?run_id={run_id}"))["run"]
        assert run["data"]["metrics"][0]["value"] == 0.5
        os.killpg(server.pid, signal.SIGINT)
        assert server.wait(timeout=60) == 0
    finally:
        server.terminate()
        server.wait(timeout=60)
    text = said.read_text()
    assert text.endswith("\nStopped.\n"), text
    assert "Traceback" not in text
    assert not answers(port)


def test_without_a_database_the_command_that_makes_one_is_named(tmp_path: Path) -> None:
    """Nothing is started and nothing is made."""
    with pytest.raises(InputError, match="'ranscore optimize' makes one"):
        ui.command(mlruns=tmp_path, port=free_port())
    assert list(tmp_path.iterdir()) == []


def test_a_taken_port_is_one_sentence_with_a_way_out(tmp_path: Path, taken_port: int) -> None:
    """The sentence holds the port and another to try, and comes before MLflow is started."""
    (tmp_path / "mlflow.db").touch()
    begun = time.monotonic()
    with pytest.raises(InputError, match=rf"port {taken_port} of 127\.0\.0\.1 is taken .*--port \d+\.$"):
        ui.command(mlruns=tmp_path, port=taken_port)
    assert time.monotonic() - begun < 2


def test_an_address_that_is_not_ours_is_one_sentence(tmp_path: Path) -> None:
    """TEST-NET-1 is nobody's."""
    (tmp_path / "mlflow.db").touch()
    with pytest.raises(InputError, match=r"--host '192\.0\.2\.1' --port \d+: nothing can listen there \(.+\)\.$"):
        ui.command(mlruns=tmp_path, host="192.0.2.1", port=free_port())


def test_a_server_that_dies_is_one_sentence(tmp_path: Path) -> None:
    """A file that is no database ends MLflow's server; its reason is shown, and no process is left."""
    (tmp_path / "mlflow.db").write_text("no database" * 500)
    port = free_port()
    with pytest.raises(RanscoreError, match=r"^MLflow's server ended with code 1; it said: .*not a database"):
        ui.command(mlruns=tmp_path, port=port)
    assert not answers(port)


def test_the_help_text_imports_nothing_heavy() -> None:
    """Typer is all that `ranscore --help` pays for this command."""
    code = (
        "import sys, ranscore.cli.ui; print([m for m in ('mlflow', 'urllib.request', 'sqlite3') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], env=ENVIRONMENT, capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "[]", done.stderr
