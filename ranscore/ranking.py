"""Several systems' generated reports, each scored against its own references and put in order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from string import ascii_uppercase

from ranscore.api import Progress, RanScore, Sides, check_ids, read_content, score_sides
from ranscore.errors import InputError
from ranscore.policies import Policies
from ranscore.readers import Pairs, SystemReports, read_folder, read_pairs
from ranscore.records import LabelTable, Record, Report, digest_of
from ranscore.scoring import ScoreReport
from ranscore.sections import choose_sections, read_policy

BY_FILE = "file"


class RankedSystem(Record):
    """One system's score; systems with the same letter in `group` have the same reports and references."""

    system: str
    group: str
    score: ScoreReport


class Ranking(Record):
    """Systems from the best Ran Score to the worst."""

    systems: tuple[RankedSystem, ...]
    remarks: tuple[str, ...]
    signature: str


@dataclass(frozen=True)
class _Labels:
    """Labels of texts: every text is labelled once, whichever systems share it."""

    findings: tuple[str, ...]
    by_text: dict[str, tuple[int, ...]]

    def table(self, reports: Sequence[Report]) -> LabelTable:
        values = tuple(self.by_text[report.text] for report in reports)
        return LabelTable(report_ids=tuple(r.report_id for r in reports), findings=self.findings, values=values)


def open_pairs(
    pairs: Path | None,
    by: str | None,
    *,
    reference: Path | None = None,
    generated: Path | None = None,
    sections: str | None = None,
    encoding: str | None = None,
) -> Pairs:
    """The systems of a file by one of its columns, or of a folder with one file a system (`by="file"`).

    The files of a folder hold both sides themselves, or they are `generated` and belong to one `reference`. Of the
    texts only the sections are read. Raises InputError with all faults.
    """
    if pairs is not None:
        folder = by == BY_FILE and pairs.is_dir()
        found = read_folder(_files(pairs), encoding=encoding) if folder else read_pairs(pairs, by, encoding=encoding)
    elif reference is not None and generated is not None:
        found = _against(reference, _files(generated), encoding)
    else:
        raise InputError("expected --pairs FILE, or --reference FILE and --generated FOLDER.")
    return found if sections is None else _cut(found, sections)


def _files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise InputError(f"{folder}: is no folder; --by file expects a folder with one file a system.")
    files = sorted(p for p in folder.iterdir() if not p.name.startswith(".") and p.stem.upper() != "README")
    if not files:
        raise InputError(f"{folder}: the folder is empty; expected one file a system.")
    stems = [path.stem for path in files]
    twice = sorted({stem for stem in stems if stems.count(stem) > 1})
    if twice:
        raise InputError(f"{folder}: several files are called {', '.join(twice)}; expected one file a system.")
    return files


def _against(reference: Path, files: Sequence[Path], encoding: str | None) -> Pairs:
    ours, remarks = read_content(reference, "reference", encoding=encoding)
    systems, told = [], list(remarks)
    for path in files:
        theirs, more = read_content(path, "generated", encoding=encoding)
        if isinstance(ours, LabelTable) or isinstance(theirs, LabelTable):
            raise InputError(
                f"{path if isinstance(theirs, LabelTable) else reference}: holds labels; expected reports."
            )
        check_ids(reference, path, [ours, theirs])
        by_id = {report.report_id: report for report in theirs}
        systems.append(SystemReports(path.stem, ours, tuple(by_id[r.report_id] for r in ours)))
        told += more
    return Pairs(tuple(systems), tuple(told))


def _cut(pairs: Pairs, sections: str) -> Pairs:
    policy = read_policy(sections)
    remarks = list(pairs.remarks)
    cut: list[Iterator[Report]] = []
    for side in ("reference", "generated"):
        every = [report for system in pairs.systems for report in getattr(system, side)]
        reports, told = choose_sections(every, policy)
        cut.append(iter(reports))
        remarks += [f"{side}: {remark}" for remark in told]
    ours, theirs = cut
    systems = tuple(
        SystemReports(s.name, tuple(islice(ours, len(s.reference))), tuple(islice(theirs, len(s.generated))))
        for s in pairs.systems
    )
    return Pairs(systems, tuple(remarks))


def rank_systems(
    pairs: Pairs,
    scorer: Callable[[], RanScore],
    policies: Policies,
    *,
    bootstrap: int = 1000,
    seed: int = 0,
    progress: Progress | None = None,
) -> Ranking:
    """Each system's Ran Score against its own references with a bootstrap interval, the best first.

    Every distinct text is labelled once. Raises InputError for no system and IncompleteError for unanswered cells as
    the policies say.
    """
    if not pairs.systems:
        raise InputError("found no system to score; expected at least one.")
    made = scorer()
    labels = _label(pairs, made, progress)
    groups = _groups(pairs.systems)
    ranked = []
    for system, group in zip(pairs.systems, groups, strict=True):
        sides = Sides(labels.table(system.reference), labels.table(system.generated), made.frozen.sha256)
        score = score_sides(sides, policies, bootstrap=bootstrap, seed=seed)
        ranked.append(RankedSystem(system=system.name, group=group, score=score))
    ranked.sort(key=lambda one: (-one.score.ran_score, one.system))
    remarks = (*pairs.remarks, *_remarks(pairs.systems, groups))
    return Ranking(systems=tuple(ranked), remarks=remarks, signature=ranked[0].score.signature)


def _label(pairs: Pairs, made: RanScore, progress: Progress | None) -> _Labels:
    from ranscore.labelling.batch import extract

    every = (report for system in pairs.systems for side in (system.reference, system.generated) for report in side)
    texts: dict[str, Report] = {}
    for report in every:
        texts.setdefault(report.text, report)
    reports = [report.model_copy(update={"report_id": str(n)}) for n, report in enumerate(texts.values())]
    advance = progress(len(reports) * len(made.frozen.findings)) if progress else None
    table = extract(made.frozen, reports, made.model, progress=advance).table
    return _Labels(table.findings, dict(zip(texts, table.values, strict=True)))


def _groups(systems: Sequence[SystemReports]) -> list[str]:
    """A letter for each system: the same for those with the same reports and references."""
    keys = [digest_of(sorted((r.report_id, r.text) for r in system.reference)) for system in systems]
    order = list(dict.fromkeys(keys))
    return [ascii_uppercase[order.index(key)] if len(order) <= 26 else str(order.index(key) + 1) for key in keys]


def _remarks(systems: Sequence[SystemReports], groups: Sequence[str]) -> Iterator[str]:
    if len(set(groups)) > 1:
        shared = set.intersection(*({r.report_id for r in system.reference} for system in systems))
        yield (
            f"the systems have {len(set(groups))} different sets of references (column group; {len(shared)} reports "
            "are in all of them): compare scores within a group"
        )
