"""Where labels and reference disagree."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from ranscore.feedback.disagreements import find_disagreements
from ranscore.records import Label
from ranscore.scoring import score_finding

VALUES = {"present": 1, "absent": 0, "unanswered": -2}


def label(report_id: str, value: str) -> Label:
    """One label with a reason where it is missing."""
    reason = "the answer was empty" if value == "unanswered" else ""
    return Label.model_validate({"report_id": report_id, "finding": "edema", "value": value, "reason": reason})


def test_wrong_and_missing_labels_are_named_by_kind_in_their_order() -> None:
    """A false alarm, a miss and a failed answer are each one disagreement; right labels are none."""
    reference = {"a": 0, "b": 1, "c": 1, "d": 1, "e": 0}
    labels = [label("b", "absent"), label("a", "present"), label("c", "unanswered"), label("d", "present")]
    found = find_disagreements(reference, [*labels, label("e", "absent")])
    kinds = [("b", "false absent", 1), ("a", "false present", 0), ("c", "unanswered", 1)]
    assert [(f.report_id, f.kind, f.reference) for f in found] == kinds
    assert [f.reason for f in found] == ["", "", "the answer was empty"]


def test_uncertain_and_unknown_reports_are_never_disagreements() -> None:
    """What the readers left open, or never read, no label can contradict."""
    labels = [label(i, value) for i in ("open", "unread") for value in VALUES]
    assert find_disagreements({"open": -1}, labels) == ()


@given(st.lists(st.tuples(st.sampled_from([1, 0, -1]), st.sampled_from(list(VALUES))), min_size=1, max_size=30))
def test_disagreements_count_what_the_scores_count(cells: list[tuple[int, str]]) -> None:
    """False alarms, misses and failures are as many as in the finding's score."""
    reference = {str(i): expected for i, (expected, _) in enumerate(cells)}
    found = find_disagreements(reference, [label(str(i), value) for i, (_, value) in enumerate(cells)])
    kinds = Counter(f.kind for f in found)
    score = score_finding([e for e, _ in cells], [VALUES[v] for _, v in cells])
    assert (kinds["false present"], kinds["false absent"]) == (score.fp, score.fn)
    assert kinds["unanswered"] == sum(e >= 0 and v == "unanswered" for e, v in cells)
