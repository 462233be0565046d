"""The embedded model: reads the synonym rules and the exemplars of its prompt, and applies them to the report.

It knows no finding by itself: a prompt without rules and exemplars is answered "absent" for every report. No weights,
no network, the same answer every time.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

from ranscore.models._base import Message, Model, engine_model
from ranscore.models._evidence import (
    ASSERTED,
    LEAST_TOKENS,
    LIKE_ENOUGH,
    Evidence,
    Instructions,
    find_evidence,
    passage_tokens,
    read_prompt,
)
from ranscore.models._one_pass import OnePass
from ranscore.models._reading import read
from ranscore.prompt import asks_for_all, neutralize, split_group, unwrap_report
from ranscore.records import Edit, Report

__all__ = ["Evidence", "Instructions", "LexicalReader", "bears_on", "find_evidence", "open_model", "read_prompt"]

NAME = "lexical"


class LexicalReader:
    """Answers prompts; what a prompt's head says is read once, and what the heads of all findings say together too."""

    def __init__(self) -> None:
        self._read = lru_cache(maxsize=512)(read_prompt)
        self._split = lru_cache(maxsize=8)(split_group)
        self._heads: Sequence[Sequence[Message]] = ()
        self._pass: OnePass | None = None

    def answer(self, messages: Sequence[Message]) -> str:
        """The answer word for the last message's report; a JSON object where all findings are asked for at once."""
        if asks_for_all(messages[0][1]):
            heads = self._split(messages[0][1])
            words = self.answer_all(tuple(heads.values()), unwrap_report(messages[-1][1]))
            return json.dumps(dict(zip(heads, words, strict=True)))
        told = self._read(tuple(messages[:-1]))
        yes, no = told.words
        found = find_evidence(told, unwrap_report(messages[-1][1]))
        return yes if any(e.status == ASSERTED for e in found) else no

    def answer_all(self, heads: Sequence[Sequence[Message]], text: str) -> list[str]:
        """One answer word a head for a report's text: those of `answer`, from one pass over the report.

        Give the same tuple of tuples each time: then the heads are compared by identity.
        """
        return self.one_pass(heads).answer(neutralize(text))

    def one_pass(self, heads: Sequence[Sequence[Message]]) -> OnePass:
        """The reader of these heads; the last one made is kept."""
        if self._pass is None or (heads is not self._heads and tuple(map(tuple, heads)) != self._heads):
            self._pass = None  # never two of them in memory
            self._pass = OnePass([self._read(tuple(head)) for head in heads])
            self._heads = tuple(map(tuple, heads))
        return self._pass


def bears_on(edit: Edit, report: Report) -> bool:
    """True where the edit's phrases, or a passage like its exemplar's, stand in the report."""
    reading = read(report.text)
    if edit.rule:
        return bool(reading.find(edit.rule.phrases))
    if edit.exemplar is None:
        return False
    wanted = passage_tokens(edit.exemplar.passage)
    if len(wanted) < LEAST_TOKENS:
        return False
    return any(len(wanted & tokens) / len(wanted) >= LIKE_ENOUGH for _, tokens in reading.tokens)


def open_model(name: str, **settings: Any) -> Model:
    """The embedded lexical reader as a model."""
    reader = LexicalReader()
    return replace(engine_model(name, reader.answer, settings, bears_on), answer_all=reader.answer_all)
