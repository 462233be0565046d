"""The choices that a score depends on: by name, as the signature that goes with it, and put into a table of labels."""

from __future__ import annotations

import re
from typing import Literal

from pydantic import field_validator

from ranscore.catalog import asked_ids, finding_ids
from ranscore.errors import InputError
from ranscore.metrics._counts import Empty
from ranscore.records import ABSENT, UNANSWERED, UNCERTAIN, LabelTable, Record
from ranscore.reference.derive import NO_FINDING, derive_no_finding

VERSION = "0.1"


class Policies(Record):
    """The choices a Ran Score depends on; every one is named in the signature.

    `uncertain` cells of the reference are left out, or taken as absent ("absent"; then every other number is cut to 0
    to 1 too). `empty` is what F1 is for a finding with no positive on either side. `no_finding` is derived from the
    other findings with or without support devices, or taken as given. `unanswered` cells are refused, left out
    ("allow-partial"), or taken as absent, on both sides.
    """

    uncertain: Literal["exclude", "absent"] = "exclude"
    empty: Empty = "0"
    no_finding: Literal["derived+devices", "derived-devices", "as-given"] = "derived+devices"
    unanswered: Literal["refuse", "allow-partial", "absent"] = "refuse"

    @field_validator("empty", mode="before")
    @classmethod
    def _as_word(cls, value: object) -> object:
        return str(value) if type(value) is int else value


AUTHORS = Policies(uncertain="absent", empty="0", no_finding="as-given", unanswered="absent")
"""The released scorer's definition: blank and -1 are 0; other values are cut to 0 to 1; a finding's F1 is
2 tp / (2 tp + fp + fn), and 0 where it has no positive; the score is the plain mean over the 21 columns as they are
given, No Finding like any other. Reports are joined by id.
Source: the scorer released with the Ran Score paper (arXiv 2603.22935)."""

PRESETS = {"ranscore": Policies(), "authors": AUTHORS}


def signature_line(policies: Policies, program_digest: str | None = None, findings: int | None = None) -> str:
    """The policies, the program (eight digits of its SHA-256) and the version in the line that goes with a score.

    `findings` is how many the score is the mean of, all of them unless said.
    """
    program = "none"
    if program_digest is not None:
        digits = program_digest.removeprefix("sha256:")
        if not re.fullmatch(r"[0-9a-f]{8,64}", digits):
            raise InputError(f"program digest: found {program_digest!r}; expected 'sha256:' and hexadecimal digits.")
        program = f"sha256:{digits[:8]}"
    parts = {
        "findings": len(finding_ids()) if findings is None else findings,
        "uncertain": policies.uncertain,
        "empty": policies.empty,
        "no_finding": policies.no_finding,
        "unanswered": policies.unanswered,
        "program": program,
    }
    return "|".join(["ranscore", *(f"{key}:{value}" for key, value in parts.items()), f"v{VERSION}"])


def apply_policies(table: LabelTable, policies: Policies) -> LabelTable:
    """The labels as the policies take them: what counts as absent made absent, and No Finding derived anew.

    Where No Finding is to be derived and one of the others has no column, it is left out.
    """
    absent = {UNCERTAIN} if policies.uncertain == "absent" else set()
    absent |= {UNANSWERED} if policies.unanswered == "absent" else set()
    if absent:
        rows = tuple(tuple(ABSENT if v in absent else v for v in row) for row in table.values)
        table = table.model_copy(update={"values": rows})
    if policies.no_finding == "as-given":
        return table
    if set(asked_ids()) <= set(table.findings):
        return derive_no_finding(table, devices=policies.no_finding == "derived+devices")
    return pick_findings(table, [f for f in table.findings if f != NO_FINDING])


def pick_findings(table: LabelTable, findings: list[str]) -> LabelTable:
    """The columns of these findings, in this order."""
    at = [table.findings.index(f) for f in findings]
    return LabelTable(
        report_ids=table.report_ids,
        findings=tuple(findings),
        values=tuple(tuple(r[i] for i in at) for r in table.values),
    )
