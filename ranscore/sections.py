"""The sections of a report: their headings in many spellings, and which of them a program reads.

The spellings are data: `sections` in `programs/cxr21/languages/*.yaml`. A line that begins with words in capitals and
a colon is a heading too where it holds the name of a section (`CHEST, SINGLE AP VIEW:`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from ranscore.catalog import languages
from ranscore.errors import InputError
from ranscore.phrases import normalize
from ranscore.records import Report

FINDINGS, IMPRESSION, ADDENDUM = "findings", "impression", "addendum"
DEFAULT = "findings+impression"
ALL = "all"
_CAPITALS = re.compile(r"(?m)^[ \t]*(?P<h>[A-Z][A-Z0-9 ,/()&'_-]{2,60}?)[ \t]*:")
_MARKS = frozenset("0123456789一二三四五六七八九【[")  # what a heading's number or bracket begins with
_NUMBER = r"(?P<n>(?:[0-9]{1,2}[.、)]|[一二三四五六七八九][、,.]) *)?"


@dataclass(frozen=True, slots=True)
class Heading:
    """One heading of a report: where its line's mark begins, its word, where its text begins, and what it opens.

    `kinds` are the sections' names, empty for a part of the section before; `read` says whether its text is read;
    `listed` is false for words in capitals that are no heading by themselves and only hold one.
    """

    start: int
    word: str
    end: int
    kinds: frozenset[str]
    read: bool
    listed: bool = True


@dataclass(frozen=True, slots=True)
class Section:
    """A stretch of a report, from its heading on; `kinds` and `read` as in Heading, `start` with the heading."""

    start: int
    body: int
    end: int
    kinds: frozenset[str]
    read: bool


@dataclass(frozen=True)
class _Words:
    pattern: re.Pattern[str]
    all: frozenset[str]
    unread: frozenset[str]
    kinds: dict[str, frozenset[str]]


@lru_cache(maxsize=1)
def _words() -> _Words:
    files = list(languages().values())
    unread = frozenset(_plain(h) for f in files for h in f.sections.unread)
    kinds: dict[str, frozenset[str]] = {}
    for file in files:
        for kind, headings in file.sections.kinds.items():
            for heading in headings:
                kinds[_plain(heading)] = kinds.get(_plain(heading), frozenset()) | {kind}
    every = unread | {_plain(h) for f in files for h in f.sections.read}
    either = "|".join(re.escape(w) for w in sorted(every, key=len, reverse=True)) or "(?!)"
    after = r"(?(b) *[】\]][ :]*|[ *]*(?::|(?= *(?:\n|$))))"
    return _Words(
        re.compile(rf"(?:^|\n)[ #*]*{_NUMBER}(?P<b>[【\[] *)?(?P<h>{either}){after}"), frozenset(every), unread, kinds
    )


def _plain(heading: str) -> str:
    return normalize(heading).strip()


def kinds_known() -> tuple[str, ...]:
    """The names of all kinds of sections, sorted."""
    return tuple(sorted({k for kinds in _words().kinds.values() for k in kinds}))


def find_headings(report: str, text: str | None = None) -> tuple[Heading, ...]:
    """The headings of a report in their order; `text` is its normal form, where that is known."""
    words = _words()
    text = normalize(report) if text is None else text
    found = {}
    for m in _listed_in(text, words):
        start = next(m.start(part) for part in ("n", "b", "h") if m[part] is not None)
        found[m.start("h")] = Heading(
            start, m["h"], m.end(), words.kinds.get(m["h"], frozenset()), m["h"] not in words.unread
        )
    for m in _CAPITALS.finditer(report):
        if any(h.start < m.end() and m.start("h") < h.end for h in found.values()):
            continue
        word = text[m.start("h") : m.end("h")].strip()
        inside = _named_in(word)
        if inside:
            found[m.start("h")] = Heading(
                m.start("h"), word, m.end(), words.kinds[inside], inside not in words.unread, listed=False
            )
    return tuple(found[at] for at in sorted(found))


def _listed_in(text: str, words: _Words) -> Iterator[re.Match[str]]:
    """The headings that are listed; the pattern is tried where a line opens as one of them does."""
    at = 0
    for line in text.split("\n"):
        head = line.lstrip(" #*")
        if head[:1] in _MARKS or head.partition(":")[0].rstrip(" *") in words.all:
            m = words.pattern.match(text, max(0, at - 1))
            if m:
                yield m
        at += len(line) + 1


@lru_cache(maxsize=4096)
def _named_in(word: str) -> str:
    """The longest name of a section that a heading in capitals holds, an unread one first; "" if there is none."""
    words = _words()
    inside = [known for known in words.kinds if re.search(rf"(?<!\w){re.escape(known)}(?!\w)", word)]
    return max(inside, key=lambda known: (len(known), known in words.unread), default="")


def find_sections(report: str) -> tuple[Section, ...]:
    """The sections that cover a report from its beginning to its end; text before any heading has no kind."""
    text = normalize(report)
    headings = find_headings(report, text)
    sections: list[Section] = []
    at, kinds = 0, frozenset[str]()
    for number, heading in enumerate(headings):
        if heading.start > at:
            sections.append(Section(at, at, heading.start, frozenset(), True))
        last = number + 1 == len(headings)
        stop = len(text) if last else headings[number + 1].start
        if last and not heading.read:
            stop = end_of_unread(report, text, heading.end)
        if heading.read:
            kinds = heading.kinds or kinds
            sections.append(Section(heading.start, heading.end, stop, kinds, True))
        else:
            sections.append(Section(heading.start, heading.end, stop, heading.kinds, False))
        at = stop
    if at < len(text) or not sections:
        sections.append(Section(at, at, len(text), frozenset(), True))
    return tuple(sections)


def end_of_unread(report: str, text: str, at: int) -> int:
    """Where an unread section ends that no other heading follows: with its line; on the last line with its sentence."""
    body = re.compile(r" *\n? *\S[^\n]*(?:\n|$)").match(text, at)
    if body is None:
        return at  # an empty section
    first = at + len(body[0]) - len(body[0].lstrip())
    ends = (i for i in range(first, len(text)) if report[i] == text[i] == "\n")  # no wrapped line
    return next(ends, body.end())


@dataclass(frozen=True)
class Policy:
    """The sections that are read; with None all of them."""

    kinds: frozenset[str] | None

    def keeps(self, section: Section) -> bool:
        """Whether a section is read: text of no kind is read with the findings, an addendum with either section."""
        if self.kinds is None or section.kinds & self.kinds:
            return True
        if section.kinds <= {ADDENDUM}:
            either = {FINDINGS, IMPRESSION} if section.kinds else {FINDINGS}
            return section.read and bool(either & self.kinds)
        return False


def read_policy(text: str) -> Policy:
    """The policy that an option's text names, as `findings+impression`, `impression` or `all`; raises InputError."""
    if text.strip().casefold() == ALL:
        return Policy(None)
    kinds = [part.strip().casefold() for part in text.split("+")]
    unknown = [kind for kind in kinds if kind not in kinds_known()]
    if unknown:
        raise InputError(
            f"sections: found {text!r:.60}; expected {ALL}, or names with + between, of {', '.join(kinds_known())}."
        )
    return Policy(frozenset(kinds))


