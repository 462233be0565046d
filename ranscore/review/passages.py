"""A report as the page shows it: headings and bodies, sentences to step through, marks with their words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ranscore.feedback.evidence import ASSERTED, Mark, MarkedReport, Section
from ranscore.phrases import normalize

STATUS = {
    ASSERTED: "counts",
    "negation": "does not count: negated",
    "hedge": "does not count: hedged",
    "context": "does not count: history or comparison",
    "look-alike": "does not count: a look-alike rule covers it",
    "denied": "does not count: a rule denies it here",
    "exemplar": "does not count: an exemplar reads it as absent",
}
_KINDS = {"negation": "negation", "hedge": "hedge", "context": "context", "quote": "quoted"}
_HEADING_MARKS = " \t*#:：】]"


def cut_blocks(text: str, sections: Sequence[Section]) -> list[dict[str, Any]]:
    """The report's headings and bodies in order, by start and end; all its text but the colons of headings."""
    found: list[dict[str, Any]] = []
    for section in sections or [Section(heading="", start=0, end=len(text), read=True)]:
        body = section.start + len(section.heading)
        if section.heading:
            found.append({"kind": "heading", "start": section.start, "end": body})
            while body < section.end and text[body] in _HEADING_MARKS:
                body += 1
        start, end = _trimmed(text, body, section.end)
        if start < end:
            found.append({"kind": "body" if section.read else "unread", "start": start, "end": end})
    return found


def cut_sentences(text: str, blocks: Sequence[dict[str, Any]]) -> list[tuple[int, int]]:
    """Start and end of every sentence of the bodies, without what ends it."""
    normal, found = normalize(text), []
    for block in blocks:
        if block["kind"] == "heading":
            continue
        at = block["start"]
        for line in normal[at : block["end"]].split("\n"):
            start, end = _trimmed(text, at, at + len(line))
            if any(c.isalnum() for c in text[start:end]):
                found.append((start, end))
            at += len(line) + 1
    return found


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return start, end


def show_marks(marked: MarkedReport, quote: Mark | None = None) -> list[dict[str, Any]]:
    """The marks as the page draws them; of marks of one kind that overlap, the one that counts, then the longest."""
    marks = [*marked.marks, *([quote] if quote else [])]
    return [
        {"start": m.start, "end": m.end, "kind": _kind(m), "title": _title(m)}
        for m in sorted(marks, key=lambda m: (m.status != ASSERTED, m.start - m.end))
    ]


def _kind(mark: Mark) -> str:
    return _KINDS.get(mark.kind) or ("fired" if mark.status == ASSERTED else "silent")


def _title(mark: Mark) -> str:
    if mark.kind == "quote":
        return f"quoted by {mark.source}"
    return f"{mark.kind} “{mark.source}”: {STATUS.get(mark.status, mark.status)}" if mark.status else ""


def list_fired(text: str, marked: MarkedReport, quote: Mark | None = None) -> list[dict[str, str]]:
    """What the program read, one row a passage: a model's quote, then what counts, then the rest."""
    rows = [_row(text, quote, "quoted as its evidence", quote.source)] if quote else []
    for mark in sorted(marked.fired, key=lambda m: (m.status != ASSERTED, m.start)):
        cue = marked.cue_of(mark)
        because = f" by “{text[cue.start : cue.end]}”" if cue else ""
        status = STATUS.get(mark.status, mark.status) + because
        rows.append(_row(text, mark, status, f"{mark.kind} “{mark.source}”"))
    return rows


def _row(text: str, mark: Mark, status: str, source: str) -> dict[str, str]:
    return {"passage": " ".join(text[mark.start : mark.end].split()), "status": status, "source": source}
