"""What a report is made of: the scores that the search gave, other systems beside them, and what does not belong."""

from __future__ import annotations

import csv
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ranscore.cohort import Dataset
from ranscore.errors import InputError
from ranscore.figures import Evidence
from ranscore.freezing import FrozenProgram, freeze, save_frozen
from ranscore.labelling.batch import extract
from ranscore.metrics._mcnemar import mcnemar_p
from ranscore.models import open_model
from ranscore.records import UNANSWERED, LabelTable
from ranscore.reporting import gather, make_report
from ranscore.reporting._runs import Round, check_round, choose_runs, read_run
from ranscore.reporting._sides import Settings, gather_columns, make_side
from ranscore.reporting._words import not_shown
from ranscore.scoring import Policies, frame_of, score_labels
from ranscore.search._recipe import read_recipe
from ranscore.search._tracked import freeze_program, optimize_label
from ranscore.splitting import split_reports
from ranscore.tracking import Tracker


def test_the_sides_are_the_scores_that_the_search_gave(store: Any, evidence: Evidence) -> None:
    """Seed, tuned-on and cross-validated counts and figures equal those of the optimization itself."""
    system = evidence.systems[0]
    assert [side.kind for side in system.sides] == ["seed", "tuned-on", "cross-validated"]
    left_out = {"f1_interval", "kappa_interval", "unanswered"}
    for finding, found in store.found.items():
        assert found.crossed
        expected = (found.seed.score, found.best.score, found.crossed.score)
        for side, score in zip(system.sides, expected, strict=True):
            own = side.of(finding)
            assert own
            assert own.model_dump(exclude=left_out) == score.model_dump(exclude=left_out)


def test_intervals_are_those_of_the_score(store: Any, seed_labels: Path) -> None:
    """F1 and kappa of a table with all findings carry the very intervals of the Ran Score's own report."""
    found = gather(store.wanted(labels=[f"theirs={seed_labels}"])).systems[0].main
    assert found.ran_score
    assert found.ran_score.signature.startswith("ranscore|findings:21|uncertain:exclude|empty:0|")
    for ours, theirs in zip(found.scores, found.ran_score.findings, strict=True):
        assert ours.model_dump() == theirs.model_dump()


def test_kappa_by_round_is_what_was_tracked(store: Any, evidence: Evidence) -> None:
    """Each curve holds every round's kappa, the kept round, and the cross-validated kappa."""
    for curve in evidence.systems[0].curves:
        found = store.found[curve.finding]
        assert found.crossed
        assert list(curve.kappas) == [r.scored.score.kappa for r in found.rounds]
        assert found.rounds[curve.kept].scored.candidate.program == found.program
        assert (curve.crossed, curve.has_crossed) == (found.crossed.score.kappa, True)


def test_the_test_is_mcnemars_on_the_labels_themselves(store: Any, evidence: Evidence) -> None:
    """Discordant reports counted from the labels of the search give the p-value of the table, and Holm's after it."""
    comparison = evidence.systems[0].comparisons[-1]
    assert (comparison.before.kind, comparison.after.kind) == ("seed", "cross-validated")
    assert comparison.headline == "macro-F1 over 2 findings"
    for finding, found in store.found.items():
        assert found.crossed
        truth = store.dataset.reference.column(finding)
        seed = {x.report_id: {"present": 1, "absent": 0}[x.value] for x in found.seed.labels}
        certain = [i for i, v in truth.items() if v != -1]
        only_seed = sum(seed[i] == truth[i] != found.crossed.labels[i] for i in certain)
        only_after = sum(seed[i] != truth[i] == found.crossed.labels[i] for i in certain)
        one = comparison.of(finding)
        assert one
        assert (one.only_before, one.only_after, one.n) == (only_seed, only_after, len(certain))
        assert one.p == mcnemar_p(only_seed, only_after)
    smallest = min(comparison.changes, key=lambda c: c.p)
    assert smallest.p_adjusted == pytest.approx(min(1.0, 2 * smallest.p))


def test_the_cohort_is_counted(store: Any, evidence: Evidence) -> None:
    """Reports, patients, ages, sexes, lengths and the cells of the reference."""
    cohort = evidence.cohort
    assert (cohort.reports, cohort.patients, cohort.sexes) == (80, 40, {"female": 60, "male": 20})
    assert cohort.ages == tuple(float(a) for a in range(40, 120))
    assert cohort.lengths[0] == len(
        re.sub(r"^(FINDINGS|IMPRESSION): ", "", store.dataset.reports[0].text, flags=re.M).split()
    )
    values = [v for row in store.dataset.reference.values for v in row]
    totals = [sum(getattr(s, part) for s in cohort.support) for part in ("present", "absent", "uncertain")]
    assert totals == [values.count(1), values.count(0), values.count(-1)]


