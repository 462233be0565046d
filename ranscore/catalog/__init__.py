"""Finds, validates and digests what is written in words: programs, lexicons, languages, recipes, dataset cards.

The data folders stand beside the package in a checkout and inside it (`ranscore/_data`) in a wheel. A folder named by
the environment variable `RANSCORE_HOME` is searched first, so that a finding, a recipe or a card of one's own is one
more file.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from ranscore.catalog._shapes import AnatomyFile as AnatomyFile
from ranscore.catalog._shapes import Cues as Cues
from ranscore.catalog._shapes import ExemplarText as ExemplarText
from ranscore.catalog._shapes import FindingFile as FindingFile
from ranscore.catalog._shapes import LanguageFile as LanguageFile
from ranscore.catalog._shapes import LexiconEdit as LexiconEdit
from ranscore.catalog._shapes import LexiconFile as LexiconFile
from ranscore.catalog._shapes import Region as Region
from ranscore.catalog._shapes import RuleText as RuleText
from ranscore.catalog._shapes import Sections as Sections
from ranscore.catalog._shapes import SetFile as SetFile
from ranscore.errors import InputError, UnknownNameError, list_faults
from ranscore.phrases import check_phrase, compile_phrase, normalize
from ranscore.records import AnswerForm, Clarification, Edit, Exemplar, Program, Provenance, SynonymRule

PROGRAM_SET = "cxr21"
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times faster where PyYAML was built with it
T = TypeVar("T", bound=BaseModel)


def data_roots() -> list[Path]:
    """The folders that hold `programs/`, `optimizers/` and `datasets/`, the user's own first."""
    package = Path(__file__).resolve().parents[1]
    shipped = package / "_data" if (package / "_data").is_dir() else package.parent
    own = os.environ.get("RANSCORE_HOME")
    return [Path(own), shipped] if own else [shipped]


def data_files(folder: str, pattern: str) -> dict[str, Path]:
    """Files by stem (or by folder name for `*/card.yaml`) under a data folder; the user's own hide shipped ones."""
    found: dict[str, Path] = {}
    for root in reversed(data_roots()):
        for path in sorted((root / folder).glob(pattern)):
            found[path.parent.name if pattern.startswith("*/") else path.stem] = path
    return found


def read_yaml(path: Path, shape: type[T]) -> T:
    """One data file in its shape; raises InputError with all faults of the file."""
    try:
        data = yaml.load(path.read_text(encoding="utf-8"), Loader=_LOADER)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as fault:
        raise InputError(f"{path}: {' '.join(str(fault).split())}; expected a YAML file in UTF-8.") from None
    try:
        return shape.model_validate(data)
    except ValidationError as fault:
        raise list_faults(str(path), validation_faults(fault)) from None


def yaml_text(data: Any) -> str:
    """A record's JSON values as YAML, keys in their order."""
    return yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=120)


def validation_faults(fault: ValidationError) -> Iterator[str]:
    """Each fault of a validation as one line: where, what was found, what is expected."""
    for error in fault.errors():
        where = ".".join(str(part) for part in error["loc"]) or "the file"
        yield f"{where}: {error['msg']}, found {error['input']!r:.80}"


@lru_cache(maxsize=8)
def program_set(name: str = PROGRAM_SET) -> SetFile:
    """What all findings of a program set share."""
    return read_yaml(_set_file(name, "program.yaml"), SetFile)


def _set_file(name: str, *parts: str) -> Path:
    for root in data_roots():
        path = root.joinpath("programs", name, *parts)
        if path.is_file():
            return path
    raise InputError(
        f"programs/{name}/{'/'.join(parts)} is missing; the installation is broken: install ranscore again."
    )


@lru_cache(maxsize=8)
def findings(name: str = PROGRAM_SET) -> dict[str, FindingFile]:
    """All findings of a program set by id, in the set's order; a finding that the order does not name comes last."""
    files = {k: read_yaml(p, FindingFile) for k, p in data_files(f"programs/{name}/findings", "*.yaml").items()}
    order = [f for f in program_set(name).order if f in files]
    result = {f: files[f] for f in [*order, *sorted(set(files) - set(order))]}
    for stem, finding in result.items():
        if finding.id != stem:
            raise InputError(
                f"findings/{stem}.yaml: id is {finding.id!r}, expected {stem!r}: the file's name is the id."
            )
        unknown = [i for i in finding.includes if i not in files]
        if unknown:
            raise InputError(f"findings/{stem}.yaml: includes {unknown!r}, expected ids of other findings.")
        _check_rules(f"findings/{stem}.yaml", finding.rules)
    return result


