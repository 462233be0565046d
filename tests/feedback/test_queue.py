"""The queue: every disagreement once, those first on which a note teaches most, each with its reason."""

from __future__ import annotations

from collections.abc import Mapping

from ranscore import catalog
from ranscore.feedback.evidence import MarkedReport, mark_report
from ranscore.feedback.queue import Compared, build_queue
from ranscore.records import Report, SynonymRule

TEXTS = {
    "a1": "Apical lucency seen.", "a2": "A lucency at the apex.", "b": "Tube in place.", "c1": "No pneumothorax.",
    "c2": "Heart normal.", "m1": "Deep sulcus sign on the left.", "m2": "There is a deep sulcus sign.",
    "n1": "No pneumothorax remains, rim of air.", "u": "Nothing.",
}  # fmt: skip
REPORTS = [Report(report_id=i, text=t) for i, t in TEXTS.items()]
FIRST = {"a1": 1, "a2": 1, "b": 1, "c1": 0, "c2": 0, "m1": 0, "m2": 0, "n1": 0, "u": -2}
TRUTH = {"a1": 0, "a2": 0, "b": 0, "c1": 0, "c2": -1, "m1": 1, "m2": 1, "n1": 1, "u": 1}
RULES = (SynonymRule(means="states", phrases=("pneumothorax", "lucency", "tube")),)
PROGRAM = catalog.seed_program("pneumothorax").model_copy(update={"rules": RULES})


def compared(finding: str = "pneumothorax", judged: bool = True, first: Mapping[str, int] = FIRST) -> Compared:
    """A program against the reference, or against another."""
    return Compared(finding, catalog.finding_name(finding), ("program", "other"), first, TRUTH, judged)


def mark(finding: str, report: Report) -> MarkedReport:
    """The evidence of the program."""
    return mark_report(PROGRAM, report)


def test_repeated_patterns_come_first_and_the_unanswered_last() -> None:
    """False alarms of one rule, missed reports with one wording, then single errors, then what has no answer."""
    queue = build_queue([compared()], REPORTS, mark)
    assert [i.report_id for i in queue] == ["a1", "a2", "m1", "m2", "b", "n1", "u"]
    assert [i.kind for i in queue] == ["false present"] * 2 + ["false absent"] * 2 + [
        "false present", "false absent", "unanswered",
    ]  # fmt: skip
    assert queue[0].why == "2 errors look alike (rule 'lucency' fires): one note may mend them all"
    assert "the wording 'deep sulcus sign', which no absent report has" in queue[2].why
    assert "the negation cue 'no' takes a mention back" in queue[5].why
    assert "teaches nothing" in queue[6].why
    assert [i.pattern_size for i in queue] == [2, 2, 2, 2, 1, 1, 1]


def test_of_single_errors_the_rarer_finding_comes_first() -> None:
    """With the same number of alike errors, a finding with fewer positives is asked about before."""
    rare = Compared("edema", "Edema", ("program", "reference"), {"a1": 1, "c2": 0}, {"a1": 0, "c2": 1})
    single = compared(first={**TRUTH, "b": 1})
    queue = build_queue([single, rare], REPORTS, None)
    assert [(i.finding, i.positives) for i in queue] == [("edema", 1), ("edema", 1), ("pneumothorax", 4)]
    assert queue[0].why.startswith("Edema is present in 1 reports")


def test_a_right_answer_and_an_uncertain_reference_are_no_errors() -> None:
    """Nothing is queued where the sides agree or the readers did not."""
    assert build_queue([compared(first=TRUTH)], REPORTS, mark) == ()
    assert "c2" not in {i.report_id for i in build_queue([compared()], REPORTS, mark)}


def test_two_sides_without_a_reference_differ() -> None:
    """Between programs or readers nobody is wrong; uncertain counts as another answer."""
    queue = build_queue([compared(judged=False)], REPORTS, mark, {"r": {"pneumothorax": {"a1": 1, "c2": -1}}})
    assert {i.kind for i in queue} == {"differs", "unanswered"}
    by_id = {i.report_id: i for i in queue}
    assert (by_id["c2"].answer, by_id["c2"].reference, by_id["c2"].votes) == ("absent", "uncertain", {"r": "uncertain"})
    assert by_id["a1"].votes == {"r": "present"}
    assert by_id["b"].votes == {}


def test_the_same_errors_give_the_same_queue() -> None:
    """The order does not depend on the order of the reports."""
    assert build_queue([compared()], REPORTS, mark) == build_queue([compared()], REPORTS[::-1], mark)
