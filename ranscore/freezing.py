"""Frozen programs: all findings' programs in one readable JSON file, with digests, scores, golden cases."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, SerializerFunctionWrapHandler, ValidationError, model_serializer

import ranscore
from ranscore import catalog
from ranscore.errors import DigestError, InputError, list_faults
from ranscore.extraction.module import freeze_prompt, label_reports
from ranscore.models import Model, is_served, open_model
from ranscore.records import Answer, Program, Record, Report, Terms, digest_of
from ranscore.scoring import FindingScore, Policies

FORMAT: Literal["ranscore-frozen-1"] = "ranscore-frozen-1"
LIBRARIES = ("ranscore", "dspy", "litellm", "optuna", "pydantic")


class DataUsed(Record):
    """The data that a program was tuned on."""

    dataset: str
    reports: int
    dataset_digest: str
    reference_digest: str
    access: str = "open"


class Calibration(Record):
    """How a threshold was fitted: on how many cells, and kappa as answered, with the threshold where it was fitted, and
    cross-validated.
    """

    model: str
    data: DataUsed
    objective: Literal["kappa", "f1"]
    n: int
    positives: int
    as_answered: float | None
    tuned_on: float | None
    cross_validated: float | None


class FrozenFinding(Record):
    """One finding's program, its prompt's digest, its origin, its tuned-on and cross-validated scores.

    An answer that comes with log-odds is present from `threshold` on; without a threshold it is what the model says.
    What is empty of `threshold` and `calibration` is not written, so that older files stay as they are.
    """

    program: Program
    prompt_sha256: str
    source: Literal["optimized", "seed"]
    run_id: str = ""
    recipe: str = ""
    data: DataUsed | None = None
    tuned_on: FindingScore | None = None
    cross_validated: FindingScore | None = None
    threshold: float | None = None
    calibration: Calibration | None = None

    @model_serializer(mode="wrap")
    def _without_what_is_empty(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        data: dict[str, Any] = write(self)
        return {k: v for k, v in data.items() if k not in ("threshold", "calibration") or v is not None}


class GoldenCase(Record):
    """A report written for this purpose and the answers that the frozen program gave."""

    id: str
    report: str
    answers: dict[str, Answer]


class FrozenModel(Record):
    """The model that the programs were tuned for; settings hold no secret."""

    name: str
    settings: dict[str, Any] = Field(default_factory=dict)


class FrozenProgram(Record):
    """The frozen file. `sha256` is the digest of all the rest."""

    format: Literal["ranscore-frozen-1"] = FORMAT
    program_set: str
    model: FrozenModel
    policies: Policies = Policies()
    findings: dict[str, FrozenFinding]
    golden: tuple[GoldenCase, ...] = ()
    scores: dict[str, float | None] = Field(default_factory=dict)
    versions: dict[str, str] = Field(default_factory=dict)
    contains_report_text: bool = False
    sha256: str = ""

    def content_digest(self) -> str:
        """The digest that `sha256` must hold."""
        return digest_of(self.model_dump(mode="json", exclude={"sha256"}))

    @property
    def calibrated(self) -> bool:
        """True where a finding has a threshold, so that answers are wanted with their log-odds."""
        return any(f.threshold is not None for f in self.findings.values())

    def thresholds(self, model: Model) -> dict[str, float]:
        """The thresholds by finding for a model: none for another model than the one that they were fitted on."""
        weights = self.model.settings.get("weights")
        same = model.name == self.model.name or (weights is not None and weights == model.settings.get("weights"))
        if not same:
            return {}
        return {f: x.threshold for f, x in self.findings.items() if x.threshold is not None}

    def open_model(self) -> Model:
        """The model that the programs were tuned for, asked for log-odds where they have thresholds."""
        told = {"logprobs": True} if self.calibrated and is_served(self.model.name) else {}
        return open_model(self.model.name, **told)

    def programs(self) -> tuple[Program, ...]:
        """The programs in the catalog's order."""
        known = [f for f in catalog.finding_ids() if f in self.findings]
        return tuple(self.findings[f].program for f in [*known, *(f for f in self.findings if f not in known)])


class GoldenFile(Record):
    """`programs/<set>/golden.yaml`."""

    reports: tuple[dict[str, str], ...]


def freeze(
    findings: Mapping[str, FrozenFinding],
    model: Model,
    scores: Mapping[str, float | None],
    policies: Policies | None = None,
    *,
    golden: bool = True,
) -> FrozenProgram:
    """A frozen program of these findings; with `golden` the model answers the golden reports once."""
    programs = [f.program for f in findings.values()]
    draft = FrozenProgram(
        program_set=catalog.PROGRAM_SET,
        model=FrozenModel(name=model.name, settings=model.settings),
        policies=policies or Policies(),
        findings=dict(findings),
        golden=answer_golden(programs, model, _golden_reports()) if golden else (),
        scores=dict(scores),
        versions=_versions(),
        contains_report_text=any(holds_report_text(p) for p in programs),
    )
    return draft.model_copy(update={"sha256": draft.content_digest()})


def freeze_finding(program: Program, **values: Any) -> FrozenFinding:
    """One finding ready to be frozen, its prompt's digest taken."""
    return FrozenFinding(program=program, prompt_sha256=freeze_prompt(program).digest(), **values)


def freeze_seed() -> FrozenProgram:
    """The unimproved seed of every asked finding, for the embedded model; no golden cases."""
    findings = {f: freeze_finding(catalog.seed_program(f), source="seed") for f in catalog.asked_ids()}
    return freeze(findings, open_model("lexical"), {}, golden=False)


