"""Ray: the same blocks and units on the cores of one machine or of a cluster; only the driver writes the ledger.

Needs `pip install 'ranscore[ray]'`. RAY_ADDRESS names a running cluster, whose machines need ranscore installed; else
Ray is started here. Work on a worker or machine that dies is given out again.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
import signal
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from ranscore.errors import InputError, RanscoreError
from ranscore.labelling._answering import Labels, Reader
from ranscore.labelling._units import Job
from ranscore.labelling.engines.local import DEATHS, PAUSE
from ranscore.models import Model, open_model
from ranscore.models._base import Reply

if TYPE_CHECKING:
    from ranscore.labelling._desk import Desk, Unit

PACKET = 64  # units that travel together
PACKETS = 8  # packets that one asker works on at a time
_END = object()
_readers: dict[str, Reader] = {}


def check() -> None:
    """Raises InputError where Ray is not installed."""
    if find_spec("ray") is None:
        raise InputError("--engine ray: Ray is not installed; pip install 'ranscore[ray]'.")


def label(job: Job, model: Model, desk: Desk, workers: int) -> None:
    """Labels the desk's blocks in Ray tasks, one a core."""
    with _ray(workers) as ray:
        told = ray.put(job)
        task = ray.remote(max_retries=DEATHS, num_cpus=1)(_label)
        most = 2 * max(1, int(ray.cluster_resources().get("CPU", 1)))
        blocks = desk.blocks()
        _keep_busy(ray, blocks, lambda block: task.remote(told, block.texts), desk.labelled, desk, most)


def _label(job: Job, texts: Mapping[bytes, str]) -> Labels:
    key = job.digest()
    if key not in _readers:
        _readers[key] = Reader(job)
    return _readers[key].label(texts)


def ask(job: Job, model: Model, desk: Desk, workers: int) -> None:
    """Asks the desk's units from one Ray actor a machine, each with a client of its own."""
    with _ray(workers) as ray:
        asker = ray.remote(num_cpus=1, max_restarts=DEATHS, max_task_retries=DEATHS, max_concurrency=2 * PACKETS)(Asker)
        nodes = max(1, sum(1 for node in ray.nodes() if node["Alive"]))
        actors = [asker.options(scheduling_strategy="SPREAD").remote(job) for _ in range(nodes)]
        turn = itertools.cycle(actors)

        def submit(packet: Sequence[Unit]) -> Any:
            return next(turn).ask.remote([(unit.place, unit.text) for unit in packet])

        def collect(packet: Sequence[Unit], replies: Sequence[Reply]) -> None:
            for unit, reply in zip(packet, replies, strict=True):
                desk.replied(unit, reply)

        _keep_busy(ray, _packets(desk.units()), submit, collect, desk, PACKETS * nodes)


class Asker:
    """An actor that asks an endpoint; it keeps one client for all its packets."""

    def __init__(self, job: Job) -> None:
        """Opens the job's model by its name."""
        self.job = job
        self.model = open_model(job.model, **job.settings)
        self.client: Any = None
        self.opening = asyncio.Lock()
        self.in_flight = 0

    async def ask(self, packet: Sequence[tuple[int, str]]) -> list[Reply]:
        """The reply to each of (question's place, neutralised text), in their order."""
        async with self.opening:
            if self.client is None:
                assert self.model.open_client is not None
                self.client = await self.model.open_client().__aenter__()
        return list(await asyncio.gather(*(self._ask(place, text) for place, text in packet)))

    async def _ask(self, place: int, text: str) -> Reply:
        question = self.job.questions[place]
        while self.in_flight >= max(1, self.client.room):
            await asyncio.sleep(0.005)
        self.in_flight += 1
        try:
            reply: Reply = await self.client.ask(question.head, question.user(text), question.words)
            return reply
        finally:
            self.in_flight -= 1


def _packets(units: Iterator[Unit | None]) -> Iterator[list[Unit] | None]:
    """Units by the packet; the first travels alone, so that a dead endpoint is not asked by many."""
    packet: list[Unit] = []
    size = 1
    for unit in units:
        if unit is not None:
            packet.append(unit)
        if packet and (unit is None or len(packet) == size):
            yield packet
            packet, size = [], PACKET
        if unit is None:
            yield None
    if packet:
        yield packet


def _keep_busy(
    ray: Any, source: Iterator[Any], submit: Callable[[Any], Any], collect: Callable[[Any, Any], None], desk: Desk,
    most: int,
) -> None:  # fmt: skip
    """Keeps `most` pieces of the source under way, the first one alone, until it ends and all are collected."""
    under_way: dict[Any, Any] = {}
    again: deque[Any] = deque()
    allowed, over, lost = 1, False, 0
    while not (over and not under_way and not again):
        while len(under_way) < allowed and not over:
            piece = again.popleft() if again else next(source, _END)
            over = piece is _END
            if piece is None and not under_way:
                time.sleep(PAUSE)
            if piece is None:
                break
            if piece is not _END:
                under_way[submit(piece)] = piece
        done, _ = ray.wait(list(under_way), timeout=0.5) if under_way else ([], [])
        desk.tick()
        for ref in done:
            piece = under_way.pop(ref)
            try:
                found = ray.get(ref)
            except ray.exceptions.RayError as fault:
                lost = _count_loss(lost, fault)
                again.append(piece)
                over = False
                continue
            collect(piece, found)
            allowed = most


def _count_loss(lost: int, fault: Exception) -> int:
    if lost >= DEATHS:
        raise RanscoreError(
            f"Ray lost workers {lost + 1} times ({type(fault).__name__}); what was labelled before is kept: run the "
            "same command again."
        ) from None
    return lost + 1


@contextmanager
def _ray(workers: int) -> Iterator[Any]:
    """Ray, started here unless RAY_ADDRESS names a cluster; its own handlers of signals are put aside."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    check()
    import ray

    ours = not ray.is_initialized()
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    if ours:
        here: dict[str, Any] = {"num_cpus": workers, "include_dashboard": False}
        ray.init(log_to_driver=False, logging_level=logging.ERROR, **({} if os.environ.get("RAY_ADDRESS") else here))
    for number, handler in handlers.items():
        signal.signal(number, handler)
    try:
        yield ray
    finally:
        if ours:
            ray.shutdown()
