"""How a long run stands, in one line: in place on a terminal, else a plain line every half minute."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from ranscore.labelling._desk import Progress

EVERY = 30.0  # seconds between plain lines


@contextmanager
def live_line() -> Iterator[Callable[[Progress], None]]:
    """What is told of progress, on standard error."""
    from rich.console import Console
    from rich.live import Live

    console = Console(stderr=True)
    if not console.is_interactive:
        yield _plain()
        return
    with Live(console=console, transient=True, refresh_per_second=4) as live:
        yield lambda progress: live.update(line_of(progress))


def _plain() -> Callable[[Progress], None]:
    told = time.monotonic()

    def watch(progress: Progress) -> None:
        nonlocal told
        if time.monotonic() - told >= EVERY:
            told = time.monotonic()
            typer.echo(line_of(progress), err=True)

    return watch


def line_of(progress: Progress) -> str:
    """Cells done, rate, failures, calls that were not needed, money, time left."""
    done = progress.answered + progress.failed
    parts = [
        f"{done:,} of {progress.wanted:,} labels",
        f"{progress.rate:,.0f}/s",
        f"{progress.failed:,} failed",
        f"{progress.saved:,} calls saved",
    ]
    if progress.cost is not None:
        parts.append(f"${progress.cost:,.2f}")
    left = progress.seconds_left
    return " · ".join([*parts, "time left unknown" if left is None else f"{duration(left)} left"])


def duration(seconds: float) -> str:
    """Seconds as a person says them: `40 s`, `12 min`, `3.4 h`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:,.1f} h"


@contextmanager
def progress_bar() -> Iterator[Callable[[int], Callable[[int], None]]]:
    """A progress bar where standard error is a terminal: called with a total, it gives what advances it."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("labelling"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_interactive) as bar:

        def begin(total: int) -> Callable[[int], None]:
            task = bar.add_task("labelling", total=total)
            return lambda done: bar.advance(task, done)

        yield begin
