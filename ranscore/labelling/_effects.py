"""What a gate costs: calls saved, positives missed, and kappa beside sending everything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ranscore.catalog import finding_name
from ranscore.cohort import Dataset
from ranscore.errors import InputError
from ranscore.metrics._intervals import clopper_pearson
from ranscore.records import ABSENT, PRESENT, UNANSWERED, LabelTable
from ranscore.scoring import FindingScore, score_finding


@dataclass(frozen=True, slots=True)
class Share:
    """k of n with the exact two-sided 95 % interval; nan where n is 0."""

    k: int
    n: int

    @property
    def interval(self) -> tuple[float, float]:
        """Low and high."""
        return clopper_pearson(self.k, self.n)


@dataclass(frozen=True, slots=True)
class FindingEffect:
    """One finding: reports sent, reference positives held back, and the scores of both ways against the reference.

    `unlike` counts the labels that differ from sending everything, `between` is the kappa of both ways.
    """

    finding: str
    sent: int
    missed: Share
    everything: FindingScore
    cascade: FindingScore
    unlike: int
    between: float | None


@dataclass(frozen=True, slots=True)
class Effect:
    """All findings together. `lost` are the positives of model and reference alike that the gate held back.

    Kappa is the mean over the findings where both ways have one, and that of all cells pooled.
    """

    calls: Share
    missed: Share
    lost: Share
    findings: tuple[FindingEffect, ...]
    everything: float | None
    cascade: float | None
    pooled_everything: float | None
    pooled_cascade: float | None
    between: float | None


def measure_effect(dataset: Dataset, labels: LabelTable, sent: Mapping[str, frozenset[str]]) -> Effect:
    """A gate's effect on a model's labels of all reports; `sent` holds by finding the ids of the reports it lets pass.

    Raises InputError where a report or a finding has no label.
    """
    absent = [r.report_id for r in dataset.reports if r.report_id not in set(labels.report_ids)]
    unknown = [finding_name(f) for f in sent if f not in labels.findings]
    if absent or unknown:
        found = f"{len(absent)} reports have no label" if absent else f"no labels of {', '.join(unknown)}"
        raise InputError(f"the labels of sending everything: {found}; expected all reports and findings.")
    cells: dict[str, tuple[list[int], list[int], list[int]]] = {}
    for finding, passed in sent.items():
        truth = dataset.reference.column(finding)
        full = {i: v if v in (PRESENT, ABSENT) else UNANSWERED for i, v in labels.column(finding).items()}
        ids = [r.report_id for r in dataset.reports]
        gated = [full[i] if i in passed else ABSENT for i in ids]
        cells[finding] = [truth[i] for i in ids], [full[i] for i in ids], gated
    rows = tuple(_finding(f, _missed(dataset, f, sent[f]), len(sent[f]), *c) for f, c in cells.items())
    both = [c for c in rows if c.everything.kappa is not None and c.cascade.kappa is not None]
    wanted, asked, held = ([v for c in cells.values() for v in c[k]] for k in range(3))
    lost = [g for t, f, g in zip(wanted, asked, held, strict=True) if t == f == PRESENT]
    return Effect(
        calls=Share(len(wanted) - sum(r.sent for r in rows), len(wanted)),
        missed=Share(sum(r.missed.k for r in rows), sum(r.missed.n for r in rows)),
        lost=Share(sum(g != PRESENT for g in lost), len(lost)),
        findings=rows,
        everything=_mean([c.everything.kappa for c in both]),
        cascade=_mean([c.cascade.kappa for c in both]),
        pooled_everything=score_finding(wanted, asked).kappa,
        pooled_cascade=score_finding(wanted, held).kappa,
        between=_between(asked, held),
    )


def _missed(dataset: Dataset, finding: str, sent: frozenset[str]) -> Share:
    positives = [i for i, value in dataset.reference.column(finding).items() if value == PRESENT]
    return Share(sum(i not in sent for i in positives), len(positives))


def _finding(
    finding: str, missed: Share, sent: int, truth: list[int], full: list[int], gated: list[int]
) -> FindingEffect:
    name = finding_name(finding)
    return FindingEffect(
        finding,
        sent,
        missed,
        score_finding(truth, full, finding=finding, name=name),
        score_finding(truth, gated, finding=finding, name=name),
        sum(f != g for f, g in zip(full, gated, strict=True)),
        _between(full, gated),
    )


def _between(full: list[int], gated: list[int]) -> float | None:
    """Kappa of two ways of labelling, where the first one was answered."""
    answered = [(f, g) for f, g in zip(full, gated, strict=True) if f in (PRESENT, ABSENT)]
    return score_finding([f for f, _ in answered], [g for _, g in answered]).kappa if answered else None


def _mean(values: list[float | None]) -> float | None:
    known = [v for v in values if v is not None]
    return sum(known) / len(known) if known else None
