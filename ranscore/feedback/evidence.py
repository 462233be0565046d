"""Where in a report the lexical reader sees what: the rules and exemplars that fire, cues and their reach, sections."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Literal

from ranscore.extraction.module import freeze_prompt
from ranscore.extraction.quoting import ask_quote
from ranscore.feedback.entries import locate_evidence
from ranscore.models import Model
from ranscore.models._reading import Reading, read
from ranscore.models.lexical import Evidence, Instructions, find_evidence, read_prompt
from ranscore.records import Answer, Program, Record, Report
from ranscore.sections import find_sections

ASSERTED = "asserted"
MarkKind = Literal["rule", "exemplar", "quote", "negation", "hedge", "context"]


class Mark(Record):
    """A passage that bears on the answer, or a cue; `start` and `end` are characters of the report's text.

    Of a rule or an exemplar, `status` is `asserted` where it counts, else what takes it back (negation, hedge, context,
    look-alike, denied, exemplar), and `source` its phrase or passage. Of a cue, `source` is its own words, and
    `reach_start` and `reach_end` tell what it reaches.
    """

    start: int
    end: int
    kind: MarkKind
    status: str = ""
    source: str = ""
    reach_start: int | None = None
    reach_end: int | None = None


class Section(Record):
    """A part of a report under one heading ("" where there is none); the reader skips it unless `read`."""

    heading: str
    start: int
    end: int
    read: bool


class MarkedReport(Record):
    """What the lexical reader sees in one report, in the order of the text."""

    report_id: str
    marks: tuple[Mark, ...]
    sections: tuple[Section, ...]

    @property
    def fired(self) -> tuple[Mark, ...]:
        """The marks of rules and exemplars, counted or not."""
        return tuple(m for m in self.marks if m.kind in ("rule", "exemplar"))

    def cue_of(self, mark: Mark) -> Mark | None:
        """The cue that takes a mark back, where a cue does."""
        for cue in self.marks:
            if cue.kind != mark.status or cue.reach_start is None or cue.reach_end is None:
                continue
            if cue.reach_start < mark.end and mark.start < cue.reach_end:
                return cue
        return None


def mark_report(program: Program, report: Report) -> MarkedReport:
    """The report marked with what a program's rules and exemplars find in it; no call is made."""
    reading, told = read(report.text), _told(program)
    marks = [*_fired(told, report.text, reading), *_cues(reading, report.text)]
    marks.sort(key=lambda m: (m.start, m.end))
    return MarkedReport(report_id=report.report_id, marks=tuple(marks), sections=tuple(_sections(report.text)))


@lru_cache(maxsize=256)
def _told(program: Program) -> Instructions:
    return read_prompt(freeze_prompt(program).head)


def _fired(told: Instructions, text: str, reading: Reading) -> Iterator[Mark]:
    groups = {group[0]: group for group in told.states}
    seen: set[tuple[int, int, str]] = set()
    for found in find_evidence(told, text):
        key = (found.start, found.end, found.status)
        if key not in seen:
            kind: MarkKind = "rule" if found.source in groups else "exemplar"
            source = _matching(groups[found.source], found, reading) if found.source in groups else found.source
            yield Mark(start=found.start, end=found.end, kind=kind, status=found.status, source=source)
        seen.add(key)


def _matching(phrases: tuple[str, ...], found: Evidence, reading: Reading) -> str:
    """The phrase of a rule that matched."""
    spans = ((p, m) for p in phrases for m in reading.find((p,)))
    return next((p for p, m in spans if (m.start, m.end) == (found.start, found.end)), found.source)


def _cues(reading: Reading, text: str) -> Iterator[Mark]:
    kinds: dict[str, MarkKind] = {"negation": "negation", "hedge": "hedge", "context": "context"}
    for reach in reading.reaches:
        start, end = reach.cue
        yield Mark(
            start=start, end=end, kind=kinds[reach.kind], source=text[start:end],
            reach_start=min(reach.start, start), reach_end=max(reach.end, end),
        )  # fmt: skip


def _sections(text: str) -> Iterator[Section]:
    """The report cut at its headings; what follows an unread section without a heading is a part of its own."""
    for found in find_sections(text):
        if text[found.start : found.end].strip():
            heading = text[found.start : found.body].strip(" \t\n#*:：")
            yield Section(heading=heading, start=found.start, end=found.end, read=found.read)


def quote_evidence(program: Program, report: Report, answer: Answer, model: Model) -> Mark | None:
    """The passage that a model names for its answer, in one call; None where what it names is not in the report."""
    said = ask_quote(program, report, answer, model)
    found = locate_evidence(said, report.text) if said else None
    return Mark(start=found[0], end=found[1], kind="quote", source=model.name) if found else None
