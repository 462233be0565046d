"""Shows the readers' notes and what became of them, and takes them in and out of the ledger as tables."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ranscore.cli._options import DataFolder, DatasetName, Runs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ranscore.cohort import Dataset
    from ranscore.feedback.entries import Entry
    from ranscore.feedback.ledger import Ledger
    from ranscore.loop import NoteEffect
    from ranscore.records import ErrorNote

SHOWN_IDS = 4


def command(
    label: Annotated[str, typer.Option("--label", help="The finding, or all.")] = "all",
    dataset: DatasetName = "demo-en",
    data: DataFolder = None,
    ledger: Annotated[
        Path | None, typer.Option("--ledger", help="The ledger of notes; notes.db in the tracking folder by default.")
    ] = None,
    export: Annotated[
        Path | None, typer.Option("--export", help="Write all entries on these reports to this file (.csv, .xlsx).")
    ] = None,
    take: Annotated[
        Path | None, typer.Option("--import", help="Take in a filled queue, or exported notes (.csv, .xlsx).")
    ] = None,
    reader: Annotated[str, typer.Option("--reader", help="Who wrote the imported rows that name nobody.")] = "",
    partial: Annotated[
        bool, typer.Option("--partial", help="Import the good rows although others cannot be taken.")
    ] = False,
    corrections: Annotated[
        Path | None,
        typer.Option("--corrections", help="Write what 'reference wrong' votes propose, for `reference --correct`."),
    ] = None,
    mlruns: Runs = None,
) -> None:
    """Show every note: the edits it proposed, whether the search kept them, kappa before and after."""
    from ranscore import catalog
    from ranscore.cohort import open_dataset
    from ranscore.errors import InputError
    from ranscore.feedback.ledger import LEDGER_FILE, open_ledger
    from ranscore.tracking import runs_folder

    if sum(x is not None for x in (export, take, corrections)) > 1:
        raise InputError("--export, --import and --corrections do one thing each; expected one of them.")
    if (partial or reader) and take is None:
        raise InputError("--partial and --reader belong to --import FILE; take them out, or name a file.")
    finding = None if label.casefold() == "all" else catalog.finding_id(label)
    cohort = open_dataset(dataset, data)
    path = ledger or runs_folder(mlruns) / LEDGER_FILE
    if take is not None:
        _import(open_ledger(path, cohort.reports), take, cohort, reader, partial)
        return
    if not path.is_file() and (export or corrections or not cohort.notes):
        raise InputError(f"{path}: there is no ledger of notes yet; `ranscore review` or --import makes one.")
    book = open_ledger(path, cohort.reports) if path.is_file() else None
    standing = book.current(dataset_digest=cohort.digest, finding=finding) if book else ()
    if export is not None and book:
        _export(export, book.entries(dataset_digest=cohort.digest, finding=finding))
    elif corrections is not None:
        _correct(corrections, standing, cohort)
    else:
        own = [n for n in cohort.notes if finding in (None, n.finding)]
        _show(standing, own, _effects(mlruns, finding, cohort))


def _import(book: Ledger, path: Path, cohort: Dataset, reader: str, partial: bool) -> None:
    from ranscore.errors import InputError
    from ranscore.feedback.sheets import Source, read_filled

    reports = {r.report_id: r for r in cohort.reports}
    source = Source(reports, cohort.name, cohort.digest, cohort.reference_digest)
    found = read_filled(path, source, reader, book.entries())
    for fault in found.faults:
        typer.echo(f"{path}: {fault}", err=True)
    if found.faults and not partial:
        raise InputError(
            f"{path}: {len(found.faults)} rows cannot be taken, so none was; correct them, or take the other "
            f"{len(found.entries)} with --partial."
        )
    new = book.append_all(found.entries)
    left = f"{found.blank} rows without a word and {len(found.faults)} faulty rows left out"
    typer.echo(f"{book.path}: {new} new entries; {left}.")


def _export(path: Path, entries: Sequence[Entry]) -> None:
    from ranscore.cli._files import write_once
    from ranscore.feedback.sheets import encode_notes

    write_once(path, encode_notes(path, entries))
    typer.echo(f"{path}: {len(entries)} entries. Evidence is report text: treat it as you treat the reports.")


def _correct(path: Path, entries: Sequence[Entry], cohort: Dataset) -> None:
    from ranscore.catalog import finding_name
    from ranscore.cli._files import write_once
    from ranscore.errors import InputError
    from ranscore.feedback.proposals import encode_corrections, propose_corrections

    if path.suffix.lower() != ".csv":
        raise InputError(f"{path}: found the suffix {path.suffix!r}, expected .csv.")
    proposals = propose_corrections(entries, cohort.reference)
    carried = [p for p in proposals if p.carried]
    for proposal in proposals:
        d, split = proposal.decision, f"{len(proposal.in_favour)} for, {len(proposal.against)} against"
        held = "" if proposal.carried else "; left out, since no more readers are for it than against"
        typer.echo(f"{d.report_id}, {finding_name(d.finding)}: {d.was} -> {d.value}, {split}{held}")
    if not carried:
        typer.echo("No correction is proposed; nothing was written.")
        return
    write_once(path, encode_corrections(proposals))
    typer.echo(f"{path}: {len(carried)} corrections; make a new version with `ranscore reference --correct {path} …`.")


def _effects(mlruns: Path | None, finding: str | None, cohort: Dataset) -> dict[str, list[NoteEffect]]:
    """What became of each note in the newest run that used it."""
    from ranscore.loop import note_effects
    from ranscore.tracking import DATABASE, Tracker, runs_folder

    if not (runs_folder(mlruns) / DATABASE).is_file():
        return {}
    found: dict[str, list[NoteEffect]] = {}
    for effect in note_effects(Tracker.open(mlruns), finding=finding, dataset_digest=cohort.digest):
        mine = found.setdefault(effect.note_id, [])
        if not mine or mine[0].run_id == effect.run_id:
            mine.append(effect)
    return found


def _show(entries: Sequence[Entry], own: Sequence[ErrorNote], effects: dict[str, list[NoteEffect]]) -> None:
    from rich.markup import escape

    from ranscore.catalog import finding_name
    from ranscore.cli._print import console, table

    rows = []
    for entry in entries:
        said = [entry.report_id, finding_name(entry.finding), entry.verdict or "", entry.reason, entry.reader]
        mine = effects.get(entry.entry_id, [])
        rows += [[*said, *_became(e)] for e in mine] or [[*said, *_unused(entry.verdict or "")]]
    for note in own:
        said = [note.report_id, finding_name(note.finding), f"reads {note.reads_as}", "", note.reader or "the dataset"]
        mine = effects.get(note.note_id, [])
        rows += [[*said, *_became(e)] for e in mine] or [[*said, *_unused("")]]
    columns = (
        "report", "finding", "verdict", "reason", "reader", "round", "edit", "what became of it", "kappa before",
        "kappa after", "helped", "hurt", "in the program",
    )  # fmt: skip
    made = table(columns, [[escape(cell) for cell in row] for row in rows])
    for column in (*made.columns[1:5], *made.columns[6:8], *made.columns[10:12]):
        column.justify, column.no_wrap, column.overflow = "left", False, "fold"
    out = console()
    known = {e.entry_id for e in entries} | {n.note_id for n in own}
    used = sum(note_id in known for note_id in effects)
    out.print(f"{len(entries)} notes of the ledger, {len(own)} of the dataset; {used} used by an optimization")
    if rows:
        out.print(made)


def _became(effect: NoteEffect) -> list[str]:
    from ranscore.cli._print import number

    told = f"{effect.status}: {effect.reason}" if effect.reason else effect.status
    alone = effect.edit and (effect.helped or effect.hurt)
    helped, hurt = (effect.helped, effect.hurt) if alone else ((), ())
    return [
        str(effect.round), effect.edit or "none", told, number(effect.kappa_before), number(effect.kappa_after),
        _ids(helped), _ids(hurt), "yes" if effect.in_program else "no",
    ]  # fmt: skip


def _unused(verdict: str) -> list[str]:
    reasons = {"reference wrong": "proposes a correction (--corrections)", "cannot tell": "kept for the record"}
    return ["", "", reasons.get(verdict, "no optimization has used it yet"), "", "", "", "", ""]


def _ids(ids: Sequence[str]) -> str:
    return " ".join(ids[:SHOWN_IDS]) + (f" … {len(ids)}" if len(ids) > SHOWN_IDS else "")
