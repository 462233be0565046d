"""The Ray engine: the same bytes as this machine's, a killed worker included; only the driver writes the ledger."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

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


def test_ray_gives_the_bytes_of_local(cluster: None, narrow: FrozenProgram, tmp_path: Path, small_blocks: None) -> None:
    """The embedded reader's labels, by tasks; what is in the ledger is asked of neither engine again."""
    source = write_reports(tmp_path / "in.csv", varied(400))
    with opened(source, narrow, open_model("lexical"), tmp_path / "l") as corpus:
        outcome = corpus.label(engine="ray", workers=2)
        corpus.write(tmp_path / "ray.csv")
        assert corpus.label(engine="local", workers=1).progress.asked == 0
    assert (outcome.progress.answered, recorded(tmp_path / "l")) == (800, 400)
    label(source, narrow, open_model("lexical"), tmp_path / "other", tmp_path / "local.csv")
    assert (tmp_path / "ray.csv").read_bytes() == (tmp_path / "local.csv").read_bytes()


def test_a_killed_worker_loses_nothing(
    cluster: None, narrow: FrozenProgram, tmp_path: Path, small_blocks: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that is killed in the middle of a block: the block is labelled by another, the table is the same."""
    from ranscore.labelling.engines import ray as engine

    mark = tmp_path / "killed"
    source = write_reports(tmp_path / "in.csv", varied(400))
    whole = engine._label

    def fatal(job: Any, texts: Mapping[bytes, str]) -> Any:
        if not mark.exists() and any("Study 210." in text for text in texts.values()):
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return whole(job, texts)

    monkeypatch.setattr(engine, "_label", fatal)
    with opened(source, narrow, open_model("lexical"), tmp_path / "l") as corpus:
        corpus.label(engine="ray", workers=2)
        assert corpus.write(tmp_path / "ray.csv") == 0
    assert mark.exists()
    label(source, narrow, open_model("lexical"), tmp_path / "other", tmp_path / "local.csv")
    assert (tmp_path / "ray.csv").read_bytes() == (tmp_path / "local.csv").read_bytes()


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
        label(source, narrow, model, tmp_path / "other", tmp_path / "local.csv")
    assert 10 < missing < 100
    assert all("was not one of the words" in reason for reason in reasons)
    assert (tmp_path / "ray.csv").read_bytes() == (tmp_path / "local.csv").read_bytes()
