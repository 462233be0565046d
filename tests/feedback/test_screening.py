"""Which proposed edits may be searched over, and why the others may not."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ranscore import catalog
from ranscore.cohort import Dataset
from ranscore.feedback.edits import apply_edits, make_exemplar, make_rule
from ranscore.feedback.screening import screen_edits
from ranscore.models import open_model
from ranscore.records import Answer, Edit, Means, Origin, Program
from ranscore.search._objective import Candidate, Objective, Task, changed_labels
from ranscore.search._recipe import read_recipe

FINDING = "pneumothorax"
Effects = tuple[tuple[str, ...], tuple[str, ...]]


def rule(phrase: str, means: Means = "states", origin: Origin = "note") -> Edit:
    """A rule of one phrase as an edit."""
    return make_rule(FINDING, means, [phrase], origin)


def exemplar(passage: str, answer: Answer = "present") -> Edit:
    """An exemplar as an edit."""
    return make_exemplar(FINDING, passage, answer, "note")


def effect_of(helped: int, hurt: int) -> Callable[[Edit], Effects]:
    """An effect of so many reports for every edit."""
    return lambda edit: (tuple(f"h{i}" for i in range(helped)), tuple(f"w{i}" for i in range(hurt)))


NONE = effect_of(0, 0)


@pytest.fixture(scope="module")
def program() -> Program:
    """The seed, with one exemplar."""
    return apply_edits(catalog.seed_program(FINDING), [exemplar("The lung has dropped.")])


def reason_of(program: Program, edit: Edit, *before: Edit, effect: Callable[[Edit], Effects] = NONE) -> str:
    """Why an edit is rejected after others that are not, or "" where it is taken."""
    taken, rejected = screen_edits(program, [*before, edit], (), effect)
    assert [*taken, *(r.edit for r in rejected)] == [*before, edit]
    return rejected[0].reason if rejected else ""


@pytest.mark.parametrize(
    ("edit", "owner"),
    [
        (rule("deep sulcus"), "the program"),
        (rule("Deep  Sulcus"), "the program"),
        (rule("skin-fold", "does_not_count"), "the program"),
        (exemplar("the lung  has dropped."), "the program"),
        (rule("AIR crescent", origin="mined"), f"edit {rule('air crescent').id}"),
    ],
)
def test_a_repetition_is_rejected_and_names_what_it_repeats(program: Program, edit: Edit, owner: str) -> None:
    """What the program or an earlier edit says already is a duplicate, whatever its case, hyphens and spaces."""
    assert reason_of(program, edit, rule("air crescent")).startswith(f"duplicate: {owner} already ")


@pytest.mark.parametrize(
    ("edit", "owner"),
    [
        (rule("deep sulcus", "does_not_count"), "the program"),
        (rule("deep sulcus", "denies"), "the program"),
        (rule("skin fold"), "the program"),
        (exemplar("The lung has dropped.", "absent"), "the program"),
        (rule("air crescent", "denies"), f"edit {rule('air crescent').id}"),
    ],
)
def test_a_contradiction_is_rejected_and_names_what_it_contradicts(program: Program, edit: Edit, owner: str) -> None:
    """An edit that gives a known phrase or passage the opposite meaning is rejected, whichever came first."""
    reason = reason_of(program, edit, rule("air crescent"))
    assert reason.startswith(f"contradiction: {owner} ")
    assert "the opposite" in reason or "the other answer" in reason


@pytest.mark.parametrize(
    "edit", [rule("deep ... sulcus"), rule("skin fold", "denies"), exemplar("The lung dropped."), rule("sulcus sign")]
)
def test_what_is_new_is_taken(program: Program, edit: Edit) -> None:
    """Another wording, or the same look-alike as a denial, neither repeats nor contradicts."""
    assert reason_of(program, edit) == ""


def test_an_edit_with_one_new_phrase_is_no_duplicate(program: Program) -> None:
    """Only an edit whose every phrase is known is a duplicate."""
    assert reason_of(program, make_rule(FINDING, "states", ["deep sulcus", "sulcus sign"], "note")) == ""
    assert reason_of(program, make_rule(FINDING, "states", ["deep sulcus", "气胸"], "note")).startswith("duplicate")


@pytest.mark.parametrize(
    ("origin", "helped", "hurt", "taken"),
    [("note", 3, 2, True), ("note", 2, 2, False), ("note", 0, 1, False), ("note", 0, 0, True), ("model", 2, 2, False),
     ("expert", 0, 1, True), ("expert", 2, 2, True), ("expert", 0, 2, False), ("expert", 1, 3, False),
     ("mined", 9, 1, False), ("mined", 9, 0, True)],
)  # fmt: skip
def test_an_over_general_rule_is_rejected_with_the_reports_that_it_breaks(
    program: Program, origin: Origin, helped: int, hurt: int, taken: bool
) -> None:
    """A rule must mend more than it breaks, an expert's may break as much; one that nobody wrote breaks nothing."""
    reason = reason_of(program, rule("sulcus", origin=origin), effect=effect_of(helped, hurt))
    wanted = f"over-general: would turn {hurt} right answers wrong (w0{', w1' * (hurt > 1)}{', w2' * (hurt > 2)})"
    assert reason == ("" if taken else f"{wanted} and {helped} wrong ones right")


