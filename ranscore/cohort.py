"""A dataset as its card describes it: reports, reference and error notes, joined by report id."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ranscore.cards import Card as Card
from ranscore.cards import NotesSource as NotesSource
from ranscore.cards import ReferenceSource as ReferenceSource
from ranscore.cards import ReportSource as ReportSource
from ranscore.catalog import asked_ids, pick, read_yaml
from ranscore.errors import InputError, list_faults
from ranscore.readers import (
    inline_notes_of,
    labels_of,
    read_decisions,
    read_notes,
    read_table,
    remarks_of,
    reports_of,
    rows_of,
    scan_votes,
    texts_by_id,
)
from ranscore.readers._columns import fold
from ranscore.records import ErrorNote, LabelTable, Report, digest_of
from ranscore.reference import (
    Decision,
    Reference,
    ReferenceVersion,
    build_reference,
    derive_no_finding,
    lonely_faults,
    mesh_reference,
    mesh_rules,
    parse_version,
    rater_faults,
)
from ranscore.reference.derive import NO_FINDING
from ranscore.sections import choose_sections, read_policy

if TYPE_CHECKING:
    import pandas as pd

NAMED = 5


@dataclass(frozen=True, slots=True)
class Dataset:
    """Reports with their reference, a row a report in the reports' order, and the error notes on them.

    `digest` covers ids and texts, `reference_digest` the labels by id; neither depends on the order of reports.
    """

    name: str
    card: Card
    reports: tuple[Report, ...]
    reference: LabelTable
    notes: tuple[ErrorNote, ...]
    digest: str
    reference_digest: str
    remarks: tuple[str, ...] = ()  # what the user should know of the files

    @property
    def access(self) -> Literal["open", "restricted"]:
        """Whether the reports are open, or restricted: then no text of theirs may be shipped."""
        return self.card.access

    @property
    def remote(self) -> Literal["permitted", "refused"]:
        """Whether the reports may be sent to a model on another machine."""
        return self.card.remote


@dataclass(frozen=True, slots=True)
class Panel:
    """Several readers' labels, one table a reader, all with the same reports and findings.

    `sources` are the SHA-256 digests of the files by name, `minimum` the majority that a card asks for.
    """

    names: tuple[str, ...]
    tables: tuple[LabelTable, ...]
    sources: dict[str, str]
    minimum: int | None = None


@dataclass(frozen=True, slots=True)
class _Part:
    table: pd.DataFrame
    where: str
    columns: Mapping[str, str]


def open_dataset(name_or_path: str | Path, data: Path | str | None = None) -> Dataset:
    """The dataset of a registered name, or of a card's path: its reports, its reference and its error notes.

    `data` is the folder that holds what the card does not ship; without it the card's environment variable names it.
    Raises UnknownNameError, and InputError with all faults: files that are not there, reports without reference and
    the reverse.
    """
    card, home = read_card(name_or_path)
    folders = (_data_folder(card, home, data), home)
    parts = _read_parts(card, folders[0])
    reports, remarks = _reports(card, parts)
    reference, told = _read_reference(card, folders, parts)
    notes = _read_notes(card, folders, parts)
    reports, reference, left_out = _covered(card, reports, reference)
    faults = list(_join_faults(reports, reference, notes))
    if faults:
        raise list_faults(f"dataset {card.name}", faults)
    rows = dict(zip(reference.report_ids, reference.values, strict=True))
    ids = tuple(r.report_id for r in reports)
    return Dataset(
        name=card.name,
        card=card,
        reports=tuple(reports),
        reference=LabelTable(report_ids=ids, findings=reference.findings, values=tuple(rows[i] for i in ids)),
        notes=notes,
        digest=digest_reports(reports),
        reference_digest=digest_of({"findings": reference.findings, "values": rows}),
        remarks=(*remarks, *told, *left_out),
    )


def open_reports(
    name_or_path: str | Path, data: Path | str | None = None
) -> tuple[Card, tuple[Report, ...], tuple[str, ...]]:
    """A dataset's card, its reports alone (it needs no reference), and what the user should know of the files."""
    card, home = read_card(name_or_path)
    reports, remarks = _reports(card, _read_parts(card, _data_folder(card, home, data)))
    twice = [i for i, times in Counter(r.report_id for r in reports).items() if times > 1]
    if twice:
        raise InputError(f"dataset {card.name}: report ids stand in several parts, such as {twice[0]!r:.60}.")
    return card, tuple(reports), remarks


