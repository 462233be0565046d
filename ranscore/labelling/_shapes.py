"""How labels stand in the ledger: packed, a row a report, for an embedded model; a row a unit for an endpoint."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from ranscore.labelling._plan import Plan
from ranscore.labelling._units import FAILED, Job
from ranscore.records import ABSENT, PRESENT, UNANSWERED

NOT_ASKED = "not asked"


@dataclass(frozen=True)
class Row:
    """One report of the table: the value of each question (1, 0, -2) and the way that it came."""

    report_id: str
    values: tuple[int, ...]
    ways: tuple[str, ...]


@dataclass(frozen=True)
class Answered:
    """What a unit's call gave: 1, 0 or -2 with its reason."""

    place: int
    report: bytes
    value: int
    reason: str = ""
    log_odds: float | None = None


@dataclass
class Shape(ABC):
    """The labels of one job in one ledger, for the reports of one plan."""

    plan: Plan
    job: Job
    started: float = field(default_factory=time.time)

    def __post_init__(self) -> None:
        """Registers the job's questions in the ledger."""
        self.ledger, self.db = self.plan.ledger, self.plan.db
        self.sources = [self.ledger.source(q.finding, q.digest, self.job.identity) for q in self.job.questions]

    @abstractmethod
    def count_missing(self) -> int:
        """Units without an answer, over all distinct texts."""

    @abstractmethod
    def missing(self, first: int, last: int, failed: bool | None = None) -> dict[bytes, tuple[int, ...]]:
        """The places of the questions that a text wants, for texts that stand first in these rows (`last` excluded).

        What failed since this run began is not wanted again. With `failed` only what failed before (True), or only
        what never did (False).
        """

    def failed_before(self) -> bool:
        """True where anything failed before this run."""
        query = "SELECT EXISTS (SELECT 1 FROM failures WHERE source = ? AND at < ?)"
        return any(self.db.execute(query, (source, self.started)).fetchone()[0] for source in self.sources)

    @abstractmethod
    def rows(self, first: int, last: int) -> list[Row]:
        """The table's rows from `first` to before `last`, with what the ledger holds."""

    def reasons(self, first: int, last: int) -> dict[tuple[int, int], str]:
        """Why a cell is missing, by row number and question's place."""
        query = (
            "SELECT r.n, f.reason FROM plan_rows r JOIN failures f ON f.source = ? AND f.report = r.digest "
            "WHERE r.n >= ? AND r.n < ?"
        )
        found = {}
        for place, source in enumerate(self.sources):
            for n, reason in self.db.execute(query, (source, first, last)):
                found[n, place] = reason
        return found

    def _fail(self, failed: Iterable[Answered]) -> None:
        rows = [(self.sources[a.place], a.report, a.reason, time.time()) for a in failed]
        self.db.executemany("INSERT OR REPLACE INTO failures VALUES (?, ?, ?, ?)", rows)

    def _ids(self, first: int, last: int) -> list[tuple[int, str, bool]]:
        query = (
            "SELECT n, report_id, EXISTS (SELECT 1 FROM plan_texts t WHERE t.first = n) FROM plan_rows "
            "WHERE n >= ? AND n < ? ORDER BY n"
        )
        return self.db.execute(query, (first, last)).fetchall()


class Packed(Shape):
    """All of a report's labels in one row, a byte each."""

    def __post_init__(self) -> None:
        """Registers the job as a whole."""
        super().__post_init__()
        self.set = self.ledger.set_of(self.job.digest())
        self._failed: set[bytes] = set()

    def count_missing(self) -> int:
        """Texts without a full row, times the questions."""
        query = f"SELECT count(*) FROM plan_texts t WHERE {self._none()}"
        return int(self.db.execute(query, (self.set,)).fetchone()[0]) * len(self.sources)

    def missing(self, first: int, last: int, failed: bool | None = None) -> dict[bytes, tuple[int, ...]]:
        """Every question for a text that has no full row, whether it failed or not."""
        query = f"SELECT digest FROM plan_texts t WHERE {self._none()} AND first >= ? AND first < ? ORDER BY first"
        found = self.db.execute(query, (self.set, first, last))
        everything = tuple(range(len(self.sources)))
        return {digest: everything for (digest,) in found if digest not in self._failed}

    def rows(self, first: int, last: int) -> list[Row]:
        """The table's rows, every answer of them the model's."""
        query = (
            "SELECT r.report_id, p.labels, EXISTS (SELECT 1 FROM plan_texts t WHERE t.first = r.n) FROM plan_rows r "
            "LEFT JOIN packed p ON p.job = ? AND p.report = r.digest WHERE r.n >= ? AND r.n < ? ORDER BY r.n"
        )
        nothing = bytes([FAILED] * len(self.sources))
        unpacked: dict[bytes, tuple[int, ...]] = {}
        made = []
        for report_id, labels, is_first in self.db.execute(query, (self.set, first, last)):
            packed = labels or nothing
            values = unpacked.get(packed)
            if values is None:
                values = unpacked[packed] = tuple(UNANSWERED if v == FAILED else v for v in packed)
            way = "model" if is_first else "duplicate"
            made.append(Row(report_id, values, tuple("" if v == UNANSWERED else way for v in values)))
        return made

    def record(self, labels: Sequence[tuple[bytes, bytes]], failed: Sequence[Answered]) -> None:
        """Inside `writing()`: some reports' labels, each as bytes, and why some of them are missing."""
        self.db.executemany(
            "INSERT OR REPLACE INTO packed VALUES (?, ?, ?)", [(self.set, report, packed) for report, packed in labels]
        )
        self._fail(failed)
        self._failed.update(a.report for a in failed)

    def _none(self) -> str:
        return (
            "NOT EXISTS (SELECT 1 FROM packed p WHERE p.job = ? AND p.report = t.digest AND instr(p.labels, x'02') = 0)"
        )


