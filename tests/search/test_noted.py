"""From a note to a change: what a tracked search says of every note, on the run, as assessments, and in the loop."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient

from ranscore.cohort import Dataset
from ranscore.errors import InputError, StoppedError
from ranscore.loop import NoteEffect, note_effects, review_queue, reviewed_after, run_round
from ranscore.models import open_model
from ranscore.records import ErrorNote
from ranscore.search._objective import Progress
from ranscore.search._recipe import read_recipe
from ranscore.search._rounds import Optimized
from ranscore.search._tracked import Session, optimize_label
from ranscore.tracking import Tracker, database_uri, find_database

FINDING = "pneumothorax"
SECRET = "the reader's own words"
QUICK = read_recipe("exemplar-tpe").changed(
    trials=8, fold_trials=2, folds=0, rounds=2, target_kappa=1, target_accuracy=1, lexicon=False, mine=False
)


def session_of(data: Dataset, mlruns: Path, mark: str, **changes: Any) -> Session:
    """A session whose runs are kept apart by a dataset digest of their own; two notes say the same."""
    notes = [n.model_copy(update={"why": SECRET, "reader": "Dr A"}) for n in data.notes if n.finding == FINDING]
    first = next(n for n in notes if n.reads_as == "present" and n.evidence)
    twin = first.model_copy(update={"note_id": "twin", "reader": "Dr B"})
    own = replace(data, digest=f"sha256:{mark}")
    values: dict[str, Any] = {"model": open_model("lexical"), "recipe": QUICK, "notes": (*notes, twin)}
    return Session(dataset=own, mlruns=mlruns, **(values | changes))


Made = tuple[Session, Optimized, str]


@pytest.fixture(scope="module")
def made(small: Dataset, mlruns: Path) -> Made:
    """One tracked search with notes."""
    session = session_of(small, mlruns, "noted")
    return session, *optimize_label(session, FINDING)


@pytest.fixture(scope="module")
def effects(made: Made) -> tuple[NoteEffect, ...]:
    """What became of the notes."""
    return note_effects(made[0].tracker, finding=FINDING, dataset_digest="sha256:noted")


def client_of(mlruns: Path) -> MlflowClient:
    """MLflow's own client on the folder."""
    return MlflowClient(tracking_uri=database_uri(find_database(mlruns)))


def rounds_of(session: Session, run_id: str) -> Iterator[Any]:
    """The round runs of an optimization."""
    client = client_of(session.tracker.folder)
    yield from client.search_runs([session.tracker.experiment_id], f"tags.mlflow.parentRunId = '{run_id}'")


def test_every_note_of_a_round_is_told_with_its_edits(made: Made, effects: tuple[NoteEffect, ...]) -> None:
    """Each proposed edit of each note is there once, with the kappa before and after of its round."""
    _, found, run_id = made
    wanted = {
        (r.number, note.note_id, e.id)
        for r in found.rounds for note in r.notes for e in r.proposed if note.note_id in e.provenance.note_ids
    }  # fmt: skip
    told = {(e.round, e.note_id, e.edit) for e in effects if e.edit}
    assert told == wanted
    assert wanted
    assert {e.run_id for e in effects} == {run_id}
    for effect in effects:
        before, after = found.rounds[effect.round - 1].scored.score, found.rounds[effect.round].scored.score
        assert (effect.kappa_before, effect.kappa_after) == (before.kappa, after.kappa)


def test_kept_means_that_the_program_holds_it(made: Made, effects: tuple[NoteEffect, ...]) -> None:
    """What is said to be in the program is there by its edit's id; a rejected edit is not, and has a reason."""
    _, found, _ = made
    parts = [*found.program.rules, *found.program.exemplars]
    held = {x.provenance.edit_id for x in parts if x.provenance}
    assert {e.edit for e in effects if e.in_program} == held & {e.edit for e in effects}
    assert [e for e in effects if e.status == "kept" and e.in_program]
    assert all(e.reason for e in effects if e.status in ("rejected", "not chosen", "nothing proposed"))
    assert not [e for e in effects if e.status == "rejected" and e.in_program]


def test_a_rule_of_two_notes_names_both(made: Made, effects: tuple[NoteEffect, ...]) -> None:
    """Two readers who mark the same words both see what became of their rule, and the program names both."""
    _, found, _ = made
    twins = [e for e in effects if e.note_id == "twin"]
    (first,) = {e.note_id for e in effects if e.edit in {t.edit for t in twins}} - {"twin"}
    assert [t.edit for t in twins] == [e.edit for e in effects if e.note_id == first]
    kept = {t.edit for t in twins if t.in_program}
    sources = [r.provenance for r in found.program.rules if r.provenance and r.provenance.edit_id in kept]
    assert sources
    assert all(s.note_ids == (first, "twin") for s in sources)
    assert {e.reader for e in twins} == {"Dr B"}


def test_the_reports_that_turned_are_those_of_the_labels(made: Made, effects: tuple[NoteEffect, ...]) -> None:
    """Helped and hurt in a round are the differences between its labels and those before."""
    session, found, _ = made
    truth = session.dataset.reference.column(FINDING)
    names = {1: "present", 0: "absent"}
    for effect in effects:
        old, new = (
            {x.report_id: x.value for x in found.rounds[n].scored.labels} for n in (effect.round - 1, effect.round)
        )
        helped = {i for i in new if new[i] != old[i] and new[i] == names.get(truth[i])}
        hurt = {i for i in new if new[i] != old[i] and old[i] == names.get(truth[i])}
        assert (set(effect.round_helped), set(effect.round_hurt)) == (helped, hurt)
    assert [e for e in effects if e.helped]