def take_sections(report: str, policy: Policy) -> tuple[str, frozenset[str]]:
    """The text that a program reads under a policy, and the kinds of the sections that hold text.

    What is not read is cut out; a kept section that programs pass over by its heading loses that heading. A report
    from which nothing is cut stays byte for byte.
    """
    sections = find_sections(report)
    there = frozenset(k for s in sections if report[s.body : s.end].strip() for k in s.kinds)
    if all(policy.keeps(s) and s.read for s in sections):
        return report, there
    parts = (report[s.start if s.read else s.body : s.end] if policy.keeps(s) else "\n" for s in sections)
    text = "\n".join(part.strip(" \t") for part in parts)
    return re.sub(r"\n(?:[ \t#*]*\n)+", "\n", text).strip(), there


@dataclass
class SectionCount:
    """Takes the sections of report after report, and counts those that have none of them."""

    total: int = 0
    lacking: int = 0
    headed: bool = False

    def begin(self) -> None:
        """Counts anew."""
        self.total = self.lacking = 0
        self.headed = False

    def take(self, text: str, policy: Policy) -> str:
        """The text that the policy reads."""
        taken, there = take_sections(text, policy)
        self.total += 1
        self.headed = self.headed or bool(there)
        self.lacking += bool(text.strip()) and not (policy.kinds or frozenset((FINDINGS, IMPRESSION))) & there
        return taken

    def remarks(self, policy: Policy) -> tuple[str, ...]:
        """What is to be told of the reports that lack these sections; nothing where all text of all is read."""
        plain = not self.headed and policy.keeps(Section(0, 0, 0, frozenset(), True))
        return () if plain else tuple(_lack(self.lacking, self.total, policy))


def choose_sections(reports: Sequence[Report], policy: Policy) -> tuple[tuple[Report, ...], tuple[str, ...]]:
    """The reports with the text that the policy reads, and what is to be told of those that lack these sections.

    Nothing is told of reports without any heading whose whole text is read.
    """
    chosen, count = [], SectionCount()
    for report in reports:
        text = count.take(report.text, policy)
        chosen.append(report if text == report.text else report.model_copy(update={"text": text}))
    return tuple(chosen), count.remarks(policy)


def _lack(lacking: int, total: int, policy: Policy) -> Iterable[str]:
    if not lacking:
        return
    named = " or ".join(sorted(policy.kinds or (FINDINGS, IMPRESSION)))
    if policy.kinds is None:
        yield f"{lacking} of {total} reports have no section called {named}"
    elif FINDINGS in policy.kinds:
        yield (
            f"{lacking} of {total} reports have no section called {named}: their text without a heading of "
            "another section is read"
        )
    else:
        yield (
            f"{lacking} of {total} reports have no section called {named}: nothing is read in them, so every finding "
            "is absent there"
        )
