"""What a report says in sentences: the result in short, and what the numbers do not show."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ranscore.figures import Comparison, Evidence, Side, System
from ranscore.figures._tables import change, decimals, estimate, p_value, signed
from ranscore.metrics._intervals import clopper_pearson
from ranscore.reporting._tables import headline

FEW_NAMED = 6
VERDICTS = ("better", "worse", "cannot tell")
EXTRACTOR = (
    "When a program labels reference and generated reports, its errors are in both, and a Ran Score of the reports "
    "measures the program as well. The confusion of each finding says how often it errs here; on other wording it errs "
    "otherwise. Errors that are made alike on both sides raise the score unseen."
)
PRESENCE = (
    "A label says that a report states a finding. Side, size, severity, change, and whether the image shows it, are "
    "not measured."
)


def opening(evidence: Evidence) -> str:
    """One sentence on what is reported."""
    cohort, findings = evidence.cohort, len(evidence.findings)
    named = [f"{s.name} ({s.model})" if s.model not in ("", s.name) else s.name for s in evidence.systems]
    return (
        f"{cohort.reports} reports, {findings} finding{'s' * (findings != 1)}, labelled by {', '.join(named)} and held "
        f"against {'the majority of readers' if cohort.reference_kind == 'raters' else 'one reference'}."
    )


def in_short(system: System) -> Iterator[str]:
    """The result of one system in a few sentences, the figure to rely on first."""
    compared = [side for comparison in system.comparisons for side in (comparison.before, comparison.after)]
    if system.main not in compared:
        name, value, interval = headline(system, system.main)
        yield f"{name} {estimate(value, interval).text} ({system.main.title.lower()})."
    for place, comparison in enumerate(reversed(system.comparisons)):
        yield _compared(comparison)
        if not place:
            yield from _traded(comparison)
    yield _reached(system.main)
    if system.agreement and all(row.kappa.program for row in system.agreement.ceiling):
        yield _ceiling(system)


def _compared(comparison: Comparison) -> str:
    found, kind = comparison.macro_f1, comparison.after.title.lower()
    counts = [(v, sum(c.verdict == v for c in comparison.changes)) for v in VERDICTS]
    remark = " (on the reports that tuned it, so too good)" if kind == "tuned-on" else ""
    p = p_value(comparison.p).text
    p = f"p\u00a0<\u00a0{p[1:]}" if p.startswith("<") else f"p\u00a0=\u00a0{p}"
    return (
        f"{comparison.headline} {decimals(found.a)} with the seed, {decimals(found.b)} {kind}{remark}: difference "
        f"{change(found.difference, found.interval).text}, {p}, "
        f"{comparison.verdict}. Accuracy of the single findings: {', '.join(f'{v} on {n}' for v, n in counts)}."
    )


def _traded(comparison: Comparison) -> Iterator[str]:
    """How precision and recall moved on average; nothing where they are nowhere defined on both sides."""
    parts = []
    for figure in ("precision", "recall"):
        found = [comparison.estimate(c.finding, figure) for c in comparison.changes]
        pairs = [(e.a, e.b) for e in found if e.a is not None and e.b is not None]
        if pairs:
            before, after = (sum(side) / len(pairs) for side in zip(*pairs, strict=True))
            parts.append(f"{figure} {decimals(before)} to {decimals(after)} ({len(pairs)} findings)")
    if parts:
        kind = comparison.after.title.lower()
        yield f"Mean over the findings where it is defined, seed to {kind}: {', '.join(parts)}."


def _reached(side: Side) -> str:
    enough = sum(s.accuracy is not None and s.accuracy >= 0.95 for s in side.scores)
    surely = sum(s.accuracy_interval is not None and s.accuracy_interval[0] > 0.95 for s in side.scores)
    return (
        f"Accuracy is at least 0.95 on {enough} of {len(side.scores)} findings ({side.title.lower()}); its whole "
        f"interval lies above 0.95 on {surely}."
    )


def _ceiling(system: System) -> str:
    rows = system.agreement.ceiling[:-2] if system.agreement else ()
    mean = system.agreement.ceiling[-1].kappa if system.agreement else None
    below, within, above = (sum(r.kappa.place == place for r in rows) for place in ("below", "within", "above"))
    text = (
        f"Human ceiling: kappa ({system.main.who.lower()}) with the majority of the other readers lies within "
        f"the readers' range on {within} of {len(rows)} findings, below it on {below}, above it on {above}"
    )
    if mean and mean.program and mean.difference:
        text += (
            f"; mean over the findings {decimals(mean.program.value)}, readers {decimals(mean.mean.value)}, difference "
            f"{change(mean.difference.value, mean.difference.interval).text}, {mean.verdict or 'cannot tell'}"
        )
    return f"{text}."


def not_shown(evidence: Evidence) -> Iterator[tuple[str, str]]:
    """What the numbers do not show: a heading and a paragraph each."""
    yield from _same_reports(evidence)
    yield "Uncertain cells are left out", _uncertain(evidence)
    yield "Few positives", _few(evidence)
    yield "One reference", _one_reference(evidence)
    yield from _gaps(evidence)
    yield "An extractor's own errors", EXTRACTOR
    yield (
        "Many findings, one sample",
        "Verdicts are adjusted over the findings (Holm); the intervals are not: of twenty intervals of 95 % one misses "
        "on average. \u201cCannot tell\u201d means that these reports do not decide, not that two programs are equal. "
        f"The intervals say how figures would vary with other reports of the same kind{_patients(evidence)}, and "
        "nothing about other hospitals, languages or years.",
    )
    yield "Presence only", PRESENCE


def _same_reports(evidence: Evidence) -> Iterator[tuple[str, str]]:
    seen = [system for system in evidence.systems if system.seen]
    if not seen:
        return
    text = "The programs were tuned on the very reports that the tuned-on figures are of, so these are too good. "
    if any(side.kind == "cross-validated" for system in seen for side in system.sides):
        text += (
            "Cross-validated figures come from repeating the whole search without the fold's reports and their notes; "
            f"they belong to the procedure, not to the one program that was kept. {_optimism(seen)}Seeds, lexicons and "
            "recipes may have been written by people who know these reports, which no fold can undo. "
        )
    else:
        text += "No cross-validation was done, so there is no figure here to expect on new reports. "
    yield "Tuned and scored on the same reports", text + "Measure the frozen program on reports that nobody tuned on."


def _optimism(systems: Sequence[System]) -> str:
    gaps: list[float] = []
    for system in systems:
        sides = {side.kind: side for side in system.sides}
        if {"tuned-on", "cross-validated"} <= set(sides):
            pairs = [(a, sides["cross-validated"].of(a.finding)) for a in sides["tuned-on"].scores]
            gaps += [a.f1 - b.f1 for a, b in pairs if b and a.f1 is not None and b.f1 is not None]
    if not gaps:
        return ""
    return f"The tuned-on F1 less the cross-validated is {signed(sum(gaps) / len(gaps))} on average. "


def _uncertain(evidence: Evidence) -> str:
    support = evidence.cohort.support
    cells = sum(s.present + s.absent + s.uncertain for s in support)
    left_out = sum(s.uncertain for s in support)
    if not left_out:
        return "The reference has no uncertain cell, so none is left out."
    most = max(support, key=lambda s: s.uncertain)
    return (
        f"{left_out} of {cells} cells of the reference are uncertain (most in {most.name}, {most.uncertain}) and stand "
        "in no figure. They are those on which readers differ or doubt, so the figures are of the clearer ones."
    )


def _few(evidence: Evidence) -> str:
    support = {s.finding: s for s in evidence.cohort.support}
    labelled = [support[finding] for finding, _ in evidence.findings]
    few = [f"{s.name} ({s.present})" for s in labelled if s.present < evidence.minimum_positives]
    named = ", ".join(few[:FEW_NAMED]) + (f" and {len(few) - FEW_NAMED} more" if len(few) > FEW_NAMED else "")
    text = (
        f"Fewer than {evidence.minimum_positives} positives: {named}; no figure of these stands on its own. "
        if few
        else f"Every finding has at least {evidence.minimum_positives} positives. "
    )
    least = min(labelled, key=lambda s: s.present)
    if least.present:
        low, _ = clopper_pearson(least.present, least.present)
        text += (
            f"{least.name} has {least.present}: even if all were found, a recall of 1.000, the exact interval would "
            f"begin at {low:.3f}. "
        )
    return text + "A perfect F1 on few positives is no proof of a perfect program."


def _one_reference(evidence: Evidence) -> str:
    report = evidence.agreement
    text = "All figures are held against one reference, and are wrong where it is. "
    if report is None:
        return text + "How far its makers agreed is not known here, so there is no human ceiling."
    kappa = report.agreement[-2].mean_kappa
    return text + (
        f"It is a majority of {len(report.raters)} readers, whose mean pairwise kappa is "
        f"{estimate(kappa.value, kappa.interval).text} on all cells; another panel would give another reference. They "
        "read reports, not images."
    )


def _gaps(evidence: Evidence) -> Iterator[tuple[str, str]]:
    sides = [(evidence.label(system, side), side) for system in evidence.systems for side in system.sides]
    gaps = [(name, sum(s.unanswered for s in side.scores)) for name, side in sides]
    if any(count for _, count in gaps):
        named = ", ".join(f"{name} {count}" for name, count in gaps if count)
        yield (
            "Unanswered cells",
            f"Cells without an answer are left out of the figures, never taken as absent: {named}. Where No Finding "
            "cannot be derived from the labels that a run keeps, it counts as unanswered.",
        )


def _patients(evidence: Evidence) -> str:
    cohort = evidence.cohort
    if cohort.patients is None or cohort.patients == cohort.reports:
        return ""
    return (
        f" (taking the {cohort.reports} reports of {cohort.patients} patients as independent, which makes them too "
        "narrow)"
    )
