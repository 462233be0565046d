"""`RanScore` and the scoring of files, as a Python user meets them."""

from __future__ import annotations

import inspect
import random
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ranscore
from ranscore import RanScore, score_labels
from ranscore.api import frame_of, score_files
from ranscore.cohort import Dataset
from ranscore.errors import DigestError, IncompleteError, InputError
from ranscore.freezing import FrozenProgram, release_path, save_frozen
from ranscore.labelling._tables import write_labels
from ranscore.labelling.batch import extract
from ranscore.models import scripted
from ranscore.models._base import Message
from ranscore.models.lexical import LexicalReader
from ranscore.scoring import Policies, ScoreReport

CLEAR = "The lungs are clear. No effusion or pneumothorax."
AIR = "Small left apical pneumothorax. No effusion."


@pytest.fixture(scope="module")
def scorer(frozen_seed: FrozenProgram) -> RanScore:
    """A scorer with the seed programs."""
    return RanScore(frozen_seed)


@pytest.fixture(scope="module")
def texts(small: Dataset) -> list[str]:
    """Forty demonstration reports."""
    return [r.text for r in small.reports[:40]]


def score(scorer: RanScore, refs: Sequence[str], hyps: Sequence[str], **options: object) -> ScoreReport:
    """A score without intervals."""
    found = scorer(refs, hyps, bootstrap=0, **options)  # type: ignore[arg-type]
    assert isinstance(found, ScoreReport)
    return found


def test_reports_scored_against_themselves_are_perfect(scorer: RanScore, texts: list[str]) -> None:
    """Every finding that occurs has an F1 and an accuracy of one; one without support counts as the policy says."""
    report = score(scorer, texts, texts)
    supported = [f for f in report.findings if f.positives]
    assert 10 < len(supported) == report.findings_with_support
    assert {f.f1 for f in supported} == {1.0}
    assert {f.accuracy for f in report.findings} == {1.0}
    assert report.ran_score == pytest.approx(len(supported) / 21)
    kind = RanScore(scorer.frozen, policies=Policies(empty="skip"))
    assert score(kind, texts, texts).ran_score == 1.0
    assert all(r.f1 in (1.0, None) for r in report.per_report)


def test_a_wrong_report_lowers_the_score(scorer: RanScore, texts: list[str]) -> None:
    """Reports that say something else than their references score less, and blank ones find nothing."""
    perfect = score(scorer, texts, texts).ran_score
    shifted = score(scorer, texts, [*texts[1:], texts[0]]).ran_score
    blank = score(scorer, texts, [""] * len(texts))
    assert max(blank.ran_score, shifted) < perfect / 2
    assert all(f.tp == 0 and f.fp == 0 for f in blank.findings if f.finding != "no_finding")


@settings(max_examples=8)
@given(st.randoms(use_true_random=False))
def test_the_order_of_the_pairs_does_not_matter(scorer: RanScore, texts: list[str], shuffle: random.Random) -> None:
    """The same pairs in another order, with their ids, give the same score."""
    pairs = [(f"id{i}", a, b) for i, (a, b) in enumerate(zip(texts[:12], texts[12:24], strict=True))]
    mixed = list(pairs)
    shuffle.shuffle(mixed)
    scores = []
    for some in (pairs, mixed):
        ids, refs, hyps = zip(*some, strict=True)
        scores.append(score(scorer, refs, hyps, ids=ids))
    assert scores[0].findings == scores[1].findings
    assert {r.report_id: r for r in scores[0].per_report} == {r.report_id: r for r in scores[1].per_report}


def test_per_report_gives_a_table_of_one_row_a_pair(scorer: RanScore) -> None:
    """With per_report a data frame comes beside the score, a row for each id."""
    found = scorer([AIR, CLEAR], [AIR, AIR], ids=["one", "two"], per_report=True, bootstrap=0)
    assert isinstance(found, tuple)
    report, table = found
    assert isinstance(table, pd.DataFrame)
    assert list(table["report_id"]) == ["one", "two"]
    assert list(table["false_present"]) == [0, 1]
    assert [r.report_id for r in report.per_report] == ["one", "two"]
    assert not isinstance(scorer([AIR], [AIR], bootstrap=0), tuple)


def test_intervals_follow_the_seed(scorer: RanScore) -> None:
    """The bootstrap is the same for the same seed; the signature names the program and the policies."""
    refs, hyps = [AIR, CLEAR, AIR, CLEAR], [AIR, CLEAR, CLEAR, AIR]
    first, second = (scorer(refs, hyps, bootstrap=60, seed=7) for _ in range(2))
    assert first == second
    assert isinstance(first, ScoreReport)
    assert first.ran_score_interval is not None
    low, high = first.ran_score_interval
    assert low <= first.ran_score <= high
    assert scorer.frozen.sha256.removeprefix("sha256:")[:8] in first.signature


