"""What of a finding's wordings stands in a report: phrases with their status, words that meet in one sentence, words.

Much wider than what the finding means on purpose: a gate asks whether a report could state the finding at all.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from ranscore.models._reading import Reading, read
from ranscore.phrases import compile_phrase, required_words

LIKE_ENOUGH = 0.75
LEAST_TOKENS = 3
REMEMBERED = 20_000  # sentences, sets of words and tokens, each with what was found in them
_NONE, NAMED, UNDENIED, STATED = range(4)  # how a phrase stands: not at all, denied, not denied, asserted
LEAST_INSIDE = 5  # letters of a word that counts inside another one, as `nodul` in `fibronodular`
_TOKEN = re.compile(r"[a-z0-9]+|[^\sa-z0-9]")
_CJK = re.compile(r"[\u3400-\u9fff\uf900-\ufaff]")
_MINOR = frozenset(
    re.findall(
        r"\w+",
        "a an the of in on at to and or with is are was were be been being has have had this that these those it its "
        "there which as by from for into over under than then also again seen noted no not none without",
    )
)

Group = tuple[tuple[str, ...], ...]  # of each part the words of which one must stand
Place = tuple[int, tuple[str, ...]]  # where in a sentence, and the known words that begin or stand there


@dataclass(frozen=True, slots=True)
class Found:
    """What one report holds of one finding: the best phrase's status, and the loose phrases and words by negation."""

    status: int
    like: bool
    met: frozenset[str]
    met_undenied: frozenset[str]
    words: frozenset[str]
    words_undenied: frozenset[str]


@dataclass(frozen=True, slots=True)
class Sentence:
    """The known words of one sentence, and those of them that no negation reaches."""

    words: frozenset[str]
    undenied: frozenset[str]


def group_of(phrase: str) -> Group:
    """The words of a phrase that count when they meet: articles and the like left out, unless there are no others."""
    needs = required_words(phrase)
    return tuple(n for n in needs if not _MINOR & set(n)) or needs


def tokens_of(passage: str) -> frozenset[str]:
    """The content tokens of a passage, as `Reading.tokens` marks them."""
    return frozenset(t for _, tokens in read(passage).tokens for t in tokens)


@dataclass(frozen=True)
class Wordings:
    """A finding's wordings: phrases, the loose ones among them, single words, and exemplars as token sets."""

    phrases: tuple[str, ...]
    loose: frozenset[str]
    words: frozenset[str]
    passages: tuple[frozenset[str], ...] = ()


