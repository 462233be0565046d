"""Ray Data: the same blocks and units on the cores of one machine or of a cluster; only the driver writes the ledger.

Needs `pip install 'ranscore[ray]'`. RAY_ADDRESS names a running cluster, whose machines need ranscore installed; else
Ray is started here. The pieces go through one lasting pipeline, `feed -> work`, as the desk gives them out; Ray Data
spreads them, and takes up again what a dying worker or machine was at.
"""

from __future__ import annotations

import asyncio
import logging
import os
import pickle
import queue
import signal
import socket
import threading
import warnings
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing, contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from ranscore.errors import InputError, RanscoreError
from ranscore.labelling._answering import Labels, Reader
from ranscore.labelling._units import Job
from ranscore.labelling.engines.local import PAUSE, SPARE
from ranscore.models import Model, open_model
from ranscore.models._base import Client, Reply

if TYPE_CHECKING:
    from ranscore.labelling._desk import Desk, Unit

LIVES = 3  # how often Ray Data takes a piece up again, and how often the whole pipeline is started again
LEAVE = 10.0  # seconds that a pipeline has to end
PACKET = 64  # units that travel together
CALLS = 10  # packets that one asker works on at a time, for each server
SLIGHT = 0.01  # of a core: askers wait, and one whose machine died must find a place on a machine that is full
QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_BACKEND_LOG_LEVEL": "fatal",
    "RAY_DEDUP_LOGS_SKIP_REGEX": ".",  # what it says of workers that died
    "RAY_ENABLE_AUTO_CONNECT": "0",  # else a thread that outlives its Ray starts another
}
Rows = dict[str, Any]  # one piece: its number, and what it holds, pickled
_END = object()
_readers: dict[str, Reader] = {}


def check() -> None:
    """Raises InputError where Ray is not installed."""
    if find_spec("ray") is None:
        raise InputError("--engine ray: Ray is not installed; pip install 'ranscore[ray]'.")


def label(job: Job, model: Model, desk: Desk, workers: int) -> None:
    """Labels the desk's blocks in tasks of Ray Data, one a core."""
    with _ray(workers) as ray:
        most = 2 * max(1, int(ray.cluster_resources().get("CPU", 1)))

        def work(pieces: Any) -> Any:
            return pieces.map_batches(_each, fn_args=(_label, job), batch_size=1, num_cpus=1, max_retries=LIVES)

        flow = _Flow(ray, work, lambda block: block.texts, desk, lambda: most)
        with closing(flow.run(desk.blocks())) as done:
            for block, labels in done:
                desk.labelled(block, labels)


def _each(rows: Rows, work: Callable[..., Any], *told: Any) -> Rows:
    number, held = _unpack(rows)
    return _pack(number, work(*told, held))


def _label(job: Job, texts: Mapping[bytes, str]) -> Labels:
    key = job.digest()
    if key not in _readers:
        _readers[key] = Reader(job)
    return _readers[key].label(texts)


