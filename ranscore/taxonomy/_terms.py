"""Which runs of words in the chunks are terms: nested candidates weighed by C-value, then each chunk is tagged.

C-value of a candidate a of n words: log2(n + 1) times the number of units it stands in, less the mean number of those
longer candidates that hold it. After Frantzi, Ananiadou and Mima, Int J Digit Libr 2000;3:115, with n + 1 so that
single words count; two Chinese characters count as a word. A Chinese candidate must besides have two neighbours, or a
boundary, on either side (accessor variety: Feng et al., Comput Linguist 2004;30:75); an English one must be the last of
its run, or stand before `of`, in half of its places. A candidate of several words is taken whole where it makes up a
quarter of the units of its rarest word (Chinese: of its commonest part that is a candidate).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ranscore.taxonomy._mentions import Chunk, Token, all_places, meant
from ranscore.taxonomy._words import CJK, words

MOST_WORDS, MOST_CHARACTERS, LEAST_CHARACTERS = 4, 8, 2
HELD_TOGETHER, ENDS_RUN = 0.25, 0.5
Key = tuple[str, ...]
_EDGE = ("<", ">")  # a boundary counts as two neighbours


@dataclass(frozen=True, slots=True)
class Mention:
    """A term where it stands: its chunk and its tokens."""

    chunk: Chunk
    tokens: tuple[Token, ...]

    @property
    def key(self) -> Key:
        """The term's words."""
        return _key(self.tokens)


def _key(tokens: Sequence[Token]) -> Key:
    return tuple(t.text for t in tokens)


def shown(tokens: Sequence[Token]) -> str:
    """A term as it is written: `blunting of costophrenic angle`, `胸腔积液`."""
    parts = []
    for i, token in enumerate(tokens):
        spaced = i and (token.text.isascii() or tokens[i - 1].text.isascii())
        parts.append((" of " if token.of and i else " " if spaced else "") + token.text)
    return "".join(parts)


def _spans(chunk: Chunk) -> Iterator[tuple[int, int]]:
    """First and last-but-one token of each candidate of a chunk."""
    tokens = chunk.tokens
    chinese = chunk.chinese
    longest = MOST_CHARACTERS if chinese else MOST_WORDS
    cuts = _inside_places(tokens) if chinese else frozenset[int]()
    for i in range(len(tokens)):
        for j in range(i + (LEAST_CHARACTERS if chinese else 1), min(i + longest, len(tokens)) + 1):
            if i not in cuts and j not in cuts and not all_places(tokens[i:j]):
                yield i, j


def _inside_places(tokens: Sequence[Token]) -> frozenset[int]:
    """The numbers of tokens before which the name of a place may not be cut in two."""
    text = "".join(t.text[0] for t in tokens)
    return frozenset(i for m in words().places.finditer(text) for i in range(m.start() + 1, m.end()))


@dataclass(frozen=True)
class Candidates:
    """C-values of the candidates that stand in enough units."""

    value: dict[Key, float]

    def tag(self, chunk: Chunk) -> list[Mention]:
        """The terms of a chunk that do not overlap, the longest first, of those of the highest C-value."""
        known = [(i, j) for i, j in _spans(chunk) if _key(chunk.tokens[i:j]) in self.value]
        known.sort(key=lambda s: (s[0] - s[1], -self.value[_key(chunk.tokens[s[0] : s[1]])], s[0]))
        taken: list[tuple[int, int]] = []
        for i, j in known:
            if not any(a < j and i < b for a, b in taken):
                taken.append((i, j))
        return [Mention(chunk, chunk.tokens[i:j]) for i, j in sorted(taken)]


