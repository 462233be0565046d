"""The first system against each of the others, on the same reports and cells."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from ranscore.catalog import finding_ids, finding_name
from ranscore.comparing._records import Comparison, FindingComparison, PairComparison, SystemInfo
from ranscore.errors import IncompleteError, InputError
from ranscore.metrics._intervals import clopper_pearson
from ranscore.metrics._mcnemar import discordant_needed
from ranscore.metrics._paired import Estimate, Paired, PairedFinding, compare_sides
from ranscore.metrics._verdicts import ALPHA, decide, holm, warn_of_few_positives
from ranscore.policies import Policies, apply_policies, pick_findings, signature_line
from ranscore.records import ABSENT, PRESENT, UNANSWERED, UNCERTAIN, LabelTable, digest_of
from ranscore.scoring import FindingScore, score_finding

Rows = list[tuple[int, ...]]


@dataclass(frozen=True)
class System:
    """One label set: who gave it, and its labels; `program_digest` and `model` labelled the reports, if known."""

    name: str
    kind: Literal["labels", "reports", "run", "program"]
    table: LabelTable
    program_digest: str | None = None
    model: str | None = None
    remarks: tuple[str, ...] = ()

    def info(self) -> SystemInfo:
        """The system without its labels."""
        return SystemInfo(
            name=self.name, kind=self.kind, labels_digest=self.table.digest(), program_digest=self.program_digest,
            model=self.model, remarks=self.remarks,
        )  # fmt: skip


@dataclass(frozen=True)
class _Matched:
    """The shared findings and, in the order of the ids, the rows of the reference and of every system."""

    findings: tuple[str, ...]
    reference: Rows
    systems: list[Rows]
    left_out: tuple[str, ...]


def compare_systems(
    reference: LabelTable,
    systems: Sequence[System],
    policies: Policies,
    *,
    reference_name: str = "the reference",
    dataset_digest: str | None = None,
    labelled_by: str | None = None,
    resamples: int = 1000,
    randomisations: int = 10_000,
    seed: int = 0,
) -> Comparison:
    """Every system after the first against the first, with intervals, tests and verdicts.

    `labelled_by` is the digest of the program that labelled reference or generated reports, for the signature. An
    uncertain cell of a system is no answer. Raises InputError for fewer than two systems, other reports than the
    reference's and no shared finding; IncompleteError for unanswered cells under the policy "refuse".
    """
    if len(systems) < 2:
        raise InputError(f"found {len(systems)} system; expected at least two to compare.")
    matched = _match(reference, systems, policies, reference_name)
    _refuse_gaps(matched, systems, policies)
    first, *others = matched.systems
    settings = {"resamples": resamples, "randomisations": randomisations, "seed": seed}
    found = [compare_sides(matched.reference, first, other, empty=policies.empty, **settings) for other in others]
    rows = dict(zip(reference.report_ids, reference.values, strict=True))
    return Comparison(
        reference=reference_name,
        reference_digest=digest_of({"findings": reference.findings, "values": rows}),
        dataset_digest=dataset_digest,
        n_reports=len(matched.reference),
        findings=matched.findings,
        systems=tuple(system.info() for system in systems),
        pairs=_pairs(matched, [s.name for s in systems], found),
        policies=policies,
        signature=signature_line(policies, labelled_by, len(matched.findings)),
        **settings,
        alpha=ALPHA,
        remarks=tuple(_remarks(matched, systems)),
    )


def _match(reference: LabelTable, systems: Sequence[System], policies: Policies, name: str) -> _Matched:
    for system in systems:
        check_reports(reference.report_ids, system.table.report_ids, system.name, name)
    tables = [apply_policies(table, policies) for table in (reference, *(s.table for s in systems))]
    shared = [f for f in finding_ids() if all(f in t.findings for t in tables)]
    if not shared:
        raise InputError(
            f"{', '.join(s.name for s in systems)}: no finding is labelled by all of them and by {name}; "
            "expected label sets of the same finding."
        )
    ids = sorted(reference.report_ids)
    ours, *others = (_rows(pick_findings(t, shared), ids) for t in tables)
    gaps = [[tuple(UNANSWERED if v == UNCERTAIN else v for v in row) for row in rows] for rows in others]
    left_out = dict.fromkeys(f for t in tables for f in t.findings if f not in shared)
    return _Matched(tuple(shared), ours, gaps, tuple(left_out))


def check_reports(reference: Sequence[str], ids: Sequence[str], name: str, reference_name: str) -> None:
    """Raises InputError unless the ids are the reference's, whatever their order."""
    missing, extra = sorted(set(reference) - set(ids)), sorted(set(ids) - set(reference))
    if missing or extra:
        raise InputError(
            f"{name}: {len(missing)} of the {len(set(reference))} reports of {reference_name} are missing"
            f"{f' (such as {missing[0]!r})' if missing else ''} and {len(extra)} are not in it"
            f"{f' (such as {extra[0]!r})' if extra else ''}; expected labels of the same reports: systems can be "
            "compared on the same reports only."
        )


