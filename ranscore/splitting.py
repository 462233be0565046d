"""Development and held-out parts of a dataset: stratified, seeded, recorded with digests of ids and texts.

A finding's positives are shared out by iterative stratification, the rarest finding first, each group of reports to
the part that still lacks the largest share of what the group holds; after Sechidis, Tsoumakas and Vlahavas, ECML PKDD
2011, LNCS 6913:145-158. A patient's reports stay together.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import ValidationError

from ranscore.catalog import validation_faults
from ranscore.cohort import Dataset, Panel, digest_reports, open_dataset
from ranscore.errors import DigestError, InputError, list_faults
from ranscore.phrases import normalize
from ranscore.records import PRESENT, LabelTable, Record, Report, digest_of

if TYPE_CHECKING:
    from ranscore.freezing import FrozenProgram

PartName = Literal["development", "heldout"]


class Part(Record):
    """The reports of one part, the digest of their ids, that of ids and texts, and how many are present by finding."""

    report_ids: tuple[str, ...]
    ids_digest: str
    texts_digest: str
    positives: dict[str, int]


class Split(Record):
    """A split file. `sha256` is the digest of all the rest, `dataset_digest` that of all ids and texts.

    `same_text` counts held-out reports whose text stands in the development part too.
    """

    format: Literal["ranscore-split-1"] = "ranscore-split-1"
    dataset: str
    dataset_digest: str
    reference_digest: str
    by: Literal["report", "patient"]
    share: float
    seed: int
    same_text: int
    development: Part
    heldout: Part
    sha256: str = ""

    def content_digest(self) -> str:
        """The digest that `sha256` must hold."""
        return digest_of(self.model_dump(mode="json", exclude={"sha256"}))

    def encode(self) -> bytes:
        """The file's content: readable JSON."""
        fields = self.model_dump(mode="json").items()
        return (
            "{\n" + ",\n".join(f"{json.dumps(k)}: {json.dumps(v, ensure_ascii=False)}" for k, v in fields) + "\n}\n"
        ).encode("utf-8")


def split_reports(dataset: Dataset, share: float = 0.3, seed: int = 0) -> Split:
    """The two parts of a dataset: `share` of the reports held out, and about that share of each finding's positives.

    By patient where every report names one. The same reports, labels and seed give the same parts, whatever the
    order of rows. Raises InputError for a share outside 0 to 1, a table that names only some patients, and a part
    that would be empty.
    """
    if not 0 < share < 1:
        raise InputError(f"a share of {share!r} is held out; expected more than 0 and less than 1, such as 0.3.")
    named = [bool(r.group) for r in dataset.reports]
    if any(named) and not all(named):
        raise InputError(
            f"dataset {dataset.name}: {named.count(False)} of {len(named)} reports name no patient; "
            "expected a patient for each report, or no patient column."
        )
    positives = _positives(dataset.reference)
    held = _hold_out(dataset.reports, positives, share, seed)
    parts = [[r for r in dataset.reports if (r.report_id in held) is inside] for inside in (False, True)]
    if not all(parts):
        raise InputError(
            f"dataset {dataset.name}: with a share of {share} one part of the {len(named)} reports is empty; "
            "expected reports in both: change --share, or bring more patients."
        )
    texts = {normalize(r.text) for r in parts[0]}
    draft = Split(
        dataset=dataset.name,
        dataset_digest=dataset.digest,
        reference_digest=dataset.reference_digest,
        by="patient" if any(named) else "report",
        share=share,
        seed=seed,
        same_text=sum(normalize(r.text) in texts for r in parts[1]),
        development=_part(parts[0], positives),
        heldout=_part(parts[1], positives),
    )
    return draft.model_copy(update={"sha256": draft.content_digest()})


def load_split(path: Path) -> Split:
    """The split of a file; raises InputError for what is none, DigestError for one that was changed or cut."""
    try:
        split = Split.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except OSError as fault:
        raise InputError(f"{path}: {fault.strerror}; expected a file made by `ranscore split`.") from None
    except ValidationError as fault:
        raise list_faults(str(path), [*validation_faults(fault)][:5]) from None
    except (ValueError, RecursionError) as fault:
        raise DigestError(f"{path}: not readable as JSON ({fault}), so it is cut or edited; split again.") from None
    if split.content_digest() != split.sha256:
        raise DigestError(f"{path}: its content differs from its digest, so it was edited; split again.")
    return split


def check_split(split: Split, dataset: Dataset) -> None:
    """Raises InputError unless the dataset holds the very reports that were split."""
    if split.dataset_digest != dataset.digest:
        ours = {*split.development.report_ids, *split.heldout.report_ids}
        theirs = {r.report_id for r in dataset.reports}
        gone, new = len(ours - theirs), len(theirs - ours)
        found = f"{new} reports are new, {gone} are gone" if new or gone else "some texts differ"
        raise InputError(
            f"the split was made of {split.dataset} ({split.dataset_digest[:19]}…), and {dataset.name} is "
            f"{dataset.digest[:19]}…: {found}; expected the same reports: split again."
        )


