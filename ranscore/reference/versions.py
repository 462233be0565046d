"""References as versioned files: a majority's labels with votes and reasons, and corrections that name their parent."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from pydantic import Field, ValidationError, model_validator

from ranscore.catalog import finding_name, validation_faults
from ranscore.errors import DigestError, InputError, list_faults
from ranscore.records import UNCERTAIN, LabelTable, Record, digest_of
from ranscore.reference.derive import NO_FINDING, derive_no_finding
from ranscore.reference.raters import DERIVED_REASON, Decision, LeftOut, Reference, Settled, Ties, Votes


class Row(Record):
    """One report's labels (1, 0, -1) and how many readers gave present, absent, uncertain, a value a finding."""

    report_id: str
    values: tuple[Literal[1, 0, -1], ...]
    votes: tuple[Votes, ...]


class Correction(Record):
    """One cell that a version changed."""

    version: int
    report_id: str
    finding: str
    was: int
    value: int
    why: str = ""
    by: str = ""


class ReferenceVersion(Record):
    """A reference file. `sha256` is the digest of all the rest, `parent` that of the version it corrects.

    `sources` are the digests of the readers' files. `settled` are the cells that the tie rule or an adjudicator
    decided, `left_out` those that stay uncertain and why, `corrections` what all versions since the first changed.
    """

    format: Literal["ranscore-reference-1"] = "ranscore-reference-1"
    version: int = Field(default=1, ge=1)
    parent: str = ""
    raters: tuple[str, ...]
    sources: dict[str, str] = Field(default_factory=dict)
    minimum: int
    ties: Ties
    derived: tuple[str, ...] = ()
    findings: tuple[str, ...]
    corrections: tuple[Correction, ...] = ()
    settled: tuple[Settled, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    rows: tuple[Row, ...]
    sha256: str = ""

    @model_validator(mode="after")
    def _shapes_fit(self) -> ReferenceVersion:
        wanted = len(self.findings)
        wrong = [r.report_id for r in self.rows if len(r.values) != wanted or len(r.votes) != wanted]
        if wrong:
            raise ValueError(f"report {wrong[0]!r} has not one value and one vote count for each of {wanted} findings")
        return self

    @property
    def table(self) -> LabelTable:
        """The labels alone."""
        return LabelTable(
            report_ids=tuple(r.report_id for r in self.rows),
            findings=self.findings,
            values=tuple(r.values for r in self.rows),
        )

    def content_digest(self) -> str:
        """The digest that `sha256` must hold."""
        return digest_of(self.model_dump(mode="json", exclude={"sha256"}))

    def encode(self) -> bytes:
        """The file's content: readable JSON, a line a row."""
        fields = self.model_dump(mode="json").items()
        return ("{\n" + ",\n".join(f"{json.dumps(k)}: {_lines(v)}" for k, v in fields) + "\n}\n").encode("utf-8")


def first_version(reference: Reference, raters: Sequence[str], sources: Mapping[str, str]) -> ReferenceVersion:
    """Version 1 of what the readers of these names agreed on; `sources` are their files' digests."""
    table = reference.table
    return _sealed(
        raters=tuple(raters),
        sources=dict(sources),
        minimum=reference.minimum,
        ties=reference.ties,
        derived=(NO_FINDING,) if reference.derived else (),
        findings=table.findings,
        settled=reference.settled,
        left_out=reference.left_out,
        rows=_rows(table, reference.votes),
    )


def correct_version(old: ReferenceVersion, corrections: Sequence[Decision]) -> ReferenceVersion:
    """The next version: the corrected cells changed, derived findings derived again, the old one named as parent.

    Raises InputError with all faults: a report or a finding that the reference has not, a derived finding, a cell that
    is not what `was` says, one that has the value already, and no correction at all.
    """
    given = {d.cell: d for d in corrections}
    if faults := list(_correction_faults(old, given)):
        raise list_faults("corrections", faults)
    if not given:
        raise InputError("corrections: found none, expected at least one row.")
    before = old.table
    values = tuple(
        tuple(given[i, f].value if (i, f) in given else v for f, v in zip(before.findings, row, strict=True))
        for i, row in zip(before.report_ids, before.values, strict=True)
    )
    table = LabelTable(report_ids=before.report_ids, findings=before.findings, values=values)
    table = derive_no_finding(table) if old.derived else table
    was = {f: before.column(f) for f in before.findings}
    number = old.version + 1
    done = [
        Correction(version=number, was=was[d.finding][d.report_id], **d.model_dump(exclude={"was"}))
        for d in corrections
    ]
    fields = old.model_dump(exclude={"sha256", "rows", "settled", "left_out", "corrections", "version", "parent"})
    return _sealed(
        **fields,
        version=number,
        parent=old.sha256,
        corrections=(*old.corrections, *done),
        settled=tuple(s for s in old.settled if (s.report_id, s.finding) not in given),
        left_out=tuple(_left_out(old, table, given)),
        rows=_rows(table, tuple(r.votes for r in old.rows)),
    )


def parse_version(text: str, where: str) -> ReferenceVersion:
    """The reference of a file's text; raises InputError for what is none, DigestError for one changed or cut."""
    try:
        version = ReferenceVersion.model_validate(json.loads(text))
    except ValidationError as fault:
        raise list_faults(where, [*validation_faults(fault)][:5]) from None
    except (ValueError, RecursionError) as fault:
        raise DigestError(f"{where}: not readable as JSON ({fault}), so it is cut or edited; copy it again.") from None
    if version.content_digest() != version.sha256:
        raise DigestError(
            f"{where}: its content differs from its digest, so it was edited; a correction is made with "
            "`ranscore reference --correct`, which writes a new version."
        )
    return version


def _sealed(**fields: Any) -> ReferenceVersion:
    draft = ReferenceVersion(**fields)
    return draft.model_copy(update={"sha256": draft.content_digest()})


def _rows(table: LabelTable, votes: Sequence[tuple[Votes, ...]]) -> tuple[Row, ...]:
    lines = zip(table.report_ids, table.values, votes, strict=True)
    return tuple(Row.model_validate({"report_id": i, "values": v, "votes": c}) for i, v, c in lines)


def _lines(value: Any) -> str:
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return "[\n " + ",\n ".join(json.dumps(v, ensure_ascii=False) for v in value) + "\n]"
    return json.dumps(value, ensure_ascii=False)


def _correction_faults(old: ReferenceVersion, given: Mapping[tuple[str, str], Decision]) -> Iterator[str]:
    table = old.table
    columns = {f: table.column(f) for f in table.findings}
    for (report, finding), decision in given.items():
        where = f"report {report!r}, {finding_name(finding)}"
        if finding not in columns:
            yield f"{where}: the reference has no such finding"
        elif report not in columns[finding]:
            yield f"{where}: the reference has no such report"
        elif finding in old.derived:
            yield f"{where}: is derived from the other findings; correct those"
        elif decision.was not in (None, now := columns[finding][report]):
            yield f"{where}: is {now}, and the correction says that it was {decision.was}; correct the newest version"
        elif decision.value == now:
            yield f"{where}: is {now} already; take the row out"


def _left_out(old: ReferenceVersion, table: LabelTable, given: Mapping[tuple[str, str], Decision]) -> Iterator[LeftOut]:
    reasons = {(x.report_id, x.finding): x.reason for x in old.left_out}
    reasons |= {cell: d.says("corrected to uncertain") for cell, d in given.items()}
    for report, row in zip(table.report_ids, table.values, strict=True):
        for finding, value in zip(table.findings, row, strict=True):
            if value == UNCERTAIN:
                reason = DERIVED_REASON if finding in old.derived else reasons[report, finding]
                yield LeftOut(report_id=report, finding=finding, reason=reason)
