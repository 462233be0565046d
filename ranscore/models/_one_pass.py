"""The evidence of all findings' prompts from one pass over a report: the same as `find_evidence` gives for each.

A report is read sentence by sentence. What a sentence says is worked out once, from its text alone and from whether the
next one takes it back (`it has resolved`), and is remembered for as many sentences as fit. The rare reports in which
more than that crosses a sentence's end are read whole, finding by finding.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

from ranscore.models._evidence import ASSERTED, Evidence, Instructions, find_evidence, judge, with_exemplars
from ranscore.models._exemplar_index import ExemplarIndex
from ranscore.models._reading import Reach, Reading, opens_with_pronoun, read, read_text
from ranscore.models._word_index import WordIndex
from ranscore.phrases import Match

MOST_SENTENCES = 1 << 16
LAST = 1 << 60  # what exemplars find stands after what rules find
# `but one on the right` in a sentence of its own states again what the one before denies.
_ONE_AHEAD = re.compile(r"\n\W*but [^\n]*\bones?\b")
# A comma or conjunction is read with four characters on each side, in which Chinese may stand.
_AT_START = re.compile(r".{0,3}?(?:,|and|with|as well as)")
_AT_END = re.compile(r"(?:,..?|,|and)\Z")
_CJK = re.compile(r"[\u3400-\u9fff]")


@dataclass(frozen=True)
class Sentence(Reading):
    """One sentence as a reading; `taken_back` is the length of the next sentence's cue that negates all of it, or 0."""

    taken_back: int = 0

    @cached_property
    def reaches(self) -> tuple[Reach, ...]:
        """Its cues with their reach, and the next sentence's cue in its place among them: the longest come first."""
        found = self.own_reaches
        if not self.taken_back:
            return tuple(found)
        end = len(self.text)
        cue = (end + 1, end + 1 + self.taken_back)
        place = sum(r.cue[1] - r.cue[0] >= self.taken_back for r in found)
        return (*found[:place], Reach("negation", cue, 0, end), *found[place:])

    @cached_property
    def takes_back(self) -> int:
        """The length of its longest cue that reaches the sentence before, or 0."""
        if not opens_with_pronoun(self.text):
            return 0
        return max((r.cue[1] - r.cue[0] for r in self.own_reaches if self.points_back(r, 0)), default=0)


@dataclass(frozen=True, slots=True)
class Use:
    """Where a phrase stands in the prompts: the finding's number, what it means there, its rank, its rule's name."""

    finding: int
    means: str
    rank: int
    source: str


@dataclass(frozen=True, slots=True)
class Found:
    """One piece of evidence of a finding in a sentence; `rank` orders it among the finding's evidence."""

    finding: int
    rank: int
    evidence: Evidence


