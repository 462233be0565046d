"""What a server can be asked for beside an answer; found out by asking it something small, once, and remembered.

A server that does not know an option may refuse it or pass over it, so an answer is asked for that no model would give
of its own accord: only a server that keeps to the form gives it.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from ranscore.models._base import Reply
from ranscore.models._faults import Fault
from ranscore.models._wire import Question

Form = Literal["structured_outputs", "guided_choice", "grammar", "json_schema"]
Mode = Literal["words", "schema", "free"]
ASKED_AT_MOST = 3
_PROBE_WORDS = ("quagga", "zyzzyva")
_PROBE_SCHEMA = {
    "type": "object",
    "properties": {"quagga": {"type": "string", "enum": ["zyzzyva"]}},
    "required": ["quagga"],
    "additionalProperties": False,
}


@dataclass(frozen=True)
class Wishes:
    """What a client would ask a server for: constrained answers, in this order of preference, and more.

    `side` are further options by name: `thinking` (that it be off) and `logprobs`.
    """

    words: tuple[Form, ...] = ()
    schema: tuple[Form, ...] = ("json_schema",)
    side: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


class Shape(NamedTuple):
    """What goes with a question: a form of constraint or none, and side options by name."""

    form: Form | None = None
    side: tuple[str, ...] = ()


BARE = Shape()
Attempt = Callable[[Question, Shape], Awaitable[Reply | Fault]]


def options_of(shape: Shape, question: Question, wishes: Wishes) -> dict[str, Any]:
    """The fields of a request that ask for a shape."""
    options: dict[str, Any] = {}
    for name in shape.side:
        if name != "logprobs" or question.words:
            options |= wishes.side[name]
    if shape.form is None:
        return options
    if question.schema is not None:
        return options | _schema_option(shape.form, question.schema)
    return options | _words_option(shape.form, question.words) if question.words else options


def _words_option(form: Form, words: tuple[str, ...]) -> dict[str, Any]:
    if form == "structured_outputs":
        return {"structured_outputs": {"choice": list(words)}}
    if form == "guided_choice":
        return {"guided_choice": list(words)}
    if form == "grammar":
        return {"grammar": "root ::= " + " | ".join(json.dumps(w, ensure_ascii=False) for w in words)}
    answer = {"type": "string", "enum": list(words)}
    schema = {"type": "object", "properties": {"answer": answer}, "required": ["answer"], "additionalProperties": False}
    return _schema_option(form, schema)


def _schema_option(form: Form, schema: Mapping[str, Any]) -> dict[str, Any]:
    if form == "structured_outputs":
        return {"structured_outputs": {"json": schema}}
    named = {"name": "answer", "strict": True, "schema": schema}
    return {"response_format": {"type": "json_schema", "json_schema": named}}


def mode_of(question: Question) -> Mode:
    """Which kind of constraint a question has."""
    return (
        "words" if question.schema is None and question.words else "schema" if question.schema is not None else "free"
    )


@dataclass
class Abilities:
    """What one server has turned out to offer."""

    wishes: Wishes
    side: tuple[str, ...] | None = None
    forms: dict[Mode, Form | None] = field(init=False)
    refusals: int = 0
    asked: int = 0
    _shapes: dict[Mode, Shape] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.wishes.side:
            self.side = ()
        self.forms = {"free": None}
        if not self.wishes.words:
            self.forms["words"] = None
        if not self.wishes.schema:
            self.forms["schema"] = None
        self._remember()

    def shape(self, question: Question) -> Shape | None:
        """What may go with a question; None while that has to be found out."""
        return self._shapes.get(mode_of(question))

    def _remember(self) -> None:
        if self.side is not None:
            self._shapes = {mode: Shape(form, self.side) for mode, form in self.forms.items()}

    async def learn(self, mode: Mode, attempt: Attempt) -> None:
        """Finds out what is left to find out; what a busy or broken server did not tell is asked again later."""
        self.asked += 1
        if self.side is None:
            self.side = await self._learn_side(attempt)
        if mode not in self.forms and self.side is not None:
            form = await self._learn_form(mode, attempt)
            if form != "unknown":
                self.forms[mode] = form
        if self.asked >= ASKED_AT_MOST:
            self.side = self.side or ()
            self.forms.setdefault(mode, None)
        self._remember()

    async def _learn_side(self, attempt: Attempt) -> tuple[str, ...] | None:
        names = tuple(self.wishes.side)
        for trial in dict.fromkeys([names, *((n,) for n in names), ()]):
            outcome = await attempt(_probe("words"), Shape(None, trial)) if trial else None
            if isinstance(outcome, Fault) and outcome.kind != "refused":
                return None
            if not isinstance(outcome, Fault):
                return trial
        return ()

    async def _learn_form(self, mode: Mode, attempt: Attempt) -> Form | Literal["unknown"] | None:
        for form in self.wishes.words if mode == "words" else self.wishes.schema:
            outcome = await attempt(_probe(mode), Shape(form, self.side or ()))
            if isinstance(outcome, Reply):
                if _keeps_to(mode, outcome.text):
                    return form
            elif outcome.kind != "refused":
                return "unknown"
        return None

    def note(self, shape: Shape, refused: bool) -> None:
        """What a server refused with a shape, and answered without: after three such in a row it gets none any more."""
        if shape == BARE:
            return
        self.refusals = self.refusals + 1 if refused else 0
        if self.refusals >= ASKED_AT_MOST:
            self.side, self.forms = (), {"words": None, "schema": None, "free": None}
            self._remember()


def _probe(mode: Mode) -> Question:
    if mode == "schema":
        return Question((), "Say hello, as a JSON object.", (), _PROBE_SCHEMA)
    return Question((), "Say hello.", _PROBE_WORDS)


def _keeps_to(mode: Mode, text: str | None) -> bool:
    if mode == "words":
        return (text or "").strip() in _PROBE_WORDS
    try:
        return bool(json.loads(text or "") == {"quagga": "zyzzyva"})
    except ValueError:
        return False
