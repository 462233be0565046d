"""The nouns of ranscore (DESIGN 2). All are frozen: a function that changes one returns a new one."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

Answer = Literal["present", "absent"]
Means = Literal["states", "does_not_count", "denies"]
Origin = Literal["guideline", "overlay", "expert", "note", "mined", "model"]


class Record(BaseModel):
    """A frozen record that refuses fields it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def digest(self) -> str:
        """SHA-256 of the record's canonical JSON, as `sha256:<hex>`."""
        return digest_of(self.model_dump(mode="json"))


def digest_of(data: Any) -> str:
    """SHA-256 of any JSON value in canonical form (sorted keys, UTF-8), as `sha256:<hex>`."""
    text = json.dumps(data, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return "sha256:" + hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


class Provenance(Record):
    """Where a rule, an exemplar or a criterion comes from."""

    origin: Origin
    edit_id: str = ""
    concept: str = ""
    source: str = ""
    note_ids: tuple[str, ...] = ()
    report_ids: tuple[str, ...] = ()


class SynonymRule(Record):
    """Phrases (see `ranscore guide phrases`) and what they mean for a finding."""

    means: Means
    phrases: tuple[str, ...] = Field(min_length=1)
    provenance: Provenance | None = None


class Exemplar(Record):
    """A short worked example: a passage and its answer. `report_id` is set when the passage is a report's own text."""

    passage: str = Field(min_length=1)
    answer: Answer
    report_id: str | None = None
    provenance: Provenance | None = None


class Clarification(Record):
    """One more criterion line: exactly one of the two is given."""

    present_when: str | None = None
    absent_when: str | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> Clarification:
        if (self.present_when is None) == (self.absent_when is None):
            raise ValueError("a clarification has either present_when or absent_when")
        return self


class Edit(Record):
    """One proposed change to one finding's program, traceable to its source."""

    id: str
    finding: str
    kind: Literal["synonym_rule", "exemplar", "clarification"]
    rule: SynonymRule | None = None
    exemplar: Exemplar | None = None
    clarification: Clarification | None = None
    provenance: Provenance

    @model_validator(mode="after")
    def _content_fits_kind(self) -> Edit:
        content = {"synonym_rule": self.rule, "exemplar": self.exemplar, "clarification": self.clarification}
        given = [kind for kind, value in content.items() if value is not None]
        if given != [self.kind]:
            raise ValueError(f"an edit of kind {self.kind!r} holds exactly that content, found {given}")
        return self


class AnswerForm(Record):
    """How the answer is asked for: the closing question and the two words the model may say.

    `question` may hold `{name}`, `{present}` and `{absent}`. `exemplar_chars` is the longest passage shown.
    """

    question: str = "Is {name} present in this report? Answer with one word: {present} or {absent}."
    present: str = "present"
    absent: str = "absent"
    exemplar_chars: int = Field(default=400, ge=40)

    def ask(self, name: str) -> str:
        """The closing question for one finding."""
        return self.question.format(name=name, present=self.present, absent=self.absent)

    def word(self, answer: Answer) -> str:
        """The word the model says for an answer."""
        return self.present if answer == "present" else self.absent


class Program(Record):
    """All that a model is told about one finding.

    `text`, where an optimizer wrote one, is the whole system message in place of the rendered one.
    """

    finding: str
    name: str
    instruction: str
    form: AnswerForm = AnswerForm()
    definition: str
    present_when: tuple[str, ...] = ()
    absent_when: tuple[str, ...] = ()
    rules: tuple[SynonymRule, ...] = ()
    exemplars: tuple[Exemplar, ...] = ()
    text: str = ""


class Derivation(Record):
    """How a finding is derived from the others instead of being asked for."""

    from_: Literal["others"] = Field(default="others", alias="from")
    present_when: Literal["all_absent"] = "all_absent"
    uncertain_when: Literal["any_uncertain"] = "any_uncertain"


_INVISIBLE = re.compile("[\0\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff]")


def strip_invisible(text: str) -> str:
    """A text without NULs, zero-width and direction characters: they split or turn words that a person sees whole."""
    return _INVISIBLE.sub("", text)


class Terms(Record):
    """Where reports come from and where their text may go; `sentence` names the terms that say so.

    A table without a card is `undeclared`: nobody has said whose text it is.
    """

    source: str = ""
    access: Literal["open", "restricted", "undeclared"] = "undeclared"
    remote: Literal["permitted", "refused"] = "permitted"
    sentence: str = ""


class Report(Record):
    """One report as a program reads it: `text` is what the model gets, `terms` say where it may go."""

    report_id: str
    text: str
    language: str = ""
    group: str = ""  # the patient, where the table has one
    terms: Terms = Terms()

    @field_validator("text")
    @classmethod
    def _without_invisible(cls, text: str) -> str:
        return strip_invisible(text)

    def digest(self) -> str:
        """SHA-256 of the text alone."""
        return digest_of(self.text)


class Label(Record):
    """The value of one finding in one report as a model gave it."""

    report_id: str
    finding: str
    value: Literal["present", "absent", "unanswered"]
    reason: str = ""


PRESENT, ABSENT, UNCERTAIN, UNANSWERED = 1, 0, -1, -2


class LabelTable(Record):
    """Labels of many reports: `values[i][j]` is 1, 0, -1 (uncertain) or -2 (unanswered) for report i and finding j."""

    report_ids: tuple[str, ...]
    findings: tuple[str, ...]
    values: tuple[tuple[int, ...], ...]

    def column(self, finding: str) -> dict[str, int]:
        """One finding's values by report id."""
        at = self.findings.index(finding)
        return {r: row[at] for r, row in zip(self.report_ids, self.values, strict=True)}


class ErrorNote(Record):
    """A reader's remark on one wrong label; `evidence` is a passage of the report."""

    note_id: str
    report_id: str
    finding: str
    reads_as: Literal["present", "absent", "uncertain"]
    evidence: str = ""
    why: str = ""
    reader: str = ""