def test_notes_are_assessments_of_their_round(made: Made, effects: tuple[NoteEffect, ...]) -> None:
    """Each note is a trace of its round's run, with the reader's reading and the search's word; no text is in it."""
    session, found, run_id = made
    client, seen = client_of(session.tracker.folder), 0
    for run in rounds_of(session, run_id):
        number = int(run.info.run_name.split()[-1])
        traces = client.search_traces(locations=[session.tracker.experiment_id], run_id=run.info.run_id)
        notes = {n.note_id: n for n in found.rounds[number].notes}
        assert {t.info.tags["note_id"] for t in traces} == set(notes)
        for trace in traces:
            said = {a.name: a for a in trace.info.assessments}
            note = notes[trace.info.tags["note_id"]]
            assert said["reads_as"].value == note.reads_as
            assert said["reads_as"].source.source_id == note.reader
            mine = {e.status for e in effects if (e.round, e.note_id) == (number, note.note_id)}
            assert said["effect"].value in mine
            assert "kappa_after" in said["effect"].metadata
            assert SECRET not in str(trace.to_dict())
            assert not note.evidence or note.evidence not in str(trace.to_dict())
            seen += 1
    assert seen


@pytest.mark.parametrize("log_text", [False, True])
def test_the_words_of_a_note_are_tracked_only_when_asked_for(small: Dataset, mlruns: Path, log_text: bool) -> None:
    """`notes.json` holds ids; with --log-text also what the reader wrote."""
    session = session_of(small, mlruns, f"text-{log_text}", log_text=log_text)
    _, run_id = optimize_label(session, FINDING)
    files = [session.tracker.read_text(r.info.run_id, "notes.json") for r in rounds_of(session, run_id)
             if session.tracker._has(r.info.run_id, "notes.json")]  # fmt: skip
    assert files
    assert [SECRET in text for text in files] == [log_text] * len(files)
    assert {row["note_id"] for text in files for row in json.loads(text)} <= {n.note_id for n in session.notes}


def test_a_round_can_be_watched_and_stopped(small: Dataset, mlruns: Path) -> None:
    """Progress names the part and counts candidates, folds included; a stop ends the run as killed."""
    session = session_of(small, mlruns, "watched", recipe=QUICK.changed(folds=2))
    seen: list[Progress] = []
    found, run_id = run_round(session, FINDING, watch=seen.append)
    assert [r.number for r in found.rounds] == [0, 1]
    parts = list(dict.fromkeys(p.part for p in seen))
    assert parts == ["start", "round 1", *(f"fold {k} of 2, {part}" for k in (1, 2) for part in ("start", "round 1"))]
    assert {p.scored for p in seen if p.part == "round 1"} == set(range(2, 2 + sum(p.part == "round 1" for p in seen)))

    def stop(progress: Progress) -> None:
        if progress.part == "round 1":
            raise StoppedError("enough")

    other = session_of(small, mlruns, "stopped", recipe=QUICK.changed(folds=2))
    with pytest.raises(StoppedError):
        run_round(other, FINDING, watch=stop)
    tags = {"dataset_digest": "sha256:stopped"}
    assert other.tracker.kept_programs(filters=tags) == []
    (run,) = other.tracker._search("tags.`ranscore.kind` = 'optimize'", tags)
    assert run.info.status == "KILLED"
    again = reviewed_after(session, found, run_id)
    assert {i.report_id for i in review_queue(again)} == {e.report_id for e in found.rounds[-1].errors}


def test_a_search_from_a_program_has_no_cross_validated_figure(small: Dataset, mlruns: Path) -> None:
    """The folds' reports made that program, so a figure of theirs would be too good."""
    session = session_of(small, mlruns, "started", recipe=QUICK.changed(folds=2))
    found, _ = run_round(session, FINDING, folds=0)
    assert run_round(session, FINDING, start=found.program)[0].crossed is None
    assert run_round(session, FINDING)[0].crossed is not None


def test_a_finding_has_its_own_targets(small: Dataset, mlruns: Path) -> None:
    """Targets given for one finding stop its search and are those of its run; a wrong one is refused."""
    session = session_of(small, mlruns, "targets", targets={FINDING: {"target_accuracy": 0.1, "target_kappa": 0.1}})
    assert session.recipe_of("edema") == QUICK
    found, run_id = optimize_label(session, FINDING)
    assert [r.stopped for r in found.rounds] == ["targets reached"]
    params = client_of(session.tracker.folder).get_run(run_id).data.params
    assert (params["target_accuracy"], params["target_kappa"]) == ("0.1", "0.1")
    with pytest.raises(InputError, match="target_kappa"):
        replace(session, targets={FINDING: {"target_kappa": 2.0}}).recipe_of(FINDING)


def test_runs_without_notes_have_no_effects(small: Dataset, mlruns: Path) -> None:
    """Nothing is told where no note was used, and a folder's other datasets are left out."""
    session = session_of(small, mlruns, "silent", notes=tuple[ErrorNote, ...]())
    optimize_label(session, FINDING)
    assert note_effects(Tracker.open(mlruns), dataset_digest="sha256:silent") == ()
