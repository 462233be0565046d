"""What an optimization leaves in the tracking store, and how the best of it is gathered."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient

from ranscore import catalog
from ranscore.cohort import Dataset
from ranscore.errors import InputError
from ranscore.extraction.module import freeze_prompt
from ranscore.freezing import FrozenFinding
from ranscore.models import Model, open_model, scripted
from ranscore.models._base import Message
from ranscore.models.lexical import LexicalReader
from ranscore.records import LabelTable
from ranscore.scoring import score_finding
from ranscore.search._recipe import read_recipe
from ranscore.search._rounds import Optimized, Round
from ranscore.search._tracked import (
    Session,
    check_model,
    freeze_program,
    gather_programs,
    optimize_all,
    optimize_label,
    score_programs,
    summarize,
)
from ranscore.tracking import Tracker, database_uri, find_database

FINDING = "pneumothorax"
QUICK = read_recipe("exemplar-tpe").changed(
    trials=6, fold_trials=3, folds=2, rounds=2, target_kappa=1, target_accuracy=1
)
FIGURES = {"kappa", "f1", "precision", "recall", "accuracy", "accuracy_low", "accuracy_high"}
COUNTS = {"n", "positives", "unanswered", "calls", "tokens", "prompt_tokens", "errors", "edits"}


def with_digest(data: Dataset, mark: str) -> Dataset:
    """The same cohort under a digest of its own, so that its runs are kept apart."""
    return replace(data, digest=f"sha256:{mark}")


def session_of(data: Dataset, mlruns: Path, **changes: Any) -> Session:
    """A session of the embedded reader on a cohort."""
    values = {"dataset": data, "model": open_model("lexical"), "recipe": QUICK, "notes": data.notes, "mlruns": mlruns}
    return Session(**(values | changes))


class Store:
    """The tracking store as MLflow's own client sees it."""

    def __init__(self, mlruns: Path) -> None:
        uri = database_uri(find_database(mlruns))
        self.client = MlflowClient(tracking_uri=uri, registry_uri=uri)
        self.experiment = self.client.get_experiment_by_name("ranscore").experiment_id

    def runs(self, condition: str) -> list[Any]:
        """The runs that fit a condition, oldest first."""
        return list(self.client.search_runs([self.experiment], condition, order_by=["attributes.start_time ASC"]))

    def rounds(self, parent: str) -> list[Any]:
        """The rounds of an optimization, by number."""
        found = self.runs(f"tags.`mlflow.parentRunId` = '{parent}'")
        return sorted(found, key=lambda r: r.info.run_name)

    def text(self, run_id: str, name: str) -> str:
        """An artifact's text."""
        return Path(self.client.download_artifacts(run_id, name)).read_text(encoding="utf-8")

    def rows(self, run_id: str, name: str) -> list[dict[str, str]]:
        """An artifact's rows."""
        return list(csv.DictReader(io.StringIO(self.text(run_id, name))))


@pytest.fixture(scope="module")
def tracked(small: Dataset, mlruns: Path) -> tuple[Session, Optimized, str]:
    """One finding optimized and tracked."""
    session = session_of(small, mlruns)
    return session, *optimize_label(session, FINDING)


@pytest.fixture(scope="module")
def store(tracked: tuple[Session, Optimized, str], mlruns: Path) -> Store:
    """The store that it was tracked in."""
    return Store(mlruns)


def test_an_optimization_is_a_run_with_a_run_a_round(tracked: tuple[Session, Optimized, str], store: Store) -> None:
    """The parent has one child a round, each finished, with every figure and count of the round's score."""
    _, found, run_id = tracked
    children = store.rounds(run_id)
    assert [c.info.run_name for c in children] == [f"round {r.number}" for r in found.rounds]
    assert len(children) >= 2
    for child, current in zip(children, found.rounds, strict=True):
        metrics, score = child.data.metrics, current.scored.score
        assert child.info.status == "FINISHED"
        assert set(metrics) >= FIGURES | COUNTS
        assert {name: metrics[name] for name in ("kappa", "f1", "accuracy")} == {
            "kappa": score.kappa, "f1": score.f1, "accuracy": score.accuracy,
        }  # fmt: skip
        assert (metrics["accuracy_low"], metrics["accuracy_high"]) == score.accuracy_interval
        assert (metrics["n"], metrics["positives"]) == (score.n, score.positives)
        assert (metrics["calls"], metrics["tokens"]) == (current.calls, current.tokens)
        assert metrics["errors"] == len(current.errors)


