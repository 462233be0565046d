"""The reports and their reference in numbers: ages, sexes, lengths, patients, how often each finding is present."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from ranscore.catalog import finding_name
from ranscore.cohort import Dataset, report_column
from ranscore.figures import Cohort, Support
from ranscore.records import ABSENT, PRESENT, UNCERTAIN, Report

_CJK = re.compile(r"[\u3400-\u9fff\uf900-\ufaff]")
_HEADING = re.compile(r"^(?:FINDINGS: |IMPRESSION: |影像所见：|诊断意见：)", re.MULTILINE)
SEXES = {"f": "female", "female": "female", "女": "female", "m": "male", "male": "male", "男": "male"}


def describe_cohort(dataset: Dataset, name_or_path: str | Path, data: Path | None) -> Cohort:
    """The cohort; ages and sexes are read from columns of these names where the reports have them."""
    unit = (
        "characters" if sum(bool(_CJK.search(r.text)) for r in dataset.reports) * 2 > len(dataset.reports) else "words"
    )
    groups = {r.group for r in dataset.reports if r.group}
    reference = dataset.reference
    columns = {f: list(reference.column(f).values()) for f in reference.findings}
    return Cohort(
        name=dataset.name,
        title=dataset.card.title,
        source=dataset.card.source,
        language=dataset.card.language,
        reports=len(dataset.reports),
        patients=len(groups) if groups else None,
        ages=_ages(_column(dataset, name_or_path, data, "age")),
        sexes=_sexes(_column(dataset, name_or_path, data, "sex")),
        lengths=tuple(_length(r, unit) for r in dataset.reports),
        length_unit=unit,
        support=tuple(
            Support(f, finding_name(f), v.count(PRESENT), v.count(ABSENT), v.count(UNCERTAIN))
            for f, v in columns.items()
        ),
        digest=dataset.digest,
        reference_digest=dataset.reference_digest,
        reference_kind=dataset.card.reference_kind,
    )


def _column(dataset: Dataset, name_or_path: str | Path, data: Path | None, column: str) -> list[str] | None:
    """One column of the reports' own table, in their order; None where it has none of that name."""
    found = report_column(name_or_path, column, data)
    return [found.get(r.report_id, "") for r in dataset.reports] if any(found.values()) else None


def _ages(texts: list[str] | None) -> tuple[float, ...] | None:
    """The ages that are numbers from 0 to 120; None where there is none."""
    found = [float(t) for t in texts or () if re.fullmatch(r"\d{1,3}(?:\.\d+)?", t)]
    return tuple(age for age in found if age <= 120) or None


def _sexes(texts: list[str] | None) -> dict[str, int] | None:
    if texts is None:
        return None
    return dict(Counter(SEXES.get(t.casefold(), "other") if t else "not known" for t in texts).most_common())


def _length(report: Report, unit: str) -> int:
    text = _HEADING.sub("", report.text)
    return len(re.sub(r"\s", "", text)) if unit == "characters" else len(text.split())
