"""Where a text holds what identifies somebody: spans by category, sure ones and doubtful ones.

Categories after the identifiers of the HIPAA Safe Harbor rule (45 CFR 164.514(b)(2)) as far as they occur in reports,
and of GB/T 35273-2020 for Chinese ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ranscore.deidentification import _chinese, _common, _english
from ranscore.deidentification._folding import fold
from ranscore.deidentification._rules import Category, Rule
from ranscore.deidentification._words import ORDINARY
from ranscore.records import Record

CATEGORIES: tuple[Category, ...] = (
    "name", "date", "time", "age", "telephone", "identity card", "record number", "address", "hospital", "contact",
)  # fmt: skip
_RULES: tuple[Rule, ...] = (*_common.RULES, *_english.RULES, *_chinese.RULES)


class Span(Record):
    """Characters `start` to `end` of a text; `sure` is False for what a person should look at."""

    start: int
    end: int
    category: Category
    rule: str
    sure: bool = True


def find_spans(text: str, known: Sequence[str] = ()) -> tuple[Span, ...]:
    """The spans of a text, from left to right, none overlapping.

    `known` are words that identify the patient for certain (a table's name or id column). Of spans that overlap the
    sure one is kept whole, else the longer, else that of the earlier category; of
    another sure one the rest is kept.
    """
    folded = fold(text)
    found = [span for rule in _RULES for span in _apply(rule, folded.text)]
    found += [span for word in known for span in _known(word, folded.text)]
    return tuple(
        _moved_back(s, folded.back(s.start, s.end)) for s in _apart(found + _again(found, folded.text), folded.text)
    )


def _moved_back(span: Span, place: tuple[int, int]) -> Span:
    return span.model_copy(update={"start": place[0], "end": place[1]})


def _apply(rule: Rule, text: str) -> Iterable[Span]:
    for start, end in rule.find(text):
        yield Span(start=start, end=end, category=rule.category, rule=rule.name, sure=rule.sure)


def _known(word: str, text: str) -> Iterable[Span]:
    word = word.strip()
    if len(word) < 2:
        return
    for start, end in _common.whole_word(word).find(text):
        yield Span(start=start, end=end, category="name", rule="known", sure=True)


def _again(found: Sequence[Span], text: str) -> list[Span]:
    """Other places of a name that stands somewhere with its title: `Dr. Alvarez … discussed with Alvarez`."""
    names = {text[s.start : s.end] for s in found if s.category == "name" and s.sure}
    words = {w for name in names for w in _common.name_words(name) if w.lower() not in ORDINARY}
    return [
        Span(start=start, end=end, category="name", rule="named before", sure=True)
        for word in sorted(words)
        for start, end in _common.whole_word(word).find(text)
    ]


def _apart(found: Iterable[Span], text: str) -> tuple[Span, ...]:
    order = {category: i for i, category in enumerate(CATEGORIES)}
    kept: list[Span] = []
    for span in sorted(found, key=lambda s: (not s.sure, s.start - s.end, order[s.category], s.start)):
        kept += [span.model_copy(update={"start": a, "end": b}) for a, b in _free(span, kept, text)]
    return tuple(sorted(kept, key=lambda s: s.start))


def _free(span: Span, kept: Sequence[Span], text: str) -> list[tuple[int, int]]:
    """The parts of a span that no kept one covers."""
    parts = [(span.start, span.end)]
    for other in kept:
        cut = [((a, min(b, other.start)), (max(a, other.end), b)) for a, b in parts]
        parts = [part for pair in cut for part in pair if part[0] < part[1]]
    if parts == [(span.start, span.end)] or not span.sure:
        return parts if parts == [(span.start, span.end)] else []
    return [part for part in (_letters(text, *p) for p in parts) if part[0] < part[1]]


def _letters(text: str, start: int, end: int) -> tuple[int, int]:
    """A part without what is no letter or digit at its ends; empty where it is all that."""
    places = [i for i in range(start, end) if text[i].isalnum()]
    return (places[0], places[-1] + 1) if places else (start, start)
