"""What the page knows: the cohort that a reader was given, its queue, the programs under review and the notes."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from ranscore import catalog
from ranscore.cohort import Dataset, Panel
from ranscore.errors import InputError
from ranscore.feedback.edits import propose_edits
from ranscore.feedback.entries import REASONS, Entry, error_notes, make_entry, place_evidence
from ranscore.feedback.evidence import Mark, mark_report, quote_evidence
from ranscore.feedback.ledger import Ledger
from ranscore.feedback.queue import QueueItem
from ranscore.loop import REVIEW, Choice, NoteEffect, Reviewed, note_effects, review_queue
from ranscore.models import Model
from ranscore.previewing import Preview, preview_note
from ranscore.records import Answer, Edit, ErrorNote, Report, digest_of
from ranscore.review.passages import cut_blocks, cut_sentences, list_fired, show_marks
from ranscore.review.rounds import Kept
from ranscore.review.security import RefusedError
from ranscore.search._objective import Objective
from ranscore.tracking import DATABASE, Tracker, runs_folder

REASON_KEYS = dict(zip(REASONS, "snihglo", strict=True))
_KIND_TEXT = {
    "false present": "False present",
    "false absent": "False absent",
    "unanswered": "No answer from the program",
    "differs": "The two sides differ",
}


@dataclass
class Desk:
    """The state behind the page; it changes only when a round ends (`take`), and in the ledger.

    Reports, findings and items are known by ids that the desk made or was given; whatever else a client names is
    answered with RefusedError.
    """

    dataset: Dataset
    ledger: Ledger
    model: Model
    panel: Panel | None = None
    mlruns: Path | None = None
    reviewed: dict[str, Reviewed] = field(default_factory=dict)
    _items: dict[str, QueueItem] = field(default_factory=dict, repr=False)
    _seen: dict[str, tuple[QueueItem, Reviewed]] = field(default_factory=dict, repr=False)
    _quotes: dict[tuple[str, str], Mark] = field(default_factory=dict, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _asking: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _tracker: Tracker | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        self.reports: Mapping[str, Report] = {r.report_id: r for r in self.dataset.reports}
        self.ledger = self.ledger.about(self.dataset.reports)
        self._fill()

    def take(self, kept: Kept) -> None:
        """Reviews the program that a round kept from now on, with the errors of that one."""
        choice = Choice(kept.best.candidate.program, f"kept, run {kept.run_id[:8]}", kept.run_id)
        with self._lock:
            task = self.reviewed[kept.finding].objective.task
            found = Reviewed(self.dataset, kept.finding, choice, Objective(task, REVIEW), kept.best)
            self.reviewed = {**self.reviewed, kept.finding: found}
            self._fill()

    def _fill(self) -> None:
        items = review_queue(list(self.reviewed.values()), panel=self.panel)
        self._items = {digest_of(["item", i.item_id])[7:23]: i for i in items}
        self._seen |= {key: (item, self.reviewed[item.finding]) for key, item in self._items.items()}

    def names(self) -> list[tuple[str, str]]:
        """The findings under review: id and name, in the order of their names."""
        return sorted(((f, catalog.finding_name(f)) for f in self.reviewed), key=lambda pair: pair[1])

    def queue(self, reader: str) -> list[dict[str, Any]]:
        """The disagreements in their order, and whether this reader has judged them."""
        done = {e.cell for e in self._notes() if e.reader == reader}
        return [
            {
                "id": key, "report_id": item.report_id, "finding": item.finding, "finding_name": item.name,
                "kind": item.kind, "done": (item.report_id, item.finding) in done,
            }
            for key, item in self._items.items()
        ]  # fmt: skip

    def find(self, key: str) -> tuple[QueueItem, Reviewed]:
        """The item of an id, and the program that it is an error of; RefusedError (404) for any other id.

        An item that a round has mended meanwhile is still known: a note on it may be half written.
        """
        found = self._seen.get(key)
        if found is None:
            raise RefusedError(404, "There is no such disagreement in this queue; reload the page.")
        return found

    def finding(self, name: str) -> Reviewed:
        """The finding under review; RefusedError (404) for any other name."""
        found = self.reviewed.get(name)
        if found is None:
            raise RefusedError(404, "That finding is not under review here.")
        return found

    def item(self, key: str, reader: str) -> dict[str, Any]:
        """All that the page shows of one disagreement."""
        item, reviewed = self.find(key)
        report = self.reports[item.report_id]
        sides = zip(item.sides, (item.answer, item.reference), strict=True)
        shown = {
            "id": key, "report_id": item.report_id, "finding": item.finding, "finding_name": item.name,
            "kind": item.kind, "kind_text": _KIND_TEXT[item.kind], "why": item.why, "program": reviewed.origin,
            "sides": [{"name": n[:1].upper() + n[1:], "value": v} for n, v in sides],
            "votes": [{"reader": r, "value": v} for r, v in item.votes.items()],
            "notes": self._notes_on(item, reader), "verdicts": _verdicts(item),
            "reasons": [_reason(r) for r in REASONS],
        }  # fmt: skip
        return shown | _show_report(reviewed, report, self._quotes.get((key, reviewed.program.digest())))

    def quote(self, key: str) -> bool:
        """Asks an endpoint for the words that its answer rests on, in one call; whether it named some that are there.

        Raises RefusedError (409) where there is no answer to ask about, or the model is embedded and shows its own.
        """
        item, reviewed = self.find(key)
        if self.model.embedded or item.answer not in ("present", "absent"):
            raise RefusedError(409, "There is no model to ask about this answer.")
        answer: Answer = "present" if item.answer == "present" else "absent"
        with self._asking:
            found = quote_evidence(reviewed.program, self.reports[item.report_id], answer, self.model)
        if found:
            self._quotes[key, reviewed.program.digest()] = found
        return found is not None

    def _notes(self) -> tuple[Entry, ...]:
        return self.ledger.current(dataset_digest=self.dataset.digest)

    def _notes_on(self, item: QueueItem, reader: str) -> list[dict[str, Any]]:
        found = [e for e in self._notes() if e.cell == (item.report_id, item.finding)]
        return [show_entry(e, reader) for e in found]

    def write(self, reader: str, fields: Mapping[str, Any]) -> Entry:
        """One note, durably written; the same note sent again is written once.

        Raises RefusedError: 404 for an unknown item, 409 for an id that belongs to another note, 422 for the rest.
        """
        item, reviewed = self.find(str(fields["item"]))
        report = self.reports[item.report_id]
        start, end = _span(fields, report)
        given = {
            "entry_id": fields["entry"], "time": datetime.now(UTC), "reader": reader, "dataset": self.dataset.name,
            "dataset_digest": self.dataset.digest, "reference_digest": self.dataset.reference_digest,
            "program_digest": reviewed.program.digest(), "run_id": reviewed.run_id, "report_id": item.report_id,
            "finding": item.finding, "verdict": fields["verdict"], "reason": fields["reason"], "note": fields["note"],
            "evidence": "" if start is None else report.text[start:end], "start": start, "end": end,
            "answer": item.answer if item.kind != "differs" else "",
            "reference": item.reference if item.kind != "differs" else "",
        }  # fmt: skip
        try:
            entry = place_evidence(make_entry(given), report)
        except (InputError, ValueError) as fault:
            raise RefusedError(422, f"The note cannot be taken: {fault}") from None
        self._append(entry)
        return entry

    def _append(self, entry: Entry) -> None:
        known = self.ledger.find(entry.entry_id)
        if known is not None and not entry.same_content(known):
            raise RefusedError(409, "That note is in the ledger with another content.")
        self.ledger.append(entry)

    def take_back(self, reader: str, entry_id: str, new_id: str) -> None:
        """Withdraws one of the reader's own notes on this cohort, once; else RefusedError (404, 409)."""
        entry = self.ledger.find(entry_id)
        if entry is None or entry.reader != reader or entry.dataset_digest != self.dataset.digest:
            raise RefusedError(404, "There is no such note of yours.")
        known = self.ledger.find(new_id)
        if known is not None:
            if known.withdraws == entry_id and known.reader == reader:
                return
            raise RefusedError(409, "That id belongs to another note.")
        self.ledger.withdraw(entry_id, reader, new_id)

    def preview(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """What the marked passage would change as a rule, or how many calls an answer would cost."""
        item, reviewed = self.find(str(fields["item"]))
        report = self.reports[item.report_id]
        start, end = _span(fields, report)
        reads_as: Literal["present", "absent"] = "absent" if item.reference == "absent" else "present"
        if start is None:
            raise RefusedError(422, "Nothing is marked.")
        note = ErrorNote(
            note_id="preview", report_id=item.report_id, finding=item.finding, reads_as=reads_as,
            evidence=report.text[start:end], reader="preview",
        )  # fmt: skip
        with self._asking:
            found = preview_note(reviewed.objective, reviewed.scored, note, spend=bool(fields.get("spend")))
        return _shown_preview(found)

    def notes(self, reader: str) -> list[dict[str, Any]]:
        """Every note that stands on this cohort, newest first, with the edits that it proposed and what they did.

        Of several optimizations that read a note, the newest is shown.
        """
        effects: dict[str, list[NoteEffect]] = {}
        for effect in self._effects():
            known = effects.setdefault(effect.note_id, [])
            if not known or known[0].run_id == effect.run_id:
                known.append(effect)
        shown = [e for e in self._notes() if e.finding in self.reviewed]
        used = {n.note_id: n for n in error_notes(shown)}
        return [
            show_entry(e, reader)
            | {"used": e.entry_id in used, "effects": self._shown_effects(used.get(e.entry_id), effects)}
            for e in reversed(shown)
        ]

    def _shown_effects(self, note: ErrorNote | None, effects: Mapping[str, list[NoteEffect]]) -> list[dict[str, Any]]:
        found = effects.get(note.note_id, []) if note else []
        if note is None or not found:
            return []
        edits = propose_edits([note], dict(self.reports))
        words = {e.id: edit_words(e.rule.means if e.rule else e.kind, _words(e)) for e in edits}
        return [_shown_effect(x, words) for x in found]

    def _effects(self) -> Iterable[NoteEffect]:
        tracker = self.tracker()
        return note_effects(tracker, dataset_digest=self.dataset.digest) if tracker else ()

    def tracker(self) -> Tracker | None:
        """The tracking store, opened once; None where nothing was tracked yet."""
        with self._lock:
            if self._tracker is None and (runs_folder(self.mlruns) / DATABASE).is_file():
                self._tracker = Tracker.open(self.mlruns)
            return self._tracker

    def offer(self) -> list[dict[str, Any]]:
        """What a round could work with: for each finding the errors, the notes that stand, and the program's origin."""
        notes = error_notes(self._notes())
        errors = [i.finding for i in self._items.values()]
        return [
            {
                "finding": finding, "name": name, "errors": errors.count(finding),
                "notes": sum(n.finding == finding for n in notes), "program": self.reviewed[finding].origin,
            }
            for finding, name in self.names()
        ]  # fmt: skip


def _show_report(reviewed: Reviewed, report: Report, quote: Mark | None) -> dict[str, Any]:
    marked = mark_report(reviewed.program, report)
    blocks = cut_blocks(report.text, marked.sections)
    return {
        "language": report.language,
        "text": report.text,
        "blocks": blocks,
        "sentences": cut_sentences(report.text, blocks),
        "marks": show_marks(marked, quote),
        "fired": list_fired(report.text, marked, quote),
        "silence": _silence(reviewed.model),
        "quotable": not reviewed.model.embedded and quote is None,
    }


def _silence(model: Model) -> str:
    if model.embedded:
        return "Nothing in this report matches the program's rules or exemplars."
    return "The rules and exemplars match nothing here by word; how the model came to its answer is not known."


def _verdicts(item: QueueItem) -> list[dict[str, str]]:
    wrong = "false present" if _is_false_present(item) else "false absent"
    if item.kind == "differs":
        return [
            {"key": "1", "value": "false absent", "text": "Present", "hint": "the report states the finding"},
            {"key": "2", "value": "false present", "text": "Absent", "hint": "the report does not state it"},
            *_undecided(),
        ]
    stated = "it is not stated" if wrong == "false present" else "it is stated"
    return [
        {"key": "1", "value": wrong, "text": "Program wrong", "hint": f"{wrong}: {stated}"},
        {"key": "2", "value": "reference wrong", "text": "Reference wrong", "hint": f"it says {item.reference}"},
        *_undecided(),
    ]


def _is_false_present(item: QueueItem) -> bool:
    return item.kind == "false present" or (item.kind == "unanswered" and item.reference == "absent")


def _undecided() -> list[dict[str, str]]:
    return [
        {"key": "3", "value": "guideline unclear", "text": "Guideline unclear", "hint": ""},
        {"key": "4", "value": "cannot tell", "text": "Cannot tell", "hint": ""},
    ]


def _reason(name: str) -> dict[str, str]:
    return {"key": REASON_KEYS[name], "value": name, "text": name[0].upper() + name[1:], "hint": ""}


def _words(edit: Edit) -> str:
    return edit.rule.phrases[0] if edit.rule else edit.exemplar.passage if edit.exemplar else ""


def _span(fields: Mapping[str, Any], report: Report) -> tuple[int | None, int | None]:
    start, end = fields.get("start"), fields.get("end")
    if start is None or end is None:
        return None, None
    if not 0 <= start < end <= len(report.text):
        raise RefusedError(422, "The evidence does not lie in the report.")
    return start, end


def show_entry(entry: Entry, reader: str) -> dict[str, Any]:
    """One note as the page shows it."""
    return {
        "entry": entry.entry_id, "reader": entry.reader, "own": entry.reader == reader,
        "time": f"{entry.time:%Y-%m-%d %H:%M} UTC", "report_id": entry.report_id, "finding": entry.finding,
        "finding_name": catalog.finding_name(entry.finding), "verdict": entry.verdict, "reason": entry.reason,
        "evidence": entry.evidence, "note": entry.note,
    }  # fmt: skip


def _shown_preview(found: Preview) -> dict[str, Any]:
    best = found.best
    shown: dict[str, Any] = {"text": found.sentence, "calls": found.calls, "exact": found.exact}
    if best is None:
        return shown
    return shown | {
        "right": len(best.right_ids), "wrong": len(best.wrong_ids), "made": edit_words(best.kind, best.words),
    }  # fmt: skip


def edit_words(kind: str, words: str) -> str:
    """An edit in a reader's words."""
    means = {"states": "rule: states", "does_not_count": "rule: does not count", "denies": "rule: denies"}
    return f"{means.get(kind, kind)} “{words}”" if words else means.get(kind, kind)


def _shown_effect(found: NoteEffect, words: Mapping[str, str]) -> dict[str, Any]:
    return {
        "round": found.round, "edit": words.get(found.edit) or edit_words(found.kind, ""), "status": found.status,
        "reason": found.reason, "in_program": found.in_program, "before": found.kappa_before,
        "after": found.kappa_after, "helped": list(found.helped), "hurt": list(found.hurt), "run": found.run_id[:8],
        "round_helped": list(found.round_helped), "round_hurt": list(found.round_hurt),
    }  # fmt: skip
