"""The one door to a held-out part, its counter, and the check that no program knows what is behind it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ranscore import catalog
from ranscore.cohort import Dataset
from ranscore.errors import IncompleteError, InputError
from ranscore.feedback.edits import apply_edits, propose_edits
from ranscore.freezing import DataUsed, FrozenProgram, freeze, freeze_finding
from ranscore.heldout import check_tuning, find_leaks, score_heldout
from ranscore.models import open_model
from ranscore.records import Exemplar, Program, Provenance, Report, SynonymRule
from ranscore.scoring import Policies
from ranscore.splitting import Split, narrow, split_reports
from ranscore.tracking import Tracker

FINDING = "pneumothorax"
ENGLISH = "A thin sliver of air outlines the left lung apex, about two centimetres deep, and shifts nothing."
CHINESE = "左侧肺尖可见一弧形透亮影，其内未见肺纹理，肺组织受压约百分之二十，纵隔未见移位。"


@pytest.fixture(scope="module")
def split(small: Dataset) -> Split:
    """The small cohort, a third of it held out."""
    return split_reports(small, 1 / 3, seed=2)


def frozen_with(program: Program, data: DataUsed | None = None) -> FrozenProgram:
    """A frozen program of one finding."""
    finding = freeze_finding(program, source="optimized", data=data)
    return freeze({program.finding: finding}, open_model("lexical"), {}, golden=False)


def seed_with(**parts: object) -> Program:
    """The seed with other exemplars, rules or words."""
    return catalog.seed_program(FINDING).model_copy(update=parts)


def used(name: str, digest: str) -> DataUsed:
    """Data that a program was tuned on."""
    return DataUsed(dataset=name, reports=40, dataset_digest=digest, reference_digest="sha256:0")


def report(text: str, report_id: str = "x1") -> Report:
    """One scored report."""
    return Report(report_id=report_id, text=text)


def test_a_clean_program_is_scored_and_every_opening_counted(
    small: Dataset, split: Split, frozen_seed: FrozenProgram, mlruns: Path
) -> None:
    """Two openings are counted, another held-out part of the same reports apart; only held-out reports are scored."""
    tracker = Tracker.open(mlruns)
    before = tracker.count_runs("heldout", {"dataset_digest": small.digest})  # by other tests of the same reports
    first = score_heldout(frozen_seed, split, small, tracker, bootstrap=0)
    again = score_heldout(frozen_seed, split, small, tracker, bootstrap=0)
    other = score_heldout(frozen_seed, split_reports(small, 1 / 3, seed=3), small, tracker, bootstrap=0)
    found = [(x.openings, x.openings_of_dataset - before) for x in (first, again, other)]
    assert found == [(1, 1), (2, 2), (1, 3)]
    assert set(first.labels.report_ids) == set(split.heldout.report_ids)
    assert first.report.n_reports == len(split.heldout.report_ids)
    assert first.report == again.report


def test_an_opening_counts_although_the_score_fails(small: Dataset, frozen_seed: FrozenProgram, mlruns: Path) -> None:
    """It is recorded before a report is labelled, so a crash hides nothing."""
    tracker, part = Tracker.open(mlruns), split_reports(small, 1 / 3, seed=11)
    silent = open_model("scripted", answers=["no idea"] * 100_000)
    with pytest.raises(IncompleteError):
        score_heldout(frozen_seed, part, small, tracker, silent, bootstrap=0)
    assert score_heldout(frozen_seed, part, small, tracker, bootstrap=0).openings == 2


def test_a_refused_program_opens_nothing(small: Dataset, split: Split, mlruns: Path) -> None:
    """The check stands before the door."""
    tracker, part = Tracker.open(mlruns), split_reports(small, 1 / 3, seed=12)
    known = part.heldout.report_ids[0]
    leaky = frozen_with(seed_with(exemplars=(Exemplar(passage="Air.", answer="present", report_id=known),)))
    with pytest.raises(InputError, match=f"of 1 of the scored reports \\({known}: an exemplar of Pneumothorax\\)"):
        score_heldout(leaky, part, small, tracker)
    assert tracker.count_runs("heldout", {"heldout_digest": part.heldout.texts_digest}) == 0


def test_another_dataset_is_refused(demo_zh: Dataset, split: Split, frozen_seed: FrozenProgram, mlruns: Path) -> None:
    """A split belongs to its reports."""
    with pytest.raises(InputError, match="expected the same reports"):
        score_heldout(frozen_seed, split, demo_zh, Tracker.open(mlruns))


def test_policies_are_those_of_the_caller(small: Dataset, frozen_seed: FrozenProgram, mlruns: Path) -> None:
    """The signature names them."""
    part = split_reports(small, 1 / 3, seed=13)
    found = score_heldout(
        frozen_seed, part, small, Tracker.open(mlruns), policies=Policies(no_finding="derived-devices"), bootstrap=0
    )
    assert "no_finding:derived-devices" in found.report.signature


def test_a_program_tuned_on_the_whole_is_refused(small: Dataset, split: Split) -> None:
    """The search has seen the held-out reports, although no exemplar comes from them."""
    with pytest.raises(InputError, match=r"was tuned on 40 reports of small .*tune and compile with --split first"):
        check_tuning(frozen_with(seed_with(), used("small", small.digest)), split, small)
    with pytest.raises(InputError, match="not on this split's development part"):
        check_tuning(frozen_with(seed_with(), used("copy", small.digest)), split, small)
    with pytest.raises(InputError, match="not on this split's development part"):
        check_tuning(frozen_with(seed_with(), used("small", "sha256:another split")), split, small)


def test_a_program_tuned_on_the_development_part_or_elsewhere_passes(small: Dataset, split: Split) -> None:
    """Neither knows the held-out reports."""
    check_tuning(frozen_with(seed_with(), used("small", split.development.texts_digest)), split, small)
    check_tuning(frozen_with(seed_with(), used("elsewhere", "sha256:1")), split, small)
    check_tuning(frozen_with(seed_with()), split, small)


def test_evidence_of_a_scored_report_is_found_by_its_id() -> None:
    """In an exemplar, in its provenance, in a rule's provenance; a report that is not scored is none."""
    origin = Provenance(origin="note", report_ids=("x1",))
    leaky = [
        {"exemplars": (Exemplar(passage="Air.", answer="present", report_id="x1"),)},
        {"exemplars": (Exemplar(passage="Air.", answer="present", provenance=origin),)},
        {"rules": (SynonymRule(means="states", phrases=("apical air",), provenance=origin),)},
    ]
    for parts in leaky:
        frozen = frozen_with(seed_with(**parts))
        (leak,) = find_leaks(frozen, [report("Lungs are clear.")])
        assert leak.report_id == "x1"
        assert leak.source.endswith("of Pneumothorax")
        assert find_leaks(frozen, [report("Lungs are clear.", "x2")]) == ()


