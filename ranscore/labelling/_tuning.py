"""Chooses each finding's gate on development reports, and counts what it costs on reports that it was not chosen on.

Every finding has one choice of the same ladder, from `everything` to a phrase that is asserted. A choice costs the
calls that it sends and the share of its finding's positives that it is expected to miss; the share, since a mean over
findings counts a rare finding as much as a common one. What a positive is worth in calls is the only thing that is
tuned: from infinity downwards as long as the cross-validated misses, pooled over the findings, stay below the bound and
the mean kappa that a model which is always right loses by them stays within its limit (a fixed sequence, ended by the
first failure, so that no correction for many looks is due: Angelopoulos et al., Learn then Test, Ann Appl Stat
2025;19:1641-1662; there the reports that judge are no part of the tuning, here they are so fold by fold, which comes
near to it).
"""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ranscore import catalog
from ranscore.cohort import Dataset
from ranscore.errors import InputError
from ranscore.freezing import DataUsed, FrozenProgram
from ranscore.labelling._triggers import LEAST_TOKENS, Finder, Found, Wordings, group_of, tokens_of
from ranscore.labelling.gate import Counts, GateFile, GateFinding
from ranscore.metrics import kappa
from ranscore.metrics._counts import counts_of, mean_of_defined
from ranscore.metrics._intervals import clopper_pearson
from ranscore.phrases import required_words
from ranscore.records import ABSENT, PRESENT, Program, Report

MAX_MISS, MAX_LOSS = 0.005, 0.005
FOLDS = 5
LEAST_POSITIVES = 5
WORTHS = tuple(float(n * 10**k) for k in (5, 4, 3, 2, 1) for n in (7, 5, 3, 2, 1.5, 1))
NONE = -1.0  # the share that no wording has
_LOOSE = (NONE, 0.0, 0.01, 0.02, 0.05, 0.1, 0.2, 1.0)
_WORDS = (NONE, 0.0, 0.005, 0.01, 0.02, 0.05, 0.1)
_BELIEF = 20.0  # positives that the pooled miss rate of a choice counts as, beside a finding's own


@dataclass(frozen=True, slots=True)
class Choice:
    """How wide one gate is: how a phrase must stand, and in what share of reports a loose phrase or a word may be.

    With a share of 0 only those open that no development report holds.
    """

    counts: Counts
    loose: float = NONE
    words: float = NONE


EVERYTHING = Choice("everything")
LADDER = (
    EVERYTHING,
    *(Choice(c, loose, w) for c in ("named", "undenied") for loose in _LOOSE for w in _WORDS),
    Choice("stated"),
)


@dataclass(frozen=True)
class Limits:
    """What a gate may cost: the upper 95 % limit of the share of positives missed, and the mean kappa lost by them.

    Raises InputError for a rate outside 0 to 1.
    """

    max_miss: float = MAX_MISS
    max_loss: float = MAX_LOSS

    def __post_init__(self) -> None:
        if not 0 < self.max_miss < 1:
            raise InputError(f"--max-miss {self.max_miss}: expected a rate above 0 and below 1, such as {MAX_MISS}.")
        if not 0 < self.max_loss <= 1:
            raise InputError(f"--max-loss {self.max_loss}: expected a kappa above 0 and up to 1, such as {MAX_LOSS}.")


@dataclass(frozen=True)
class Evidence:
    """What was counted: by finding the positive reports, and by choice the reports sent, as bits of whole numbers.

    `judged` is the number of reports that the reference calls present or absent, `stood` in how many reports each loose
    phrase's words meet undenied, and each word stands so. What is sent of a report is counted by the other reports.
    """

    reports: int
    positives: dict[str, int]
    judged: dict[str, int]
    sent: dict[str, dict[Choice, int]]
    stood: dict[str, tuple[Counter[str], Counter[str]]]
    wordings: dict[str, Wordings]


@dataclass(frozen=True)
class Tuned:
    """A gate's file, and by finding the ids of the reports that are sent, each judged by a gate tuned without it."""

    file: GateFile
    sent: dict[str, frozenset[str]]


def wordings_of(program: Program) -> Wordings:
    """All that may state a finding: its program's phrases, the seed's and the lexicon's, and positive exemplars.

    Phrases that do not count, and those that deny, open no gate as such, but their words do where they are rare: what
    stands so near to a finding is for a model to judge.
    """
    rules = [*program.rules, *catalog.seed_program(program.finding).rules]
    rules += [e.rule for e in catalog.lexicon_edits(program.finding) if e.rule]
    phrases = tuple(dict.fromkeys(p for r in rules if r.means == "states" for p in r.phrases))
    near = {p for r in rules for p in r.phrases}
    words = frozenset(w for p in near for part in group_of(p) for w in part)
    passages = [tokens_of(e.passage) for e in program.exemplars if e.answer == "present"]
    loose = frozenset(p for p in near if required_words(p))
    return Wordings(phrases, loose, words, tuple(p for p in passages if len(p) >= LEAST_TOKENS))


