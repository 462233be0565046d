"""Which mentions the findings of the label set state: their seed's, languages' and lexicon's own wordings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from ranscore import catalog
from ranscore.models._reading import Reading
from ranscore.models._word_index import WordIndex

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a finding's wording stands; `states` is false for a look-alike."""

    start: int
    end: int
    finding: str
    states: bool


def own_phrases() -> Iterator[tuple[str, bool, str]]:
    """Finding, whether it is stated, and phrase: each finding's own rules, not those of findings that it includes."""
    for finding in catalog.asked_ids():
        rules = list(catalog.findings()[finding].rules)
        rules += [rule for language in catalog.languages().values() for rule in language.terms.get(finding, ())]
        owned = f"expert:{finding}:"
        rules += [
            catalog.RuleText(means=e.rule.means, phrases=e.rule.phrases)
            for e in catalog.lexicon_edits(finding)
            if e.rule and e.id.startswith(owned)
        ]
        for rule in rules:
            if rule.means != "denies":
                yield from ((finding, rule.means == "states", phrase) for phrase in rule.phrases)


class LabelSet:
    """The wordings of all findings, found in a reading in one go."""

    def __init__(self) -> None:
        self._owners: dict[str, list[tuple[str, bool]]] = {}
        for finding, states, phrase in own_phrases():
            self._owners.setdefault(phrase, []).append((finding, states))

    @cached_property
    def _index(self) -> WordIndex:
        return WordIndex(tuple(self._owners))

    def places(self, reading: Reading) -> list[Place]:
        """Every part of a report that a wording names."""
        found = []
        for number in self._index.candidates(reading.text):
            for match in self._index.matchers[number](reading.text):
                for finding, states in self._owners[self._index.phrases[number]]:
                    found += [Place(a, b, finding, states) for a, b in match.core()]
        return found


def findings_at(spans: Sequence[Span], places: Sequence[Place]) -> tuple[frozenset[str], frozenset[str]]:
    """The findings whose wordings name any of the spans: those that state them, and those that only exclude them."""
    here = [p for p in places if any(p.start < b and a < p.end for a, b in spans)]
    stated = frozenset(p.finding for p in here if p.states and not _excluded(p, here))
    return stated, frozenset(p.finding for p in here if not p.states) - stated


def _excluded(place: Place, here: Sequence[Place]) -> bool:
    """True where the same finding's look-alike stands over its wording."""
    return any(
        not p.states and p.finding == place.finding and p.start < place.end and place.start < p.end for p in here
    )
