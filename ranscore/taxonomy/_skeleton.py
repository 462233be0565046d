"""A new finding's file, to be completed by whoever knows what it means."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from pathlib import Path

from ranscore import catalog
from ranscore.errors import InputError, UnknownNameError, list_faults
from ranscore.phrases import check_phrase, compile_phrase, normalize
from ranscore.records import Record
from ranscore.taxonomy._coverage import own_phrases

_FILE = """\
# A new finding of {set}. Write what only a clinician can: the definition, and where it begins and ends.
# It counts from the moment that this file stands in programs/{set}/findings/ of the folder RANSCORE_HOME.
id: {id}
name: {name}
aliases: []
authors: {authors}
source: {source}
# To be written: one question that two readers would answer alike.
definition: {definition}
# To be written: what counts, and what is easily taken for it.
present_when:
{present}
absent_when: []
rules:
  - means: states
    phrases: {phrases}
exemplars: []
"""


class Skeleton(Record):
    """A finding's file as text, where it belongs, and what its author should know."""

    id: str
    text: str
    path: Path
    remarks: tuple[str, ...] = ()


def propose(
    name: str, terms: Sequence[str], *, authors: Sequence[str] = (), source: str = "", path: Path | None = None
) -> Skeleton:
    """The file of a new finding whose terms are wordings that state it; nothing is written.

    Without a `path` it belongs in the folder RANSCORE_HOME. Raises InputError for a name that a finding has already,
    no term, a term that is no phrase, and where there is no place for the file or one stands there.
    """
    finding = re.sub(r"\W+", "_", normalize(name)).strip("_")
    faults = list(_faults(name, finding, terms))
    if faults:
        raise list_faults("--propose", faults)
    place = path or _home() / f"{finding}.yaml"
    if place.exists():
        raise InputError(f"{place}: is there already and is never written over; name another file with -o.")
    if place.stem != finding:
        raise InputError(f"{place}: the file's name is the finding's id; expected {finding}.yaml.")
    told = [" ".join(term.split()) for term in terms]
    text = _FILE.format(
        set=catalog.PROGRAM_SET,
        id=finding,
        name=_quoted(name.strip()),
        authors=_quoted(list(authors)),
        source=_quoted(source or "Terms of a sample of reports, ranscore taxonomy"),
        definition=_quoted(f"Does the report state {name.strip().lower()}?"),
        present="\n".join(f"  - {_quoted(term)}" for term in told),
        phrases=_quoted(told),
    )
    return Skeleton(id=finding, text=text, path=place, remarks=tuple(_overlaps(told)))


def _quoted(value: object) -> str:
    """A text or a list of texts as YAML, which JSON is."""
    return json.dumps(value, ensure_ascii=False)


def _home() -> Path:
    home = os.environ.get("RANSCORE_HOME")
    if not home:
        raise InputError("RANSCORE_HOME names no folder of your own for the finding; set it, or name a file with -o.")
    return Path(home) / "programs" / catalog.PROGRAM_SET / "findings"


def _faults(name: str, finding: str, terms: Sequence[str]) -> list[str]:
    faults = []
    if not re.fullmatch(r"[a-z][a-z0-9_]*", finding):
        faults.append(f"found the name {name!r}, expected English letters and digits: the finding's id is made of it")
    if (owner := _owner(name)) is not None:
        faults.append(f"the name {name!r} belongs to the finding {owner}, expected a name of its own")
    if not any(term.strip() for term in terms):
        faults.append("found no term, expected at least one wording that states the finding (--term)")
    for term in terms:
        try:
            check_phrase(term)
        except InputError as fault:
            faults.append(f"--term {fault}")
    return faults


def _owner(name: str) -> str | None:
    try:
        return catalog.finding_name(catalog.finding_id(name))
    except UnknownNameError:
        return None


def _overlaps(terms: Sequence[str]) -> list[str]:
    """Which findings state a term already."""
    remarks = []
    plain = {t: normalize(re.sub(r"[()?*/&]|\.\.\.", " ", t)) for t in terms}
    for term, text in plain.items():
        names = {catalog.finding_name(f) for f, states, p in own_phrases() if states and compile_phrase(p).find(text)}
        if names:
            remarks.append(
                f"{term!r} is a wording of {', '.join(sorted(names))} too: a report that holds it counts for both."
            )
    return remarks
