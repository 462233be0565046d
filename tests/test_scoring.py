"""Ran Score of label tables: the numbers against scikit-learn, the policies, and what is refused."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pydantic import ValidationError
from sklearn.metrics import accuracy_score, precision_recall_fscore_support

from ranscore.catalog import finding_ids, finding_name
from ranscore.errors import IncompleteError, InputError
from ranscore.metrics._counts import Empty
from ranscore.metrics._derived import derive_no_finding
from ranscore.metrics._intervals import draw_weights
from ranscore.reference.derive import NO_FINDING
from ranscore.scoring import Policies, ScoreReport, score_finding, score_labels, signature_line

FINDINGS = finding_ids()
PLACE = {finding: place for place, finding in enumerate(FINDINGS)}
AS_GIVEN = Policies(no_finding="as-given")
GIVEN_PARTIAL = Policies(unanswered="allow-partial", no_finding="as-given")
Codes = npt.NDArray[np.int8]


def frame(codes: npt.ArrayLike, ids: list[str] | None = None) -> pd.DataFrame:
    """A table with the findings' shown names; -2 becomes the word."""
    values = np.asarray(codes, dtype=object)
    values[values == -2] = "unanswered"
    table = pd.DataFrame(values, columns=[finding_name(finding) for finding in FINDINGS])
    table.insert(0, "report_id", ids or [f"r{i:03}" for i in range(len(table))])
    return table


def some_codes(reports: int, seed: int = 0) -> tuple[Codes, Codes]:
    """A reference with uncertain cells, and labels that agree with it mostly."""
    rng, size = np.random.default_rng(seed), (reports, len(FINDINGS))
    reference = rng.choice(np.array([0, 1, -1], dtype=np.int8), size, p=[0.7, 0.25, 0.05])
    labels = np.where(rng.random(size) < 0.8, np.abs(reference), rng.integers(0, 2, size)).astype(np.int8)
    return reference, labels


def one_positive(finding: str, reports: int = 4) -> Codes:
    """All absent but one finding in the first report."""
    codes = np.zeros((reports, len(FINDINGS)), dtype=np.int8)
    codes[0, PLACE[finding]] = 1
    return codes


def pairs(labels: list[int]) -> st.SearchStrategy[tuple[Codes, Codes]]:
    """Small references and labels of the same shape."""
    reports = st.shared(st.integers(1, 6), key="reports")

    def side(values: list[int]) -> st.SearchStrategy[Codes]:
        return reports.flatmap(lambda n: arrays(np.int8, (n, len(FINDINGS)), elements=st.sampled_from(values)))

    return st.tuples(side([0, 1, -1]), side(labels))


def test_ran_score_is_the_plain_mean_of_scikit_learns_f1() -> None:
    """Macro and micro averages are scikit-learn's, with uncertain cells left out for their finding alone."""
    reference, labels = some_codes(60)
    report = score_labels(frame(reference), frame(labels), AS_GIVEN, bootstrap=0)
    kept = [(reference[:, i] != -1) for i in range(len(FINDINGS))]
    each = [(reference[keep, i], labels[keep, i]) for i, keep in enumerate(kept)]
    scores = np.array(
        [precision_recall_fscore_support(t, p, average="binary", zero_division=0)[:3] for t, p in each], dtype=float
    )
    assert report.ran_score == pytest.approx(scores[:, 2].mean())
    assert (report.macro.precision, report.macro.recall, report.macro.f1) == pytest.approx(tuple(scores.mean(axis=0)))
    assert report.macro.accuracy == pytest.approx(np.mean([accuracy_score(t, p) for t, p in each]))
    truth, found = (np.concatenate(side) for side in zip(*each, strict=True))
    micro = precision_recall_fscore_support(truth, found, average="binary")[:3]
    assert (report.micro.precision, report.micro.recall, report.micro.f1) == pytest.approx(micro)
    assert report.micro.accuracy == pytest.approx(accuracy_score(truth, found))
    assert [row.f1 for row in report.findings] == pytest.approx(scores[:, 2])


def test_averages_have_the_interval_of_a_plain_loop() -> None:
    """Each resample scored anew with its reports written out as often as they were drawn gives the same bounds."""
    reference, labels = some_codes(30)
    report = score_labels(frame(reference), frame(labels), AS_GIVEN, bootstrap=40, seed=3)
    drawn = [np.repeat(np.arange(30), w.astype(int)) for w in np.concatenate(list(draw_weights(30, 40, 3)))]
    each = [score_labels(frame(reference[rows]), frame(labels[rows]), AS_GIVEN, bootstrap=0) for rows in drawn]
    for kind in ("macro", "micro"):
        for figure in ("precision", "recall", "f1", "accuracy"):
            values = [getattr(getattr(one, kind), figure) for one in each]
            found = getattr(getattr(report, kind), f"{figure}_interval")
            assert found == pytest.approx(tuple(np.quantile(values, [0.025, 0.975]))), (kind, figure)
    assert report.macro.f1_interval == report.ran_score_interval


