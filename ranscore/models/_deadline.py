"""One time-out for many calls at once, by a single timer: a timer for each costs a tenth of a call."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any, TypeVar

T = TypeVar("T")


class Deadline:
    """Ends what runs longer than so many seconds with a TimeoutError; in one event loop, one call a task at a time."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._running: dict[asyncio.Task[Any], float] = {}  # in the order of their ends
        self._expired: set[asyncio.Task[Any]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()

    async def keep(self, work: Awaitable[T]) -> T:
        """What the work gives; raises TimeoutError where it takes too long."""
        task = asyncio.current_task()
        assert task is not None
        asked = task.cancelling()
        self._running[task] = self._loop.time() + self._seconds
        if self._timer is None:
            self._timer = self._loop.call_later(self._seconds, self._sweep)
        try:
            return await work
        except asyncio.CancelledError:
            if task in self._expired and task.uncancel() <= asked:
                raise TimeoutError from None
            raise
        finally:
            self._running.pop(task, None)
            self._expired.discard(task)

    def _sweep(self) -> None:
        now = self._loop.time()
        self._timer = None
        for task, end in list(self._running.items()):
            if end > now:
                self._timer = self._loop.call_at(end, self._sweep)
                return
            del self._running[task]
            self._expired.add(task)
            task.cancel()

    def close(self) -> None:
        """Ends the timer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
