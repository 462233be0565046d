"""Candidate rules mined from development errors themselves, where no reader wrote a note; marked `mined`."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from ranscore.feedback.disagreements import Disagreement
from ranscore.feedback.edits import generalize, make_rule
from ranscore.phrases import compile_phrase, normalize
from ranscore.records import Edit, Program, Report

WINDOW = 4  # words on either side of what misled the program
MOST_A_REPORT = 4
MOST = 60


def mine_edits(
    program: Program, errors: Sequence[Disagreement], reports: Mapping[str, Report], reference: Mapping[str, int]
) -> tuple[Edit, ...]:
    """Rules for missed reports from wordings that stand in no absent report, and look-alikes for false alarms.

    Wordings that several errors share come first.
    """
    missed = [e.report_id for e in errors if e.kind == "false absent"]
    alarmed = [e.report_id for e in errors if e.kind == "false present"]
    without = "\n".join(normalize(r.text) for i, r in reports.items() if reference.get(i) == 0)
    having = "\n".join(normalize(r.text) for i, r in reports.items() if reference.get(i) == 1)
    states = _shared({i: _wordings(reports[i], without) for i in missed})
    masks = _shared({i: _look_alikes(program, reports[i], having) for i in alarmed})
    edits = [make_rule(program.finding, "states", [p], "mined", report_ids=ids) for p, ids in states]
    edits += [make_rule(program.finding, "does_not_count", [p], "mined", report_ids=ids) for p, ids in masks]
    return tuple(edits[:MOST])


def _wordings(report: Report, elsewhere: str) -> list[str]:
    """Phrases of a report that match nothing elsewhere, the shortest of each sentence first."""
    found: list[str] = []
    for sentence in normalize(report.text).split("\n"):
        phrases = [p for part in sentence.split(",") for p in generalize(part)]
        phrases += [p for run in _runs(sentence) for p in generalize(run)]
        phrases = [p for p in dict.fromkeys(phrases) if not compile_phrase(p).find(elsewhere)]
        found += sorted(phrases, key=len)[:MOST_A_REPORT]
    return found


def _runs(sentence: str, size: int = 5) -> Iterable[str]:
    words = sentence.split()
    return (" ".join(words[i : i + size]) for i in range(max(1, len(words) - size + 1)))


def _look_alikes(program: Program, report: Report, elsewhere: str) -> list[str]:
    """Wordings around what a stating rule matched, which no present report has."""
    text = normalize(report.text)
    phrases = [p for r in program.rules if r.means == "states" for p in r.phrases]
    found: dict[str, None] = {}
    for match in (m for p in phrases for m in compile_phrase(p).find(text)):
        for wording in _around(text, match.start, match.end):
            if not compile_phrase(wording).find(elsewhere):
                found.setdefault(wording)
    return list(found)[:MOST_A_REPORT]


def _around(text: str, start: int, end: int) -> list[str]:
    low, high = text.rfind("\n", 0, start) + 1, text.find("\n", end)
    before = re.findall(r"[\w.']+", text[low:start])[-WINDOW:]
    after = re.findall(r"[\w.']+", text[end : high if high >= 0 else len(text)])[:WINDOW]
    middle = " ".join(re.findall(r"[\w.']+", text[start:end]))
    options = [f"{' '.join(before[-n:])} {middle}" for n in (1, 2, 3, 4) if len(before) >= n]
    options += [f"{middle} {' '.join(after[:n])}" for n in (1, 2, 3, 4) if len(after) >= n]
    return [o for o in options if re.search(r"\w", o)]


def _shared(by_report: Mapping[str, Iterable[str]]) -> list[tuple[str, list[str]]]:
    holders: dict[str, list[str]] = defaultdict(list)
    for report_id, phrases in by_report.items():
        for phrase in phrases:
            if report_id not in holders[phrase]:
                holders[phrase].append(report_id)
    return sorted(holders.items(), key=lambda x: (-len(x[1]), len(x[0]), x[0]))