def test_rows_in_another_order_give_the_same_report() -> None:
    """Tables are joined by report_id: shuffling one side changes no number, no interval, no row."""
    reference, labels = some_codes(40)
    ours, theirs = frame(reference), frame(labels)
    plain = score_labels(ours, theirs, bootstrap=50)
    shuffled = score_labels(ours, theirs.sample(frac=1, random_state=1), bootstrap=50)
    both = score_labels(ours.sample(frac=1, random_state=2).set_index("report_id"), theirs, bootstrap=50)
    assert plain == shuffled == both
    assert score_labels(ours, theirs.assign(report_id=theirs.report_id[::-1].to_numpy()), bootstrap=0) != plain


def test_columns_in_another_order_and_under_ids_give_the_same_report() -> None:
    """Findings are joined by name, never by place."""
    reference, labels = some_codes(20)
    ours, theirs = frame(reference), frame(labels)
    renamed = theirs[theirs.columns[::-1]].rename(columns={finding_name(f): f.upper() for f in FINDINGS})
    assert score_labels(ours, renamed, bootstrap=0) == score_labels(ours, theirs, bootstrap=0)


def test_perfect_labels_score_one_where_there_is_support() -> None:
    """Right answers give 1, the number of findings with support and intervals of no width."""
    reference = np.vstack([np.eye(len(FINDINGS), dtype=np.int8)] * 2)
    report = score_labels(frame(reference), frame(reference), AS_GIVEN, bootstrap=0)
    assert (report.ran_score, report.findings_with_support, report.coverage) == (1.0, len(FINDINGS), 1.0)
    assert {row.kappa for row in report.findings} == {1.0}


@pytest.mark.parametrize(("empty", "expected"), [("0", 1 / len(FINDINGS)), ("1", 1.0), ("skip", 1.0)])
def test_an_empty_finding_counts_as_the_policy_says(empty: Empty, expected: float) -> None:
    """With one supported finding the policy decides the headline, and the support is shown beside it."""
    reference = one_positive("pneumothorax")
    report = score_labels(frame(reference), frame(reference), Policies(no_finding="as-given", empty=empty), bootstrap=9)
    assert report.ran_score == report.macro.precision == report.macro.recall == pytest.approx(expected)
    assert report.findings_with_support == 1
    empty_rows = [row for row in report.findings if row.finding != "pneumothorax"]
    assert {row.f1 for row in empty_rows} == {{"0": 0.0, "1": 1.0, "skip": None}[empty]}
    assert {(row.precision, row.recall, row.kappa) for row in empty_rows} == {(None, None, None)}


def test_a_set_in_which_all_findings_are_skipped_has_no_score() -> None:
    """Nothing left to average is an error, not a number."""
    nothing = np.zeros((3, len(FINDINGS)), dtype=np.int8)
    with pytest.raises(InputError, match="no finding has a positive on either side"):
        score_labels(frame(nothing), frame(nothing), Policies(no_finding="as-given", empty="skip"), bootstrap=0)


def test_accuracy_stands_with_its_exact_interval_and_counts() -> None:
    """298 of 300 right is 0.993 [0.976, 0.999]."""
    reference = one_positive("pneumothorax", 300)
    labels = reference.copy()
    labels[1:3, PLACE["pneumothorax"]] = 1
    row = score_labels(frame(reference), frame(labels), bootstrap=0).findings[PLACE["pneumothorax"]]
    assert (row.tp, row.fp, row.fn, row.tn, row.n, row.positives) == (1, 2, 0, 297, 300, 1)
    assert row.accuracy_interval is not None
    assert [round(x, 3) for x in (row.accuracy or 0, *row.accuracy_interval)] == [0.993, 0.976, 0.999]


@settings(deadline=None)
@given(arrays(np.int8, (5, 4), elements=st.sampled_from([0, 1, -1])))
def test_no_finding_follows_from_the_other_findings(others: Codes) -> None:
    """Absent with any present, else uncertain with any uncertain, else present."""
    for row, derived in zip(others.tolist(), derive_no_finding(others).tolist(), strict=True):
        assert derived == (0 if 1 in row else -1 if -1 in row else 1)


