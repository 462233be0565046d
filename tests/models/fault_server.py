"""A chat server on this machine that fails as real ones do: a share of the questions each way, the same for one seed.

In a thread: `with FaultServer(Plan(busy=0.05, seed=1)) as server: … server.base`. In a process of its own:
`python tests/models/fault_server.py --port 8123 --share 0.05 --seed 1`, which prints its address and serves until it
is ended.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Self

from aiohttp import web

KINDS = ("busy", "broken", "reset", "silent", "cut", "wrong", "empty", "thinking")
LASTING = ("wrong", "empty", "thinking")
FIELDS = {"messages", "model", "temperature", "max_tokens", "max_completion_tokens", "stream"}
FORMS = {
    "structured_outputs": "structured_outputs",
    "guided_choice": "guided_choice",
    "grammar": "grammar",
    "json_schema": "response_format",
}


@dataclass(frozen=True)
class Plan:
    """Shares of the questions that fail in each way; `heals` is the share of passing faults that end with one attempt.

    `busy` is status 429 with Retry-After, `broken` 500, `silent` no answer ever. `offers` are the forms of constraint
    that are kept to; `strict` refuses fields that are not known. `capacity` is how many may be in flight before 429.
    """

    busy: float = 0.0
    broken: float = 0.0
    reset: float = 0.0
    silent: float = 0.0
    cut: float = 0.0
    wrong: float = 0.0
    empty: float = 0.0
    thinking: float = 0.0
    heals: float = 0.5
    seed: int = 0
    retry_after: str = "0"
    latency: float = 0.0
    offers: frozenset[str] = frozenset()
    logprobs: bool = False
    strict: bool = False
    capacity: int | None = None

    def fault(self, unit: str) -> tuple[str, bool]:
        """How a question fails (nothing where it does not), and whether it heals with the second attempt."""
        chance = _chance(self.seed, "fault", unit)
        for kind in KINDS:
            chance -= getattr(self, kind)
            if chance < 0:
                return kind, kind not in LASTING and _chance(self.seed, "heals", unit) < self.heals
        return "", False

    def answered(self, unit: str) -> bool:
        """True where a question gets one of the two words, in the end."""
        kind, heals = self.fault(unit)
        return not kind or heals


def word_of(unit: str) -> str:
    """The right answer to a question: present for about a third."""
    return "present" if _chance(0, "word", unit) < 1 / 3 else "absent"


def _chance(seed: int, what: str, unit: str) -> float:
    digest = blake2b(f"{seed} {what} {unit}".encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64


class FaultServer:
    """The server in a thread; counts requests by body, and attempts and answers by question (the last message)."""

    def __init__(self, plan: Plan | None = None, answer: Callable[[str], str] = word_of, keep: bool = True) -> None:
        self.plan = plan or Plan()
        self.answer, self.keep = answer, keep
        self.requests: Counter[str] = Counter()
        self.attempts: Counter[str] = Counter()
        self.answers: Counter[str] = Counter()
        self.bodies: list[dict[str, Any]] = []
        self.raw: list[bytes] = []
        self.authorizations: list[str | None] = []
        self.in_flight = self.most_in_flight = 0
        self.down = False
        self.port = 0
        self._ready, self._loop = threading.Event(), asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait(20)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(20)

    @property
    def base(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}/v1"

    def _run(self) -> None:
        self._loop.run_until_complete(self.serve(0, self._ready.set))
        self._loop.close()

    async def serve(self, port: int, ready: Callable[[], None]) -> None:
        """Serves until it is ended; `ready` is called once `port` is known."""
        self._over = asyncio.Event()
        app = web.Application(client_max_size=2**24)
        app.router.add_post("/v1/chat/completions", self._handle)
        app.router.add_post("/v1/messages", self._handle_messages)
        app.router.add_post("/moved/chat/completions", _redirect)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        self.port = runner.addresses[0][1]
        ready()
        await self._over.wait()
        await runner.cleanup()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        raw = await request.read()
        if self.down:
            _abort(request)
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            if self.plan.capacity is not None and self.in_flight > self.plan.capacity:
                return _error(429, "too many", {"Retry-After": self.plan.retry_after})
            if self.plan.latency:
                await asyncio.sleep(self.plan.latency)
            return await self._reply(request, raw)
        finally:
            self.in_flight -= 1

    async def _reply(self, request: web.Request, raw: bytes) -> web.StreamResponse:
        body = json.loads(raw)
        unit = body["messages"][-1]["content"]
        self.requests[blake2b(raw, digest_size=16).hexdigest()] += 1
        if self.keep:
            self.raw.append(raw)
            self.bodies.append(body)
            self.authorizations.append(request.headers.get("Authorization"))
        self.attempts[unit] += 1
        kind, heals = self.plan.fault(unit)
        if kind and not (heals and self.attempts[unit] > 1):
            return await self._fail(kind, request, unit)
        unknown = set(body) - FIELDS - {FORMS[f] for f in self.plan.offers}
        unknown -= {"logprobs", "top_logprobs"} if self.plan.logprobs else set()
        if self.plan.strict and unknown:
            return _error(400, f"unknown fields {sorted(unknown)} in {raw.decode()} {request.headers}")
        self.answers[unit] += 1
        return web.json_response(self._completion(body, self._say(body, unit)))

    async def _fail(self, kind: str, request: web.Request, unit: str) -> web.StreamResponse:
        echo = f"{unit} {request.headers.get('Authorization')}"
        if kind == "busy":
            return _error(429, echo, {"Retry-After": self.plan.retry_after})
        if kind == "broken":
            return _error(500, echo)
        if kind == "reset":
            _abort(request)
        if kind == "silent":
            await self._over.wait()
        if kind == "cut":
            return await _cut(request, json.dumps(completion(word_of(unit))).encode())
        self.answers[unit] += 1
        says = {"wrong": f"The report says {unit}", "empty": "", "thinking": f"<think>It says {unit}"}
        return web.json_response(completion(says.get(kind, "")))

    def _say(self, body: dict[str, Any], unit: str) -> str:
        choices: list[str] = []
        offers = self.plan.offers
        if "structured_outputs" in offers:
            choices = body.get("structured_outputs", {}).get("choice", [])
        if "guided_choice" in offers:
            choices = body.get("guided_choice", choices)
        if "grammar" in offers and "grammar" in body:
            choices = [json.loads(w) for w in body["grammar"].removeprefix("root ::= ").split(" | ")]
        if "json_schema" in offers and "response_format" in body:
            return json.dumps(_instance(body["response_format"]["json_schema"]["schema"], self.answer(unit)))
        said = self.answer(unit)
        return said if not choices or said in choices else choices[0]

    def _completion(self, body: dict[str, Any], text: str) -> dict[str, Any]:
        made = completion(text)
        if self.plan.logprobs and body.get("logprobs"):
            likely = 0.9 if text.startswith("present") else 0.1
            top = [("present", likely * 0.8), (" Present", likely * 0.2), ("abs", 1 - likely), ("The", 1e-6)]
            told = [{"token": t, "logprob": math.log(p), "bytes": list(t.encode())} for t, p in top]
            made["choices"][0]["logprobs"] = {"content": [{**told[0], "top_logprobs": told}]}
        return made

    async def _handle_messages(self, request: web.Request) -> web.StreamResponse:
        """Anthropic's protocol, for what litellm sends."""
        body = await request.json()
        self.bodies.append(body)
        content = body["messages"][-1]["content"]
        unit = content if isinstance(content, str) else content[0]["text"]
        self.attempts[unit] += 1
        kind, heals = self.plan.fault(unit)
        if kind in ("busy", "broken") and not (heals and self.attempts[unit] > 1):
            status = {"busy": 429, "broken": 500}[kind]
            fault = {"type": "error", "error": {"type": "x", "message": unit}}
            return web.json_response(fault, status=status, headers={"retry-after": self.plan.retry_after})
        message = {
            "id": "m", "type": "message", "role": "assistant", "model": "m", "stop_reason": "end_turn",
            "content": [{"type": "text", "text": self.answer(unit)}], "stop_sequence": None,
            "usage": {"input_tokens": 7, "output_tokens": 1},
        }  # fmt: skip
        return web.json_response(message)


