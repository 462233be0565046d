"""What a prompt tells the lexical reader, and the evidence that this is in a reading of a report."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from ranscore.models._base import Message
from ranscore.models._reading import Reading, read
from ranscore.phrases import Match
from ranscore.prompt import read_rules, read_words, unwrap_report

LIKE_ENOUGH = 0.75
LEAST_TOKENS = 3
ASSERTED = "asserted"

Span = tuple[int, int]


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
    examples = [(p, passage_tokens(p), reply == words[0]) for p, reply in exemplars]
    return Instructions(
        states=by_means["states"],
        masks=by_means["does_not_count"],
        denials=by_means["denies"],
        positive=tuple((p, t) for p, t, yes in examples if yes and len(t) >= LEAST_TOKENS),
        negative=tuple((p, t) for p, t, yes in examples if not yes and len(t) >= LEAST_TOKENS),
        words=words,
    )


def passage_tokens(passage: str) -> frozenset[str]:
    """The content tokens of all sentences of a passage."""
    return frozenset(t for _, tokens in read(passage).tokens for t in tokens)


def find_evidence(told: Instructions, report: str) -> list[Evidence]:
    """Every place of the report that a rule or an exemplar points to, with its status (`asserted` counts)."""
    reading = read(report)
    masks = [part for phrases in told.masks for m in reading.find(phrases) for part in m.core()]
    denials = [m for phrases in told.denials for m in reading.find(phrases)]
    stated = ((phrases[0], m) for phrases in told.states for m in reading.find(phrases))
    return with_exemplars(told, reading, judge(stated, masks, denials, reading))


def judge(
    stated: Iterable[tuple[str, Match]], masks: Sequence[Span], denials: Sequence[Match], reading: Reading
) -> list[Evidence]:
    """Each match of a wording that states the finding, by its rule's first phrase, with its status."""
    found = []
    for source, match in stated:
        if any(a < d and c < b for a, b in match.core() for c, d in masks):
            status = "look-alike"
        else:
            status = reading.status(match)
            if status == ASSERTED and denials and _denied(match, denials, reading):
                status = "denied"
        found.append(Evidence(match.start, match.end, source, status))
    return found


def _denied(match: Match, denials: Sequence[Match], reading: Reading) -> bool:
    def clause(at: int) -> int:
        return next((i for i, end in enumerate(reading.clauses) if at <= end), -1)

    here = clause(match.start)
    return any(clause(d.start) == here and reading.status(d) == ASSERTED for d in denials)


def with_exemplars(told: Instructions, reading: Reading, found: list[Evidence]) -> list[Evidence]:
    """The evidence of the rules, less what a sentence like a negative exemplar holds, and that of the positive ones."""
    if not (told.positive or told.negative):
        return found
    vetoed, extra = _exemplar_evidence(told, reading)
    kept = [e if e.status != ASSERTED or not _inside(e, vetoed) else replace(e, status="exemplar") for e in found]
    return kept + extra


def _exemplar_evidence(told: Instructions, reading: Reading) -> tuple[list[Span], list[Evidence]]:
    vetoed, extra = [], []
    for span, tokens in reading.tokens:
        for_it, passage = _closest(told.positive, tokens)
        against, _ = _closest(told.negative, tokens)
        if against[0] >= LIKE_ENOUGH and against > for_it:
            vetoed.append(span)
        elif for_it[0] >= LIKE_ENOUGH and for_it > against:
            extra.append(Evidence(*span, passage, ASSERTED))
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


def _inside(evidence: Evidence, spans: list[Span]) -> bool:
    return any(a <= evidence.start and evidence.end <= b for a, b in spans)
