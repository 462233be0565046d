"""What keeps an endpoint from being overrun: a window of calls in flight, rates a minute, a breaker, back-off."""

from __future__ import annotations

import asyncio
import math
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from ranscore.models._faults import Fault


@dataclass(frozen=True)
class Clock:
    """Time and chance, so that a test can hand over its own. Seconds."""

    now: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = time.time
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    random: Callable[[], float] = field(default_factory=lambda: random.Random().random)


@dataclass(frozen=True)
class Tuning:
    """How a client behaves; seconds, calls, tokens.

    `timeout` is for a whole call, `connect` for the connection, `read` for the time between two parts of a reply.
    `patience` is the longest wait for a server that is down or asks to be left alone; then a call ends with its reason.
    """

    start: int = 8
    ceiling: int = 256
    timeout: float = 60.0
    connect: float = 10.0
    read: float | None = None
    retries: int = 3
    rpm: float | None = None
    tpm: float | None = None
    patience: float = 300.0
    backoff: float = 0.5
    backoff_most: float = 30.0
    breaker_after: int = 8
    breaker_wait: float = 1.0

    def delay(self, attempt: int, chance: float) -> float:
        """Seconds before attempt number `attempt` (from 1): doubled each time, between a half and the whole of it."""
        most = min(self.backoff_most, self.backoff * 2.0 ** min(attempt - 1, 16))
        return most * (0.5 + chance / 2)


class Bucket:
    """A rate a minute: what is taken beyond it has to be waited for, in the order in which it was taken.

    It holds two seconds' worth at most (one unit at least), so that a minute never sees much more than its share.
    """

    def __init__(self, per_minute: float, now: float) -> None:
        self._rate = per_minute / 60
        self._most = max(1.0, self._rate * 2)
        self._level, self._at = self._most, now

    def take(self, amount: float, now: float) -> float:
        """Takes an amount and gives the seconds to wait for it."""
        self._level = min(self._most, self._level + (now - self._at) * self._rate) - amount
        self._at = now
        return max(0.0, -self._level / self._rate)

    def correct(self, amount: float) -> None:
        """Takes what a call used beyond its estimate; a negative amount is given back."""
        self._level -= amount


EPOCH = 32
FEW = 8.0
GAIN = 0.3
MAY_BE_BUSY, BUSY_AT_LEAST = 0.2, 5
AFTER_BUSY = 4
SLOWER = 2.0
BRISK, BATCH = 0.05, 32
LONGEST_HOLD = 16
FORGET = 0.3


