"""Systems compared on the same reports: counts, tests, verdicts, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests

from ranscore.catalog import finding_ids
from ranscore.comparing import Comparison, System, compare_systems
from ranscore.errors import IncompleteError, InputError
from ranscore.policies import AUTHORS, Policies
from ranscore.records import LabelTable
from ranscore.scoring import score_finding

AS_GIVEN = Policies(no_finding="as-given")
PARTIAL = Policies(no_finding="as-given", unanswered="allow-partial")
Rows = Sequence[Sequence[int]]


def table(rows: Rows, findings: tuple[str, ...] = ("edema", "fracture"), first: int = 0) -> LabelTable:
    """A label table with numbered reports."""
    ids = tuple(f"r{i + first:03}" for i in range(len(rows)))
    return LabelTable(report_ids=ids, findings=findings, values=tuple(tuple(row) for row in rows))


def system(name: str, rows: Rows, findings: tuple[str, ...] = ("edema", "fracture")) -> System:
    """A system of these labels."""
    return System(name, "labels", table(rows, findings))


def compare(reference: Rows, *systems: Rows, policies: Policies = AS_GIVEN) -> Comparison:
    """Systems called A, B, C over two findings, quickly."""
    named = [system("ABCD"[at], rows) for at, rows in enumerate(systems)]
    return compare_systems(table(reference), named, policies, resamples=50, randomisations=200)


def wrong_in(rows: list[list[int]], finding: int, reports: Sequence[int]) -> list[list[int]]:
    """The rows with one finding turned round in some reports."""
    return [[1 - v if i in reports and j == finding else v for j, v in enumerate(row)] for i, row in enumerate(rows)]


TRUTH = [[i % 3 == 0, i % 5 == 0] for i in range(300)]
REFERENCE = [[int(v) for v in row] for row in TRUTH]


def test_five_errors_against_none_cannot_tell() -> None:
    """The paper's arithmetic: 300 reports, 5 errors before and none after: p = 0.0625, one more would be needed."""
    found = compare(REFERENCE, wrong_in(REFERENCE, 0, [0, 60, 90, 150, 200]), REFERENCE).pairs[0].findings[0]
    assert (found.only_a_right, found.only_b_right, found.right_a, found.right_b) == (0, 5, 295, 300)
    assert found.p == 0.0625
    assert found.verdict == "cannot tell"
    assert found.needed == 6
    interval = found.figures["accuracy"].interval
    assert interval is not None
    assert interval[0] < 0 < interval[1]


def test_many_errors_less_are_better_and_many_more_are_worse() -> None:
    """The verdict is about B; with A and B exchanged it is the opposite."""
    bad = wrong_in(REFERENCE, 0, range(0, 60, 2))
    gained, lost = (compare(REFERENCE, *pair).pairs[0] for pair in ((bad, REFERENCE), (REFERENCE, bad)))
    assert [f.verdict for f in gained.findings] == ["better", "cannot tell"]
    assert [f.verdict for f in lost.findings] == ["worse", "cannot tell"]
    assert (gained.verdict, lost.verdict) == ("better", "worse")
    assert gained.macro_f1.difference == pytest.approx(-(lost.macro_f1.difference or 0))


def test_p_values_are_mcnemars_and_adjusted_over_findings_and_pairs() -> None:
    """statsmodels on each finding's discordant counts, and its Holm over all of them together."""
    others = [wrong_in(wrong_in(REFERENCE, 0, range(0, n)), 1, range(50, 50 + m)) for n, m in ((3, 14), (9, 2))]
    found = compare(REFERENCE, wrong_in(REFERENCE, 1, range(5)), *others)
    cells = [f for pair in found.pairs for f in pair.findings]
    tables = [[[0, f.only_a_right], [f.only_b_right, 0]] for f in cells]
    expected = [float(mcnemar(t, exact=True).pvalue) for t in tables]
    assert [f.p for f in cells] == pytest.approx(expected)
    assert [f.p_adjusted for f in cells] == pytest.approx(multipletests(expected, method="holm")[1].tolist())
    overall = [pair.p for pair in found.pairs]
    assert [p.p_adjusted for p in found.pairs] == pytest.approx(multipletests(overall, method="holm")[1].tolist())
    assert [(p.a, p.b) for p in found.pairs] == [("A", "B"), ("A", "C")]


def test_the_order_of_reports_and_columns_changes_nothing() -> None:
    """Labels are joined by report id."""
    other = wrong_in(REFERENCE, 0, range(9))
    plain = compare(REFERENCE, other, REFERENCE)
    turned = LabelTable(
        report_ids=table(other).report_ids[::-1],
        findings=("fracture", "edema"),
        values=tuple((row[1], row[0]) for row in other[::-1]),
    )
    systems = [System("A", "labels", turned), system("B", REFERENCE)]
    again = compare_systems(table(REFERENCE), systems, AS_GIVEN, resamples=50, randomisations=200)
    assert again.pairs == plain.pairs


def test_figures_are_those_of_the_scores() -> None:
    """F1, kappa and accuracy of each side as `score_finding` gives them, and exact intervals of accuracy."""
    other = wrong_in(REFERENCE, 0, range(9))
    found = compare(REFERENCE, other, REFERENCE).pairs[0].findings[0]
    score = score_finding([row[0] for row in REFERENCE], [row[0] for row in other])
    assert (found.figures["f1"].a, found.figures["kappa"].a) == (score.f1, score.kappa)
    assert found.figures["accuracy"].a_interval == score.accuracy_interval
    assert found.positives == score.positives


