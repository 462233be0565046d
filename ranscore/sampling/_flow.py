"""How many reports fell out where."""

from __future__ import annotations

from pydantic import model_validator

from ranscore.records import Record


class Exclusion(Record):
    """A reason by its short name and in words, and how many reports it took."""

    key: str
    why: str
    reports: int


class Flow(Record):
    """From the reports that were read to the parts; patients are None where the reports name none.

    `read` less `excluded` is `eligible`; that less `passed_over` (seen by the draw and refused) and `not_needed` (drawn
    last, when all parts were full) is what the parts hold. A flow that does not add up cannot be made.
    """

    source: str
    read: int
    read_patients: int | None
    excluded: tuple[Exclusion, ...]
    eligible: int
    eligible_patients: int | None
    passed_over: tuple[Exclusion, ...]
    not_needed: int
    parts: dict[str, int]
    patients: dict[str, int | None]

    @model_validator(mode="after")
    def _adds_up(self) -> Flow:
        if self.read - sum(e.reports for e in self.excluded) != self.eligible:
            raise ValueError("read, excluded and eligible reports do not add up")
        left = self.eligible - sum(e.reports for e in self.passed_over) - self.not_needed
        if left != sum(self.parts.values()):
            raise ValueError("eligible, passed over and drawn reports do not add up")
        return self
