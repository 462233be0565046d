"""The Ray engine: the same bytes as this machine's, whatever is killed; only the driver writes the ledger."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from ranscore.errors import InputError, RanscoreError
from ranscore.freezing import FrozenProgram
from ranscore.labelling import _desk
from ranscore.models import open_model
from tests.labelling.conftest import label, opened, recorded, varied, write_reports

if not sys.platform.startswith("linux"):
    pytest.skip("Ray is tried on Linux", allow_module_level=True)
ray: Any = pytest.importorskip("ray", reason="Ray is not installed: pip install 'ranscore[ray]'")


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    """Ray on two cores, for all tests of this file."""
    before = os.environ.get("PYTHONPATH")
    root = str(Path(__file__).parents[2])
    os.environ["PYTHONPATH"] = root  # so that its workers find the code and these tests
    try:
        ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="error")
    except Exception as fault:  # a machine on which Ray cannot start its own servers
        pytest.skip(f"Ray does not start here: {type(fault).__name__}")
    yield
    ray.shutdown()
    os.environ.pop("PYTHONPATH") if before is None else os.environ.update(PYTHONPATH=before)


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of fifty reports."""
    monkeypatch.setattr(_desk.Desk.blocks, "__defaults__", (50,))


def die_once(mark: Path) -> None:
    """Kills the process that calls it, the first time that anyone does."""
    if not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)


def as_local(source: Path, program: FrozenProgram, model: Any, table: Path) -> bool:
    """True where a table holds what `local` writes from a ledger of its own."""
    folder = table.parent
    label(source, program, model, folder / "other", folder / "local.csv")
    return table.read_bytes() == (folder / "local.csv").read_bytes()


def test_ray_gives_the_bytes_of_local(cluster: None, narrow: FrozenProgram, tmp_path: Path, small_blocks: None) -> None:
    """The embedded reader's labels, by tasks; what is in the ledger is asked of neither engine again."""
    source = write_reports(tmp_path / "in.csv", varied(400))
    with opened(source, narrow, open_model("lexical"), tmp_path / "l") as corpus:
        outcome = corpus.label(engine="ray", workers=2)
        corpus.write(tmp_path / "ray.csv")
        assert corpus.label(engine="local", workers=1).progress.asked == 0
    assert (outcome.progress.answered, recorded(tmp_path / "l")) == (800, 400)
    assert as_local(source, narrow, open_model("lexical"), tmp_path / "ray.csv")


