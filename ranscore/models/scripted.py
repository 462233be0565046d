"""A model whose answers are given: a list in turn, a mapping by report text, or a function; for tests."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ranscore.models._base import Answerer, Message, Model, engine_model
from ranscore.prompt import unwrap_report

NAME = "scripted"


def open_model(
    name: str = NAME,
    answers: Sequence[str] | Mapping[str, str] | Callable[[Sequence[Message]], str] = (),
    **settings: Any,
) -> Model:
    """A model that answers from `answers`; when a list or a mapping has no answer, the answer is empty."""
    return engine_model(name, _answerer(answers), settings)


def _answerer(answers: Sequence[str] | Mapping[str, str] | Callable[[Sequence[Message]], str]) -> Answerer:
    if callable(answers):
        return answers
    if isinstance(answers, Mapping):
        by_text = dict(answers)
        return lambda messages: by_text.get(unwrap_report(messages[-1][1]), "")
    rest = iter(answers)
    return lambda messages: next(rest, "")