def test_the_parent_shows_the_curve_of_kappa_and_both_figures(
    tracked: tuple[Session, Optimized, str], store: Store
) -> None:
    """The rounds are points of the parent's curves; tuned-on, cross-validated and their difference are beside them."""
    _, found, run_id = tracked
    curve = store.client.get_metric_history(run_id, "kappa")
    by_step = {p.step: p.value for p in sorted(curve, key=lambda p: p.timestamp)}
    assert by_step == {r.number: r.scored.score.kappa for r in found.rounds} | {
        found.rounds[-1].number: found.best.score.kappa
    }
    metrics = store.client.get_run(run_id).data.metrics
    assert found.crossed is not None
    assert found.best.score.kappa is not None
    assert found.crossed.score.kappa is not None
    assert metrics["kappa"] == found.best.score.kappa
    assert metrics["cv_kappa"] == found.crossed.score.kappa
    assert metrics["seed_kappa"] == found.seed.score.kappa
    assert metrics["optimism_kappa"] == pytest.approx(found.best.score.kappa - found.crossed.score.kappa)
    assert {i["report_id"]: int(i["label"]) for i in store.rows(run_id, "cv_labels.csv")} == found.crossed.labels


def test_the_runs_say_what_they_were_made_with(tracked: tuple[Session, Optimized, str], store: Store) -> None:
    """Finding, model, data, reference and program are tags of every run, the recipe's settings the parent's."""
    session, found, run_id = tracked
    wanted = {
        "finding": FINDING, "model": "lexical", "dataset": "small", "recipe": "exemplar-tpe",
        "dataset_digest": session.dataset.digest, "reference_digest": session.dataset.reference_digest,
    }  # fmt: skip
    parent = store.client.get_run(run_id)
    for run in (parent, *store.rounds(run_id)):
        assert wanted.items() <= run.data.tags.items()
    assert parent.data.tags["program_digest"] == found.program.digest()
    assert parent.data.tags["stopped"] == found.rounds[-1].stopped
    digests = [r.scored.candidate.program.digest() for r in found.rounds]
    assert [c.data.tags["program_digest"] for c in store.rounds(run_id)] == digests
    params = parent.data.params
    assert (params["seed"], params["trials"], params["objective"]) == ("0", "6", '"kappa"')


def test_every_round_keeps_its_prompt_its_difference_its_edits_and_its_errors(
    tracked: tuple[Session, Optimized, str], store: Store
) -> None:
    """From the artifacts of a round a reader sees what the model was told, what changed, why, and what was wrong."""
    _, found, run_id = tracked
    before = ""
    for child, current in zip(store.rounds(run_id), found.rounds, strict=True):
        candidate, name = current.scored.candidate, child.info.run_id
        prompt = freeze_prompt(candidate.program).text()
        assert store.text(name, "prompt.txt") == prompt
        changes = store.text(name, "prompt.diff").splitlines()[2:]
        added, taken = ([line[1:] for line in changes if line.startswith(sign)] for sign in "+-")
        assert set(added) <= set(prompt.splitlines())
        assert set(taken) <= set(before.splitlines())
        assert bool(added) == (prompt != before)
        edits = json.loads(store.text(name, "edits.json"))
        assert [e["id"] for e in edits] == [e.id for e in candidate.edits]
        assert all(e["provenance"]["origin"] and e["provenance"]["edit_id"] == e["id"] for e in edits)
        rejected = json.loads(store.text(name, "rejected.json"))
        assert [(r["edit"]["id"], r["reason"]) for r in rejected] == [(r.edit.id, r.reason) for r in current.rejected]
        if current.errors:
            errors = [(r["report_id"], r["kind"]) for r in store.rows(name, "errors.csv")]
            assert errors == [(e.report_id, e.kind) for e in current.errors]
        before = prompt
    assert found.rounds[0].errors