def test_no_finding_of_unanswered_findings_is_unanswered_unless_one_is_present() -> None:
    """A failure is not taken for absent when No Finding is derived."""
    codes = np.array([[0, -2, 0], [1, -2, 0], [0, 0, 0]], dtype=np.int8)
    assert derive_no_finding(codes).tolist() == [-2, 0, 1]


@pytest.mark.parametrize(("rule", "expected"), [("derived+devices", 0), ("derived-devices", 1), ("as-given", 1)])
def test_devices_alone_are_a_matter_of_policy(rule: str, expected: int) -> None:
    """A report with a device and nothing else has No Finding only under CheXpert's rule, or when the table says so."""
    codes = one_positive("support_devices", 1) | one_positive(NO_FINDING, 1)
    policies = Policies.model_validate({"no_finding": rule})
    row = score_labels(frame(codes), frame(codes), policies, bootstrap=0).findings[PLACE[NO_FINDING]]
    assert row.positives == expected


def test_a_derived_no_finding_needs_no_column_and_disregards_a_given_one() -> None:
    """With and without the column, whatever it holds, the report is the same."""
    reference, labels = some_codes(15)
    ours, theirs, name = frame(reference), frame(labels), finding_name(NO_FINDING)
    without = score_labels(ours.drop(columns=name), theirs.drop(columns=name), bootstrap=0)
    assert without == score_labels(ours.assign(**{name: 0}), theirs.assign(**{name: None}), bootstrap=0)


def test_a_given_no_finding_needs_its_column() -> None:
    """The policy as-given derives nothing behind the user's back."""
    codes, _ = some_codes(3)
    with pytest.raises(InputError, match=f"generated: no column for '{finding_name(NO_FINDING)}'"):
        score_labels(frame(codes), frame(abs(codes)).drop(columns=finding_name(NO_FINDING)), AS_GIVEN)


def test_reports_on_one_side_only_are_refused_unless_the_join_is_inner() -> None:
    """Nothing is left out without being told, and what is left out stands in the report."""
    reference, labels = some_codes(6)
    ids = list("abcdef")
    with pytest.raises(InputError, match="3 only in the reference table"):
        score_labels(frame(reference, ids), frame(labels[:4], [*ids[:3], "z"]))
    report = score_labels(frame(reference, ids), frame(labels[:4], [*ids[:3], "z"]), bootstrap=0, join="inner")
    assert (report.n_reports, report.only_in_reference, report.only_in_generated) == (3, 3, 1)
    same = score_labels(frame(reference[:3], ids[:3]), frame(labels[:3], ids[:3]), bootstrap=0)
    assert report.findings == same.findings


def test_unanswered_cells_are_refused_with_coverage_and_both_cases() -> None:
    """The error names what is missing, what the score could be, and the option that accepts it."""
    reference = one_positive("edema", 5)
    labels = reference.copy()
    labels[0, PLACE["edema"]] = -2
    with pytest.raises(IncompleteError) as caught:
        score_labels(frame(reference), frame(labels))
    asked, text = 5 * (len(FINDINGS) - 1), str(caught.value)
    percent = 10_000 * (asked - 1) // asked / 100
    assert text.startswith(f"{asked - 1} of {asked} cells are answered (coverage {percent:.2f} %)")
    best, worst = 2 / len(FINDINGS), 1 / len(FINDINGS) * (8 / 9)
    assert f"between {worst:.3f} (worst case) and {best:.3f} (best case)" in text
    assert "--allow-partial" in text


def test_a_partial_score_leaves_unanswered_cells_out_and_says_so() -> None:
    """Coverage, the row's count and both cases stand in the report."""
    reference, labels = some_codes(30)
    reference[:4, PLACE["edema"]], labels[:3, PLACE["edema"]], labels[3, PLACE["edema"]] = 1, -2, 0
    report = score_labels(frame(reference), frame(labels), Policies(unanswered="allow-partial"), bootstrap=20)
    row = report.findings[PLACE["edema"]]
    assert row.unanswered == 3
    assert row.n == 27 - int((reference[3:, PLACE["edema"]] == -1).sum())
    assert report.coverage == pytest.approx(1 - 3 / (30 * (len(FINDINGS) - 1)))
    assert report.worst_case < report.ran_score < report.best_case
    assert "unanswered:allow-partial" in report.signature


