"""The held-out part of a split: one door, for a frozen program that does not know it, and every opening is counted."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from ranscore.api import frame_of
from ranscore.catalog import finding_name
from ranscore.cohort import Dataset
from ranscore.errors import InputError
from ranscore.freezing import FrozenProgram
from ranscore.labelling.batch import extract
from ranscore.models import Model
from ranscore.phrases import normalize
from ranscore.records import LabelTable, Program, Provenance, Report
from ranscore.scoring import Policies, ScoreReport, score_labels
from ranscore.splitting import Split, check_split, narrow
from ranscore.tracking import Tracker

Source = tuple[str, str]  # part of a program, and the expert edit that it comes from
WORDS, CHARACTERS = 8, 16
NAMED = 5
KIND = "heldout"
_CJK = r"\u3400-\u9fff\uf900-\ufaff"
_BREAKS = re.compile(r"\.\.\.|[()&?*/]")  # what splits a rule's phrase into runs of words


@dataclass(frozen=True)
class HeldOut:
    """A frozen program's score on a held-out part, its labels, and how often the part was opened, this time included.

    `openings_of_dataset` counts the openings of any held-out part of the same reports.
    """

    report: ScoreReport
    labels: LabelTable
    openings: int
    openings_of_dataset: int


@dataclass(frozen=True)
class Leak:
    """A scored report that a frozen program knows, and by what; `edit` is the expert edit whose words stand in it."""

    report_id: str
    source: str
    edit: str = ""


def score_heldout(
    frozen: FrozenProgram,
    split: Split,
    dataset: Dataset,
    tracker: Tracker,
    model: Model | None = None,
    *,
    policies: Policies | None = None,
    bootstrap: int = 1000,
    progress: Callable[[int], Callable[[int], None]] | None = None,
) -> HeldOut:
    """The score of a frozen program on the held-out reports, the opening recorded before any report is labelled.

    The only door to that part. Raises InputError for another dataset than the one that was split, and for a program
    that knows the held-out reports (`check_tuning`, `find_leaks`).
    """
    check_split(split, dataset)
    held = narrow(dataset, split.heldout.report_ids)
    check_tuning(frozen, split, dataset)
    seen = narrow(dataset, split.development.report_ids)
    if leaks := find_leaks(frozen, held.reports, seen.reports, dataset.name):
        raise InputError(_refusal(leaks))
    tags = {
        "dataset": dataset.name, "dataset_digest": dataset.digest, "heldout_digest": split.heldout.texts_digest,
        "reference_digest": held.reference_digest, "split": split.sha256, "program_digest": frozen.sha256,
        "model": model.name if model else frozen.model.name,
    }  # fmt: skip
    run_id = tracker.log_summary(name=f"held-out part · {dataset.name}", kind=KIND, tags=tags)
    advance = progress(len(held.reports) * len(frozen.findings)) if progress else None
    labels = extract(frozen, held.reports, model, progress=advance).table
    report = score_labels(
        frame_of(held.reference),
        frame_of(labels),
        policies or Policies(no_finding="as-given"),
        bootstrap=bootstrap,
        program_digest=frozen.sha256,
    )
    tracker.finish(run_id, metrics={"ran_score": report.ran_score, "reports": report.n_reports})
    openings = (tracker.count_runs(KIND, {key: tags[key]}) for key in ("heldout_digest", "dataset_digest"))
    return HeldOut(report, labels, *openings)


def check_tuning(frozen: FrozenProgram, split: Split, dataset: Dataset) -> None:
    """Raises InputError for a program tuned on this dataset's reports other than the split's development part."""
    for finding, frozen_finding in frozen.findings.items():
        used = frozen_finding.data
        if used is None or used.dataset_digest == split.development.texts_digest:
            continue
        if used.dataset_digest == dataset.digest or used.dataset == dataset.name:
            raise InputError(
                f"the frozen program for {finding_name(finding)} was tuned on {used.reports} reports of "
                f"{used.dataset} ({used.dataset_digest[:19]}…), not on this split's development part "
                f"({split.development.texts_digest[:19]}…), so it may know the held-out reports; tune and compile "
                "with --split first."
            )


def find_leaks(
    frozen: FrozenProgram, scored: Sequence[Report], seen: Sequence[Report] = (), dataset: str = ""
) -> tuple[Leak, ...]:
    """The scored reports that a frozen program's exemplars, rules or wording come from, the first source of each.

    By id: the program's provenance names the report, unless it was tuned on another dataset than `dataset`. By text:
    8 consecutive words (16 consecutive Chinese characters) of an exemplar, a rule or the wording stand in the report,
    and in none of the reports that may be `seen` (a phrase that many reports share says nothing).
    """
    ids = {r.report_id for r in scored}
    found: dict[str, Source] = {}
    grams: dict[str, Source] = {}
    for finding in frozen.findings.values():
        own = finding.data is None or not dataset or finding.data.dataset == dataset
        for source, report_ids, texts in _sources(finding.program):
            found |= {i: source for i in report_ids if own and i in ids and i not in found}
            grams |= {g: source for t in texts for g in _grams(t) if g not in grams}
    for report in seen:
        for gram in _grams(report.text):
            grams.pop(gram, None)
    for report in scored:
        sources = [grams[g] for g in _grams(report.text) if g in grams]
        if sources:
            found.setdefault(report.report_id, sources[0])
    return tuple(Leak(i, *found[i]) for i in sorted(found))


def _sources(program: Program) -> Iterator[tuple[Source, tuple[str, ...], tuple[str, ...]]]:
    """Each part of a program with the reports that its provenance names and its runs of text."""
    name = program.name
    for exemplar in program.exemplars:
        own = (exemplar.report_id,) if exemplar.report_id else ()
        source = f"an exemplar of {name}", _expert(exemplar.provenance)
        yield source, (*own, *_named(exemplar.provenance)), (exemplar.passage,)
    for rule in program.rules:
        runs = tuple(run for phrase in rule.phrases for run in _BREAKS.split(phrase))
        yield (f"a rule of {name}", _expert(rule.provenance)), _named(rule.provenance), runs
    wording = (program.definition, *program.present_when, *program.absent_when, program.text)
    yield (f"the wording of {name}", ""), (), wording


def _expert(provenance: Provenance | None) -> str:
    return provenance.edit_id if provenance and provenance.origin == "expert" else ""


def _named(provenance: Provenance | None) -> tuple[str, ...]:
    return provenance.report_ids if provenance else ()


def _grams(text: str) -> Iterable[str]:
    """All runs of 8 words and of 16 Chinese characters, punctuation and line ends aside."""
    plain = normalize(text)
    words = re.findall(rf"(?:(?![{_CJK}])\w)+", plain)
    characters = "".join(re.findall(f"[{_CJK}]", plain))
    yield from (" ".join(words[i : i + WORDS]) for i in range(len(words) - WORDS + 1))
    yield from (characters[i : i + CHARACTERS] for i in range(len(characters) - CHARACTERS + 1))


def _refusal(leaks: Sequence[Leak]) -> str:
    named = ", ".join(f"{leak.report_id}: {leak.source}" for leak in leaks[:NAMED])
    rest = f", and {len(leaks) - NAMED} more" if len(leaks) > NAMED else ""
    edits = ", ".join(dict.fromkeys(leak.edit for leak in leaks if leak.edit))
    steps = ["tune and compile with --split, which leaves them out"] if any(not leak.edit for leak in leaks) else []
    steps += [f"the lexicon was written with these reports at hand, so reword {edits} and tune again"] if edits else []
    return (
        f"the frozen program holds text or evidence of {len(leaks)} of the scored reports ({named}{rest}), so it must "
        f"not be scored on them; {'; '.join(steps)}."
    )
