"""Shows the tracked rounds in the browser."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    import subprocess

START_SECONDS = 180.0


def command(
    mlruns: Annotated[Path | None, typer.Option("--mlruns", help="Folder of the tracking database.")] = None,
    host: Annotated[str, typer.Option("--host", help="Address to listen on; 0.0.0.0 lets others in.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=1, max=65535, help="Port to listen on.")] = 5000,
) -> None:
    """Show rounds, scores and prompts in MLflow's pages; Ctrl-C stops them."""
    import tempfile

    from ranscore.tracking import find_database

    database = find_database(mlruns)
    _check_port(host, port)
    typer.echo("Starting MLflow's pages, about ten seconds …", err=True)
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as log, _stops_quietly():
        server = _start(database, host, port, log)
        try:
            root = _wait(server, host, port, log)
            typer.echo(f"{_describe_pages(root)}\nCtrl-C stops it.")
            server.wait()
        finally:
            _stop(server)


def _check_port(host: str, port: int) -> None:
    """Raises InputError where nothing can listen."""
    import errno
    import os
    import socket

    from ranscore.errors import InputError

    try:
        family, kind, proto, _, where = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, proto) as probe:
            if os.name == "posix":  # a port that closed a moment ago is free; on Windows the option would share a taken one
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(where)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise InputError(
                f"port {port} of {host} is taken by another program (an earlier 'ranscore ui'?); "
                f"stop that one, or choose another with --port {port + 1 if port < 65535 else port - 1}."
            ) from error
        raise InputError(f"--host {host!r} --port {port}: nothing can listen there ({error.strerror or error}).") from error


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
    options += [f"--default-artifact-root={(database.parent / 'artifacts').as_uri()}", "--no-serve-artifacts", "--workers=1"]
    return subprocess.Popen(
        [sys.executable, "-m", "mlflow", "server", *options, "--uvicorn-opts=--log-level warning"],
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
    said = [line.strip() for line in log if line.strip()]
    ended = f"ended with code {server.returncode}" if server.returncode is not None else f"did not answer in {START_SECONDS:.0f} s"
    raise RanscoreError(f"MLflow's server {ended}; its last line: {said[-1] if said else '(none)'}")


def _describe_pages(root: str) -> str:
    """The addresses of the experiment's pages, one a line."""
    import json

    from ranscore.tracking import EXPERIMENT, VIEW

    answer = _fetch(f"{root}/api/2.0/mlflow/experiments/get-by-name?experiment_name={EXPERIMENT}")
    if answer is None:
        return f"MLflow: {root}"
    experiment = json.loads(answer)["experiment"]
    has_view = any(tag["key"] == f"mlflow.sharedViewState.{VIEW}" for tag in experiment.get("tags", []))
    page = f"{root}/#/experiments/{experiment['experiment_id']}"
    view = f"&viewStateShareKey={VIEW}" if has_view else ""
    return f"Rounds and scores: {page}/runs?workflowType=machine_learning{view}\nPrompts: {page}/prompts"


def _fetch(url: str) -> bytes | None:
    """The body of a page of our own server, without any proxy; None where it does not answer with one."""
    from urllib.request import ProxyHandler, build_opener

    try:
        with build_opener(ProxyHandler({})).open(url, timeout=10) as response:
            return bytes(response.read())
    except OSError:
        return None


@contextmanager
def _stops_quietly() -> Iterator[None]:
    """Ctrl-C, a closed terminal or `kill` ends the block without a traceback."""
    import signal

    def stop(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    names = [name for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {name: signal.signal(getattr(signal, name), stop) for name in names}
    try:
        yield
    except KeyboardInterrupt:
        typer.echo("\nStopped.", err=True)
    finally:
        for name, handler in before.items():
            signal.signal(getattr(signal, name), handler)


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
        try:
            os.killpg(server.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    server.wait()
