"""The loop: which program is under review, and that notes of readers make it better where they were not written."""

from __future__ import annotations

from pathlib import Path

import pytest

from ranscore import catalog
from ranscore.cohort import Dataset
from ranscore.errors import InputError
from ranscore.freezing import freeze, freeze_finding, load_frozen, save_frozen
from ranscore.loop import choose_program, open_review, panel_of, review_queue
from ranscore.models import open_model, scripted
from ranscore.records import ErrorNote
from ranscore.search._objective import Task
from ranscore.search._recipe import read_recipe
from ranscore.search._rounds import cross_validate

NOTES = {
    "pneumothorax": [
        ("en-113", "present", "Needle decompression"), ("en-194", "present", "needle decompression"),
        ("en-221", "absent", "R PTX evacuated"), ("en-227", "absent", "watch for PTX"),
    ],
    "pleural_other": [
        ("en-143", "present", "frank pus"), ("en-237", "present", "frank pus"),
        ("en-282", "absent", "right hemidiaphragm is tented"),
    ],
    "lung_lesion": [
        ("en-033", "absent", "soft-tissue mass"), ("en-231", "absent", "soft tissue mass"),
        ("en-085", "absent", "soft-tissue masses"),
    ],
}  # fmt: skip
QUICK = read_recipe("exemplar-tpe").changed(fold_trials=6, rounds=2)


@pytest.mark.parametrize("finding", NOTES)
def test_ten_notes_on_three_findings_raise_cross_validated_kappa(demo: Dataset, finding: str) -> None:
    """A note helps on reports that it was not written on: the folds' own notes are hidden from their search."""
    notes = [
        ErrorNote.model_validate(
            {"note_id": i, "report_id": i, "finding": finding, "reads_as": reads_as, "evidence": evidence}
        )
        for i, reads_as, evidence in NOTES[finding]
    ]
    task = Task(finding, finding, demo.reports, demo.reference.column(finding), open_model("lexical"))
    seed = catalog.seed_program(finding)
    without, with_notes = (cross_validate(task, seed, given, QUICK).score.kappa for given in ((), notes))
    assert without is not None
    assert with_notes is not None
    assert with_notes > without


def test_the_named_program_is_reviewed_else_the_release_else_the_seed(demo: Dataset, tmp_path: Path) -> None:
    """A file comes first; without runs the release for its own model, and the seed for any other."""
    model, runs = open_model("lexical"), tmp_path / "none"
    release = choose_program(demo, "edema", model, mlruns=runs)
    assert (release.origin, release.program) == ("release", load_frozen().findings["edema"].program)
    other = choose_program(demo, "edema", scripted.open_model(answers=["absent"]), mlruns=runs)
    assert (other.origin, other.program) == ("seed", catalog.seed_program("edema"))
    path = tmp_path / "p.json"
    one = {"edema": freeze_finding(catalog.seed_program("edema"), source="seed")}
    save_frozen(freeze(one, model, {}, golden=False), path)
    assert choose_program(demo, "edema", model, program=path).origin == "frozen p.json"
    with pytest.raises(InputError, match="holds no program of Fracture; it has Edema"):
        choose_program(demo, "fracture", model, program=path)
    assert not runs.exists()


def test_a_queue_shows_every_rater_where_there_are_raters(demo: Dataset, small_card: Path) -> None:
    """Six readers' votes stand beside each error; a dataset without readers has none."""
    reviewed = open_review(demo, "edema", open_model("lexical"), seed=True)
    queue = review_queue(reviewed, panel=panel_of("demo-en"))
    assert queue
    assert {len(i.votes) for i in queue} == {6}
    truth = demo.reference.column("edema")
    wrong = {i for i, v in reviewed.values.items() if truth[i] in (0, 1) and v != truth[i]}
    assert {i.report_id for i in queue} == wrong
    assert panel_of(small_card) is None
    assert review_queue(reviewed, against=[reviewed]) == ()
