"""Shows the tracked rounds in the browser."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any

import typer

from ranscore.cli._options import Runs
from ranscore.cli._serving import check_port, stops_quietly

if TYPE_CHECKING:
    import subprocess

START_SECONDS = 180.0
API = "/api/2.0/mlflow/experiments"
VIEW = "rounds"
COLUMNS = ("kappa", "cv_kappa", "f1", "accuracy", "errors")  # shown where runs have them


def command(
    mlruns: Runs = None,
    host: Annotated[str, typer.Option("--host", help="Address to listen on; 0.0.0.0 lets others in.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=1, max=65535, help="Port to listen on.")] = 5000,
) -> None:
    """Show rounds, scores and prompts in MLflow's pages; Ctrl-C stops them."""
    import tempfile

    from ranscore.tracking import find_database

    database = find_database(mlruns)
    check_port(host, port, "ranscore ui")
    typer.echo("Starting MLflow's pages, about ten seconds …", err=True)
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as log, stops_quietly():
        server = _start(database, host, port, log)
        try:
            root = _wait(server, host, port, log)
            typer.echo(f"{_describe_pages(root)}\nCtrl-C stops it.")
            server.wait()
        finally:
            _stop(server)


def _start(database: Path, host: str, port: int, log: IO[str]) -> subprocess.Popen[str]:
    """MLflow's server as a process group of its own, so that a Ctrl-C reaches it once and through us."""
    import os
    import subprocess
    import sys

    from ranscore.tracking import database_uri

    # Beside litellm and offline, MLflow's server hangs unless the first two are set.
    quiet = {
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "1",
    }
    uri = database_uri(database)
    options = [f"--backend-store-uri={uri}", f"--registry-store-uri={uri}", f"--host={host}", f"--port={port}"]
    options += [f"--default-artifact-root={(database.parent / 'artifacts').as_uri()}", "--no-serve-artifacts"]
    options += ["--workers=1", "--uvicorn-opts=--log-level warning"]
    return subprocess.Popen(
        [sys.executable, "-m", "mlflow", "server", *options],
        env=os.environ | quiet,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        text=True,
        start_new_session=True,
    )


def _wait(server: subprocess.Popen[str], host: str, port: int, log: IO[str]) -> str:
    """The server's address, once it answers."""
    import time

    from ranscore.errors import RanscoreError

    name = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    root = f"http://{f'[{name}]' if ':' in name else name}:{port}"
    deadline = time.monotonic() + START_SECONDS
    while server.poll() is None and time.monotonic() < deadline:
        if _fetch(f"{root}/health") is not None:
            return root
        time.sleep(0.2)
    log.seek(0)
    said = [line.strip() for line in log if line.strip() and "Background on this error" not in line]
    telling = [line for line in said if "Error: " in line or "Exception: " in line] or said
    code = server.returncode
    what = f"did not answer in {START_SECONDS:.0f} s" if code is None else f"ended with code {code}"
    raise RanscoreError(f"MLflow's server {what}; it said: {telling[-1] if telling else '(nothing)'}")


def _describe_pages(root: str) -> str:
    """The addresses of the experiment's pages, one a line."""
    import json

    from ranscore.tracking import EXPERIMENT

    answer = _fetch(f"{root}{API}/get-by-name?experiment_name={EXPERIMENT}")
    if answer is None:
        return f"MLflow: {root}"
    experiment = json.loads(answer)["experiment"]
    page = f"{root}/#/experiments/{experiment['experiment_id']}"
    view = f"&viewStateShareKey={VIEW}" if _save_view(root, experiment) else ""
    return f"Rounds and scores: {page}/runs?workflowType=machine_learning{view}\nPrompts: {page}/prompts"


def _save_view(root: str, experiment: dict[str, Any]) -> bool:
    """Whether the experiment has the saved view that shows kappa in the table of runs; makes it when it is missing.

    This is how MLflow 3.17's own pages save a view; pages that cannot read it say so and show their usual columns.
    """
    import base64
    import json
    import time
    import zlib

    key = f"mlflow.sharedViewState.{VIEW}"
    if any(tag["key"] == key for tag in experiment.get("tags", [])):
        return True
    shown = [*(f"metrics.`{name}`" for name in COLUMNS), "tags.`model`", "tags.`dataset`"]
    state = {
        "selectedColumns": shown,
        "columnOrder": ["0", "attributes.`Run Name`", "runDateAndNestInfo", "duration", *shown],
        "columnWidths": {"attributes.`Run Name`": 280},
    }
    packed = base64.b64encode(zlib.compress(json.dumps(state).encode())).decode()
    now = int(time.time() * 1000)
    saved = {"name": "Rounds", "createdAt": now, "updatedAt": now, "state": f"deflate;{packed}"}
    body = {"experiment_id": experiment["experiment_id"], "key": key, "value": json.dumps(saved)}
    return _fetch(f"{root}{API}/set-experiment-tag", json.dumps(body).encode()) is not None


def _fetch(url: str, body: bytes | None = None) -> bytes | None:
    """What our own server answers, asked without any proxy; None where it does not answer well."""
    from urllib.request import ProxyHandler, Request, build_opener

    request = Request(url, data=body, headers={"Content-Type": "application/json"})
    try:
        with build_opener(ProxyHandler({})).open(request, timeout=10) as response:
            return bytes(response.read())
    except OSError:
        return None


def _stop(server: subprocess.Popen[str]) -> None:
    """Ends the server and what it started, at last by force."""
    import os
    import signal
    import subprocess

    server.terminate()
    try:
        server.wait(timeout=10)
    except subprocess.TimeoutExpired:
        server.kill()
    if hasattr(os, "killpg"):
        with suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGKILL)
    server.wait()
