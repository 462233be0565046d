"""What of a finding's wordings stands in a report: phrases with their status, words that meet in one sentence, words.

Much wider than what the finding means on purpose: a gate asks whether a report could state the finding at all.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ranscore.models._reading import Reading, read
from ranscore.phrases import Phrase, compile_phrase, required_words

LIKE_ENOUGH = 0.75
LEAST_TOKENS = 3
MOST_TOKENS = 100_000  # kept with the words inside them
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


@dataclass
class Finder:
    """Finds several findings' wordings in reports; the words of all of them are looked for once."""

    wordings: Mapping[str, Wordings]
    _beginnings: frozenset[str] = field(init=False, repr=False)
    _known: frozenset[str] = field(init=False, repr=False)
    _phrases: dict[str, tuple[Phrase, tuple[frozenset[str], ...]]] = field(init=False, repr=False)
    _groups: dict[str, tuple[frozenset[str], ...]] = field(init=False, repr=False)
    _by_word: dict[str, tuple[str, ...]] = field(init=False, repr=False)
    _always: tuple[str, ...] = field(init=False, repr=False)
    _insides: dict[str, tuple[str, ...]] = field(init=False, repr=False, default_factory=dict)

    def __post_init__(self) -> None:
        texts = sorted({p for w in self.wordings.values() for p in (*w.phrases, *w.loose)})
        needs = {p: tuple(map(frozenset, required_words(p))) for p in texts}
        self._phrases = {p: (compile_phrase(p), needs[p]) for p in texts}
        self._groups = {p: tuple(map(frozenset, group_of(p))) for p in texts}
        words = {w for n in needs.values() for part in n for w in part}
        self._known = frozenset(words.union(*(w.words for w in self.wordings.values())))
        self._beginnings = frozenset(w[:k] for w in self._known for k in range(1, len(w) + 1))
        index, self._always = _index(self._groups)
        self._by_word = {w: tuple(p) for w, p in index.items()}

    def find(self, text: str) -> dict[str, Found]:
        """What the report holds of each finding."""
        reading = read(text)
        sentences = self._sentences(reading)
        words = frozenset().union(*(s.words for s in sentences))
        undenied = frozenset().union(*(s.undenied for s in sentences))
        candidates = {p for w in words for p in self._by_word.get(w, ())} | set(self._always)
        status = self._statuses(reading, candidates, words)
        met = {p for p in candidates if any(_meet(self._groups[p], s.words) for s in sentences)}
        met_undenied = {p for p in met if any(_meet(self._groups[p], s.undenied) for s in sentences)}
        return {
            finding: Found(
                max((status.get(p, _NONE) for p in own.phrases if p in candidates), default=_NONE),
                _is_like(own.passages, reading),
                frozenset(met & own.loose),
                frozenset(met_undenied & own.loose),
                words & own.words,
                undenied & own.words,
            )
            for finding, own in self.wordings.items()
        }

    def _statuses(self, reading: Reading, candidates: Iterable[str], words: frozenset[str]) -> dict[str, int]:
        found = {}
        for text in candidates:
            phrase, needs = self._phrases[text]
            if not all(n & words for n in needs):
                continue
            kinds = {reading.status(m) for m in phrase.find(reading.text)}
            if kinds:
                found[text] = STATED if "asserted" in kinds else UNDENIED if kinds != {"negation"} else NAMED
        return found

    def _sentences(self, reading: Reading) -> list[Sentence]:
        denied = [(r.start, r.end) for r in reading.reaches if r.kind == "negation"]
        return [self._sentence(reading.text, *span, denied) for span in reading.sentences]

    def _sentence(self, text: str, low: int, high: int, denied: Sequence[tuple[int, int]]) -> Sentence:
        words, undenied = set(), set()
        for m in _TOKEN.finditer(text, low, high):
            found = [*self._words_at(text, m.start(), high), *self._inside(m.group())]
            if found:
                words.update(found)
                if not any(a <= m.start() < b for a, b in denied):
                    undenied.update(found)
        return Sentence(frozenset(words), frozenset(undenied))

    def _words_at(self, text: str, at: int, end: int) -> list[str]:
        rest = text[at : min(end, at + 60)]
        if _CJK.match(rest):
            rest = rest.replace(" ", "")
        found = []
        for k in range(1, len(rest) + 1):
            if rest[:k] not in self._beginnings:
                break
            if rest[:k] in self._known:
                found.append(rest[:k])
        return found

    def _inside(self, token: str) -> tuple[str, ...]:
        """The longer known words that stand in a token, not at its beginning."""
        if len(token) <= LEAST_INSIDE:
            return ()
        if token not in self._insides:
            if len(self._insides) >= MOST_TOKENS:
                self._insides.clear()
            parts = {token[i:j] for i in range(1, len(token)) for j in range(i + LEAST_INSIDE, len(token) + 1)}
            self._insides[token] = tuple(parts & self._known)
        return self._insides[token]


def _index(groups: Mapping[str, tuple[frozenset[str], ...]]) -> tuple[dict[str, list[str]], tuple[str, ...]]:
    """Phrases by the words of that part which the fewest phrases share, and the phrases without any word."""
    shared: dict[str, int] = defaultdict(int)
    for group in groups.values():
        for word in frozenset().union(*group):
            shared[word] += 1
    index: dict[str, list[str]] = defaultdict(list)
    for phrase, group in groups.items():
        for word in min(group, key=lambda part: sum(shared[w] for w in part), default=()):
            index[word].append(phrase)
    return index, tuple(p for p, group in groups.items() if not group)


def _meet(group: Sequence[frozenset[str]], words: frozenset[str]) -> bool:
    return bool(group) and not any(part.isdisjoint(words) for part in group)


def _is_like(passages: Sequence[frozenset[str]], reading: Reading) -> bool:
    return any(len(wanted & tokens) >= LIKE_ENOUGH * len(wanted) for wanted in passages for _, tokens in reading.tokens)
