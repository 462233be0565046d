"""From a note to a change: what each note of a round proposed, whether it was kept, and what came of it; ids only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ranscore.assessing import NoteFeedback
from ranscore.records import ABSENT, PRESENT, Edit, ErrorNote, Program
from ranscore.search._rounds import Optimized, Round

NOTES_FILE = "notes.json"
_NAMES = {PRESENT: "present", ABSENT: "absent"}
NOTHING = "proposed no edit: evidence that a rule or an exemplar can be made of is missing"


def note_rows(
    current: Round, before: Round | None, reference: Mapping[str, int], final: Program | None = None
) -> list[dict[str, object]]:
    """A row for every note of a round and edit that it proposed, and one for a note that proposed none.

    `status` is kept, rejected, not chosen or nothing proposed, with the `reason`. `helped` and `hurt` are the ids of
    the reports that the edit alone would turn right and wrong, `round_helped` and `round_hurt` those that the round
    turned. With the `final` program `in_program` says whether it holds the edit.
    """
    turned = _turned(current, before, reference)
    shared: dict[str, object] = {
        "round": current.number,
        "kappa_before": before.scored.score.kappa if before else None,
        "kappa_after": current.scored.score.kappa,
        "round_helped": turned[0],
        "round_hurt": turned[1],
    }
    rows: list[dict[str, object]] = []
    for note in current.notes:
        edits = [e for e in current.proposed if note.note_id in e.provenance.note_ids]
        made = [_edit_row(e, current, before) | _final(e, final) for e in edits]
        made = made or [_edit_row(None, current, before) | _final(None, final)]
        rows += [{**_about(note), **row, **shared} for row in made]
    return rows


def _about(note: ErrorNote) -> dict[str, object]:
    return {
        "note_id": note.note_id, "reader": note.reader, "report_id": note.report_id, "finding": note.finding,
        "reads_as": note.reads_as,
    }  # fmt: skip


def all_note_rows(found: Optimized, reference: Mapping[str, int]) -> list[dict[str, object]]:
    """The rows of all rounds, in their order."""
    pairs = zip(found.rounds, (None, *found.rounds), strict=False)
    return [row for current, before in pairs for row in note_rows(current, before, reference, found.program)]


def _edit_row(edit: Edit | None, current: Round, before: Round | None) -> dict[str, object]:
    if edit is None:
        return {"edit": "", "kind": "", "status": "nothing proposed", "reason": NOTHING, "helped": [], "hurt": []}
    helped, hurt = current.effects.get(edit.id, ((), ()))
    status, reason = _status(edit, current, before)
    kind = edit.rule.means if edit.rule else edit.kind
    ids = {"helped": list(helped), "hurt": list(hurt)}
    return {"edit": edit.id, "kind": kind, "status": status, "reason": reason, **ids}


def _status(edit: Edit, current: Round, before: Round | None) -> tuple[str, str]:
    rejected = {r.edit.id: r.reason for r in current.rejected}
    if edit.id in rejected:
        return "rejected", rejected[edit.id]
    if edit.id in {e.id for e in current.scored.candidate.edits}:
        known = before is not None and edit.id in {e.id for e in before.scored.candidate.edits}
        return "kept", "held since an earlier round" if known else ""
    if current.stopped and current.stopped.startswith("the budget"):
        return "not chosen", current.stopped
    if edit.id in current.effects and not any(current.effects[edit.id]):
        others = " other than its own, which is never scored with it" if edit.exemplar else ""
        return "not chosen", f"it changes no answer on development reports{others}"
    return "not chosen", "agreement was no better with it"


def _final(edit: Edit | None, final: Program | None) -> dict[str, object]:
    if final is None:
        return {}
    parts = [*(r.provenance for r in final.rules), *(e.provenance for e in final.exemplars)]
    held = [p.edit_id for p in parts if p]
    lines = (*final.present_when, *final.absent_when)
    told = edit.clarification if edit else None
    stands = told is not None and (told.present_when or told.absent_when) in lines
    return {"in_program": edit is not None and (edit.id in held or stands)}


def _turned(current: Round, before: Round | None, reference: Mapping[str, int]) -> tuple[list[str], list[str]]:
    """The reports that a round turned right, and those that it turned wrong."""
    if before is None:
        return [], []
    old = {label.report_id: label.value for label in before.scored.labels}
    changed = [x for x in current.scored.labels if x.value != old.get(x.report_id)]
    helped = [x.report_id for x in changed if x.value == _NAMES.get(reference[x.report_id])]
    hurt = [x.report_id for x in changed if old.get(x.report_id) == _NAMES.get(reference[x.report_id])]
    return helped, hurt


def feedback_of(rows: Sequence[Mapping[str, object]]) -> Iterator[NoteFeedback]:
    """What became of each note of a round in one word, with the figures beside it; no text of a report or a note."""
    by_note: dict[str, list[Mapping[str, object]]] = {}
    for row in rows:
        by_note.setdefault(str(row["note_id"]), []).append(row)
    for note_id, of in by_note.items():
        statuses = [str(row["status"]) for row in of]
        word = next((s for s in ("kept", "not chosen", "rejected") if s in statuses), "nothing proposed")
        counts = {f"edits {s}": str(statuses.count(s)) for s in dict.fromkeys(statuses)}
        figures = {k: str(of[0][k]) for k in ("round", "kappa_before", "kappa_after") if of[0][k] is not None}
        about = {k: str(of[0][k]) for k in ("reader", "report_id", "finding", "reads_as")}
        yield NoteFeedback(note_id, **about, effect=word, figures=counts | figures)
