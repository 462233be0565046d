"""Times the client of an endpoint against a bare one that sends the same bytes; by hand, from the repository's root.

    python tests/benchmarks/bench_client.py [--calls 10000] [--dspy 100]

The servers run in processes of their own. A turn of each way follows the other, and the best turn counts. Shares are
given of processor seconds (what a call costs this process) and of wall seconds.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import aiohttp

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))
os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")

from ranscore.extraction.module import FrozenPrompt, freeze_prompt, label_reports  # noqa: E402
from ranscore.models import open_model  # noqa: E402
from ranscore.models._wire import Encoder, Question  # noqa: E402
from ranscore.records import Exemplar, Program, Report  # noqa: E402

NAME, WORDS, TURNS, IN_FLIGHT = "openai/gpt-4o-mini", ("present", "absent"), 6, 64
FIELDS = {"model": "gpt-4o-mini", "temperature": 0.0, "max_tokens": 16}
Seconds = tuple[float, float]  # of the processor, of the wall


@contextmanager
def server(*options: str) -> Iterator[str]:
    """A server's address; it ends with the block."""
    script = ROOT / "tests" / "benchmarks" / "chat_server.py"
    process = subprocess.Popen([sys.executable, str(script), *options], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
    finally:
        process.kill()
        process.wait()


def program() -> Program:
    """Eight exemplars."""
    sentence = "There is a small pleural effusion on the left side with adjacent atelectasis of the lower lobe. "
    exemplars = tuple(Exemplar(passage=f"{i}. {sentence}", answer=WORDS[i % 2]) for i in range(8))  # type: ignore[arg-type]
    return Program(
        finding="nodule", name="Nodule", instruction="Read the report.", definition="Is there one?", exemplars=exemplars
    )


def texts(number: int) -> list[str]:
    """Reports of 600 characters, none like another."""
    return [f"{i:06d} " + ("Lungs are clear. Heart size is normal. " * 16)[:593] for i in range(number)]


def timed(work: Callable[[], object]) -> Seconds:
    """Seconds of the processor and of the wall."""
    began, wall = time.process_time(), time.perf_counter()
    work()
    return time.process_time() - began, time.perf_counter() - wall


async def drain(reports: Sequence[str], in_flight: int, ask: Callable[[str], Awaitable[object]]) -> None:
    """Asks about all reports, so many at a time."""
    rest = iter(reports)

    async def work() -> None:
        for report in rest:
            await ask(report)

    await asyncio.gather(*(work() for _ in range(in_flight)))


async def ask_bare(base: str, prompt: FrozenPrompt, reports: Sequence[str]) -> None:
    """A bare client: a session, a body, a post, and the bytes that come."""
    encoder = Encoder(FIELDS)
    bodies = [encoder.encode(Question(prompt.head, f"{prompt.before}{t}{prompt.after}"), 0, {}) for t in reports]
    url, headers = f"{base}/chat/completions", {"Content-Type": "application/json"}
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), headers=headers) as session:

        async def ask(report: str) -> None:
            async with session.post(url, data=bodies[int(report[:6])]) as response:
                assert response.status == 200
                await response.read()

        await drain(reports, IN_FLIGHT, ask)


async def ask_client(base: str, prompt: FrozenPrompt, reports: Sequence[str], in_flight: int | None = None) -> int:
    """Our client as it is opened by default, asked as many at a time as it has room for; gives the room at the end."""
    opener = open_model(NAME, api_base=base).open_client
    assert opener is not None
    async with opener() as client:
        rest = iter([f"{prompt.before}{text}{prompt.after}" for text in reports])
        working: set[asyncio.Task[None]] = set()
        active = asked = 0

        async def work() -> None:
            nonlocal active, asked
            for user in rest:
                reply = await client.ask(prompt.head, user, WORDS)
                assert reply.text in WORDS, reply
                asked += 1
                if in_flight is None and active != client.room:
                    if active > client.room:
                        break
                    begin()
            active -= 1

        def begin() -> None:
            nonlocal active
            active += 1
            task = asyncio.create_task(work())
            working.add(task)
            task.add_done_callback(working.discard)

        for _ in range(in_flight or client.room):
            begin()
        while working:
            await asyncio.wait(working)
        assert asked == len(reports), asked
        return client.room


