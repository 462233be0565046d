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
    """One pattern of a category; `fits` has the last word on a match."""

    name: str
    category: Category
    pattern: re.Pattern[str]
    sure: bool = True
    fits: Callable[[re.Match[str]], bool] = _always

    def find(self, text: str) -> Iterator[tuple[int, int]]:
        """Start and end of each place."""
        for match in self.pattern.finditer(text):
            if self.fits(match):
                yield match.span("it") if "it" in self.pattern.groupindex else match.span()
