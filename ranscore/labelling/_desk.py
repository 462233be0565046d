"""The desk between the ledger and an engine: gives out what is missing, and records what came of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Protocol

from ranscore.errors import InputError
from ranscore.labelling._answering import Labels, read_label
from ranscore.labelling._brakes import IN_A_ROW, Brakes, Stop
from ranscore.labelling._shapes import Answered, Packed, Shape, Units, decide
from ranscore.labelling._units import ANSWER_TOKENS, Block
from ranscore.labelling.ledger import Spent
from ranscore.models._base import Reply, count_tokens
from ranscore.models._faults import is_unusable
from ranscore.models._prices import Price
from ranscore.prompt import neutralize
from ranscore.records import UNANSWERED

PACKED_BLOCK = 2_000  # reports
UNITS_BLOCK = 500
GROUP, GROUP_SECONDS = 2_000, 0.5  # answers, and seconds, that are made durable together


class Gate(Protocol):
    """What answers without a call: the findings that a text surely does not state."""

    def decides(self, text: str) -> frozenset[str]:
        """The findings whose answer is absent."""
        ...

    def digest(self) -> str:
        """What the gate's decisions depend on."""
        ...


@dataclass(frozen=True)
class Progress:
    """How a run stands: cells of the table, those that needed no call of this run, what was done of the rest.

    `answered` and `failed` count recorded units; `cost` is None where the price is not known. Times in seconds.
    """

    cells: int
    saved: int
    wanted: int
    answered: int = 0
    failed: int = 0
    asked: int = 0
    seconds: float = 0.0
    cost: float | None = None

    @property
    def rate(self) -> float:
        """Recorded units a second."""
        return (self.answered + self.failed) / self.seconds if self.seconds else 0.0

    @property
    def seconds_left(self) -> float | None:
        """What the rest takes at this rate; None before there is one."""
        left = max(0, self.wanted - self.answered - self.failed)
        return left / self.rate if self.rate else None


@dataclass(frozen=True, slots=True)
class Unit:
    """One question's place, about one text (neutralised), of one block."""

    place: int
    report: bytes
    text: str
    block: int


@dataclass
class _Open:
    reports: tuple[bytes, ...]
    left: int