def development_part(dataset: Dataset, split: Split) -> Dataset:
    """The dataset's development reports with their labels and notes; raises InputError for another dataset."""
    check_split(split, dataset)
    return narrow(dataset, split.development.report_ids)


def open_development(name_or_path: str | Path, data: Path | str | None, split: Path | None) -> Dataset:
    """A dataset to look at: of one with a split the development part alone, else all of it."""
    dataset = open_dataset(name_or_path, data)
    return development_part(dataset, load_split(split)) if split else dataset


def tuned_on(frozen: FrozenProgram, dataset: Dataset) -> bool:
    """Whether a frozen program was tuned on reports of this dataset, so that its figures here are too good.

    Raises InputError where it was tuned on a part of them: the others may be its held-out part, which
    `heldout.score_heldout` alone opens.
    """
    found = [x.data for x in frozen.findings.values() if x.data]
    own = [x for x in found if x.dataset_digest == dataset.digest or x.dataset == dataset.name]
    for used in own:
        if used.dataset_digest != dataset.digest and used.reports < len(dataset.reports):
            raise InputError(
                f"the frozen program was tuned on {used.reports} of the {len(dataset.reports)} reports of "
                f"{dataset.name}, and the others may be its held-out part; expected --split FILE: it opens the "
                "development part, and `ranscore evaluate --split FILE --part heldout` the other one, which is "
                "counted. Reports that are new need a card of their own."
            )
    return bool(own)


def narrow_panel(panel: Panel, dataset: Dataset) -> Panel:
    """The readers' labels of the dataset's reports alone."""
    wanted = set(dataset.reference.report_ids)
    tables = []
    for table in panel.tables:
        rows = [(i, row) for i, row in zip(table.report_ids, table.values, strict=True) if i in wanted]
        ids, values = tuple(i for i, _ in rows), tuple(row for _, row in rows)
        tables.append(LabelTable(report_ids=ids, findings=table.findings, values=values))
    return replace(panel, tables=tuple(tables))


def narrow(dataset: Dataset, report_ids: Iterable[str]) -> Dataset:
    """The dataset with these reports alone, its digests those of what is left."""
    kept = set(report_ids)
    reports = tuple(r for r in dataset.reports if r.report_id in kept)
    table = dataset.reference
    rows = {i: v for i, v in zip(table.report_ids, table.values, strict=True) if i in kept}
    reference = LabelTable(report_ids=tuple(rows), findings=table.findings, values=tuple(rows.values()))
    return replace(
        dataset,
        reports=reports,
        reference=reference,
        notes=tuple(n for n in dataset.notes if n.report_id in kept),
        digest=digest_reports(reports),
        reference_digest=digest_of({"findings": table.findings, "values": rows}),
    )


def _positives(reference: LabelTable) -> dict[str, frozenset[str]]:
    """The findings that are present in each report."""
    return {
        report: frozenset(f for f, v in zip(reference.findings, row, strict=True) if v == PRESENT)
        for report, row in zip(reference.report_ids, reference.values, strict=True)
    }


def _part(reports: Sequence[Report], positives: Mapping[str, frozenset[str]]) -> Part:
    ids = tuple(sorted(r.report_id for r in reports))
    counts = dict(sorted(Counter(f for i in ids for f in positives[i]).items()))
    return Part(report_ids=ids, ids_digest=digest_of(ids), texts_digest=digest_reports(reports), positives=counts)


def _hold_out(reports: Sequence[Report], positives: Mapping[str, frozenset[str]], share: float, seed: int) -> set[str]:
    """The ids to hold out: groups of reports are given, the rarest finding first, to the part that lacks most."""
    groups: dict[str, list[str]] = {}
    for report in reports:
        groups.setdefault(report.group or f"\u0001{report.report_id}", []).append(report.report_id)
    order = sorted(groups)
    random.Random(seed).shuffle(order)
    order.sort(key=lambda g: -len(groups[g]))  # large groups first, while both parts have room
    counts = {g: Counter(f for i in ids for f in positives[i]) for g, ids in groups.items()}
    total = Counter(f for i in positives for f in positives[i])
    targets = {p: {"": s * len(reports), **{f: s * n for f, n in total.items()}} for p, s in _shares(share)}
    wanted = {part: dict(target) for part, target in targets.items()}

    def lacks(part: PartName, group: str) -> float:
        return sum(wanted[part][f] / targets[part][f] for f in ("", *sorted(counts[group])))

    held: set[str] = set()
    left, remaining = dict.fromkeys(order), total.copy()
    while left:
        rarest = min((f for f, n in remaining.items() if n > 0), key=lambda f: (remaining[f], f), default="")
        for group in [g for g in left if not rarest or counts[g][rarest]]:
            part = max(targets, key=partial(lacks, group=group))
            held.update(groups[group] if part == "heldout" else ())
            wanted[part][""] -= len(groups[group])
            remaining.subtract(counts[group])
            for finding, n in counts[group].items():
                wanted[part][finding] -= n
            del left[group]
    return held


def _shares(share: float) -> tuple[tuple[PartName, float], ...]:
    return ("heldout", share), ("development", 1 - share)
