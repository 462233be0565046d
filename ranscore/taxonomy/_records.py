"""What a taxonomy holds: terms, what a label set makes of them, and the sample that they come from."""

from __future__ import annotations

import csv
import io

from pydantic import Field, computed_field

from ranscore.records import Record

ELSEWHERE = "elsewhere"


class Term(Record):
    """A candidate finding term.

    `asserted`, `negated` (or called normal), `hedged` and `history` are shares of its mentions.

    `findings` are the mentions by finding whose wordings state them, `look_alikes` those that its wordings only
    exclude; `unstated` are the asserted mentions, and the reports with one, that no finding states.
    """

    term: str
    region: str
    group: str
    c_value: float
    reports: int
    mentions: int
    asserted: float
    negated: float
    hedged: float
    history: float
    findings: dict[str, int] = Field(default_factory=dict)
    look_alikes: dict[str, int] = Field(default_factory=dict)
    unstated: int = 0
    unstated_reports: int = 0


class FindingCoverage(Record):
    """What of the terms' mentions a finding's wordings state, and its terms, the commonest first."""

    finding: str
    name: str
    mentions: int
    asserted: int
    reports: int
    terms: tuple[str, ...]


class Taxonomy(Record):
    """The terms of a sample of reports, and how far a label set covers them.

    Counts are of asserted mentions: `stated` by a finding, only excluded by one (`look_alike`), or neither. `rare` are
    those in wordings too rare to be listed, `rare_stated` of them stated by a finding.
    """

    source: str
    model: str
    seed: int
    available: int
    sampled: int
    unread: int = 0
    least: int
    asserted: int
    stated: int
    look_alike: int
    rare: int
    rare_stated: int
    findings: tuple[FindingCoverage, ...]
    terms: tuple[Term, ...]

    @computed_field  # type: ignore[prop-decorator]
    @property
    def covered(self) -> float | None:
        """The share of asserted mentions that a finding states; None where there is none."""
        return self.stated / self.asserted if self.asserted else None

    def unmapped(self) -> tuple[Term, ...]:
        """The terms with asserted mentions that no finding states, those in most reports first."""
        found = [t for t in self.terms if t.unstated_reports]
        return tuple(sorted(found, key=lambda t: (-t.unstated_reports, -t.c_value, t.term)))

    def to_csv(self) -> str:
        """One row a term with all its fields; counts by finding as `edema:3; pneumonia:1`."""
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        columns = list(Term.model_fields)
        writer.writerow(columns)
        for term in self.terms:
            writer.writerow([_cell(getattr(term, column)) for column in columns])
        return out.getvalue()


def _cell(value: object) -> object:
    if isinstance(value, float):
        return round(value, 6)
    return "; ".join(f"{k}:{n}" for k, n in value.items()) if isinstance(value, dict) else value
