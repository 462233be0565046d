"""Error notes become candidate edits, and edits become a new program; every edit is traceable to its notes.

A note's evidence is generalized in steps: side, size and filler words are dropped, what stood between the kept words
becomes a gap. Each step is a candidate of its own, so that the search decides how general a rule may be.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import pairwise

from ranscore.errors import InputError
from ranscore.phrases import compile_phrase, normalize
from ranscore.records import (
    Answer,
    Edit,
    ErrorNote,
    Exemplar,
    Means,
    Origin,
    Program,
    Provenance,
    Record,
    Report,
    SynonymRule,
    digest_of,
)

MOST_WORDS = 9
_CJK = re.compile(r"[\u3400-\u9fff]")
_BESIDE = re.compile(r"[ /'\"()]{1,3}")  # what may stand between two adjacent words of a phrase
_DROPPED = frozenset(
    [
        "a",
        "an",
        "the",
        "this",
        "that",
        "these",
        "those",
        "its",
        "their",
        "is",
        "are",
        "was",
        "were",
        "be",
        "been",
        "being",
        "has",
        "have",
        "had",
        "now",
        "again",
        "still",
        "also",
        "there",
        "here",
        "it",
        "which",
        "who",
        "left",
        "right",
        "bilateral",
        "bilaterally",
        "both",
        "mild",
        "mildly",
        "moderate",
        "moderately",
        "severe",
        "small",
        "large",
        "tiny",
        "minimal",
        "slight",
        "slightly",
        "marked",
        "markedly",
        "some",
        "of",
        "in",
        "on",
        "at",
        "to",
        "and",
        "or",
        "with",
        "by",
        "for",
        "from",
        "than",
        "then",
        "as",
        "into",
        "over",
        "under",
        "within",
        "along",
        "about",
        "patient",
        "new",
        "old",
        "stable",
        "unchanged",
        "seen",
        "noted",
        "identified",
        "present",
        "demonstrated",
        "appears",
        "appear",
        "remains",
        "lower",
        "upper",
        "middle",
        "mid",
        "anterior",
        "posterior",
        "lateral",
        "medial",
        "cm",
        "mm",
        "one",
        "two",
        "three",
        "four",
        "five",
        "six",
        "seven",
        "eight",
        "nine",
        "ten",
        "first",
        "second",
        "third",
        "very",
        "more",
        "less",
        "quite",
        "rather",
        "today",
    ]
)
_ZH_DROPPED = re.compile(
    r"[左右双两侧上中下]{1,3}(?:侧|肺|叶|野|部)?|可见|见|约|少许|少量|轻度|明显|较前|大小|[\d.×x]+(?:cm|mm|厘米|毫米)?"
)


class Rejected(Record):
    """An edit that was not taken, and why."""

    edit: Edit
    reason: str


def apply_edits(program: Program, edits: Iterable[Edit]) -> Program:
    """The program with the edits added, in their order; pure. Raises InputError for an edit of another finding."""
    rules, exemplars = list(program.rules), list(program.exemplars)
    present, absent = list(program.present_when), list(program.absent_when)
    for edit in edits:
        if edit.finding != program.finding:
            raise InputError(f"edit {edit.id} is for {edit.finding!r}, the program for {program.finding!r}.")
        if edit.rule:
            rules.append(edit.rule)
        if edit.exemplar:
            exemplars.append(edit.exemplar)
        if edit.clarification and edit.clarification.present_when:
            present.append(edit.clarification.present_when)
        if edit.clarification and edit.clarification.absent_when:
            absent.append(edit.clarification.absent_when)
    return program.model_copy(
        update={
            "rules": tuple(rules),
            "exemplars": tuple(exemplars),
            "present_when": tuple(present),
            "absent_when": tuple(absent),
        }
    )


def propose_edits(notes: Sequence[ErrorNote], reports: dict[str, Report]) -> tuple[Edit, ...]:
    """Candidate edits from error notes: synonym rules from the evidence, an exemplar from the evidence or its sentence.

    A note that reads `uncertain`, or has no evidence, proposes nothing by itself (see `read_notes_with_model`).
    """
    edits: list[Edit] = []
    for note in notes:
        report = reports.get(note.report_id)
        if note.reads_as == "uncertain" or not note.evidence.strip() or report is None:
            continue
        edits += _rules_of(note)
        answer: Answer = "present" if note.reads_as == "present" else "absent"
        edits.append(make_exemplar(note.finding, note.evidence, answer, "note", [note], note.why, report.report_id))
    return unique_edits(edits)


def _rules_of(note: ErrorNote) -> list[Edit]:
    means: Means = "states" if note.reads_as == "present" else "does_not_count"
    return [make_rule(note.finding, means, [p], "note", [note], note.why) for p in generalize(note.evidence)]


def unique_edits(edits: Iterable[Edit]) -> tuple[Edit, ...]:
    """The edits without repeats, each where it stands first, traceable to the notes and reports of all its repeats."""
    kept: dict[str, Edit] = {}
    for edit in edits:
        kept[edit.id] = _merge(kept[edit.id], edit) if edit.id in kept else edit
    return tuple(kept.values())


def _merge(first: Edit, again: Edit) -> Edit:
    """The first edit with the notes and reports of another one of the same content."""
    old, new = first.provenance, again.provenance
    notes = tuple(dict.fromkeys((*old.note_ids, *new.note_ids)))
    reports = tuple(dict.fromkeys((*old.report_ids, *new.report_ids)))
    if (notes, reports) == (old.note_ids, old.report_ids):
        return first
    source = old.model_copy(update={"note_ids": notes, "report_ids": reports})
    content = {"provenance": source}
    inner = {
        name: part.model_copy(update=content)
        for name in ("rule", "exemplar")
        if (part := getattr(first, name)) is not None
    }
    return first.model_copy(update={**content, **inner})


def make_rule(
    finding: str,
    means: Means,
    phrases: Sequence[str],
    origin: Origin,
    notes: Sequence[ErrorNote] = (),
    concept: str = "",
    report_ids: Sequence[str] = (),
) -> Edit:
    """A synonym rule as an edit with provenance; its id is a digest of its content."""
    key = digest_of([finding, means, list(phrases)])[7:15]
    source = _source(f"{origin}:{means}:{key}", origin, notes, concept, report_ids)
    rule = SynonymRule(means=means, phrases=tuple(phrases), provenance=source)
    return Edit(id=source.edit_id, finding=finding, kind="synonym_rule", rule=rule, provenance=source)


def make_exemplar(
    finding: str,
    passage: str,
    answer: Answer,
    origin: Origin,
    notes: Sequence[ErrorNote] = (),
    concept: str = "",
    report_id: str | None = None,
) -> Edit:
    """An exemplar as an edit with provenance; `report_id` names the report whose text the passage is."""
    passage = " ".join(passage.split())
    key = digest_of([finding, passage, answer])[7:15]
    source = _source(f"{origin}:exemplar:{key}", origin, notes, concept, [report_id] if report_id else [])
    exemplar = Exemplar(passage=passage, answer=answer, report_id=report_id, provenance=source)
    return Edit(id=source.edit_id, finding=finding, kind="exemplar", exemplar=exemplar, provenance=source)


def _source(
    edit_id: str, origin: Origin, notes: Sequence[ErrorNote], concept: str, report_ids: Sequence[str]
) -> Provenance:
    reports = dict.fromkeys([*(n.report_id for n in notes), *report_ids])
    return Provenance(
        origin=origin,
        edit_id=edit_id,
        concept=" ".join(concept.split())[:300],
        source="error note" if origin == "note" else "development error" if origin == "mined" else "",
        note_ids=tuple(n.note_id for n in notes),
        report_ids=tuple(reports),
    )


def generalize(evidence: str) -> tuple[str, ...]:
    """Phrases that a passage supports, the closest first: its content words in order, then their first and last part.

    A part has at least three content words, a phrase at least two: one word alone says too little to be a rule.
    """
    text = next((line for line in normalize(evidence).split("\n") if line.strip()), "").strip()
    if _CJK.search(text):
        return _generalize_chinese(text)
    words = re.finditer(r"[\w.']+", text)
    kept = [m for m in words if m.group()[0].isalpha() and m.group() not in _DROPPED][:MOST_WORDS]
    if len(kept) < 2:
        return ()
    part = max(3, (len(kept) + 1) // 2)
    runs = [kept, kept[:part], kept[-part:]] if len(kept) > part else [kept]
    return join_words(runs, text)


def join_words(runs: Iterable[Sequence[re.Match[str]]], text: str) -> tuple[str, ...]:
    """The phrase of each run of words of a text; one that cannot be written, or does not match, is left out."""
    return _matching([_joined(text, run) for run in runs], text)


def _joined(text: str, run: Sequence[re.Match[str]]) -> str:
    """The words of a run as a phrase: words with a space between them stay adjacent, others are joined by a gap."""
    parts = [run[0].group()]
    for left, right in pairwise(run):
        between = text[left.end() : right.start()]
        parts.append(right.group() if _BESIDE.fullmatch(between) else f"... {right.group()}")
    return " ".join(parts)


def _generalize_chinese(text: str) -> tuple[str, ...]:
    clauses = [c for c in re.split(r"[,、:;\s\"()/&*?]+", text) if _CJK.search(c)]
    found = []
    for clause in clauses[:3]:
        pieces = [p for p in _ZH_DROPPED.split(clause) if p and len(p) >= 2]
        found.append(clause)
        if pieces:
            found.append(" ... ".join(pieces[:4]))
    return _matching([p for p in found if len(p) >= 3], text)


def _matching(phrases: Iterable[str], text: str) -> tuple[str, ...]:
    """The phrases without repeats that can be written and do stand in the text."""
    return tuple(p for p in dict.fromkeys(phrases) if _stands(p, text))


def _stands(phrase: str, text: str) -> bool:
    try:
        return '"' not in phrase and bool(compile_phrase(phrase).find(text))
    except InputError:
        return False
