"""Rounds in a process of their own: one at a time, stopped safely, ended when nobody listens."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from multiprocessing import Pipe
from typing import TYPE_CHECKING

import pytest
from fastapi.testclient import TestClient

from ranscore.errors import InputError, StoppedError
from ranscore.review.app import make_app
from ranscore.review.rounds import Kept, Order, RoundKeeper, State, _Messenger, _run
from ranscore.review.security import RefusedError
from ranscore.search._objective import Progress
from ranscore.tracking import Tracker

if TYPE_CHECKING:
    from tests.review.conftest import MakeSite, Site


def wait_for(keeper: RoundKeeper, reached: Callable[[State], bool]) -> State:
    """The keeper's state once it is as asked."""
    deadline = time.monotonic() + 240
    while not reached(keeper.state):
        assert time.monotonic() < deadline, keeper.state
        threading.Event().wait(0.05)
    return keeper.state


def test_a_stopped_round_is_killed_whole_and_a_second_one_is_refused(make_site: MakeSite) -> None:
    """The run ends as KILLED with what it had tracked, no program is kept, and the page reviews what it did before."""
    site = make_site("demo-en", trials=5000)
    kept: list[Kept] = []
    keeper = RoundKeeper(kept.append)
    tracker = Tracker.open(site.desk.mlruns)  # other tests track their runs there too
    filters = {"dataset_digest": site.desk.dataset.digest, "ranscore.finding": "pneumothorax"}
    before = {r.info.run_id for r in tracker._search("tags.`ranscore.kind` = 'optimize'", filters)}
    with TestClient(make_app(site.desk, site.gate, keeper, site.setting), base_url=site.root) as client:
        client.headers.update({"origin": site.root, "x-ranscore-csrf": site.gate.csrf_token("anna")})
        try:
            started = client.post("/api/rounds", json={"finding": "pneumothorax"})
            assert started.json()["state"]["busy"] is True
            assert client.post("/api/rounds", json={"finding": "pneumothorax"}).status_code == 409
            wait_for(keeper, lambda s: s.status == "running" and s.tried > 2 and len(s.rows) == 1)
            assert client.post("/api/rounds/stop", json={}).json()["state"]["status"] == "stopping"
            state = wait_for(keeper, lambda s: not s.busy)
        finally:
            keeper.close()
        assert state.status == "stopped", state.problem
        shown = client.get("/api/rounds").json()
    assert shown["state"]["status"] == "stopped"
    assert kept == []
    assert site.desk.reviewed["pneumothorax"].origin == "seed"
    found = tracker._search("tags.`ranscore.kind` = 'optimize'", filters)
    runs = [r for r in found if r.info.run_id not in before]
    assert [r.info.status for r in runs] == ["KILLED"]
    rounds = tracker._search("tags.`ranscore.kind` = 'round'", {"mlflow.parentRunId": runs[0].info.run_id})
    assert [r.info.status for r in rounds] == ["FINISHED"]
    assert not tracker._has(runs[0].info.run_id, "program.json")


def test_a_round_that_cannot_begin_says_why(site: Site) -> None:
    """A dataset that is gone by then: one sentence, no traceback, and the next round may start."""
    keeper = RoundKeeper(lambda kept: None)
    keeper.start(Order(replace(site.setting, dataset="no-such"), "pneumothorax", "Pneumothorax", ""))
    state = wait_for(keeper, lambda s: not s.busy)
    keeper.close()
    assert state.status == "failed"
    assert "no dataset is called 'no-such'" in state.problem
    ours, theirs = Pipe()
    with ours, theirs, pytest.raises(InputError, match="its reports are not those under review"):
        _run(Order(site.setting, "pneumothorax", "Pneumothorax", "sha256:0"), _Messenger(theirs))


def test_a_note_on_an_error_that_a_round_has_mended_is_taken(site: Site) -> None:
    """The item is gone from the queue, but whoever has it open may still write; a round's program is reviewed then."""
    desk = site.desk
    before = {row["report_id"]: row["id"] for row in desk.queue("anna")}
    reviewed = desk.reviewed["pneumothorax"]
    column = desk.dataset.reference.column("pneumothorax")
    labels = tuple(
        x.model_copy(update={"value": "present" if column[x.report_id] else "absent"})
        for x in reviewed.labels
        if x.report_id != "missed-3"
    )
    same = tuple(x for x in reviewed.labels if x.report_id == "missed-3")
    desk.take(Kept("pneumothorax", replace(reviewed.scored, labels=labels + same), "0123456789abcdef"))
    assert [row["report_id"] for row in desk.queue("anna")] == ["missed-3"]
    assert desk.reviewed["pneumothorax"].origin == "kept, run 01234567"
    note = {"entry": "entry-0001", "item": before["missed-1"], "verdict": "false absent", "reason": "", "note": ""}
    assert desk.write("anna", note).report_id == "missed-1"
    assert [n["verdict"] for n in desk.item(before["missed-1"], "anna")["notes"]] == ["false absent"]


def test_a_word_from_the_server_or_its_end_stops_the_round() -> None:
    """Silence goes on; `stop` stops; so does a server that is gone, and a signal."""
    ours, theirs = Pipe()
    told = _Messenger(theirs)
    told.candidate(Progress("round 1", 1, 5))
    assert ours.recv() == ("progress", {"stage": "round 1", "tried": 1, "calls": 5})
    ours.send("stop")
    with pytest.raises(StoppedError):
        told.candidate(Progress("round 1", 2, 5))
    ours, theirs = Pipe()
    told = _Messenger(theirs)
    ours.close()
    with pytest.raises(StoppedError):
        told.candidate(Progress("round 1", 1, 5))
    told.last_word("stopped", "")
    ours, theirs = Pipe()
    told = _Messenger(theirs)
    told.interrupt()
    with pytest.raises(StoppedError):
        told.check()


def test_nothing_to_stop_is_no_fault() -> None:
    """Stopping and closing without a round change nothing."""
    keeper = RoundKeeper(lambda kept: None)
    assert keeper.stop().status == "idle"
    keeper.close()
    assert keeper.state.version == 0
    assert RefusedError(409, "x").status == 409
