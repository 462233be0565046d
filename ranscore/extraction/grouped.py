"""One call for all findings of a report: a JSON object of present and absent, read strictly.

It costs a twentieth of the calls, and it costs agreement: a program's wordings and exemplars do not all fit, and one
answer holds twenty decisions. Log-odds, and so thresholds, are for single findings alone.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from ranscore.catalog import finding_name
from ranscore.errors import InputError
from ranscore.extraction.adapter import UnreadableAnswerError, read_answer
from ranscore.models import Model
from ranscore.models._base import Client, Message, Reply
from ranscore.prompt import GROUP_QUESTION, render_group, wrap_report
from ranscore.records import AnswerForm, Program

TOKENS_A_FINDING = 24
REMEMBERED = 4096  # reports whose answers are kept for the findings that ask later
_WORDS = AnswerForm()
_MARK = "finding"
_SENTINEL = "\u0001REPORT\u0001"

Value = tuple[str, str]  # present, absent or unanswered, and the reason of the last


@dataclass(frozen=True)
class GroupPrompt:
    """The prompt for all findings, formatted once; `head` is the same for all reports."""

    programs: tuple[Program, ...]

    @property
    def findings(self) -> tuple[str, ...]:
        """The ids of the findings, in order."""
        return tuple(p.finding for p in self.programs)

    @cached_property
    def head(self) -> tuple[Message, ...]:
        """The messages before the report."""
        return (("system", render_group(self.programs)),)

    @cached_property
    def around(self) -> tuple[str, str]:
        """What stands before and after the report in the last message."""
        before, after = wrap_report(_SENTINEL, GROUP_QUESTION).split(_SENTINEL)
        return before, after

    def messages(self, report: str) -> tuple[Message, ...]:
        """The messages for one report."""
        return (*self.head, ("user", wrap_report(report, GROUP_QUESTION)))

    @cached_property
    def schema(self) -> dict[str, Any]:
        """The JSON schema of the answer."""
        value = {"type": "string", "enum": ["present", "absent"]}
        return {
            "type": "object",
            "properties": dict.fromkeys(self.findings, value),
            "required": list(self.findings),
            "additionalProperties": False,
        }

    @property
    def tokens(self) -> int:
        """Tokens that an answer may need."""
        return TOKENS_A_FINDING * len(self.programs)

    def digest(self) -> str:
        """SHA-256 of prompt, schema and grouping, as `sha256:<hex>`."""
        text = json.dumps(["report", self.head, self.around, self.schema], ensure_ascii=False)
        return "sha256:" + hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()

    def head_of(self, finding: str) -> tuple[Message, ...]:
        """The head under which a finding asks a client of `grouped_model`."""
        return ((_MARK, finding), *self.head)


@dataclass(frozen=True)
class GroupAnswer:
    """One answer read: a value a finding, and how many keys it had that nobody asked for."""

    values: Mapping[str, Value]
    extra: int = 0


def read_group(text: str | None, findings: Sequence[str], reason: str = "") -> GroupAnswer:
    """The values of an answer's JSON object; what is missing, twice or no answer word is unanswered with its reason."""
    if text is None:
        return GroupAnswer({f: ("unanswered", reason or "the answer was empty") for f in findings})
    keys = {name.casefold(): f for f in findings for name in (f, finding_name(f))}
    try:
        pairs = json.loads(text, object_pairs_hook=_Pairs)
    except (ValueError, RecursionError):
        pairs = None
    if not isinstance(pairs, _Pairs):
        return GroupAnswer({f: ("unanswered", "the answer was no JSON object") for f in findings})
    said: dict[str, list[Any]] = {f: [] for f in findings}
    extra = 0
    for key, value in pairs:
        finding = keys.get(str(key).strip().casefold())
        if finding is None:
            extra += 1
        else:
            said[finding].append(value)
    return GroupAnswer({f: _value(values) for f, values in said.items()}, extra)


