"""One frozen program with several models: counts, unanswered cells, and endpoints that cannot be used."""

from __future__ import annotations

import pytest

from ranscore.cohort import Dataset
from ranscore.comparing import score_models
from ranscore.errors import InputError
from ranscore.freezing import FrozenProgram
from ranscore.labelling.batch import extract
from ranscore.models import open_model
from ranscore.scoring import score_finding


def test_each_model_is_scored_on_the_same_reports(frozen_seed: FrozenProgram, small: Dataset) -> None:
    """The embedded reader, one that always says absent, and one that never answers."""
    absent = open_model("scripted", answers=lambda messages: "absent")
    silent = open_model("scripted", answers=())
    models = [("lexical", open_model("lexical")), ("never", absent), ("silent", silent)]
    found = score_models(frozen_seed, small, models, bootstrap=0)
    assert [m.model for m in found.models] == ["lexical", "never", "silent"]
    assert [m.tuned_for for m in found.models] == [True, False, False]
    assert [m.unanswered for m in found.models] == [0, 0, 20 * len(small.reports)]
    labels = extract(frozen_seed, small.reports).table
    for score in found.models[0].score.findings:
        truth, given = small.reference.column(score.finding), labels.column(score.finding)
        expected = score_finding([truth[i] for i in given], list(given.values()))
        assert (score.tp, score.tn, score.n) == (expected.tp, expected.tn, expected.n)
        assert score.accuracy_interval == expected.accuracy_interval


def test_a_model_that_never_answers_has_no_accuracy_and_a_reason(frozen_seed: FrozenProgram, small: Dataset) -> None:
    """Nothing is turned into absent."""
    silent = score_models(frozen_seed, small, [("silent", open_model("scripted", answers=()))], bootstrap=0).models[0]
    assert silent.score.coverage == 0.0
    assert {s.accuracy for s in silent.score.findings} == {None}
    assert {s.unanswered for s in silent.score.findings} == {len(small.reports)}
    assert silent.reasons
    assert silent.score.worst_case < silent.score.best_case


def test_the_rows_hold_k_of_n_for_every_model_and_finding(frozen_seed: FrozenProgram, small: Dataset) -> None:
    """One row for the macro-F1 and one a finding."""
    found = score_models(frozen_seed, small, [("lexical", open_model("lexical"))], bootstrap=0)
    rows = found.rows()
    assert len(rows) == 22
    assert rows[0]["f1"] == found.models[0].score.ran_score
    row, score = rows[1], found.models[0].score.findings[0]
    assert (row["finding"], row["right"], row["n"]) == (score.name, score.tp + score.tn, score.n)


def test_a_model_twice_or_none_at_all_is_refused(frozen_seed: FrozenProgram, small: Dataset) -> None:
    """Said before anything is labelled."""
    lexical = open_model("lexical")
    with pytest.raises(InputError, match="lexical"):
        score_models(frozen_seed, small, [("lexical", lexical), ("lexical", lexical)])
    with pytest.raises(InputError, match="at least one model"):
        score_models(frozen_seed, small, [])


def test_an_endpoint_that_does_not_answer_stops_it_before_any_labelling(
    frozen_seed: FrozenProgram, small: Dataset
) -> None:
    """The last of the models cannot be reached; the first is not even begun."""
    told: list[int] = []
    models = [
        ("lexical", open_model("lexical")),
        ("gone", open_model("hosted_vllm/gone", api_base="http://127.0.0.1:9/v1", retries=0)),
    ]
    with pytest.raises(InputError, match="hosted_vllm/gone: the first call failed"):
        score_models(frozen_seed, small, models, progress=lambda total: told.append)
    assert told == []
