"""Which findings have an exemplar that a sentence could be like, from the words that both hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from ranscore.models._evidence import LIKE_ENOUGH, Instructions
from ranscore.models._reading import Reading, content_stems

_BITS = 16  # a counter; its highest bit is set when enough of an exemplar's tokens were counted
_HIGHEST = 1 << (_BITS - 1)


class ExemplarIndex:
    """All exemplars' tokens, each with one counter for every exemplar, side by side in one integer."""

    def __init__(self, told: Sequence[Instructions]) -> None:
        exemplars = [(n, t) for n, one in enumerate(told) for _, t in (*one.positive, *one.negative)]
        self._finding = tuple(n for n, _ in exemplars)
        self._start = self._full = 0
        self._counts: dict[str, int] = {}
        for place, (_, tokens) in enumerate(exemplars):
            shift = place * _BITS
            enough = next(held for held in range(1, len(tokens) + 1) if held / len(tokens) >= LIKE_ENOUGH)
            self._start += (_HIGHEST - enough) << shift
            self._full |= _HIGHEST << shift
            for stem, number in Counter(token.rpartition(":")[2] for token in tokens).items():
                self._counts[stem] = self._counts.get(stem, 0) + (number << shift)

    def like(self, sentence: Reading) -> set[int]:
        """The findings, by number; all that have an exemplar like the sentence are among them.

        A token counts as held whether or not it is negated alike; so no cue has to be found for most sentences.
        """
        counts = self._counts
        total = self._start
        for stem in content_stems(sentence.text):
            total += counts.get(stem, 0)
        bits = total & self._full
        found = set()
        while bits:
            lowest = bits & -bits
            found.add(self._finding[(lowest.bit_length() - 1) // _BITS])
            bits ^= lowest
        return found