def _rows(table: LabelTable, ids: Sequence[str]) -> Rows:
    rows = dict(zip(table.report_ids, table.values, strict=True))
    return [rows[i] for i in ids]


def _refuse_gaps(matched: _Matched, systems: Sequence[System], policies: Policies) -> None:
    holes = sum(v not in (PRESENT, ABSENT, UNCERTAIN) for row in matched.reference for v in row)
    if holes:
        raise IncompleteError(
            f"{holes} cells of the reference are blank, so there is nothing to compare with: fill them."
        )
    if policies.unanswered != "refuse":
        return
    gaps = {s.name: sum(r.count(UNANSWERED) for r in rows) for s, rows in zip(systems, matched.systems, strict=True)}
    if any(gaps.values()):
        found = ", ".join(f"{name} {n}" for name, n in gaps.items() if n)
        raise IncompleteError(
            f"cells without an answer (unanswered, blank or uncertain): {found}; label them, or compare the cells that "
            "both sides answered with --allow-partial."
        )


def _pairs(matched: _Matched, names: Sequence[str], found: Sequence[Paired]) -> tuple[PairComparison, ...]:
    overall = iter(holm([p.p for p in found if p.p is not None]))
    by_finding = iter(holm([f.p for pair in found for f in pair.findings]))
    family = sum(len(pair.findings) for pair in found)
    pairs = []
    for name, rows, pair in zip(names[1:], matched.systems[1:], found, strict=True):
        findings = tuple(
            _finding(matched, at, rows, one, next(by_finding), family) for at, one in enumerate(pair.findings)
        )
        adjusted = None if pair.p is None else next(overall)
        unanswered = sum(f.unanswered for f in findings)
        pairs.append(
            PairComparison(
                a=names[0],
                b=name,
                macro_f1=pair.macro_f1,
                p=pair.p,
                p_adjusted=adjusted,
                verdict=decide(pair.macro_f1.difference, adjusted),
                unanswered=unanswered,
                least=pair.least if unanswered else None,
                most=pair.most if unanswered else None,
                findings=findings,
            )
        )
    return tuple(pairs)


def _finding(
    matched: _Matched, at: int, rows: Rows, paired: PairedFinding, adjusted: float, family: int
) -> FindingComparison:
    finding = matched.findings[at]
    truth = [row[at] for row in matched.reference]
    ours, theirs = ([row[at] for row in side] for side in (matched.systems[0], rows))
    gaps = [UNANSWERED in pair for pair in zip(ours, theirs, strict=True)]
    a, b = (
        score_finding(truth, [UNANSWERED if gap else v for v, gap in zip(side, gaps, strict=True)])
        for side in (ours, theirs)
    )
    name, only_a, only_b = finding_name(finding), paired.only_a_right, paired.only_b_right
    return FindingComparison(
        finding=finding,
        name=name,
        n=paired.n,
        positives=a.positives,
        uncertain=a.uncertain,
        unanswered=a.unanswered,
        right_a=a.tp + a.tn,
        right_b=b.tp + b.tn,
        figures={k: _with_exact(v, k, a, b) for k, v in paired.estimates.items()},
        only_a_right=only_a,
        only_b_right=only_b,
        p=paired.p,
        p_adjusted=adjusted,
        verdict=decide(only_b - only_a, adjusted),
        needed=paired.needed,
        needed_adjusted=discordant_needed(only_a, only_b, paired.n, ALPHA / family),
        warning=warn_of_few_positives(name, b.tp, b.positives),
    )


def _with_exact(figure: Estimate, name: str, a: FindingScore, b: FindingScore) -> Estimate:
    """Accuracy with its exact intervals; another figure as it is."""
    if name != "accuracy" or not a.n:
        return figure
    ours, theirs = (clopper_pearson(side.tp + side.tn, side.n) for side in (a, b))
    return replace(figure, a_interval=ours, b_interval=theirs)


def _remarks(matched: _Matched, systems: Sequence[System]) -> Iterator[str]:
    for system in systems:
        yield from (f"{system.name}: {remark}" for remark in system.remarks)
    if matched.left_out:
        names = ", ".join(finding_name(f) for f in matched.left_out)
        yield f"not labelled by all, so left out: {names}"