def holds_report_text(program: Program) -> bool:
    """True where a rule, an exemplar or a written text of the program came from reports."""
    rules = any(r.provenance and r.provenance.report_ids for r in program.rules)
    return rules or bool(program.text) or any(e.report_id for e in program.exemplars)  # a text's writer saw reports


def _golden_reports() -> list[tuple[str, str]]:
    path = catalog.data_roots()[-1] / "programs" / catalog.PROGRAM_SET / "golden.yaml"
    return [(r["id"], r["report"]) for r in catalog.read_yaml(path, GoldenFile).reports]


def answer_golden(
    programs: Iterable[Program], model: Model, reports: Sequence[tuple[str, str]]
) -> tuple[GoldenCase, ...]:
    """The golden reports with a model's answers; an answer that failed is left out."""
    terms = Terms(source="golden reports", access="open")
    asked = [Report(report_id=i, text=text, terms=terms) for i, text in reports]
    answers: dict[str, dict[str, Answer]] = {i: {} for i, _ in reports}
    for program in programs:
        for label in label_reports(program, asked, model).labels:
            if label.value != "unanswered":
                answers[label.report_id][program.finding] = label.value
    return tuple(GoldenCase(id=i, report=text, answers=answers[i]) for i, text in reports)


def _versions() -> dict[str, str]:
    found = {}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = ranscore.__version__ if name == "ranscore" else "unknown"
    return found


def save_frozen(frozen: FrozenProgram, path: Path) -> None:
    """Writes the file whole or not at all; raises InputError where the folder cannot be written."""
    write_whole(path, _as_text(frozen).encode("utf-8"))


def _as_text(frozen: FrozenProgram) -> str:
    return json.dumps(frozen.model_dump(mode="json"), indent=1, ensure_ascii=False) + "\n"


def write_whole(path: Path, content: bytes, *, private: bool = False) -> None:
    """Writes a file beside its place and renames it; raises InputError naming the folder when that fails.

    A `private` file can be read by its owner alone, from its first byte on.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if private:
            beside.touch(mode=0o600)
        beside.write_bytes(content)
        os.replace(beside, path)
    except OSError as fault:
        beside.unlink(missing_ok=True) if path.parent.is_dir() and os.access(path.parent, os.W_OK) else None
        raise InputError(
            f"{path}: cannot be written ({fault.strerror or fault}); expected a folder that you may write to: "
            "choose another path or free some space."
        ) from None


def release_path() -> Path:
    """The frozen program that is used when none is named."""
    return catalog.data_roots()[-1] / "programs" / catalog.PROGRAM_SET / "release.json"


def load_frozen(path: Path | None = None) -> FrozenProgram:
    """The frozen program of a file (the release when none is named), its digest checked.

    Raises InputError for what is no frozen program, DigestError for one that was changed or cut.
    """
    path = path or release_path()
    try:
        text = path.read_text(encoding="utf-8")
        data = json.loads(text)
    except OSError as fault:
        raise InputError(f"{path}: {fault.strerror}; expected a frozen program made by `ranscore compile`.") from None
    except ValueError as fault:
        raise DigestError(
            f"{path}: not readable as JSON ({fault}), so the file is cut or edited; expected the file as "
            "`ranscore compile` wrote it: copy it again or compile again."
        ) from None
    try:
        frozen = FrozenProgram.model_validate(data)
    except ValidationError as fault:
        raise list_faults(str(path), [*catalog.validation_faults(fault)][:5]) from None
    if frozen.content_digest() != frozen.sha256:
        raise DigestError(
            f"{path}: its content has digest {frozen.content_digest()[:19]}…, expected {frozen.sha256[:19] or 'one'}…: "
            "the file was edited after it was frozen; compile again instead of editing it."
        )
    if "".join(text.split()) != "".join(_as_text(frozen).split()):  # such as 1e0 for 1.0, which has the same digest
        raise DigestError(
            f"{path}: it is not written as `ranscore compile` writes it: "
            "the file was edited after it was frozen; compile again instead of editing it."
        )
    return frozen


def check_prompts(frozen: FrozenProgram, where: str = "the frozen program") -> None:
    """Raises DigestError unless each program gives the very prompt it was frozen with."""
    changed = [f for f, x in frozen.findings.items() if freeze_prompt(x.program).digest() != x.prompt_sha256]
    if changed:
        raise DigestError(
            f"{where}: this ranscore ({ranscore.__version__}) writes another prompt for {', '.join(changed)} "
            f"than the one frozen with ranscore {frozen.versions.get('ranscore', '?')}; "
            "install that version, or compile again."
        )


def verify(frozen: FrozenProgram, model: Model | None = None, where: str = "the frozen program") -> list[str]:
    """What was checked, one line each: the prompts byte for byte, the golden cases answered again.

    Without a `model` the golden cases are run only where the frozen model is embedded. Raises DigestError when a
    prompt differs and InputError when a golden answer does.
    """
    check_prompts(frozen, where)
    lines = [f"digest {frozen.sha256}", f"{len(frozen.findings)} prompts rebuilt byte for byte"]
    if model is None and frozen.model.name != "lexical":
        return [*lines, f"golden cases not run: name the model ({frozen.model.name}) with --model to run them"]
    reports = [(g.id, g.report) for g in frozen.golden]
    again = answer_golden(frozen.programs(), model or open_model(frozen.model.name), reports)
    wrong = [
        f"golden case {old.id}, {finding}: answered {new.answers.get(finding, 'unanswered')!r}, frozen as {answer!r}"
        for old, new in zip(frozen.golden, again, strict=True)
        for finding, answer in old.answers.items()
        if new.answers.get(finding) != answer
    ]
    if wrong:
        raise list_faults(where, wrong)
    return [*lines, f"{sum(len(g.answers) for g in frozen.golden)} golden answers given again"]
