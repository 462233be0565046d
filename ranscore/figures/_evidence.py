"""What a report rests on: the cohort, its readers, and one or several systems' labels with scores and comparisons."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from ranscore.agreement import AgreementReport
from ranscore.metrics._paired import Estimate
from ranscore.metrics._verdicts import MINIMUM_POSITIVES, Verdict
from ranscore.scoring import FindingScore, ScoreReport

Kind = Literal["seed", "tuned-on", "cross-validated", "applied", "labels"]
TITLES: dict[Kind, str] = {
    "seed": "Seed",
    "tuned-on": "Tuned-on",
    "cross-validated": "Cross-validated",
    "applied": "Frozen program",
    "labels": "Labels",
}


@dataclass(frozen=True)
class Support:
    """How often a finding is present, absent and uncertain in the reference."""

    finding: str
    name: str
    present: int
    absent: int
    uncertain: int


@dataclass(frozen=True)
class Cohort:
    """The reports and their reference; `ages`, `sexes` and `patients` are None where the reports do not tell.

    `lengths` are words, or characters where the reports are Chinese (`length_unit`).
    """

    name: str
    title: str
    source: str
    language: str
    reports: int
    patients: int | None
    ages: tuple[float, ...] | None
    sexes: dict[str, int] | None
    lengths: tuple[int, ...]
    length_unit: str
    support: tuple[Support, ...]
    digest: str
    reference_digest: str
    reference_kind: str


@dataclass(frozen=True)
class Side:
    """One labelling of the reports: the scores of each finding, and the Ran Score where all findings are labelled."""

    kind: Kind
    scores: tuple[FindingScore, ...]
    ran_score: ScoreReport | None = None

    @property
    def title(self) -> str:
        """The kind in print."""
        return TITLES[self.kind]

    @property
    def who(self) -> str:
        """Who labelled: a program and how it was scored, or whoever made a table of labels."""
        return self.title if self.kind in ("applied", "labels") else f"Program, {self.title.lower()}"

    def of(self, finding: str) -> FindingScore | None:
        """One finding's scores."""
        return next((score for score in self.scores if score.finding == finding), None)


def f1_of(score: FindingScore | None) -> float | None:
    """F1, or None where neither side has a positive; what it counts for in a mean is a policy."""
    return score.f1 if score and score.tp + score.fp + score.fn else None


@dataclass(frozen=True)
class Change:
    """One finding before (a) and after (b): estimates of f1, kappa, precision, recall and accuracy, exact McNemar.

    `right_before` and `right_after` of `n` reports are right, `only_before` and `only_after` on one side only. The
    `verdict` rests on `p_adjusted`, Holm's over the findings; `needed` discordant reports would decide this one alone.
    """

    finding: str
    name: str
    n: int
    right_before: int
    right_after: int
    only_before: int
    only_after: int
    estimates: Mapping[str, Estimate]
    p: float
    p_adjusted: float
    verdict: Verdict
    needed: int | None


@dataclass(frozen=True)
class Comparison:
    """Two sides of one system on the same reports; `p` is that of the paired randomisation of `headline`'s figure."""

    before: Side
    after: Side
    changes: tuple[Change, ...]
    headline: str
    macro_f1: Estimate
    p: float | None
    verdict: Verdict

    def of(self, finding: str) -> Change | None:
        """One finding's change."""
        return next((change for change in self.changes if change.finding == finding), None)

    def estimate(self, finding: str, figure: str) -> Estimate:
        """One figure of one finding; F1 is undefined where a side has no positive at all, whatever it counts for."""
        found = self.of(finding)
        if found is None:
            return Estimate(None, None, None)
        estimate = found.estimates[figure]
        if figure != "f1":
            return estimate
        a, b = (f1_of(side.of(finding)) is not None for side in (self.before, self.after))
        both = a and b
        return Estimate(
            estimate.a if a else None, estimate.b if b else None, estimate.difference if both else None,
            estimate.a_interval if a else None, estimate.b_interval if b else None, estimate.interval if both else None,
        )  # fmt: skip


@dataclass(frozen=True)
class Curve:
    """Kappa on the reports that the search saw, round by round from the seed; `kept` is the round that was kept."""

    finding: str
    name: str
    kappas: tuple[float | None, ...]
    kept: int
    crossed: float | None
    has_crossed: bool
    positives: int


@dataclass(frozen=True)
class Origin:
    """Where one finding's program comes from; digests as `sha256:<hex>`, "" for what is not known."""

    finding: str
    name: str
    run_id: str = ""
    started: str = ""
    recipe: str = ""
    stopped: str = ""
    program_digest: str = ""
    prompt_digest: str = ""


@dataclass(frozen=True)
class System:
    """One way of labelling the reports: optimized programs, a frozen program or a table of labels.

    `sides` stand from the least to the most trustworthy figure. `seen` says that the reports were used for tuning.
    """

    name: str
    model: str
    seen: bool
    sides: tuple[Side, ...]
    comparisons: tuple[Comparison, ...] = ()
    curves: tuple[Curve, ...] = ()
    agreement: AgreementReport | None = None
    origins: tuple[Origin, ...] = ()
    digests: Mapping[str, str] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)

    @property
    def main(self) -> Side:
        """The figure to rely on: cross-validated where it is there."""
        return self.sides[-1]


@dataclass(frozen=True)
class Evidence:
    """All that figures and tables are made of; `agreement` tells the readers', `minimum_votes` make a majority."""

    cohort: Cohort
    systems: tuple[System, ...]
    agreement: AgreementReport | None = None
    minimum_votes: int | None = None
    minimum_positives: int = MINIMUM_POSITIVES
    resamples: int = 1000
    seed: int = 0

    @property
    def findings(self) -> tuple[tuple[str, str], ...]:
        """The findings that a system labelled, id and name, in the reference's order."""
        scored = {s.finding for system in self.systems for side in system.sides for s in side.scores}
        return tuple((s.finding, s.name) for s in self.cohort.support if s.finding in scored)

    def label(self, system: System, side: Side) -> str:
        """How a side of a system is called: by its kind where there is one system, else by its name and kind."""
        if len(self.systems) == 1:
            return side.title
        return system.name if side.kind in ("applied", "labels") else f"{system.name}, {side.title.lower()}"
