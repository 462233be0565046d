"""Finds columns by their meaning, whatever their case, and says what is there when one is missing."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

ID = "report_id"
OTHER_IDS = ("id", "uid", "study_id", "example_id")
REFERENCE = (
    "reference", "ref", "refs", "references", "target", "ground_truth", "groundtruth", "gt", "reference_report",
)  # fmt: skip
GENERATED = (
    "generated", "hyp", "hyps", "hypothesis", "hypotheses", "prediction", "pred", "model_prediction", "candidate",
    "generated_report", "predictions",
)  # fmt: skip
SECTIONS = {
    "findings": ("section_findings", "findings_section"),
    "impression": ("section_impression", "impression_section"),
}
KNOWN = {
    ID,
    *OTHER_IDS,
    "report",
    "findings",
    "impression",
    "finding",
    "reads_as",
    "evidence",
    "why",
    "reader",
    "note_id",
}
NAMED = 5
SHOWN = 40


def fold(name: str) -> str:
    """A column's name without case, with `_` for spaces and hyphens."""
    return re.sub(r"[\s\-]+", "_", name.strip().casefold())


def by_meaning(columns: Iterable[str], given: Mapping[str, str] | None = None) -> tuple[dict[str, str], list[str]]:
    """The columns by folded name (the given ones by their role), and what is wrong with them."""
    found: dict[str, str] = {}
    faults = []
    columns = list(columns)
    for column in columns:
        first = found.setdefault(fold(column), column)
        if first != column:
            faults.append(f"the columns {first!r} and {column!r} have the same name but for case; rename one of them")
    for role, column in (given or {}).items():
        if column in columns:
            found[role] = column
        else:
            faults.append(missing_column(column, columns))
    return found, faults


def with_roles(found: Mapping[str, str]) -> dict[str, str]:
    """The columns by folded name, with the roles added that are known by other usual names: two sides, sections."""
    roles = dict(found)
    for role, names in {"reference": REFERENCE, "generated": GENERATED, **SECTIONS}.items():
        column = next((found[name] for name in (role, *names) if name in found), None)
        if column is not None:
            roles[role] = column
    return roles


def id_column(found: Mapping[str, str]) -> tuple[str, list[str]]:
    """The column that holds the report ids, or "" and what is wrong."""
    if ID in found:
        return found[ID], []
    others = [found[name] for name in OTHER_IDS if name in found]
    if len(others) == 1:
        return others[0], []
    if others:
        could = " and ".join(map(repr, others))
        return "", [f"no column is called {ID!r} and {could} could each be it; rename the right one to {ID!r}"]
    return "", [missing_column(ID, list(found.values()), f"expected it or one of {', '.join(OTHER_IDS)}")]


def missing_column(wanted: str, columns: Sequence[str], expected: str = "rename the right one") -> str:
    """One sentence: the column that is missing, the near misses that mean nothing else, all that are there."""
    free = {fold(c): c for c in columns if fold(c) not in KNOWN}
    near = [free[n] for n in difflib.get_close_matches(fold(wanted), free, n=3, cutoff=0.6)]
    offer = f"did you mean {' or '.join(f'{name!r:.60}' for name in near)}? " if near else ""
    return f"no column is called {wanted!r:.80}; {offer}columns there: {listed(columns)}; {expected}"


def listed(names: Sequence[str]) -> str:
    """Names as a message can hold them: long ones cut, and so is a long list."""
    rest = f", … ({len(names)} in all)" if len(names) > SHOWN else ""
    return ", ".join(f"{name:.60}" for name in names[:SHOWN]) + rest


def id_faults(ids: Sequence[str], places: Sequence[str]) -> Iterator[str]:
    """Blank ids, each with its place, and ids that stand more than once, up to five by name."""
    seen: dict[str, list[str]] = {}
    for report_id, place in zip(ids, places, strict=True):
        seen.setdefault(report_id, []).append(place)
    yield from map(blank_id, seen.pop("", []))
    twice = {report_id: at for report_id, at in seen.items() if len(at) > 1}
    if twice:
        yield repeated_ids(twice, len(twice))


def blank_id(place: str) -> str:
    """One sentence: the id that is blank."""
    return f"{place}: the report id is blank; expected one for every report"


def repeated_ids(places: Mapping[str, Sequence[str]], total: int) -> str:
    """One sentence: the first ids that stand more than once, with their places, of `total`."""
    named = "; ".join(f"{i!r:.60} in {' and '.join(at[:3])}" for i, at in list(places.items())[:NAMED])
    rest = f"; and {total - NAMED} more" if total > NAMED else ""
    return f"found report ids more than once: {named}{rest}; expected one row a report"