def test_unanswered_cells_are_refused_or_left_out_for_both() -> None:
    """Refused by name and number; with allow-partial only the cells that both answered are compared, and bounded."""
    silent = [[-2, -2], *REFERENCE[1:]]
    with pytest.raises(IncompleteError, match="B 2"):
        compare(REFERENCE, REFERENCE, silent)
    pair = compare(REFERENCE, REFERENCE, silent, policies=PARTIAL).pairs[0]
    assert pair.unanswered == 2
    assert [f.n for f in pair.findings] == [299, 299]
    assert pair.least is not None
    assert pair.most is not None
    assert pair.least < 0 <= pair.most


def test_an_uncertain_label_of_a_system_is_no_answer() -> None:
    """A reader's -1 is neither right nor wrong."""
    with pytest.raises(IncompleteError, match="A 1"):
        compare(REFERENCE, [[-1, 0], *REFERENCE[1:]], REFERENCE)


def test_at_full_coverage_there_is_nothing_to_bound() -> None:
    """least and most are given only beside unanswered cells."""
    pair = compare(REFERENCE, REFERENCE, REFERENCE).pairs[0]
    assert (pair.least, pair.most, pair.unanswered) == (None, None, 0)


def test_a_blank_reference_is_no_reference() -> None:
    """Nothing can be right there."""
    with pytest.raises(IncompleteError, match="1 cells of the reference are blank"):
        compare([[-2, 0], *REFERENCE[1:]], REFERENCE, REFERENCE)


@pytest.mark.parametrize("answers", [[[1]], [[0]], [[-2]]])
@pytest.mark.parametrize("truth", [1, 0, -1])
def test_one_report_is_enough_to_compare_and_never_enough_to_tell(truth: int, answers: list[list[int]]) -> None:
    """One report, one finding, one class; also unanswered, also uncertain."""
    systems = [system("A", [[1]], ("edema",)), system("B", answers, ("edema",))]
    reference = table([[truth]], ("edema",))
    found = compare_systems(reference, systems, PARTIAL, resamples=20, randomisations=50)
    assert found.pairs[0].verdict == "cannot tell"
    assert found.pairs[0].findings[0].verdict == "cannot tell"
    assert json.loads(found.model_dump_json())["n_reports"] == 1


def test_other_reports_are_refused_in_one_sentence() -> None:
    """Missing and foreign ids, with an example each."""
    other = System("B", "labels", table(REFERENCE, first=2))
    with pytest.raises(
        InputError, match=r"B: 2 of the 300 reports.*'r000'.*2 are not in it \(such as 'r300'\)"
    ) as caught:
        compare_systems(table(REFERENCE), [system("A", REFERENCE), other], AS_GIVEN)
    assert "\n" not in str(caught.value)


def test_systems_without_a_shared_finding_are_refused() -> None:
    """One labels edema, the other fracture."""
    systems = [system("A", [[1]], ("edema",)), system("B", [[1]], ("fracture",))]
    with pytest.raises(InputError, match="no finding is labelled by all"):
        compare_systems(table([[1, 1]]), systems, AS_GIVEN)


def test_one_system_is_no_comparison() -> None:
    """At least two."""
    with pytest.raises(InputError, match="found 1 system"):
        compare_systems(table(REFERENCE), [system("A", REFERENCE)], AS_GIVEN)


def test_findings_that_not_all_label_are_left_out_and_named() -> None:
    """The headline says over how many findings it is, and is called Ran Score only over all of them."""
    systems = [system("A", REFERENCE), system("B", [row[:1] for row in REFERENCE], ("edema",))]
    found = compare_systems(table(REFERENCE), systems, AS_GIVEN, resamples=0, randomisations=10)
    assert found.findings == ("edema",)
    assert found.remarks == ("not labelled by all, so left out: Fracture",)
    assert found.headline == "F1 of Edema"
    assert "|findings:1|" in found.signature
    assert compare(REFERENCE, REFERENCE, REFERENCE).headline == "macro-F1 over 2 findings"


def test_over_all_findings_the_headline_is_the_ran_score() -> None:
    """Derived No Finding included, under the authors' policy as given."""
    findings = tuple(f for f in finding_ids() if f != "no_finding")
    rows = [[int((i + j) % 4 == 0) for j in range(20)] for i in range(12)]
    systems = [system(name, rows, findings) for name in "AB"]
    found = compare_systems(table(rows, findings), systems, Policies(), resamples=0, randomisations=10)
    assert found.findings == finding_ids()
    assert found.headline == "Ran Score"
    given = compare_systems(table(rows, findings), systems, AUTHORS, resamples=0, randomisations=10)
    assert given.findings == findings


def test_few_positives_are_warned_of() -> None:
    """Edema has one positive among five reports."""
    rows = [[1, 0], [0, 0], [0, 0], [0, 0], [0, 0]]
    findings = compare(rows, rows, rows).pairs[0].findings
    assert [f.warning for f in findings] == ["Edema: 1 positive, recall 1/1 [0.025, 1.000]", "Fracture: no positive"]


def test_the_rows_hold_every_figure_once() -> None:
    """One row a pair for the headline and one a finding, with the same columns as the records."""
    found = compare(REFERENCE, wrong_in(REFERENCE, 0, range(9)), REFERENCE)
    rows = list(found.rows())
    assert [row["finding"] for row in rows] == ["all", "Edema", "Fracture"]
    assert rows[1]["f1_difference"] == found.pairs[0].findings[0].figures["f1"].difference
    assert rows[1]["only_b_right"] == 9
    assert rows[0]["verdict"] == found.pairs[0].verdict