@pytest.mark.parametrize("empty", ["0", "1", "skip"])
def test_every_completion_scores_between_the_two_cases(empty: Empty) -> None:
    """Filling three gaps in all eight ways never leaves the bounds, also with No Finding derived anew."""
    reference, labels = some_codes(4, seed=3)
    labels[2] = 0
    gaps = [(2, PLACE["edema"]), (2, PLACE["fracture"]), (3, PLACE["pneumothorax"])]
    for gap in gaps:
        labels[gap] = -2
    allowed = Policies(empty=empty, unanswered="allow-partial")
    report = score_labels(frame(reference), frame(labels), allowed, bootstrap=0)
    for answers in itertools.product([0, 1], repeat=3):
        complete = labels.copy()
        for gap, answer in zip(gaps, answers, strict=True):
            complete[gap] = answer
        score = score_labels(frame(reference), frame(complete), Policies(empty=empty), bootstrap=0).ran_score
        assert report.worst_case <= score <= report.best_case


@settings(max_examples=40, deadline=None)
@given(pairs([0, 1, -2]), st.sampled_from(["0", "1"]))
def test_the_partial_score_lies_between_the_two_cases(codes: tuple[Codes, Codes], empty: Empty) -> None:
    """Worst case <= score <= best case, whatever is missing, and cells add up."""
    allowed = Policies(empty=empty, unanswered="allow-partial", no_finding="as-given")
    report = score_labels(frame(codes[0]), frame(codes[1]), allowed, bootstrap=0)
    assert 0 <= report.worst_case <= report.ran_score <= report.best_case <= 1
    assert report.coverage == pytest.approx((codes[1] != -2).mean())
    for place, row in enumerate(report.findings):
        scored = (codes[0][:, place] != -1) & (codes[1][:, place] != -2)
        assert row.n == row.tp + row.fp + row.fn + row.tn == scored.sum()


@pytest.mark.parametrize("empty", ["0", "1"])
def test_answering_nothing_scores_nothing(empty: Empty) -> None:
    """All unanswered has coverage 0 and Ran Score 0 under every policy, and no accuracy."""
    reference = one_positive("edema")
    labels = np.full_like(reference, -2)
    report = score_labels(frame(reference), frame(labels), Policies(empty=empty, unanswered="allow-partial"))
    assert (report.coverage, report.ran_score, report.worst_case) == (0.0, 0.0, 0.0)
    assert report.findings_with_support == 0
    assert {(row.n, row.accuracy, row.accuracy_interval, row.kappa) for row in report.findings} == {
        (0, None, None, None)
    }


def test_one_report_can_be_scored() -> None:
    """A single report has a score and an interval of no width."""
    report = score_labels(frame(one_positive("edema", 1)), frame(one_positive("edema", 1)), bootstrap=10)
    assert report.ran_score == pytest.approx(1 / len(FINDINGS))
    assert report.ran_score_interval == (report.ran_score, report.ran_score)


@settings(max_examples=30, deadline=None)
@given(pairs([0, 1]))
def test_intervals_hold_only_possible_values(codes: tuple[Codes, Codes]) -> None:
    """Bounds are ordered and within the range of their metric."""
    report = score_labels(frame(codes[0]), frame(codes[1]), bootstrap=20)
    assert report.ran_score_interval is not None
    assert 0 <= report.ran_score_interval[0] <= report.ran_score_interval[1] <= 1
    for row in report.findings:
        assert row.f1_interval is not None
        assert 0 <= row.f1_interval[0] <= row.f1_interval[1] <= 1
        assert row.kappa_interval is None or -1 <= row.kappa_interval[0] <= row.kappa_interval[1] <= 1


