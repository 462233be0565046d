"""A Ran Score corrected for its program's errors: prevalences, ranges, and what must be known for it."""

from __future__ import annotations

import pytest

from ranscore.catalog import asked_ids, finding_ids, finding_name
from ranscore.correcting import correct_score, crossed_scores
from ranscore.errors import InputError
from ranscore.freezing import FrozenProgram
from ranscore.metrics._correction import rogan_gladen
from ranscore.policies import Policies
from ranscore.records import LabelTable
from ranscore.scoring import frame_of, score_finding, score_labels

Confusion = tuple[int, int, int, int]  # tp, fp, fn, tn


def measured(frozen: FrozenProgram, confusion: Confusion) -> FrozenProgram:
    """The program as if each finding had been cross-validated with this confusion."""
    counts = dict(zip(("tp", "fp", "fn", "tn"), confusion, strict=True)) | {"positives": confusion[0] + confusion[2]}
    some = score_finding([1, 0], [1, 0])
    findings = {}
    for finding, frozen_finding in frozen.findings.items():
        score = some.model_copy(update={"finding": finding, "name": finding_name(finding), **counts})
        findings[finding] = frozen_finding.model_copy(update={"cross_validated": score})
    return frozen.model_copy(update={"findings": findings})


def some_tables(reports: int = 80) -> tuple[LabelTable, LabelTable]:
    """Labels of reference and generated reports over the asked findings; the second in the opposite order."""
    asked = asked_ids()
    rows = [tuple(int((3 * i + 7 * j) % 11 < 2) for j in range(20)) for i in range(reports)]
    others = [tuple(v if (i + j) % 9 else 1 - v for j, v in enumerate(row)) for i, row in enumerate(rows)]
    ids = tuple(f"r{i:03}" for i in range(reports))
    return (
        LabelTable(report_ids=ids, findings=asked, values=tuple(rows)),
        LabelTable(report_ids=ids[::-1], findings=asked, values=tuple(others[::-1])),
    )


def test_a_program_without_errors_leaves_the_score_where_it_was(frozen_seed: FrozenProgram) -> None:
    """The range is then about as wide as the score's own interval, No Finding included."""
    reference, generated = some_tables()
    found = correct_score(reference, generated, measured(frozen_seed, (10**5, 0, 0, 10**5)), Policies(), draws=300)
    score = score_labels(frame_of(reference), frame_of(generated), bootstrap=300)
    assert score.ran_score_interval is not None
    assert found.ran_score_range == pytest.approx(score.ran_score_interval, abs=0.02)
    assert [f.finding for f in found.findings] == list(finding_ids())
    for corrected, observed in zip(found.findings, score.findings, strict=True):
        assert corrected.f1_range is not None
        assert corrected.f1_range[0] - 1e-9 <= (observed.f1 or 0) <= corrected.f1_range[1] + 1e-9


def test_prevalences_are_rogan_gladens_of_both_sides(frozen_seed: FrozenProgram) -> None:
    """k of n as labelled, joined with the finding's own sensitivity and specificity."""
    reference, generated = some_tables()
    confusion = (40, 3, 5, 250)
    found = correct_score(reference, generated, measured(frozen_seed, confusion), Policies(), draws=50)
    edema = next(f for f in found.findings if f.finding == "edema")
    present = sum(reference.column("edema").values())
    expected = rogan_gladen(present, 80, confusion)
    assert edema.reference is not None
    assert (edema.reference.k, edema.reference.n) == (present, 80)
    assert edema.reference.estimate == expected.estimate
    assert edema.reference.interval == expected.interval
    assert (edema.sensitivity, edema.specificity) == ((40, 45), (250, 253))
    derived = next(f for f in found.findings if f.finding == "no_finding")
    assert (derived.sensitivity, derived.reference, derived.generated) == (None, None, None)


def test_readers_labels_are_not_corrected(frozen_seed: FrozenProgram) -> None:
    """With `generated` the reference counts as true, and its prevalence is left alone; the range is narrower."""
    reference, generated = some_tables()
    frozen = measured(frozen_seed, (30, 6, 8, 250))
    both, one = (
        correct_score(reference, generated, frozen, Policies(), sides=sides, draws=200)
        for sides in ("both", "generated")
    )
    assert {f.reference for f in one.findings} == {None}
    assert all(f.reference for f in both.findings if f.finding != "no_finding")
    assert "reference's labels are right" in one.remarks[0]
    assert "both sides" in both.remarks[0]
    widths = [high - low for low, high in (both.ran_score_range, one.ran_score_range)]
    assert widths[1] < widths[0]


def test_few_positives_behind_a_sensitivity_are_named(frozen_seed: FrozenProgram) -> None:
    """Three positives say little about sensitivity."""
    reference, generated = some_tables(10)
    found = correct_score(reference, generated, measured(frozen_seed, (3, 0, 0, 90)), Policies(), draws=20)
    assert "Edema (3)" in found.remarks[-1]


def test_the_same_seed_gives_the_same_range(frozen_seed: FrozenProgram) -> None:
    """And another seed another one."""
    reference, generated = some_tables(20)
    frozen = measured(frozen_seed, (30, 6, 8, 250))
    ranges = [
        correct_score(reference, generated, frozen, Policies(), draws=30, seed=s).ran_score_range for s in (1, 1, 2)
    ]
    assert ranges[0] == ranges[1] != ranges[2]


def test_a_program_that_was_never_cross_validated_cannot_correct(frozen_seed: FrozenProgram) -> None:
    """Its errors are not known; the findings are named."""
    with pytest.raises(InputError, match=r"no cross-validated score of Atelectasis, .* and 16 more"):
        crossed_scores(frozen_seed)


def test_a_no_finding_that_is_given_cannot_be_corrected(frozen_seed: FrozenProgram) -> None:
    """Nobody asked a program for it."""
    frozen = measured(frozen_seed, (30, 6, 8, 250))
    with pytest.raises(InputError, match="--no-finding derived"):
        correct_score(*some_tables(5), frozen, Policies(no_finding="as-given"))


def test_all_findings_are_needed(frozen_seed: FrozenProgram) -> None:
    """A table without Edema."""
    reference, generated = some_tables(5)
    keep = [at for at, f in enumerate(reference.findings) if f != "edema"]
    short = LabelTable(
        report_ids=reference.report_ids,
        findings=tuple(reference.findings[at] for at in keep),
        values=tuple(tuple(row[at] for at in keep) for row in reference.values),
    )
    with pytest.raises(InputError, match="no labels for Edema"):
        correct_score(short, generated, measured(frozen_seed, (30, 6, 8, 250)), Policies())
