"""Notes and queues as tables that people fill in with a spreadsheet, and what comes back from one."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import NAMESPACE_OID, uuid5

from ranscore.catalog import finding_id, finding_name
from ranscore.errors import InputError, UnknownNameError, list_faults
from ranscore.feedback.entries import REASONS, VERDICTS, Entry, current_entries, make_entry, place_evidence
from ranscore.feedback.queue import QueueItem
from ranscore.readers import encode_sheet, read_table, rows_of, unprotect
from ranscore.readers._columns import by_meaning, missing_column
from ranscore.records import Report

CHOICES = {"verdict": VERDICTS, "reason": REASONS}
NOTE_COLUMNS = (
    "report_id", "finding", "verdict", "reason", "evidence", "note", "reader", "time", "stands", "answer", "reference",
    "start", "end", "entry_id", "withdraws", "dataset", "dataset_digest", "reference_digest", "program_digest",
    "run_id",
)  # fmt: skip
HOW_KEPT = {"text_digest", "quotes"}  # what the ledger needs and a table does not
QUEUE_COLUMNS = (
    "report_id", "finding", "error", "answer", "reference", "votes", "why_it_is_here", "report", "verdict", "reason",
    "evidence", "note", "reader", "dataset", "dataset_digest", "reference_digest", "program_digest", "run_id",
)  # fmt: skip
_REQUIRED = ("report_id", "finding", "verdict", "evidence", "note")
_WRITTEN = ("verdict", "reason", "evidence", "note")
_VERBATIM = ("evidence", "note")
_KEPT = ("dataset", "dataset_digest", "reference_digest", "program_digest", "run_id")
_ANSWERS = {"answer": ("present", "absent", "unanswered"), "reference": ("present", "absent", "uncertain")}


@dataclass(frozen=True)
class Source:
    """What notes are about: a dataset's reports, its digests, and the program that was reviewed."""

    reports: Mapping[str, Report]
    dataset: str
    dataset_digest: str
    reference_digest: str = ""
    program_digest: str = ""
    run_id: str = ""

    def fields(self) -> dict[str, str]:
        """The entry's fields that the source gives."""
        return {name: getattr(self, name) for name in _KEPT}


@dataclass(frozen=True)
class Imported:
    """The entries of a table in the order in which they are to be written, and one line for each row not taken.

    `blank` counts the rows that nobody wrote in.
    """

    entries: tuple[Entry, ...]
    faults: tuple[str, ...]
    blank: int


def encode_notes(path: Path, entries: Sequence[Entry]) -> bytes:
    """All entries as a table, withdrawals included; `stands` says which notes do."""
    standing = {e.entry_id for e in current_entries(entries)}
    rows = []
    for entry in entries:
        row = {k: "" if v is None else str(v) for k, v in entry.model_dump(mode="json", exclude=HOW_KEPT).items()}
        row["finding"] = finding_name(entry.finding) if entry.finding else ""
        row["stands"] = "" if entry.withdraws else "yes" if entry.entry_id in standing else "no"
        rows.append(row)
    return encode_sheet(path, NOTE_COLUMNS, rows, choices=CHOICES)


def encode_queue(
    path: Path, items: Sequence[QueueItem], source: Source, programs: Mapping[str, Mapping[str, str]] | None = None
) -> bytes:
    """A queue with the reports' texts as a table to fill in (CSV, XLSX), or as JSON; it holds report text.

    `programs` gives, by finding, the `program_digest` and the `run_id` that were reviewed.
    """
    known = programs or {}
    if path.suffix.lower() == ".json":
        texts = [
            {**i.model_dump(mode="json"), **known.get(i.finding, {}), "report": source.reports[i.report_id].text}
            for i in items
        ]
        return (json.dumps({**source.fields(), "items": texts}, indent=1, ensure_ascii=False) + "\n").encode()
    rows = [
        {
            **source.fields(), **known.get(i.finding, {}), "report_id": i.report_id, "finding": i.name, "error": i.kind,
            "answer": i.answer, "reference": i.reference, "why_it_is_here": i.why,
            "votes": ", ".join(f"{rater} {vote}" for rater, vote in i.votes.items()),
            "report": source.reports[i.report_id].text,
        }
        for i in items
    ]  # fmt: skip
    return encode_sheet(path, QUEUE_COLUMNS, rows, choices=CHOICES, cut=("report",))


