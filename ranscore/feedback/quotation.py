"""Notes on reports that are not open are kept without the report's words: places in the report stand in their stead.

The evidence becomes blanks of equal length beside its start and end; so does each passage of the note that stands in
the report and is not ranscore's own vocabulary. With the report at hand the note reads as it was written.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ranscore.feedback.discretion import own_vocabulary
from ranscore.feedback.entries import Entry
from ranscore.records import Report, digest_of

BLANK = "□"
SHORTEST_STEM = 4
_CJK = "\u3400-\u9fff\uf900-\ufaff"
_RUN = re.compile(rf"[{_CJK}]{{2,}}|(?:(?![{_CJK}])[^\W_])+")
_WORD = re.compile(rf"(?:(?![{_CJK}])[^\W_])+")


def hide_text(entry: Entry, report: Report | None) -> Entry:
    """The entry as it is kept: without the words of its report, unless the report is open."""
    if report is None or report.terms.access == "open" or entry.text_digest or not (entry.evidence or entry.note):
        return entry
    quotes, note = tuple(_quotes(entry.note, report.text)), list(entry.note)
    for at, start, end in quotes:
        note[at : at + end - start] = BLANK * (end - start)
    hidden = {"note": "".join(note), "quotes": quotes, "text_digest": digest_of(report.text)}
    return entry.model_copy(update=hidden | {"evidence": BLANK * len(entry.evidence)})


def show_text(entry: Entry, report: Report | None) -> Entry:
    """The entry as it was written; left as it is kept where the report is not there, or has another text now."""
    if not entry.text_digest or report is None or digest_of(report.text) != entry.text_digest:
        return entry
    note = list(entry.note)
    for at, start, end in entry.quotes:
        note[at : at + end - start] = report.text[start:end]
    evidence = report.text[entry.start : entry.end] if entry.start is not None else ""
    return entry.model_copy(update={"note": "".join(note), "evidence": evidence, "quotes": (), "text_digest": ""})


def _quotes(note: str, text: str) -> Iterator[tuple[int, int, int]]:
    """Where in the note a passage of the report stands, and its start and end in the report."""
    low = text.lower() if len(text.lower()) == len(text) else text
    places: dict[str, int] = {}
    for found in _WORD.finditer(low):
        places.setdefault(found[0], found.start())
    foreign = {w: at for w, at in places.items() if w not in own_vocabulary()}
    for run in _RUN.finditer(note):
        if re.match(f"[{_CJK}]", run[0]):
            yield from _chinese(run, text)
            continue
        word = run[0].lower()
        stem = max(
            (w for w in foreign if word == w or (len(w) >= SHORTEST_STEM and word.startswith(w))), key=len, default=""
        )
        if stem and len(word) == len(run[0]):
            yield run.start(), foreign[stem], foreign[stem] + len(stem)


def _chinese(run: re.Match[str], text: str) -> Iterator[tuple[int, int, int]]:
    """The longest passages of a run of Chinese characters that stand in the report and hold a pair that is not ours."""
    characters, at = run[0], 0
    while at < len(characters) - 1:
        end = next((e for e in range(len(characters), at + 1, -1) if characters[at:e] in text), at + 1)
        passage = characters[at:end]
        if any(passage[i : i + 2] not in own_vocabulary() for i in range(len(passage) - 1)):
            start = text.index(passage)
            yield run.start() + at, start, start + len(passage)
        at = max(end, at + 1)
