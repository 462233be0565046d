"""What is written of one round as files: the prompt and its change, edits, rejections, errors, notes."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from ranscore.extraction.module import freeze_prompt
from ranscore.search._rounds import Round

Rows = Sequence[Mapping[str, object]]


def round_texts(current: Round, before: Round | None, noted: Rows, log_text: bool) -> dict[str, str]:
    """The files of a round by name; `noted` goes to `notes.json`, with the notes' own words only with `log_text`."""
    candidate = current.scored.candidate
    prompt = freeze_prompt(candidate.program).text()
    old = freeze_prompt(before.scored.candidate.program).text() if before else ""
    rejected = [{"edit": r.edit.model_dump(mode="json"), "reason": r.reason} for r in current.rejected]
    texts = {
        "prompt.txt": prompt,
        "prompt.diff": _diff(old, prompt),
        "edits.json": as_json([e.model_dump(mode="json") for e in candidate.edits]),
        "rejected.json": as_json(rejected),
    }
    if noted:
        words = {n.note_id: {"evidence": n.evidence, "why": n.why} for n in current.notes} if log_text else {}
        texts["notes.json"] = as_json([{**row, **words.get(str(row["note_id"]), {})} for row in noted])
    if current.dropped:
        texts["dropped.json"] = as_json(list(current.dropped))
    return texts


def error_rows(current: Round, reports: Mapping[str, str] | None) -> list[dict[str, object]]:
    """The wrong labels, with the reports' texts where they are given."""
    rows: list[dict[str, object]] = []
    for error in current.errors:
        row: dict[str, object] = {"report_id": error.report_id, "kind": error.kind, "reason": error.reason}
        rows.append(row | ({"report": reports[error.report_id]} if reports else {}))
    return rows


def effect_rows(current: Round) -> list[dict[str, object]]:
    """The proposed edits that change an answer by themselves: kept or not, and the reports they turn."""
    kept = {e.id for e in current.scored.candidate.edits}
    return [
        {"edit": edit, "kept": edit in kept, "helped": " ".join(helped), "hurt": " ".join(hurt)}
        for edit, (helped, hurt) in current.effects.items()
        if helped or hurt
    ]


def _diff(old: str, new: str) -> str:
    lines = difflib.unified_diff(old.splitlines(), new.splitlines(), "before", "after", lineterm="", n=1)
    return "\n".join(lines) + "\n"


def as_json(data: Any) -> str:
    """Readable JSON."""
    return json.dumps(data, indent=1, ensure_ascii=False) + "\n"
