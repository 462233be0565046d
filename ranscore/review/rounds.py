"""One round at a time, in a process of its own: started, watched, stopped safely; its state is the server's.

The process listens for one word, `stop`. It stops as well when the server is gone, so that nothing runs on unseen. It
stops between two candidates: what was tracked until then is whole, and the run ends as KILLED.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from ranscore.cohort import Dataset, open_dataset
from ranscore.errors import InputError, RanscoreError, StoppedError
from ranscore.records import Program
from ranscore.review.security import RefusedError, places_of
from ranscore.search._objective import Progress, Scored
from ranscore.search._recipe import Recipe
from ranscore.search._rounds import Optimized, Round
from ranscore.splitting import development_part, load_split

STOP_SECONDS = 60.0


@dataclass(frozen=True)
class Setting:
    """What every round works with; paths and names, since a round opens them in a process of its own."""

    dataset: str
    data: Path | None
    model: str
    api_base: str | None
    recipe: Recipe
    ledger: Path
    mlruns: Path | None
    split: Path | None = None


def open_cohort(dataset: str, data: Path | None, split: Path | None) -> Dataset:
    """The reports that readers are given: a dataset, or the development part of its split."""
    opened = open_dataset(dataset, data)
    return development_part(opened, load_split(split)) if split else opened


@dataclass(frozen=True)
class Order:
    """One round to run, on the reports of a digest: from the seed, or from a program to start with."""

    setting: Setting
    finding: str
    name: str
    digest: str
    start: Program | None = None


@dataclass(frozen=True)
class Row:
    """One line of the table of rounds; round 0 is the start."""

    round: int
    kappa: float | None
    f1: float | None
    accuracy: float | None
    errors: int
    notes: int
    edits: int
    calls: int
    stopped: str = ""


@dataclass(frozen=True)
class State:
    """What the page shows of a round; `version` grows with every change, also from one round to the next."""

    version: int = 0
    status: str = "idle"  # idle, starting, running, stopping, finished, stopped, failed
    finding: str = ""
    name: str = ""
    started: str = ""
    stage: str = ""
    tried: int = 0
    most: int = 0
    calls: int = 0
    rows: tuple[Row, ...] = ()
    crossed: dict[str, float | None] | None = None
    run_id: str = ""
    problem: str = ""

    @property
    def busy(self) -> bool:
        """Whether a process is at work."""
        return self.status in ("starting", "running", "stopping")


@dataclass(frozen=True)
class Kept:
    """What a finished round kept: the program, scored on the development reports, and its run."""

    finding: str
    best: Scored
    run_id: str


@dataclass
class RoundKeeper:
    """Runs rounds for the page; `on_kept` is called with what a finished one kept."""

    on_kept: Callable[[Kept], None]
    past: list[State] = field(default_factory=list)
    _state: State = State()
    _pipe: Connection | None = None
    _process: Any = None
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _thread: threading.Thread | None = None

    @property
    def state(self) -> State:
        """The state now."""
        return self._state

    def start(self, order: Order) -> State:
        """Starts a round; RefusedError (409) while another one runs."""
        with self._lock:
            if self._state.busy:
                raise RefusedError(409, f"A round for {self._state.name} is running; stop it first, or wait.")
            context = get_context("spawn")
            ours, theirs = context.Pipe()
            self._process = context.Process(target=_work, args=(order, theirs), name="ranscore round")
            self._process.start()
            theirs.close()
            self._pipe = ours
            self._state = State(
                self._state.version + 1, "starting", order.finding, order.name,
                f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC", "reading the reports and the notes",
                most=order.setting.recipe.trials,
            )  # fmt: skip
            self._thread = threading.Thread(target=self._listen, args=(ours, self._process), daemon=True)
            self._thread.start()
            return self._state

    def stop(self) -> State:
        """Asks the round to stop at the next candidate; nothing happens where none runs."""
        with self._lock:
            if self._state.status in ("starting", "running") and self._pipe is not None:
                self._tell(self._pipe)
                self._change(status="stopping", stage="stopping after the candidate at hand")
            return self._state

    def close(self) -> None:
        """Stops what runs and waits for it; a process that does not listen is ended after a minute."""
        self.stop()
        if self._process is not None:
            self._process.join(STOP_SECONDS)
            if self._process.is_alive():
                self._process.terminate()
                self._process.join()
        if self._thread is not None:
            self._thread.join(STOP_SECONDS)

    @staticmethod
    def _tell(pipe: Connection) -> None:
        try:
            pipe.send("stop")
        except OSError:
            return

    def _change(self, **values: Any) -> None:
        self._state = replace(self._state, version=self._state.version + 1, **values)

    def _listen(self, pipe: Connection, process: Any) -> None:
        """Takes what the process tells until it is gone; only then is the round over."""
        ending: dict[str, Any] = {}
        try:
            while True:
                kind, value = pipe.recv()
                ending |= self._take(kind, value)
        except (EOFError, OSError):
            process.join()
        finally:
            pipe.close()
        with self._lock:
            lost = {"status": "failed", "problem": f"The process ended (code {process.exitcode})."}
            self._change(**(ending or lost) | {"stage": ""})
            self.past.insert(0, self._state)

    def _take(self, kind: str, value: Any) -> dict[str, Any]:
        """Shows one message; what is true at the end is given back."""
        if kind == "kept":
            self.on_kept(value)
            return {"status": "finished", "run_id": value.run_id}
        if kind in ("stopped", "failed"):
            return {"status": kind, "problem": value}
        with self._lock:
            stopping = self._state.status == "stopping"
            if kind == "progress":
                values = {k: v for k, v in value.items() if not (stopping and k == "stage")}
                self._change(status="stopping" if stopping else "running", **values)
            elif kind == "row":
                self._change(rows=(*self._state.rows, value))
            elif kind == "crossed":
                self._change(crossed=value)
        return {}


def show(state: State) -> dict[str, Any]:
    """The state as the page gets it."""
    return asdict(state) | {"busy": state.busy}


def _work(order: Order, pipe: Connection) -> None:
    """The process: reads the notes, runs the rounds, tells of every candidate."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C is the server's, which asks us to stop
    told = _Messenger(pipe)
    signal.signal(signal.SIGTERM, told.interrupt)
    try:
        _run(order, told)
    except StoppedError:
        told.last_word("stopped", "")
    except RanscoreError as fault:
        told.last_word("failed", str(fault))
    except Exception as fault:
        told.last_word("failed", f"{type(fault).__name__} in {places_of(fault)}")
    finally:
        pipe.close()