@pytest.mark.parametrize(
    ("refs", "hyps", "ids", "text"),
    [
        ([AIR], [AIR, CLEAR], None, "found 1 refs, 2 hyps; expected lists of the same length"),
        ([AIR], [AIR], ["a", "b"], "found 1 refs, 1 hyps, 2 ids; expected lists of the same length"),
        ([AIR, AIR], [AIR, AIR], ["a", "a"], "ids: some are repeated"),
        ([AIR, AIR], [AIR, AIR], ["1", 1], "ids: some are repeated"),
        (AIR, AIR, None, "refs: found one text, expected a list of texts"),
        ([AIR], AIR, None, "hyps: found one text, expected a list of texts"),
        ([AIR], [AIR], "a", "ids: found one text"),
        ([AIR], [None], None, "hyps: item 0 is None, expected a text"),
        ([AIR, 3.5], [AIR, AIR], None, "refs: item 1 is 3.5, expected a text"),
        ([], [], None, "there are no reports to label"),
    ],
)
def test_wrong_lists_are_refused_in_one_sentence(
    scorer: RanScore, refs: object, hyps: object, ids: object, text: str
) -> None:
    """What does not pair is said with what was found and what was expected."""
    with pytest.raises(InputError, match=text):
        scorer(refs, hyps, ids)  # type: ignore[arg-type]


def test_a_program_is_loaded_from_its_file(frozen_seed: FrozenProgram, tmp_path: Path) -> None:
    """`RanScore.load` takes a path or its text, keeps the digest, and refuses an edited file."""
    path = tmp_path / "program.json"
    save_frozen(frozen_seed, path)
    for given_ in (path, str(path)):
        assert RanScore.load(given_).frozen == frozen_seed
    policies = Policies(empty="1")
    assert RanScore.load(path, policies=policies).policies == policies
    path.write_text(path.read_text(encoding="utf-8").replace("lexical", "lexicon", 1), encoding="utf-8")
    with pytest.raises(DigestError, match=rf"^{path}: "):
        RanScore.load(path)


@pytest.mark.skipif(not release_path().is_file(), reason="the release program was not made yet")
def test_without_a_program_the_release_is_used() -> None:
    """`RanScore()` scores at once."""
    report = score(RanScore(), [AIR, CLEAR], [AIR, CLEAR])
    assert report.findings_with_support >= 1


def test_unanswered_cells_are_no_score_unless_accepted(frozen_seed: FrozenProgram) -> None:
    """A generated report that stayed unanswered is refused, or shown with best and worst case; a reference never is."""
    reader = LexicalReader()

    def answer(messages: Sequence[Message]) -> str:
        return "?" if "BROKEN" in messages[-1][1] else reader.answer(messages)

    model = scripted.open_model(answers=answer)
    refuses = RanScore(frozen_seed, model=model)
    accepts = RanScore(frozen_seed, model=model, policies=Policies(unanswered="allow-partial"))
    with pytest.raises(IncompleteError, match=r"20 of 40 cells are answered \(coverage 50.00 %\)"):
        score(refuses, [AIR, CLEAR], [AIR, "BROKEN"])
    partial = score(accepts, [AIR, CLEAR], [AIR, "BROKEN"])
    assert partial.coverage == 0.5
    assert partial.worst_case < partial.best_case
    with pytest.raises(IncompleteError, match="labels of the reference reports stayed unanswered"):
        score(accepts, [AIR, "BROKEN"], [AIR, CLEAR])


def test_files_of_reports_and_of_their_labels_score_the_same(
    scorer: RanScore, texts: list[str], small: Dataset, tmp_path: Path
) -> None:
    """Whether a file holds reports or the labels of them, and in which order, the score is the same."""
    reports = small.reports[:12]
    shown = reversed(reports)
    other = dict(zip((r.report_id for r in reports), texts[12:24], strict=True))
    refs, hyps = tmp_path / "refs.csv", tmp_path / "hyps.jsonl"
    pd.DataFrame([{"report_id": r.report_id, "report": r.text} for r in reports]).to_csv(refs, index=False)
    rows = [{"report_id": r.report_id, "report": other[r.report_id]} for r in shown]
    pd.DataFrame(rows).to_json(hyps, orient="records", lines=True)
    write_labels(extract(scorer.frozen, reports).table, tmp_path / "refs.parquet")
    asked: list[int] = []

    def make() -> RanScore:
        asked.append(1)
        return scorer

    whole = score_files(refs, hyps, make, Policies(), bootstrap=0)
    half = score_files(tmp_path / "refs.parquet", hyps, make, Policies(), bootstrap=0)
    assert whole.findings == half.findings
    assert len(asked) == 2
    none = score_files(tmp_path / "refs.parquet", tmp_path / "refs.parquet", make, Policies(empty="skip"), bootstrap=0)
    assert none.ran_score == 1.0
    assert none.signature.split("|")[-2] == "program:none"
    assert len(asked) == 2


def test_a_label_table_becomes_a_frame_that_can_be_scored(scorer: RanScore, small: Dataset) -> None:
    """The frame of extracted labels is what `score_labels` takes, unanswered cells by their word."""
    table = extract(scorer.frozen, small.reports[:5]).table
    frame = frame_of(table)
    assert list(frame.columns) == ["report_id", *table.findings]
    assert score_labels(frame, frame, Policies(empty="skip"), bootstrap=0).ran_score == 1.0
    hole = table.model_copy(update={"values": ((-2,) * 21, *table.values[1:])})
    assert frame_of(hole)["edema"].iloc[0] == "unanswered"


def test_what_is_public_is_exported_and_described() -> None:
    """The package exports what the README shows, each with a docstring, and answers an unknown name."""
    assert set(ranscore.__all__) >= {"RanScore", "score_labels"}
    for name in ranscore.__all__:
        found = getattr(ranscore, name)
        assert isinstance(found, str) or inspect.getdoc(found)
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        ranscore.nothing  # noqa: B018