def gather_evidence(frozen: FrozenProgram, dataset: Dataset, progress: Callable[[int], None] | None = None) -> Evidence:
    """What each report holds of each finding's wordings, and what each choice would send."""
    wordings = {p.finding: wordings_of(p) for p in frozen.programs()}
    finder = Finder(wordings)
    found: dict[str, list[Found]] = {f: [] for f in wordings}
    for report in dataset.reports:
        for finding, here in finder.find(report.text).items():
            found[finding].append(here)
        if progress:
            progress(1)
    at = {r.report_id: i for i, r in enumerate(dataset.reports)}
    positives, judged = {}, {}
    for finding in wordings:
        column = dataset.reference.column(finding)
        positives[finding] = _bits(at[i] for i, value in column.items() if value == PRESENT)
        judged[finding] = sum(value in (PRESENT, ABSENT) for value in column.values())
    stood = {f: _count_undenied(here) for f, here in found.items()}
    sent = {f: _sent_by_choice(here, *stood[f]) for f, here in found.items()}
    return Evidence(len(dataset.reports), positives, judged, sent, stood, wordings)


def _bits(places: Iterable[int]) -> int:
    bits = 0
    for place in places:
        bits |= 1 << place
    return bits


def _count_undenied(found: Sequence[Found]) -> tuple[Counter[str], Counter[str]]:
    """In how many reports the words of each loose phrase meet undenied, and each word stands undenied."""
    return Counter(p for here in found for p in here.met_undenied), Counter(w for h in found for w in h.words_undenied)


def _sent_by_choice(found: Sequence[Found], loose: Counter[str], words: Counter[str]) -> dict[Choice, int]:
    sent = dict.fromkeys(LADDER, 0)
    others = max(1, len(found) - 1)
    for place, here in enumerate(found):
        bit = 1 << place
        rarest = {
            "undenied": (
                _least(here.met_undenied, here.met_undenied, loose, others),
                _least(here.words_undenied, here.words_undenied, words, others),
            ),
            "named": (
                _least(here.met, here.met_undenied, loose, others),
                _least(here.words, here.words_undenied, words, others),
            ),
        }
        base = GateFinding(counts="stated"), GateFinding(counts="undenied"), GateFinding(counts="named")
        phrase = {gate.counts: here.like or _phrase_opens(gate, here) for gate in base}
        for choice in LADDER:
            if choice.counts == "everything" or phrase[choice.counts]:
                sent[choice] |= bit
            elif choice.counts != "stated":
                rare, word = rarest[choice.counts]
                if rare <= choice.loose or word <= choice.words:
                    sent[choice] |= bit
    return sent


def _phrase_opens(gate: GateFinding, here: Found) -> bool:
    none: frozenset[str] = frozenset()
    return gate.opens(Found(here.status, False, none, none, none, none))


def _least(names: Iterable[str], undenied: frozenset[str], stood: Counter[str], others: int) -> float:
    """The share of the other reports in which the rarest of a report's wordings stands undenied."""
    return min(((stood[n] - (n in undenied)) / others for n in names), default=2.0)


def choose(evidence: Evidence, reports: int, worth: float, least: int = LEAST_POSITIVES) -> dict[str, Choice]:
    """Each finding's cheapest choice on some of the reports (bits).

    To miss all positives of a finding costs `worth` calls for each positive that a finding has on average. A finding
    with fewer than `least` positives there is sent whole.
    """
    positives = {f: p & reports for f, p in evidence.positives.items()}
    total = sum(p.bit_count() for p in positives.values())
    missed = {c: sum((p & ~evidence.sent[f][c]).bit_count() for f, p in positives.items()) for c in LADDER}
    pooled = {c: (k + 0.5) / (total + 1) for c, k in missed.items()}
    price = worth * total / max(1, len(positives))
    chosen = {}
    for finding, own in positives.items():
        n = own.bit_count()
        if n < least:
            chosen[finding] = EVERYTHING
            continue
        costs = {}
        for choice in LADDER:
            sent = evidence.sent[finding][choice] & reports
            rate = ((own & ~sent).bit_count() + _BELIEF * pooled[choice]) / (n + _BELIEF)
            costs[choice] = sent.bit_count() + (0.0 if choice == EVERYTHING else price * rate)
        chosen[finding] = min(LADDER, key=lambda c: costs[c])
    return chosen


def folds_of(reports: Sequence[Report], seed: int = 0) -> list[int]:
    """The reports of each fold as bits; a patient's reports stay together."""
    groups: dict[str, list[int]] = {}
    for place, report in enumerate(reports):
        groups.setdefault(report.group or f"\u0001{report.report_id}", []).append(place)
    order = sorted(groups)
    random.Random(seed).shuffle(order)
    return [_bits(i for group in order[k::FOLDS] for i in groups[group]) for k in range(FOLDS)]


