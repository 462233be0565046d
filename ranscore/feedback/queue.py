"""The disagreements on one or more findings in the order in which a note would teach most, each with its reason.

Errors that look alike come first, the largest group of all before the others, since one note may mend them all; of
groups of one size, those of the rarer finding. Alike are false alarms by the same rule or exemplar, missed reports
whose mention was taken back by the same cue or rule, and missed reports that share a wording which no absent report
has. A missing answer comes last: a note teaches nothing there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from ranscore.feedback.evidence import ASSERTED, Mark, MarkedReport
from ranscore.feedback.mining import shared_wordings
from ranscore.records import ABSENT, PRESENT, UNANSWERED, UNCERTAIN, Record, Report

Kind = Literal["false present", "false absent", "unanswered", "differs"]
KINDS: tuple[Kind, ...] = ("false present", "false absent", "differs", "unanswered")
WORDS = {PRESENT: "present", ABSENT: "absent", UNCERTAIN: "uncertain", UNANSWERED: "unanswered"}
LONGEST_SHOWN = 60


class QueueItem(Record):
    """One disagreement. `answer` and `reference` are what the two `sides` say, in words, and `votes` what each rater
    said.

    `pattern` names the group of errors that look alike ("" where there is none), `pattern_size` its errors, and `why`
    says in a sentence why the item stands where it does. `positives` counts the finding's present reports.
    """

    item_id: str
    report_id: str
    finding: str
    name: str
    kind: Kind
    answer: str
    reference: str
    sides: tuple[str, str]
    votes: dict[str, str] = Field(default_factory=dict)
    pattern: str = ""
    pattern_size: int = 1
    positives: int = 0
    why: str = ""


@dataclass(frozen=True)
class Compared:
    """One finding's values by report id (1, 0, -1, -2) on two sides; `judged` where the second is a reference."""

    finding: str
    name: str
    sides: tuple[str, str]
    first: Mapping[str, int]
    second: Mapping[str, int]
    judged: bool = True

    def kind(self, report_id: str) -> Kind | None:
        """How the two sides disagree on a report; None where they agree or the reference is uncertain."""
        ours, theirs = self.first[report_id], self.second[report_id]
        if ours == theirs or (self.judged and theirs not in (PRESENT, ABSENT)):
            return None
        if UNANSWERED in (ours, theirs):
            return "unanswered"
        if not self.judged:
            return "differs"
        return "false present" if ours == PRESENT else "false absent"


Marker = Callable[[str, Report], MarkedReport]
Votes = Mapping[str, Mapping[str, Mapping[str, int]]]  # rater, finding, report id


def build_queue(
    compared: Iterable[Compared], reports: Sequence[Report], marker: Marker | None, votes: Votes | None = None
) -> tuple[QueueItem, ...]:
    """The disagreements on some findings, in the order of this module.

    `marker` marks a report for a finding; without one (a model whose evidence is not known) errors are grouped by
    wording alone.
    """
    items = [item for side in compared for item in _items(side, reports, marker, votes or {})]
    return tuple(sorted(items, key=_place))


def _place(item: QueueItem) -> tuple[object, ...]:
    silent = item.kind == "unanswered"
    return (silent, -item.pattern_size, item.positives, item.name, item.pattern, item.report_id)


def _items(side: Compared, reports: Sequence[Report], marker: Marker | None, votes: Votes) -> Iterator[QueueItem]:
    by_id = {r.report_id: r for r in reports if r.report_id in side.first and r.report_id in side.second}
    kinds = {i: kind for i in by_id if (kind := side.kind(i))}
    patterns = _patterns(side, by_id, kinds, marker)
    groups: dict[str, list[str]] = defaultdict(list)
    for report_id, pattern in patterns.items():
        groups[pattern].append(report_id)
    positives = sum(side.second[i] == PRESENT for i in by_id)
    for report_id, kind in kinds.items():
        pattern = patterns.get(report_id, "")
        size = len(groups[pattern]) if pattern else 1
        yield QueueItem(
            item_id=f"{side.finding}:{report_id}", report_id=report_id, finding=side.finding, name=side.name, kind=kind,
            answer=WORDS[side.first[report_id]], reference=WORDS[side.second[report_id]], sides=side.sides,
            votes={rater: WORDS[of[side.finding][report_id]] for rater, of in votes.items()
                   if report_id in of.get(side.finding, {})},
            pattern=pattern, pattern_size=size, positives=positives,
            why=_why(side, kind, pattern, size, positives),
        )  # fmt: skip


def _why(side: Compared, kind: Kind, pattern: str, size: int, positives: int) -> str:
    if kind == "unanswered":
        return "there is no answer to compare: a note teaches nothing here"
    if size > 1:
        return f"{size} errors look alike ({pattern}): one note may mend them all"
    rare = f"{side.name} is present in {positives} reports"
    return f"{rare}; {pattern}" if pattern else f"{rare}; no other error looks like this one"


def _patterns(
    side: Compared, by_id: Mapping[str, Report], kinds: Mapping[str, Kind], marker: Marker | None
) -> dict[str, str]:
    """What the errors have in common, by report id; left out where nothing is known."""
    found: dict[str, str] = {}
    if marker:
        for report_id, kind in kinds.items():
            marked = marker(side.finding, by_id[report_id]) if kind != "unanswered" else None
            if marked and (pattern := _seen(marked)):
                found[report_id] = pattern
    silent = [i for i, kind in kinds.items() if i not in found and kind in ("false absent", "differs")]
    without = [r for i, r in by_id.items() if side.second[i] == ABSENT]
    for phrase, ids in shared_wordings([by_id[i] for i in silent], without):
        alike = [i for i in ids if i not in found]
        if len(alike) > 1:
            found |= dict.fromkeys(alike, f"the wording {_short(phrase)}, which no absent report has")
    return found


def _seen(marked: MarkedReport) -> str:
    """The pattern of what fired: what counted, else what was taken back and by what."""
    counted = [m for m in marked.fired if m.status == ASSERTED]
    if counted:
        return f"{counted[0].kind} {_short(counted[0].source)} fires"
    taken_back = [m for m in marked.fired if m.status != ASSERTED]
    return _taken_back(taken_back[0], marked.cue_of(taken_back[0])) if taken_back else ""


def _taken_back(mark: Mark, cue: Mark | None) -> str:
    if cue:
        return f"the {cue.kind} cue {_short(' '.join(cue.source.casefold().split()))} takes a mention back"
    return f"{_short(mark.source)} is taken back as {mark.status}"


def _short(text: str) -> str:
    return f"'{text}'" if len(text) <= LONGEST_SHOWN else f"'{text[:LONGEST_SHOWN]}…'"
