"""Candidate rules mined from development errors themselves, where no reader wrote a note; marked `mined`.

A stating wording counts only where several missed reports share it: what a single one says is left to the readers'
notes. A look-alike is the wording around a false alarm, narrow enough to stand for itself.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from ranscore.feedback.disagreements import Disagreement
from ranscore.feedback.edits import generalize, join_words, make_rule
from ranscore.phrases import compile_phrase, normalize
from ranscore.records import Edit, Program, Report

LEAST_MISSED = 3
BESIDE = 2
MOST = 60


def mine_edits(
    program: Program, errors: Sequence[Disagreement], reports: Mapping[str, Report], reference: Mapping[str, int]
) -> tuple[Edit, ...]:
    """Rules for missed reports from wordings that stand in no absent report, and look-alikes for false alarms.

    Wordings that several errors share come first.
    """
    missed = [e.report_id for e in errors if e.kind == "false absent"]
    alarmed = [e.report_id for e in errors if e.kind == "false present"]
    without = _Texts(r for i, r in reports.items() if reference.get(i) == 0)
    having = _Texts(r for i, r in reports.items() if reference.get(i) == 1)
    states = _shared({i: _wordings(reports[i]) for i in missed}, without, LEAST_MISSED)
    masks = _shared({i: _look_alikes(program, reports[i]) for i in alarmed}, having, 1)
    edits = [make_rule(program.finding, "states", [p], "mined", report_ids=ids) for p, ids in states]
    edits += [make_rule(program.finding, "does_not_count", [p], "mined", report_ids=ids) for p, ids in masks]
    return tuple(edits[:MOST])


def shared_wordings(missed: Iterable[Report], without: Iterable[Report]) -> list[tuple[str, list[str]]]:
    """Phrases that at least two of the missed reports support and none of the others, with the ids; the most first."""
    return _shared({r.report_id: _wordings(r) for r in missed}, _Texts(without), 2)


class _Texts:
    """Reports by the words in them, so that a phrase is looked for only where all its words stand."""

    def __init__(self, reports: Iterable[Report]) -> None:
        self.texts = [normalize(r.text) for r in reports]
        self.holders: dict[str, set[int]] = defaultdict(set)
        for i, text in enumerate(self.texts):
            for form in {form for word in set(_words(text)) for form in _forms(word)}:
                self.holders[form].add(i)

    def hold(self, phrase: str) -> bool:
        """True where a text matches the phrase."""
        places = [self.holders.get(w, set()) for w in _words(phrase)]
        return any(compile_phrase(phrase).find(self.texts[i]) for i in (set.intersection(*places) if places else ()))


def _words(text: str) -> list[str]:
    return re.findall(r"[a-z][\w']*|[\u3400-\u9fff]", text)


def _forms(word: str) -> Iterable[str]:
    """The word, and those whose plural or possessive it may be, as phrases match them."""
    yield word
    yield from (word.removesuffix(ending) for ending in ("'s", "es", "s") if word.endswith(ending))
    if word.endswith("ies"):
        yield word[:-3] + "y"


def _wordings(report: Report) -> Iterable[str]:
    """Phrases that a report's sentences support."""
    for sentence in normalize(report.text).split("\n"):
        for part in [*sentence.split(","), *_runs(sentence)]:
            yield from generalize(part)


def _runs(sentence: str, size: int = 5) -> Iterable[str]:
    words = sentence.split()
    return (" ".join(words[i : i + size]) for i in range(max(1, len(words) - size + 1)))


def _look_alikes(program: Program, report: Report) -> Iterable[str]:
    """Wordings around what a stating rule matched."""
    text = normalize(report.text)
    phrases = [p for r in program.rules if r.means == "states" for p in r.phrases]
    for match in (m for p in phrases for m in compile_phrase(p).find(text)):
        yield from _around(text, match.start, match.end)


def _around(text: str, start: int, end: int) -> tuple[str, ...]:
    """What was matched with the words beside it, the widest first."""
    low, high = text.rfind("\n", 0, start) + 1, text.find("\n", end)
    words = list(re.finditer(r"[\w.']+", text[low : high if high >= 0 else len(text)]))
    inside = [i for i, w in enumerate(words) if w.start() < end - low and w.end() > start - low]
    if not inside:
        return ()
    first, last = inside[0], inside[-1] + 1
    spans = [(first - BESIDE, last + BESIDE), (first - BESIDE - 1, last), (first, last + BESIDE + 1)]
    runs = [words[max(0, a) : b] for a, b in spans]
    return join_words([run for run in runs if len(run) > last - first], text[low:])


def _shared(by_report: Mapping[str, Iterable[str]], elsewhere: _Texts, least: int) -> list[tuple[str, list[str]]]:
    """Phrases that several reports support and nothing elsewhere matches, those of most reports first."""
    holders: dict[str, list[str]] = defaultdict(list)
    for report_id, phrases in by_report.items():
        for phrase in dict.fromkeys(phrases):
            holders[phrase].append(report_id)
    found = [(p, ids) for p, ids in holders.items() if len(ids) >= least and not elsewhere.hold(p)]
    return sorted(found, key=lambda x: (-len(x[1]), len(x[0]), x[0]))