class Units(Shape):
    """A row a unit, with its log-odds where the endpoint gives them; `gate` names who else may have answered."""

    def __init__(self, plan: Plan, job: Job, gate: str = "") -> None:
        """With `gate`, the digest of a gate, what it decided counts and comes before the model's own answers."""
        super().__init__(plan, job)
        gates = [self.ledger.source(q.finding, "", f"gate:{gate}") for q in job.questions] if gate else []
        self.gates: list[int | None] = list(gates) or [None] * len(self.sources)

    def count_missing(self) -> int:
        """Units that neither the model nor the gate has answered."""
        query = f"SELECT count(*) FROM plan_texts t WHERE {_UNANSWERED}"
        pairs = zip(self.sources, self.gates, strict=True)
        return sum(int(self.db.execute(query, pair).fetchone()[0]) for pair in pairs)

    def missing(self, first: int, last: int, failed: bool | None = None) -> dict[bytes, tuple[int, ...]]:
        """The unanswered questions by text."""
        held = _HELD[failed]
        failure = "SELECT 1 FROM failures f WHERE f.source = ? AND f.report = t.digest"
        query = (
            f"SELECT digest FROM plan_texts t WHERE {_UNANSWERED} AND first >= ? AND first < ? "
            f"AND {held.format(failure)} ORDER BY first"
        )
        wanted: dict[bytes, list[int]] = {}
        for place, (source, gate) in enumerate(zip(self.sources, self.gates, strict=True)):
            for (digest,) in self.db.execute(query, (source, gate, first, last, source, self.started)):
                wanted.setdefault(digest, []).append(place)
        return {digest: tuple(places) for digest, places in wanted.items()}

    def rows(self, first: int, last: int) -> list[Row]:
        """The table's rows; a question's threshold decides where there are log-odds."""
        ids = self._ids(first, last)
        values = [[UNANSWERED] * len(self.sources) for _ in ids]
        ways = [[""] * len(self.sources) for _ in ids]
        query = (
            "SELECT r.n, u.value, u.log_odds FROM plan_rows r JOIN units u ON u.source = ? AND u.report = r.digest "
            "WHERE r.n >= ? AND r.n < ?"
        )
        for way, sources in (("model", self.sources), ("gate", self.gates)):
            for place, source in enumerate(sources):
                threshold = self.job.questions[place].threshold
                for n, value, log_odds in self.db.execute(query, (source, first, last)) if source else ():
                    at = n - first
                    values[at][place] = decide(value, log_odds, threshold)
                    ways[at][place] = way if ids[at][2] else "duplicate"
        return [Row(i, tuple(v), tuple(w)) for (_, i, _), v, w in zip(ids, values, ways, strict=True)]

    def count_without_odds(self) -> int:
        """Units of questions with a threshold that were answered without log-odds, so that it could not decide."""
        query = (
            "SELECT count(*) FROM plan_texts t JOIN units u ON u.source = ? AND u.report = t.digest "
            "WHERE u.log_odds IS NULL"
        )
        pairs = zip(self.sources, self.job.questions, strict=True)
        return sum(self.db.execute(query, (s,)).fetchone()[0] for s, q in pairs if q.threshold is not None)

    def record(self, answers: Sequence[Answered]) -> None:
        """Inside `writing()`: answers and failures; what was answered before stays."""
        good = [a for a in answers if a.value != UNANSWERED]
        rows = [(self.sources[a.place], a.report, a.value, a.log_odds) for a in good]
        self.db.executemany("INSERT OR IGNORE INTO units VALUES (?, ?, ?, ?)", rows)
        self.db.executemany("DELETE FROM failures WHERE source = ? AND report = ?", [row[:2] for row in rows])
        self._fail(a for a in answers if a.value == UNANSWERED)

    def record_gated(self, decided: Iterable[tuple[int, bytes]]) -> None:
        """Inside `writing()`: the questions' places and reports that the gate has answered absent."""
        rows = [(self.gates[place], report, ABSENT, None) for place, report in decided]
        self.db.executemany("INSERT OR IGNORE INTO units VALUES (?, ?, ?, ?)", rows)


_HELD = {  # which failures keep a unit out; the parameter is when the run began
    None: "NOT EXISTS ({} AND f.at >= ?)",
    False: "NOT EXISTS ({} AND ? > 0)",
    True: "EXISTS ({} AND f.at < ?)",
}
_UNANSWERED = (
    "NOT EXISTS (SELECT 1 FROM units u WHERE u.source = ? AND u.report = t.digest) "
    "AND NOT EXISTS (SELECT 1 FROM units g WHERE g.source = ? AND g.report = t.digest)"
)


def decide(value: int, log_odds: float | None, threshold: float | None) -> int:
    """A recorded answer as a label: by the threshold where there are log-odds and a threshold, else as answered."""
    if threshold is None or log_odds is None:
        return value
    return PRESENT if log_odds >= threshold else ABSENT
