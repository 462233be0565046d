"""The shapes of what is written in words: programs, lexicons and languages, as they stand in their files."""

from __future__ import annotations

from collections import Counter
from typing import Literal

from pydantic import Field, model_validator

from ranscore.records import AnswerForm, Derivation, Means, Record


class RuleText(Record):
    """A synonym rule as it stands in a file."""

    means: Means
    phrases: tuple[str, ...] = Field(min_length=1)


class ExemplarText(Record):
    """An exemplar as it stands in a file."""

    passage: str = Field(min_length=1)
    answer: Literal["present", "absent"]


class FindingFile(Record):
    """`programs/<set>/findings/<id>.yaml`: the seed of one finding."""

    id: str
    name: str
    aliases: tuple[str, ...] = ()
    includes: tuple[str, ...] = ()
    authors: tuple[str, ...] = ()
    source: str = ""
    definition: str
    present_when: tuple[str, ...] = ()
    absent_when: tuple[str, ...] = ()
    rules: tuple[RuleText, ...] = ()
    exemplars: tuple[ExemplarText, ...] = ()
    derived: Derivation | None = None


class LexiconEdit(Record):
    """One concept of an expert lexicon."""

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    kind: Literal["synonym_rule", "exemplar", "clarification"]
    concept: str = ""
    source: str = "Annotation guideline"
    rule: RuleText | None = None
    exemplar: ExemplarText | None = None
    present_when: str | None = None
    absent_when: str | None = None

    @model_validator(mode="after")
    def _content_fits_kind(self) -> LexiconEdit:
        given = [f for f in ("rule", "exemplar", "present_when", "absent_when") if getattr(self, f) is not None]
        wanted = {"synonym_rule": ["rule"], "exemplar": ["exemplar"]}.get(self.kind, ["present_when", "absent_when"])
        if len(given) != 1 or given[0] not in wanted:
            raise ValueError(
                f"the edit {self.id!r} of kind {self.kind!r} holds {' and '.join(given) or 'nothing'}, "
                f"expected {' or '.join(wanted)} alone"
            )
        return self


class LexiconFile(Record):
    """`programs/<set>/lexicon/<id>.yaml`: expert edits of one finding."""

    finding: str
    authors: tuple[str, ...] = ()
    edits: tuple[LexiconEdit, ...] = ()

    @model_validator(mode="after")
    def _ids_differ(self) -> LexiconFile:
        twice = sorted(i for i, n in Counter(edit.id for edit in self.edits).items() if n > 1)
        if twice:
            raise ValueError(f"the ids {', '.join(map(repr, twice))} stand more than once, expected one edit an id")
        return self


class SetFile(Record):
    """`programs/<set>/program.yaml`: what all findings share."""

    id: str
    version: str
    name: str
    authors: tuple[str, ...] = ()
    source: str = ""
    instruction: str
    form: AnswerForm = AnswerForm()
    order: tuple[str, ...] = ()


class Sections(Record):
    """Heading words of reports: the text under `read` is read, that under `unread` is not.

    `kinds` says which headings name which section (`findings`, `history` …); the others are parts of one.
    """

    read: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()
    kinds: dict[str, tuple[str, ...]] = Field(default_factory=dict)


class Cues(Record):
    """Words that negate, hedge or place in the past what stands near them (NegEx, ConText); phrases."""

    negation_before: tuple[str, ...] = ()
    negation_after: tuple[str, ...] = ()
    not_negation: tuple[str, ...] = ()
    hedge_before: tuple[str, ...] = ()
    hedge_after: tuple[str, ...] = ()
    not_hedge: tuple[str, ...] = ()
    context_before: tuple[str, ...] = ()
    context_after: tuple[str, ...] = ()
    terminators: tuple[str, ...] = ()


class LanguageFile(Record):
    """`programs/<set>/languages/<code>.yaml`: sections, cues, and each finding's terms in one language."""

    language: str
    name: str
    authors: tuple[str, ...] = ()
    source: str = ""
    sections: Sections = Sections()
    cues: Cues = Cues()
    terms: dict[str, tuple[RuleText, ...]] = Field(default_factory=dict)


class Region(Record):
    """A part of the body or of the film: `places` name it, `signs` point to it; phrases."""

    id: str
    name: str
    places: tuple[str, ...] = ()
    signs: tuple[str, ...] = ()


class AnatomyFile(Record):
    """`programs/<set>/anatomy.yaml`: regions, and the words between which a term stands.

    `modifiers` are left out of a term, `kept` wordings stay whole, `breaks` end a term, `joins` link a place and what
    is said of it, `states` and `normal` say that something is there, or as it should be. Plain words; a final * in
    `kept` stands for any ending.
    """

    authors: tuple[str, ...] = ()
    source: str = ""
    regions: tuple[Region, ...] = Field(min_length=1)
    modifiers: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    kept: tuple[str, ...] = ()
    breaks: tuple[str, ...] = ()
    joins: tuple[str, ...] = ()
    states: tuple[str, ...] = ()
    normal: tuple[str, ...] = ()
