"""The tracking folder: where it is, whether it can be written, and calls that wait while another process writes."""

from __future__ import annotations

import os
import re
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, TypeVar
from urllib.parse import urlsplit
from urllib.request import url2pathname

from ranscore.errors import InputError
from ranscore.private import make_file, make_folder, private_files

EXPERIMENT = "ranscore"
DATABASE = "mlflow.db"
LOCK_SECONDS = 120.0
T = TypeVar("T")


def runs_folder(folder: Path | None = None) -> Path:
    """The absolute tracking folder: the argument, else $RANSCORE_MLRUNS, else `mlruns` in the working directory."""
    return Path(folder or os.environ.get("RANSCORE_MLRUNS") or "mlruns").expanduser().resolve()


def find_database(folder: Path | None = None) -> Path:
    """The tracking database of a folder; raises InputError where there is none."""
    path = runs_folder(folder) / DATABASE
    if not path.is_file():
        raise InputError(
            f"{path}: there is no tracking database yet; 'ranscore optimize' makes one, "
            "or name the folder that holds one with --mlruns."
        )
    return path


def database_uri(path: Path) -> str:
    """The URI by which MLflow opens a database file."""
    return f"sqlite:///{path.as_posix()}"


def check_folder(folder: Path) -> None:
    """Raises InputError where runs could not be written, before anything is computed or imported."""
    if set("%?") & set(str(folder)):
        raise InputError(f"{folder}: MLflow opens no database in a path with '%' or '?'; name another with --mlruns.")
    try:
        make_folder(folder)
        probe = folder / f".probe-{os.getpid()}-{time.monotonic_ns()}"
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        raise InputError(
            f"{folder}: runs cannot be written here ({error.strerror or error}); "
            "name a folder that you may write to with --mlruns or RANSCORE_MLRUNS."
        ) from error
    if (folder / DATABASE).exists():
        lock(folder / DATABASE, "IMMEDIATE").close()


def lock(path: Path, kind: Literal["IMMEDIATE", "EXCLUSIVE"]) -> sqlite3.Connection:
    """A connection that holds the file until it is closed or the process ends; InputError where it cannot be had."""
    connection: sqlite3.Connection | None = None
    try:
        connection = sqlite3.connect(make_file(path), timeout=LOCK_SECONDS, isolation_level=None)
        connection.execute(f"BEGIN {kind}")
    except (sqlite3.Error, OSError) as error:
        if connection is not None:
            connection.close()
        raise InputError(
            f"{path}: cannot be written as a tracking database ({error}); "
            "end the process that holds it, move the file away, or name another folder with --mlruns."
        ) from error
    return connection


def connect(folder: Path) -> Any:
    import logging

    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    # This one module logs the making of tables, and with a traceback every lock that `_persist` waits for.
    logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL + 1)
    uri = database_uri(folder / DATABASE)
    try:
        return persist(folder, MlflowClient, tracking_uri=uri, registry_uri=uri)
    except MlflowException as error:
        if "out-of-date database schema" not in str(error):
            raise
        raise InputError(
            f"{folder / DATABASE}: made by another version of MLflow; "
            f"copy the file, then run 'mlflow db upgrade {uri}', or name another folder with --mlruns."
        ) from error


def find_experiment(client: Any, folder: Path) -> str:
    """The id of the experiment `ranscore`, made when it is missing; InputError where it was deleted or moved."""
    found = persist(folder, client.get_experiment_by_name, EXPERIMENT)
    artifacts = folder / "artifacts"
    if found is None:
        tags = {"mlflow.experimentKind": "custom_model_development"}
        return str(persist(folder, client.create_experiment, EXPERIMENT, artifacts.as_uri(), tags))
    if found.lifecycle_stage == "deleted":
        raise InputError(
            f"{folder}: the experiment 'ranscore' was deleted here; bring it back with 'MLFLOW_TRACKING_URI="
            f"{database_uri(folder / DATABASE)} mlflow experiments restore --experiment-id {found.experiment_id}', "
            "or name another folder with --mlruns."
        )
    recorded = Path(url2pathname(urlsplit(found.artifact_location).path))
    if recorded != artifacts and not (recorded.exists() and artifacts.exists() and recorded.samefile(artifacts)):
        raise InputError(
            f"{folder}: made as {recorded.parent}, and MLflow looks for its artifacts there; "
            "move it back, link it there, or name another folder with --mlruns."
        )
    return str(found.experiment_id)


def persist(folder: Path, call: Callable[..., T], *args: Any, **named: Any) -> T:
    """What the call returns, after at most `LOCK_SECONDS` of others' writing; a full disk is an InputError."""
    deadline = time.monotonic() + LOCK_SECONDS
    pause = 0.05
    while True:
        try:
            with private_files():
                return call(*args, **named)
        except Exception as error:
            text = str(error)
            if "database is locked" in text and time.monotonic() < deadline:
                time.sleep(pause)
                pause = min(2 * pause, 1.0)
            elif "OperationalError" in text or isinstance(error, OSError):
                reason = re.sub(r"^\([\w.]+\) ", "", text.splitlines()[0])
                raise InputError(
                    f"{folder}: a run could not be recorded ({reason}); make the folder writable, and run again."
                ) from error
            else:
                raise


@contextmanager
def without_variables(*names: str) -> Iterator[None]:
    kept = {name: os.environ.pop(name) for name in names if name in os.environ}
    try:
        yield
    finally:
        os.environ.update(kept)