class Window:
    """How many calls may be in flight: more as long as more of them bring more answers a second, fewer on trouble.

    Each epoch (as many attempts as the window is wide, later twice as many, 32 at least) is judged. It doubles at
    first, later grows by its square root, and steps back where the rate of answers rose by less than a third of the
    growth (where answers come within 50 ms, only beyond 32: to handle some at once is cheaper for this side). The
    share of attempts that the server was too busy for, from a fifth on, cuts it by half that share; so does the share
    that failed otherwise, where it lies above what is usual of this server by more than chance; a latency of twice
    what it was at the same width cuts it too.
    """

    def __init__(self, start: int, ceiling: int, now: float) -> None:
        self.size = float(min(start, ceiling))
        self._ceiling, self._began = float(ceiling), now
        self._doubling, self._hold, self._held = True, 0, 0
        self._base: tuple[float, float, float] | None = None  # width, answers a second, latency
        self._usual = 0.0
        self._clear()

    def _clear(self) -> None:
        self._ended = self._failed = self._busy = 0
        self._spent, self._full = 0.0, False

    def note(self, in_flight: int, seconds: float, fault: Fault | None, now: float) -> None:
        """One attempt has ended, which took `seconds`, with so many in flight."""
        self._ended += 1
        self._full |= in_flight >= int(self.size)
        if fault is None or not fault.passing:
            self._spent += seconds
        elif fault.kind == "busy":
            self._busy += 1
        else:
            self._failed += 1
        if self._ended >= max(EPOCH, int(self.size)) * (1 if self._doubling else 2):
            self._judge(max(now - self._began, 1e-9))
            self._began = now
            self._clear()

    def _judge(self, elapsed: float) -> None:
        width, answered = self.size, self._ended - self._failed - self._busy
        busy, excess = self._busy / self._ended, self._excess()
        if busy <= MAY_BE_BUSY or self._busy < BUSY_AT_LEAST:
            busy = 0.0
        rate, latency = answered / elapsed, self._spent / max(answered, 1)
        least = 1.0 if busy else min(width, FEW)  # so few at once are no cause of a failure
        self.size = max(least, width * (1 - (busy + excess) / 2))
        if busy or excess or not answered:
            self._base, self._doubling, self._hold = None, False, AFTER_BUSY if busy else 0
        elif self._hold:
            self._keep(width, rate, latency)
        elif self._full:
            self._climb(width, rate, latency)

    def _excess(self) -> float:
        share, usual = self._failed / self._ended, self._usual
        spread = math.sqrt(max(usual * (1 - usual), 0.05) / self._ended)
        self._usual += (share - usual) * FORGET
        return share - usual if share > usual + 2 * spread else 0.0

    def _keep(self, width: float, rate: float, latency: float) -> None:
        self._hold -= 1
        if self._base and latency > SLOWER * self._base[2]:
            self.size = max(1.0, self.size * 0.8)
            self._base, self._hold = None, 0
        elif not self._hold and self._full:
            self._grow(width, rate, latency)

    def _climb(self, width: float, rate: float, latency: float) -> None:
        if self._base and width > self._base[0]:
            gained, widened = rate / max(self._base[1], 1e-9) - 1, width / self._base[0] - 1
            brisk = latency < BRISK and width <= BATCH
            if gained < GAIN * widened and not brisk:
                self._doubling, self.size = False, self._base[0]
                self._held = min(LONGEST_HOLD, self._held * 2 or 2)
                self._hold = self._held
                return
            self._held = 0
        self._grow(width, rate, latency)

    def _grow(self, width: float, rate: float, latency: float) -> None:
        self._base = (width, rate, latency)
        step = self.size if self._doubling else math.sqrt(self.size)
        self.size = min(self._ceiling, self.size + step)


TRIALS = 3
LONGEST = 3


class Breaker:
    """Opens after several failures in a row; once its time is over a few calls may try.

    One that succeeds closes it; when all of them fail it opens again, for twice as long, up to eight times the first.
    Only first attempts count before it opens: a question that fails again says little about the server. For the same
    reason more than one may try: among those who wait, questions that would fail anyway are many.
    """

    def __init__(self, after: int, wait: float) -> None:
        self._after, self._wait = after, wait
        self._failures = self._openings = self._tried = self._failed = 0
        self.until = 0.0
        self.since = 0.0
        self.reason = ""

    @property
    def open(self) -> bool:
        """True until a call has succeeded again."""
        return self._openings > 0

    def lets(self, now: float) -> bool:
        """True where a call may be sent now."""
        return not self._openings or (now >= self.until and self._tried < TRIALS)

    def begin(self) -> None:
        """A call is sent; while open it is one that tries."""
        if self._openings:
            self._tried += 1

    def abandon(self) -> None:
        """The call was given up by who asked, and tells nothing."""
        if self._tried > self._failed:
            self._tried -= 1

    def note(self, fault: Fault | None, now: float, *, first: bool = True) -> None:
        """A call has ended; `first` where it was a question's first attempt."""
        if fault is None or fault.kind != "down":
            if self._failures or self._openings:
                self._failures = self._openings = self._tried = self._failed = 0
        elif not self._openings:
            self._failures += first
            if self._failures >= self._after:
                self.since = now
                self._open(fault, now)
        elif self._tried > self._failed:
            self._failed += 1
            if self._failed == self._tried:
                self._open(fault, now)

    def _open(self, fault: Fault, now: float) -> None:
        self.until = now + self._wait * 2 ** min(self._openings, LONGEST)
        self._openings += 1
        self._tried = self._failed = 0
        self.reason = fault.reason
