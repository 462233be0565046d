"""This machine: processes for an embedded model, one event loop for an endpoint."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context, parent_process
from multiprocessing.context import SpawnContext
from multiprocessing.queues import Queue
from typing import TYPE_CHECKING

from ranscore.errors import RanscoreError
from ranscore.labelling._answering import Labels, Reader
from ranscore.labelling._units import Block, Job
from ranscore.models import Model

if TYPE_CHECKING:
    from ranscore.labelling._desk import Desk, Unit
    from ranscore.models._base import Client

PAUSE = 0.2  # seconds between two looks for work that others hold
SPARE = 128  # askers beyond the room, so that those who wait to ask again are not all that there are
DEATHS = 5  # how many worker processes may die

_reader: Reader


def label(job: Job, model: Model, desk: Desk, workers: int) -> None:
    """Labels the desk's blocks in `workers` processes; with one worker in this process."""
    if workers > 1:
        _Pool(job, desk, workers).run()
        return
    reader = Reader(job, model)
    for block in desk.blocks():
        if block is None:
            time.sleep(PAUSE)
        else:
            desk.labelled(block, reader.label(block.texts))


def give_out(job: Job, workers: int, context: SpawnContext) -> Queue[Job]:
    """The job, once for each worker.

    As an argument it would stop the start of a worker that dies: what starts a process writes its arguments into a
    pipe, and waits for ever where nobody reads them.
    """
    jobs: Queue[Job] = context.Queue()
    jobs.cancel_join_thread()
    for _ in range(workers):
        jobs.put(job)
    return jobs


def _begin(jobs: Queue[Job]) -> None:
    """A worker process: leaves Ctrl-C to its parent and ends with it, also where that was killed."""
    global _reader
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def watch() -> None:
        parent = parent_process()
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
    job = jobs.get()
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # not before: who waits in vain for a job is ended by it
    _reader = Reader(job)


def _label(texts: Mapping[bytes, str]) -> Labels:
    return _reader.label(texts)


class _Pool:
    """Worker processes; when one dies, all are started again and what was under way is given out once more."""

    def __init__(self, job: Job, desk: Desk, workers: int) -> None:
        self.job, self.desk, self.workers = job, desk, workers
        self.again: deque[Block] = deque()
        self.deaths = 0

    def run(self) -> None:
        source = self.desk.blocks()
        while True:
            context = get_context("spawn")
            jobs = give_out(self.job, self.workers, context)
            pool = ProcessPoolExecutor(self.workers, context, _begin, (jobs,))
            under_way: dict[Future[Labels], Block] = {}
            try:
                while self._fill(pool, under_way, source):
                    self._collect(under_way)
            except BrokenProcessPool:
                self._bury(under_way)
            else:
                return
            finally:
                pool.shutdown(wait=False, cancel_futures=True)

    def _fill(
        self, pool: ProcessPoolExecutor, under_way: dict[Future[Labels], Block], source: Iterator[Block | None]
    ) -> bool:
        """Keeps two blocks a worker under way; False when nothing is left."""
        while len(under_way) < 2 * self.workers:
            block = None if self.again else next(source, _END)
            if isinstance(block, Block):
                self.again.append(block)  # so that it is not lost where the pool breaks now
            if self.again:
                under_way[pool.submit(_label, self.again[0].texts)] = self.again[0]
                self.again.popleft()
            elif block is None and not under_way:
                time.sleep(PAUSE)
            elif block is None:
                break
            else:
                return bool(under_way)
        return True

    def _collect(self, under_way: dict[Future[Labels], Block]) -> None:
        done, _ = wait(under_way, timeout=1, return_when=FIRST_COMPLETED)
        self.desk.tick()
        for future in done:
            labels = future.result()
            self.desk.labelled(under_way.pop(future), labels)

    def _bury(self, under_way: dict[Future[Labels], Block]) -> None:
        self.again.extend(under_way.values())
        self.deaths += 1
        if self.deaths > DEATHS:
            raise RanscoreError(
                f"worker processes died {self.deaths} times (out of memory, or started by a script without "
                "`if __name__ == '__main__':`?); what was labelled before is kept: run the same command again with "
                "fewer --workers."
            )


_END = object()


def ask(job: Job, model: Model, desk: Desk, workers: int) -> None:
    """Asks the desk's units of an endpoint, as many at once as its client has room for; `workers` changes nothing."""
    asyncio.run(_ask(job, model, desk))


async def _ask(job: Job, model: Model, desk: Desk) -> None:
    if model.open_client is None:
        raise TypeError(f"the model {model.name!r} has no client")
    async with model.open_client() as client:
        await _Crew(job, client, desk).work()


class _Crew:
    """Coroutines that each take one unit after the other; their number follows the client's room."""

    def __init__(self, job: Job, client: Client, desk: Desk) -> None:
        self.job, self.client, self.desk = job, client, desk
        self.units = desk.units()
        self.over = False
        self.active: set[asyncio.Task[None]] = set()

    async def work(self) -> None:
        """Asks until the desk has no more; one alone first, so that a dead endpoint is not asked by many."""
        first = await self._next()
        if first is None:
            return
        await self._ask(first)
        self._hire()
        while self.active:
            done, _ = await asyncio.wait(self.active, timeout=0.5, return_when=asyncio.FIRST_COMPLETED)
            self.active -= done
            for task in done:
                task.result()
            self.desk.tick()
            self._hire()

    @property
    def _size(self) -> int:
        """More than the client has room for, which makes the rest wait: some may be pausing before another attempt."""
        return 2 * self.client.room + SPARE

    def _hire(self) -> None:
        while not self.over and len(self.active) < self._size:
            self.active.add(asyncio.create_task(self._one_after_the_other()))

    async def _one_after_the_other(self) -> None:
        while len(self.active) <= self._size:
            unit = await self._next()
            if unit is None:
                return
            await self._ask(unit)
            self._hire()

    async def _next(self) -> Unit | None:
        while not self.over:
            try:
                unit = next(self.units)
            except StopIteration:
                self.over = True
                break
            if unit is not None:
                return unit
            self.desk.tick()
            await asyncio.sleep(PAUSE)
        return None

    async def _ask(self, unit: Unit) -> None:
        question = self.job.questions[unit.place]
        self.desk.replied(unit, await self.client.ask(question.head, question.user(unit.text), question.words))