class Desk:
    """Gives out blocks or units that this process has claimed, and makes what comes back durable."""

    def __init__(
        self,
        shape: Shape,
        stop: Stop,
        brakes: Brakes,
        *,
        gate: Gate | None = None,
        price: Price | None = None,
        watch: Callable[[Progress], None] | None = None,
    ) -> None:
        self.shape, self.plan, self.ledger, self.job = shape, shape.plan, shape.ledger, shape.job
        self.stop, self.brakes, self.gate, self.price, self.watch = stop, brakes, gate, price, watch
        self.model = shape.job.identity
        self.heads = [q.tokens for q in self.job.questions]
        wanted = shape.count_missing()
        cells = self.plan.reports * len(self.job.questions)
        self.progress = Progress(cells, cells - wanted, wanted, cost=0.0 if price else None)
        self.began = self._spent_at = time.monotonic()
        self._flushed = self.began
        self._waiting: list[Answered] = []
        self._ended: list[bytes] = []
        self._open: dict[int, _Open] = {}
        self._tokens = Spent()
        self._out = self._in_a_row = 0

    # Giving out.

    def blocks(self, size: int = PACKED_BLOCK) -> Iterator[Block | None]:
        """Claimed blocks; None while only others have work left; ends when nothing is left or the run is stopped.

        What failed in an earlier run comes after what was never asked.
        """
        if self.progress.wanted:
            again = self.shape.failed_before()
            yield from self._blocks(size, failed=False)
            if again and not self.stop.why:
                yield from self._blocks(size, failed=True)

    def _blocks(self, size: int, *, failed: bool) -> Iterator[Block | None]:
        while not self.stop.why:
            others = 0
            for first, texts in self.plan.batches(size):
                block, taken = self._claim(first, first + size, texts, failed)
                others += taken
                if block:
                    self._count_asked(block)
                    yield block
                if self.stop.why:
                    return
                self.tick()
            while others and not self.stop.why and self.plan.claimed_by_others(self.model):
                yield None
            if not others:
                return

    def units(self) -> Iterator[Unit | None]:
        """Claimed units, one question after the other within a block; None and the end as for `blocks`."""
        for number, block in enumerate(self.blocks(UNITS_BLOCK)):
            if block is None:
                yield None
                continue
            texts = {report: neutralize(text) for report, text in block.texts.items()}
            self._open[number] = _Open(tuple(texts), len(block))
            for place, report in block.label_major():
                self._brake()
                if self.stop.why:
                    return
                self._out += 1
                self.progress = replace(self.progress, asked=self.progress.asked + 1)
                yield Unit(place, report, texts[report], number)

    def _claim(self, first: int, last: int, texts: dict[bytes, str], failed: bool) -> tuple[Block | None, int]:
        if not self.shape.missing(first, last, failed):
            return None, 0
        with self.ledger.writing() as db:
            wanted = self._within_limits(self.shape.missing(first, last, failed))
            mine, others = self.ledger.claim(db, self.model, wanted)
        wanted = {report: places for report, places in wanted.items() if report in mine}
        if self.gate and wanted:
            wanted = self._gated(wanted, texts)
        return (Block({r: texts[r] for r in wanted}, wanted) if wanted else None), others

    def _within_limits(self, wanted: dict[bytes, tuple[int, ...]]) -> dict[bytes, tuple[int, ...]]:
        """For packed labels, whole reports up to the limit of calls; units are counted one by one."""
        if self.brakes.max_calls is None or isinstance(self.shape, Units):
            return wanted
        reports = max(0, self.brakes.max_calls - self.progress.asked) // len(self.job.questions)
        if reports < len(wanted):
            self.stop.now(f"stopped by --max-calls {self.brakes.max_calls}")
        return dict(list(wanted.items())[:reports])

    def _count_asked(self, block: Block) -> None:
        if isinstance(self.shape, Packed):
            self.progress = replace(self.progress, asked=self.progress.asked + len(block))

    def _gated(self, wanted: dict[bytes, tuple[int, ...]], texts: dict[bytes, str]) -> dict[bytes, tuple[int, ...]]:
        assert self.gate is not None
        assert isinstance(self.shape, Units)
        decided: list[tuple[int, bytes]] = []
        rest: dict[bytes, tuple[int, ...]] = {}
        for report, places in wanted.items():
            absent = self.gate.decides(texts[report])
            by_gate = [p for p in places if self.job.questions[p].finding in absent]
            decided += [(p, report) for p in by_gate]
            if left := tuple(p for p in places if p not in by_gate):
                rest[report] = left
        with self.ledger.writing() as db:
            self.shape.record_gated(decided)
            self.ledger.release(db, self.model, [r for r in wanted if r not in rest])
        now = self.progress
        self.progress = replace(now, saved=now.saved + len(decided), wanted=now.wanted - len(decided))
        return rest

    # Taking in.

    def labelled(self, block: Block, labels: Labels) -> None:
        """Records a block of an embedded model's labels; durable when this returns."""
        assert isinstance(self.shape, Packed)
        failed = [Answered(place, report, UNANSWERED, reason) for place, report, reason in labels.failed]
        with self.ledger.writing() as db:
            self.shape.record(labels.packed, failed)
            self.ledger.release(db, self.model, block.texts)
            self._spend(Spent(len(block)))
        self._count(len(block) - len(failed), len(failed))
        self._brake()
        self._show()

    def replied(self, unit: Unit, reply: Reply) -> None:
        """Takes a call's reply in; it is durable, and counted, some moments later.

        Raises InputError where the first call shows that the endpoint cannot be used.
        """
        self._out -= 1
        answered = self._read(unit, reply)
        self._refuse_unusable(answered)
        self._waiting.append(answered)
        self._in_a_row = self._in_a_row + 1 if is_unusable(answered.reason) else 0
        self._pay(unit, reply)
        self._close(unit.block)
        if len(self._waiting) >= GROUP:
            self.flush()
        else:
            self.tick()

    def _pay(self, unit: Unit, reply: Reply) -> None:
        """Adds a call's tokens and price; the tokens are estimated where the server does not count them."""
        new, cached, out, used = reply.tokens_in, reply.tokens_cached, reply.tokens_out, self._tokens
        if not new and reply.text is not None:
            new, out = self.heads[unit.place] + count_tokens(unit.text), ANSWER_TOKENS
        self._tokens = Spent(
            used.calls + 1, 0.0, used.tokens_in + new, used.tokens_cached + cached, used.tokens_out + out
        )
        if self.price:
            cost = (self.progress.cost or 0.0) + self.price.of(new, cached, out)
            self.progress = replace(self.progress, cost=cost)

    def _read(self, unit: Unit, reply: Reply) -> Answered:
        if reply.text is None or reply.reason:
            return Answered(unit.place, unit.report, UNANSWERED, reply.reason or "no answer", reply.log_odds)
        question = self.job.questions[unit.place]
        value, reason = read_label(reply.text, question.words)
        if reason and question.threshold is not None and reply.log_odds is not None:  # these say enough
            return Answered(unit.place, unit.report, decide(0, reply.log_odds, question.threshold), "", reply.log_odds)
        return Answered(unit.place, unit.report, UNANSWERED if reason else value, reason, reply.log_odds)

    def _refuse_unusable(self, first: Answered) -> None:
        seen = self._tokens.calls or self.progress.answered or self.progress.failed
        if not seen and first.value == UNANSWERED and is_unusable(first.reason):
            raise InputError(
                f"--model {self.job.model}: the first call failed ({first.reason}); expected an endpoint that answers: "
                "check the name, --api-base, the key in the environment, and that the server runs."
            )

    def _close(self, block: int) -> None:
        self._open[block].left -= 1
        if not self._open[block].left:
            self._ended += self._open.pop(block).reports

    def tick(self) -> None:
        """To be called every second or so: makes waiting answers durable, and says that this process lives."""
        if time.monotonic() - self._flushed > GROUP_SECONDS:
            self.flush()
            self.ledger.sign()
            self._show()

    def flush(self) -> None:
        """Makes all that was taken in durable, in one transaction."""
        if self._waiting or self._ended:
            assert isinstance(self.shape, Units)
            with self.ledger.writing() as db:
                self.shape.record(self._waiting)
                self.ledger.release(db, self.model, self._ended)
                self._spend(self._tokens)
            failed = sum(a.value == UNANSWERED for a in self._waiting)
            self._count(len(self._waiting) - failed, failed)
            self._waiting, self._ended, self._tokens = [], [], Spent()
        self._flushed = time.monotonic()

    def _spend(self, used: Spent) -> None:
        now = time.monotonic()
        self.ledger.spend(self.ledger.db, self.model, replace(used, seconds=now - self._spent_at))
        self._spent_at = now

    def _count(self, answered: int, failed: int) -> None:
        now = self.progress
        self.progress = replace(now, answered=now.answered + answered, failed=now.failed + failed)

    def _show(self) -> None:
        self.progress = replace(self.progress, seconds=time.monotonic() - self.began)
        if self.watch:
            self.watch(self.progress)

    def _brake(self) -> None:
        limits, now = self.brakes, self.progress
        failed = now.failed + sum(a.value == UNANSWERED for a in self._waiting)
        if limits.max_calls is not None and isinstance(self.shape, Units) and now.asked >= limits.max_calls:
            self.stop.now(f"stopped by --max-calls {limits.max_calls}")
        if limits.max_failures is not None and failed > limits.max_failures:
            self.stop.now(f"stopped by --max-failures {limits.max_failures}")
        if limits.max_cost is not None and now.cost is not None and self._expected_cost() >= limits.max_cost:
            self.stop.now(f"stopped by --max-cost {limits.max_cost:g}")
        if self._in_a_row >= IN_A_ROW:
            self.stop.now(f"stopped after {IN_A_ROW} calls in a row to an endpoint that cannot be used")

    def _expected_cost(self) -> float:
        """What was spent, and what the calls in flight will cost if they are like those before."""
        cost, ended = self.progress.cost or 0.0, self.progress.asked - self._out
        return cost + (self._out + 1) * cost / ended if ended else cost