def test_a_frozen_program_stands_beside_its_seed(store: Any, tmp_path: Path) -> None:
    """Tuned on these reports it is called so and shows its recorded cross-validation; its labels are made here."""
    findings = {f: freeze_program(store.session, o, store.runs[f]) for f, o in store.found.items()}
    frozen = freeze(findings, open_model("lexical"), {}, golden=False)
    path = tmp_path / "mine.json"
    save_frozen(frozen, path)
    system = gather(store.wanted(programs=[path])).systems[0]
    assert system.name == "mine"
    assert [side.kind for side in system.sides] == ["seed", "tuned-on", "cross-validated"]
    labels = extract(frozen, store.dataset.reports).table
    for finding, found in store.found.items():
        assert found.crossed
        assert system.main.of(finding) == found.crossed.score
        own, truth = system.sides[1].of(finding), store.dataset.reference.column(finding)
        right = sum(labels.column(finding)[i] == v for i, v in truth.items())
        assert own
        assert own.tp + own.tn == right
    assert system.digests == {"Frozen program mine.json": frozen.sha256}
    assert system.agreement is None


def test_a_program_tuned_elsewhere_is_called_applied(store: Any, frozen_seed: FrozenProgram, tmp_path: Path) -> None:
    """Its labels of these reports are the figure to rely on, with the Ran Score and the program in the signature."""
    save_frozen(frozen_seed, tmp_path / "seed.json")
    system = gather(store.wanted(programs=[tmp_path / "seed.json"])).systems[0]
    assert [side.kind for side in system.sides] == ["seed", "applied"]
    assert not system.seen
    assert system.main.ran_score
    assert f"program:{frozen_seed.sha256[:15]}" in system.main.ran_score.signature
    assert {c.verdict for c in system.comparisons[0].changes} == {"cannot tell"}
    frames = frame_of(store.dataset.reference), frame_of(extract(frozen_seed, store.dataset.reports).table)
    assert (
        system.main.ran_score.ran_score == score_labels(*frames, Policies(no_finding="as-given"), bootstrap=0).ran_score
    )


def test_missing_answers_are_counted_and_never_absent(store: Any, seed_labels: Path, tmp_path: Path) -> None:
    """Blank cells of a table are left out of n, and coverage and the page say so."""
    rows = list(csv.DictReader(seed_labels.open(encoding="utf-8")))
    for row in rows[:7]:
        row["Edema"] = ""
    with (tmp_path / "gaps.csv").open("w", encoding="utf-8", newline="") as out:
        writer = csv.DictWriter(out, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    made = make_report(evidence := gather(store.wanted(labels=[str(tmp_path / "gaps.csv")])))
    score = evidence.systems[0].main.of("edema")
    truth = store.dataset.reference.column("edema")
    gone = {row["report_id"] for row in rows[:7]}
    assert score
    assert score.n == sum(v != -1 for i, v in truth.items() if i not in gone)
    assert score.unanswered == 7
    summary = next(table for table in made.tables if table.name == "summary")
    assert summary.rows[0][-1].text != "100.00 %"
    assert "Cells without an answer are left out of the figures, never taken as absent: Labels " in made.html


def test_the_development_part_of_a_split_alone(store: Any, seed_labels: Path, tmp_path: Path) -> None:
    """With --split only those reports count, for the readers too; the others' labels must not be there."""
    split = split_reports(store.dataset, 0.3)
    (tmp_path / "split.json").write_bytes(split.encode())
    ids = set(split.development.report_ids)
    rows = seed_labels.read_text(encoding="utf-8").splitlines()
    kept = [rows[0], *(row for row in rows[1:] if row.split(",")[0] in ids)]
    (tmp_path / "part.csv").write_text("\n".join(kept), encoding="utf-8")
    found = gather(store.wanted(labels=[str(tmp_path / "part.csv")], split=tmp_path / "split.json"))
    assert found.cohort.reports == len(ids)
    assert found.agreement
    assert found.agreement.reports == len(ids)
    with pytest.raises(InputError, match=f"0 of the {len(ids)} reports .* and {80 - len(ids)} are not in it"):
        gather(store.wanted(labels=[str(seed_labels)], split=tmp_path / "split.json"))


def test_runs_are_named_by_their_first_digits(store: Any) -> None:
    """Six digits of a run id will do; a round's id, an unknown one and fewer digits are refused in one sentence."""
    run = store.runs["pneumothorax"]
    found = gather(store.wanted(runs=[run[:8], run], resamples=0))
    assert [o.run_id for o in found.systems[0].origins] == [run]
    assert found.systems[0].main.scores[0].kappa_interval is None
    tracker = Tracker.open(store.folder)
    child = tracker.rounds(run)[0].run_id
    for text in (child, "f" * 32, run[:5], "no-run.json"):
        with pytest.raises(
            InputError, match=r"no finished optimization has a run id that begins with .* frozen program"
        ):
            gather(store.wanted(runs=[text]))


def test_the_newest_run_of_a_finding_is_taken(store: Any, tmp_path: Path) -> None:
    """After a second optimization --all takes the second; naming both is refused."""
    recipe = read_recipe("exemplar-tpe").changed(rounds=1, trials=1, folds=0)
    session = replace(store.session, recipe=recipe, mlruns=tmp_path)
    first, second = (optimize_label(session, "pneumothorax")[1] for _ in range(2))
    found = gather(store.wanted(newest=True, mlruns=tmp_path, resamples=0))
    assert [o.run_id for o in found.systems[0].origins] == [second]
    assert [side.kind for side in found.systems[0].sides] == ["seed", "tuned-on"]
    assert "No cross-validation was done" in dict(not_shown(found))["Tuned and scored on the same reports"]
    with pytest.raises(InputError, match=r"^Pneumothorax: several of the runs have the same finding, model and recipe"):
        gather(store.wanted(runs=[first, second], mlruns=tmp_path))


def test_a_run_of_other_reports_is_refused(store: Any) -> None:
    """Its labels are of other reports, so no figure of it can stand here."""
    with pytest.raises(InputError, match=r"\(Pneumothorax\) was made on another dataset and reference than demo-en's"):
        gather(store.wanted(runs=[store.runs["pneumothorax"]], dataset="demo-en"))
    with pytest.raises(InputError, match="no finished optimization of these reports"):
        gather(store.wanted(newest=True, dataset="demo-en"))


def test_a_dataset_that_only_has_a_card_must_be_named(store: Any) -> None:
    """The run says its name, which is no registered one."""
    with pytest.raises(InputError, match=r"no dataset is called 'eighty'.*give the path of its card with --dataset"):
        gather(store.wanted(newest=True, dataset=None))


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({}, "nothing to report on"),
        ({"labels": ["labels.csv"], "dataset": None}, "on which reports the figures are, and nothing else tells"),
    ],
)
def test_a_report_on_nothing_is_refused(store: Any, more: dict[str, Any], message: str) -> None:
    """One sentence that says what is expected."""
    with pytest.raises(InputError, match=message):
        gather(store.wanted(**more))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rows: rows[:-1], "1 of the 80 reports of eighty are missing and 0 are not in it"),
        (lambda rows: [rows[0], re.sub(r",[01],", ",-1,", rows[1], count=1), *rows[2:]], "holds 1 uncertain cells"),
    ],
)
def test_labels_of_other_reports_or_with_doubts_are_refused(
    store: Any, seed_labels: Path, tmp_path: Path, change: Any, message: str
) -> None:
    """A table must answer for each report, with yes, no, or nothing."""
    rows = seed_labels.read_text(encoding="utf-8").splitlines()
    (tmp_path / "odd.csv").write_text("\n".join(change(rows)), encoding="utf-8")
    with pytest.raises(InputError, match=message):
        gather(store.wanted(labels=[str(tmp_path / "odd.csv")]))