class Finder:
    """Finds several findings' wordings in reports; what it found in a sentence it remembers for a while."""

    def __init__(self, wordings: Mapping[str, Wordings]) -> None:
        self.wordings = wordings
        stating = sorted({p for w in wordings.values() for p in w.phrases})
        loose = {p: tuple(map(frozenset, group_of(p))) for w in wordings.values() for p in w.loose}
        self._phrases = {p: (compile_phrase(p), tuple(map(frozenset, required_words(p)))) for p in stating}
        self._stating, self._always = _index({p: needs for p, (_, needs) in self._phrases.items()})
        self._own = {f: frozenset(w.phrases) for f, w in wordings.items()}
        self._loose = {p: group for p, group in loose.items() if group}
        self._meeting, _ = _index(self._loose)
        groups = [*(needs for _, needs in self._phrases.values()), *self._loose.values()]
        known = {w for group in groups for part in group for w in part}
        self._known = frozenset(known.union(*(w.words for w in wordings.values())))
        self._beginnings = frozenset(w[:k] for w in self._known for k in range(1, len(w) + 1))
        self._scan: Callable[[str], tuple[Place, ...]] = lru_cache(REMEMBERED)(self._scan_sentence)
        self._inside: Callable[[str], tuple[str, ...]] = lru_cache(REMEMBERED)(self._find_inside)
        self._like: Callable[[frozenset[str]], frozenset[str]] = lru_cache(REMEMBERED)(self._find_like)
        self._meet: Callable[[frozenset[str]], frozenset[str]] = lru_cache(REMEMBERED)(self._find_meeting)

    def find(self, text: str) -> dict[str, Found]:
        """What the report holds of each finding."""
        reading = read(text)
        sentences = self._sentences(reading)
        words = frozenset().union(*(s.words for s in sentences))
        undenied = frozenset().union(*(s.undenied for s in sentences))
        status = self._statuses(reading, words)
        like = frozenset().union(*(self._like(frozenset(tokens)) for _, tokens in reading.tokens))
        met = frozenset().union(*(self._meet(s.words) for s in sentences))
        met_undenied = frozenset().union(*(self._meet(s.undenied) for s in sentences))
        return {
            finding: Found(
                max((status[p] for p in status.keys() & self._own[finding]), default=_NONE),
                finding in like,
                met & own.loose,
                met_undenied & own.loose,
                words & own.words,
                undenied & own.words,
            )
            for finding, own in self.wordings.items()
        }

    def _statuses(self, reading: Reading, words: frozenset[str]) -> dict[str, int]:
        found = {}
        for text in {p for w in words for p in self._stating.get(w, ())}.union(self._always):
            phrase, needs = self._phrases[text]
            if any(part.isdisjoint(words) for part in needs):
                continue
            kinds = {reading.status(m) for m in phrase.find(reading.text)}
            if kinds:
                found[text] = STATED if "asserted" in kinds else UNDENIED if kinds != {"negation"} else NAMED
        return found

    def _sentences(self, reading: Reading) -> list[Sentence]:
        denied = [(r.start, r.end) for r in reading.reaches if r.kind == "negation"]
        return [self._sentence(reading.text[low:high], low, denied) for low, high in reading.sentences]

    def _sentence(self, sentence: str, low: int, denied: Sequence[tuple[int, int]]) -> Sentence:
        places = self._scan(sentence)
        undenied = (words for at, words in places if not any(a <= low + at < b for a, b in denied))
        return Sentence(frozenset(w for _, words in places for w in words), frozenset(w for ws in undenied for w in ws))

    def _scan_sentence(self, sentence: str) -> tuple[Place, ...]:
        tokens = _TOKEN.finditer(sentence)
        places = ((m.start(), (*self._words_at(sentence, m.start()), *self._inside(m.group()))) for m in tokens)
        return tuple(place for place in places if place[1])

    def _words_at(self, sentence: str, at: int) -> list[str]:
        rest = sentence[at : at + 60]
        if _CJK.match(rest):
            rest = rest.replace(" ", "")
        found = []
        for k in range(1, len(rest) + 1):
            if rest[:k] not in self._beginnings:
                break
            if rest[:k] in self._known:
                found.append(rest[:k])
        return found

    def _find_inside(self, token: str) -> tuple[str, ...]:
        """The longer known words that stand in a token, not at its beginning."""
        parts = (token[i:j] for i in range(1, len(token)) for j in range(i + LEAST_INSIDE, len(token) + 1))
        return tuple(self._known.intersection(parts))

    def _find_meeting(self, words: frozenset[str]) -> frozenset[str]:
        """The loose phrases of which every part has a word among these."""
        near = {p for w in words for p in self._meeting.get(w, ())}
        return frozenset(p for p in near if not any(part.isdisjoint(words) for part in self._loose[p]))

    def _find_like(self, tokens: frozenset[str]) -> frozenset[str]:
        """The findings of which a passage has most of its tokens among these."""
        return frozenset(
            f
            for f, own in self.wordings.items()
            if any(len(passage & tokens) >= LIKE_ENOUGH * len(passage) for passage in own.passages)
        )


def _index(groups: Mapping[str, tuple[frozenset[str], ...]]) -> tuple[dict[str, list[str]], tuple[str, ...]]:
    """Phrases by the words of that part which the fewest phrases share, and the phrases without any word."""
    shared = Counter(word for group in groups.values() for word in frozenset().union(*group))
    index: dict[str, list[str]] = defaultdict(list)
    for phrase, group in groups.items():
        for word in min(group, key=lambda part: sum(shared[w] for w in part), default=()):
            index[word].append(phrase)
    return index, tuple(p for p, group in groups.items() if not group)
