"""The reports and their reference in numbers: ages, sexes, lengths, patients, how often each finding is present."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from statistics import quantiles

from ranscore.catalog import finding_name
from ranscore.cohort import Dataset, report_column
from ranscore.figures import Cohort, Support
from ranscore.records import ABSENT, PRESENT, UNCERTAIN

_CJK = re.compile(r"[\u3400-\u9fff\uf900-\ufaff]")
_HEADING = re.compile(r"^(?:FINDINGS: |IMPRESSION: |影像所见：|诊断意见：)", re.MULTILINE)
SEXES = {"f": "female", "female": "female", "女": "female", "m": "male", "male": "male", "男": "male"}


def describe_cohort(dataset: Dataset, name_or_path: str | Path, data: Path | None) -> Cohort:
    """The cohort; ages and sexes are read from columns of these names where the reports have them."""
    lengths, unit = measure_texts([r.text for r in dataset.reports])
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
        ages=read_ages(_column(dataset, name_or_path, data, "age")),
        sexes=count_sexes(_column(dataset, name_or_path, data, "sex")),
        lengths=lengths,
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


def read_ages(texts: Sequence[str] | None) -> tuple[float, ...] | None:
    """The ages that are numbers from 0 to 120, also as DICOM writes years (`063Y`); None where there is none."""
    found = [float(t.rstrip("Yy")) for t in texts or () if re.fullmatch(r"\d{1,3}(?:\.\d+)?|\d{3}[Yy]", t)]
    return tuple(age for age in found if age <= 120) or None


def count_sexes(texts: Sequence[str] | None) -> dict[str, int] | None:
    """How many are of each sex, the most frequent first; None where no sexes are given."""
    if texts is None:
        return None
    return dict(Counter(SEXES.get(t.casefold(), "other") if t else "not known" for t in texts).most_common())


def measure_texts(texts: Sequence[str]) -> tuple[tuple[int, ...], str]:
    """The texts' lengths without headings, and their unit: words, or characters where most texts are Chinese."""
    unit = "characters" if sum(bool(_CJK.search(t)) for t in texts) * 2 > len(texts) else "words"
    return tuple(_length(text, unit) for text in texts), unit


def _length(text: str, unit: str) -> int:
    text = _HEADING.sub("", text)
    return len(re.sub(r"\s", "", text)) if unit == "characters" else len(text.split())


def quartiles_of(values: Sequence[float]) -> tuple[float, float, float]:
    """The three quartiles of at least one value."""
    low, middle, high = quantiles(values, n=4, method="inclusive") if len(values) > 1 else [values[0]] * 3
    return low, middle, high


def spread_of(values: Sequence[float] | None, rest: str = "") -> str:
    """Median, quartiles and range in words."""
    if not values:
        return "not known"
    low, middle, high = quartiles_of(values)
    text = f"median {middle:g} (quartiles {low:g} to {high:g}, range {min(values):g} to {max(values):g})"
    return f"{text}, {rest}" if rest else text


def shares_of(counts: dict[str, int] | None, n: int) -> str:
    """Counts with their shares of n in words."""
    if counts is None:
        return "not known"
    return ", ".join(f"{name} {count} ({100 * count / n:.1f} %)" for name, count in counts.items())
