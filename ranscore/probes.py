"""What a probe is, in words: the sentences that state a finding, and what is done to them with which expected effect.

One file a transformation in `programs/<set>/probes/`, one file a finding in `programs/<set>/probes/statements/`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from string import Formatter
from typing import Literal

from pydantic import Field, model_validator

from ranscore.catalog import PROGRAM_SET, asked_ids, data_files, languages, pick, read_yaml
from ranscore.errors import InputError, list_faults
from ranscore.records import Record

Form = Literal["negated", "hedged", "resolved", "history", "asked", "synonym"]
FORMS: tuple[Form, ...] = ("negated", "hedged", "resolved", "history", "asked", "synonym")
Expects = Literal["becomes_absent", "not_present", "stays", "unchanged"]
Kind = Literal["statements", "reports"]
FIELDS: dict[Kind, frozenset[str]] = {
    "statements": frozenset({"states", *FORMS, "rest", "report", "line"}),
    "reports": frozenset({"report", "body", "line"}),
}
_FOLDER = f"programs/{PROGRAM_SET}/probes"
Templates = dict[str, tuple[str, ...]]


class Statement(Record):
    """A sentence that states a finding, and its forms: denied, left open, over, past, asked about, in other words."""

    language: str
    states: str = Field(min_length=1)
    negated: str | None = None
    hedged: str | None = None
    resolved: str | None = None
    history: str | None = None
    asked: str | None = None
    synonym: str | None = None

    def forms(self) -> dict[str, str]:
        """The sentences by form, `states` among them; those that it lacks are left out."""
        return {form: text for form in ("states", *FORMS) if (text := getattr(self, form))}


class StatementFile(Record):
    """`programs/<set>/probes/statements/<finding>.yaml`: `without` says which form its sentences lack, and why."""

    finding: str
    authors: tuple[str, ...] = ()
    source: str = ""
    without: dict[Form, str] = Field(default_factory=dict)
    statements: tuple[Statement, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _every_form_or_a_reason(self) -> StatementFile:
        gaps = [(i, f) for i, s in enumerate(self.statements, 1) for f in FORMS if not getattr(s, f)]
        lacking = [f"{form} of statement {i}" for i, form in gaps if form not in self.without]
        if lacking:
            raise ValueError(f"there is no {', '.join(lacking)}; write it, or name the reason under `without`")
        return self


class Line(Record):
    """A line that a template adds; only to reports in which the findings that it denies are absent."""

    text: str = Field(min_length=1)
    denies: tuple[str, ...] = ()


class ProbeFile(Record):
    """`programs/<set>/probes/<id>.yaml`: one transformation and the reaction that is expected of the answers.

    `fill` writes a source anew by templates: for statements the fields are its forms, `rest` (the report around it) and
    `report` (both as they were), for reports `report` and `body` (without headings, on one line); `line` is one of
    `lines`. `swap_words` exchanges pairs of words, `shuffle_sentences` moves sentences within their section, those that
    begin with an `attached` word together with the one before. `insert_characters` puts `characters` that
    nobody sees into words.
    """

    id: str
    title: str
    expects: Expects
    source: str = ""
    change: Literal["fill", "swap_words", "shuffle_sentences", "insert_characters"]
    applies_to: tuple[Kind, ...] = ()
    statements: Templates = Field(default_factory=dict)
    reports: Templates = Field(default_factory=dict)
    lines: dict[str, tuple[Line, ...]] = Field(default_factory=dict)
    words: dict[str, tuple[tuple[str, str], ...]] = Field(default_factory=dict)
    attached: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    characters: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _content_fits_change(self) -> ProbeFile:
        needed = {
            "fill": ("statements", "reports"),
            "swap_words": ("words",),
            "shuffle_sentences": ("attached",),
            "insert_characters": ("characters",),
        }
        if not any(getattr(self, name) for name in needed[self.change]):
            raise ValueError(f"a probe that changes by {self.change!r} has {' or '.join(needed[self.change])}")
        if (self.change == "fill") == bool(self.applies_to):
            raise ValueError(
                "`applies_to` (statements, reports) is given for every change but fill, whose templates say it"
            )
        return self

    def templates(self, kind: Kind, language: str) -> tuple[str, ...]:
        """The templates for one kind of source in one language."""
        return (self.statements if kind == "statements" else self.reports).get(language, ())


def fields_of(template: str) -> set[str]:
    """The names in braces of a template."""
    return {name for _, name, _, _ in Formatter().parse(template) if name is not None}


@lru_cache(maxsize=1)
def probes() -> dict[str, ProbeFile]:
    """All transformations by name, checked; raises InputError with all faults of a file."""
    found = {name: read_yaml(path, ProbeFile) for name, path in data_files(_FOLDER, "*.yaml").items()}
    for name, probe in found.items():
        faults = list(_probe_faults(name, probe))
        if faults:
            raise list_faults(f"probes/{name}.yaml", faults)
    return found


def pick_probes(names: Iterable[str]) -> tuple[ProbeFile, ...]:
    """The transformations of these names, all where none is named; raises UnknownNameError with the near misses."""
    chosen = [pick("probe", _FOLDER, "*.yaml", name).stem for name in dict.fromkeys(names)]
    return tuple(probes()[name] for name in chosen or probes())


def _probe_faults(name: str, probe: ProbeFile) -> Iterator[str]:
    if probe.id != name:
        yield f"id is {probe.id!r}, expected {name!r}: the file's name is the id"
    by_language = (probe.statements, probe.reports, probe.lines, probe.words, probe.attached)
    unknown = sorted({code for part in by_language for code in part} - set(languages()))
    if unknown:
        yield f"found the languages {unknown!r}, expected codes among {sorted(languages())!r}"
    kinds: tuple[Kind, ...] = ("statements", "reports")
    for kind in kinds:
        for code in languages():
            for template in probe.templates(kind, code):
                yield from _template_faults(FIELDS[kind], template, bool(probe.lines.get(code)))
    for line in (line for lines in probe.lines.values() for line in lines):
        for finding in (f for f in line.denies if f not in asked_ids()):
            yield f"the line {line.text!r} denies {finding!r}, expected ids of findings that are asked for"


def _template_faults(allowed: frozenset[str], template: str, has_lines: bool) -> Iterator[str]:
    try:
        found = fields_of(template)
    except ValueError as fault:
        yield f"{template!r} is no template ({fault})"
        return
    if found - allowed:
        yield f"{template!r} names {sorted(found - allowed)!r}, expected fields among {sorted(allowed)!r}"
    if "line" in found and not has_lines:
        yield f"{template!r} has a {{line}}, but there are no lines in its language"


@lru_cache(maxsize=1)
def statements() -> dict[str, StatementFile]:
    """The sentences that state each finding, by finding in the catalog's order; raises InputError for a wrong file."""
    files = data_files(f"{_FOLDER}/statements", "*.yaml")
    found = {name: read_yaml(path, StatementFile) for name, path in files.items()}
    for name, file in found.items():
        where = f"probes/statements/{name}.yaml"
        if file.finding != name or name not in asked_ids():
            raise InputError(f"{where}: finding is {file.finding!r}; expected the file's name, a finding's id.")
        unknown = sorted({s.language for s in file.statements} - set(languages()))
        if unknown:
            raise InputError(f"{where}: found the languages {unknown!r}, expected codes among {sorted(languages())!r}.")
    return {f: found[f] for f in asked_ids() if f in found}
