"""What ends a run before its end: a signal, or a limit that the user set."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

IN_A_ROW = 100  # calls that show an endpoint that cannot be used, without another between them


@dataclass(frozen=True)
class Brakes:
    """Limits of one run: calls, money in US dollars, failures. None sets no limit."""

    max_calls: int | None = None
    max_cost: float | None = None
    max_failures: int | None = None


class Stop:
    """Why no more work is given out; "" while it is."""

    def __init__(self) -> None:
        self.why = ""
        self.signalled = False

    def now(self, why: str) -> None:
        """Gives out no more work; the first reason stays."""
        self.why = self.why or why

    @contextmanager
    def on_signals(self) -> Iterator[None]:
        """While it lasts, SIGINT or SIGTERM finishes what is in flight; a second one ends at once."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def handle(number: int, frame: FrameType | None) -> None:
            if self.signalled:
                raise KeyboardInterrupt
            self.signalled = True
            self.now("stopped by a signal")

        before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
