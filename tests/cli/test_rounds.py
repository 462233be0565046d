"""`optimize --review`: a search, the reader's notes on its errors, the search again, until a review changes nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from ranscore.cli._rounds import alternate, gather_notes
from ranscore.cohort import Dataset
from ranscore.feedback.entries import Entry
from ranscore.feedback.ledger import open_ledger
from ranscore.loop import Reviewed, review_queue
from ranscore.models import open_model
from ranscore.records import ErrorNote
from ranscore.search._recipe import read_recipe
from ranscore.search._rounds import Round
from ranscore.search._tracked import Session

FINDING = "pneumothorax"
QUICK = read_recipe("exemplar-tpe").changed(
    trials=6, folds=0, rounds=2, target_kappa=1, target_accuracy=1, lexicon=False, mine=False
)


def test_a_review_is_followed_by_a_search_with_its_notes(small: Dataset, mlruns: Path, tmp_path: Path) -> None:
    """The second search starts from the seed with the new note, mends the report, and a silent review ends it."""
    data = replace(small, notes=(), digest="sha256:alternate")
    ledger = open_ledger(tmp_path / "notes.db")
    known = {n.report_id: n for n in small.notes if n.finding == FINDING and n.reads_as == "present" and n.evidence}
    turns: list[list[str]] = []
    rounds: list[Round] = []

    def gather() -> tuple[ErrorNote, ...]:
        return gather_notes(data, data, None, ledger.path if turns else None, tmp_path / "none")

    def read(session: Session, reviewed: Reviewed) -> bool:
        errors = [i.report_id for i in review_queue(reviewed)]
        turns.append(errors)
        if len(turns) == 1:
            report_id = next(i for i in errors if i in known)
            ledger.append(Entry(
                entry_id="e1", time=datetime.now(UTC), reader="Dr A", dataset_digest=data.digest, report_id=report_id,
                finding=FINDING, verdict="false absent", evidence=known[report_id].evidence,
            ))  # fmt: skip
        return True

    session = Session(data, open_model("lexical"), QUICK, (), mlruns)
    found, _, last = alternate(session, FINDING, gather, read, rounds.append)
    assert len(turns) == 2
    mended = set(turns[0]) - set(turns[1])
    assert ledger.entries()[0].report_id in mended
    assert [n.note_id for n in last.notes] == ["e1"]
    assert [r.number for r in rounds if r.number == 0] == [0, 0]
    assert found.rounds[-1].scored.score.kappa != rounds[0].scored.score.kappa