def test_many_broken_reports_are_not_all_listed(program: Program) -> None:
    """Five ids and a mark stand for any number of them."""
    reason = reason_of(program, rule("sulcus"), effect=effect_of(1, 40))
    assert "40 right answers wrong (w0, w1, w2, w3, w4 …)" in reason


def test_over_general_is_what_the_reader_shows_on_real_reports(small: Dataset) -> None:
    """A rule on a word that every report has is rejected, and its candidate is wrong where the reason says."""
    reference = small.reference.column(FINDING)
    task = Task(FINDING, "Pneumothorax", small.reports, reference, open_model("lexical"))
    objective = Objective(task, read_recipe("exemplar-tpe"))
    seed = objective.score(Candidate(catalog.seed_program(FINDING)))
    broad, narrow = rule("heart/lung/chest"), rule("costophrenic sulcus ... deep ... lucent")
    taken, (rejected,) = screen_edits(
        seed.candidate.base, [broad, narrow], (), lambda e: changed_labels(objective, seed, e)
    )
    assert taken == (narrow,)
    helped, hurt = changed_labels(objective, seed, broad)
    assert rejected.reason.startswith(f"over-general: would turn {len(hurt)} right answers wrong ({hurt[0]}, ")
    assert len(hurt) > 20
    after = {a.report_id: a.value for a in objective.score(Candidate(seed.candidate.base, (broad,))).labels}
    assert all(after[i] == "present" and reference[i] == 0 for i in hurt)
    assert all(after[i] == "present" and reference[i] == 1 for i in helped)


def test_kept_edits_stay_and_are_not_tested_again(program: Program) -> None:
    """What an earlier round kept comes first, is never asked about, and counts as said."""
    kept = rule("air crescent")
    asked: list[str] = []

    def effect(edit: Edit) -> Effects:
        asked.append(edit.id)
        return (), ("w",)

    again = rule("air crescent", origin="mined")
    taken, rejected = screen_edits(program, [kept, again, rule("new sign")], [kept], effect)
    assert taken == (kept,)
    assert [r.reason.split(":")[0] for r in rejected] == ["duplicate", "over-general"]
    assert asked == [rule("new sign").id]


MEANS: list[Means] = ["states", "does_not_count", "denies"]
RULES = st.builds(rule, st.sampled_from(["air", "gas", "deep sulcus", "skin fold"]), st.sampled_from(MEANS))
ANSWERS: list[Answer] = ["present", "absent"]
EXEMPLARS = st.builds(exemplar, st.sampled_from(["Air.", "The lung has dropped."]), st.sampled_from(ANSWERS))


@given(st.lists(st.one_of(RULES, EXEMPLARS), max_size=12))
def test_every_proposal_is_taken_or_rejected_once_and_what_is_taken_agrees(proposed: list[Edit]) -> None:
    """No proposal is lost; those taken keep their order, and no two of them, or the program, contradict each other."""
    program = catalog.seed_program(FINDING)
    taken, rejected = screen_edits(program, proposed, (), NONE)
    unique = list(dict.fromkeys(e.id for e in proposed))
    assert sorted([*(e.id for e in taken), *(r.edit.id for r in rejected)]) == sorted(unique)
    assert [i for i in unique if i in {e.id for e in taken}] == [e.id for e in taken]
    after = apply_edits(program, taken)
    for means in ("does_not_count", "denies"):
        said = [{p for r in after.rules if r.means == m for p in r.phrases} for m in ("states", means)]
        assert not said[0] & said[1]
    answers = [{e.passage for e in after.exemplars if e.answer == a} for a in ANSWERS]
    assert not answers[0] & answers[1]
