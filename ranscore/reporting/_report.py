"""The chapters of a report, in their order, and the page made of them."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version

import ranscore
from ranscore import registry
from ranscore.figures import Drawn, Evidence, Picture, Table, render
from ranscore.figures._series import each_system, series_of
from ranscore.figures.accuracy_forest import tabulate as accuracy_table
from ranscore.figures.before_after import TITLE as BEFORE_AFTER
from ranscore.figures.before_after import tabulate as changes_table
from ranscore.policies import Policies, signature_line
from ranscore.reporting import _tables
from ranscore.reporting._page import Section, write_page

LIBRARIES = ("dspy", "litellm", "mlflow", "optuna", "numpy", "scipy", "matplotlib", "pydantic")
CHAPTERS = {
    "cohort": "Cohort",
    "readers": "Readers and the human ceiling",
    "accuracy": "Accuracy of every finding",
    "change": "Before and after the optimization",
    "rounds": "Rounds",
    "errors": "Confusion and support",
    "more": "More figures",
    "origin": "Where the figures come from",
    "data": "Data of the figures",
}
PLACES = {
    "rater_agreement": "readers",
    "human_ceiling": "readers",
    "accuracy_forest": "accuracy",
    "before_after": "change",
    "difference": "change",
    "kappa_rounds": "rounds",
    "confusion": "errors",
    "support": "errors",
}


@dataclass(frozen=True)
class Report:
    """The page, and all figures and tables that stand in it."""

    html: str
    figures: tuple[Drawn, ...]
    tables: tuple[Table, ...]


def make_report(evidence: Evidence) -> Report:
    """The report on some evidence, with every registered figure that it holds data for."""
    drawn: dict[str, list[Drawn]] = {}
    for name in registry.names("figures"):
        pictures: Iterator[Picture] = registry.load("figures", name).pictures(evidence)
        drawn.setdefault(PLACES.get(name.replace("-", "_"), "more"), []).extend(render(p) for p in pictures)
    tables = dict(_chapter_tables(evidence))
    known = {table.name for found in tables.values() for table in found}
    figures = [one for chapter in CHAPTERS for one in drawn.get(chapter, [])]
    data = {d.picture.table.name: d.picture.table for d in figures if d.picture.table.name not in known}
    tables["data"] = list(data.values())
    sections = [
        Section(key, title, _text(key, evidence), (*tables.get(key, ()), *drawn.get(key, ())))
        for key, title in CHAPTERS.items()
        if tables.get(key) or drawn.get(key)
    ]
    everything = tuple(table for key in CHAPTERS for table in tables.get(key, ()))
    return Report(write_page(evidence, sections, signatures(evidence)), tuple(figures), everything)


def _chapter_tables(evidence: Evidence) -> Iterator[tuple[str, list[Table]]]:
    agreement = _tables.agreement_table(evidence)
    yield "cohort", [_tables.cohort_table(evidence), _tables.frequency_table(evidence)]
    yield "readers", [agreement] if agreement else []
    yield "accuracy", [_tables.summary_table(evidence), *_accuracy(evidence), *_tables.figures_tables(evidence)]
    changes = [
        changes_table(name, title, system)
        for name, title, system in each_system(evidence, "changes", BEFORE_AFTER)
        if system.comparisons
    ]
    yield "change", [*changes, *_tables.tests_tables(evidence)]
    yield "origin", [*_tables.origin_tables(evidence), *_identity(evidence)]


def _accuracy(evidence: Evidence) -> Iterator[Table]:
    """All systems side by side, then all sides of each one that has several."""
    yield accuracy_table(evidence, series_of(evidence))
    if len(evidence.systems) > 1:
        for name, _, system in each_system(evidence, "accuracy", ""):
            if len(system.sides) > 1:
                table = accuracy_table(
                    replace(evidence, systems=(system,)), series_of(replace(evidence, systems=(system,)))
                )
                yield replace(table, name=name, caption=f"{system.name}: {table.caption}")


def _identity(evidence: Evidence) -> Iterator[Table]:
    cohort = evidence.cohort
    digests = [(f"Reports of {cohort.name} (ids and texts)", cohort.digest)]
    digests += [(f"Reference of {cohort.name} (labels by id)", cohort.reference_digest)]
    for system in evidence.systems:
        digests += system.digests.items()
    yield _tables.digest_table(digests)
    versions = [("ranscore", ranscore.__version__), ("Python", platform.python_version())]
    versions += [(name, _version(name)) for name in LIBRARIES]
    for system in evidence.systems:
        versions += [(f"{name}, when {system.name} was frozen", found) for name, found in system.versions.items()]
    yield _tables.version_table(versions)


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def signatures(evidence: Evidence) -> list[str]:
    """The signature of every side; sides with the same one share a line."""
    lines: dict[str, list[str]] = {}
    policies = Policies(no_finding="as-given", unanswered="allow-partial")
    for system in evidence.systems:
        for side in system.sides:
            score = side.ran_score
            line = score.signature if score else signature_line(policies, None, len(side.scores))
            lines.setdefault(line, []).append(evidence.label(system, side))
    return [f"{'; '.join(names)}: {line}" for line, names in lines.items()]


TEXTS = {
    "readers": (
        "Each reader, and the program in that reader's place, is held against the majority of the other readers. The "
        "reference itself is the majority of all, so a reader's own vote is in it, and a program that was tuned to it "
        "was tuned to these readers."
    ),
    "accuracy": (
        "Correct labels of scored ones, with exact (Clopper-Pearson) 95 % intervals. A high accuracy on a rare finding "
        "is had by never naming it: read it beside recall, F1 and kappa."
    ),
    "errors": (
        "A ratio of labelled to present reports far from 1 shows a program that names a finding too often, or "
        "too seldom."
    ),
    "origin": (
        "A round keeps its wrong labels; the labels of the seed and of the kept programs are rebuilt from these and "
        "the reference, and checked against the accuracy that was tracked."
    ),
}


KINDS = {
    "tuned-on": "Tuned-on: the kept program on the reports that the search saw.",
    "cross-validated": "Cross-validated: the same search repeated without each fold's reports.",
    "applied": "Frozen program: its labels of these reports, on which it was not tuned.",
}


def _text(key: str, evidence: Evidence) -> tuple[str, ...]:
    """What stands above a chapter's tables and figures."""
    if key == "cohort":
        return (evidence.cohort.source,)
    if key == "change":
        kinds = {comparison.after.kind for system in evidence.systems for comparison in system.comparisons}
        known = [text for kind, text in KINDS.items() if kind in kinds]
        return (" ".join(["The seed is the program before any edit.", *known]),)
    rounds = any(system.curves for system in evidence.systems)
    return (TEXTS[key],) if key in TEXTS and (key != "origin" or rounds) else ()
