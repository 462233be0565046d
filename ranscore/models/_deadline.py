"""One time-out for many calls at once, by a single timer: a timer for each would cost a tenth of a call."""

from __future__ import annotations

import asyncio
from typing import Any

Task = asyncio.Task[Any]


class Deadline:
    """Cancels the tasks that take longer than so many seconds; in one event loop, one call a task at a time.

    Used as `task = deadline.begin()`, then a try block: `expired(task)` where it was cancelled, `end(task)` finally.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._running: dict[Task, float] = {}  # in the order of their ends
        self._expired: dict[Task, int] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()

    def begin(self) -> Task:
        """The task that runs now, whose time begins."""
        task = asyncio.current_task()
        assert task is not None
        self._running[task] = self._loop.time() + self._seconds
        if self._timer is None:
            self._timer = self._loop.call_later(self._seconds, self._sweep)
        return task

    def expired(self, task: Task) -> bool:
        """True where its time was over and nobody else cancelled it; then it is no longer cancelled."""
        asked = self._expired.pop(task, None)
        return asked is not None and task.uncancel() <= asked

    def end(self, task: Task) -> None:
        """Its time is no longer measured."""
        self._running.pop(task, None)
        if self._expired and self._expired.pop(task, None) is not None:
            task.uncancel()

    def _sweep(self) -> None:
        now = self._loop.time()
        self._timer = None
        for task, end in list(self._running.items()):
            if end > now:
                self._timer = self._loop.call_at(end, self._sweep)
                return
            del self._running[task]
            self._expired[task] = task.cancelling()
            task.cancel()

    def close(self) -> None:
        """Ends the timer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
