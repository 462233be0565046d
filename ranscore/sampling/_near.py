"""Reports that share most of their word runs: an exact search, no sketch, so that nothing near is missed.

A set A can only reach Jaccard t with B if B holds ceil(t |A|) of A's members, so B holds one of any
|A| - ceil(t |A|) + 1 of them: the rarest are looked up, and what shares one is compared in full. After Chaudhuri,
Ganti and Kaushik, ICDE 2006 (prefix filter), and Bayardo, Ma and Srikant, WWW 2007.
"""

from __future__ import annotations

import math
import re

from ranscore.phrases import normalize

_TOKEN = re.compile(r"[\u3400-\u9fff\uf900-\ufaff]|[^\W_\u3400-\u9fff\uf900-\ufaff]+")
_ROUNDING = 1e-9


def words_of(text: str) -> list[str]:
    """The words of a text without case and punctuation; a Chinese character is a word."""
    return _TOKEN.findall(normalize(text))


def shingles_of(text: str, size: int) -> frozenset[str]:
    """The runs of `size` words; all words as one run where there are fewer."""
    words = words_of(text)
    if len(words) <= size:
        return frozenset({" ".join(words)})
    return frozenset(" ".join(words[i : i + size]) for i in range(len(words) - size + 1))


class NearIndex:
    """Sets of shingles by part: which parts hold one that is near another set."""

    def __init__(self, threshold: float) -> None:
        self.threshold = threshold
        self._places: dict[frozenset[str], int] = {}
        self._sets: list[frozenset[str]] = []
        self._parts: list[set[str]] = []
        self._holders: dict[str, list[int]] = {}

    def add(self, shingles: frozenset[str], part: str) -> None:
        """Puts a set into a part."""
        place = self._places.setdefault(shingles, len(self._sets))
        if place == len(self._sets):
            self._sets.append(shingles)
            self._parts.append(set())
            for shingle in shingles:
                self._holders.setdefault(shingle, []).append(place)
        self._parts[place].add(part)

    def parts_near(self, shingles: frozenset[str]) -> frozenset[str]:
        """The parts that hold a set whose Jaccard similarity with this one is at least the threshold."""
        few = len(shingles) - math.ceil(self.threshold * len(shingles) - _ROUNDING) + 1
        rarest = sorted(shingles, key=lambda s: len(self._holders.get(s, ())))[:few]
        found: set[str] = set()
        for place in {p for shingle in rarest for p in self._holders.get(shingle, ())}:
            if not self._parts[place] <= found and self._is_near(shingles, self._sets[place]):
                found |= self._parts[place]
        return frozenset(found)

    def _is_near(self, a: frozenset[str], b: frozenset[str]) -> bool:
        if min(len(a), len(b)) < self.threshold * max(len(a), len(b)) - _ROUNDING:
            return False
        common = len(a & b)
        return common >= self.threshold * (len(a) + len(b) - common) - _ROUNDING
