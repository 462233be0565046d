"""Delphi rounds for the thresholds: readers propose, see the median and the spread, propose again, until they agree.

A finding is agreed on in the first round in which the middle half of at least `readers` proposals lies within `spread`
(interquartile range, quartiles by linear interpolation), for accuracy and for kappa; then it is asked about no more.
After Dalkey and Helmer, Management Science 1963;9(3):458.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import median, quantiles

from ranscore.catalog import asked_ids, finding_id, finding_name
from ranscore.errors import InputError, UnknownNameError, list_faults
from ranscore.readers import encode_sheet, read_table, rows_of, unprotect
from ranscore.readers._columns import by_meaning, missing_column
from ranscore.records import Record

SPREAD = 0.02
READERS = 3
COLUMNS = ("round", "reader", "finding", "accuracy", "kappa")
_LOWEST = {"accuracy": 0.0, "kappa": -1.0}


class Vote(Record):
    """What one reader proposed for one finding in one round; None where he proposed nothing."""

    round: int
    reader: str
    finding: str
    accuracy: float | None = None
    kappa: float | None = None


class Spread(Record):
    """The proposals of one measure: their number, median and interquartile range (None below two proposals)."""

    n: int
    median: float | None
    iqr: float | None


class Standing(Record):
    """One finding after one round; `agreed` where the rule is met."""

    finding: str
    name: str
    round: int
    accuracy: Spread
    kappa: Spread
    agreed: bool


class Delphi(Record):
    """All rounds: a standing a finding and round, in their order, and the rule that decided."""

    standings: tuple[Standing, ...]
    spread: float
    readers: int

    def last(self) -> dict[str, Standing]:
        """Each finding's decisive standing: that of the round that agreed, else of its last round."""
        found: dict[str, Standing] = {}
        for standing in self.standings:
            if not (standing.finding in found and found[standing.finding].agreed):
                found[standing.finding] = standing
        return found

    def open(self) -> tuple[str, ...]:
        """The findings that are not agreed on yet."""
        return tuple(f for f, s in self.last().items() if not s.agreed)

    def targets(self) -> dict[str, dict[str, float]]:
        """The medians of each finding's decisive round as a recipe's targets."""
        return {
            f: {f"target_{name}": value for name in _LOWEST if (value := getattr(s, name).median) is not None}
            for f, s in self.last().items()
        }


def read_votes(paths: Sequence[Path]) -> tuple[Vote, ...]:
    """The proposals of one or several tables (round, reader, finding, accuracy, kappa; a blank is no proposal).

    Raises InputError with all faults of all files: values out of range, unknown findings, a reader who proposes twice.
    """
    votes: dict[tuple[int, str, str], Vote] = {}
    faults: list[str] = []
    for path in paths:
        frame = read_table(path)
        found, wrong = by_meaning(map(str, frame.columns))
        wrong += [missing_column(c, list(found.values())) for c in COLUMNS if c not in found]
        faults += [f"{path}: {fault}" for fault in wrong]
        plain = unprotect if path.suffix.lower() == ".csv" else str
        for place, row in () if wrong else rows_of(frame):
            problems, vote = _vote({name: plain(row[found[name]]).strip() for name in COLUMNS})
            if vote and (key := (vote.round, vote.reader, vote.finding)) in votes:
                problems.append(f"{vote.reader!r} has another row for {finding_name(vote.finding)} in this round")
            elif vote:
                votes[key] = vote
            faults += [f"{path}: {place}: {problem}" for problem in problems]
    if faults:
        raise list_faults("proposals", faults)
    if not votes:
        raise InputError(f"{', '.join(map(str, paths))}: found no proposal, expected at least one.")
    return tuple(votes.values())


def _vote(fields: Mapping[str, str]) -> tuple[list[str], Vote | None]:
    """The row as a proposal, or what is wrong with it; neither where nothing is proposed."""
    faults = []
    number = int(fields["round"]) if fields["round"].isdecimal() else 0
    if number < 1:
        faults.append(f"round is {fields['round']!r:.40}, expected 1, 2, …")
    if not fields["reader"]:
        faults.append("the reader is blank, expected a name")
    finding = ""
    try:
        finding = finding_id(fields["finding"])
        if finding not in asked_ids():
            faults.append(f"{finding_name(finding)} is derived from the others and has no threshold of its own")
    except UnknownNameError as fault:
        faults.append(str(fault))
    values = {name: _figure(fields[name], low) for name, low in _LOWEST.items()}
    faults += [
        f"{name} is {fields[name]!r:.40}, expected a number from {_LOWEST[name]:g} to 1"
        for name, value in values.items()
        if value is None and fields[name]
    ]
    if faults or all(value is None for value in values.values()):
        return faults, None
    return [], Vote(round=number, reader=fields["reader"], finding=finding, **values)


def _figure(text: str, low: float) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if low <= value <= 1.0 else None


def summarize_rounds(votes: Iterable[Vote], *, spread: float = SPREAD, readers: int = READERS) -> Delphi:
    """Each finding's median and spread in each round, and whether it is agreed on."""
    cells: dict[tuple[str, int], list[Vote]] = defaultdict(list)
    for vote in votes:
        cells[vote.finding, vote.round].append(vote)
    order = {finding: at for at, finding in enumerate(asked_ids())}
    standings = []
    for (finding, number), of in sorted(cells.items(), key=lambda x: (order[x[0][0]], x[0][1])):
        accuracy, kappa = (_spread([getattr(v, name) for v in of]) for name in _LOWEST)
        agreed = _agrees(accuracy, spread, readers) and _agrees(kappa, spread, readers)
        standings.append(
            Standing(
                finding=finding, name=finding_name(finding), round=number, accuracy=accuracy, kappa=kappa, agreed=agreed
            )
        )  # fmt: skip
    return Delphi(standings=tuple(standings), spread=spread, readers=readers)


def _spread(values: Sequence[float | None]) -> Spread:
    given = sorted(v for v in values if v is not None)
    if len(given) < 2:
        return Spread(n=len(given), median=given[0] if given else None, iqr=None)
    low, _, high = quantiles(given, n=4, method="inclusive")
    return Spread(n=len(given), median=median(given), iqr=high - low)


def _agrees(of: Spread, spread: float, readers: int) -> bool:
    return of.iqr is not None and of.n >= readers and of.iqr <= spread + 1e-9


def next_round(path: Path, votes: Iterable[Vote], found: Delphi) -> bytes:
    """The sheet of the next round (CSV or XLSX by the path): a row a reader and open finding, to be filled in.

    Beside the blank columns stand the group's median and spread of the last round; no reader sees another's proposal.
    """
    last, rows = found.last(), []
    given = {(v.finding, v.reader) for v in votes}
    for finding in found.open():
        standing = last[finding]
        group = {
            "group_accuracy": _shown(standing.accuracy.median), "group_accuracy_iqr": _shown(standing.accuracy.iqr),
            "group_kappa": _shown(standing.kappa.median), "group_kappa_iqr": _shown(standing.kappa.iqr),
        }  # fmt: skip
        about = {"round": str(standing.round + 1), "finding": standing.name, **group}
        rows += [{**about, "reader": reader} for f, reader in sorted(given) if f == finding]
    hints = ("group_accuracy", "group_accuracy_iqr", "group_kappa", "group_kappa_iqr")
    return encode_sheet(path, (*COLUMNS, *hints), rows)


def _shown(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"
