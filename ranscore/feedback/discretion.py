"""What a program may keep of restricted reports: wordings made of ranscore's own vocabulary, no passage of a report.

A word that stands in the guideline, the lexicons or the language files names no patient; one that stands only in a
report could (a name, a number, a place). Chinese is compared by pairs of characters.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache

from ranscore import catalog
from ranscore.phrases import normalize
from ranscore.records import Edit, Report

OWN = ("guideline", "overlay", "expert")
_LATIN = re.compile(r"[^\W_]+", re.ASCII)
_PAIR = re.compile(r"(?=([\u3400-\u9fff]{2}))")


def are_restricted(reports: Iterable[Report]) -> bool:
    """True where the text of one of the reports may not be passed on."""
    return any(r.terms.access == "restricted" for r in reports)


def withhold_text(edits: Sequence[Edit]) -> tuple[tuple[Edit, ...], tuple[str, ...]]:
    """The edits that quote no report, without their notes' words, and one line for each kind that was left out."""
    kept, counts = [], dict[str, int]()
    for edit in edits:
        if edit.provenance.origin in OWN:
            kept.append(edit)
        elif edit.exemplar is None and not _foreign_words(edit):
            kept.append(_without_words(edit))
        else:
            counts[edit.kind] = counts.get(edit.kind, 0) + 1
    lines = (
        f"{number} edits of kind {kind} were left out, as they quote restricted reports (--keep-report-text keeps them)"
        for kind, number in sorted(counts.items())
    )
    return tuple(kept), tuple(lines)


def _foreign_words(edit: Edit) -> frozenset[str]:
    """What stands in the edit's wording but not in ranscore's own vocabulary."""
    line = edit.clarification
    texts = [*(edit.rule.phrases if edit.rule else ()), *((line.present_when, line.absent_when) if line else ())]
    return frozenset(w for text in texts if text for w in _words(text)) - own_vocabulary()


def _without_words(edit: Edit) -> Edit:
    """The edit without what its notes say in free words."""
    source = edit.provenance.model_copy(update={"concept": ""})
    rule = edit.rule.model_copy(update={"provenance": source}) if edit.rule else None
    return edit.model_copy(update={"provenance": source, "rule": rule})


@lru_cache(maxsize=1)
def own_vocabulary() -> frozenset[str]:
    """The words of the guideline, the lexicons and the language files, in normal form."""
    words = set[str]()
    for finding in catalog.asked_ids():
        program = catalog.seed_program(finding)
        words |= _words(" ".join([program.name, program.definition, *program.present_when, *program.absent_when]))
        words |= {w for rule in program.rules for phrase in rule.phrases for w in _words(phrase)}
        for edit in catalog.lexicon_edits(finding):
            words |= {w for phrase in (edit.rule.phrases if edit.rule else ()) for w in _words(phrase)}
            words |= _words(edit.exemplar.passage) if edit.exemplar else set()
    return frozenset(words)


def _words(text: str) -> set[str]:
    text = normalize(text)
    return set(_LATIN.findall(text)) | {m.group(1) for m in _PAIR.finditer(text)}
