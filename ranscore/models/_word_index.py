"""Which of thousands of phrases a text could match, from the words that it holds.

A phrase that needs two words comes up only where both stand. Nothing is decided here: what comes up is then matched.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from ranscore.phrases import Need, compile_phrase, read_needs

SLOTS = 4
MOST_WORDS = 50_000
_WORDS = re.compile("[a-z0-9]+")

Sets = tuple[int, ...]  # of phrases, one a slot; bit i is phrase i


class WordIndex:
    """Phrases by what they need. Of each phrase the `SLOTS` rarest needs are looked at."""

    def __init__(self, phrases: Sequence[str]) -> None:
        self.phrases = tuple(phrases)
        self.matchers = tuple(compile_phrase(p).match for p in self.phrases)
        needs = [read_needs(p)[:SLOTS] for p in self.phrases]
        # Phrases that need more than ASCII stand last: what English words stand for is then a short integer.
        self._order = sorted(range(len(needs)), key=lambda i: (_is_foreign(needs[i]), i))
        self._plain = (1 << sum(not _is_foreign(n) for n in needs)) - 1
        self._free = [0] * SLOTS
        self._tables: dict[str, dict[str, list[int]]] = {"word": {}, "stem": {}, "inside": {}}
        for place, number in enumerate(self._order):
            self._enter(needs[number], 1 << place)
        self._plain_free = [sets & self._plain for sets in self._free]
        self._stems = sorted({len(s) for s in self._tables["stem"]})
        self._inside: dict[str, list[tuple[str, Sets]]] = {}
        for text, sets in self._tables["inside"].items():
            self._inside.setdefault(text[0], []).append((text, tuple(sets)))
        self._plain_inside = [pair for start, pairs in self._inside.items() if start.isascii() for pair in pairs]
        self._of_word: dict[str, Sets | None] = {}

    def _enter(self, needs: Sequence[frozenset[Need]], bit: int) -> None:
        for slot in range(SLOTS):
            if slot >= len(needs):
                self._free[slot] |= bit
                continue
            for how, text in needs[slot]:
                self._tables[how].setdefault(text, [0] * SLOTS)[slot] |= bit

    def candidates(self, text: str) -> list[int]:
        """The numbers, rising, of the phrases that a normalized text could match; all that it does are among them."""
        plain = text.isascii()
        first, second, third, fourth = self._plain_free if plain else self._free
        known = self._of_word
        for word in set(_WORDS.findall(text)):
            sets = known[word] if word in known else self._look_up(word)
            if sets is not None:
                a, b, c, d = sets
                first |= a
                second |= b
                third |= c
                fourth |= d
        for a, b, c, d in self._found_inside(text, plain):
            first |= a
            second |= b
            third |= c
            fourth |= d
        return self._numbers(first & second & third & fourth)

    def _look_up(self, word: str) -> Sets | None:
        """What a word may stand for: itself, or the opening of a phrase's `stem*`."""
        stems = self._tables["stem"]
        found = [stems[word[:n]] for n in self._stems if n <= len(word) and word[:n] in stems]
        if word in self._tables["word"]:
            found.append(self._tables["word"][word])
        sets = None
        if found:
            a, b, c, d = found[0]
            for e, f, g, h in found[1:]:
                a, b, c, d = a | e, b | f, c | g, d | h
            sets = (a, b, c, d)
        if len(self._of_word) >= MOST_WORDS:
            self._of_word.clear()
        self._of_word[word] = sets
        return sets

    def _found_inside(self, text: str, plain: bool) -> list[Sets]:
        if plain:
            return [sets for wanted, sets in self._plain_inside if wanted in text]
        squeezed = text.replace(" ", "")
        starts = self._inside.keys() & set(text)
        return [
            sets for start in starts for wanted, sets in self._inside[start] if wanted in squeezed or wanted in text
        ]

    def _numbers(self, bits: int) -> list[int]:
        found = []
        while bits:
            lowest = bits & -bits
            found.append(self._order[lowest.bit_length() - 1])
            bits ^= lowest
        return sorted(found)


def _is_foreign(needs: Sequence[frozenset[Need]]) -> bool:
    """True where no ASCII text holds what a phrase needs."""
    return any(all(not need.text.isascii() for need in either) for either in needs)