@dataclass(frozen=True, slots=True)
class Source:
    """Reports with their whole text, a table's card if it has one, and every column of a report by folded name."""

    name: str
    card: Card | None
    reports: tuple[Report, ...]
    details: dict[str, dict[str, str]]
    remarks: tuple[str, ...] = ()


def open_source(
    name_or_path: str | Path, data: Path | str | None = None, reader: str | None = None, encoding: str | None = None
) -> Source:
    """The reports of a dataset's name or card, or else of any readable table or folder; raises InputError."""
    path = Path(name_or_path)
    if path.exists() and path.suffix not in (".yaml", ".yml") and not (path / "card.yaml").is_file():
        table = read_table(path, reader, encoding=encoding)
        parts, card, found = [_Part(table, str(path), {})], None, list(reports_of(table, str(path)))
        remarks = remarks_of(table)
    else:
        card, home = read_card(path if path.exists() else str(name_or_path))
        parts = _read_parts(card, _data_folder(card, home, data))
        found, remarks = _reports(card.model_copy(update={"sections": None}), parts)
    details: dict[str, dict[str, str]] = {}
    for report, (_, row) in zip(found, (row for part in parts for row in rows_of(part.table)), strict=True):
        details[report.report_id] = {fold(k): v for k, v in row.items()}
    if len(details) < len(found):
        raise InputError(f"{name_or_path}: some report ids stand in several parts; expected each once.")
    return Source(card.name if card else path.stem, card, tuple(found), details, remarks)


def _reports(card: Card, parts: Sequence[_Part]) -> tuple[list[Report], tuple[str, ...]]:
    remarks = [remark for part in parts for remark in remarks_of(part.table)]
    terms = card.told_terms()
    read = (reports_of(p.table, p.where, columns=p.columns, language=card.language) for p in parts)
    reports = [r.model_copy(update={"terms": terms}) for part in read for r in part]
    if card.sections:
        chosen, told = choose_sections(reports, read_policy(card.sections))
        reports, remarks = list(chosen), [*remarks, *told]
    return reports, tuple(remarks)


def _covered(
    card: Card, reports: list[Report], reference: LabelTable
) -> tuple[list[Report], LabelTable, tuple[str, ...]]:
    """Reports and reference without those that have only one of them, where the card says that it covers some."""
    if card.reference is None or card.reference.covers == "all":
        return reports, reference, ()
    ids = {r.report_id for r in reports} & set(reference.report_ids)
    rows = [(i, v) for i, v in zip(reference.report_ids, reference.values, strict=True) if i in ids]
    kept = [r for r in reports if r.report_id in ids]
    remark = (
        f"dataset {card.name}: {len(reports) - len(kept)} of {len(reports)} reports have no reference and are left "
        f"out, and {len(reference.report_ids) - len(rows)} references have no report"
    )
    changed = len(kept) < len(reports) or len(rows) < len(reference.report_ids)
    table = LabelTable(
        report_ids=tuple(i for i, _ in rows), findings=reference.findings, values=tuple(v for _, v in rows)
    )
    return kept, table, (remark,) if changed else ()


def digest_reports(reports: Sequence[Report]) -> str:
    """The digest of ids and texts, whatever the order of the reports."""
    return digest_of(sorted((r.report_id, r.text) for r in reports))


def read_card(name_or_path: str | Path) -> tuple[Card, Path]:
    """A dataset's card and the folder it lies in; raises UnknownNameError, and InputError with all faults of it."""
    path = Path(name_or_path)
    if isinstance(name_or_path, Path) or path.suffix in {".yaml", ".yml"} or {"/", os.sep} & set(name_or_path):
        path = path / "card.yaml" if path.is_dir() else path
        return read_yaml(path, Card), path.parent
    path = pick("dataset", "datasets", "*/card.yaml", str(name_or_path))
    card = read_yaml(path, Card)
    if card.name != path.parent.name:
        raise InputError(f"{path}: name is {card.name!r}, expected {path.parent.name!r} as its folder is called.")
    return card, path.parent