def completion(text: str, reason: str = "stop") -> dict[str, Any]:
    """A chat completion that says this."""
    return {
        "id": "x", "object": "chat.completion", "created": 0, "model": "m",
        "choices": [{"index": 0, "finish_reason": reason, "message": {"role": "assistant", "content": text}}],
        "usage": {
            "prompt_tokens": 70, "completion_tokens": 1, "total_tokens": 71,
            "prompt_tokens_details": {"cached_tokens": 64},
        },
    }  # fmt: skip


async def _redirect(request: web.Request) -> web.Response:
    return web.Response(status=307, headers={"Location": "/v1/chat/completions"})


def _error(status: int, message: str, headers: dict[str, str] | None = None) -> web.Response:
    return web.json_response({"error": {"message": message, "code": "x"}}, status=status, headers=headers)


def _abort(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.abort()
    raise asyncio.CancelledError


async def _cut(request: web.Request, data: bytes) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "application/json", "Content-Length": str(len(data))})
    await response.prepare(request)
    await response.write(data[: len(data) // 2])
    if request.transport is not None:
        request.transport.close()
    return response


def _instance(schema: dict[str, Any], said: str) -> Any:
    if schema.get("type") == "object":
        return {k: _instance(v, said) for k, v in schema["properties"].items()}
    allowed = schema.get("enum", [said])
    return said if said in allowed else allowed[0]


def main() -> None:
    """Serve in this process; prints the address first."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--share", type=float, default=0.0, help="of each kind of fault")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--latency", type=float, default=0.0)
    parser.add_argument("--retry-after", default="0")
    given = parser.parse_args()
    shares = dict.fromkeys(KINDS, given.share)
    plan = Plan(**shares, seed=given.seed, latency=given.latency, retry_after=given.retry_after)
    server = FaultServer(plan, keep=False)
    asyncio.run(server.serve(given.port, lambda: print(server.base, flush=True)))


if __name__ == "__main__":
    main()