def _check_rules(where: str, rules: Iterable[RuleText]) -> None:
    faults = []
    for phrase in (p for rule in rules for p in rule.phrases):
        try:
            check_phrase(phrase)
        except InputError as fault:
            faults.append(str(fault))
    if faults:
        raise list_faults(where, faults)


def finding_ids() -> tuple[str, ...]:
    """The ids of the findings, in order."""
    return tuple(findings())


def asked_ids() -> tuple[str, ...]:
    """The ids of the findings that a model is asked for: all but the derived ones."""
    return tuple(f.id for f in findings().values() if f.derived is None)


def finding_name(finding: str) -> str:
    """A finding's name as it is shown."""
    return findings()[finding].name


def finding_id(name: str) -> str:
    """The id behind a name, an id or an alias, whatever its case; raises UnknownNameError with the near misses."""
    found = _names().get(_folded(name))
    if found is None:
        raise UnknownNameError("finding", name, [f.name for f in findings().values()])
    return found


def _folded(name: str) -> str:
    return re.sub(r"[\W_]+", "", str(name).casefold())


@lru_cache(maxsize=1)
def _names() -> dict[str, str]:
    names: dict[str, str] = {}
    for finding in findings().values():
        for name in (finding.id, finding.name, *finding.aliases):
            owner = names.setdefault(_folded(name), finding.id)
            if owner != finding.id:
                raise InputError(
                    f"findings/{finding.id}.yaml: the name {name!r} belongs to {owner!r}; expected a name of its own."
                )
    return names


@lru_cache(maxsize=1)
def languages() -> dict[str, LanguageFile]:
    """All languages by code."""
    files = data_files(f"programs/{PROGRAM_SET}/languages", "*.yaml")
    found = {code: read_yaml(path, LanguageFile) for code, path in files.items()}
    for code, language in found.items():
        _check_language(f"languages/{code}.yaml", code, language)
    return found


@lru_cache(maxsize=1)
def anatomy() -> AnatomyFile:
    """The regions of the body and the words between which finding terms stand."""
    path = _set_file(PROGRAM_SET, "anatomy.yaml")
    found = read_yaml(path, AnatomyFile)
    phrases = tuple(p for region in found.regions for p in (*region.places, *region.signs))
    _check_rules(str(path), [RuleText.model_construct(phrases=phrases)])
    return found


def _check_language(where: str, code: str, language: LanguageFile) -> None:
    if language.language != code:
        raise InputError(f"{where}: language is {language.language!r}, expected {code!r}: the file's name is the code.")
    unknown = [finding for finding in language.terms if finding not in findings()]
    if unknown:
        raise list_faults(where, (f"terms of {f!r}, expected the id of a finding" for f in unknown))
    cues = RuleText.model_construct(phrases=tuple(p for _, phrases in language.cues for p in phrases))
    _check_rules(where, [cues, *(rule for rules in language.terms.values() for rule in rules)])


def seed_program(finding: str, form: AnswerForm | None = None) -> Program:
    """The program of one finding before any edit: the guideline's own terms and each language's.

    Raises InputError for a derived finding.
    """
    shared, own = program_set(), findings()[finding]
    if own.derived is not None:
        raise InputError(
            f"{own.name!r} is derived (present when every other finding is absent), so it has no program of its own; "
            "name one of the other findings, or --label all."
        )
    return Program(
        finding=finding,
        name=own.name,
        instruction=shared.instruction,
        form=form or shared.form,
        definition=own.definition,
        present_when=own.present_when,
        absent_when=own.absent_when,
        rules=tuple(_seed_rules(own)),
        exemplars=tuple(Exemplar(**e.model_dump(), provenance=_guideline(own)) for e in own.exemplars),
    )