def report_column(name_or_path: str | Path, column: str, data: Path | str | None = None) -> dict[str, str]:
    """One more column of a dataset's reports, such as an age, by report id; empty where they have none of that name."""
    card, home = read_card(name_or_path)
    found: dict[str, str] = {}
    for part in _read_parts(card, _data_folder(card, home, data)):
        with suppress(InputError):
            columns = {k: v for k, v in part.columns.items() if k == "report_id"}
            found |= texts_by_id(part.table, part.where, column, columns=columns)
    return found


def read_rater_reference(paths: Sequence[Path | str], minimum: int | None = None) -> Reference:
    """The reference of several readers' label tables; raises InputError with all files' faults."""
    panel, faults = _scan_panel(paths)
    if faults:
        raise list_faults("readers' labels", faults)
    return build_reference(panel.tables, minimum, panel.names)


def read_panel(paths: Sequence[Path | str], minimum: int | None = None) -> Panel:
    """The readers of label tables: wide ones, a file a reader named as the file, or long ones with a column `rater`.

    Raises InputError with all files' faults at once: also a report or finding that a reader lacks, and reports that
    one reader alone has read.
    """
    panel, faults = _scan_panel(paths)
    faults += lonely_faults(panel.tables, panel.names)
    if faults:
        raise list_faults("readers' labels", faults)
    return replace(panel, minimum=minimum)


def dataset_panel(name_or_path: str | Path, data: Path | str | None = None) -> Panel:
    """The readers behind a dataset's reference; raises InputError where it is not a majority of readers."""
    card, home = read_card(name_or_path)
    if card.reference is None or card.reference.kind != "raters":
        raise InputError(
            f"dataset {card.name}: its reference is of kind {card.reference_kind!r}, so no reader's labels are known; "
            "expected one of kind 'raters', or give the readers' files."
        )
    folders = (_data_folder(card, home, data), home)
    return read_panel(_locate(card, folders, card.reference.paths), card.reference.minimum)


def choose_panel(paths: Sequence[Path | str], dataset: str | None, data: Path | str | None = None) -> Panel:
    """The readers of these files, or of a dataset where there are none; raises InputError where neither is named."""
    if paths:
        return read_panel(paths)
    if dataset is None:
        raise InputError("no readers are named; expected their files, or --dataset with a reference of kind raters.")
    return dataset_panel(dataset, data)


def read_adjudication(path: Path | str) -> tuple[Decision, ...]:
    """Adjudications or corrections, a row a report and finding; raises InputError with all faults of the file."""
    return tuple(Decision.model_validate(cell._asdict()) for cell in read_decisions(path))


