"""What a report says in sentences: the result in short, and what the numbers do not show."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ranscore.figures import Comparison, Evidence, Side, System
from ranscore.figures._tables import change, decimals, estimate, p_value
from ranscore.metrics._intervals import clopper_pearson
from ranscore.reporting._tables import headline

FEW_NAMED = 6
VERDICTS = ("better", "worse", "cannot tell")


def in_short(evidence: Evidence) -> Iterator[str]:
    """The result in a few sentences."""
    cohort = evidence.cohort
    findings = len(evidence.findings)
    yield f"{cohort.title}: {cohort.reports} reports, {findings} finding{'s' * (findings != 1)} labelled."
    for system in evidence.systems:
        yield from _system(evidence, system)


def _system(evidence: Evidence, system: System) -> Iterator[str]:
    of = "" if len(evidence.systems) == 1 else f"{system.name}: "
    for comparison in system.comparisons:
        yield f"{of}{_compared(comparison)}"
    name, value, interval = headline(system, system.main)
    compared = [side for comparison in system.comparisons for side in (comparison.before, comparison.after)]
    if system.main not in compared:
        yield f"{of}{name} {estimate(value, interval).text} ({system.main.title.lower()})."
    yield f"{of}{_reached(system.main)}"
    if system.agreement and all(row.kappa.program for row in system.agreement.ceiling):
        yield f"{of}{_ceiling(system)}"


def _compared(comparison: Comparison) -> str:
    found, kind = comparison.macro_f1, comparison.after.title.lower()
    counts = [(v, sum(c.verdict == v for c in comparison.changes)) for v in VERDICTS]
    remark = " (the search saw these reports, so this is too good)" if kind == "tuned-on" else ""
    return (
        f"{comparison.headline} from {decimals(found.a)} with the seed to {decimals(found.b)} {kind}{remark}: difference "
        f"{change(found.difference, found.interval).text}, p {_equals(p_value(comparison.p).text)}, {comparison.verdict}. "
        f"Accuracy, finding by finding: {', '.join(f'{v} on {n}' for v, n in counts)}."
    )


def _equals(p: str) -> str:
    return p if p.startswith("<") else f"= {p}"


def _reached(side: Side) -> str:
    enough = sum(s.accuracy is not None and s.accuracy >= 0.95 for s in side.scores)
    surely = sum(s.accuracy_interval is not None and s.accuracy_interval[0] > 0.95 for s in side.scores)
    return (
        f"Accuracy is at least 0.95 on {enough} of {len(side.scores)} findings ({side.title.lower()}), and its interval lies "
        f"above 0.95 on {surely}."
    )


def _ceiling(system: System) -> str:
    rows = system.agreement.ceiling[:-2] if system.agreement else ()
    mean = system.agreement.ceiling[-1].kappa if system.agreement else None
    counts = [f"{place} on {sum(r.kappa.place == place for r in rows)}" for place in ("below", "within", "above")]
    worse = sum(r.kappa.verdict == "worse" for r in rows)
    text = f"Against the majority of the other readers, the program's kappa is {', '.join(counts)} findings of the readers' range"
    if mean and mean.program and mean.difference:
        text += (
            f"; mean over the findings {decimals(mean.program.value)}, readers {decimals(mean.mean.value)}, difference "
            f"{change(mean.difference.value, mean.difference.interval).text}"
        )
    return f"{text}; the interval of the difference lies below 0 on {worse}."


def not_shown(evidence: Evidence) -> Iterator[tuple[str, str]]:
    """What the numbers do not show: a heading and a paragraph each."""
    yield from _same_reports(evidence)
    yield "Uncertain cells are left out", _uncertain(evidence)
    yield "Few positives", _few(evidence)
    yield "One reference", _one_reference(evidence)
    yield from _gaps(evidence)
    yield (
        "An extractor's own errors",
        "When a program labels reference and generated reports, its errors are in both, and a Ran Score of the reports "
        "measures the program as well. The confusion of each finding says how often it errs here; on other wording it errs "
        "otherwise. Errors that are made alike on both sides raise the score unseen.",
    )
    yield (
        "Many findings, one sample",
        "Verdicts are adjusted over the findings (Holm); the intervals are not: of twenty intervals of 95 % one misses on "
        "average. \u201cCannot tell\u201d means that these reports do not decide, not that two programs are equal. The intervals "
        "say how figures would vary with other reports of the same kind"
        + _patients(evidence)
        + ", and nothing about other hospitals, languages or years.",
    )
    yield (
        "Presence only",
        "A label says that a report states a finding. Side, size, severity, change, and whether the image shows it, are not "
        "measured.",
    )


def _same_reports(evidence: Evidence) -> Iterator[tuple[str, str]]:
    seen = [system for system in evidence.systems if system.seen]
    if not seen:
        return
    crossed = any(side.kind == "cross-validated" for system in seen for side in system.sides)
    text = "The programs were tuned on the very reports that the tuned-on figures are of, so these are too good. "
    if crossed:
        text += (
            "Cross-validated figures come from repeating the whole search without the fold's reports and their notes; they "
            "belong to the procedure, not to the one program that was kept. "
            f"{_optimism(seen)}Seeds, lexicons and recipes may have been written by people who know these reports, which no "
            "fold can undo. "
        )
    else:
        text += "No cross-validation was done, so there is no figure here to expect on new reports. "
    yield "Tuned and scored on the same reports", text + "Measure the frozen program on reports that nobody tuned on."


def _optimism(systems: Sequence[System]) -> str:
    gaps = []
    for system in systems:
        sides = {side.kind: side for side in system.sides}
        if {"tuned-on", "cross-validated"} <= set(sides):
            gaps += [
                a.f1 - b.f1
                for a in sides["tuned-on"].scores
                if (b := sides["cross-validated"].of(a.finding)) and a.f1 is not None and b.f1 is not None
            ]
    return f"Tuned-on F1 is {sum(gaps) / len(gaps):+.3f} above it on average. ".replace("-", "\u2212") if gaps else ""


def _uncertain(evidence: Evidence) -> str:
    support = evidence.cohort.support
    cells = sum(s.present + s.absent + s.uncertain for s in support)
    open_cells = sum(s.uncertain for s in support)
    most = max(support, key=lambda s: s.uncertain)
    if not open_cells:
        return "The reference has no uncertain cell, so none is left out."
    return (
        f"{open_cells} of {cells} cells of the reference are uncertain (most in {most.name}, {most.uncertain}) and stand in no "
        "figure. They are the reports on which readers differ, so the figures are of the clearer ones."
    )


def _few(evidence: Evidence) -> str:
    support = {s.finding: s for s in evidence.cohort.support}
    labelled = [support[finding] for finding, _ in evidence.findings]
    few = [f"{s.name} ({s.present})" for s in labelled if s.present < evidence.minimum_positives]
    least = min(labelled, key=lambda s: s.present)
    named = ", ".join(few[:FEW_NAMED]) + (f" and {len(few) - FEW_NAMED} more" if len(few) > FEW_NAMED else "")
    text = (
        f"Fewer than {evidence.minimum_positives} positives: {named}; no figure of these stands on its own. "
        if few
        else f"Every finding has at least {evidence.minimum_positives} positives. "
    )
    if least.present:
        low, _ = clopper_pearson(least.present, least.present)
        text += (
            f"{least.name} has {least.present}: even if all were found, a recall of 1.000, the exact interval would begin at "
            f"{low:.3f}. "
        )
    return text + "A perfect F1 on few positives is no proof of a perfect program."


def _one_reference(evidence: Evidence) -> str:
    report = evidence.agreement
    text = "All figures are held against one reference, and are wrong where it is. "
    if report is None:
        return text + "How far its makers agreed is not known here, so there is no human ceiling."
    pooled = report.agreement[-2]
    return text + (
        f"It is a majority of {len(report.raters)} readers, whose mean pairwise kappa is "
        f"{estimate(pooled.mean_kappa.value, pooled.mean_kappa.interval).text} on all cells; another panel would give another "
        "reference. They read reports, not images."
    )


def _gaps(evidence: Evidence) -> Iterator[tuple[str, str]]:
    gaps = [
        f"{evidence.label(system, side)} {sum(s.unanswered for s in side.scores)}"
        for system in evidence.systems
        for side in system.sides
        if any(s.unanswered for s in side.scores)
    ]
    if gaps:
        yield (
            "Unanswered cells",
            f"Cells without an answer are left out of the figures, never taken as absent: {', '.join(gaps)}. Where No Finding "
            "cannot be derived from the labels that were kept, it counts as unanswered.",
        )


def _patients(evidence: Evidence) -> str:
    cohort = evidence.cohort
    if cohort.patients is None or cohort.patients == cohort.reports:
        return ""
    return f", taking the {cohort.reports} reports of {cohort.patients} patients as independent, which makes them too narrow"
