"""The embedded model: reads the synonym rules and the exemplars of its prompt, and applies them to the report.

It knows no finding by itself: a prompt without rules and exemplars is answered "absent" for every report. No weights,
no network, the same answer every time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from ranscore.models._base import Message, Model, engine_model
from ranscore.models._reading import Reading, read
from ranscore.phrases import Match
from ranscore.prompt import read_rules, read_words, unwrap_report
from ranscore.records import Edit, Report

NAME = "lexical"
LIKE_ENOUGH = 0.75
LEAST_TOKENS = 3


@dataclass(frozen=True, slots=True)
class Evidence:
    """One place of a report that bears on the answer; `status` says whether it counts and why not."""

    start: int
    end: int
    source: str
    status: str


@dataclass(frozen=True)
class Instructions:
    """What the reader takes from a prompt: rules by meaning, exemplars as token sets, the two answer words."""

    states: tuple[tuple[str, ...], ...]
    masks: tuple[tuple[str, ...], ...]
    denials: tuple[tuple[str, ...], ...]
    positive: tuple[tuple[str, frozenset[str]], ...]
    negative: tuple[tuple[str, frozenset[str]], ...]
    words: tuple[str, str]


def read_prompt(head: Sequence[Message]) -> Instructions:
    """What a prompt's head (system message and exemplar turns) tells the reader."""
    system = next((text for role, text in head if role == "system"), "")
    rules = read_rules(system)
    by_means = {m: tuple(r.phrases for r in rules if r.means == m) for m in ("states", "does_not_count", "denies")}
    words = read_words(system)
    turns = [text for role, text in head if role != "system"]
    exemplars = [(unwrap_report(user), reply) for user, reply in zip(turns[::2], turns[1::2], strict=False)]
    examples = [(p, _passage_tokens(p), reply == words[0]) for p, reply in exemplars]
    return Instructions(
        states=by_means["states"],
        masks=by_means["does_not_count"],
        denials=by_means["denies"],
        positive=tuple((p, t) for p, t, yes in examples if yes and len(t) >= LEAST_TOKENS),
        negative=tuple((p, t) for p, t, yes in examples if not yes and len(t) >= LEAST_TOKENS),
        words=words,
    )


def _passage_tokens(passage: str) -> frozenset[str]:
    return frozenset(t for _, tokens in read(passage).tokens for t in tokens)


def find_evidence(told: Instructions, report: str) -> list[Evidence]:
    """Every place of the report that a rule or an exemplar points to, with its status (`asserted` counts)."""
    reading = read(report)
    found = _rule_evidence(told, reading)
    if not (told.positive or told.negative):
        return found
    vetoed, extra = _exemplar_evidence(told, reading)
    kept = [e if e.status != "asserted" or not _inside(e, vetoed) else _with_status(e, "exemplar") for e in found]
    return kept + extra


def _rule_evidence(told: Instructions, reading: Reading) -> list[Evidence]:
    masks = [part for phrases in told.masks for m in reading.find(phrases) for part in m.core()]
    denials = [m for phrases in told.denials for m in reading.find(phrases)]
    found = []
    for phrases in told.states:
        for match in reading.find(phrases):
            if any(a < d and c < b for a, b in match.core() for c, d in masks):
                status = "look-alike"
            else:
                status = reading.status(match)
                if status == "asserted" and denials and _denied(match, denials, reading):
                    status = "denied"
            found.append(Evidence(match.start, match.end, phrases[0], status))
    return found


def _denied(match: Match, denials: list[Match], reading: Reading) -> bool:
    def clause(at: int) -> int:
        return next((i for i, end in enumerate(reading.clauses) if at <= end), -1)

    here = clause(match.start)
    return any(clause(d.start) == here and reading.status(d) == "asserted" for d in denials)


def _exemplar_evidence(told: Instructions, reading: Reading) -> tuple[list[tuple[int, int]], list[Evidence]]:
    vetoed, extra = [], []
    for span, tokens in reading.tokens:
        for_it, passage = _closest(told.positive, tokens)
        against, _ = _closest(told.negative, tokens)
        if against[0] >= LIKE_ENOUGH and against > for_it:
            vetoed.append(span)
        elif for_it[0] >= LIKE_ENOUGH and for_it > against:
            extra.append(Evidence(*span, passage, "asserted"))
    return vetoed, extra


Likeness = tuple[float, int]  # the share of a passage's tokens that a sentence holds, and their number


def _closest(exemplars: tuple[tuple[str, frozenset[str]], ...], tokens: frozenset[str]) -> tuple[Likeness, str]:
    best: Likeness = (0.0, 0)
    source = ""
    for passage, wanted in exemplars:
        held = len(wanted & tokens)
        if (held / len(wanted), held) > best:
            best, source = (held / len(wanted), held), passage
    return best, source


def _inside(evidence: Evidence, spans: list[tuple[int, int]]) -> bool:
    return any(a <= evidence.start and evidence.end <= b for a, b in spans)


def _with_status(evidence: Evidence, status: str) -> Evidence:
    return Evidence(evidence.start, evidence.end, evidence.source, status)


class LexicalReader:
    """Answers prompts; what a prompt's head says is read once."""

    def __init__(self) -> None:
        self._read = lru_cache(maxsize=512)(read_prompt)

    def answer(self, messages: Sequence[Message]) -> str:
        """The answer word for the last message's report."""
        told = self._read(tuple(messages[:-1]))
        yes, no = told.words
        found = find_evidence(told, unwrap_report(messages[-1][1]))
        return yes if any(e.status == "asserted" for e in found) else no


def bears_on(edit: Edit, report: Report) -> bool:
    """True where the edit's phrases, or a passage like its exemplar's, stand in the report."""
    reading = read(report.text)
    if edit.rule:
        return bool(reading.find(edit.rule.phrases))
    if edit.exemplar is None:
        return False
    wanted = _passage_tokens(edit.exemplar.passage)
    if len(wanted) < LEAST_TOKENS:
        return False
    return any(len(wanted & tokens) / len(wanted) >= LIKE_ENOUGH for _, tokens in reading.tokens)


def open_model(name: str, **settings: Any) -> Model:
    """The embedded lexical reader as a model."""
    return engine_model(name, LexicalReader().answer, settings, bears_on)
