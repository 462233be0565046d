"""Servers that share the load: a call goes where it is likely to be answered first, and waits where none has room."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Any

from ranscore.models._abilities import Abilities, Wishes
from ranscore.models._faults import Fault
from ranscore.models._limits import Breaker, Clock, Tuning, Window

QUICKEST, SLOWEST = 0.001, 60.0  # seconds; a failure doubles what is expected of a server, between these


class Server:
    """One address and how it has been doing; `link` is what its transport keeps for it."""

    def __init__(self, link: Any, tuning: Tuning, now: float, wishes: Wishes) -> None:
        self.link = link
        self.window = Window(tuning.start, tuning.ceiling, now)
        self.breaker = Breaker(tuning.breaker_after, tuning.breaker_wait)
        self.abilities = Abilities(wishes)
        self.learning = asyncio.Lock()
        self.in_flight = 0
        self.paused_until = 0.0
        self.latency = 0.0
        self.tells_limits: bool | None = None

    def free(self, now: float) -> bool:
        """True where one more call may be sent now."""
        return self.in_flight < int(self.window.size) and self.paused_until <= now and self.breaker.lets(now)

    def free_at(self, now: float) -> float | None:
        """When time alone will free it; None where a call in flight has to end first."""
        if self.in_flight >= int(self.window.size) or (
            self.breaker.open and self.in_flight and now >= self.breaker.until
        ):
            return None
        return max(self.paused_until, self.breaker.until if self.breaker.open else 0.0)

    def pause(self, until: float) -> None:
        """Leaves it alone until then."""
        self.paused_until = max(self.paused_until, until)


class Pool:
    """The servers of a client, and those who wait for one."""

    def __init__(self, servers: Sequence[Server], clock: Clock, patience: float) -> None:
        self.servers = servers
        self._clock, self._patience = clock, patience
        self._waiting: deque[asyncio.Future[None]] = deque()

    @property
    def room(self) -> int:
        """Calls that the windows of the servers hold, one at least; of several, those which are not down."""
        if len(self.servers) == 1:
            return int(self.servers[0].window.size)
        return sum(int(s.window.size) for s in self.servers if not s.breaker.open) or 1

    def best(self, avoid: Server | None = None) -> Server | None:
        """The free server with the shortest expected wait, another than `avoid` where there is one."""
        now = self._clock.now()
        if len(self.servers) == 1:
            return self.servers[0] if self.servers[0].free(now) else None
        free = [s for s in self.servers if s.free(now)]
        if len(free) > 1:
            free = [s for s in free if s is not avoid]
            return min(free, key=lambda s: s.latency * (s.in_flight + 1))
        return free[0] if free else None

    async def enter(self, avoid: Server | None = None) -> Server | Fault:
        """A place on a server, to be given back with `leave`; a fault where none can be had in reasonable time."""
        server = self.best(avoid)
        if server is None:
            try:
                waited = await self._wait()
            except BaseException:
                self._wake()
                raise
            if isinstance(waited, Fault):
                self._wake()
                return waited
            server = waited
        server.in_flight += 1
        server.breaker.begin()
        return server

    async def _wait(self) -> Server | Fault:
        first = True
        while (server := self.best()) is None:
            now = self._clock.now()
            times = [s.free_at(now) for s in self.servers]
            known = [t for t in times if t is not None]
            if len(known) < len(times):
                await self._queue(first)
            elif (fault := self._hopeless(min(known), now)) is not None:
                return fault
            else:
                await self._clock.sleep(max(0.0, min(known) - now))
            first = False
        return server

    def _hopeless(self, at: float, now: float) -> Fault | None:
        down = [s for s in self.servers if s.breaker.open]
        if len(down) == len(self.servers) and now - min(s.breaker.since for s in down) >= self._patience:
            return Fault(down[0].breaker.reason, "down")
        if at - now > self._patience:
            return Fault(f"the server asked to be left alone for more than {self._patience:g} seconds", "busy")
        return None

    async def _queue(self, first: bool) -> None:
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if first:
            self._waiting.append(place)
        else:
            self._waiting.appendleft(place)
        await place

    def leave(self, server: Server, seconds: float | None, fault: Fault | None = None, *, first: bool = True) -> None:
        """Gives a place back; `seconds` is None where the call was given up by who asked, `first` a first attempt."""
        now = self._clock.now()
        if seconds is None:
            server.breaker.abandon()
        else:
            server.window.note(server.in_flight, seconds, fault, now)
            server.breaker.note(fault, now, first=first)
            if fault is not None and fault.passing:
                server.latency = min(SLOWEST, max(server.latency, QUICKEST) * 2)
            else:
                server.latency += (seconds - server.latency) * (0.2 if server.latency else 1.0)
        server.in_flight -= 1
        if self._waiting:
            self._wake()

    def _wake(self) -> None:
        waiting = self._waiting
        while waiting and waiting[0].done():
            waiting.popleft()
        if not waiting:
            return
        for _ in range(max(1, sum(max(0, int(s.window.size) - s.in_flight) for s in self.servers))):
            if not waiting:
                return
            place = waiting.popleft()
            if not place.done():
                place.set_result(None)