def test_a_killed_worker_loses_nothing(
    cluster: None, narrow: FrozenProgram, tmp_path: Path, small_blocks: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that is killed in the middle of a block: the block is labelled by another, the table is the same."""
    from ranscore.labelling.engines import ray as engine

    mark = tmp_path / "killed"
    source = write_reports(tmp_path / "in.csv", varied(400))
    whole = engine._label

    def fatal(job: Any, texts: Mapping[bytes, str]) -> Any:
        if any("Study 210." in text for text in texts.values()):
            die_once(mark)
        return whole(job, texts)

    monkeypatch.setattr(engine, "_label", fatal)
    with opened(source, narrow, open_model("lexical"), tmp_path / "l") as corpus:
        corpus.label(engine="ray", workers=2)
        assert corpus.write(tmp_path / "ray.csv") == 0
    assert mark.exists()
    assert as_local(source, narrow, open_model("lexical"), tmp_path / "ray.csv")


def test_a_killed_feed_loses_nothing(
    cluster: None, narrow: FrozenProgram, tmp_path: Path, small_blocks: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the worker dies that the pipeline is fed through, it is built anew; each block is handed in once."""
    from ranscore.labelling.engines import ray as engine

    mark = tmp_path / "killed"
    source = write_reports(tmp_path / "in.csv", varied(400))
    whole = engine._feed

    def fatal(rows: Any, pieces: Any) -> Iterator[Any]:
        for number, piece in enumerate(whole(rows, pieces)):
            if number == 3:
                die_once(mark)
            yield piece

    monkeypatch.setattr(engine, "_feed", fatal)
    with opened(source, narrow, open_model("lexical"), tmp_path / "l") as corpus:
        outcome = corpus.label(engine="ray", workers=2)
        assert corpus.write(tmp_path / "ray.csv") == 0
    assert mark.exists()
    assert (outcome.progress.answered, outcome.progress.asked) == (800, 800)
    assert as_local(source, narrow, open_model("lexical"), tmp_path / "ray.csv")


def test_work_that_kills_every_worker_ends_the_run(
    cluster: None, narrow: FrozenProgram, tmp_path: Path, small_blocks: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is tried a few times, then one sentence; what else was labelled is kept, and `local` goes on from there."""
    from ranscore.labelling.engines import ray as engine

    source = write_reports(tmp_path / "in.csv", varied(200))
    whole = engine._label

    def fatal(job: Any, texts: Mapping[bytes, str]) -> Any:
        if any("Study 120." in text for text in texts.values()):
            os.kill(os.getpid(), signal.SIGKILL)
        return whole(job, texts)

    monkeypatch.setattr(engine, "_label", fatal)
    monkeypatch.setattr(engine, "LIVES", 1)
    with opened(source, narrow, open_model("lexical"), tmp_path / "l") as corpus:
        with pytest.raises(RanscoreError, match=r"Ray lost workers again and again .* run the same command again"):
            corpus.label(engine="ray", workers=2)
        kept = recorded(tmp_path / "l")
        assert 0 < kept < 200
        assert corpus.label(engine="local", workers=1).progress.asked == 2 * (200 - kept)
        corpus.write(tmp_path / "ray.csv")
    assert as_local(source, narrow, open_model("lexical"), tmp_path / "ray.csv")


def test_ray_asks_an_endpoint(
    cluster: None, narrow: FrozenProgram, tmp_path: Path, faults: ModuleType, small_blocks: None
) -> None:
    """An endpoint's units by an actor: each answered once, or listed with its reason."""
    source = write_reports(tmp_path / "in.csv", varied(200))
    with faults.FaultServer(faults.Plan(wrong=0.1)) as server:
        model = open_model("hosted_vllm/x", api_base=server.base)
        with opened(source, narrow, model, tmp_path / "l") as corpus:
            corpus.label(engine="ray", workers=2)
            missing = corpus.write(tmp_path / "ray.csv")
            reasons = {reason for _, _, reason in corpus.missing()}
        counts = {n for unit, n in server.answers.items() if "<report>" in unit}
        assert counts == {1}
        assert as_local(source, narrow, model, tmp_path / "ray.csv")
    assert 10 < missing < 100
    assert all("was not one of the words" in reason for reason in reasons)


def test_a_killed_asker_loses_nothing(
    cluster: None, narrow: FrozenProgram, tmp_path: Path, faults: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An actor that is killed with questions in flight: they are asked again, and the table is the same."""
    from ranscore.labelling.engines import ray as engine

    mark = tmp_path / "killed"

    class Fatal(engine.Asker):
        async def _ask(self, place: int, text: str) -> Any:
            reply = await super()._ask(place, text)
            if "Study 150." in text:
                die_once(mark)
            return reply

    monkeypatch.setattr(engine, "Asker", Fatal)
    source = write_reports(tmp_path / "in.csv", varied(200))
    with faults.FaultServer() as server:
        model = open_model("hosted_vllm/x", api_base=server.base)
        with opened(source, narrow, model, tmp_path / "l") as corpus:
            outcome = corpus.label(engine="ray", workers=2)
            assert corpus.write(tmp_path / "ray.csv") == 0
        counts = {n for unit, n in server.answers.items() if "<report>" in unit}
        assert as_local(source, narrow, model, tmp_path / "ray.csv")
    assert mark.exists()
    assert (outcome.progress.answered, outcome.progress.failed) == (400, 0)
    assert counts == {1, 2}


def test_a_dead_endpoint_is_asked_once(cluster: None, narrow: FrozenProgram, tmp_path: Path, endpoint: Any) -> None:
    """One call shows that it cannot be used; the run ends with one sentence before a second is made."""
    asked: list[str] = []

    def refuse(text: str) -> int:
        asked.append(text)
        return 401

    endpoint.answer = refuse
    source = write_reports(tmp_path / "in.csv", varied(200))
    model = open_model("hosted_vllm/x", api_base=f"http://{endpoint.address}")
    with opened(source, narrow, model, tmp_path / "l") as corpus, pytest.raises(InputError, match="first call failed"):
        corpus.label(engine="ray", workers=2)
    assert len({text for text in asked if "<report>" in text}) == 1
    assert recorded(tmp_path / "l") <= 1


def test_what_a_worker_lacks_is_said(
    cluster: None, narrow: FrozenProgram, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key that only the driver has: the sentence that says so, from the worker that needs it."""
    monkeypatch.setenv("OPENAI_API_KEY", "only-here")  # Ray's workers were begun without it
    source = write_reports(tmp_path / "in.csv", varied(3))
    model = open_model("openai/x", api_base="http://127.0.0.2:9/v1")
    with opened(source, narrow, model, tmp_path / "l") as corpus, pytest.raises(InputError, match="OPENAI_API_KEY"):
        corpus.label(engine="ray", workers=2)
    assert recorded(tmp_path / "l") == 0


def test_what_was_begun_is_finished_at_a_stop(
    cluster: None, narrow: FrozenProgram, tmp_path: Path, faults: ModuleType, small_blocks: None
) -> None:
    """After a signal no more is given out; all that was asked is in the ledger, and `local` goes on from it."""
    source = write_reports(tmp_path / "in.csv", varied(2_000))
    with faults.FaultServer() as server:
        model = open_model("hosted_vllm/x", api_base=server.base)

        signals: list[int] = []

        def interrupt(progress: _desk.Progress) -> None:
            if progress.answered and not signals:
                signals.append(signal.SIGINT)
                os.kill(os.getpid(), signal.SIGINT)

        with opened(source, narrow, model, tmp_path / "l") as corpus:
            outcome = corpus.label(engine="ray", workers=2, watch=interrupt)
            assert outcome.signalled
            asked = sum("<report>" in unit for unit in server.answers)
            assert 0 < recorded(tmp_path / "l") == outcome.progress.asked == asked < 4_000
            corpus.label(engine="local")
            assert corpus.write(tmp_path / "ray.csv") == 0
        assert {n for unit, n in server.answers.items() if "<report>" in unit} == {1}
        assert as_local(source, narrow, model, tmp_path / "ray.csv")


def test_limits_of_an_endpoint_hold_for_its_askers(
    cluster: None, narrow: FrozenProgram, tmp_path: Path, faults: ModuleType
) -> None:
    """What is allowed a minute is divided among the askers, each keeps the time-out; neither makes new work."""
    from ranscore.labelling.engines.ray import _share

    source = write_reports(tmp_path / "in.csv", varied(40))
    with faults.FaultServer(faults.Plan(silent=0.1, heals=0.0)) as server:
        model = open_model("hosted_vllm/x", api_base=server.base, rpm=60_000, tpm=6e6, timeout=0.3)
        told = _share(model.pace, 4)
        assert told == {"rpm": 15_000, "tpm": 1.5e6, "timeout": 0.3}
        with opened(source, narrow, model, tmp_path / "l") as corpus:
            done = corpus.label(engine="ray", workers=2).progress
            assert {reason for _, _, reason in corpus.missing()} == {"the call timed out"}
        with opened(source, narrow, open_model("hosted_vllm/x", api_base=server.base), tmp_path / "l") as corpus:
            assert corpus.shape.count_missing() == done.failed > 0


@pytest.fixture
def folder_of_ray() -> Iterator[Path]:
    """A short name, since Ray's sockets lie in it."""
    folder = Path(tempfile.mkdtemp(prefix="r", dir="/tmp"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def extract(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    """`ranscore extract --engine ray` in a process of its own."""
    command = [sys.executable, "-m", "ranscore", "extract", *map(str, arguments), "--engine", "ray"]
    root = str(Path(__file__).parents[2])
    return subprocess.run(
        command, env=os.environ | {"PYTHONPATH": root} | environment, cwd=root, capture_output=True, text=True
    )


def test_ray_says_nothing_and_keeps_no_text(single_file: Path, tmp_path: Path, folder_of_ray: Path) -> None:
    """The command prints what it prints without Ray; no report's text stands in Ray's logs."""
    source = write_reports(tmp_path / "in.csv", [f"FINDINGS: The lungs are clear. Xyzzy{n}." for n in range(60)])
    done = extract(source, "-o", tmp_path / "t.csv", "--program", single_file, RAY_TMPDIR=str(folder_of_ray))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [f"{tmp_path / 't.csv'}: 60 reports x 1 findings, coverage 100.00%."]
    files = [path for path in folder_of_ray.rglob("*") if path.is_file()]
    assert any("ray-data" in str(path) for path in files)
    assert not [path for path in files if b"Xyzzy" in path.read_bytes()]


def test_a_cluster_that_is_not_there_is_said(single_file: Path, tmp_path: Path) -> None:
    """RAY_ADDRESS of nobody: one sentence, exit code 2."""
    source = write_reports(tmp_path / "in.csv", varied(3))
    done = extract(source, "-o", tmp_path / "t.csv", "--program", single_file, RAY_ADDRESS="127.0.0.1:1")
    assert done.returncode == 2
    assert "no cluster answers at RAY_ADDRESS=127.0.0.1:1" in done.stderr
    assert "Traceback" not in done.stderr
