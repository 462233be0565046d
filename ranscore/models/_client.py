"""The client of an endpoint: asks many questions at once, and gives each an answer or the reason why there is none."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, Self

from ranscore.models._abilities import BARE, Shape, Wishes, mode_of, options_of
from ranscore.models._base import Message, Reply
from ranscore.models._faults import Fault, fault_of_exception, fault_of_status, reset_wait
from ranscore.models._limits import Bucket, Clock, Tuning
from ranscore.models._pool import Pool, Server
from ranscore.models._wire import Question, read_completion

Sent = tuple[int, Mapping[str, str], "bytes | dict[str, Any]"]


class Transport(Protocol):
    """Brings questions to servers."""

    async def open(self) -> Sequence[Any]:
        """A link to each server."""
        ...

    async def send(self, link: Any, question: Question, key: object, options: Mapping[str, Any]) -> Sent:
        """Status, headers and body of one attempt; raises what the library under it raises."""
        ...

    def tokens(self, question: Question) -> int:
        """The prompt's tokens, estimated."""
        ...

    async def close(self) -> None:
        """Ends all links."""
        ...


class EndpointClient:
    """Asks the servers behind a transport, within their limits; see `ranscore.models.Client`."""

    def __init__(
        self, transport: Transport, wishes: Wishes, tuning: Tuning, answer_tokens: int, clock: Clock | None = None
    ) -> None:
        self._transport, self._wishes, self._tuning = transport, wishes, tuning
        self._clock = clock or Clock()
        self._answer_tokens = answer_tokens
        self._requests: Bucket | None = None
        self._tokens: Bucket | None = None
        self._options: dict[object, dict[str, Any]] = {}
        self._pool: Pool

    async def __aenter__(self) -> Self:
        now, tuning = self._clock.now(), self._tuning
        self._requests = Bucket(tuning.rpm, now) if tuning.rpm else None
        self._tokens = Bucket(tuning.tpm, now) if tuning.tpm else None
        links = await self._transport.open()
        servers = [Server(link, tuning, now, self._wishes) for link in links]
        self._pool = Pool(servers, self._clock, tuning.patience)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._transport.close()

    @property
    def room(self) -> int:
        """How many asks may usefully be in flight now."""
        return self._pool.room

    async def ask(
        self, head: Sequence[Message], user: str, words: Sequence[str], schema: dict[str, Any] | None = None
    ) -> Reply:
        """The answer, or a reply with its reason; passing faults are tried again."""
        question = Question(head, user, tuple(words), schema)
        attempts, expected, failed = 0, 0, None
        while True:
            if self._requests is not None or self._tokens is not None:
                expected = await self._wait_for_turn(question)
            server = await self._pool.enter(avoid=failed)
            if isinstance(server, Fault):
                return Reply(None, server.reason)
            outcome = await self._attempt_on(server, question, first=not attempts)
            attempts += 1
            if isinstance(outcome, Reply):
                if self._tokens is not None and outcome.tokens_in:
                    self._tokens.correct(outcome.tokens_in + outcome.tokens_out - expected)
                return outcome
            if not outcome.passing or attempts > self._tuning.retries:
                return Reply(None, outcome.reason)
            failed = server
            await self._back_off(server, outcome, attempts)

    async def _wait_for_turn(self, question: Question) -> int:
        """Waits until the rates a minute allow the question; the tokens that were expected of it."""
        now, wait, expected = self._clock.now(), 0.0, 0
        if self._requests is not None:
            wait = self._requests.take(1, now)
        if self._tokens is not None:
            expected = self._transport.tokens(question) + self._answer_tokens
            wait = max(wait, self._tokens.take(expected, now))
        if wait > 0:
            await self._clock.sleep(wait)
        return expected

    async def _back_off(self, server: Server, fault: Fault, attempts: int) -> None:
        if fault.wait is not None:
            server.pause(self._clock.now() + fault.wait)
            return
        other = self._pool.best(avoid=server)
        if other is None or other is server:
            await self._clock.sleep(self._tuning.delay(attempts, self._clock.random()))

    async def _attempt_on(self, server: Server, question: Question, *, first: bool) -> Reply | Fault:
        """One attempt on a server, whose place is given back."""
        seconds: float | None = None
        fault: Fault | None = None
        try:
            shape = server.abilities.shape(question) or await self._learn(server, question)
            began = self._clock.now()
            outcome = await self._attempt(server, question, shape)
            if isinstance(outcome, Fault):
                outcome = await self._without(server, question, shape, outcome)
                fault = outcome if isinstance(outcome, Fault) else None
            elif server.abilities.refusals:
                server.abilities.note(shape, refused=False)
            seconds = self._clock.now() - began
            return outcome
        finally:
            self._pool.leave(server, seconds, fault, first=first)

    async def _attempt(self, server: Server, question: Question, shape: Shape) -> Reply | Fault:
        key = (shape, question.words, json.dumps(question.schema) if question.schema is not None else "")
        options = self._options.get(key)
        if options is None:
            options = self._options[key] = options_of(shape, question, self._wishes)
        try:
            status, headers, body = await self._transport.send(server.link, question, key, options)
        except Exception as exception:  # any failure of a call is a value, never a stop
            return fault_of_exception(exception)
        if status != 200:
            text = body if isinstance(body, bytes) else b""
            return fault_of_status(status, headers, text, self._clock.wall())
        if server.tells_limits is not False:
            self._heed(server, headers)
        return read_completion(body, question, wrapped=shape.form == "json_schema")

    def _heed(self, server: Server, headers: Mapping[str, str]) -> None:
        """Leaves a server alone that says that nothing is left of its limits; its first reply tells whether it says."""
        if server.tells_limits is None:
            server.tells_limits = any("ratelimit" in name.lower() for name in headers)
        wait = reset_wait(headers, self._clock.wall()) if server.tells_limits else None
        if wait:
            server.pause(self._clock.now() + min(wait, self._tuning.patience))

    async def _without(self, server: Server, question: Question, shape: Shape, fault: Fault) -> Reply | Fault:
        """What a refused question gives without anything beside it; any other fault stays."""
        if fault.kind != "refused" or shape == BARE:
            return fault
        outcome = await self._attempt(server, question, BARE)
        server.abilities.note(shape, refused=isinstance(outcome, Reply))
        return outcome

    async def _learn(self, server: Server, question: Question) -> Shape:
        async def attempt(probe: Question, shape: Shape) -> Reply | Fault:
            return await self._attempt(server, probe, shape)

        async with server.learning:
            if server.abilities.shape(question) is None:
                await server.abilities.learn(mode_of(question), attempt)
        return server.abilities.shape(question) or BARE