def ask_dspy(base: str, reports: Sequence[str], provider: str) -> None:
    """The way of `optimize`: dspy, by its own path or by litellm's."""
    model = open_model(f"{provider}/gpt-4o-mini", api_base=base, cache=False)
    labelled = label_reports(program(), [Report(report_id=t[:6], text=t) for t in reports], model)
    assert all(label.value != "unanswered" for label in labelled.labels), labelled.labels[0]


def best(turns: Sequence[Seconds]) -> Seconds:
    """The least of each."""
    return min(t[0] for t in turns), min(t[1] for t in turns)


def show(name: str, calls: int, spent: Seconds, against: Seconds | None = None) -> None:
    """One line: calls a second of the processor and of the wall, and as shares of another way's."""
    rates = [calls / s for s in spent]
    shares = f"   {against[0] / spent[0]:6.1%} {against[1] / spent[1]:6.1%}" if against else ""
    print(f"{name:34} {rates[0]:9,.0f} {rates[1]:9,.0f}{shares}", flush=True)


def at_once(calls: int, slow: int) -> None:
    """Against a server that answers at once."""
    prompt, reports = freeze_prompt(program()), texts(calls)
    with server() as base:
        bare: list[Seconds] = []
        ours: list[Seconds] = []
        for _ in range(TURNS):
            bare.append(timed(lambda: asyncio.run(ask_bare(base, prompt, reports))))
            ours.append(timed(lambda: asyncio.run(ask_client(base, prompt, reports))))
        size = len(Encoder(FIELDS).encode(Question(prompt.head, prompt.messages(reports[0])[-1][1]), 0, {}))
        print(f"{calls:,} calls of {size:,} bytes, 8 exemplars; a server that answers at once")
        print(f"{'':34} {'calls/CPU s':>9} {'calls/s':>7}   share of bare: CPU, wall")
        show("bare aiohttp, 64 in flight", calls, best(bare))
        show("ranscore client", calls, best(ours), best(bare))
        scale = (best(bare)[0] * slow / calls, best(bare)[1] * slow / calls)
        for name, provider in (("dspy", "openai"), ("dspy through litellm", "lm_studio")):
            os.environ.setdefault("OPENAI_API_KEY", "none")
            ask_dspy(base, reports[:3], provider)
            show(name, slow, timed(lambda p=provider: ask_dspy(base, reports[:slow], p)), scale)  # type: ignore[misc]


def with_latency(calls: int) -> None:
    """Against a server that takes 50 ms."""
    prompt, reports = freeze_prompt(program()), texts(calls)
    rooms: list[int] = []
    with server("--latency", "0.05") as base:
        loop = timed(lambda: asyncio.run(ask_client(base, prompt, reports[:40], 1)))
        many = timed(lambda: rooms.append(asyncio.run(ask_client(base, prompt, reports))))
    one, all_ = 40 / loop[1], calls / many[1]
    print(f"\n{calls:,} calls; a server with 50 ms latency; 8 in flight at first, room for {rooms[0]} at the end")
    print(f"one after another {one:9,.1f} calls/s")
    print(f"ranscore client   {all_:9,.1f} calls/s, {all_ / one:.0f} times as many")


def main() -> None:
    """Print rates and shares."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--calls", type=int, default=10_000)
    parser.add_argument("--dspy", type=int, default=100)
    given = parser.parse_args()
    os.environ.setdefault("OPENAI_API_KEY", "none")
    at_once(given.calls, given.dspy)
    with_latency(given.calls)


if __name__ == "__main__":
    main()
