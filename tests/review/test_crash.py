"""`ranscore review` as a process: killed in the middle of 200 notes it loses none that it acknowledged."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import ProxyHandler, Request, build_opener

import pytest

import ranscore
from ranscore.feedback.ledger import open_ledger

RUN = "from ranscore.cli import main; main()"
ENVIRONMENT = os.environ | {"PYTHONPATH": str(Path(ranscore.__file__).parents[1]), "PYTHONUNBUFFERED": "1"}
OPENER = build_opener(ProxyHandler({}))
NOTES = 200


@contextmanager
def started(*options: str) -> Iterator[tuple[subprocess.Popen[str], list[str]]]:
    """The command once it has printed its address, and the lines that it printed."""
    command = [sys.executable, "-c", RUN, "review", *options]
    server = subprocess.Popen(
        command, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )
    said: list[str] = []
    assert server.stdout
    for line in server.stdout:
        said.append(line)
        if "Ctrl-C" in line:
            break
    rest = threading.Thread(target=lambda: said.extend(server.stdout or []))
    rest.start()
    try:
        yield server, said
    finally:
        server.kill()
        server.wait(60)
        rest.join(60)
        server.stdout.close()


def ask(root: str, path: str, body: object = None, csrf: str = "") -> Any:
    """The JSON of an answer; OSError where there is none."""
    headers = {"Origin": root, "X-Ranscore-Csrf": csrf, "Content-Type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    with OPENER.open(Request(root + path, data=data, headers=headers), timeout=60) as answer:
        return json.load(answer)


def send_all(root: str, server: subprocess.Popen[str] | None) -> set[str]:
    """Sends all notes from four threads; the ids that were acknowledged. A server is killed at half of them."""
    csrf = ask(root, "/api/session")["csrf"]
    key = ask(root, "/api/queue")["items"][0]["id"]
    acknowledged: set[str] = set()
    lock = threading.Lock()

    def send(n: int) -> None:
        entry = f"entry-{n:05}"
        try:
            ask(root, "/api/notes", {"entry": entry, "item": key, "verdict": "cannot tell", "note": f"note {n}"}, csrf)
        except OSError:
            return
        with lock:
            acknowledged.add(entry)
            if server and len(acknowledged) == NOTES // 2:
                server.kill()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(send, range(NOTES)))
    return acknowledged


def free_port() -> int:
    """A port on which nothing listens."""
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def options_of(card: Path, folder: Path, port: int) -> list[str]:
    """The command's options for the small cohort."""
    named = {"--dataset": card, "--label": "Pneumothorax", "--mlruns": folder, "--port": port, "--reader": "anna"}
    return ["--seed-program", *(str(part) for pair in named.items() for part in pair)]


def test_kill_9_in_the_middle_of_200_notes(card: Path, tmp_path: Path) -> None:
    """Every acknowledged note is there and none twice; sent again after a restart, all 200 are there once.

    The restarted server ends with code 0 and one word on SIGTERM, and its port is free again.
    """
    port = free_port()
    root = f"http://127.0.0.1:{port}"
    with started(*options_of(card, tmp_path, port)) as (server, said):
        assert f"Review page of anna: {root}/\n" in said
        acknowledged = send_all(root, server)
        assert server.wait(60) == -signal.SIGKILL
    assert NOTES // 2 <= len(acknowledged) < NOTES
    ledger = open_ledger(tmp_path / "notes.db")
    found = [e.entry_id for e in ledger.entries()]
    assert acknowledged <= set(found)
    assert len(set(found)) == len(found)
    with started(*options_of(card, tmp_path, port)) as (server, said):
        assert len(send_all(root, None)) == NOTES
        server.send_signal(signal.SIGTERM)
        assert server.wait(60) == 0
    assert "".join(said).endswith("\nStopped.\n"), said
    assert "Traceback" not in "".join(said)
    assert sorted(e.entry_id for e in ledger.entries()) == [f"entry-{n:05}" for n in range(NOTES)]
    assert {e.note for e in ledger.entries()} == {f"note {n}" for n in range(NOTES)}
    assert "pneumothorax" not in "".join(said).casefold()


def test_mistakes_are_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    """Two readers of one name, a name that cannot be printed, two programs at once: before anything is read."""
    from ranscore.cli.review import _readers, _review
    from ranscore.errors import InputError
    from ranscore.models import open_model

    for names in (["anna", "anna"], [" anna"], ["an\na"], [""], ["x" * 101]):
        with pytest.raises(InputError, match=r"^--reader: found .*; expected different names"):
            _readers(names)
    assert _readers([]) == ["reader"]
    with pytest.raises(InputError, match=r"--program and --seed-program name two programs"):
        _review(None, [], open_model("lexical"), Path("x.json"), True, None)  # type: ignore[arg-type]
    assert capsys.readouterr().out == ""