def upper_limit(missed: int, positives: int) -> float:
    """The exact one-sided 95 % upper limit of a rate; 1 where nothing was counted."""
    return clopper_pearson(missed, positives, level=0.9)[1] if positives else 1.0


def _crossed(evidence: Evidence, folds: Sequence[int], worth: float) -> dict[str, int]:
    """By finding the reports that are sent, each judged by a gate that was chosen on the other folds."""
    everyone = _bits(range(evidence.reports))
    sent = dict.fromkeys(evidence.positives, 0)
    for fold in folds:
        for finding, choice in choose(evidence, everyone & ~fold, worth).items():
            sent[finding] |= evidence.sent[finding][choice] & fold
    return sent


def kappa_loss(evidence: Evidence, sent: Mapping[str, int]) -> float:
    """What a model that is always right loses of its kappa by what is not sent: the mean of the findings that have one.

    0 where none has one.
    """
    cells = []
    for finding, own in evidence.positives.items():
        found = (own & sent[finding]).bit_count()
        cells.append((found, 0, own.bit_count() - found, evidence.judged[finding] - own.bit_count()))
    lost = float(mean_of_defined(1 - kappa.compute(counts_of(*zip(*cells, strict=True)))))
    return 0.0 if math.isnan(lost) else lost


def tune_gate(frozen: FrozenProgram, dataset: Dataset, evidence: Evidence, limits: Limits) -> Tuned:
    """The cheapest gate whose cross-validated misses stay within the limits.

    Where the reports hold too few positives for that, everything is sent.
    """
    everyone = _bits(range(evidence.reports))
    total = sum(p.bit_count() for p in evidence.positives.values())
    folds = folds_of(dataset.reports)
    worth, sent = None, dict.fromkeys(evidence.positives, everyone)
    for candidate in WORTHS:
        tried = _crossed(evidence, folds, candidate)
        bound = upper_limit(_count_missed(evidence, tried), total)
        if bound > limits.max_miss or kappa_loss(evidence, tried) > limits.max_loss:
            break
        worth, sent = candidate, tried
    chosen = dict.fromkeys(evidence.positives, EVERYTHING) if worth is None else choose(evidence, everyone, worth)
    ids = [r.report_id for r in dataset.reports]
    passed = {f: frozenset(i for place, i in enumerate(ids) if bits >> place & 1) for f, bits in sent.items()}
    return Tuned(_file(frozen, dataset, evidence, chosen, sent, limits, worth), passed)


def _count_missed(evidence: Evidence, sent: Mapping[str, int]) -> int:
    return sum((p & ~sent[f]).bit_count() for f, p in evidence.positives.items())


def _file(
    frozen: FrozenProgram,
    dataset: Dataset,
    evidence: Evidence,
    chosen: Mapping[str, Choice],
    sent: Mapping[str, int],
    limits: Limits,
    worth: float | None,
) -> GateFile:
    missed = _count_missed(evidence, sent)
    total = sum(p.bit_count() for p in evidence.positives.values())
    cells = max(1, evidence.reports * len(chosen))
    draft = GateFile(
        max_miss=limits.max_miss,
        max_loss=limits.max_loss,
        loss=kappa_loss(evidence, sent),
        missed=missed,
        positives=total,
        bound=0.0 if worth is None else upper_limit(missed, total),
        reports=evidence.reports,
        saved=1 - sum(bits.bit_count() for bits in sent.values()) / cells,
        worth=worth,
        data=DataUsed(
            dataset=dataset.name,
            reports=len(dataset.reports),
            dataset_digest=dataset.digest,
            reference_digest=dataset.reference_digest,
            access=dataset.access,
        ),
        programs=frozen.sha256,
        findings={f: _finding(evidence, f, choice, sent[f]) for f, choice in chosen.items()},
        contains_report_text=frozen.contains_report_text,
    )
    return draft.model_copy(update={"sha256": draft.content_digest()})


def _finding(evidence: Evidence, finding: str, choice: Choice, sent: int) -> GateFinding:
    own, (loose, words) = evidence.wordings[finding], evidence.stood[finding]
    total = max(1, evidence.reports)
    positives = evidence.positives[finding]
    counted = GateFinding(
        counts=choice.counts,
        missed=(positives & ~sent).bit_count(),
        positives=positives.bit_count(),
        sent=sent.bit_count(),
    )
    if choice == EVERYTHING:
        return counted
    update: dict[str, Any] = dict(
        phrases=own.phrases,
        loose=tuple(sorted(p for p in own.loose if loose[p] / total <= choice.loose)),
        words=tuple(sorted(w for w in own.words if words[w] / total <= choice.words)),
        passages=tuple(tuple(sorted(p)) for p in own.passages),
    )
    return counted.model_copy(update=update)
