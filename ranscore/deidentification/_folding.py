"""A text as the rules read it: one space for many, wrapped lines joined, wide digits made narrow; and the way back."""

from __future__ import annotations

import re
from dataclasses import dataclass

_NARROW = "".join(map(chr, range(0x21, 0x7F)))
_SEPARATORS = "／－．\u3000\u00a0\t"
_WIDE = str.maketrans(
    "".join(chr(ord(c) + 0xFEE0) for c in _NARROW if c.isalnum()) + _SEPARATORS,
    "".join(c for c in _NARROW if c.isalnum()) + "/-.   ",
)
_SPACES = re.compile(r" {2,}|\r\n?|\r?\n(?=\r?\n)|\n")
_HEADING = re.compile(r"\s*(?:[A-Z][\w ./()-]{0,40}:|[-*•]|\(?\d{1,2}[.)])")
# What was taken out before: marks of ours, MIMIC's `___` and `[** **]`, Open-I's XXXX.
_MASKED = re.compile(
    r"\[(?:NAME|HOSPITAL|NUMBER|CARD)-[A-Z2-7]{6}\]|\[(?:TELEPHONE|ADDRESS|CONTACT|TIME|DATE)\]|"
    r"【(?:姓名|医院|编号|证件)-[A-Z2-7]{6}】|【(?:电话|地址|联系方式|时间|日期)】|"
    r"(?<![A-Za-z])X{3,}(?![A-Za-z])|_{2,}|\[\*\*.*?\*\*\]"
)
_BLANK = "¤"
SHORTEST_WRAPPED = 50


@dataclass(frozen=True)
class Folded:
    """`text` for the rules; `places[i]` is where its character `i` stands in the text before."""

    text: str
    places: tuple[int, ...]

    def back(self, start: int, end: int) -> tuple[int, int]:
        """A span of `text` as a span of the text before."""
        return self.places[start], self.places[end - 1] + 1


def fold(text: str) -> Folded:
    """Fold a text; what was taken out of it before is blanked, so that no rule reads it."""
    plain = _MASKED.sub(lambda m: _BLANK * len(m[0]), text.translate(_WIDE))
    made: list[str] = []
    places: list[int] = []
    at = line = 0
    for found in _SPACES.finditer(plain):
        made.append(plain[at : found.start()])
        places += range(at, found.start())
        newline = "\n" in found[0] or "\r" in found[0]
        joined = newline and _wraps(plain, line, found)
        made.append("\n" if newline and not joined else " ")
        places.append(found.start())
        at = found.end()
        line = at if newline else line
    made.append(plain[at:])
    places += range(at, len(plain))
    return Folded("".join(made), tuple(places))


def _wraps(text: str, line: int, end: re.Match[str]) -> bool:
    """Whether a line of Latin text goes on in the next one."""
    if end.start() - line < SHORTEST_WRAPPED or text[end.start() - 1] in ".:;!?。；：":
        return False
    following = text[end.end() : end.end() + 60]
    return bool(following[:1].strip()) and not _HEADING.match(following)
