"""What a Ran Score could be without the errors of the program that labelled the reports."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from ranscore.catalog import asked_ids, finding_ids, finding_name
from ranscore.errors import InputError
from ranscore.freezing import FrozenProgram
from ranscore.metrics._correction import Confusion, Prevalence, plausible_range, rogan_gladen
from ranscore.metrics._verdicts import MINIMUM_POSITIVES
from ranscore.policies import Policies, apply_policies, pick_findings
from ranscore.records import ABSENT, PRESENT, LabelTable, Record
from ranscore.reference.derive import DEVICES, NO_FINDING
from ranscore.scoring import FindingScore

Range = tuple[float, float]


class CorrectedPrevalence(Record):
    """A finding as labelled, k of n reports, and its estimated prevalence (None if undefined) with its interval."""

    k: int
    n: int
    estimate: float | None
    interval: Range


class FindingCorrection(Record):
    """One finding: the program's sensitivity and specificity as (k, n), prevalences, and where its F1 would lie.

    `reference` is None where the reference's labels are taken as true; all but `f1_range` is None for No Finding, which
    is derived from the corrected others. `f1_range` is None where F1 is never defined.
    """

    finding: str
    name: str
    sensitivity: tuple[int, int] | None
    specificity: tuple[int, int] | None
    reference: CorrectedPrevalence | None
    generated: CorrectedPrevalence | None
    f1_range: Range | None
    f1_middle: float | None


class Correction(Record):
    """The plausible range (95 %) of the Ran Score, its middle, and the findings; `remarks` say what it rests on."""

    ran_score_range: Range
    ran_score_middle: float
    sides: Literal["both", "generated"]
    findings: tuple[FindingCorrection, ...]
    remarks: tuple[str, ...]
    program_digest: str
    draws: int
    seed: int


def correct_score(
    reference: LabelTable,
    generated: LabelTable,
    frozen: FrozenProgram,
    policies: Policies,
    *,
    sides: Literal["both", "generated"] = "both",
    draws: int = 1000,
    seed: int = 0,
) -> Correction:
    """The Ran Score's plausible range, from the frozen program's cross-validated confusion of each asked finding.

    `sides` says which labels are that program's: of both tables, or of the generated reports only. Raises InputError
    where a finding has no cross-validated score, and for a No Finding that is not derived.
    """
    scores = crossed_scores(frozen)
    if policies.no_finding == "as-given":
        raise InputError(
            "a score whose No Finding is taken as given cannot be corrected, since no program is asked for it; "
            "choose --no-finding derived+devices or derived-devices."
        )
    asked = list(asked_ids())
    tables = [pick_findings(_checked(apply_policies(table, policies)), asked) for table in (reference, generated)]
    ids = sorted(tables[0].report_ids)
    rows = [dict(zip(table.report_ids, table.values, strict=True)) for table in tables]
    ours, theirs = ([row[i] for i in ids] for row in rows)
    confusions = [_confusion(scores[f]) for f in asked]
    ranges = plausible_range(
        ours, theirs, confusions, both=sides == "both", derived=_derived(policies, asked), empty=policies.empty,
        draws=draws, seed=seed,
    )  # fmt: skip
    whole = ranges.macro_f1
    if whole is None:
        raise InputError("no finding has a positive in any draw, so empty 'skip' leaves none; use empty '0' or '1'.")
    columns = zip(finding_ids(), ranges.f1, strict=True)
    return Correction(
        ran_score_range=(whole[0], whole[2]),
        ran_score_middle=whole[1],
        sides=sides,
        findings=tuple(_finding(f, span, scores, tables, sides) for f, span in columns),
        remarks=tuple(_remarks(scores, sides)),
        program_digest=frozen.sha256,
        draws=draws,
        seed=seed,
    )


def crossed_scores(frozen: FrozenProgram) -> dict[str, FindingScore]:
    """The cross-validated score of each asked finding; raises InputError naming those that have none."""
    found = {f: x.cross_validated for f, x in frozen.findings.items() if x.cross_validated}
    missing = [finding_name(f) for f in asked_ids() if f not in found]
    if missing:
        raise InputError(
            f"the frozen program has no cross-validated score of {', '.join(missing[:4])}"
            f"{f' and {len(missing) - 4} more' if len(missing) > 4 else ''}, so its errors there are not known; "
            "expected one compiled from runs of `ranscore optimize` with cross-validation for every finding."
        )
    return found


def _checked(table: LabelTable) -> LabelTable:
    missing = [finding_name(f) for f in asked_ids() if f not in table.findings]
    if missing:
        raise InputError(f"found no labels for {', '.join(missing)}; a correction needs all findings.")
    return table


def _confusion(score: FindingScore) -> Confusion:
    return score.tp, score.fp, score.fn, score.tn


def _derived(policies: Policies, asked: Sequence[str]) -> tuple[int, list[int]]:
    without = DEVICES if policies.no_finding == "derived-devices" else ""
    return finding_ids().index(NO_FINDING), [at for at, finding in enumerate(asked) if finding != without]


def _finding(
    finding: str,
    span: tuple[float, float, float] | None,
    scores: Mapping[str, FindingScore],
    tables: Sequence[LabelTable],
    sides: Literal["both", "generated"],
) -> FindingCorrection:
    score = scores.get(finding) if finding != NO_FINDING else None
    reference, generated = (_prevalence(table, finding, score) for table in tables)
    return FindingCorrection(
        finding=finding,
        name=finding_name(finding),
        sensitivity=(score.tp, score.tp + score.fn) if score else None,
        specificity=(score.tn, score.tn + score.fp) if score else None,
        reference=reference if sides == "both" else None,
        generated=generated,
        f1_range=(span[0], span[2]) if span else None,
        f1_middle=span[1] if span else None,
    )


def _prevalence(table: LabelTable, finding: str, score: FindingScore | None) -> CorrectedPrevalence | None:
    if score is None:
        return None
    values = list(table.column(finding).values())
    present, n = values.count(PRESENT), values.count(PRESENT) + values.count(ABSENT)
    found: Prevalence = rogan_gladen(present, n, _confusion(score))
    return CorrectedPrevalence(k=found.k, n=found.n, estimate=found.estimate, interval=found.interval)


def _remarks(scores: Mapping[str, FindingScore], sides: Literal["both", "generated"]) -> Iterator[str]:
    if sides == "both":
        yield (
            "assumes that both sides' labels are the program's, that it errs as often here as on its reference, and "
            "independently on the two reports of a pair; errors made alike on both sides are not seen"
        )
    else:
        yield "assumes that the reference's labels are right, and the program errs as often here as on its reference"
    few = [f"{s.name} ({s.positives})" for s in scores.values() if s.positives < MINIMUM_POSITIVES]
    if few:
        yield f"sensitivity rests on fewer than {MINIMUM_POSITIVES} positives for {', '.join(few)}"