def test_the_same_seed_gives_the_same_report_and_another_seed_another_interval() -> None:
    """A report can be repeated to the last digit."""
    ours, theirs = map(frame, some_codes(25))
    first, again, other = (score_labels(ours, theirs, bootstrap=50, seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert first.ran_score_interval != other.ran_score_interval
    assert first.findings[0].accuracy_interval == other.findings[0].accuracy_interval


def test_no_bootstrap_means_no_bootstrap_interval() -> None:
    """Exact intervals stay."""
    ours, theirs = map(frame, some_codes(25))
    report = score_labels(ours, theirs, bootstrap=0)
    assert report.ran_score_interval is None
    assert {(row.f1_interval, row.kappa_interval) for row in report.findings} == {(None, None)}
    assert all(row.accuracy_interval for row in report.findings)


def test_each_report_has_its_own_agreement() -> None:
    """One row a report: what was found, invented, missed, and F1 over its findings."""
    reference = np.zeros((3, len(FINDINGS)), dtype=np.int8)
    labels = reference.copy()
    reference[0, :4], labels[0, 1:6] = [1, 1, 1, -1], [1, 1, 0, 1, -2]
    report = score_labels(frame(reference), frame(labels), GIVEN_PARTIAL)
    first, second = report.per_report[:2]
    assert (first.report_id, first.true_present, first.false_present, first.false_absent) == ("r000", 2, 1, 1)
    assert (first.uncertain, first.unanswered, first.true_absent) == (1, 1, len(FINDINGS) - 6)
    assert first.f1 == pytest.approx(2 * 2 / (2 * 2 + 1 + 1))
    assert (second.true_absent, second.f1) == (len(FINDINGS), None)


def test_a_single_finding_scores_as_in_the_whole_table() -> None:
    """The search's fast path and the report give the same numbers."""
    reference, labels = some_codes(50)
    labels[4, 2] = -2
    report = score_labels(frame(reference), frame(labels), GIVEN_PARTIAL, bootstrap=0)
    for place, row in enumerate(report.findings):
        alone = score_finding(reference[:, place], labels[:, place], finding=row.finding, name=row.name)
        assert alone == row


@pytest.mark.parametrize(("empty", "f1"), [("0", 0.0), ("1", 1.0), ("skip", None)])
def test_a_single_empty_finding_follows_the_policy(empty: Empty, f1: float | None) -> None:
    """F1 is what the policy says; kappa is undefined and said to be so."""
    score = score_finding([0, 0, -1], [0, 0, 1], empty=empty)
    assert (score.f1, score.kappa, score.precision, score.recall, score.accuracy) == (f1, None, None, None, 1.0)


def test_the_signature_names_every_policy_the_program_and_the_version() -> None:
    """Two scores compare only under the same line."""
    assert signature_line(Policies()) == (
        f"ranscore|findings:{len(FINDINGS)}|uncertain:exclude|empty:0|no_finding:derived+devices|unanswered:refuse|program:none|v0.1"
    )
    other = Policies(empty="skip", no_finding="as-given", unanswered="allow-partial")
    assert signature_line(other, "sha256:" + "ab12cd34" * 8) == (
        f"ranscore|findings:{len(FINDINGS)}|uncertain:exclude|empty:skip|no_finding:as-given|unanswered:allow-partial"
        "|program:sha256:ab12cd34|v0.1"
    )


@pytest.mark.parametrize("digest", ["", "sha256:", "md5:ab12cd34", "sha256:ab12"])
def test_a_digest_that_is_none_is_refused(digest: str) -> None:
    """The signature never names a program that cannot be found again."""
    with pytest.raises(InputError, match="program digest: found"):
        signature_line(Policies(), digest)


def test_policies_take_a_number_from_yaml_and_refuse_unknown_values() -> None:
    """`empty: 0` in YAML is the number 0; other values are no policy."""
    assert Policies.model_validate({"empty": 1}).empty == "1"
    wrong: list[dict[str, Any]] = [{"empty": 2}, {"empty": True}, {"uncertain": "present"}, {"no_finding": "derived"}]
    for values in wrong:
        with pytest.raises(ValidationError):
            Policies.model_validate(values)


def test_json_keeps_every_digit_and_writes_null_for_undefined() -> None:
    """A report read back from its JSON is the same report, and the text is strict JSON."""
    reference = one_positive("edema", 7)
    report = score_labels(frame(reference), frame(reference), bootstrap=10)
    text = report.to_json()
    data = json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert ScoreReport.model_validate_json(text) == report
    assert data["ran_score"] == report.ran_score
    assert data["findings"][PLACE["fracture"]]["kappa"] is None
    assert data["per_report"][0]["report_id"] == "r000"


def test_the_frames_have_a_row_a_finding_and_a_row_a_report() -> None:
    """Unrounded numbers, NaN where undefined, intervals as two columns."""
    reference, labels = some_codes(12)
    reference[:, PLACE["edema"]] = labels[:, PLACE["edema"]] = 0
    report = score_labels(frame(reference), frame(labels), bootstrap=10)
    table = report.to_frame().set_index("finding")
    assert tuple(table.index) == FINDINGS
    assert table.loc["edema", ["kappa", "kappa_low", "kappa_high", "precision"]].isna().all()
    row = report.findings[PLACE["fracture"]]
    assert row.accuracy_interval == (table.loc["fracture", "accuracy_low"], table.loc["fracture", "accuracy_high"])
    assert table["f1"].mean() == pytest.approx(report.ran_score)
    assert report.to_frame("reports")["report_id"].tolist() == [f"r{i:03}" for i in range(12)]


def test_importing_the_scores_loads_no_table_library() -> None:
    """The search's inner loop and `ranscore --help` do not wait for pandas, scikit-learn or scipy.stats."""
    heavy = "{'pandas', 'sklearn', 'scipy.stats', 'dspy', 'litellm', 'mlflow', 'optuna'}"
    code = f"import sys, ranscore.scoring; print(*({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "", "")