def ask(job: Job, model: Model, desk: Desk, workers: int) -> None:
    """Asks the desk's units from one actor a machine, each with a client of its own; they share limits a minute."""
    with _ray(workers) as ray:
        askers = max(1, sum(1 for node in ray.nodes() if node["Alive"]))
        calls, pace = CALLS * max(1, len(model.addresses)), _share(model.pace, askers)
        room = 0

        def work(pieces: Any) -> Any:
            pool = ray.data.ActorPoolStrategy(
                size=askers, max_concurrent_calls_per_actor=calls, max_tasks_in_flight_per_actor=calls
            )
            told = {"batch_size": 1, "num_cpus": SLIGHT, "max_task_retries": LIVES}
            return pieces.map_batches(Asker, fn_constructor_args=(job, pace), compute=pool, **told)

        def most() -> int:
            """As `local`: one packet at first, then twice what the client has room for, and some to spare."""
            return askers * min(calls, 1 + (2 * room + SPARE) // PACKET) if room else 1

        flow = _Flow(ray, work, lambda packet: [(unit.place, unit.text) for unit in packet], desk, most)
        with closing(flow.run(_packets(desk.units()))) as done:
            for packet, (replies, told) in done:
                room = told
                for unit, reply in zip(packet, replies, strict=True):
                    desk.replied(unit, reply)


class Asker:
    """An actor of Ray Data that asks an endpoint; it keeps one client for all its packets."""

    def __init__(self, job: Job, pace: Mapping[str, float]) -> None:
        """Told its share of the limits a minute."""
        self.job, self.pace = job, pace
        self.client: Any = None
        self.opening = asyncio.Lock()

    async def __call__(self, rows: Rows) -> Rows:
        """The replies to a packet of (question's place, neutralised text), in their order, and the client's room."""
        number, packet = _unpack(rows)
        async with self.opening:
            if self.client is None:
                self.client = await self._open()
        replies = await asyncio.gather(*(self._ask(place, text) for place, text in packet))
        return _pack(number, (replies, self.client.room))

    async def _open(self) -> Client:
        model = open_model(self.job.model, **self.job.settings, **self.pace)
        assert model.open_client is not None
        return await model.open_client().__aenter__()

    async def _ask(self, place: int, text: str) -> Reply:
        question = self.job.questions[place]
        reply: Reply = await self.client.ask(question.head, question.user(text), question.words)
        return reply


def _share(pace: Mapping[str, float], askers: int) -> dict[str, float]:
    """The pace of one of so many askers: what is allowed a minute is divided among them."""
    return {name: value if name == "timeout" else value / askers for name, value in pace.items()}


def _pack(number: int, held: Any) -> Rows:
    return {"number": [number], "held": [pickle.dumps(held)]}


def _unpack(rows: Rows) -> tuple[int, Any]:
    return int(rows["number"][0]), pickle.loads(rows["held"][0])


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


def _feed(rows: Rows, pieces: Any) -> Iterator[Rows]:
    """In a worker: what the driver puts on the queue, until it says that there is no more."""
    while (piece := pieces.get()) is not None:
        yield _pack(*piece)


class _Flow:
    """A pipeline of Ray Data that pieces are put into, no more than `most()` at a time, and come out of worked on."""

    def __init__(
        self, ray: Any, work: Callable[[Any], Any], content: Callable[[Any], Any], desk: Desk, most: Callable[[], int]
    ) -> None:
        self.ray, self.work, self.content, self.desk, self.most = ray, work, content, desk, most
        self.under_way: dict[int, Any] = {}
        self.given = 0
        self.over = False

    def run(self, source: Iterator[Any]) -> Generator[tuple[Any, Any], None, None]:
        """Each piece of the source once, with what came of it; raises RanscoreError where Ray gives up.

        A pipeline that breaks is built anew, and what did not come out of it is put in again.
        """
        for life in range(LIVES + 1):
            try:
                yield from self._run(source)
            except (_BrokenError, self.ray.exceptions.RayError) as fault:
                cause = _cause(fault)
                if isinstance(cause, RanscoreError):
                    raise cause from None
                if life == LIVES:
                    raise RanscoreError(
                        f"Ray lost workers again and again ({type(cause).__name__}); what was labelled before is kept: "
                        "run the same command again."
                    ) from None
            else:
                return

    def _run(self, source: Iterator[Any]) -> Generator[tuple[Any, Any], None, None]:
        here = {"label_selector": {"ray.io/node-id": self.ray.get_runtime_context().get_node_id()}, "num_cpus": 0}
        pieces = self.ray.util.queue.Queue(actor_options=here)
        results: queue.SimpleQueue[Any] = queue.SimpleQueue()
        drain = threading.Thread(target=_drain, args=(self._pipeline(pieces, here), results), daemon=True)
        drain.start()
        try:
            for number, piece in self.under_way.items():
                pieces.put((number, self.content(piece)))
            while self._fill(pieces, source) or self.under_way:
                found = self._wait(results)
                if found and found[0] in self.under_way:
                    yield self.under_way.pop(found[0]), found[1]
            pieces.put(None)
            drain.join()
        finally:
            pieces.shutdown(force=True)  # where the pipeline still runs, it breaks
            drain.join(LEAVE)

    def _pipeline(self, pieces: Any, here: dict[str, Any]) -> Any:
        """`feed -> work`; the feed asks for no core, so that Ray Data does not make one task of both."""
        with warnings.catch_warnings():  # Ray means to name `max_retries` and `max_task_retries` in another way
            warnings.simplefilter("ignore", DeprecationWarning)
            start = self.ray.data.from_items([0])
            return self.work(start.map_batches(_feed, fn_args=(pieces,), batch_size=1, max_retries=0, **here))

    def _fill(self, pieces: Any, source: Iterator[Any]) -> bool:
        """Puts pieces in while there is room for more; False when the source has no more."""
        while not self.over and len(self.under_way) < self.most():
            piece = next(source, _END)
            if piece is None:  # only others have work
                break
            self.over = piece is _END
            if not self.over:
                self.given += 1
                self.under_way[self.given] = piece
                pieces.put((self.given, self.content(piece)))
        return not self.over

    def _wait(self, results: queue.SimpleQueue[Any]) -> tuple[int, Any] | None:
        """What comes out next: a piece's number, and what came of it; None where nothing does for a moment."""
        self.desk.tick()
        try:
            found: tuple[int, Any] | Exception = results.get(timeout=PAUSE)
        except queue.Empty:
            return None
        if isinstance(found, Exception):
            raise _BrokenError from found
        return found


class _BrokenError(Exception):
    """The pipeline has ended before its time; the cause says why."""


def _drain(dataset: Any, results: queue.SimpleQueue[Any]) -> None:
    try:
        for rows in dataset.iter_batches(batch_size=None, prefetch_batches=0):
            results.put(_unpack(rows))
    except Exception as fault:
        results.put(fault)


def _cause(fault: BaseException) -> BaseException:
    """What a worker raised, where that is known, or else what Ray raised."""
    if isinstance(fault, _BrokenError) and fault.__cause__ is not None:
        fault = fault.__cause__
    return getattr(fault, "cause", None) or fault


@contextmanager
def _ray(workers: int) -> Iterator[Any]:
    """Ray, started here unless RAY_ADDRESS names a cluster; its own handlers of signals are put aside."""
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    check()
    import ray
    import ray.data
    import ray.util.queue

    ours = not ray.is_initialized()
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    if ours:
        _start(ray, workers)
    for number, handler in handlers.items():
        signal.signal(number, handler)
    logging.getLogger("ray.data").setLevel(logging.CRITICAL)
    try:
        with ray.data.DataContext.current(_settings(ray.data.DataContext.get_current().copy())):
            yield ray
    finally:
        if ours:
            ray.shutdown()


def _start(ray: Any, workers: int) -> None:
    where = os.environ.get("RAY_ADDRESS")
    here = {} if where else {"num_cpus": workers, "include_dashboard": False}
    try:
        if where and "/" not in where and ":" in where:  # Ray would wait for it without end
            host, port = where.rsplit(":", 1)
            socket.create_connection((host.strip("[]"), int(port)), timeout=10).close()
        with _hushed():
            ray.init(log_to_driver=False, logging_level="critical", **here)
    except Exception as fault:  # Ray raises many kinds
        what = f"no cluster answers at RAY_ADDRESS={where}" if where else "Ray does not start here"
        said = str(fault).split("\n", 1)[0]
        raise InputError(
            f"--engine ray: {what} ({type(fault).__name__}: {said}); expected a machine on which `ray start --head` "
            "works, or RAY_ADDRESS naming such a cluster; --engine local needs no Ray."
        ) from None


@contextmanager
def _hushed() -> Iterator[None]:
    """Without standard error, where the compiled part of Ray says what its level of logging is."""
    kept = os.dup(2)
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def _settings(context: Any) -> Any:
    context.enable_progress_bars = False
    context.raise_original_map_exception = True
    context.target_max_block_size = 1  # byte: each piece goes on as it comes, none waits to be put together with others
    return context
