"""Open-I's human MeSH and RadLex codes to a reference, by a mapping table.

Source: Demner-Fushman et al., JAMIA 2016;23(2):304-310 (the codes); `datasets/openi/mesh_to_label.csv` (the mapping).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, cast

from ranscore.catalog import asked_ids, finding_id, finding_ids
from ranscore.errors import InputError, UnknownNameError, list_faults
from ranscore.records import ABSENT, PRESENT, UNCERTAIN, LabelTable, Record

COLUMNS = ("label", "strength", "heading", "qual_all", "qual_any", "qual_none")
STRENGTHS = {"core": PRESENT, "broad": UNCERTAIN}
NOT_CODED = "No Indexing"
Code = tuple[str, frozenset[str]]


class MeshRule(Record):
    """A code with this heading and these qualifiers states the finding (core) or may mean it (broad)."""

    finding: str
    strength: Literal["core", "broad"]
    heading: str
    qual_all: frozenset[str] = frozenset()
    qual_any: frozenset[str] = frozenset()
    qual_none: frozenset[str] = frozenset()

    def covers(self, code: Code) -> bool:
        """Whether a code has the heading, all of `qual_all`, one of `qual_any` if given, none of `qual_none`."""
        heading, qualifiers = code
        some = not self.qual_any or bool(self.qual_any & qualifiers)
        return heading == self.heading and self.qual_all <= qualifiers and some and not self.qual_none & qualifiers


def mesh_rules(rows: Iterable[tuple[str, Mapping[str, str]]], where: str) -> tuple[MeshRule, ...]:
    """The mapping's rows, each with its place, as rules.

    Columns: label, strength, heading, qual_all, qual_any, qual_none (qualifiers `|`-joined). Raises InputError with
    all faults: missing columns, labels that are no finding, strengths other than core and broad.
    """
    rules, faults = [], []
    for place, row in rows:
        missing = [column for column in COLUMNS if column not in row]
        if missing:
            raise InputError(f"{where}: no column {', '.join(missing)}; expected the columns {', '.join(COLUMNS)}.")
        rule = _rule(row)
        if isinstance(rule, str):
            faults.append(f"{place}: {rule}")
        else:
            rules.append(rule)
    if faults:
        raise list_faults(where, faults)
    return tuple(rules)


def mesh_reference(codes: Mapping[str, str], rules: Sequence[MeshRule]) -> LabelTable:
    """The labels of reports by id, from each report's `;`-joined codes (`heading/qualifier/…`).

    Present where a core rule covers a code, uncertain where only a broad one does, else absent. A derived finding
    (No Finding) is absent where any other has a code, and uncertain where the codes say nothing of any finding. A
    report that nobody coded (no code, or `No Indexing`) is uncertain throughout. Findings are those with a rule, in
    the catalog's order.
    """
    named = {rule.finding for rule in rules}
    findings = tuple(f for f in finding_ids() if f in named)
    by_heading: dict[str, list[MeshRule]] = {}
    for rule in rules:
        by_heading.setdefault(rule.heading, []).append(rule)
    values = tuple(_row(parse_codes(text), by_heading, findings) for text in codes.values())
    return LabelTable(report_ids=tuple(codes), findings=findings, values=values)


def parse_codes(text: str) -> tuple[Code, ...]:
    """`;`-joined codes as headings and their qualifiers."""
    parts = [[p.strip() for p in code.split("/")] for code in text.split(";") if code.strip()]
    return tuple((heading, frozenset(qualifiers)) for heading, *qualifiers in parts)


def _row(codes: Sequence[Code], rules: Mapping[str, Sequence[MeshRule]], findings: Sequence[str]) -> tuple[int, ...]:
    if all(heading == NOT_CODED for heading, _ in codes):
        return (UNCERTAIN,) * len(findings)
    found = dict.fromkeys(findings, ABSENT)
    for code in codes:
        for rule in rules.get(code[0], ()):
            if rule.covers(code) and found[rule.finding] != PRESENT:
                found[rule.finding] = STRENGTHS[rule.strength]
    asked = set(asked_ids())
    coded = any(value != ABSENT for finding, value in found.items() if finding in asked)
    return tuple(found[f] if f in asked else _derived(found[f], coded) for f in findings)


def _derived(own: int, coded: bool) -> int:
    if coded:
        return ABSENT
    return PRESENT if own == PRESENT else UNCERTAIN


def _rule(row: Mapping[str, str]) -> MeshRule | str:
    try:
        finding = finding_id(row["label"])
    except UnknownNameError as fault:
        return str(fault)
    if row["strength"] not in STRENGTHS:
        return f"strength is {row['strength']!r}, expected {' or '.join(STRENGTHS)}"
    if not row["heading"].strip():
        return "the heading is blank; expected a MeSH heading"
    strength = cast(Literal["core", "broad"], row["strength"])
    return MeshRule(
        finding=finding,
        strength=strength,
        heading=row["heading"].strip(),
        qual_all=_qualifiers(row["qual_all"]),
        qual_any=_qualifiers(row["qual_any"]),
        qual_none=_qualifiers(row["qual_none"]),
    )


def _qualifiers(text: str) -> frozenset[str]:
    return frozenset(q.strip() for q in text.split("|") if q.strip())