def read_filled(path: Path, source: Source, reader: str = "", known: Sequence[Entry] = ()) -> Imported:
    """The notes of a table that was exported, or of a queue that was filled in; rows without a word are left out.

    `reader` is who wrote the rows that name nobody. `known` are the ledger's entries: a row that stands there is left
    out, and one that was edited gives a new note and withdraws the old one. Raises InputError where columns are missing
    or nothing can be read.
    """
    frame = read_table(path)
    found, faults = by_meaning(map(str, frame.columns))
    faults += [missing_column(c, list(found.values())) for c in _REQUIRED if c not in found]
    if faults:
        raise list_faults(str(path), faults)
    plain = unprotect if path.suffix.lower() == ".csv" else str
    taker = _Taker(source, reader, {e.entry_id: e for e in known})
    for place, row in rows_of(frame):
        fields = {c: plain(row[column]) for c, column in found.items() if c in (*NOTE_COLUMNS, *QUEUE_COLUMNS)}
        taker.take(place, {c: text if c in _VERBATIM else text.strip() for c, text in fields.items()})
    return Imported(tuple(taker.ordered()), tuple(taker.faults), taker.blank)


class _Taker:
    """Takes the rows of one table."""

    def __init__(self, source: Source, reader: str, known: Mapping[str, Entry]) -> None:
        self.source, self.reader, self.known = source, reader, known
        self.taken: dict[str, Entry] = {}
        self.places: dict[str, str] = {}
        self.faults: list[str] = []
        self.blank = 0
        self.now = datetime.now(UTC)

    def take(self, place: str, fields: Mapping[str, str]) -> None:
        """Takes one row, or notes what is wrong with it."""
        if not any(fields.get(c, "").strip() for c in (*_WRITTEN, "withdraws")):
            self.blank += 1
            return
        faults, values = self._values(fields)
        if not faults:
            try:
                self._add(place, values, fields)
            except (InputError, ValueError) as fault:
                faults = [line.removeprefix("note: ") for line in str(fault).splitlines()]
        if faults:
            self.faults.append(f"{place}: {'; '.join(faults)}")

    def ordered(self) -> Iterator[Entry]:
        """The entries so that what is withdrawn comes before its withdrawal."""
        return iter(sorted(self.taken.values(), key=lambda e: (bool(e.withdraws), e.time)))

    def _values(self, fields: Mapping[str, str]) -> tuple[list[str], dict[str, object]]:
        faults = [*self._fixed_faults(fields)]
        values: dict[str, object] = {**self.source.fields(), **{k: fields[k] for k in _KEPT if fields.get(k)}}
        values["reader"] = fields.get("reader") or self.reader
        if not values["reader"]:
            faults.append("reader: found nothing, expected who wrote the note (or name him with --reader)")
        for name in ("report_id", "entry_id", "withdraws", "evidence", "note"):
            values[name] = fields.get(name, "")
        for name in _ANSWERS:
            values[name] = fields.get(name, "") if fields.get(name, "") in _ANSWERS[name] else ""
        for name in ("start", "end"):
            values[name] = int(fields[name]) if fields.get(name, "").isdecimal() else None
        wrong, chosen = self._chosen(fields)
        values["time"] = fields.get("time") or self.now.isoformat()
        return faults + wrong, values | chosen

    def _fixed_faults(self, fields: Mapping[str, str]) -> Iterator[str]:
        digest = fields.get("dataset_digest", "")
        if digest and digest != self.source.dataset_digest:
            yield (
                f"dataset_digest: found {digest[:19]!r} (dataset {fields.get('dataset', '')!r}), expected "
                f"{self.source.dataset_digest[:19]!r}: the note is about other reports"
            )
        elif not fields.get("withdraws") and fields["report_id"] not in self.source.reports:
            yield f"report_id: found {fields['report_id']!r:.60}, expected the id of a report of {self.source.dataset}"

    def _chosen(self, fields: Mapping[str, str]) -> tuple[list[str], dict[str, object]]:
        """The finding, the verdict and the reason by name, in any case of letters."""
        faults, values = [], dict[str, object]()
        if fields.get("withdraws"):
            values["verdict"], values["finding"] = None, _finding(fields["finding"]) or ""
            return [], values
        values["finding"] = _finding(fields["finding"])
        if values["finding"] is None:
            faults.append(_unknown(fields["finding"]))
        for name, words, blank in (("verdict", VERDICTS, False), ("reason", REASONS, True)):
            text = " ".join(fields.get(name, "").casefold().split())
            if text not in words and not (blank and not text):
                said = repr(fields.get(name, ""))[:60] if text else "nothing"
                faults.append(f"{name}: found {said}, expected one of {', '.join(words)}")
            values[name] = text
        return faults, values

    def _add(self, place: str, values: dict[str, object], fields: Mapping[str, str]) -> None:
        given = str(values["entry_id"])
        if given in self.places:
            raise ValueError(f"entry_id: {given!r} stands in {self.places[given]} already; expected each once")
        entry = make_entry({**values, "entry_id": given or "new", **_without_span(values)})
        if entry.verdict is not None:
            entry = place_evidence(entry, self.source.reports[entry.report_id])
        old = self.known.get(given)
        if given:
            self.places[given] = place
        if old is None and given:
            self.taken[given] = entry
        elif old is None or not _same_words(entry, old):
            self._add_new(entry, old)

    def _add_new(self, entry: Entry, old: Entry | None) -> None:
        """A row without an id gets one of its content, so that a table imported twice is imported once."""
        if old is not None and (old.withdraws or old.reader != entry.reader):
            raise ValueError(
                f"reader: found {entry.reader!r}, expected {old.reader!r}, who wrote entry {old.entry_id!r}"
            )
        content = entry.model_dump(mode="json", exclude={"entry_id", "time"})
        made = str(uuid5(NAMESPACE_OID, json.dumps(content, sort_keys=True)))
        if made not in self.known:
            time = {"time": self.now} if old is not None else {}
            self.taken[made] = entry.model_copy(update={"entry_id": made, **time})
        if old is not None:
            undo = str(uuid5(NAMESPACE_OID, f"{old.entry_id} becomes {made}"))
            fields = {"entry_id": undo, "time": self.now, "withdraws": old.entry_id, "verdict": None}
            blank = {"reason": "", "evidence": "", "start": None, "end": None, "note": ""}
            if undo not in self.known:
                self.taken[undo] = old.model_copy(update=fields | blank)


def _without_span(values: Mapping[str, object]) -> dict[str, object]:
    """No start and end where they do not fit the evidence, which was edited then; they are found again."""
    start, end = values["start"], values["end"]
    if isinstance(start, int) and isinstance(end, int) and end - start == len(str(values["evidence"])):
        return {}
    return {"start": None, "end": None}


def _same_words(entry: Entry, old: Entry) -> bool:
    """True where a row says what the entry says; spreadsheets write line breaks in their own way."""
    words = ("report_id", "finding", "reader", "verdict", "reason", "evidence", "note", "withdraws")
    ours, theirs = ([str(getattr(e, name)).splitlines() for name in words] for e in (entry, old))
    return ours == theirs


def _finding(text: str) -> str | None:
    try:
        return finding_id(text)
    except UnknownNameError:
        return None


def _unknown(text: str) -> str:
    try:
        finding_id(text)
    except UnknownNameError as fault:
        return f"finding: {fault}"
    return ""
