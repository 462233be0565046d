"""A rule: a regular expression whose group `it` is what identifies somebody."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

Category = Literal[
    "name", "date", "time", "age", "telephone", "identity card", "record number", "address", "hospital", "contact"
]


def _always(match: re.Match[str]) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Rule:
    """One pattern of a category; `fits` has the last word on a match, `reach` finds what it leads to."""

    name: str
    category: Category
    pattern: re.Pattern[str]
    sure: bool = True
    fits: Callable[[re.Match[str]], bool] = _always
    reach: Callable[[re.Match[str]], Iterator[tuple[int, int]]] | None = None

    def find(self, text: str) -> Iterator[tuple[int, int]]:
        """Start and end of each place."""
        for match in self.pattern.finditer(text):
            if not self.fits(match):
                continue
            if self.reach:
                yield from self.reach(match)
            else:
                yield match.span("it") if "it" in self.pattern.groupindex else match.span()