def test_no_error_table_holds_report_text(tracked: tuple[Session, Optimized, str], store: Store) -> None:
    """Without being told to, the tracked tables name reports by id alone."""
    session, _, run_id = tracked
    sentences = {s.strip() for r in session.dataset.reports for s in r.text.split(".") if len(s) > 30}
    assert sentences
    for run in (store.client.get_run(run_id), *store.rounds(run_id)):
        for file in store.client.list_artifacts(run.info.run_id):
            if file.path.endswith(".csv"):
                text = store.text(run.info.run_id, file.path)
                assert not [s for s in sentences if s in text]
                assert "report," not in text.splitlines()[0].replace("report_id,", "")


def test_report_text_is_logged_when_asked_for(small: Dataset, mlruns: Path) -> None:
    """With --log-text the error table holds the text of each wrong report."""
    recipe = QUICK.changed(target_accuracy=0, target_kappa=-1, folds=0)
    session = session_of(with_digest(small, "text"), mlruns, recipe=recipe, log_text=True)
    found, run_id = optimize_label(session, FINDING)
    store = Store(mlruns)
    (child,) = store.rounds(run_id)
    texts = {r.report_id: r.text for r in small.reports}
    assert found.seed.score.kappa is not None
    rows = store.rows(child.info.run_id, "errors.csv")
    assert rows
    assert all(row["report"] == texts[row["report_id"]] for row in rows)


def test_the_kept_prompt_is_a_version_in_the_registry(tracked: tuple[Session, Optimized, str], store: Store) -> None:
    """The registered prompt is the kept program's, and the run names its version."""
    _, found, run_id = tracked
    version = store.client.get_run(run_id).data.tags["prompt_version"]
    prompt = store.client.get_prompt_version("ranscore-pneumothorax", version)
    assert prompt.template == freeze_prompt(found.program).text()


def test_the_kept_program_can_be_frozen_from_its_run(tracked: tuple[Session, Optimized, str], store: Store) -> None:
    """The run's program.json is the kept program with its scores and the data that it was tuned on."""
    session, found, run_id = tracked
    frozen = FrozenFinding.model_validate_json(store.text(run_id, "program.json"))
    assert frozen == freeze_program(session, found, run_id)
    assert frozen.program == found.program
    assert (frozen.tuned_on, frozen.source, frozen.run_id) == (found.best.score, "optimized", run_id)
    assert frozen.data is not None
    assert frozen.data.reports == 60


def test_an_undefined_kappa_is_a_tag_and_never_a_number(small: Dataset, mlruns: Path) -> None:
    """Where no report has the finding, the run has no kappa at all, but says that it is undefined."""
    column = small.reference.findings.index(FINDING)
    rows = [(i, v) for i, v in zip(small.reference.report_ids, small.reference.values, strict=True) if v[column] == 0]
    ids = {i for i, _ in rows}
    table = LabelTable(
        report_ids=tuple(i for i, _ in rows), findings=small.reference.findings, values=tuple(v for _, v in rows)
    )
    reports = tuple(r for r in small.reports if r.report_id in ids)
    data = replace(with_digest(small, "none"), reports=reports, reference=table, notes=())
    found, run_id = optimize_label(session_of(data, mlruns), FINDING)
    assert found.best.score.kappa is None
    store = Store(mlruns)
    for run in (store.client.get_run(run_id), *store.rounds(run_id)):
        assert not [name for name in run.data.metrics if "kappa" in name]
        assert run.data.tags["undefined/kappa"] == "not defined on these reports"
        assert run.data.metrics["accuracy"] == 1.0


@pytest.mark.parametrize(("fault", "status"), [(KeyboardInterrupt, "KILLED"), (RuntimeError, "FAILED")])
def test_a_run_that_ends_early_says_so(small: Dataset, mlruns: Path, fault: type[BaseException], status: str) -> None:
    """A stopped or broken optimization is not left running, and is never taken for a kept program."""

    def stop(current: Round) -> None:
        raise fault

    session = session_of(with_digest(small, status), mlruns)
    with pytest.raises(fault):
        optimize_label(session, FINDING, stop)
    (run,) = Store(mlruns).runs(f"tags.dataset_digest = 'sha256:{status}' and tags.`ranscore.kind` = 'optimize'")
    assert run.info.status == status
    with pytest.raises(InputError, match="no kept program for dataset small with model lexical"):
        gather_programs(session.tracker, session.dataset, session.model)


