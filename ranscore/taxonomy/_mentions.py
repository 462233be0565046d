"""Cuts a report into chunks: runs of content words, or of Chinese characters, that may hold a finding term."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from ranscore.deidentification import find_spans
from ranscore.models._reading import Reading, read
from ranscore.phrases import Match, normalize
from ranscore.records import Report
from ranscore.taxonomy._words import CJK, Words, is_place, predicates, singular, words

_VERB = re.compile(r"\b(?:is|are|was|were|has|have|shows?|remains?|appears?|measures?|lies?|extends?)\b")
_IS = re.compile(r"\b(?:is|are|was|were|remains?|appears?)\b")
_PREDICATE = re.compile(r" *(?:[^\w ]|$|(?:in|of|for|and|or|but|with|without|as|to|on|at|by|again|[a-z]+ly)\b)")
_OF = re.compile(r"\s+of\s+(?:the\s+|an?\s+|both\s+)?")

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Token:
    """A content word, or one Chinese character, of a report in normal form; `of` is true behind an `of`."""

    start: int
    end: int
    text: str
    of: bool = False


@dataclass(frozen=True, slots=True)
class Chunk:
    """Tokens in a row less their modifiers; `report` is the report's number, `unit` the patient's or its own.

    `status` is `asserted`, or the kind of cue that takes it back; `cued` is false where nothing says that it is there
    or not; `sentence` is the sentence's span in the report.
    """

    report: int
    unit: int
    tokens: tuple[Token, ...]
    status: str
    cued: bool
    sentence: Span

    @property
    def chinese(self) -> bool:
        """True for characters, false for words."""
        return any(CJK.match(t.text) for t in self.tokens)


def cut(report: Report, number: int, unit: int, named: Sequence[str] | None = None) -> Iterator[Chunk]:
    """The chunks of a report, in sections that are read, apart from what identifies somebody.

    With the terms that a model `named`, what of the chunks these wordings hold, each a chunk of its own.
    """
    reading, told = read(report.text), words()
    normal = predicates(told.normal, reading.text)
    states = predicates(told.states, reading.text)
    closed = [(m.start, m.end) for m in (*normal, *states)] + [r.cue for r in reading.reaches]
    if report.terms.access != "open":
        closed += [(s.start, s.end) for s in find_spans(report.text)]
    wanted = None if named is None else _standing(named, reading.text)
    fine = [_praised(reading, m) for m in normal]
    for sentence in reading.sentences:
        inside = sorted(s for s in closed if s[0] < sentence[1] and sentence[0] < s[1])
        bare = not _VERB.search(reading.text, *sentence)
        said = (
            bare
            or bool(_IS.search(reading.text, *sentence))
            or any(sentence[0] <= m.start < sentence[1] for m in states)
        )
        runs = _runs(reading.text, sentence, inside, told)
        for tokens in runs if wanted is None else _within(runs, wanted):
            status = _status(reading, tokens, fine)
            yield Chunk(number, unit, tokens, status, said or status != "asserted", sentence)


def _praised(reading: Reading, match: Match) -> Span:
    """The stretch that is called normal: what stands before `is normal`, but only what follows in `clear apices`."""
    low, high = reading.statement(match)
    chinese = CJK.match(reading.text, match.start)
    return (low if chinese or _PREDICATE.match(reading.text, match.end) else match.start, high)


def _standing(named: Sequence[str], text: str) -> list[Span]:
    """Where a model's wordings stand in a text in normal form, the longest of those that overlap."""
    spans: list[Span] = []
    for term in sorted({normalize(t).strip() for t in named} - {""}, key=lambda t: (-len(t), t)):
        pattern = r"\s+".join(map(re.escape, term.split()))
        for m in re.finditer(rf"(?<![a-z0-9]){pattern}(?![a-z0-9])", text):
            if not any(a < m.end() and m.start() < b for a, b in spans):
                spans.append(m.span())
    return sorted(spans)


def _within(runs: Iterable[tuple[Token, ...]], wanted: Sequence[Span]) -> Iterator[tuple[Token, ...]]:
    for tokens in runs:
        for low, high in wanted:
            inside = tuple(t for t in tokens if low <= t.start and t.end <= high)
            if inside:
                yield inside


def _status(reading: Reading, tokens: Sequence[Token], fine: Sequence[Span]) -> str:
    low, high = tokens[0].start, tokens[-1].end
    status = reading.status(Match(low, high))
    if status == "asserted" and any(a <= low and high <= b for a, b in fine):
        return "negation"
    return status


def _runs(text: str, sentence: Span, closed: Sequence[Span], told: Words) -> Iterator[tuple[Token, ...]]:
    """The runs of tokens of a sentence that no break, no cue and no predicate cuts."""
    run: list[Token] = []
    of, at = False, sentence[0]
    while m := told.parts.search(text, at, sentence[1]):
        at = m.end()
        kind = m.lastgroup
        shut = next((b for a, b in closed if a < m.end() and m.start() < b), 0)
        if shut:
            at, kind = max(at, shut), "end"
        link = _OF.match(text, at) if run or kind in ("word", "kept") else None
        if kind in ("modifier", "adverb"):
            continue
        if kind == "word" and m[0] in told.joins and run and all(is_place(t.text) for t in run):
            continue
        if kind == "word" and m[0] in ("of", *told.joins):
            kind = "break"
        if kind in ("word", "character", "kept"):
            run += _tokens(m, of)
            of = bool(link)
            at = link.end() if link else at
        elif run:
            yield tuple(run)
            run, of = [], False
    if run:
        yield tuple(run)


def _tokens(m: re.Match[str], of: bool) -> list[Token]:
    """The tokens of a match: a Chinese wording that is kept whole gives one a character."""
    if CJK.search(m[0]):
        return [Token(m.start() + i, m.start() + i + 1, c) for i, c in enumerate(m[0]) if c.strip()]
    found = re.finditer(r"\S+", m[0])
    return [
        Token(m.start() + w.start(), m.start() + w.end(), singular(w[0]), of and i == 0) for i, w in enumerate(found)
    ]


def all_places(tokens: Sequence[Token]) -> bool:
    """True where tokens do no more than name places."""
    if any(CJK.match(t.text) for t in tokens):
        return not words().places.sub("", "".join(t.text for t in tokens))
    return all(is_place(t.text) for t in tokens)


def meant(tokens: Sequence[Token]) -> tuple[Token, ...]:
    """The tokens that say more than a place, or all of them."""
    if any(CJK.match(t.text) for t in tokens):
        text = "".join(t.text[0] for t in tokens)  # one character a token, so that places can be told by their number
        inside = {i for m in words().places.finditer(text) for i in range(*m.span())}
        return tuple(t for i, t in enumerate(tokens) if i not in inside) or tuple(tokens)
    return tuple(t for t in tokens if not is_place(t.text)) or tuple(tokens)