def test_equal_ids_of_another_dataset_are_no_leak() -> None:
    """Two hospitals both number their reports from 1; the text tells them apart."""
    exemplar = Exemplar(passage=ENGLISH, answer="present", report_id="x1")
    frozen = frozen_with(seed_with(exemplars=(exemplar,)), used("elsewhere", "sha256:1"))
    assert find_leaks(frozen, [report("Lungs are clear.")], dataset="here") == ()
    assert [x.report_id for x in find_leaks(frozen, [report("Lungs are clear.")], dataset="elsewhere")] == ["x1"]
    assert [x.report_id for x in find_leaks(frozen, [report(ENGLISH)], dataset="here")] == ["x1"]


@pytest.mark.parametrize(
    ("passage", "text", "leaks"),
    [
        (ENGLISH, f"FINDINGS: Heart normal. {ENGLISH.upper()} No fracture.", True),
        ("a thin sliver of AIR outlines the left", f"Heart normal.\n{ENGLISH}", True),
        ("a thin sliver of air outlines the", ENGLISH, False),
        ("a thin sliver of gas outlines the left lung", ENGLISH, False),
        (CHINESE, f"影像所见：心影不大。{CHINESE}", True),
        ("可见一弧形透亮影其内未见肺纹理肺", CHINESE, True),
        ("可见一弧形透亮影其内未见肺纹理", CHINESE, False),
    ],
)
def test_copied_text_is_found_without_any_id(passage: str, text: str, leaks: bool) -> None:
    """Eight words, or sixteen Chinese characters, in a row, whatever the case and the punctuation; fewer are none."""
    frozen = frozen_with(seed_with(exemplars=(Exemplar(passage=passage, answer="present"),)))
    assert [x.report_id for x in find_leaks(frozen, [report(text)])] == (["x1"] if leaks else [])


def test_copied_text_is_found_in_rules_and_wording() -> None:
    """A rule's phrase counts between its gaps; so do criteria and a text that an optimizer wrote."""
    long = ENGLISH.lower().split(",")[0]
    rule = SynonymRule(means="states", phrases=(f"apex ... {long}",))
    for parts in ({"rules": (rule,)}, {"present_when": (long,)}, {"text": f"Say present for: {long}."}):
        assert [x.report_id for x in find_leaks(frozen_with(seed_with(**parts)), [report(ENGLISH)])] == ["x1"]
    gapped = SynonymRule(means="states", phrases=("a thin sliver of ... outlines the left lung apex",))
    assert find_leaks(frozen_with(seed_with(rules=(gapped,))), [report(ENGLISH)]) == ()


