"""What the tests of labelling share: small programs, tables of reports, a chat server, a command in its own process."""

from __future__ import annotations

import csv
import os
import signal
import sqlite3
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from ranscore.cli import main
from ranscore.freezing import FrozenProgram, save_frozen
from ranscore.labelling._brakes import Brakes
from ranscore.labelling.corpus import Corpus, Outcome, open_corpus
from ranscore.models import Model, open_model
from ranscore.readers import stream_reports

STATES = "Small left apical pneumothorax. Pleural effusion on the right."
CLEAR = "The lungs are clear."


@pytest.fixture(scope="session")
def faults() -> ModuleType:
    """The chat server that fails as it is told."""
    from tests.models import fault_server

    return fault_server


def cut_down(frozen: FrozenProgram, *findings: str) -> FrozenProgram:
    """A frozen program of some findings alone."""
    kept = {f: frozen.findings[f] for f in findings}
    draft = frozen.model_copy(update={"findings": kept, "golden": ()})
    return draft.model_copy(update={"sha256": draft.content_digest()})


@pytest.fixture(scope="session")
def narrow(frozen_seed: FrozenProgram) -> FrozenProgram:
    """A frozen program of two findings."""
    return cut_down(frozen_seed, "pneumothorax", "pleural_effusion")


@pytest.fixture(scope="session")
def single(frozen_seed: FrozenProgram) -> FrozenProgram:
    """A frozen program of one finding."""
    return cut_down(frozen_seed, "pneumothorax")


@pytest.fixture(scope="session")
def single_file(single: FrozenProgram, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program of one finding in a file."""
    path = tmp_path_factory.mktemp("single") / "single.json"
    save_frozen(single, path)
    return path


def write_reports(path: Path, texts: Sequence[str], prefix: str = "r") -> Path:
    """A CSV of these texts under numbered ids."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("report_id", "report"))
        writer.writerows((f"{prefix}{n}", text) for n, text in enumerate(texts))
    return path


def varied(count: int) -> list[str]:
    """Texts that all differ; every third states two findings."""
    return [f"{STATES if n % 3 == 0 else CLEAR} Study {n}." for n in range(count)]


class Counting:
    """An embedded model that counts what it is asked, and fails where its answer is no answer word."""

    def __init__(self, answer: Callable[[str], str] | None = None) -> None:
        self.asked: list[str] = []
        self.answer = answer or (lambda text: "present" if "pneumothorax" in text.split("<report>")[-1] else "absent")

    def model(self) -> Model:
        """The model, to be asked in this process."""

        def answer(messages: Sequence[tuple[str, str]]) -> str:
            self.asked.append(messages[-1][1])
            return self.answer(messages[-1][1])

        return open_model("scripted", answers=answer)


@contextmanager
def opened(reports: Path, frozen: FrozenProgram, model: Model, ledger: Path | None, **options: Any) -> Iterator[Corpus]:
    """A corpus on this ledger."""
    with open_corpus(frozen, stream_reports(reports), model, ledger, **options) as corpus:
        yield corpus


def label(
    reports: Path, frozen: FrozenProgram, model: Model, ledger: Path, output: Path, brakes: Brakes | None = None
) -> tuple[Outcome, int]:
    """Labels and writes the table: how it ended, and how many cells are missing."""
    with opened(reports, frozen, model, ledger) as corpus:
        outcome = corpus.label(workers=1, brakes=brakes)
        return outcome, corpus.write(output)


def recorded(ledger: Path) -> int:
    """Units and packed reports in a ledger so far."""
    try:
        with closing(sqlite3.connect(f"file:{ledger / 'ledger.sqlite'}?mode=ro", uri=True, timeout=20)) as db:
            counts = db.execute("SELECT (SELECT count(*) FROM units) + (SELECT count(*) FROM packed)")
            return int(counts.fetchone()[0])
    except sqlite3.Error:
        return 0


class Command:
    """`ranscore extract` in a process of its own: a copy of this one, which has loaded all libraries already."""

    def __init__(self, folder: Path, *arguments: object) -> None:
        self.code: int | None = None
        self.streams = folder / f"out-{time.monotonic_ns()}", folder / f"err-{time.monotonic_ns()}"
        for path in self.streams:
            path.touch()
        self.pid = os.fork()
        if not self.pid:
            self._become([*map(str, arguments)])

    def _become(self, arguments: list[str]) -> None:
        code = 1
        try:
            for number, path in enumerate(self.streams, start=1):
                os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT), number)
            sys.stdout, sys.stderr = (os.fdopen(number, "w", buffering=1) for number in (1, 2))
            sys.argv = ["ranscore", "extract", *arguments]
            signal.signal(signal.SIGINT, signal.default_int_handler)
            main()
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(bool(end.code))
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)

    @property
    def ended(self) -> bool:
        """True once the process is gone."""
        if self.code is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self.code = os.waitstatus_to_exitcode(status) if pid else None
        return self.code is not None

    def wait_for(self, ledger: Path, count: int) -> None:
        """Waits until so much is in the ledger, or the process has ended."""
        while recorded(ledger) < count and not self.ended:
            time.sleep(0.005)

    def send(self, number: int) -> None:
        """Sends a signal."""
        if not self.ended:
            os.kill(self.pid, number)

    def end(self) -> tuple[int, str, str]:
        """Waits for its end: exit code and both streams."""
        while not self.ended:
            time.sleep(0.005)
        out, err = (path.read_text(encoding="utf-8") for path in self.streams)
        assert self.code is not None
        return self.code, out, err


@pytest.fixture
def command(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Command]]:
    """Starts commands; what still runs after the test is ended."""
    started: list[Command] = []
    folder = tmp_path_factory.mktemp("streams")

    def start(*arguments: object) -> Command:
        started.append(Command(folder, *arguments))
        return started[-1]

    yield start
    for one in started:
        one.send(signal.SIGKILL)
        while not one.ended:
            time.sleep(0.005)


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Callable[[int], Path]]:
    """A small disk of its own, to be made and made larger by its size in bytes; skipped where none may be mounted."""
    folder = tmp_path / "disk"
    folder.mkdir()

    def resize(size: int) -> Path:
        again = ["-o", f"remount,size={size}"] if os.path.ismount(folder) else ["-o", f"size={size}"]
        done = subprocess.run(
            ["mount", "-t", "tmpfs", *again, "tmpfs", str(folder)], capture_output=True, check=False
        ).returncode
        if done:
            pytest.skip("this user may not mount a tmpfs")
        return folder

    yield resize
    if os.path.ismount(folder):
        subprocess.run(["umount", "-l", str(folder)], check=True)