def read_version(path: Path | str) -> ReferenceVersion:
    """A reference file, its digest checked; raises InputError, or DigestError for one that was edited."""
    try:
        return parse_version(Path(path).read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as fault:
        raise InputError(f"{path}: {fault}; expected a file made by `ranscore reference`.") from None


def _scan_panel(paths: Sequence[Path | str]) -> tuple[Panel, list[str]]:
    tables: dict[str, LabelTable] = {}
    places: list[str] = []
    faults: list[str] = []
    sources: dict[str, str] = {}
    for path in map(Path, paths):
        try:
            found, wrong = scan_votes(path)
        except InputError as fault:
            faults += str(fault).splitlines()
            continue
        faults += [f"{path}: {fault}" for fault in wrong]
        for name, table in found.items():
            own = f"{path.parent.name}/{name}" if name in tables and name == path.stem else name
            if own in tables:
                faults.append(f"{path}: reader {own!r} stands in another file too; expected each reader once")
            elif table.report_ids:
                tables[own] = table
                places.append(str(path) if name == path.stem else f"{path}, reader {name!r}")
        if path.is_file():
            key = path.name if path.name not in sources else str(path)
            sources[key] = "sha256:" + hashlib.sha256(path.read_bytes()).hexdigest()
    faults += rater_faults(list(tables.values()), places) if tables else []
    return Panel(tuple(tables), tuple(tables.values()), sources), faults


def _data_folder(card: Card, home: Path, data: Path | str | None) -> Path:
    named = data or (os.environ.get(card.environment) if card.environment else None)
    if named is None and card.environment:
        raise InputError(
            f"dataset {card.name}: its reports do not come with ranscore; set {card.environment} (or give --data) "
            f"to a folder that holds {card.wanted()}. {card.source}"
        )
    folder = Path(named).expanduser() if named else home
    if not folder.is_dir():
        raise InputError(f"dataset {card.name}: {folder} is no folder; expected one that holds {card.wanted()}.")
    return folder


def _read_parts(card: Card, folder: Path) -> list[_Part]:
    for source in card.reports:
        wanted = [source.expects] if source.expects else source.parts()
        if all(_matches(folder, pattern) for pattern in wanted):
            files = [file for pattern in source.parts() for file in _matches(folder, pattern)]
            return [
                _Part(read_table(file, source.reader, encoding=source.encoding), str(file), source.columns)
                for file in files
            ]
    raise InputError(f"dataset {card.name}: {folder} has no reports; expected {card.wanted()} in it. {card.source}")


def _matches(folder: Path, pattern: str) -> list[Path]:
    if any(sign in pattern for sign in "*?["):
        return sorted(folder.glob(pattern))
    return [folder / pattern] if (folder / pattern).exists() else []


def _locate(card: Card, folders: Sequence[Path], patterns: Sequence[str]) -> list[Path]:
    found: dict[str, list[Path]] = {p: next(filter(None, (_matches(f, p) for f in folders)), []) for p in patterns}
    missing = [pattern for pattern, files in found.items() if not files]
    if missing:
        places = " or ".join(dict.fromkeys(map(str, folders)))
        raise InputError(f"dataset {card.name}: found no {', '.join(missing)} in {places}; the card expects it there.")
    return [file for files in found.values() for file in files]


def _read_reference(card: Card, folders: Sequence[Path], parts: Sequence[_Part]) -> tuple[LabelTable, tuple[str, ...]]:
    """The reference, and what the user should know of its file."""
    source = card.reference
    if source is None:
        raise InputError(
            f"dataset {card.name}: its card has no reference; label its reports with `ranscore extract`, or give the "
            "card one of kind labels or raters."
        )
    if source.kind == "raters":
        return read_rater_reference(_locate(card, folders, source.paths), source.minimum).table, ()
    if source.mapping is None:
        path = _locate(card, folders, source.paths)[0]
        read = read_table(path, source.reader, encoding=source.encoding)
        table = labels_of(read, str(path))
        complete = NO_FINDING in table.findings or not set(asked_ids()) <= set(table.findings)
        return table if complete else derive_no_finding(table), remarks_of(read)
    mapping = _locate(card, folders, [source.mapping])[0]
    codes = {i: text for p in parts for i, text in texts_by_id(p.table, p.where, "mesh", columns=p.columns).items()}
    return mesh_reference(codes, mesh_rules(rows_of(read_table(mapping)), str(mapping))), ()


def _read_notes(card: Card, folders: Sequence[Path], parts: Sequence[_Part]) -> tuple[ErrorNote, ...]:
    if card.notes is None:
        return ()
    if card.notes == "inline":
        return tuple(note for p in parts for note in inline_notes_of(p.table, p.where, columns=p.columns))
    return read_notes(_locate(card, folders, [card.notes.path])[0], card.notes.reader)


def _join_faults(reports: Sequence[Report], reference: LabelTable, notes: Sequence[ErrorNote]) -> Iterator[str]:
    ids = Counter(r.report_id for r in reports)
    labelled = set(reference.report_ids)
    groups = {
        "stand in several parts of the reports": [i for i, times in ids.items() if times > 1],
        "have no reference": [i for i in ids if i not in labelled],
        "have a reference but no report": [i for i in reference.report_ids if i not in ids],
        "have an error note but no report": list(dict.fromkeys(n.report_id for n in notes if n.report_id not in ids)),
    }
    for what, found in groups.items():
        if found:
            named = ", ".join(map(repr, found[:NAMED])) + (", …" if len(found) > NAMED else "")
            yield f"{len(found)} report ids {what} ({named}); expected the same ids everywhere"
