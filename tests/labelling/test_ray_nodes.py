"""The Ray engine on two nodes, of which one dies."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from ranscore.freezing import FrozenProgram
from ranscore.labelling import _desk
from ranscore.models import open_model
from tests.labelling.conftest import label, opened, varied, write_reports

if not sys.platform.startswith("linux"):
    pytest.skip("Ray is tried on Linux", allow_module_level=True)
ray: Any = pytest.importorskip("ray", reason="Ray is not installed: pip install 'ranscore[ray]'")


@pytest.fixture
def nodes() -> Iterator[Any]:
    """A cluster of two nodes on this machine, one core each; the cluster and its second node."""
    from ray.cluster_utils import Cluster

    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = str(Path(__file__).parents[2])
    try:
        made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
        second = made.add_node(num_cpus=1)
        ray.init(address=made.address, log_to_driver=False, logging_level="error")
    except Exception as fault:  # a machine on which Ray cannot start its own servers
        pytest.skip(f"Ray does not start here: {type(fault).__name__}")
    yield made, second
    ray.shutdown()
    made.shutdown()
    os.environ.pop("PYTHONPATH") if before is None else os.environ.update(PYTHONPATH=before)


def pull_the_plug(nodes: Any, began: Path) -> None:
    """Has the second node die as soon as a file says that work on it has begun."""
    cluster, second = nodes

    def wait() -> None:
        while not began.exists():
            threading.Event().wait(0.05)
        cluster.remove_node(second, allow_graceful=False)

    threading.Thread(target=wait, daemon=True).start()


def test_a_node_that_dies_loses_nothing(
    nodes: Any, narrow: FrozenProgram, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was under way on the lost node is labelled on the other, and the table is the same."""
    from ranscore.labelling.engines import ray as engine

    monkeypatch.setattr(_desk.Desk.blocks, "__defaults__", (50,))
    began, whole = tmp_path / "began", engine._label
    here = ray.get_runtime_context().get_node_id()

    def lasting(job: Any, texts: Mapping[bytes, str]) -> Any:
        if ray.get_runtime_context().get_node_id() != here and not began.exists():
            began.touch()
            threading.Event().wait()  # until the node is gone
        return whole(job, texts)

    monkeypatch.setattr(engine, "_label", lasting)
    pull_the_plug(nodes, began)
    source = write_reports(tmp_path / "in.csv", varied(600))
    with opened(source, narrow, open_model("lexical"), tmp_path / "l") as corpus:
        corpus.label(engine="ray", workers=2)
        assert corpus.write(tmp_path / "ray.csv") == 0
    assert began.exists()
    label(source, narrow, open_model("lexical"), tmp_path / "other", tmp_path / "local.csv")
    assert (tmp_path / "ray.csv").read_bytes() == (tmp_path / "local.csv").read_bytes()


def test_an_asker_whose_node_dies_asks_from_the_other(
    nodes: Any, narrow: FrozenProgram, tmp_path: Path, faults: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each node has an asker; the lost one begins anew beside the other, and the table is the same."""
    from ranscore.labelling.engines import ray as engine

    began = tmp_path / "began"
    here = ray.get_runtime_context().get_node_id()

    class Lasting(engine.Asker):
        async def _ask(self, place: int, text: str) -> Any:
            if ray.get_runtime_context().get_node_id() != here:
                began.touch()
                await asyncio.Event().wait()  # until the node is gone
            return await super()._ask(place, text)

    monkeypatch.setattr(engine, "Asker", Lasting)
    pull_the_plug(nodes, began)
    source = write_reports(tmp_path / "in.csv", varied(300))
    with faults.FaultServer() as server:
        model = open_model("hosted_vllm/x", api_base=server.base)
        with opened(source, narrow, model, tmp_path / "l") as corpus:
            assert corpus.label(engine="ray", workers=2).progress.answered == 600
            assert corpus.write(tmp_path / "ray.csv") == 0
        label(source, narrow, model, tmp_path / "other", tmp_path / "local.csv")
    assert began.exists()
    assert (tmp_path / "ray.csv").read_bytes() == (tmp_path / "local.csv").read_bytes()