class OnePass:
    """Reads reports for the instructions of several findings at once."""

    def __init__(self, told: Sequence[Instructions]) -> None:
        self.told = tuple(told)
        uses: dict[str, list[Use]] = {}
        for number, one in enumerate(self.told):
            for phrase, use in _uses(number, one):
                uses.setdefault(phrase, []).append(use)
        self._uses = tuple(tuple(u) for u in uses.values())
        self._index = WordIndex(tuple(uses))
        self._exemplars = ExemplarIndex(self.told)
        self._sentence = lru_cache(maxsize=MOST_SENTENCES)(self._say)
        self._words = lru_cache(maxsize=4096)(self._spell)

    def answer(self, report: str) -> list[str]:
        """The answer word of each finding for a report."""
        return list(self._words(self.mask(report)))

    def mask(self, report: str) -> int:
        """The findings that the report asserts, a bit each."""
        lines = self._lines(report)
        if lines is None:
            told = enumerate(self.told)
            return sum(1 << n for n, one in told if any(e.status == ASSERTED for e in find_evidence(one, report)))
        mask, taken_back = 0, 0
        for line in reversed(lines):
            asserted, takes_back = self._sentence(line, taken_back)
            mask |= asserted
            taken_back = takes_back
        return mask

    def evidence(self, report: str) -> list[list[Evidence]]:
        """The evidence of each finding in the order of `find_evidence`, and equal to it."""
        if self.reads_whole(report):
            return [find_evidence(one, report) for one in self.told]
        gathered: list[list[tuple[int, int, Evidence]]] = [[] for _ in self.told]
        whole, taken_back = read(report), 0
        for at, end in reversed(whole.sentences):
            sentence = Sentence(whole.text[at:end], taken_back=taken_back)
            for one in self._read(sentence):
                e = one.evidence
                gathered[one.finding].append((one.rank, at, replace(e, start=e.start + at, end=e.end + at)))
            taken_back = sentence.takes_back
        return [[e for *_, e in sorted(each, key=lambda x: x[:2])] for each in gathered]

    def reads_whole(self, report: str) -> bool:
        """True for a report of which a sentence cannot be read alone."""
        return self._lines(report) is None

    def sentences_read(self) -> tuple[int, int]:
        """How many sentences were remembered when they came up, and how many had to be worked out."""
        told = self._sentence.cache_info()
        return told.hits, told.misses

    def forget(self) -> None:
        """Remembers no sentence."""
        self._sentence.cache_clear()

    def _lines(self, report: str) -> list[str] | None:
        """The sentences that are read; None where one of them cannot be read alone."""
        text = read_text(report)
        if "but" in text and _ONE_AHEAD.search(text):
            return None
        lines = [line for line in text.split("\n") if line and not line.isspace()]
        if not text.isascii() and _CJK.search(text) and any(_looks_over_edge(line) for line in lines):
            return None
        return lines

    def _say(self, line: str, taken_back: int) -> tuple[int, int]:
        """The findings that a sentence asserts, and the length of its cue that takes back the one before."""
        sentence = Sentence(line, taken_back=taken_back)
        mask = 0
        for one in self._read(sentence):
            if one.evidence.status == ASSERTED:
                mask |= 1 << one.finding
        return mask, sentence.takes_back

    def _read(self, sentence: Sentence) -> Iterator[Found]:
        """All evidence in a sentence: by finding, the rules' in the order of phrases and places."""
        stated, others = self._matches(sentence.text)
        like = self._exemplars.like(sentence)
        for finding in stated.keys() | like:
            told = self.told[finding]
            here = stated.get(finding, [])
            other = others.get(finding, [])
            masks = [part for means, m in other if means == "masks" for part in m.core()]
            denials = [m for means, m in other if means == "denials"]
            found = judge([(use.source, m) for use, m in here], masks, denials, sentence)
            if finding in like:
                found = with_exemplars(told, sentence, found)
            for i, evidence in enumerate(found):
                yield Found(finding, here[i][0].rank if i < len(here) else LAST, evidence)

    def _matches(self, text: str) -> tuple[dict[int, list[tuple[Use, Match]]], dict[int, list[tuple[str, Match]]]]:
        """What is stated, by finding and in order; and for these findings the matches that take it back."""
        stated: dict[int, list[tuple[Use, Match]]] = {}
        others: dict[int, list[tuple[str, Match]]] = {}
        matchers = self._index.matchers
        for number in self._index.candidates(text):
            for match in matchers[number](text):
                for use in self._uses[number]:
                    if use.means == "states":
                        stated.setdefault(use.finding, []).append((use, match))
                    else:
                        others.setdefault(use.finding, []).append((use.means, match))
        for each in stated.values():
            each.sort(key=lambda x: x[0].rank)
        return stated, others

    def _spell(self, mask: int) -> tuple[str, ...]:
        return tuple(one.words[0] if mask >> n & 1 else one.words[1] for n, one in enumerate(self.told))


def _uses(number: int, told: Instructions) -> Iterator[tuple[str, Use]]:
    for means, groups in (("states", told.states), ("masks", told.masks), ("denials", told.denials)):
        rank = 0
        for group in groups:
            for phrase in group:
                rank += 1
                yield phrase, Use(number, means, rank, group[0])


def _looks_over_edge(line: str) -> bool:
    """True where a rule for Chinese could look at characters of the sentence before or after."""
    over_start = _AT_START.match(line) and not _CJK.search(line[:4])
    return bool(over_start or (_AT_END.search(line[-3:]) and not _CJK.search(line[-4:])))
