"""Where a program's labels and the reference disagree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ranscore.records import ABSENT, PRESENT, Label, Record


class Disagreement(Record):
    """One wrong or missing label: `kind` is `false present`, `false absent` or `unanswered`."""

    report_id: str
    finding: str
    kind: str
    reference: int
    reason: str = ""


def find_disagreements(reference: Mapping[str, int], labels: Sequence[Label]) -> tuple[Disagreement, ...]:
    """The labels that differ from the reference by report id, in their order; uncertain cells never do."""
    found = []
    for label in labels:
        expected = reference.get(label.report_id)
        if expected not in (PRESENT, ABSENT):
            continue
        kind = _kind(expected, label.value)
        if kind:
            found.append(
                Disagreement(
                    report_id=label.report_id, finding=label.finding, kind=kind, reference=expected, reason=label.reason
                )
            )
    return tuple(found)


def _kind(expected: int, value: str) -> str:
    if value == "unanswered":
        return "unanswered"
    if value == "present" and expected == ABSENT:
        return "false present"
    return "false absent" if value == "absent" and expected == PRESENT else ""