def _run(order: Order, told: _Messenger) -> None:
    """The rounds of one finding as `ranscore optimize` runs them, with the notes that stand in the ledger."""
    from ranscore.feedback.entries import error_notes
    from ranscore.feedback.ledger import open_ledger
    from ranscore.models import open_model
    from ranscore.search._tracked import Session, check_model, optimize_label

    setting = order.setting
    dataset = open_cohort(setting.dataset, setting.data, setting.split)
    if dataset.digest != order.digest:
        raise InputError(f"dataset {dataset.name}: its reports are not those under review; start the page again.")
    options = {"api_base": setting.api_base} if setting.api_base else {}
    entries = open_ledger(setting.ledger, dataset.reports).current(dataset_digest=dataset.digest, finding=order.finding)
    session = Session(
        dataset, open_model(setting.model, **options), setting.recipe, error_notes(entries), setting.mlruns
    )
    check_model(session, order.finding)
    told.check()
    found, run_id = optimize_label(session, order.finding, told.round, start=order.start, watch=told.candidate)
    told.tell("crossed", _crossed(found, order))
    told.tell("kept", Kept(order.finding, found.best, run_id))


def _crossed(found: Optimized, order: Order) -> dict[str, float | None] | None:
    """The cross-validated figures; None where the start may have seen the reports that the folds hide."""
    if found.crossed is None or order.start is not None:
        return None
    score = found.crossed.score
    return {"kappa": score.kappa, "f1": score.f1, "accuracy": score.accuracy}


class _Messenger:
    """Tells the server of every candidate, and raises StoppedError when it wants an end."""

    def __init__(self, pipe: Connection) -> None:
        self.pipe, self.interrupted, self.last, self.calls = pipe, False, 0.0, 0
        self.part, self.before = "", 0

    def interrupt(self, *_: object) -> None:
        """A signal's handler: the round stops at the next candidate."""
        self.interrupted = True

    def check(self) -> None:
        """Raises StoppedError where a stop was asked for, or nobody listens any more."""
        if self.interrupted or self.pipe.poll():
            raise StoppedError("stopped from the page")

    def tell(self, kind: str, value: object) -> None:
        """Sends one message; a server that is gone ends the round."""
        try:
            self.pipe.send((kind, value))
        except OSError:
            raise StoppedError("the server is gone") from None

    def last_word(self, kind: str, value: str) -> None:
        """Sends how it ended to whoever still listens."""
        with suppress(OSError):
            self.pipe.send((kind, value))

    def candidate(self, progress: Progress) -> None:
        """Told after every scored candidate; tells the server a few times a second."""
        self.check()
        if progress.part != self.part:
            self.part, self.before, self.last = progress.part, progress.scored - 1, 0.0
        now = time.monotonic()
        if now - self.last > 0.15:
            self.last = now
            tried = progress.scored - self.before
            self.tell("progress", {"stage": progress.part, "tried": tried, "calls": progress.calls})

    def round(self, current: Round) -> None:
        """Told after every round, which is tracked by then."""
        score = current.scored.score
        self.tell("row", Row(
            current.number, score.kappa, score.f1, score.accuracy, len(current.errors), len(current.notes),
            len(current.scored.candidate.edits), current.calls, current.stopped,
        ))  # fmt: skip
        self.check()