def test_a_frozen_program_of_an_endpoint_is_refused(store: Any, frozen_seed: FrozenProgram, tmp_path: Path) -> None:
    """A report asks no endpoint; the sentence says how its labels come in."""
    remote = frozen_seed.model_copy(update={"model": frozen_seed.model.model_copy(update={"name": "openai/none"})})
    save_frozen(remote.model_copy(update={"sha256": remote.content_digest()}), tmp_path / "remote.json")
    with pytest.raises(InputError, match=r"a report asks no endpoint.*--generated remote=labels\.csv"):
        gather(store.wanted(programs=[tmp_path / "remote.json"]))


def test_rounds_that_do_not_fit_their_figures_are_refused(store: Any) -> None:
    """A table of errors that was cut, or another reference, is noticed by the tracked accuracy."""
    tracker = Tracker.open(store.folder)
    run = read_run(tracker, choose_runs(tracker, [store.runs["pneumothorax"]], {})[0])
    reference = store.dataset.reference.column("pneumothorax")
    check_round(run, 0, reference)
    assert run.rounds[0].errors
    less = replace(run.rounds[0], errors=dict(list(run.rounds[0].errors.items())[1:]))
    with pytest.raises(InputError, match=r"round 0 has .* labels right by its table of errors"):
        check_round(replace(run, rounds=(less, *run.rounds[1:])), 0, reference)


def test_labels_that_a_round_did_not_keep_make_no_finding_unanswered_only_where_it_matters(demo: Dataset) -> None:
    """The label of an uncertain cell is unknown: No Finding is unanswered there, unless something else is present."""
    asked = [f for f in demo.reference.findings if f != "no_finding"]
    ids = ("a", "b", "c")
    truth = {f: (0, 0, 0) for f in asked} | {"edema": (-1, -1, 0), "fracture": (1, 1, 0)}
    order = demo.reference.findings
    none = (0, 0, 1)
    values = zip(*(truth.get(f, none) for f in order), strict=True)
    reference = LabelTable(report_ids=ids, findings=order, values=tuple(values))
    rounds = {f: Round(None, None, 0, {"b": 0} if f == "fracture" else {}) for f in asked}
    table = gather_columns(reference, {f: r.labels(reference.column(f)) for f, r in rounds.items()})
    assert table.column("no_finding") == {"a": 0, "b": UNANSWERED, "c": 1}
    assert table.column("edema") == {"a": 0, "b": 0, "c": 0}
    side = make_side("seed", reference, table, Settings(0), complete=False)
    score, edema = side.of("no_finding"), side.of("edema")
    assert score
    assert edema
    assert (score.n, score.unanswered, score.tp, score.tn) == (2, 1, 1, 1)
    assert (edema.n, edema.uncertain, edema.unanswered) == (1, 2, 0)