class _Pairs(list[tuple[str, Any]]):
    """A JSON object's keys and values as they stand, also a key that stands twice."""


def _value(values: Sequence[Any]) -> Value:
    if not values:
        return "unanswered", "the answer left the finding out"
    if len(values) > 1:
        return "unanswered", "the answer named the finding more than once"
    if not isinstance(values[0], str):
        return "unanswered", "the finding's value was no word"
    try:
        return read_answer(values[0], _WORDS), ""
    except UnreadableAnswerError as fault:
        return "unanswered", str(fault)


def answer_grouped(prompt: GroupPrompt, report: str, answer: Callable[[Sequence[Message]], str]) -> GroupAnswer:
    """A report's values from a model of this process that can answer for all findings at once."""
    return read_group(answer(prompt.messages(report)), prompt.findings)


def grouped_model(model: Model, programs: Iterable[Program]) -> tuple[Model, GroupPrompt]:
    """The model whose client makes one call a report, and the prompt of it.

    Its client is asked for one finding under `GroupPrompt.head_of`; the first finding of a report makes the call, the
    others are served from its answer. Each is given its share of the call's tokens. Raises InputError for a model of
    this process, which needs no calls.
    """
    prompt = GroupPrompt(tuple(programs))
    opened = model.open_client
    if opened is None:
        raise InputError(
            f"--grouping report: {model.name} runs in this process and needs no calls; expected an endpoint."
        )

    @asynccontextmanager
    async def open_client() -> AsyncIterator[Client]:
        async with opened() as client:
            yield GroupClient(client, prompt)

    return replace(model, open_client=open_client), prompt


class GroupClient:
    """Serves single findings from one call a report."""

    def __init__(self, client: Client, prompt: GroupPrompt) -> None:
        self._client, self._prompt = client, prompt
        self._calls: OrderedDict[str, asyncio.Task[tuple[Reply, GroupAnswer]]] = OrderedDict()
        self._served: dict[str, set[str]] = {}
        self.calls = self.extra = 0

    @property
    def room(self) -> int:
        """How many asks may usefully be in flight now."""
        return self._client.room

    async def ask(
        self, head: Sequence[Message], user: str, words: Sequence[str], schema: dict[str, Any] | None = None
    ) -> Reply:
        """The finding's part of the report's answer; a finding that asks a second time has the report asked anew."""
        if head[0][0] != _MARK:
            return await self._client.ask(head, user, words, schema)
        finding = head[0][1]
        if user not in self._calls or finding in self._served[user]:
            self._begin(user)
        self._served[user].add(finding)
        reply, answer = await asyncio.shield(self._calls[user])
        value, reason = answer.values[finding]
        text = None if value == "unanswered" else words[value != "present"] if words else value
        return replace(self._share(reply, finding), text=text, reason=reason, log_odds=None)

    def _begin(self, user: str) -> None:
        self._calls.pop(user, None)
        self._calls[user] = asyncio.create_task(self._call(user))
        self._served[user] = set()
        while len(self._calls) > REMEMBERED:
            old, _ = self._calls.popitem(last=False)
            del self._served[old]

    async def _call(self, user: str) -> tuple[Reply, GroupAnswer]:
        self.calls += 1
        reply = await self._client.ask(self._prompt.head, user, (), self._prompt.schema)
        answer = read_group(reply.text, self._prompt.findings, reply.reason)
        self.extra += answer.extra
        return reply, answer

    def _share(self, reply: Reply, finding: str) -> Reply:
        """The reply with the finding's share of its tokens; the shares of all findings make the whole."""
        at, count = self._prompt.findings.index(finding), len(self._prompt.findings)

        def share(total: int) -> int:
            return total // count + (at < total % count)

        return replace(
            reply,
            tokens_in=share(reply.tokens_in),
            tokens_cached=share(reply.tokens_cached),
            tokens_out=share(reply.tokens_out),
        )