@pytest.fixture(scope="module")
def several(small: Dataset, mlruns: Path) -> tuple[Session, dict[str, Optimized]]:
    """Two findings optimized side by side."""
    session = session_of(with_digest(small, "several"), mlruns, recipe=QUICK.changed(rounds=1, trials=4))
    done: list[str] = []
    found = optimize_all(session, (FINDING, "fracture"), 2, lambda one: done.append(one.finding))
    assert sorted(done) == sorted(found)
    return session, found


def test_findings_side_by_side_are_the_same_as_one_by_one(
    several: tuple[Session, dict[str, Optimized]], mlruns: Path
) -> None:
    """In processes of their own the findings get the very programs that they get alone, and are tracked alike."""
    session, found = several
    alone, run_id = optimize_label(replace(session, dataset=with_digest(session.dataset, "alone")), FINDING)
    assert found[FINDING].program.digest() == alone.program.digest()
    store = Store(mlruns)
    (run,) = store.runs(f"tags.dataset_digest = 'sha256:several' and tags.`ranscore.finding` = '{FINDING}' "
                        "and tags.`ranscore.kind` = 'optimize'")  # fmt: skip
    spent = {"calls", "tokens"}
    figures = [{k: v for k, v in r.data.metrics.items() if k not in spent} for r in (run, store.client.get_run(run_id))]
    assert figures[0] == figures[1]
    assert len(store.rounds(run.info.run_id)) == len(found[FINDING].rounds)


def test_a_summary_run_holds_every_finding(several: tuple[Session, dict[str, Optimized]], mlruns: Path) -> None:
    """One run has kappa and F1 of every finding and their plain means, tuned-on and cross-validated."""
    session, found = several
    (run,) = Store(mlruns).runs("tags.dataset_digest = 'sha256:several' and tags.`ranscore.kind` = 'summary'")
    metrics = run.data.metrics
    for finding, one in found.items():
        assert one.crossed is not None
        assert metrics[f"kappa/{finding}"] == one.best.score.kappa
        assert metrics[f"f1/{finding}"] == one.best.score.f1
        assert metrics[f"cv_f1/{finding}"] == one.crossed.score.f1
    mean = sum(one.best.score.f1 or 0.0 for one in found.values()) / 2
    assert metrics["macro_f1"] == pytest.approx(mean)
    summary = summarize(session.dataset, found)
    assert {s.finding for s in summary.tuned} == set(found)
    assert metrics["cv_macro_kappa"] == pytest.approx(summary.macro()["cv_macro_kappa"])


def test_the_best_runs_are_gathered_and_the_seed_stands_in_for_the_rest(
    small: Dataset, mlruns: Path, tracked: tuple[Session, Optimized, str]
) -> None:
    """Of several runs the highest cross-validated kappa wins, not the newest; a finding without a run has its seed."""
    session = session_of(with_digest(small, "gather"), mlruns)
    _, found, _ = tracked
    tracker = session.tracker
    programs = {
        mark: found.program.model_copy(update={"definition": f"Air, told {mark}?"}) for mark in ("a", "b", "c", "d")
    }
    figures = {"a": {"cv_kappa": 0.8, "kappa": 0.9}, "b": {"cv_kappa": 0.85, "kappa": 0.86}, "c": {"kappa": 0.99}}
    for mark, metrics in figures.items():
        keep(tracker, session, found, programs[mark], metrics)
    keep(tracker, session, found, programs["d"], {"cv_kappa": 0.99}, model="another")
    findings, crossed, missing = gather_programs(Tracker.open(mlruns, must_exist=True), session.dataset, session.model)
    assert findings[FINDING].program == programs["b"]
    assert crossed == {FINDING: {"r,1": 1, "r2": -2}}
    assert set(findings) == set(catalog.asked_ids())
    assert set(missing) == set(catalog.asked_ids()) - {FINDING}
    assert all(findings[f].program == catalog.seed_program(f) and findings[f].source == "seed" for f in missing)
    assert score_programs(small, findings, crossed)["macro_f1"] is None
    assert score_programs(small, findings, crossed)["cv_macro_f1"] is None


