"""`ranscore extract` cut off: kill -9, Ctrl-C, two at once; the table is the same, and nothing is done twice."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from ranscore.freezing import FrozenProgram, load_frozen
from ranscore.labelling import _desk
from ranscore.models import open_model
from tests.labelling.conftest import Command, label, recorded, varied, write_reports

Start = Callable[..., Command]


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Answers are made durable every few of them, so that a small run can be cut in its middle."""
    monkeypatch.setattr(_desk, "GROUP_SECONDS", 0.02)


@pytest.fixture
def server(faults: ModuleType) -> Any:
    """A server that answers after some milliseconds."""
    with faults.FaultServer(faults.Plan(latency=0.05), keep=False) as made:
        yield made


def counts(server: Any) -> list[int]:
    """How often each unit was answered."""
    return [n for unit, n in server.answers.items() if "<report>" in unit]


def test_kill_9_at_random_points_changes_no_byte(
    command: Start, server: Any, single: FrozenProgram, single_file: Path, tmp_path: Path
) -> None:
    """An endpoint's run, killed twice and resumed: the bytes of an uncut run, and what was recorded not asked again."""
    source = write_reports(tmp_path / "in.csv", varied(600))
    arguments = [source, "-o", tmp_path / "out.csv", "--program", single_file, "--model", "hosted_vllm/x"]
    arguments += ["--api-base", server.base]
    ledger = tmp_path / "out.csv.ledger"
    for point in sorted(random.Random(5).sample(range(1, 400), 2)):
        killed = command(*arguments)
        killed.wait_for(ledger, point)
        killed.send(signal.SIGKILL)
        assert killed.end()[0] == -signal.SIGKILL
        assert recorded(ledger) >= point
        assert not (tmp_path / "out.csv").exists()
    kept = recorded(ledger)
    while server.in_flight:  # what the killed process had asked is still being answered, to nobody
        time.sleep(0.005)
    before = sum(counts(server))
    code, out, _ = command(*arguments).end()
    assert (code, out) == (0, f"{tmp_path / 'out.csv'}: 600 reports x 1 findings, coverage 100.00%.\n")
    assert sum(counts(server)) - before == 600 - kept
    whole = open_model("hosted_vllm/x", api_base=server.base)
    label(source, single, whole, tmp_path / "other", tmp_path / "whole.csv")
    assert (tmp_path / "out.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()
    assert [p.name for p in tmp_path.iterdir() if p.suffix == ".part"] == []


def test_kill_9_of_an_embedded_run_ends_its_workers_too(
    command: Start, single: FrozenProgram, single_file: Path, tmp_path: Path
) -> None:
    """Killed while two processes work: they end by themselves; resumed, the bytes of one uncut process."""
    texts = varied(4100)
    source, output, ledger = write_reports(tmp_path / "in.csv", texts), tmp_path / "out.csv", tmp_path / "led"
    arguments = [source, "-o", output, "--program", single_file, "--workers", 2, "--ledger", ledger]
    killed = command(*arguments)
    killed.wait_for(ledger, 1)
    workers = children(killed.pid)
    killed.send(signal.SIGKILL)
    killed.end()
    assert len(workers) >= 2
    while any(Path(f"/proc/{worker}").exists() for worker in workers):
        time.sleep(0.005)
    assert 0 < recorded(ledger) < 4100
    assert command(*arguments).end()[0] == 0
    label(source, single, open_model("lexical"), tmp_path / "other", tmp_path / "whole.csv")
    assert output.read_bytes() == (tmp_path / "whole.csv").read_bytes()


def test_a_worker_killed_at_its_work_loses_nothing(
    command: Start, single: FrozenProgram, single_file: Path, tmp_path: Path
) -> None:
    """Others take its place, and the table is the same."""
    source, output, ledger = write_reports(tmp_path / "in.csv", varied(6100)), tmp_path / "out.csv", tmp_path / "led"
    run = command(source, "-o", output, "--program", single_file, "--workers", 2, "--ledger", ledger)
    run.wait_for(ledger, 1)
    os.kill(first_worker(run), signal.SIGKILL)
    assert run.end()[0] == 0
    label(source, single, open_model("lexical"), tmp_path / "other", tmp_path / "whole.csv")
    assert output.read_bytes() == (tmp_path / "whole.csv").read_bytes()


def test_a_worker_killed_as_it_starts_loses_nothing(command: Start, tmp_path: Path) -> None:
    """Nor does the start wait for ever for it to read prompts that no pipe holds."""
    source, output = write_reports(tmp_path / "in.csv", varied(100)), tmp_path / "out.csv"
    run = command(source, "-o", output, "--workers", 2)
    os.kill(first_worker(run), signal.SIGKILL)
    assert run.end()[0] == 0
    label(source, load_frozen(), open_model("lexical"), tmp_path / "other", tmp_path / "whole.csv")
    assert output.read_bytes() == (tmp_path / "whole.csv").read_bytes()


def first_worker(run: Command) -> int:
    """A worker process of a command, as soon as there is one."""
    while not (workers := [child for child in children(run.pid) if "spawn_main" in begun_as(child)]):
        time.sleep(0.001)
    return workers[0]


def children(pid: int) -> list[int]:
    """The children of a process, on Linux."""
    path = Path(f"/proc/{pid}/task/{pid}/children")
    if not path.exists():
        pytest.skip("the children of a process are only told by Linux")
    return [int(child) for child in path.read_text().split()]


def begun_as(pid: int) -> str:
    """A process's command line, on Linux; nothing where it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""


def test_two_at_once_share_the_work(command: Start, server: Any, single_file: Path, tmp_path: Path) -> None:
    """Two processes on one ledger: every unit is answered once, and both write the same table."""
    source, ledger = write_reports(tmp_path / "in.csv", varied(1100)), tmp_path / "led"
    arguments = [source, "--program", single_file, "--model", "hosted_vllm/x", "--api-base", server.base]
    both = [command(*arguments, "-o", tmp_path / name, "--ledger", ledger) for name in ("a.csv", "b.csv")]
    assert [one.end()[0] for one in both] == [0, 0]
    assert counts(server) == [1] * 1100
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()


def test_one_that_waits_takes_over_from_one_that_is_killed(
    command: Start, server: Any, single_file: Path, tmp_path: Path
) -> None:
    """The claims of a dead process pass on to the one that was waiting for it."""
    source, ledger = write_reports(tmp_path / "in.csv", varied(600)), tmp_path / "led"
    arguments = [source, "--program", single_file, "--model", "hosted_vllm/x", "--api-base", server.base]
    first = command(*arguments, "-o", tmp_path / "a.csv", "--ledger", ledger)
    first.wait_for(ledger, 1)
    second = command(*arguments, "-o", tmp_path / "b.csv", "--ledger", ledger)
    first.send(signal.SIGKILL)
    assert first.end()[0] == -signal.SIGKILL
    assert second.end()[0] == 0
    assert recorded(ledger) == 600


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_finishes_what_is_in_flight(
    command: Start, server: Any, single_file: Path, tmp_path: Path, number: signal.Signals
) -> None:
    """Exit 130 and how to go on, no table; all that the server answered is recorded, so that nothing is asked twice."""
    source, ledger = write_reports(tmp_path / "in.csv", varied(1000)), tmp_path / "out.csv.ledger"
    arguments = [source, "-o", tmp_path / "out.csv", "--program", single_file, "--model", "hosted_vllm/x"]
    run = command(*arguments, "--api-base", server.base)
    run.wait_for(ledger, 1)
    run.send(number)
    code, out, err = run.end()
    kept = recorded(ledger)
    assert (code, out) == (130, "")
    assert 0 < kept < 1000
    assert err.splitlines()[-1] == (
        f"ranscore: stopped: {kept:,} labels were added in this run, {1000 - kept:,} are missing. All of them are kept "
        f"in {ledger}; run the same command again to go on."
    )
    assert counts(server) == [1] * kept
    assert not (tmp_path / "out.csv").exists()


def test_a_second_signal_ends_at_once(command: Start, faults: ModuleType, single_file: Path, tmp_path: Path) -> None:
    """Where what is in flight would take long, pressing again does not wait for it."""
    source = write_reports(tmp_path / "in.csv", varied(300))
    arguments = [source, "-o", tmp_path / "out.csv", "--program", single_file, "--model", "hosted_vllm/x"]

    class Silent(faults.Plan):  # type: ignore[name-defined,misc]
        def fault(self, unit: str) -> tuple[str, bool]:
            return ("silent", False) if "<report>" in unit and "Study 0." not in unit else ("", False)

    with faults.FaultServer(Silent()) as server:
        run = command(*arguments, "--api-base", server.base)
        run.wait_for(tmp_path / "out.csv.ledger", 1)
        while not run.ended and not server.in_flight:
            time.sleep(0.02)
        run.send(signal.SIGINT)
        for _ in range(100):  # the second one counts once the first was seen
            if run.ended:
                break
            time.sleep(0.02)
        else:
            run.send(signal.SIGINT)
        code, out, err = run.end()
    assert (code, out) == (130, "")
    assert "Traceback" not in err
    assert err.splitlines()[-1].startswith("ranscore: stopped at once: what is in ")