def test_what_development_reports_say_too_is_no_leak() -> None:
    """A sentence of the house template stands in many reports."""
    frozen = frozen_with(seed_with(exemplars=(Exemplar(passage=ENGLISH, answer="present"),)))
    assert find_leaks(frozen, [report(ENGLISH)], seen=[report(f"Portable. {ENGLISH}", "d1")]) == ()
    assert len(find_leaks(frozen, [report(ENGLISH)], seen=[report("Portable.", "d1")])) == 1


def test_the_refusal_names_five_reports_and_counts_the_rest(small: Dataset, mlruns: Path) -> None:
    """One sentence, however many reports leak."""
    part = split_reports(small, 1 / 3, seed=14)
    ids = part.heldout.report_ids[:7]
    rule = SynonymRule(means="states", phrases=("apical air",), provenance=Provenance(origin="mined", report_ids=ids))
    with pytest.raises(InputError) as fault:
        score_heldout(frozen_with(seed_with(rules=(rule,))), part, small, Tracker.open(mlruns))
    said = str(fault.value)
    assert "\n" not in said
    assert "of 7 of the scored reports" in said
    assert said.count("a rule of Pneumothorax") == 5
    assert "and 2 more" in said


def test_a_lexicon_that_quotes_a_scored_report_is_named(small: Dataset, mlruns: Path) -> None:
    """No split helps against an expert who wrote with the held-out reports at hand, so another step is said."""
    part = split_reports(small, 1 / 3, seed=14)
    held = {r.report_id: r.text for r in small.reports if r.report_id in part.heldout.report_ids}
    source = Provenance(origin="expert", edit_id="expert:pneumothorax:ex-copied")
    copied = Exemplar(passage=next(iter(held.values())), answer="present", provenance=source)
    with pytest.raises(InputError, match="reword expert:pneumothorax:ex-copied and tune again") as fault:
        score_heldout(frozen_with(seed_with(exemplars=(copied,))), part, small, Tracker.open(mlruns))
    assert "--split" not in str(fault.value)


def test_the_lexicons_and_seeds_quote_no_demonstration_report(demo: Dataset, demo_zh: Dataset) -> None:
    """What ships as expert knowledge was not copied from the cohorts that it is measured on."""
    programs = [apply_edits(catalog.seed_program(f), catalog.lexicon_edits(f)) for f in catalog.asked_ids()]
    found = {p.finding: freeze_finding(p, source="optimized") for p in programs}
    frozen = freeze(found, open_model("lexical"), {}, golden=False)
    assert find_leaks(frozen, (*demo.reports, *demo_zh.reports)) == ()


def test_notes_on_development_reports_make_a_clean_program(demo: Dataset) -> None:
    """The edits that notes on one part propose know no report of the other, and do know their own."""
    part = split_reports(demo, 0.3, seed=1)
    held, seen = narrow(demo, part.heldout.report_ids), narrow(demo, part.development.report_ids)

    def tuned(data: Dataset) -> FrozenProgram:
        reports = {r.report_id: r for r in data.reports}
        notes = [n for n in data.notes if n.finding == FINDING]
        return frozen_with(apply_edits(catalog.seed_program(FINDING), propose_edits(notes, reports)))

    assert find_leaks(tuned(seen), held.reports, seen.reports) == ()
    assert find_leaks(tuned(held), held.reports, seen.reports) != ()
    assert find_leaks(tuned(held), seen.reports, held.reports) == ()


def test_deleted_runs_still_count(small: Dataset, frozen_seed: FrozenProgram, mlruns: Path) -> None:
    """Taking a run out of the list does not close the door again."""
    from mlflow import MlflowClient

    from ranscore.tracking import database_uri, find_database

    tracker, part = Tracker.open(mlruns), split_reports(small, 1 / 3, seed=15)
    score_heldout(frozen_seed, part, small, tracker, bootstrap=0)
    client = MlflowClient(tracking_uri=database_uri(find_database(mlruns)))
    for run in client.search_runs([tracker.experiment_id], filter_string="tags.`ranscore.kind` = 'heldout'"):
        if run.data.tags["heldout_digest"] == part.heldout.texts_digest:
            client.delete_run(run.info.run_id)
    assert score_heldout(frozen_seed, part, small, tracker, bootstrap=0).openings == 2


def test_labels_that_were_corrected_leave_the_split_as_it_is(
    small: Dataset, split: Split, frozen_seed: FrozenProgram, mlruns: Path
) -> None:
    """The parts are of reports; a new version of the reference may be scored with them."""
    flipped = tuple(tuple(0 if v == -1 else v for v in row) for row in small.reference.values)
    corrected = replace(small, reference=small.reference.model_copy(update={"values": flipped}))
    tracker = Tracker.open(mlruns)
    assert score_heldout(frozen_seed, split, corrected, tracker, bootstrap=0).report.n_reports == len(
        split.heldout.report_ids
    )