def weigh(chunks: Sequence[Chunk], least: int) -> Candidates:
    """The candidates of the chunks that stand in at least so many units, with their C-values.

    Chunks of one unit come one after another.
    """
    units: dict[Key, int] = {}
    last: dict[Key, int] = {}
    for chunk in chunks:
        for i, j in _spans(chunk):
            key = _key(chunk.tokens[i:j])
            if last.get(key) != chunk.unit:
                last[key] = chunk.unit
                units[key] = units.get(key, 0) + 1
    often = {key: n for key, n in units.items() if n >= least}
    often = {key: often[key] for key in often.keys() & _free(chunks, often)}
    values = _values(often)
    return Candidates({key: values[key] for key in often if values[key] > 0 and _is_whole(key, units, often)})


def _is_whole(key: Key, units: Mapping[Key, int], often: Mapping[Key, int]) -> bool:
    """True where the words of a candidate belong together."""
    inner = [key[i:j] for i in range(len(key)) for j in range(i + 1, len(key) + 1) if j - i < len(key)]
    if any(CJK.match(part) for part in key):
        return often[key] >= HELD_TOGETHER * max((often.get(k, 0) for k in inner), default=0)
    return often[key] >= HELD_TOGETHER * min((units[k] for k in inner if len(k) == 1 and k in units), default=0)


def _free(chunks: Sequence[Chunk], often: Mapping[Key, int]) -> set[Key]:
    """The candidates whose boundaries are those of a wording."""
    before: dict[Key, set[str]] = {}
    behind: dict[Key, set[str]] = {}
    places, ends = Counter[Key](), Counter[Key]()
    for chunk in chunks:
        tokens = chunk.tokens
        for i, j in _spans(chunk):
            key = _key(tokens[i:j])
            if key not in often:
                continue
            places[key] += 1
            ends[key] += j == len(tokens) or tokens[j].of
            if chunk.chinese:
                before.setdefault(key, set()).update([tokens[i - 1].text] if i else _EDGE)
                behind.setdefault(key, set()).update([tokens[j].text] if j < len(tokens) else _EDGE)
    chinese = {key for key in before if len(before[key]) > 1 and len(behind[key]) > 1}
    return chinese | {key for key in places.keys() - before.keys() if ends[key] >= ENDS_RUN * places[key]}


def _values(often: Mapping[Key, int]) -> dict[Key, float]:
    longer: dict[Key, list[int]] = {}
    for key, n in often.items():
        for inner in {key[i:j] for i in range(len(key)) for j in range(i + 1, len(key) + 1)} - {key}:
            if inner in often:
                longer.setdefault(inner, []).append(n)
    return {key: _size(key) * (n - _mean(longer.get(key, ()))) for key, n in often.items()}


def _size(key: Key) -> float:
    """log2 of one more than the number of words."""
    return math.log2(1 + sum(1.0 if part.isascii() else 0.5 for part in key))


def _mean(numbers: Sequence[int]) -> float:
    return sum(numbers) / len(numbers) if numbers else 0.0


def tag_all(chunks: Sequence[Chunk], least: int) -> tuple[list[Mention], list[Chunk]]:
    """The mentions of terms that stand in enough units, and the chunks that hold none but name more than a place.

    A term that nothing ever says to be there or not is none.
    """
    found = weigh(chunks, least)
    for _ in range(2):
        mentions = [m for chunk in chunks for m in found.tag(chunk)]
        kept = _enough(mentions, least)
        found = Candidates({key: value for key, value in found.value.items() if key in kept})
    mentions = [m for m in mentions if m.key in kept]
    named = {id(m.chunk) for m in mentions}
    return mentions, [c for c in chunks if id(c) not in named and not all_places(c.tokens)]


def _enough(mentions: Sequence[Mention], least: int) -> set[Key]:
    units = Counter(key for key, _ in {(m.key, m.chunk.unit) for m in mentions})
    cued = {m.key for m in mentions if m.chunk.cued}
    return {key for key, n in units.items() if n >= least and key in cued}


def core_of(mention: Mention) -> tuple[tuple[int, int], ...]:
    """The characters of a mention that say more than a place."""
    return tuple((t.start, t.end) for t in meant(mention.tokens))
