"""The sections of a report: where a heading stands, and which sections are not read."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from ranscore.catalog import Sections
from ranscore.phrases import normalize


@dataclass(frozen=True, slots=True)
class SectionWords:
    """The headings of all languages, and those whose sections are not read.

    `heads` is what a line with a heading opens with (`_head_of`); None where that is no guide to the pattern.
    """

    headings: re.Pattern[str]
    heads: frozenset[str] | None
    unread: frozenset[str]


def read_section_words(sections: Iterable[Sections]) -> SectionWords:
    """The headings as patterns for a report's normal form."""
    listed = list(sections)
    unread = frozenset(normalize(h).strip() for s in listed for h in s.unread)
    words = unread | {normalize(h).strip() for s in listed for h in s.read}
    in_lines = not any("\n" in word for word in words)
    return SectionWords(_heading_pattern(words), frozenset(map(_head_of, words)) if in_lines else None, unread)


def _heading_pattern(words: Iterable[str]) -> re.Pattern[str]:
    either = "|".join(re.escape(w) for w in sorted(words, key=len, reverse=True)) or "(?!)"
    return re.compile(rf"(?:^|\n)[ #*]*({either})[ *]*(?::|(?= *(?:\n|$)))")


def _head_of(line: str) -> str:
    """What stands in a line before its first colon: equal for a heading and for a line that opens with it."""
    return line.partition(":")[0].strip(" #*")


def blank_unread(words: SectionWords, report: str, text: str) -> str:
    """A report's normal form, `text`, with line ends for its headings and its unread sections."""
    headings = _find_headings(words, text)
    parts, done = [], 0
    for i, m in enumerate(headings):
        stop = m.end()
        if m.group(1) in words.unread:
            stop = headings[i + 1].start() if i + 1 < len(headings) else _unread_end(report, text, stop)
        parts += [text[done : m.start(1)], "\n" * (stop - m.start(1))]
        done = stop
    return "".join([*parts, text[done:]])


def _find_headings(words: SectionWords, text: str) -> list[re.Match[str]]:
    """The headings in their order; the pattern is tried where a line opens as one of them does."""
    if words.heads is None:
        return list(words.headings.finditer(text))
    found: list[re.Match[str]] = []
    at = 0
    for line in text.split("\n"):
        if _head_of(line) in words.heads:
            m = words.headings.match(text, max(0, at - 1))
            if m and (not found or m.start() >= found[-1].end()):
                found.append(m)
        at += len(line) + 1
    return found


def _unread_end(report: str, text: str, at: int) -> int:
    """Where an unread section ends that no other heading follows: with its line; on the last line with its sentence."""
    body = re.compile(r" *\n? *\S[^\n]*(?:\n|$)").match(text, at)
    if body is None:
        return at  # an empty section
    first = at + len(body[0]) - len(body[0].lstrip())
    ends = (i for i in range(first, len(text)) if report[i] == text[i] == "\n")  # no wrapped line
    return next(ends, body.end())
