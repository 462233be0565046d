"""What a reader wrote about one disagreement: the entries of the note ledger, and what follows from them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Literal, get_args

from pydantic import AwareDatetime, Field, ValidationError, field_validator, model_validator

from ranscore.catalog import asked_ids
from ranscore.errors import list_faults
from ranscore.records import ErrorNote, Record, Report

Verdict = Literal["false present", "false absent", "reference wrong", "guideline unclear", "cannot tell"]
Reason = Literal[
    "", "synonym", "negation", "implicit evidence", "history or comparison", "hedge", "look-alike", "other"
]
Reading = Literal["present", "absent", "uncertain"]
VERDICTS: tuple[str, ...] = get_args(Verdict)
REASONS: tuple[str, ...] = tuple(r for r in get_args(Reason) if r)
LONGEST_NOTE, LONGEST_EVIDENCE, LONGEST_NAME = 10_000, 10_000, 200
_READS: dict[str, Reading] = {
    "false present": "absent", "false absent": "present", "guideline unclear": "uncertain", "cannot tell": "uncertain",
}  # fmt: skip


class Entry(Record):
    """One entry of the ledger: a note (with a verdict), or the withdrawal of an earlier entry (`withdraws`).

    `start` and `end` place the evidence in the report's text, in characters (code points); without evidence both are
    None. `answer` is what the program said (present, absent, unanswered) and `reference` what the reference said, both
    "" where unknown.
    """

    entry_id: str = Field(min_length=1, max_length=LONGEST_NAME)
    time: AwareDatetime
    reader: str = Field(min_length=1, max_length=LONGEST_NAME)
    dataset: str = ""
    dataset_digest: str = Field(min_length=1)
    reference_digest: str = ""
    program_digest: str = ""
    run_id: str = ""
    report_id: str = ""
    finding: str = ""
    verdict: Verdict | None = None
    reason: Reason = ""
    evidence: str = Field(default="", max_length=LONGEST_EVIDENCE)
    start: int | None = Field(default=None, ge=0)
    end: int | None = Field(default=None, ge=0)
    note: str = Field(default="", max_length=LONGEST_NOTE)
    answer: Literal["", "present", "absent", "unanswered"] = ""
    reference: Literal["", "present", "absent", "uncertain"] = ""
    withdraws: str = ""
    text_digest: str = ""  # of the report, where its words are blanks here (see `quotation`)
    quotes: tuple[tuple[int, int, int], ...] = ()

    @field_validator("*")
    @classmethod
    def _encodable(cls, value: object) -> object:
        if isinstance(value, str):
            try:
                value.encode("utf-8")
            except UnicodeEncodeError:
                raise ValueError("holds half of a surrogate pair, which is no character; take it out") from None
            if "\x00" in value:
                raise ValueError("holds a NUL, which no text holds; take it out")
        return value

    @field_validator("entry_id", "reader")
    @classmethod
    def _named(cls, value: str) -> str:
        if value != value.strip() or not value.isprintable():
            raise ValueError(f"{value!r:.60} has spaces around it, or characters that cannot be printed")
        return value

    @field_validator("time")
    @classmethod
    def _in_utc(cls, value: datetime) -> datetime:
        return value.astimezone(UTC)

    @model_validator(mode="after")
    def _note_or_withdrawal(self) -> Entry:
        if bool(self.withdraws) == (self.verdict is not None):
            raise ValueError("an entry either gives a verdict or withdraws another entry")
        if self.verdict is not None:
            self._check_note()
        return self

    def _check_note(self) -> None:
        if not self.report_id or self.finding not in asked_ids():
            raise ValueError(f"a note names a report and a finding that is asked for; found {self.finding!r:.60}")
        if (self.start is None) != (self.end is None) or (self.start is not None and not self.evidence):
            raise ValueError("evidence has both a start and an end, or neither")
        if self.start is not None and self.end is not None and self.end - self.start != len(self.evidence):
            raise ValueError(f"the evidence has {len(self.evidence)} characters, start and end say otherwise")

    @property
    def cell(self) -> tuple[str, str]:
        """The report and the finding."""
        return self.report_id, self.finding

    @property
    def reads_as(self) -> Reading | None:
        """How the reader reads the report; None where the verdict does not say."""
        if self.verdict == "reference wrong":
            opposite: dict[str, Reading] = {"present": "absent", "absent": "present"}
            return opposite.get(self.reference)
        return _READS.get(self.verdict or "")

    def same_content(self, other: Entry) -> bool:
        """True where the two differ in their time at most: one entry that was sent twice."""
        return self.model_copy(update={"time": other.time}) == other


def make_entry(fields: Mapping[str, object]) -> Entry:
    """The entry of these fields; raises InputError with all faults, which show no note and no evidence."""
    try:
        return Entry.model_validate(fields)
    except ValidationError as fault:
        faults = []
        for error in fault.errors():
            where = ".".join(map(str, error["loc"])) or "the entry"
            shown = "" if where in ("note", "evidence", "the entry") else f", found {error['input']!r:.60}"
            faults.append(f"{where}: {error['msg'].removeprefix('Value error, ')}{shown}")
        raise list_faults("note", faults) from None


def current_entries(entries: Sequence[Entry]) -> tuple[Entry, ...]:
    """The notes that stand, oldest first, of entries in the order of the ledger.

    A withdrawn note does not stand, unless its withdrawal was withdrawn. Where one reader gave one cell several
    verdicts, those before the last do not stand; several notes with the last verdict all do.
    """
    withdrawn_by: dict[str, list[str]] = {}
    for entry in entries:
        if entry.withdraws:
            withdrawn_by.setdefault(entry.withdraws, []).append(entry.entry_id)
    gone: set[str] = set()
    for entry in reversed(entries):  # a withdrawal comes after what it withdraws
        if any(w not in gone for w in withdrawn_by.get(entry.entry_id, ())):
            gone.add(entry.entry_id)
    notes = [e for e in entries if e.verdict is not None and e.entry_id not in gone]
    last = {(e.reader, e.dataset_digest, *e.cell): e.verdict for e in notes}
    return tuple(e for e in notes if e.verdict == last[e.reader, e.dataset_digest, *e.cell])


def error_notes(entries: Iterable[Entry]) -> tuple[ErrorNote, ...]:
    """The error notes that an optimization reads, of notes that stand.

    A program that is wrong gives a note that reads present or absent, an unclear guideline one that reads uncertain;
    `reference wrong` and `cannot tell` give none: they say nothing about how to label.
    """
    used = ("false present", "false absent", "guideline unclear")
    return tuple(
        ErrorNote(
            note_id=e.entry_id, report_id=e.report_id, finding=e.finding, reads_as=_READS[e.verdict],
            evidence=e.evidence, why=": ".join(filter(None, (e.reason, e.note.strip()))), reader=e.reader,
        )
        for e in entries
        if e.verdict in used
    )  # fmt: skip


def locate_evidence(evidence: str, text: str) -> tuple[int, int] | None:
    """Start and end of a passage in a text, spacing and case aside; None where it does not stand there."""
    at = text.find(evidence)
    if at >= 0:
        return at, at + len(evidence)
    squeezed, places = [], []
    for i, char in enumerate(text):
        for folded in "" if char.isspace() else char.casefold():
            squeezed.append(folded)
            places.append(i)
    wanted = "".join(evidence.split()).casefold()
    at = "".join(squeezed).find(wanted) if wanted else -1
    return (places[at], places[at + len(wanted) - 1] + 1) if at >= 0 else None


def place_evidence(entry: Entry, report: Report) -> Entry:
    """The note with its evidence as it stands in the report; raises ValueError where it does not stand there.

    Evidence at the given start and end is left as it is; else it is looked for, spacing and case aside.
    """
    if not entry.evidence.strip():
        return entry.model_copy(update={"evidence": "", "start": None, "end": None})
    if entry.start is not None and report.text[entry.start : entry.end] == entry.evidence:
        return entry
    found = locate_evidence(entry.evidence, report.text)
    if found is None:
        shown = (
            f"{len(entry.evidence)} characters" if report.terms.access == "restricted" else f"{entry.evidence!r:.60}"
        )
        raise ValueError(
            f"evidence: found {shown}, which is not in report {entry.report_id!r}; expected a passage copied from it"
        )
    start, end = found
    return entry.model_copy(update={"evidence": report.text[start:end], "start": start, "end": end})