def _guideline(finding: FindingFile) -> Provenance:
    return Provenance(origin="guideline", source=finding.source)


def _family(finding: FindingFile) -> list[FindingFile]:
    """The finding and those whose every present report counts for it too."""
    return [finding, *(findings()[i] for i in finding.includes)]


def _seed_rules(finding: FindingFile) -> Iterator[SynonymRule]:
    for member in _family(finding):
        for origin, rule in _member_rules(member):
            if member is finding or not _hides(finding.id, rule):
                yield SynonymRule(means=rule.means, phrases=rule.phrases, provenance=origin)


def _member_rules(member: FindingFile) -> Iterator[tuple[Provenance, RuleText]]:
    yield from ((_guideline(member), rule) for rule in member.rules)
    for language in languages().values():
        source = Provenance(origin="overlay", source=language.source)
        yield from ((source, rule) for rule in language.terms.get(member.id, ()))


def _hides(finding: str, rule: RuleText) -> bool:
    """True for an included finding's denial, or its look-alike that names what the including finding itself counts."""
    if rule.means != "does_not_count":
        return rule.means == "denies"
    texts = [normalize(re.sub(r"[()?*/&]|\.\.\.", " ", phrase)) for phrase in rule.phrases]
    return any(compile_phrase(own).find(text) for own in _own_states(finding) for text in texts)


@lru_cache(maxsize=64)
def _own_states(finding: str) -> tuple[str, ...]:
    rules = [rule for _, rule in _member_rules(findings()[finding])]
    rules += [entry.rule for entry in _lexicon_entries(finding) if entry.rule]
    return tuple(p for rule in rules if rule.means == "states" for p in rule.phrases)


@lru_cache(maxsize=64)
def _lexicon_entries(finding: str) -> tuple[LexiconEdit, ...]:
    path = data_files(f"programs/{PROGRAM_SET}/lexicon", "*.yaml").get(finding)
    if path is None:
        return ()
    lexicon = read_yaml(path, LexiconFile)
    if lexicon.finding != finding:
        raise InputError(
            f"lexicon/{finding}.yaml: finding is {lexicon.finding!r}, expected {finding!r}: the file's name is the id."
        )
    _check_rules(f"lexicon/{finding}.yaml", (e.rule for e in lexicon.edits if e.rule))
    return lexicon.edits


@lru_cache(maxsize=64)
def lexicon_edits(finding: str) -> tuple[Edit, ...]:
    """The expert lexicon's edits for one finding, with those of the findings it includes."""
    edits: dict[str, Edit] = {}
    for member in _family(findings()[finding]):
        for entry in _lexicon_entries(member.id):
            if member.id != finding and (entry.rule is None or _hides(finding, entry.rule)):
                continue
            edit = _lexicon_edit(finding, member.id, entry)
            edits.setdefault(edit.id, edit)
    return tuple(edits.values())


def _lexicon_edit(finding: str, owner: str, entry: LexiconEdit) -> Edit:
    edit_id = f"expert:{owner}:{entry.id}"
    source = Provenance(origin="expert", edit_id=edit_id, concept=entry.concept, source=entry.source)
    rule = SynonymRule(**entry.rule.model_dump(), provenance=source) if entry.rule else None
    exemplar = Exemplar(**entry.exemplar.model_dump(), provenance=source) if entry.exemplar else None
    criteria = {"present_when": entry.present_when, "absent_when": entry.absent_when}
    return Edit(
        id=edit_id,
        finding=finding,
        kind=entry.kind,
        rule=rule,
        exemplar=exemplar,
        clarification=Clarification(**criteria) if entry.kind == "clarification" else None,
        provenance=source,
    )


def pick(kind: str, folder: str, pattern: str, name: str) -> Path:
    """The data file of a name (`optimizers`, `datasets` …); raises UnknownNameError with the near misses."""
    files = data_files(folder, pattern)
    if name not in files:
        raise UnknownNameError(kind, name, files)
    return files[name]


def as_mapping(value: Any, where: str) -> dict[str, Any]:
    """The value as a mapping; raises InputError naming the place."""
    if not isinstance(value, dict):
        raise InputError(f"{where}: found {type(value).__name__}, expected a mapping.")
    return value