def keep(
    tracker: Tracker, session: Session, found: Optimized, program: Any, metrics: dict[str, float], **tags: str
) -> None:
    """A finished run that kept a program with these figures."""
    run_id = tracker.start_optimize(FINDING, name="x", tags=session.tags(FINDING) | tags)
    candidate = replace(found.best.candidate, base=program, edits=())
    frozen = freeze_program(session, replace(found, best=replace(found.best, candidate=candidate)), run_id)
    tables = {"cv_labels.csv": [{"report_id": "r,1", "label": 1}, {"report_id": "r2", "label": -2}]}
    tracker.finish(run_id, metrics=metrics, texts={"program.json": frozen.model_dump_json()}, tables=tables)


def test_scores_of_gathered_programs_are_the_plain_means(small: Dataset) -> None:
    """With all findings scored, the tuned-on mean is over the asked ones and the pooled one includes No Finding."""
    findings, crossed = {}, {}
    for finding in catalog.asked_ids():
        column = small.reference.column(finding)
        score = score_finding(list(column.values()), [max(v, 0) for v in column.values()], finding=finding)
        program = catalog.seed_program(finding)
        prompt = freeze_prompt(program).digest()
        findings[finding] = FrozenFinding(program=program, prompt_sha256=prompt, source="optimized", tuned_on=score)
        crossed[finding] = {i: max(v, 0) for i, v in column.items()}
    found = score_programs(small, findings, crossed)
    scores = [f.tuned_on.f1 or 0.0 for f in findings.values() if f.tuned_on]
    assert found["macro_f1"] == pytest.approx(sum(scores) / 20)
    truth = small.reference.column("no_finding")
    healthy = [i for i in truth if all(crossed[f][i] == 0 for f in crossed)]
    labels = [int(i in healthy) for i in truth]
    own = score_finding(list(truth.values()), labels).f1 or 0.0
    assert found["cv_macro_f1"] == pytest.approx((sum(scores) + own) / 21)


def test_a_model_that_cannot_be_used_is_found_before_anything_is_written(small: Dataset, tmp_path: Path) -> None:
    """A derived finding, a budget that is too small, and an endpoint that nobody answers at make no run."""
    gone = open_model("hosted_vllm/x", api_base="http://127.0.0.1:9/v1", retries=0)
    session = session_of(small, tmp_path / "runs")
    for changed, finding, text in (
        (session, "no_finding", "is derived"),
        (replace(session, recipe=QUICK.changed(budget=3)), FINDING, "a budget of 3 calls"),
        (replace(session, model=gone), FINDING, "--model hosted_vllm/x: the first call failed"),
    ):
        with pytest.raises(InputError, match=text):
            check_model(changed, finding)
    check_model(session, FINDING)
    assert list(tmp_path.iterdir()) == []


def test_a_model_of_ones_own_is_tracked_under_its_name(small: Dataset, mlruns: Path) -> None:
    """Failed answers are counted in the run and named in its error table with their reason."""
    reader, silent = LexicalReader(), small.reports[0]

    def answer(messages: Sequence[Message]) -> str:
        return "perhaps" if silent.text in messages[-1][1] else reader.answer(messages)

    model: Model = scripted.open_model("scripted:own", answers=answer)
    recipe = QUICK.changed(target_accuracy=0, target_kappa=-1, folds=0)
    _, run_id = optimize_label(session_of(with_digest(small, "own"), mlruns, model=model, recipe=recipe), FINDING)
    store = Store(mlruns)
    (child,) = store.rounds(run_id)
    assert child.data.tags["model"] == "scripted:own"
    assert child.data.metrics["unanswered"] == 1
    (row,) = [r for r in store.rows(child.info.run_id, "errors.csv") if r["kind"] == "unanswered"]
    assert row["report_id"] == silent.report_id
    assert row["reason"] == "the answer (7 characters) was not one of the words 'present', 'absent'"
